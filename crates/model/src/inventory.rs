//! The inventory: what Strata last sent to a cluster, and which change sent it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    digest::Digest,
    id::ChangeId,
    object::{Destination, ObjectKey},
    profile::{LayerName, OrphanPolicy, RevisionReference},
};

/// One object that Strata sent. `body` is in the clear: it is stored sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// Where it was sent.
    pub destination: Destination,
    /// Which object.
    pub key: ObjectKey,
    /// The API version it was sent in.
    pub api_version: String,
    /// The layer that last rendered it.
    pub layer: LayerName,
    /// The revision that last rendered it.
    pub revision: RevisionReference,
    /// What to do once it is no longer rendered: the policy of that revision.
    pub orphan_policy: OrphanPolicy,
    /// Keyed digest of `body`.
    pub digest: Digest,
    /// What was sent.
    pub body: Value,
    /// The UID that the API server gave it.
    pub uid: Option<String>,
    /// Whether it existed before Strata and was adopted by decision.
    pub adopted: bool,
    /// The change that last sent it.
    pub change: ChangeId,
    /// When.
    pub applied_at: Timestamp,
}
