//! What is known of a cluster of a rollout, and what its change says about where it stands.

use jiff::Timestamp;
use strata_model::{
    change::{Change, ChangeKind, ChangeState},
    digest::Digest,
    rollout::TargetState,
};

use crate::reduce::open_requirements;

/// The change of a target, as far as the scheduler looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeEvidence {
    /// What it is for; ROLLBACK when the target is being taken back.
    pub kind: ChangeKind,
    /// Where it stands.
    pub state: ChangeState,
    /// Whether BLOCK findings keep it.
    pub blocked: bool,
    /// Whether requirements are open now.
    pub needs_approval: bool,
    /// Whether it has ever sent anything.
    pub started: bool,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed or became stale, for people.
    pub reason: String,
}

impl ChangeEvidence {
    /// Whether it came to an end without success.
    #[must_use]
    pub const fn fell_through(&self) -> bool {
        matches!(
            self.state,
            ChangeState::Failed | ChangeState::Rejected | ChangeState::Cancelled | ChangeState::Superseded
        )
    }

    /// What a change tells at an instant.
    #[must_use]
    pub fn of(change: &Change, now: Timestamp) -> Self {
        let reason = match (&change.failure, change.moved.is_empty()) {
            (Some(failure), _) => format!("{}: {}", failure.code, failure.message),
            (None, false) => change.moved.join("; "),
            (None, true) => change.blocked_by.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", "),
        };
        Self {
            kind: change.kind,
            state: change.state,
            blocked: !change.blocked_by.is_empty(),
            needs_approval: open_requirements(change, now).next().is_some(),
            started: change.started_at.is_some(),
            ended_at: change.ended_at,
            reason,
        }
    }
}

/// What is known of a cluster of a rollout.
///
/// What Strata itself recorded (registration, change, composition) is as of the moment of asking. What only the cluster
/// can tell carries the time at which it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetEvidence {
    /// Whether the cluster is still registered.
    pub present: bool,
    /// Since when attempts to reach it fail; none when the last one succeeded.
    pub silent_since: Option<Timestamp>,
    /// The change recorded for the target, if there is one.
    pub change: Option<ChangeEvidence>,
    /// The content digest of the revision of the rollout's profile that the cluster's applied composition holds.
    pub applied_content: Option<Digest>,
    /// What the cluster told of its health last, as far as it is of use; none when it is not known.
    pub health: Option<HealthEvidence>,
}

impl TargetEvidence {
    /// Whether the cluster is there and the last attempt to reach it succeeded.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        self.present && self.silent_since.is_none()
    }
}

/// The health of a cluster at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthEvidence {
    /// Whether all was well.
    pub healthy: bool,
    /// When the cluster told this.
    pub at: Timestamp,
}

/// Where a target stands by its forward change alone. The engine records this when it makes the change; [`super::next`]
/// keeps it up to date.
#[must_use]
pub fn moved_by_change(change: &ChangeEvidence) -> (TargetState, String) {
    use ChangeState as S;
    match change.state {
        S::Planned | S::AwaitingApproval if change.blocked => (TargetState::Blocked, change.reason.clone()),
        S::Planned | S::AwaitingApproval if change.needs_approval => {
            (TargetState::AwaitingApproval, "its change waits for approval".to_owned())
        }
        S::Planned | S::AwaitingApproval => {
            (TargetState::Waiting, "approved; it waits for its turn".to_owned())
        }
        S::Scheduled | S::Applying | S::Repaving | S::Verifying | S::Cancelling => {
            (TargetState::InFlight, String::new())
        }
        S::Succeeded => (TargetState::Soaking, "its health is being proved".to_owned()),
        S::Stale => (TargetState::Stale, change.reason.clone()),
        S::Rejected => (TargetState::Failed, "its change was rejected".to_owned()),
        S::Cancelled => (TargetState::Failed, "its change was cancelled".to_owned()),
        S::Superseded => (TargetState::Failed, "another change took the place of its change".to_owned()),
        S::Failed => (TargetState::Failed, change.reason.clone()),
    }
}
