//! Orphans: in the inventory and no longer rendered by the applied composition.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    id::{ChangeId, ClusterId, OrphanId, ProjectId},
    object::{Destination, ObjectKey},
    profile::{LayerName, OrphanPolicy, RevisionReference},
};

/// Where an orphan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrphanState {
    /// It runs on, and waits for a decision.
    Left,
    /// It was scaled to zero; its record allows to restore it.
    ScaledToZero,
    /// Somebody decided to keep it.
    Kept,
    /// It is gone.
    Deleted,
    /// A composition renders it again.
    Reclaimed,
}

impl OrphanState {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::ScaledToZero => "SCALED_TO_ZERO",
            Self::Kept => "KEPT",
            Self::Deleted => "DELETED",
            Self::Reclaimed => "RECLAIMED",
        }
    }
}

/// How an orphan can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reach {
    /// It has a scale subresource.
    Scale,
    /// It can be suspended (`CronJob`, `Job`).
    Suspend,
    /// It can be parked by a node selector that no node has (DaemonSet).
    Park,
    /// Scaling does not reach it; only deletion does.
    None,
}

/// What is needed to bring an orphan back; durable before it is scaled to zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRecord {
    /// The UID of the object that was scaled.
    pub uid: String,
    /// How it was stopped.
    pub reach: Reach,
    /// The former state: replicas, suspend flag or node selector.
    pub former: Value,
    /// When it was recorded.
    pub at: Timestamp,
}

/// An orphan, as its events tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// Its id.
    pub id: OrphanId,
    /// Its project.
    pub project: ProjectId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Where it is.
    pub destination: Destination,
    /// Which object.
    pub key: ObjectKey,
    /// The API version it was last sent in.
    pub api_version: String,
    /// The layer that last rendered it.
    pub layer: LayerName,
    /// The revision that last rendered it.
    pub revision: RevisionReference,
    /// The policy of that revision.
    pub policy: OrphanPolicy,
    /// How it can be stopped.
    pub reach: Reach,
    /// Why scaling does not reach it, and what still uses it; empty when it does.
    pub note: String,
    /// Where it stands.
    pub state: OrphanState,
    /// What is needed to bring it back.
    pub restore: Option<RestoreRecord>,
    /// The change that left it behind.
    pub left_by: ChangeId,
    /// Since when.
    pub since: Timestamp,
    /// When its state last changed.
    pub state_since: Timestamp,
}

/// What happens to an orphan. Serialised as event payloads: fields may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum OrphanEvent {
    /// A change left it behind.
    LeftBehind {
        /// Its project.
        project: ProjectId,
        /// Its cluster.
        cluster: ClusterId,
        /// Where it is.
        destination: Destination,
        /// Which object.
        key: ObjectKey,
        /// The API version it was last sent in.
        api_version: String,
        /// The layer that last rendered it.
        layer: LayerName,
        /// The revision that last rendered it.
        revision: RevisionReference,
        /// The policy of that revision.
        policy: OrphanPolicy,
        /// How it can be stopped.
        reach: Reach,
        /// Why scaling does not reach it.
        note: String,
        /// The change.
        change: ChangeId,
    },
    /// What is needed to bring it back was recorded; it may now be scaled.
    RestoreRecorded {
        /// The record.
        record: RestoreRecord,
    },
    /// It was scaled to zero.
    ScaledToZero {
        /// By which change.
        change: ChangeId,
    },
    /// It got its former state back.
    Restored {
        /// By which change.
        change: ChangeId,
    },
    /// It was deleted.
    Deleted {
        /// By which change.
        change: ChangeId,
    },
    /// Somebody decided to keep it.
    Kept {
        /// By which change.
        change: ChangeId,
    },
    /// A composition renders it again.
    Reclaimed {
        /// By which change.
        change: ChangeId,
    },
}
