//! Where a field of a rendered object comes from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    profile::{LayerName, RevisionReference},
    render::Origin,
};

/// What a value of a layer has to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FieldRole {
    /// Another value gives the field another value.
    Gives,
    /// Another value leaves the field, or the object, away.
    Decides,
}

/// What a field depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldSource {
    /// Where it stands in the layer's values, as a `ValuePath`; what is none of them, by its name: `strata.var.title`,
    /// `label stage`, `nodePools[name=workers].replicas`, `generated`.
    pub path: String,
    /// What it is.
    pub value: Value,
    /// Where that comes from.
    pub origin: Origin,
    /// What it does.
    pub role: FieldRole,
}

/// Where a field comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldTrace {
    /// The layer that renders the object.
    pub layer: LayerName,
    /// Its revision.
    pub revision: RevisionReference,
    /// The file of the pack, or the manifest of the layer, that the object is written in.
    pub file: String,
    /// What the field is; none where the object has no such field.
    pub value: Option<Value>,
    /// What it depends on: what gives it first. None: the file alone says it.
    pub sources: Vec<FieldSource>,
    /// Of what nobody knows: nothing renders with another value in its place.
    pub undecided: Vec<String>,
    /// Whether all was tried that a field can depend on.
    pub complete: bool,
}
