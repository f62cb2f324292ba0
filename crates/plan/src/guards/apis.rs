//! APIs that the target Kubernetes version no longer serves, and that are still in use.

use strata_model::{
    finding::{Finding, FindingCode, Severity},
    object::{Destination, ObjectKey},
    profile::LayerName,
    version::KubernetesVersion,
};

use super::api_removals::{REMOVALS, Removal};
use crate::{
    diff::first_layer,
    finding::finding,
    plan::{PlanInput, about_object, is_listed},
};

pub(super) fn findings(input: &PlanInput<'_>) -> Vec<Finding> {
    // Of the management cluster nothing is known here but what its own plans say.
    let target = input.render.kubernetes_version.as_ref().or(input.cluster.kubernetes_version.as_ref());
    let Some(target) = target else { return Vec::new() };
    let mut findings = Vec::new();
    for object in input.render.objects.iter().filter(|object| object.destination == Destination::Workload) {
        if let Some(removal) = removed(&object.api_version, &object.key.kind, target) {
            let help = if removal.instead.is_empty() {
                "nothing takes its place: take the object out".to_owned()
            } else {
                format!("let the pack render it as {}", removal.instead)
            };
            let message = format!(
                "{} is rendered as {}, which Kubernetes 1.{} no longer serves",
                object.key, object.api_version, removal.since
            );
            findings.push(told(message, help, &first_layer(object), &object.key, &object.api_version));
        }
    }
    // What was left behind still lives, and whoever reads it by the old version will not any more.
    for orphan in
        input.orphans.iter().filter(|orphan| is_listed(orphan) && orphan.destination == Destination::Workload)
    {
        let again = input.render.object(orphan.destination, &orphan.key).is_some();
        if let (false, Some(removal)) = (again, removed(&orphan.api_version, &orphan.key.kind, target)) {
            let message = format!(
                "{} was left behind as {}, which Kubernetes 1.{} no longer serves",
                orphan.key, orphan.api_version, removal.since
            );
            let help =
                "decide about it first: delete it, or let a layer render it in a newer version".to_owned();
            findings.push(told(message, help, &orphan.layer, &orphan.key, &orphan.api_version));
        }
    }
    findings
}

fn told(message: String, help: String, layer: &LayerName, key: &ObjectKey, api_version: &str) -> Finding {
    let mut told =
        about_object(finding(FindingCode::RemovedApi, Severity::Acknowledge, message, help), layer, key);
    told.path = Some(api_version.to_owned());
    told
}

pub(crate) fn removed(api_version: &str, kind: &str, target: &KubernetesVersion) -> Option<&'static Removal> {
    REMOVALS.iter().find(|removal| {
        removal.api_version == api_version
            && (removal.kinds.is_empty() || removal.kinds.contains(&kind))
            && (target.major() > 1 || target.minor() >= removal.since)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_from_a_version_on() {
        let at = |version: &str| version.parse::<KubernetesVersion>().unwrap();
        assert!(removed("policy/v1beta1", "PodDisruptionBudget", &at("1.24.9")).is_none());
        assert!(removed("policy/v1beta1", "PodDisruptionBudget", &at("1.25.0")).is_some());
        assert!(removed("storage.k8s.io/v1beta1", "CSIStorageCapacity", &at("1.26.0")).is_none());
        assert!(removed("storage.k8s.io/v1beta1", "CSIDriver", &at("1.26.0")).is_some());
        assert!(removed("apps/v1", "Deployment", &at("1.36.0")).is_none());
    }
}
