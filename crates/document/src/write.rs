//! Writing documents.

use serde_json::{Map, Value, json};
use strata_model::{
    profile::{AttachedManifest, ConflictPolicy, ImmutablePolicy, OrphanPolicy},
    variable::VariableDefinition,
};

use crate::{DOCUMENT_SCHEME, DocumentLayer, ProfileDocument};

/// One text that holds it all.
#[must_use]
pub fn to_text(document: &ProfileDocument) -> String {
    written(
        document,
        |layer| ("values", Value::String(layer.values.clone())),
        |_, manifest| ("text", manifest.text.clone()),
    )
}

/// The text, with what stands for the values of each layer.
pub(crate) fn written(
    document: &ProfileDocument,
    values: impl Fn(&DocumentLayer) -> (&'static str, Value),
    manifest: impl Fn(&DocumentLayer, &AttachedManifest) -> (&'static str, String),
) -> String {
    let mut root = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            root.insert(key.to_owned(), value);
        }
    };
    put("scheme", document.name.is_some().then(|| json!(DOCUMENT_SCHEME)));
    put("name", document.name.as_ref().map(|name| json!(name)));
    put("type", document.profile_type.map(|kind| json!(kind)));
    put("version", document.version.as_ref().map(|version| json!(version)));
    put("macros", (!document.macros.is_empty()).then(|| json!(document.macros)));
    put("layers", Some(document.layers.iter().map(|it| layer(it, &values, &manifest)).collect()));
    put("variables", Some(document.variables.iter().map(variable).collect()));
    strata_values::emit(&Value::Object(root))
}

fn layer(
    layer: &DocumentLayer,
    values: &impl Fn(&DocumentLayer) -> (&'static str, Value),
    manifest: &impl Fn(&DocumentLayer, &AttachedManifest) -> (&'static str, String),
) -> Value {
    let mut pack = Map::from_iter([
        ("name".to_owned(), json!(layer.pack.name)),
        ("version".to_owned(), json!(layer.pack.version)),
    ]);
    if let Some(digest) = &layer.pack.digest {
        pack.insert("digest".to_owned(), json!(digest));
    }
    let mut written = Map::from_iter([("name".to_owned(), json!(layer.name))]);
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            written.insert(key.to_owned(), value);
        }
    };
    put("kind", layer.kind.map(|kind| json!(kind)));
    put("pack", Some(Value::Object(pack)));
    put("presets", (!layer.presets.is_empty()).then(|| json!(layer.presets)));
    let manifests: Vec<Value> = layer
        .manifests
        .iter()
        .map(|it| {
            let (key, text) = manifest(layer, it);
            json!({ "name": it.name, (key): text })
        })
        .collect();
    put("manifests", (!manifests.is_empty()).then_some(Value::Array(manifests)));
    put("installPriority", layer.install_priority.map(|priority| json!(priority)));
    put("namespace", layer.namespace.as_ref().map(|namespace| json!(namespace)));
    let unless = |usual: bool, value: Value| (!usual).then_some(value);
    put("onConflict", unless(layer.on_conflict == ConflictPolicy::default(), json!(layer.on_conflict)));
    put("onImmutable", unless(layer.on_immutable == ImmutablePolicy::default(), json!(layer.on_immutable)));
    put("orphanPolicy", unless(layer.orphan_policy == OrphanPolicy::default(), json!(layer.orphan_policy)));
    if !layer.values.is_empty() {
        let (key, value) = values(layer);
        put(key, Some(value));
    }
    Value::Object(written)
}

/// A definition without what goes without saying.
fn variable(variable: &VariableDefinition) -> Value {
    let mut written = serde_json::to_value(variable).unwrap_or_default();
    if let Some(map) = written.as_object_mut() {
        map.retain(|key, value| {
            *value != Value::Bool(false) && !(key == "format" && *value == json!("string"))
        });
    }
    written
}
