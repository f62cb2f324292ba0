//! What must be approved before a plan may be carried out, and the first state of its steps.

use std::collections::BTreeMap;

use strata_model::{
    access::Role,
    change::{Requirement, RequirementKind, Step, StepState},
    finding::{Finding, FindingCode, Severity},
    plan::{Action, Plan, RepaveScope},
};

use crate::repave::EVERYWHERE;

/// Most things named in the scope of a requirement; the rest is counted.
const NAMED: usize = 3;

/// The requirements of a plan: one for its repave, one for each kind of finding to acknowledge, one each for objects that
/// are replaced or deleted.
#[must_use]
pub fn requirements(plan: &Plan) -> Vec<Requirement> {
    let mut requirements = Vec::new();
    if plan.repave.required() {
        requirements.push(requirement(RequirementKind::Repave, repave_scope(plan), Vec::new()));
    }
    let mut by_code: BTreeMap<FindingCode, Vec<&Finding>> = BTreeMap::new();
    for finding in plan.findings.iter().filter(|finding| finding.severity == Severity::Acknowledge) {
        by_code.entry(finding.code).or_default().push(finding);
    }
    for (code, findings) in by_code {
        let kind = match code {
            FindingCode::RemovedApi | FindingCode::CrdBreaking => RequirementKind::BreakingApi,
            _ => RequirementKind::Guard,
        };
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        requirements.push(requirement(kind, named(&messages), vec![code]));
    }
    for (action, verb) in [(Action::Replace, "deletes and creates anew"), (Action::Delete, "deletes")] {
        let objects: Vec<String> = plan
            .actions
            .iter()
            .filter(|planned| planned.action == action)
            .map(|a| a.key.to_string())
            .collect();
        if !objects.is_empty() {
            let names: Vec<&str> = objects.iter().map(String::as_str).collect();
            requirements.push(requirement(
                RequirementKind::Guard,
                format!("{verb} {}", named(&names)),
                Vec::new(),
            ));
        }
    }
    requirements
}

/// The codes of findings that block a plan, each once.
#[must_use]
pub fn blockers(plan: &Plan) -> Vec<FindingCode> {
    let mut codes: Vec<FindingCode> = plan
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Block)
        .map(|finding| finding.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The steps of a plan, all waiting.
#[must_use]
pub fn steps(plan: &Plan) -> Vec<Step> {
    plan.steps
        .iter()
        .map(|step| Step {
            kind: step.kind.clone(),
            repaves: step.repaves,
            settled_with: step.settled_with,
            state: StepState::Waiting,
            done: 0,
            total: u32::try_from(step.actions.len()).unwrap_or(u32::MAX),
            message: None,
            started_at: None,
            ended_at: None,
        })
        .collect()
}

fn requirement(kind: RequirementKind, scope: String, findings: Vec<FindingCode>) -> Requirement {
    Requirement { kind, scope, findings, role: Role::Approver, quorum: 1, satisfied_by: Vec::new() }
}

/// `control plane and pool "blue"`, or `all nodes`.
pub(crate) fn repave_scope(plan: &Plan) -> String {
    // One reason may stand for all.
    if plan.repave.reasons.iter().any(|reason| reason.code.ends_with(EVERYWHERE)) {
        return "all nodes".to_owned();
    }
    let mut parts = Vec::new();
    if matches!(plan.repave.scope, RepaveScope::ControlPlane | RepaveScope::Full) {
        parts.push("control plane".to_owned());
    }
    parts.extend(plan.repave.pools.iter().map(|pool| format!("pool \"{pool}\"")));
    match parts.split_last() {
        None => "all nodes".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn named(texts: &[&str]) -> String {
    let shown = texts.iter().take(NAMED).copied().collect::<Vec<_>>().join("; ");
    match texts.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{shown}; and {more} more"),
        _ => shown,
    }
}
