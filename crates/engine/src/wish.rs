//! Wishes: what somebody wants a cluster to become, as they said it. Resolving names is the workbench's.
//!
//! They are serialised for the digest that an idempotency key is bound to, and for nothing else: what is not said is left
//! out, so that a wish that did not know of a part is the same as one that does not say it.

use serde::Serialize;
use strata_model::{
    composition::{ControlPlaneWish, NodePoolWish},
    digest::Digest,
    id::ChangeId,
    overrides::{ConflictResolution, Patch},
};

/// What a cluster should become: any mix of the parts.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Wish {
    /// The cluster's name.
    pub cluster: String,
    /// Profiles to attach, or to bring to another version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<RevisionWish>,
    /// Add-on profiles to detach, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detach: Vec<String>,
    /// Overrides to set; each replaces the layer's override.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideWish>,
    /// Layers whose override is dropped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset_overrides: Vec<String>,
    /// Variables to set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<(String, String)>,
    /// Variables to take away, so that the profile's default counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset_variables: Vec<String>,
    /// The control plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<ControlPlaneWish>,
    /// All node pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_pools: Option<Vec<NodePoolWish>>,
    /// Whether generated values are made anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rotate_generated: bool,
    /// Whether layers that a rollback held go on with their profile.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub release_held: bool,
    /// Whether to go to the newest revision of each version that is attached.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub take_updates: bool,
    /// Decisions about merge conflicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<ConflictResolution>,
    /// Going back to what the cluster ran before this change; nothing else can be wished for with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<ChangeId>,
}

impl Wish {
    /// Whether anything but going back is wished for.
    #[must_use]
    pub fn is_forward(&self) -> bool {
        !(self.attach.is_empty()
            && self.detach.is_empty()
            && self.overrides.is_empty()
            && self.unset_overrides.is_empty()
            && self.variables.is_empty()
            && self.unset_variables.is_empty()
            && self.resolutions.is_empty())
            || self.control_plane.is_some()
            || self.node_pools.is_some()
            || self.rotate_generated
            || self.release_held
            || self.take_updates
    }
}

/// A profile version; the newest revision when none is named.
#[derive(Debug, Clone, Serialize)]
pub struct RevisionWish {
    /// The profile's name.
    pub profile: String,
    /// The version.
    pub version: String,
    /// The revision.
    pub revision: Option<u32>,
}

/// An override of one layer.
#[derive(Debug, Clone, Serialize)]
pub struct OverrideWish {
    /// The layer's name.
    pub layer: String,
    /// What to override.
    pub edit: OverrideEdit,
}

/// The two ways to say what to override.
#[derive(Debug, Clone, Serialize)]
pub enum OverrideEdit {
    /// As operations.
    Patch(Patch),
    /// As the whole edited text of the pending side; what differs from the profile becomes the override.
    Values(String),
}

/// How a change is requested.
#[derive(Debug, Clone, Default)]
pub struct RequestOptions {
    /// The digest of the plan that the requester saw; refused when the plan is another one.
    pub expected_plan_digest: Option<Digest>,
    /// Why, in their words.
    pub reason: String,
    /// The same key never starts the same work twice.
    pub idempotency_key: Option<String>,
    /// Whether to apply as soon as the requirements are met.
    pub apply_when_ready: bool,
}
