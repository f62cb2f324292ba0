//! Compositions: all that decides what a cluster runs.

use async_graphql::{Json, SimpleObject};
use strata_engine::CompositionView;
use strata_model::{composition, overrides::LayerOverride};

use super::{
    scalar::{DateTime, DigestText, KeyValue, SemVerText, key_values},
    state::ProfileType,
};

/// All that decides what a cluster runs, but for the facts that its render reads. Secrets are masked.
#[derive(Debug, SimpleObject)]
pub struct Composition {
    /// Its digest.
    pub digest: DigestText,
    /// The attached profile versions: the FULL or INFRA profile first, then add-ons.
    pub attachments: Vec<Attachment>,
    /// Layers kept at another revision, because they cannot go back.
    pub held: Vec<HeldLayer>,
    /// The cluster's own changes to values.
    pub overrides: Vec<LayerOverrideView>,
    /// The cluster's own values of variables.
    pub variables: Vec<VariableValue>,
    /// The macros that its values name, as they were when it was made.
    pub macros: Vec<MacroValue>,
    /// The control plane; none on imported clusters.
    pub control_plane: Option<ControlPlane>,
    /// The node pools, in order.
    pub node_pools: Vec<NodePool>,
}

impl From<CompositionView> for Composition {
    fn from(view: CompositionView) -> Self {
        Self {
            digest: (&view.digest).into(),
            attachments: view.attachments.iter().map(Attachment::from).collect(),
            held: view.held.iter().map(HeldLayer::from).collect(),
            overrides: view.overrides.iter().map(LayerOverrideView::from).collect(),
            variables: view
                .variables
                .into_iter()
                .map(|(name, value)| VariableValue { name, value })
                .collect(),
            macros: view.macros.into_iter().map(|(name, value)| MacroValue { name, value }).collect(),
            control_plane: view.control_plane.as_ref().map(ControlPlane::from),
            node_pools: view.node_pools.iter().map(NodePool::from).collect(),
        }
    }
}

/// An attached profile version.
#[derive(Debug, SimpleObject)]
pub struct Attachment {
    /// The profile's name.
    pub profile: String,
    /// What it covers.
    #[graphql(name = "type")]
    pub profile_type: ProfileType,
    /// The version.
    pub version: SemVerText,
    /// The revision.
    pub revision: u32,
    /// The digest of its content.
    pub content_digest: DigestText,
}

impl From<&composition::Attachment> for Attachment {
    fn from(attachment: &composition::Attachment) -> Self {
        Self {
            profile: attachment.revision.profile.to_string(),
            profile_type: attachment.profile_type.into(),
            version: (&attachment.revision.version).into(),
            revision: attachment.revision.revision,
            content_digest: (&attachment.content_digest).into(),
        }
    }
}

/// A layer that is kept at another revision.
#[derive(Debug, SimpleObject)]
pub struct HeldLayer {
    /// Which layer.
    pub layer: String,
    /// At which revision.
    pub revision: String,
    /// Why.
    pub reason: String,
}

impl From<&composition::HeldLayer> for HeldLayer {
    fn from(held: &composition::HeldLayer) -> Self {
        Self {
            layer: held.layer.to_string(),
            revision: held.revision.to_string(),
            reason: held.reason.clone(),
        }
    }
}

/// A cluster's own changes to the values of one layer.
#[derive(Debug, SimpleObject)]
#[graphql(name = "LayerOverride")]
pub struct LayerOverrideView {
    /// Which layer.
    pub layer: String,
    /// Who set it last.
    pub author: String,
    /// When.
    pub at: DateTime,
    /// The operations: `op` is `set`, `remove`, `insert`, `removeItem` or `move`.
    pub patch: Json<serde_json::Value>,
}

impl From<&LayerOverride> for LayerOverrideView {
    fn from(source: &LayerOverride) -> Self {
        Self {
            layer: source.layer.to_string(),
            author: source.author.clone(),
            at: source.at.into(),
            patch: Json(serde_json::to_value(&source.patch).unwrap_or_default()),
        }
    }
}

/// A cluster's own value of a variable.
#[derive(Debug, SimpleObject)]
pub struct VariableValue {
    /// The variable.
    pub name: String,
    /// Its value; masked when sensitive.
    pub value: String,
}

/// What a macro stood for when a composition was made.
#[derive(Debug, SimpleObject)]
pub struct MacroValue {
    /// The macro.
    pub name: String,
    /// Its value, masked when sensitive; none where there was no such macro.
    pub value: Option<String>,
}

/// The machines of a control plane.
#[derive(Debug, SimpleObject)]
pub struct ControlPlane {
    /// How many.
    pub replicas: u32,
    /// What templates may read.
    pub attributes: Vec<KeyValue>,
}

impl From<&composition::ControlPlane> for ControlPlane {
    fn from(plane: &composition::ControlPlane) -> Self {
        Self { replicas: plane.replicas, attributes: key_values(&plane.attributes) }
    }
}

/// A pool of worker machines.
#[derive(Debug, SimpleObject)]
pub struct NodePool {
    /// Unique in the cluster.
    pub name: String,
    /// How many.
    pub replicas: u32,
    /// What templates may read.
    pub attributes: Vec<KeyValue>,
}

impl From<&composition::NodePool> for NodePool {
    fn from(pool: &composition::NodePool) -> Self {
        Self { name: pool.name.clone(), replicas: pool.replicas, attributes: key_values(&pool.attributes) }
    }
}
