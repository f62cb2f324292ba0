//! Changes: one plan being carried out on one cluster.
//!
//! A change is an event stream; [`Change`] is its projection, made by the reducer in `strata-plan`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    access::{Actor, Role},
    digest::Digest,
    finding::FindingCode,
    id::{ChangeId, ClusterId, CompositionId, PlanId, PrincipalId, ProjectId, RolloutId},
    object::{Destination, ObjectKey},
    plan::{Action, StepKind},
};

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeKind {
    /// Go to a wanted composition.
    Apply,
    /// Go back to an earlier one.
    Rollback,
    /// Decide about orphans.
    CleanUp,
    /// Bring orphans back.
    Restore,
    /// Work on node pools.
    NodePool,
    /// Put back what drifted.
    Drift,
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeState {
    /// Planned; BLOCK findings keep it here.
    Planned,
    /// Requirements are open.
    AwaitingApproval,
    /// All requirements are met and somebody asked to apply it; it waits for its turn.
    Scheduled,
    /// Objects are being sent or waited for.
    Applying,
    /// Nodes are being replaced.
    Repaving,
    /// Everything was sent; health is being proved.
    Verifying,
    /// Done.
    Succeeded,
    /// An approver said no.
    Rejected,
    /// Being stopped: requests in flight are waited for.
    Cancelling,
    /// Stopped.
    Cancelled,
    /// Another change took its place.
    Superseded,
    /// What it was planned on has moved.
    Stale,
    /// It stopped with an error; it can be retried.
    Failed,
}

impl ChangeState {
    /// All states.
    pub const ALL: [Self; 13] = [
        Self::Planned,
        Self::AwaitingApproval,
        Self::Scheduled,
        Self::Applying,
        Self::Repaving,
        Self::Verifying,
        Self::Succeeded,
        Self::Rejected,
        Self::Cancelling,
        Self::Cancelled,
        Self::Superseded,
        Self::Stale,
        Self::Failed,
    ];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "PLANNED",
            Self::AwaitingApproval => "AWAITING_APPROVAL",
            Self::Scheduled => "SCHEDULED",
            Self::Applying => "APPLYING",
            Self::Repaving => "REPAVING",
            Self::Verifying => "VERIFYING",
            Self::Succeeded => "SUCCEEDED",
            Self::Rejected => "REJECTED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Superseded => "SUPERSEDED",
            Self::Stale => "STALE",
            Self::Failed => "FAILED",
        }
    }

    /// Whether the change holds its cluster: one change per cluster from SCHEDULED on.
    #[must_use]
    pub const fn holds_cluster(self) -> bool {
        matches!(self, Self::Scheduled | Self::Applying | Self::Repaving | Self::Verifying | Self::Cancelling)
    }

    /// Whether requests may be on their way to the cluster.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Applying | Self::Repaving | Self::Verifying | Self::Cancelling)
    }

    /// Whether nothing follows any more. FAILED and STALE can be left again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Rejected | Self::Cancelled | Self::Superseded)
    }
}

impl fmt::Display for ChangeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a requirement protects against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RequirementKind {
    /// Nodes are replaced.
    Repave,
    /// An API breaks.
    BreakingApi,
    /// A finding must be acknowledged, or an object is replaced.
    Guard,
}

/// Something that must be approved before the change may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// What it protects against.
    pub kind: RequirementKind,
    /// What it is about, for people: `control plane and pool "blue"`.
    pub scope: String,
    /// The findings it stands for (`GUARD`, `BREAKING_API`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingCode>,
    /// Who may satisfy it.
    pub role: Role,
    /// How many different principals must.
    pub quorum: u32,
    /// Who has, each principal at most once.
    #[serde(default)]
    pub satisfied_by: Vec<Approval>,
}

impl Requirement {
    /// Whether enough approvals for this digest are valid at this instant.
    #[must_use]
    pub fn is_satisfied(&self, digest: &Digest, at: Timestamp) -> bool {
        let valid =
            self.satisfied_by.iter().filter(|a| a.plan_digest == *digest && a.expires_at > at).count();
        u32::try_from(valid).unwrap_or(u32::MAX) >= self.quorum
    }
}

/// One principal's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Who.
    pub principal: PrincipalId,
    /// Their name at that time.
    pub name: String,
    /// Why.
    pub reason: String,
    /// For which plan.
    pub plan_digest: Digest,
    /// When.
    pub at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Objects are being sent.
    Sending,
    /// All was sent; health is awaited.
    Settling,
    /// Done.
    Succeeded,
    /// Stopped with an error.
    Failed,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Whether nodes are replaced in it.
    pub repaves: bool,
    /// The later step that is sent before this one is waited for; none when it is waited for at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_with: Option<u32>,
    /// Where it stands.
    pub state: StepState,
    /// How many of its actions are done.
    pub done: u32,
    /// How many it has.
    pub total: u32,
    /// What it waits for or how far it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Why a change stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable code, e.g. `FIELD_CONFLICT`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The way out.
    pub help: String,
    /// The object concerned, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectKey>,
}

/// A change, as its events tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// Its project.
    pub project: ProjectId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// What it is for.
    pub kind: ChangeKind,
    /// Where it stands.
    pub state: ChangeState,
    /// The plan it carries out.
    pub plan: PlanId,
    /// That plan's digest.
    pub plan_digest: Digest,
    /// The composition it starts from.
    pub from: Option<CompositionId>,
    /// The composition it leads to; equal to `from` for clean-ups and restores.
    pub to: CompositionId,
    /// Who asked for it.
    pub requested_by: Actor,
    /// Why, in the requester's words.
    pub reason: String,
    /// What must be approved.
    pub requirements: Vec<Requirement>,
    /// Codes of BLOCK findings; while there are any it stays PLANNED.
    #[serde(default)]
    pub blocked_by: Vec<FindingCode>,
    /// Whether somebody asked to apply it (it then starts as soon as its requirements are met).
    pub apply_requested: bool,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Why it stopped.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What moved, for STALE.
    #[serde(default)]
    pub moved: Vec<String>,
    /// The rollout it belongs to.
    #[serde(default)]
    pub rollout: Option<RolloutId>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub state_since: Timestamp,
    /// When its first request was sent.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

/// What happens to a change. Serialised as event payloads: fields may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ChangeEvent {
    /// It was requested, on a stored plan.
    Requested {
        /// Its project.
        project: ProjectId,
        /// Its cluster.
        cluster: ClusterId,
        /// What it is for.
        kind: ChangeKind,
        /// The plan.
        plan: PlanId,
        /// Its digest.
        plan_digest: Digest,
        /// The composition it starts from.
        from: Option<CompositionId>,
        /// The composition it leads to.
        to: CompositionId,
        /// Why.
        reason: String,
        /// What must be approved.
        requirements: Vec<Requirement>,
        /// Codes of BLOCK findings.
        blocked_by: Vec<FindingCode>,
        /// Its steps, all waiting.
        steps: Vec<Step>,
        /// The rollout it belongs to.
        rollout: Option<RolloutId>,
    },
    /// Somebody asked to apply it.
    ApplyRequested {
        /// The digest they saw.
        plan_digest: Digest,
    },
    /// A principal approved requirements.
    Approved {
        /// Which kinds; all open ones of these are approved.
        kinds: Vec<RequirementKind>,
        /// The approval.
        approval: Approval,
    },
    /// A principal took their approvals back.
    ApprovalWithdrawn {
        /// Who.
        principal: PrincipalId,
    },
    /// An approval ran out before the change started.
    ApprovalExpired,
    /// An approver said no.
    Rejected {
        /// Why.
        reason: String,
    },
    /// All requirements are met; it waits for its turn.
    Scheduled,
    /// The digest was checked; from now on stored bytes are carried out.
    Started,
    /// A step began.
    StepStarted {
        /// Index of the step.
        step: u32,
    },
    /// One object was dealt with.
    ObjectDone {
        /// Index of the step.
        step: u32,
        /// Where.
        destination: Destination,
        /// Which object.
        key: ObjectKey,
        /// What was done.
        action: Action,
    },
    /// Everything of a step was sent.
    StepSettling {
        /// Index of the step.
        step: u32,
    },
    /// What a step waits for has changed.
    StepProgress {
        /// Index of the step.
        step: u32,
        /// For people.
        message: String,
    },
    /// A step is done.
    StepSucceeded {
        /// Index of the step.
        step: u32,
    },
    /// All steps are done; health is being proved.
    VerificationStarted,
    /// It is done.
    Succeeded,
    /// It stopped.
    Failed {
        /// Index of the step, if it was in one.
        step: Option<u32>,
        /// Why.
        failure: Failure,
    },
    /// Somebody asked to try again.
    Retried,
    /// Somebody asked to stop it.
    CancelRequested {
        /// Why.
        reason: String,
    },
    /// It is stopped and nothing is in flight.
    Cancelled,
    /// Another change took its place.
    Superseded {
        /// Which.
        by: ChangeId,
    },
    /// What it was planned on has moved.
    BecameStale {
        /// What moved, for people.
        moved: Vec<String>,
    },
    /// It was planned anew; approvals are void.
    Replanned {
        /// The new plan.
        plan: PlanId,
        /// Its digest.
        plan_digest: Digest,
        /// The composition it starts from.
        from: Option<CompositionId>,
        /// The composition it leads to.
        to: CompositionId,
        /// What must be approved.
        requirements: Vec<Requirement>,
        /// Codes of BLOCK findings.
        blocked_by: Vec<FindingCode>,
        /// Its steps, all waiting.
        steps: Vec<Step>,
    },
}
