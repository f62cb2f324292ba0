//! What somebody asks for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strata_model::{
    composition::{Attachment, ControlPlaneWish, NodePoolWish},
    overrides::{ConflictResolution, Patch},
    profile::{LayerName, ProfileName},
    variable::VariableValue,
};

/// A new override of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverrideRequest {
    /// Which layer.
    pub layer: LayerName,
    /// What.
    pub change: OverrideChange,
}

/// How an override is given. It is relative to the values of the revision that is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverrideChange {
    /// The whole override, as structure.
    Patch(Patch),
    /// Operations to be added to the override that is there.
    Add(Patch),
    /// The values as somebody edited them; masks in it stand for what was there.
    Text(String),
    /// No override any more.
    Clear,
}

/// Any mix of wishes. Empty means: as it is, carried over. It is stored sealed with its plan, to plan anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompositionRequest {
    /// Revisions to attach; one of an attached profile is a swap.
    pub attach: Vec<Attachment>,
    /// Add-on profiles to detach.
    pub detach: Vec<ProfileName>,
    /// New overrides.
    pub overrides: Vec<OverrideRequest>,
    /// New values of variables; none takes the cluster's own value away. Values of sensitive ones come as fingerprints.
    pub variables: BTreeMap<String, Option<VariableValue>>,
    /// A new control plane.
    pub control_plane: Option<ControlPlaneWish>,
    /// All pools anew.
    pub node_pools: Option<Vec<NodePoolWish>>,
    /// Whether generated values are made anew.
    pub rotate_generated: bool,
    /// Whether layers that a rollback held go on with their profile.
    pub release_held: bool,
    /// Decisions about conflicts.
    pub resolutions: Vec<ConflictResolution>,
    /// Who asks, for the record of overrides.
    pub author: String,
    /// When, for the record of overrides.
    pub at: Timestamp,
}

impl CompositionRequest {
    /// A request without wishes.
    pub fn new(author: impl Into<String>, at: Timestamp) -> Self {
        Self {
            attach: Vec::new(),
            detach: Vec::new(),
            overrides: Vec::new(),
            variables: BTreeMap::new(),
            control_plane: None,
            node_pools: None,
            rotate_generated: false,
            release_held: false,
            resolutions: Vec::new(),
            author: author.into(),
            at,
        }
    }
}
