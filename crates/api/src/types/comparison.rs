//! Comparisons of profile versions.

use async_graphql::SimpleObject;
use strata_engine::comparison;

use super::{
    field_change::FieldChange,
    scalar::KubernetesObject,
    state::{Destination, Difference},
};
use crate::error::Diagnostic;

/// What is different between two versions, drafts or revisions.
#[derive(Debug, SimpleObject)]
pub struct ProfileComparison {
    /// The one before, with its revision: `web@1.0.0`, `web@1.0.0#2`, `web@1.1.0 (draft)`.
    pub from: String,
    /// The one after.
    pub to: String,
    /// Whether nothing differs.
    pub is_empty: bool,
    /// Layers that differ, in the order of the second one, and then those that are gone.
    pub layers: Vec<LayerComparison>,
    /// Variables that differ, likewise.
    pub variables: Vec<VariableComparison>,
    /// Rendered objects that differ.
    pub objects: Vec<ObjectComparison>,
    /// Why one of them does not render, so that objects are not compared.
    pub not_rendered: Vec<Diagnostic>,
}

impl From<comparison::Comparison> for ProfileComparison {
    fn from(found: comparison::Comparison) -> Self {
        Self {
            from: found.from.clone(),
            to: found.to.clone(),
            is_empty: found.is_empty(),
            layers: found.layers.iter().map(LayerComparison::from).collect(),
            variables: found.variables.iter().map(VariableComparison::from).collect(),
            objects: found.objects.iter().map(ObjectComparison::from).collect(),
            not_rendered: found.not_rendered.into_iter().map(Diagnostic::from).collect(),
        }
    }
}

/// What is different about a layer.
#[derive(Debug, SimpleObject)]
pub struct LayerComparison {
    /// Which.
    pub layer: String,
    /// What became of it.
    pub difference: Difference,
    /// Name and version of its pack before.
    pub pack_before: Option<String>,
    /// Name and version of its pack after.
    pub pack_after: Option<String>,
    /// Whether it stands elsewhere among the layers that both have.
    pub moved: bool,
    /// What it says besides its values: presets, namespace, priority, policies.
    pub settings: Vec<FieldChange>,
    /// Its values, merged over the pack's, path by path.
    pub values: Vec<FieldChange>,
    /// The same as a unified diff of the texts, with their comments.
    pub diff: String,
}

impl From<&comparison::LayerComparison> for LayerComparison {
    fn from(found: &comparison::LayerComparison) -> Self {
        Self {
            layer: found.layer.to_string(),
            difference: found.difference.into(),
            pack_before: found.pack_before.clone(),
            pack_after: found.pack_after.clone(),
            moved: found.moved.is_some(),
            settings: found.settings.iter().map(FieldChange::from).collect(),
            values: found.values.iter().map(FieldChange::from).collect(),
            diff: found.diff.clone(),
        }
    }
}

/// What is different about a variable.
#[derive(Debug, SimpleObject)]
pub struct VariableComparison {
    /// Which.
    pub name: String,
    /// What became of it.
    pub difference: Difference,
    /// Field by field.
    pub changes: Vec<FieldChange>,
}

impl From<&comparison::VariableComparison> for VariableComparison {
    fn from(found: &comparison::VariableComparison) -> Self {
        Self {
            name: found.name.clone(),
            difference: found.difference.into(),
            changes: found.changes.iter().map(FieldChange::from).collect(),
        }
    }
}

/// What is different about a rendered object.
#[derive(Debug, SimpleObject)]
pub struct ObjectComparison {
    /// Which.
    pub object: KubernetesObject,
    /// Where it is sent.
    pub destination: Destination,
    /// The layer that it counts for.
    pub layer: String,
    /// What became of it.
    pub difference: Difference,
    /// Field by field.
    pub changes: Vec<FieldChange>,
}

impl From<&comparison::ObjectComparison> for ObjectComparison {
    fn from(found: &comparison::ObjectComparison) -> Self {
        Self {
            object: (&found.key).into(),
            destination: found.destination.into(),
            layer: found.layer.to_string(),
            difference: found.difference.into(),
            changes: found.changes.iter().map(FieldChange::from).collect(),
        }
    }
}
