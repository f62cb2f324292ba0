//! Evidence: what the living cluster adds beside a plan, with the time at which it was looked at.
//!
//! *Idea.* A plan is a function of stored things; what the API server would answer, who holds which field, what somebody
//! changed by hand and how much room there is are not stored. They are asked for beside the plan, and are no part of its digest.
//!
//! *Guarantees.* It holds no clear secret: values are masked as those of plans are. Each object of the plan is in it once, or is
//! counted as not asked for.
//!
//! *Caveats.* It is true of the moment at which it was taken. What only the change itself brings about (a namespace, a
//! definition, a webhook) cannot be asked for before, and is said to be so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    object::{Destination, ObjectKey},
    plan::{Action, FieldChange},
    profile::LayerName,
    quantity::Quantity,
};

/// The scheme of stored evidence; see rule 12 of the design.
pub const EVIDENCE_SCHEME: u32 = 1;

/// What a living cluster says to a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// [`EVIDENCE_SCHEME`].
    pub scheme: u32,
    /// When it was looked at.
    pub taken_at: Timestamp,
    /// Whether the cluster itself answered.
    pub cluster: Reached,
    /// Whether its management cluster answered; none when the plan has no objects there.
    pub management: Option<Reached>,
    /// What would become of each object of the plan, in its order; then objects that it leaves as they are and about which
    /// there is something to say.
    pub objects: Vec<ObjectEvidence>,
    /// How many objects that the plan leaves as they are were found as they were last sent.
    pub as_sent: u32,
    /// How many objects were left out because there are too many.
    pub left_out: u32,
    /// Its nodes.
    pub nodes: Known<NodeCount>,
    /// Machines by pool, as the management cluster tells, when the plan replaces nodes.
    pub machines: Option<Known<Vec<MachineCount>>>,
    /// How much room there is, and how much more is asked for: CPU, memory, Pods.
    pub capacity: Known<Vec<Capacity>>,
    /// APIs in use that the plan's Kubernetes version does not have any more; none when it is not a higher one.
    pub removed_apis: Option<Known<Vec<ApiInUse>>>,
}

impl Evidence {
    /// What the plan would do to a cluster that was not looked at, and why it was not.
    #[must_use]
    pub fn not_reached(taken_at: Timestamp, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            scheme: EVIDENCE_SCHEME,
            taken_at,
            cluster: Reached { reached: false, reason: Some(reason.clone()) },
            management: None,
            objects: Vec::new(),
            as_sent: 0,
            left_out: 0,
            nodes: Known::Unknown { reason: reason.clone() },
            machines: None,
            capacity: Known::Unknown { reason },
            removed_apis: None,
        }
    }
}

/// Whether an API server answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// Whether it did.
    pub reached: bool,
    /// Why not, masked.
    pub reason: Option<String>,
}

impl Reached {
    /// It answered.
    #[must_use]
    pub const fn yes() -> Self {
        Self { reached: true, reason: None }
    }
}

/// Something that a cluster tells, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "camelCase")]
pub enum Known<T> {
    /// It told.
    Told {
        /// What.
        value: T,
    },
    /// It did not.
    Unknown {
        /// Why, masked.
        reason: String,
    },
}

impl<T> Known<T> {
    /// What it told.
    #[must_use]
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Told { value } => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// Why it did not.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Told { .. } => None,
            Self::Unknown { reason } => Some(reason),
        }
    }
}

/// What would become of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LiveOutcome {
    /// It would be new.
    Created,
    /// It would be another than it is.
    Changed,
    /// It is already as wanted; or the plan leaves it as it is.
    Unchanged,
    /// It would be deleted and created anew.
    Replaced,
    /// It is left behind, and is there.
    LeftBehind,
    /// It is not there: nothing is left behind of it; or the plan leaves it as it is, and it was deleted.
    Gone,
    /// The API server would refuse it.
    Refused,
    /// Another manager holds fields of it, and its layer says `onConflict: FAIL`.
    FieldConflict,
    /// It is there, and is not Strata's.
    NotOurs,
    /// It depends on something that comes with the same change.
    NotKnownYet,
    /// It was not asked for, or there was no answer.
    NotAsked,
}

impl LiveOutcome {
    const fn stops(self) -> bool {
        matches!(self, Self::Refused | Self::FieldConflict | Self::NotOurs)
    }
}

/// What a cluster says to one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectEvidence {
    /// Where.
    pub destination: Destination,
    /// Which object.
    pub key: ObjectKey,
    /// The layer it belongs to.
    pub layer: LayerName,
    /// What the plan does to it; none when it leaves it as it is.
    pub action: Option<Action>,
    /// What would become of it.
    pub outcome: LiveOutcome,
    /// Field by field, from what is there to what the API server answers, masked; for what would be changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// Fields that another manager holds and that stop the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<HeldField>,
    /// Fields that would be left to other managers, as Kubernetes writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yielded: Vec<String>,
    /// Where it is not as it was last sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<FieldDrift>,
    /// A stable code, for what would not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it would not be done, is not known, or what else to know; masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What comes with the same change and decides about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<ObjectKey>,
}

impl ObjectEvidence {
    /// Whether the change would stop at it: what the plan leaves as it is stops nothing.
    #[must_use]
    pub const fn stops(&self) -> bool {
        self.action.is_some() && self.outcome.stops()
    }
}

/// One field that another field manager holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldField {
    /// The field as Kubernetes writes it, e.g. `.spec.replicas`.
    pub field: String,
    /// The manager.
    pub manager: String,
}

/// One field that is not as it was last sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDrift {
    /// Where, as a `ValuePath`.
    pub path: String,
    /// What was sent, masked.
    pub sent: Value,
    /// What is there, masked; absent when it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
}

/// How many nodes there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeCount {
    /// All of them.
    pub nodes: u32,
    /// Those that are ready.
    pub ready: u32,
    /// Those that are ready, not cordoned, and not kept for some Pods by a taint.
    pub schedulable: u32,
}

/// How many machines the control plane or a pool has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineCount {
    /// The pool; none for the control plane.
    pub pool: Option<String>,
    /// How many there should be.
    pub wanted: u32,
    /// How many there are, old and new.
    pub present: u32,
    /// How many are ready.
    pub ready: u32,
    /// Whether the plan replaces them.
    pub repaved: bool,
}

/// How much of a resource there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// `cpu`, `memory` or `pods`.
    pub resource: String,
    /// What schedulable nodes have for Pods.
    pub allocatable: Quantity,
    /// What Pods on them, and Pods that wait for a node, ask for.
    pub requested: Quantity,
    /// What the workloads of the plan ask for more than was last sent; negative when it is less.
    pub additional: Quantity,
}

impl Capacity {
    /// Whether there is room for what is asked for. Only the sum is looked at: a Pod may still fit on no single node.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.additional <= Quantity::ZERO || self.requested + self.additional <= self.allocatable
    }
}

/// An API that somebody has asked the API server for since it started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiInUse {
    /// API group, empty for the core one.
    pub group: String,
    /// Version in the group.
    pub version: String,
    /// The resource, e.g. `cronjobs`.
    pub resource: String,
    /// The Kubernetes minor that does not have it any more, e.g. `1.25`.
    pub removed_in: String,
}
