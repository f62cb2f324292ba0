//! A checker of plans: what must hold of every plan, whoever made it.

use std::collections::BTreeMap;

use strata_model::{
    digest::DigestKey,
    finding::Severity,
    object::{Destination, ObjectKey},
    plan::{Action, Plan, RepaveScope, StepKind},
    render::Render,
};

use crate::digest;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The digest is not that of the plan.
    #[error("the plan's digest is not that of its content")]
    Digest,
    /// The plan was made for another render.
    #[error("the plan names another render")]
    Render,
    /// An action is in no step, in several, or not there.
    #[error("action {action} is in {steps} steps")]
    Steps {
        /// Index of the action.
        action: u32,
        /// How many steps have it.
        steps: usize,
    },
    /// Steps are not in the order of the design.
    #[error("step {step} comes too late")]
    Order {
        /// Index of the step.
        step: usize,
    },
    /// A step is to be waited for with one that does not come after it.
    #[error("step {step} is waited for with no later one")]
    Settled {
        /// Index of the step.
        step: usize,
    },
    /// A step has no action.
    #[error("step {step} is empty")]
    EmptyStep {
        /// Index of the step.
        step: usize,
    },
    /// An object has two actions.
    #[error("{0} has two actions")]
    TwoActions(ObjectKey),
    /// An action sends something that is not rendered.
    #[error("{0} is sent and not rendered")]
    NotRendered(ObjectKey),
    /// An action sends something else than what is rendered.
    #[error("{0} is sent with another body than the rendered one")]
    OtherBody(ObjectKey),
    /// Something rendered is neither sent nor unchanged.
    #[error("{rendered} objects are rendered, {told} are told of")]
    Missing {
        /// Objects of the render.
        rendered: usize,
        /// Actions on rendered objects, and unchanged ones.
        told: usize,
    },
    /// Something rendered is said to stay behind.
    #[error("{0} is rendered and said to stay behind")]
    OrphanRendered(ObjectKey),
    /// Repave scope and reasons disagree.
    #[error("the repave says one thing and its reasons another")]
    Repave,
    /// A conflict without the finding that blocks.
    #[error("a conflict at {0} does not block")]
    OpenConflict(String),
}

/// All that does not hold of a plan of kind `APPLY`, `ROLLBACK`, `NODE_POOL` or `DRIFT`.
#[must_use]
pub fn check(plan: &Plan, render: &Render, key: &DigestKey) -> Vec<Violation> {
    let mut violations = Vec::new();
    if digest::plan(key, plan) != plan.digest {
        violations.push(Violation::Digest);
    }
    if digest::render(key, render) != plan.render {
        violations.push(Violation::Render);
    }
    check_steps(plan, &mut violations);
    check_objects(plan, render, key, &mut violations);
    let repave = &plan.repave;
    let holds = match repave.scope {
        RepaveScope::None => repave.reasons.is_empty() && repave.pools.is_empty(),
        RepaveScope::ControlPlane => repave.pools.is_empty() && !repave.reasons.is_empty(),
        RepaveScope::WorkerPools => {
            !repave.pools.is_empty() && repave.reasons.iter().all(|r| r.pool.is_some())
        }
        RepaveScope::Full => !repave.reasons.is_empty(),
    };
    if !holds {
        violations.push(Violation::Repave);
    }
    for conflict in &plan.conflicts {
        let blocks = plan.findings.iter().any(|finding| {
            finding.severity == Severity::Block
                && finding.layer.as_ref() == Some(&conflict.layer)
                && finding.path.as_deref() == Some(conflict.path.as_str())
        });
        if !blocks {
            violations.push(Violation::OpenConflict(conflict.path.clone()));
        }
    }
    violations
}

fn check_steps(plan: &Plan, violations: &mut Vec<Violation>) {
    let mut count: BTreeMap<u32, usize> = BTreeMap::new();
    for action in plan.steps.iter().flat_map(|step| &step.actions) {
        *count.entry(*action).or_default() += 1;
    }
    let actions = u32::try_from(plan.actions.len()).unwrap_or(u32::MAX);
    for action in (0..actions).chain(count.keys().copied().filter(|action| *action >= actions)) {
        let steps = count.get(&action).copied().unwrap_or(0);
        if steps != 1 || action >= actions {
            violations.push(Violation::Steps { action, steps });
        }
    }
    let place = |kind: &StepKind| match kind {
        StepKind::ControlPlane => (0, 0, 0),
        StepKind::WorkerPool { .. } => (1, 0, 0),
        StepKind::Foundations { priority } => (2, i64::from(*priority), 0),
        StepKind::HooksBefore { priority } => (2, i64::from(*priority), 1),
        StepKind::AddOns { priority } => (2, i64::from(*priority), 2),
        StepKind::HooksAfter { priority } => (2, i64::from(*priority), 3),
        StepKind::Orphans => (3, 0, 0),
    };
    for (index, step) in plan.steps.iter().enumerate() {
        if step.actions.is_empty() {
            violations.push(Violation::EmptyStep { step: index });
        }
        let later = |with| usize::try_from(with).is_ok_and(|with| index < with && with < plan.steps.len());
        if step.settled_with.is_some_and(|with| !later(with)) {
            violations.push(Violation::Settled { step: index });
        }
        let late = plan.steps.iter().take(index).any(|earlier| place(&earlier.kind) > place(&step.kind));
        if late || plan.steps.iter().take(index).any(|earlier| earlier.kind == step.kind) {
            violations.push(Violation::Order { step: index });
        }
    }
}

fn check_objects(plan: &Plan, render: &Render, key: &DigestKey, violations: &mut Vec<Violation>) {
    let mut rendered: BTreeMap<(Destination, &ObjectKey), _> = BTreeMap::new();
    for object in &render.objects {
        rendered.entry((object.destination, &object.key)).or_insert(object);
    }
    let mut seen = BTreeMap::new();
    let mut told = usize::try_from(plan.unchanged).unwrap_or(usize::MAX);
    for action in plan.actions.iter().filter(|action| action.action == Action::RunHook) {
        match render.hook(action.destination, &action.key) {
            None => violations.push(Violation::NotRendered(action.key.clone())),
            Some(hook) if digest::object(key, &hook.object.body) != action.body => {
                violations.push(Violation::OtherBody(action.key.clone()));
            }
            Some(_) => {}
        }
    }
    for action in plan.actions.iter().filter(|action| action.action != Action::RunHook) {
        let place = (action.destination, &action.key);
        if seen.insert(place, ()).is_some() {
            violations.push(Violation::TwoActions(action.key.clone()));
        }
        match (action.action, rendered.get(&place)) {
            (Action::Orphan, Some(_)) => violations.push(Violation::OrphanRendered(action.key.clone())),
            (Action::Orphan, None) => {}
            (_, None) => violations.push(Violation::NotRendered(action.key.clone())),
            (_, Some(object)) => {
                told = told.saturating_add(1);
                if digest::object(key, &object.body) != action.body {
                    violations.push(Violation::OtherBody(action.key.clone()));
                }
            }
        }
    }
    if told != rendered.len() {
        violations.push(Violation::Missing { rendered: rendered.len(), told });
    }
}
