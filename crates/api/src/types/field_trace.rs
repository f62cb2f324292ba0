//! Where a field of a rendered object comes from.

use async_graphql::{Json, SimpleObject};
use strata_model::field_trace;

use super::state::FieldRole;

/// Where a field of a rendered object comes from.
#[derive(Debug, SimpleObject)]
pub struct FieldTrace {
    /// The layer that renders the object.
    pub layer: String,
    /// Its revision.
    pub revision: String,
    /// The file of the pack, or the manifest of the layer, that the object is written in.
    pub file: String,
    /// What the field is, secrets masked; none where the object has no such field.
    pub value: Option<Json<serde_json::Value>>,
    /// What it depends on: what gives it first. None: the file alone says it.
    pub sources: Vec<FieldSource>,
    /// Of what nobody knows: nothing renders with another value in its place.
    pub undecided: Vec<String>,
    /// Whether all was tried that a field can depend on.
    pub complete: bool,
}

/// What a field depends on.
#[derive(Debug, SimpleObject)]
pub struct FieldSource {
    /// Where it stands in the layer's values; what is none of them, by its name: `strata.var.title`, `label stage`,
    /// `nodePools[name=workers].replicas`, `generated`.
    pub path: String,
    /// What it is, secrets masked.
    pub value: Json<serde_json::Value>,
    /// `origin` (pack, preset, profile, override, variable, macro, cluster, generated, several) and what belongs to it.
    pub origin: Json<serde_json::Value>,
    /// What it does to the field.
    pub role: FieldRole,
}

impl From<field_trace::FieldTrace> for FieldTrace {
    fn from(trace: field_trace::FieldTrace) -> Self {
        let source = |source: field_trace::FieldSource| FieldSource {
            path: source.path,
            value: Json(source.value),
            origin: Json(serde_json::to_value(&source.origin).unwrap_or_default()),
            role: source.role.into(),
        };
        Self {
            layer: trace.layer.to_string(),
            revision: trace.revision.to_string(),
            file: trace.file,
            value: trace.value.map(Json),
            sources: trace.sources.into_iter().map(source).collect(),
            undecided: trace.undecided,
            complete: trace.complete,
        }
    }
}
