//! Kubernetes versions: never back, one minor at a time, workers at most three behind.

use serde_json::Value;
use strata_model::{
    finding::{Finding, FindingCode, Severity},
    object::Destination,
    profile::LayerKind,
    version::KubernetesVersion,
};

use super::running_version;
use crate::{
    finding::{About as _, finding},
    plan::PlanInput,
    steps,
};

/// How many minors workers may be behind the control plane.
const MOST_BEHIND: i64 = 3;

pub(super) fn findings(input: &PlanInput<'_>) -> Vec<Finding> {
    let mut findings = worker_skew(input);
    let Some(wanted) = &input.render.kubernetes_version else { return findings };
    let applied = input.applied.and_then(|applied| applied.kubernetes_version);
    // Nobody asks for another version: what the cluster reports may differ from it, and that is no wish to go back.
    if applied.is_some_and(|applied| applied.compare(wanted).is_eq()) {
        return findings;
    }
    let Some(running) = running_version(input) else { return findings };
    let layer = input.render.layers.iter().find(|values| values.kind == LayerKind::Kubernetes);
    let about = |told: Finding| match layer {
        Some(layer) => told.layer(&layer.layer),
        None => told,
    };
    let ahead = wanted.minors_ahead_of(running);
    let path = format!("{running} → {wanted}");
    if wanted.compare(running).is_lt() {
        findings.push(about(
            finding(
                FindingCode::KubernetesDowngrade,
                Severity::Block,
                format!("Kubernetes cannot go back from {running} to {wanted}"),
                "keep the Kubernetes layer at its present version; a rollback holds it there by itself",
            )
            .path(path.clone()),
        ));
    } else if ahead > 1 {
        findings.push(about(
            finding(
                FindingCode::KubernetesMinorSkipped,
                Severity::Block,
                format!("going from {running} to {wanted} skips a minor version"),
                format!("go to v{}.{} first", running.major(), running.minor() + 1),
            )
            .path(path.clone()),
        ));
    }
    // A rollback holds the layer at whatever is higher: a patch version, too.
    if wanted.compare(running).is_gt() {
        findings.push(about(
            finding(
                FindingCode::NotReversible,
                Severity::Info,
                format!("Kubernetes cannot go back from {wanted} to {running} later"),
                "a rollback would take back the rest and hold the Kubernetes layer",
            )
            .path(path),
        ));
    }
    findings
}

fn worker_skew(input: &PlanInput<'_>) -> Vec<Finding> {
    let version = |body: &Value, pointer: &str| -> Option<KubernetesVersion> {
        body.pointer(pointer)?.as_str()?.parse().ok()
    };
    let management =
        || input.render.objects.iter().filter(|object| object.destination == Destination::Management);
    let control_plane = management()
        .filter(|object| object.key.group == "controlplane.cluster.x-k8s.io")
        .find_map(|object| version(&object.body, "/spec/version"));
    let Some(control_plane) = control_plane else { return Vec::new() };
    management()
        .filter(|object| steps::is_pool(&object.key))
        .filter_map(|object| {
            let workers = version(&object.body, "/spec/template/spec/version")?;
            let behind = control_plane.minors_ahead_of(&workers);
            let pool = steps::pool_name(&object.key, &object.body)?;
            let message = if behind > MOST_BEHIND {
                format!("pool \"{pool}\" at {workers} would be {behind} minors behind the control plane at {control_plane}")
            } else if behind < 0 {
                format!("pool \"{pool}\" at {workers} would be ahead of the control plane at {control_plane}")
            } else {
                return None;
            };
            Some(
                finding(
                    FindingCode::WorkerSkew,
                    Severity::Block,
                    message,
                    "bring the pool to within three minors of the control plane, and never ahead of it",
                )
                .object(&object.key)
                .path(pool),
            )
        })
        .collect()
}
