//! Requesting, applying, starting, cancelling, retrying, planning anew.

use jiff::Timestamp;
use strata_model::{
    change::{Change, ChangeEvent, ChangeState},
    digest::Digest,
    error::{Refusal, RefusalCode},
    id::{ChangeId, CompositionId, PlanId, RolloutId},
    plan::Plan,
};

use super::illegal;
use crate::{
    reduce::open_requirements,
    requirements::{blockers, requirements, steps},
};

/// When a change shall be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyWhen {
    /// Now: an open requirement is an error.
    Now,
    /// As soon as its requirements are met.
    Approved,
}

/// The first event of a change on a stored plan.
#[must_use]
pub fn requested(
    project: strata_model::id::ProjectId,
    plan_id: PlanId,
    plan: &Plan,
    from: Option<CompositionId>,
    to: CompositionId,
    reason: impl Into<String>,
    rollout: Option<RolloutId>,
) -> ChangeEvent {
    ChangeEvent::Requested {
        project,
        cluster: plan.cluster,
        kind: plan.kind,
        plan: plan_id,
        plan_digest: plan.digest.clone(),
        from,
        to,
        reason: reason.into(),
        requirements: requirements(plan),
        blocked_by: blockers(plan),
        steps: steps(plan),
        rollout,
    }
}

/// Asks to apply a change. `holder` is the change that holds the cluster, if one does.
///
/// Asking again for what is under way or done changes nothing.
///
/// # Errors
/// `STALE_PLAN`, `BLOCKED`, `APPROVAL_REQUIRED` (with [`ApplyWhen::Now`]), `CHANGE_UNDER_WAY`, `ILLEGAL_STATE`.
pub fn apply(
    change: &Change,
    plan_digest: &Digest,
    when: ApplyWhen,
    holder: Option<ChangeId>,
    now: Timestamp,
) -> Result<Vec<ChangeEvent>, Refusal> {
    use ChangeState as S;
    if change.state == S::Stale || *plan_digest != change.plan_digest {
        return Err(stale_plan(change, plan_digest));
    }
    match change.state {
        S::Planned | S::AwaitingApproval => {}
        S::Scheduled | S::Applying | S::Repaving | S::Verifying | S::Succeeded => return Ok(Vec::new()),
        S::Failed => return Err(illegal("the change", "FAILED", "retry it")),
        state => return Err(illegal("the change", state.as_str(), "request a new change")),
    }
    if !change.blocked_by.is_empty() {
        return Err(blocked(change));
    }
    let open: Vec<String> =
        open_requirements(change, now).map(|r| format!("{} ({})", r.scope, r.role)).collect();
    let request =
        (!change.apply_requested).then(|| ChangeEvent::ApplyRequested { plan_digest: plan_digest.clone() });
    if !open.is_empty() {
        return match when {
            ApplyWhen::Approved => Ok(request.into_iter().collect()),
            ApplyWhen::Now => Err(Refusal::new(
                RefusalCode::ApprovalRequired,
                format!("an approval is missing: {}", open.join("; ")),
                format!("have somebody entitled approve it for the plan {}", change.plan_digest),
            )),
        };
    }
    if holder.is_some_and(|holder| holder != change.id) {
        return match when {
            ApplyWhen::Approved => Ok(request.into_iter().collect()),
            ApplyWhen::Now => Err(Refusal::new(
                RefusalCode::ChangeUnderWay,
                "another change holds the cluster",
                "wait until it has ended; this one will then be planned anew",
            )),
        };
    }
    Ok(request.into_iter().chain([ChangeEvent::Scheduled]).collect())
}

/// The event that gives a change its turn, once all is met, somebody asked for it, and the cluster is free.
#[must_use]
pub fn schedule(change: &Change, holder: Option<ChangeId>, now: Timestamp) -> Option<ChangeEvent> {
    let waits = matches!(change.state, ChangeState::Planned | ChangeState::AwaitingApproval);
    let free = holder.is_none_or(|holder| holder == change.id);
    let met = change.blocked_by.is_empty() && open_requirements(change, now).next().is_none();
    (waits && free && met && change.apply_requested).then_some(ChangeEvent::Scheduled)
}

/// What happens when a scheduled change is about to send its first request: it starts, or it does not. `recomputed` is
/// the digest of the plan made anew from facts just read, `moved` what differs ([`crate::digest::moved`]).
///
/// # Errors
/// `ILLEGAL_STATE` when the change is not SCHEDULED.
pub fn start(
    change: &Change,
    recomputed: &Digest,
    moved: Vec<String>,
    now: Timestamp,
) -> Result<ChangeEvent, Refusal> {
    if change.state != ChangeState::Scheduled {
        return Err(illegal("the change", change.state.as_str(), "only a scheduled change can start"));
    }
    if *recomputed != change.plan_digest {
        return Ok(ChangeEvent::BecameStale { moved });
    }
    if open_requirements(change, now).next().is_some() {
        return Ok(ChangeEvent::ApprovalExpired);
    }
    Ok(ChangeEvent::Started)
}

/// Stops a change: at once before it has started, else when nothing is in flight any more. Asking again changes nothing.
///
/// # Errors
/// `ILLEGAL_STATE` when it has ended.
pub fn cancel(change: &Change, reason: &str) -> Result<Vec<ChangeEvent>, Refusal> {
    match change.state {
        ChangeState::Cancelling | ChangeState::Cancelled => Ok(Vec::new()),
        state if state.is_final() || state == ChangeState::Failed => Err(illegal(
            "the change",
            state.as_str(),
            "there is nothing left to stop; a rollback is a new change",
        )),
        _ => Ok(vec![ChangeEvent::CancelRequested { reason: reason.to_owned() }]),
    }
}

/// Tries a failed change again: same plan, same approval. `touched_since` tells whether another change has touched the
/// cluster since this one failed.
///
/// # Errors
/// `ILLEGAL_STATE`, `CHANGE_UNDER_WAY`, `STALE_PLAN` when another change came in between.
pub fn retry(
    change: &Change,
    holder: Option<ChangeId>,
    touched_since: bool,
) -> Result<Vec<ChangeEvent>, Refusal> {
    if change.state != ChangeState::Failed {
        return Err(illegal("the change", change.state.as_str(), "only a failed change can be retried"));
    }
    if holder.is_some_and(|holder| holder != change.id) {
        return Err(Refusal::new(
            RefusalCode::ChangeUnderWay,
            "another change holds the cluster",
            "wait until it has ended, then request a new change",
        ));
    }
    if touched_since {
        return Err(Refusal::new(
            RefusalCode::StalePlan,
            "another change has touched the cluster since",
            "request a new change: the old plan no longer tells what would happen",
        )
        .with_moved(vec!["another change touched the cluster".to_owned()]));
    }
    Ok(vec![ChangeEvent::Retried])
}

/// Gives a change that has not started a new plan; approvals are void.
///
/// # Errors
/// `ILLEGAL_STATE` from SCHEDULED on.
pub fn replan(
    change: &Change,
    plan_id: PlanId,
    plan: &Plan,
    from: Option<CompositionId>,
    to: CompositionId,
) -> Result<Vec<ChangeEvent>, Refusal> {
    use ChangeState as S;
    if !matches!(change.state, S::Planned | S::AwaitingApproval | S::Stale) {
        return Err(illegal(
            "the change",
            change.state.as_str(),
            "only a change that has not started can be planned anew",
        ));
    }
    Ok(vec![ChangeEvent::Replanned {
        plan: plan_id,
        plan_digest: plan.digest.clone(),
        from,
        to,
        requirements: requirements(plan),
        blocked_by: blockers(plan),
        steps: steps(plan),
    }])
}

/// The event that what a change was planned on has moved, unless it has started, ended, or is stale already.
#[must_use]
pub fn stale(change: &Change, moved: Vec<String>) -> Option<ChangeEvent> {
    use ChangeState as S;
    matches!(change.state, S::Planned | S::AwaitingApproval | S::Scheduled)
        .then_some(ChangeEvent::BecameStale { moved })
}

/// The event that another change takes the place of one that has not started.
#[must_use]
pub fn supersede(change: &Change, by: ChangeId) -> Option<ChangeEvent> {
    use ChangeState as S;
    matches!(change.state, S::Planned | S::AwaitingApproval | S::Scheduled | S::Stale)
        .then_some(ChangeEvent::Superseded { by })
}

pub(super) fn stale_plan(change: &Change, seen: &Digest) -> Refusal {
    let moved = if change.moved.is_empty() && change.plan_digest != *seen {
        vec![format!("the plan is now {}, not {}", change.plan_digest.short(), seen.short())]
    } else {
        change.moved.clone()
    };
    Refusal::new(
        RefusalCode::StalePlan,
        "the plan is not the one that was shown",
        "plan the change anew, look at it, and ask again with its digest",
    )
    .at("planDigest")
    .with_moved(moved)
}

pub(super) fn blocked(change: &Change) -> Refusal {
    let codes: Vec<&str> = change.blocked_by.iter().map(|code| code.as_str()).collect();
    Refusal::new(
        RefusalCode::Blocked,
        format!("findings block the change: {}", codes.join(", ")),
        "look at the findings of its plan; each names its way out",
    )
}
