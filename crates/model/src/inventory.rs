//! The inventory: what Strata last sent to a cluster, and which change sent it.
//!
//! *Idea.* An entry is written before its object is sent. Until the cluster has answered, nobody knows whether it holds
//! what was sent or what it held before; so the entry keeps both, and whoever plans on it must assume either.

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
    /// What was sent, or is about to be.
    pub body: Value,
    /// What the cluster may hold instead of `body` as long as no sending of `body` was confirmed: first what was
    /// confirmed last, then what later sendings may have left. In the clear: it is stored sealed, as `body` is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Value>,
    /// The UID that the API server gave it.
    pub uid: Option<String>,
    /// Whether it existed before Strata and was adopted by decision.
    pub adopted: bool,
    /// The change that last sent it.
    pub change: ChangeId,
    /// When.
    pub applied_at: Timestamp,
}

impl InventoryEntry {
    /// All that the cluster may hold of the object, the oldest first: `body` alone once its sending was confirmed.
    pub fn possible_bodies(&self) -> impl Iterator<Item = &Value> {
        self.earlier.iter().chain([&self.body])
    }

    /// What the cluster certainly held at some time: the body that was confirmed last, else the first one sent.
    #[must_use]
    pub fn known_body(&self) -> &Value {
        self.earlier.first().unwrap_or(&self.body)
    }

    /// This entry as the intent to send its body to where `former` was sent before.
    #[must_use]
    pub fn in_doubt_after(mut self, former: Option<&Self>) -> Self {
        let bodies = former.into_iter().flat_map(Self::possible_bodies);
        self.earlier = bodies.filter(|body| **body != self.body).cloned().collect();
        self
    }
}
