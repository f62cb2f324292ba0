//! Guards: what a plan must say about itself before anybody carries it out.
//!
//! Each finding has a stable code, a sentence and a way out; it informs, asks for an acknowledgement, or blocks.

mod api_removals;
pub(crate) mod apis;
mod cluster;
mod crd;
mod crd_schema;
mod kubernetes;
pub(crate) mod packs;

use strata_model::{finding::Finding, version::KubernetesVersion};

use crate::{diff::Pair, plan::PlanInput};

pub(crate) fn findings(input: &PlanInput<'_>, pairs: &[Pair<'_>]) -> Vec<Finding> {
    let mut findings = cluster::findings(input);
    findings.extend(kubernetes::findings(input));
    findings.extend(packs::findings(input));
    findings.extend(apis::findings(input));
    findings.extend(crd::findings(pairs));
    findings
}

/// The Kubernetes version that a plan starts from: of the applied render, else what the cluster reported.
pub(crate) fn running_version<'a>(input: &PlanInput<'a>) -> Option<&'a KubernetesVersion> {
    let applied = input.applied.and_then(|applied| applied.kubernetes_version);
    match (applied, &input.cluster.kubernetes_version) {
        // Whoever is ahead: there is no way back from either.
        (Some(applied), Some(reported)) if reported.compare(applied).is_gt() => Some(reported),
        (Some(applied), _) => Some(applied),
        (None, reported) => reported.as_ref(),
    }
}
