//! Compositions: all that decides what a cluster runs.
//!
//! A cluster has one *applied* composition, moved only by a change that succeeds, and at most one *wanted*, that of
//! its change under way. A composition names content (profile revisions by digest, secrets by fingerprint) and holds
//! the cluster's own patches. It is stored sealed, because patches may hold secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    digest::{Digest, DigestKey},
    id::ProfileId,
    macros::MacroName,
    overrides::OverrideSource,
    profile::{LayerName, ProfileType, RevisionReference},
    secret::Fingerprint,
    variable::VariableValue,
};

/// The scheme of stored compositions; see rule 12 of the design.
pub const COMPOSITION_SCHEME: u32 = 1;

/// One attached profile revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The profile.
    pub profile_id: ProfileId,
    /// Its type.
    pub profile_type: ProfileType,
    /// Which revision.
    pub revision: RevisionReference,
    /// The digest of that revision's content.
    pub content_digest: Digest,
}

/// A layer kept at another revision than its profile's: what a rollback could not take back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldLayer {
    /// Which layer.
    pub layer: LayerName,
    /// The revision it stays at.
    pub revision: RevisionReference,
    /// Why, for people.
    pub reason: String,
}

/// The control plane of a provisioned cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlane {
    /// How many machines: 1, 3 or 5.
    pub replicas: u32,
    /// What templates may read, e.g. `instanceType`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A pool of workers of a provisioned cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePool {
    /// Unique in the cluster.
    pub name: String,
    /// How many machines.
    pub replicas: u32,
    /// What templates may read, e.g. `instanceType`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// What somebody wants the control plane to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneWish {
    /// How many machines.
    pub replicas: u32,
    /// What templates may read; none leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
}

impl ControlPlaneWish {
    /// What becomes of the control plane that there is.
    #[must_use]
    pub fn over(&self, before: Option<&ControlPlane>) -> ControlPlane {
        let kept = || before.map(|before| before.attributes.clone()).unwrap_or_default();
        ControlPlane { replicas: self.replicas, attributes: self.attributes.clone().unwrap_or_else(kept) }
    }
}

/// What somebody wants a node pool to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolWish {
    /// Its name.
    pub name: String,
    /// How many machines.
    pub replicas: u32,
    /// What templates may read; none leaves it as the pool of this name has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
}

impl NodePoolWish {
    /// What becomes of it where there are these pools.
    #[must_use]
    pub fn over(&self, before: &[NodePool]) -> NodePool {
        let kept = || before.iter().find(|pool| pool.name == self.name).map(|pool| pool.attributes.clone());
        NodePool {
            name: self.name.clone(),
            replicas: self.replicas,
            attributes: self.attributes.clone().or_else(kept).unwrap_or_default(),
        }
    }
}

/// The label that names the node pool of a Cluster API object, where that is not called like the pool.
pub const POOL_LABEL: &str = "strata.dev/pool";

/// All that decides what a cluster runs, except the facts that the render reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Composition {
    /// [`COMPOSITION_SCHEME`].
    pub scheme: u32,
    /// In attachment order: the FULL or INFRA profile first, then add-ons.
    pub attachments: Vec<Attachment>,
    /// Layers kept at another revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldLayer>,
    /// In order; later ones win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideSource>,
    /// The cluster's own values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, VariableValue>,
    /// The macros that its values name, as they were when it was made; none where there was no such macro.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub macros: BTreeMap<MacroName, Option<VariableValue>>,
    /// None on imported clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<ControlPlane>,
    /// In order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_pools: Vec<NodePool>,
    /// Which generation of generated values; `rotateGenerated` counts it up.
    #[serde(default)]
    pub generation: u32,
}

impl Default for Composition {
    fn default() -> Self {
        Self {
            scheme: COMPOSITION_SCHEME,
            attachments: Vec::new(),
            held: Vec::new(),
            overrides: Vec::new(),
            variables: BTreeMap::new(),
            macros: BTreeMap::new(),
            control_plane: None,
            node_pools: Vec::new(),
            generation: 0,
        }
    }
}

impl Composition {
    /// The secrets that it names.
    pub fn secrets(&self) -> impl Iterator<Item = &Fingerprint> {
        let values = self.variables.values().chain(self.macros.values().flatten());
        values.filter_map(VariableValue::secret)
    }

    /// The keyed digest. Authors and times of overrides do not count: they decide nothing.
    #[must_use]
    pub fn digest(&self, key: &DigestKey) -> Digest {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        for source in document.get_mut("overrides").and_then(|v| v.as_array_mut()).into_iter().flatten() {
            for layer in source.get_mut("layers").and_then(|v| v.as_array_mut()).into_iter().flatten() {
                if let Some(map) = layer.as_object_mut() {
                    map.shift_remove("author");
                    map.shift_remove("at");
                }
            }
        }
        key.document("composition", &document)
    }
}
