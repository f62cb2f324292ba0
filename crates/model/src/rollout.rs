//! Rollouts: one target carried to many clusters in stages.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    id::{ChangeId, ClusterId, ProjectId, RolloutId},
    profile::RevisionReference,
};

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RolloutState {
    /// Made, not started.
    Draft,
    /// Under way.
    Running,
    /// Being paused: changes in flight are waited for.
    Pausing,
    /// Paused.
    Paused,
    /// Stopped by failures beyond the budget.
    Halted,
    /// Being taken back.
    RollingBack,
    /// Taken back.
    RolledBack,
    /// Being aborted: changes in flight are waited for.
    Aborting,
    /// Aborted.
    Aborted,
    /// Done; deferred and skipped clusters are counted.
    Succeeded,
}

impl RolloutState {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Running => "RUNNING",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Halted => "HALTED",
            Self::RollingBack => "ROLLING_BACK",
            Self::RolledBack => "ROLLED_BACK",
            Self::Aborting => "ABORTING",
            Self::Aborted => "ABORTED",
            Self::Succeeded => "SUCCEEDED",
        }
    }

    /// Whether nothing follows any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::RolledBack | Self::Aborted | Self::Succeeded)
    }
}

/// Where one cluster of a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetState {
    /// Its turn has not come.
    Waiting,
    /// Its change waits for approval.
    AwaitingApproval,
    /// Its plan has BLOCK findings.
    Blocked,
    /// Its change became stale.
    Stale,
    /// Its cluster is offline; it catches up later.
    Deferred,
    /// Its change is under way.
    InFlight,
    /// Its change succeeded; health is watched for the soak time.
    Soaking,
    /// Proved: target digest and health, newer than its own apply.
    Succeeded,
    /// Its change failed.
    Failed,
    /// Somebody left it out.
    Skipped,
    /// Its cluster is gone.
    Removed,
    /// It is being taken back.
    RollingBack,
    /// It was taken back.
    RolledBack,
}

impl TargetState {
    /// All states.
    pub const ALL: [Self; 13] = [
        Self::Waiting,
        Self::AwaitingApproval,
        Self::Blocked,
        Self::Stale,
        Self::Deferred,
        Self::InFlight,
        Self::Soaking,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
        Self::Removed,
        Self::RollingBack,
        Self::RolledBack,
    ];

    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::AwaitingApproval => "AWAITING_APPROVAL",
            Self::Blocked => "BLOCKED",
            Self::Stale => "STALE",
            Self::Deferred => "DEFERRED",
            Self::InFlight => "IN_FLIGHT",
            Self::Soaking => "SOAKING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Skipped => "SKIPPED",
            Self::Removed => "REMOVED",
            Self::RollingBack => "ROLLING_BACK",
            Self::RolledBack => "ROLLED_BACK",
        }
    }
}

/// Which clusters: all labels must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelSelector(pub BTreeMap<String, String>);

impl LabelSelector {
    /// Whether the labels satisfy the selector; an empty selector matches all.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// For people.
    pub name: String,
    /// Which clusters; the first stage that matches a cluster has it.
    pub selector: LabelSelector,
    /// How many clusters may be in flight at once, at least 1.
    pub max_concurrency: u32,
    /// How long a cluster must stay healthy after its change, in seconds.
    #[serde(default)]
    pub soak_seconds: u32,
    /// Whether somebody must approve before this stage starts.
    #[serde(default)]
    pub requires_approval: bool,
}

/// What is rolled out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutTarget {
    /// The revision that the clusters shall run.
    pub revision: RevisionReference,
    /// The digest of its content: the proof that a cluster runs it.
    pub content_digest: Digest,
}

/// One cluster of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The cluster.
    pub cluster: ClusterId,
    /// Index of its stage.
    pub stage: u32,
    /// Where it stands.
    pub state: TargetState,
    /// Since when.
    pub since: Timestamp,
    /// Its change, once there is one.
    pub change: Option<ChangeId>,
    /// Why it waits or failed, for people.
    pub reason: String,
}

/// A rollout, as its events tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Its id.
    pub id: RolloutId,
    /// Its project.
    pub project: ProjectId,
    /// For people; unique in the project.
    pub name: String,
    /// What is rolled out.
    pub target: RolloutTarget,
    /// In order.
    pub stages: Vec<Stage>,
    /// How many failed clusters are tolerated; one more halts the rollout.
    pub failure_budget: u32,
    /// Where it stands.
    pub state: RolloutState,
    /// What it was doing when it halted, and does again when it is resumed; only while it is halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted_from: Option<RolloutState>,
    /// Why, for people.
    pub reason: String,
    /// Index of the stage under way.
    pub stage: u32,
    /// Stages that somebody approved.
    pub approved_stages: Vec<u32>,
    /// Its clusters, in the order in which they take their turn.
    pub targets: Vec<Target>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub state_since: Timestamp,
}

/// What happens to a rollout. Serialised as event payloads: fields may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RolloutEvent {
    /// It was made.
    Created {
        /// Its project.
        project: ProjectId,
        /// Its name.
        name: String,
        /// What is rolled out.
        target: RolloutTarget,
        /// Its stages.
        stages: Vec<Stage>,
        /// How many failed clusters are tolerated.
        failure_budget: u32,
        /// Cluster and stage.
        targets: Vec<(ClusterId, u32)>,
    },
    /// It was started.
    Started,
    /// Somebody approved a stage.
    StageApproved {
        /// Which.
        stage: u32,
        /// Why.
        reason: String,
    },
    /// A stage began; every cluster that counts in the one before is proved.
    StageStarted {
        /// Which.
        stage: u32,
    },
    /// A cluster moved.
    TargetMoved {
        /// Which cluster.
        cluster: ClusterId,
        /// Where to.
        to: TargetState,
        /// Its change, if there is one.
        change: Option<ChangeId>,
        /// Why, for people.
        reason: String,
    },
    /// A cluster joined.
    TargetAdded {
        /// Which cluster.
        cluster: ClusterId,
        /// Its stage.
        stage: u32,
    },
    /// Somebody asked to pause it.
    PauseRequested,
    /// It is paused and nothing is in flight.
    Paused,
    /// It goes on.
    Resumed,
    /// Failures went beyond the budget.
    Halted {
        /// Why.
        reason: String,
    },
    /// Somebody asked to abort it.
    AbortRequested,
    /// It is aborted and nothing is in flight.
    Aborted,
    /// Somebody asked to take it back.
    RollBackRequested,
    /// It is taken back.
    RolledBack,
    /// It is done.
    Succeeded,
}
