//! The state of the cluster, and who could carry the plan out.

use strata_model::{
    cluster::{Infrastructure, Phase},
    finding::{Finding, FindingCode, Severity},
};

use crate::{finding::finding, plan::PlanInput, repave};

pub(super) fn findings(input: &PlanInput<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A change that holds the cluster itself is no reason against it.
    let other = input.cluster.change.filter(|holder| Some(*holder) != input.change);
    let own = input.change.is_some() && input.cluster.change == input.change;
    if input.cluster.phase.value == Phase::Provisioning && !own {
        findings.push(finding(
            FindingCode::ClusterProvisioning,
            Severity::Block,
            "the cluster is still being provisioned",
            "wait until its first change has ended, then plan again",
        ));
    } else if let Some(other) = other {
        findings.push(finding(
            FindingCode::ChangeUnderWay,
            Severity::Block,
            format!("change {other} is under way on the cluster"),
            "wait until it has ended, then plan again",
        ));
    }
    if matches!(input.cluster.infrastructure, Infrastructure::Edge) {
        findings.extend(edge(input));
    }
    findings
}

/// Edge hosts can be planned for and approved, and nobody can change them yet.
fn edge(input: &PlanInput<'_>) -> Option<Finding> {
    let effects = repave::edge_effects(input);
    let gravest = effects.iter().map(|(_, _, effect)| *effect).max();
    let what = match gravest {
        Some(repave::Effect::Repave) => "hosts would be replaced",
        Some(repave::Effect::Reboot) => "hosts would restart",
        Some(repave::Effect::Restart) => "services would restart",
        Some(repave::Effect::None) => "hosts would take it over while they run",
        None if input.applied.is_none() => "hosts would be set up",
        None => return None,
    };
    Some(finding(
        FindingCode::NoExecutor,
        Severity::Info,
        format!("{what}, and no executor for edge hosts exists yet"),
        "plan and approve it; carrying it out will end in NO_EXECUTOR",
    ))
}
