//! Approving, rejecting, taking back.

use jiff::Timestamp;
use strata_model::{
    access::{Actor, Role},
    change::{Approval, Change, ChangeEvent, ChangeState, RequirementKind},
    error::{Refusal, RefusalCode},
    id::PrincipalId,
};

use super::illegal;
use crate::reduce::open_requirements;

/// Who approves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// The roles of the principal in the project.
    pub roles: Vec<Role>,
    /// Whether the one who requested a change may also approve it.
    pub may_approve_own: bool,
}

/// Approves the open requirements of these kinds. One principal counts once; an approval that was given for another plan
/// is refused as stale.
///
/// # Errors
/// `STALE_PLAN`, `BLOCKED`, `ILLEGAL_STATE` (nothing of these kinds is open), `FORBIDDEN` (role, or own request),
/// `INVALID_INPUT` (no reason given, or the approval has expired already).
pub fn approve(
    change: &Change,
    kinds: &[RequirementKind],
    approval: &Approval,
    approver: &Approver,
    now: Timestamp,
) -> Result<Vec<ChangeEvent>, Refusal> {
    check_digest(change, approval)?;
    if !change.blocked_by.is_empty() {
        return Err(super::change::blocked(change));
    }
    if !matches!(change.state, ChangeState::AwaitingApproval | ChangeState::Scheduled) {
        return Err(illegal(
            "the change",
            change.state.as_str(),
            "only a change that waits for approval can be approved",
        ));
    }
    if approval.reason.trim().is_empty() {
        return Err(Refusal::new(
            RefusalCode::InvalidInput,
            "an approval needs a reason",
            "say in a few words why this may go ahead",
        )
        .at("reason"));
    }
    if approval.expires_at <= now {
        return Err(Refusal::new(
            RefusalCode::InvalidInput,
            "the approval would have expired already",
            "choose an instant in the future",
        )
        .at("expiresAt"));
    }
    let mut meant =
        open_requirements(change, now).filter(|requirement| kinds.contains(&requirement.kind)).peekable();
    if meant.peek().is_none() {
        return Err(Refusal::new(
            RefusalCode::IllegalState,
            "nothing of this kind waits for approval",
            "look at the requirements of the change: they may be approved already",
        ));
    }
    let mut counts = false;
    for requirement in meant {
        let entitled = approver.roles.iter().any(|role| *role == requirement.role || *role == Role::Admin);
        if !entitled {
            return Err(Refusal::new(
                RefusalCode::Forbidden,
                format!("approving {} needs the role {}", requirement.scope, requirement.role),
                "ask somebody who has that role in this project",
            ));
        }
        counts |= requirement
            .satisfied_by
            .iter()
            .all(|earlier| earlier.principal != approval.principal || earlier.expires_at <= now);
    }
    if !approver.may_approve_own && change.requested_by.principal == Some(approval.principal) {
        return Err(Refusal::new(
            RefusalCode::Forbidden,
            "who requested a change cannot approve it",
            "ask somebody else with the role APPROVER",
        ));
    }
    if !counts {
        return Err(Refusal::new(
            RefusalCode::IllegalState,
            "you have approved this already, and one person counts once",
            "ask another person with the role APPROVER",
        ));
    }
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    Ok(vec![ChangeEvent::Approved { kinds, approval: approval.clone() }])
}

fn check_digest(change: &Change, approval: &Approval) -> Result<(), Refusal> {
    if change.state == ChangeState::Stale || approval.plan_digest != change.plan_digest {
        return Err(super::change::stale_plan(change, &approval.plan_digest));
    }
    Ok(())
}

/// Takes back what a principal approved, before the change starts.
///
/// # Errors
/// `ILLEGAL_STATE` when the change has started or the principal has approved nothing.
pub fn withdraw(change: &Change, principal: PrincipalId) -> Result<Vec<ChangeEvent>, Refusal> {
    if !matches!(change.state, ChangeState::AwaitingApproval | ChangeState::Scheduled) {
        return Err(illegal("the change", change.state.as_str(), "cancel it instead"));
    }
    let approved =
        change.requirements.iter().any(|r| r.satisfied_by.iter().any(|a| a.principal == principal));
    if !approved {
        return Err(Refusal::new(
            RefusalCode::IllegalState,
            "you have approved nothing of this change",
            "only your own approvals can be withdrawn",
        ));
    }
    Ok(vec![ChangeEvent::ApprovalWithdrawn { principal }])
}

/// Says no, before the change starts.
///
/// # Errors
/// `ILLEGAL_STATE` when it has started or ended, `INVALID_INPUT` without a reason.
pub fn reject(change: &Change, reason: &str, _by: &Actor) -> Result<Vec<ChangeEvent>, Refusal> {
    use ChangeState as S;
    if !matches!(change.state, S::Planned | S::AwaitingApproval | S::Scheduled | S::Stale) {
        return Err(illegal("the change", change.state.as_str(), "cancel it instead, if it is under way"));
    }
    if reason.trim().is_empty() {
        return Err(Refusal::new(
            RefusalCode::InvalidInput,
            "a rejection needs a reason",
            "say in a few words what must be different",
        )
        .at("reason"));
    }
    Ok(vec![ChangeEvent::Rejected { reason: reason.to_owned() }])
}

/// The event that an approval ran out, if one has: a change that has not started waits for approval again.
#[must_use]
pub fn expire(change: &Change, now: Timestamp) -> Option<ChangeEvent> {
    let waits = matches!(change.state, ChangeState::AwaitingApproval | ChangeState::Scheduled);
    let expired = change.requirements.iter().any(|r| r.satisfied_by.iter().any(|a| a.expires_at <= now));
    (waits && expired).then_some(ChangeEvent::ApprovalExpired)
}
