//! The state machine of a change.
//!
//! `PLANNED → AWAITING_APPROVAL → SCHEDULED → APPLYING ⇄ REPAVING → VERIFYING → SUCCEEDED`. A change with requirements
//! waits in `AWAITING_APPROVAL` until they are met *and* somebody asked to apply it; one without goes from PLANNED to
//! SCHEDULED. BLOCK findings keep it PLANNED. A repaving step makes it REPAVING once its objects were sent: from then
//! on nodes are replaced.

use jiff::Timestamp;
use strata_model::{
    access::Actor,
    change::{Approval, Change, ChangeEvent, ChangeState, Requirement, RequirementKind, Step, StepState},
    finding::FindingCode,
    id::{ChangeId, PrincipalId},
};

use super::IllegalTransition;

/// The name of an event in texts.
const fn name(event: &ChangeEvent) -> &'static str {
    match event {
        ChangeEvent::Requested { .. } => "requested",
        ChangeEvent::ApplyRequested { .. } => "applyRequested",
        ChangeEvent::Approved { .. } => "approved",
        ChangeEvent::ApprovalWithdrawn { .. } => "approvalWithdrawn",
        ChangeEvent::ApprovalExpired => "approvalExpired",
        ChangeEvent::Rejected { .. } => "rejected",
        ChangeEvent::Scheduled => "scheduled",
        ChangeEvent::Started => "started",
        ChangeEvent::StepStarted { .. } => "stepStarted",
        ChangeEvent::ObjectDone { .. } => "objectDone",
        ChangeEvent::StepSettling { .. } => "stepSettling",
        ChangeEvent::StepProgress { .. } => "stepProgress",
        ChangeEvent::StepSucceeded { .. } => "stepSucceeded",
        ChangeEvent::VerificationStarted => "verificationStarted",
        ChangeEvent::Succeeded => "succeeded",
        ChangeEvent::Failed { .. } => "failed",
        ChangeEvent::Retried => "retried",
        ChangeEvent::CancelRequested { .. } => "cancelRequested",
        ChangeEvent::Cancelled => "cancelled",
        ChangeEvent::Superseded { .. } => "superseded",
        ChangeEvent::BecameStale { .. } => "becameStale",
        ChangeEvent::Replanned { .. } => "replanned",
    }
}

/// The requirements that are not met at this instant.
pub fn open_requirements(change: &Change, at: Timestamp) -> impl Iterator<Item = &Requirement> {
    change.requirements.iter().filter(move |requirement| !requirement.is_satisfied(&change.plan_digest, at))
}

/// The state of a change after an event.
///
/// # Errors
/// [`IllegalTransition`] when the state does not allow the event.
pub fn change(
    before: Option<Change>,
    id: ChangeId,
    event: &ChangeEvent,
    actor: &Actor,
    at: Timestamp,
) -> Result<Change, IllegalTransition> {
    match (before, event) {
        (
            None,
            ChangeEvent::Requested {
                project,
                cluster,
                kind,
                plan,
                plan_digest,
                from,
                to,
                reason,
                requirements,
                blocked_by,
                steps,
                rollout,
            },
        ) => Ok(Change {
            id,
            project: *project,
            cluster: *cluster,
            kind: *kind,
            state: entry_state(requirements, blocked_by),
            plan: *plan,
            plan_digest: plan_digest.clone(),
            from: *from,
            to: *to,
            requested_by: actor.clone(),
            reason: reason.clone(),
            requirements: without_approvals(requirements),
            blocked_by: blocked_by.clone(),
            apply_requested: false,
            steps: steps.clone(),
            failure: None,
            moved: Vec::new(),
            rollout: *rollout,
            created_at: at,
            state_since: at,
            started_at: None,
            ended_at: None,
        }),
        (None, event) => Err(IllegalTransition::new("change", "absent", name(event))),
        (Some(before), event) => {
            let illegal = IllegalTransition::new("change", before.state, name(event));
            let former = before.state;
            let mut after = next(before, event, at, illegal)?;
            if after.state != former {
                after.state_since = at;
                if after.state.is_final() || after.state == ChangeState::Failed {
                    after.ended_at = Some(at);
                }
            }
            Ok(after)
        }
    }
}

fn next(
    mut change: Change,
    event: &ChangeEvent,
    at: Timestamp,
    illegal: IllegalTransition,
) -> Result<Change, IllegalTransition> {
    use ChangeState as S;
    let waits = matches!(change.state, S::Planned | S::AwaitingApproval | S::Scheduled);
    let sends = matches!(change.state, S::Applying | S::Repaving);
    let require = |holds: bool, reason: &str| {
        if holds { Ok(()) } else { Err(illegal.clone().because(reason)) }
    };
    let allowed = |holds: bool| if holds { Ok(()) } else { Err(illegal.clone()) };
    match event {
        ChangeEvent::Requested { .. } => return Err(illegal),
        ChangeEvent::ApplyRequested { plan_digest } => {
            allowed(matches!(change.state, S::Planned | S::AwaitingApproval))?;
            require(*plan_digest == change.plan_digest, "it names another plan")?;
            require(change.blocked_by.is_empty(), "findings block it")?;
            change.apply_requested = true;
        }
        ChangeEvent::Approved { kinds, approval } => {
            allowed(matches!(change.state, S::AwaitingApproval | S::Scheduled))?;
            require(approval.plan_digest == change.plan_digest, "it names another plan")?;
            approve(&mut change, kinds, approval);
        }
        ChangeEvent::ApprovalWithdrawn { principal } => {
            allowed(matches!(change.state, S::AwaitingApproval | S::Scheduled))?;
            require(has_approval_of(&change, *principal), "this principal has approved nothing")?;
            for requirement in &mut change.requirements {
                requirement.satisfied_by.retain(|approval| approval.principal != *principal);
            }
            back_to_waiting(&mut change, at);
        }
        ChangeEvent::ApprovalExpired => {
            allowed(matches!(change.state, S::AwaitingApproval | S::Scheduled))?;
            let before: usize = change.requirements.iter().map(|r| r.satisfied_by.len()).sum();
            for requirement in &mut change.requirements {
                requirement.satisfied_by.retain(|approval| approval.expires_at > at);
            }
            let after: usize = change.requirements.iter().map(|r| r.satisfied_by.len()).sum();
            require(after < before, "no approval has expired")?;
            back_to_waiting(&mut change, at);
        }
        ChangeEvent::Rejected { .. } => {
            allowed(waits || change.state == S::Stale)?;
            change.state = S::Rejected;
        }
        ChangeEvent::Scheduled => {
            allowed(matches!(change.state, S::Planned | S::AwaitingApproval))?;
            require(change.apply_requested, "nobody asked to apply it")?;
            require(change.blocked_by.is_empty(), "findings block it")?;
            require(open_requirements(&change, at).next().is_none(), "requirements are open")?;
            change.state = S::Scheduled;
        }
        ChangeEvent::Started => {
            allowed(change.state == S::Scheduled)?;
            require(open_requirements(&change, at).next().is_none(), "requirements are open")?;
            change.state = S::Applying;
            change.started_at = Some(at);
        }
        ChangeEvent::StepStarted { step } => {
            allowed(sends)?;
            let index =
                step_index(&change, *step).ok_or_else(|| illegal.clone().because("it has no such step"))?;
            let done = |earlier: &Step| match earlier.state {
                StepState::Succeeded => true,
                StepState::Settling => earlier.settled_with.is_some_and(|with| *step <= with),
                _ => false,
            };
            require(change.steps.iter().take(index).all(done), "an earlier step is not done")?;
            let step = step_of(&mut change, index, &illegal)?;
            // A step that was under way begins again after a restart: re-sent objects change nothing.
            require(step.state != StepState::Succeeded, "the step is done")?;
            step.state = StepState::Sending;
            step.done = 0;
            step.message = None;
            step.ended_at = None;
            step.started_at.get_or_insert(at);
            change.state = S::Applying;
        }
        ChangeEvent::ObjectDone { step, .. } => {
            allowed(sends || change.state == S::Cancelling)?;
            let index =
                step_index(&change, *step).ok_or_else(|| illegal.clone().because("it has no such step"))?;
            let step = step_of(&mut change, index, &illegal)?;
            require(step.state == StepState::Sending, "the step is not sending")?;
            step.done = step.done.saturating_add(1).min(step.total);
        }
        ChangeEvent::StepSettling { step } => {
            allowed(sends || change.state == S::Cancelling)?;
            let index =
                step_index(&change, *step).ok_or_else(|| illegal.clone().because("it has no such step"))?;
            let step = step_of(&mut change, index, &illegal)?;
            require(step.state == StepState::Sending, "the step is not sending")?;
            step.state = StepState::Settling;
            if step.repaves && sends {
                change.state = S::Repaving;
            }
        }
        ChangeEvent::StepProgress { step, message } => {
            allowed(change.state.is_running())?;
            let index =
                step_index(&change, *step).ok_or_else(|| illegal.clone().because("it has no such step"))?;
            let step = step_of(&mut change, index, &illegal)?;
            step.message = Some(message.clone());
        }
        ChangeEvent::StepSucceeded { step } => {
            allowed(sends || change.state == S::Cancelling)?;
            let index =
                step_index(&change, *step).ok_or_else(|| illegal.clone().because("it has no such step"))?;
            let step = step_of(&mut change, index, &illegal)?;
            require(
                matches!(step.state, StepState::Sending | StepState::Settling),
                "the step is not under way",
            )?;
            step.state = StepState::Succeeded;
            step.message = None;
            step.ended_at = Some(at);
            if change.state == S::Repaving {
                change.state = S::Applying;
            }
        }
        ChangeEvent::VerificationStarted => {
            allowed(sends)?;
            let done = change.steps.iter().all(|step| step.state == StepState::Succeeded);
            require(done, "a step is not done")?;
            change.state = S::Verifying;
        }
        ChangeEvent::Succeeded => {
            allowed(change.state == S::Verifying)?;
            change.state = S::Succeeded;
        }
        ChangeEvent::Failed { step, failure } => {
            allowed(change.state.is_running())?;
            if let Some(step) = step {
                let index = step_index(&change, *step)
                    .ok_or_else(|| illegal.clone().because("it has no such step"))?;
                let step = step_of(&mut change, index, &illegal)?;
                step.state = StepState::Failed;
                step.message = Some(failure.message.clone());
                step.ended_at = Some(at);
            }
            // Nobody waits any more for what was sent before it.
            for open in change.steps.iter_mut().filter(|open| open.state == StepState::Settling) {
                open.state = StepState::Waiting;
                open.message = None;
            }
            change.failure = Some(failure.clone());
            change.state = S::Failed;
        }
        ChangeEvent::Retried => {
            allowed(change.state == S::Failed)?;
            change.failure = None;
            change.ended_at = None;
            for step in change.steps.iter_mut().filter(|step| step.state != StepState::Succeeded) {
                *step = Step {
                    state: StepState::Waiting,
                    done: 0,
                    message: None,
                    started_at: None,
                    ended_at: None,
                    ..step.clone()
                };
            }
            change.state = S::Applying;
        }
        ChangeEvent::CancelRequested { .. } => {
            if waits || change.state == S::Stale {
                // Nothing is on its way.
                change.state = S::Cancelled;
            } else {
                allowed(change.state.is_running() && change.state != S::Cancelling)?;
                change.state = S::Cancelling;
            }
        }
        ChangeEvent::Cancelled => {
            allowed(change.state == S::Cancelling)?;
            change.state = S::Cancelled;
        }
        ChangeEvent::Superseded { .. } => {
            allowed(waits || change.state == S::Stale)?;
            change.state = S::Superseded;
        }
        ChangeEvent::BecameStale { moved } => {
            allowed(waits)?;
            change.moved.clone_from(moved);
            change.state = S::Stale;
        }
        ChangeEvent::Replanned { plan, plan_digest, from, to, requirements, blocked_by, steps } => {
            allowed(matches!(change.state, S::Planned | S::AwaitingApproval | S::Stale))?;
            change.plan = *plan;
            change.plan_digest = plan_digest.clone();
            change.from = *from;
            change.to = *to;
            change.state = entry_state(requirements, blocked_by);
            change.requirements = without_approvals(requirements);
            change.blocked_by.clone_from(blocked_by);
            change.steps.clone_from(steps);
            change.apply_requested = false;
            change.moved.clear();
        }
    }
    Ok(change)
}

/// A plan's first state: `AWAITING_APPROVAL` with requirements, PLANNED without, and always PLANNED when blocked.
const fn entry_state(requirements: &[Requirement], blocked_by: &[FindingCode]) -> ChangeState {
    if blocked_by.is_empty() && !requirements.is_empty() {
        ChangeState::AwaitingApproval
    } else {
        ChangeState::Planned
    }
}

/// Approvals never come in with a plan: they are given to it.
fn without_approvals(requirements: &[Requirement]) -> Vec<Requirement> {
    requirements.iter().map(|r| Requirement { satisfied_by: Vec::new(), ..r.clone() }).collect()
}

/// One principal counts once: a second approval takes the place of the first.
fn approve(change: &mut Change, kinds: &[RequirementKind], approval: &Approval) {
    for requirement in change.requirements.iter_mut().filter(|requirement| kinds.contains(&requirement.kind))
    {
        requirement.satisfied_by.retain(|earlier| earlier.principal != approval.principal);
        requirement.satisfied_by.push(approval.clone());
    }
}

fn has_approval_of(change: &Change, principal: PrincipalId) -> bool {
    change.requirements.iter().any(|r| r.satisfied_by.iter().any(|approval| approval.principal == principal))
}

fn back_to_waiting(change: &mut Change, at: Timestamp) {
    if change.state == ChangeState::Scheduled && open_requirements(change, at).next().is_some() {
        change.state = ChangeState::AwaitingApproval;
    }
}

fn step_index(change: &Change, step: u32) -> Option<usize> {
    usize::try_from(step).ok().filter(|index| *index < change.steps.len())
}

fn step_of<'a>(
    change: &'a mut Change,
    index: usize,
    illegal: &IllegalTransition,
) -> Result<&'a mut Step, IllegalTransition> {
    change.steps.get_mut(index).ok_or_else(|| illegal.clone().because("it has no such step"))
}
