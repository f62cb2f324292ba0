//! Custom resources: from a `CustomResourceDefinition` to a served resource.

mod content;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

pub(crate) use content::{normalize, validate};

use crate::{
    resource::{Resource, Traits},
    schema::{Key, Rest, Schema, metadata_schema},
};

/// A served version of a custom resource.
#[derive(Debug, Clone)]
pub(crate) struct CrdVersion {
    pub(crate) name: String,
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) openapi: Arc<Value>,
}

/// Where a custom resource keeps its replicas, as JSON pointers.
#[derive(Debug, Clone)]
pub(crate) struct ScalePaths {
    pub(crate) spec: String,
    pub(crate) status: String,
    pub(crate) selector: Option<String>,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// `.spec.replicas` → `/spec/replicas`.
fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

/// The resource that a definition makes the cluster serve; `None` while no version is served.
pub(crate) fn resource(definition: &Value, id: u32) -> Option<Resource> {
    let names = definition.pointer("/spec/names")?;
    let mut crd: Vec<CrdVersion> = definition
        .pointer("/spec/versions")?
        .as_array()?
        .iter()
        .filter(|version| flag(version, "served"))
        .map(version)
        .collect();
    if crd.is_empty() {
        return None;
    }
    crd.sort_by_key(|version| std::cmp::Reverse(version_rank(&version.name)));
    let kind = text(names, "/kind").to_owned();
    let singular = match text(names, "/singular") {
        "" => kind.to_lowercase(),
        singular => singular.to_owned(),
    };
    let list_kind = match text(names, "/listKind") {
        "" => format!("{kind}List"),
        list_kind => list_kind.to_owned(),
    };
    Some(Resource {
        id,
        group: text(definition, "/spec/group").to_owned(),
        plural: text(names, "/plural").to_owned(),
        singular,
        list_kind,
        short_names: texts(names.get("shortNames")),
        categories: texts(names.get("categories")),
        namespaced: text(definition, "/spec/scope") != "Cluster",
        versions: crd.iter().map(|version| version.name.clone()).collect(),
        traits: Traits { generation: true, strict_update: true, ..Traits::default() },
        schema: crd.first().map_or_else(|| Arc::new(Schema::Deduced), |version| version.schema.clone()),
        kind,
        crd,
    })
}

fn version(version: &Value) -> CrdVersion {
    let openapi = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_else(|| json!({}));
    let scale = version.pointer("/subresources/scale").map(|scale| ScalePaths {
        spec: pointer(text(scale, "/specReplicasPath")),
        status: pointer(text(scale, "/statusReplicasPath")),
        selector: scale.get("labelSelectorPath").and_then(Value::as_str).map(pointer),
    });
    CrdVersion {
        name: text(version, "/name").to_owned(),
        status: version.pointer("/subresources/status").is_some(),
        scale,
        schema: Arc::new(root_schema(&openapi)),
        openapi: Arc::new(openapi),
    }
}

/// The order in which versions are preferred: stable, then beta, then alpha, each newest first.
pub(crate) fn version_rank(name: &str) -> (u8, u64, u64) {
    let Some(rest) = name.strip_prefix('v') else { return (0, 0, 0) };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let Ok(major) = digits.parse::<u64>() else { return (0, 0, 0) };
    let tail = &rest[digits.len()..];
    if tail.is_empty() {
        return (3, major, 0);
    }
    let minor = |text: &str| text.parse::<u64>().unwrap_or(0);
    if let Some(beta) = tail.strip_prefix("beta") {
        (2, major, minor(beta))
    } else if let Some(alpha) = tail.strip_prefix("alpha") {
        (1, major, minor(alpha))
    } else {
        (0, 0, 0)
    }
}

fn root_schema(openapi: &Value) -> Schema {
    let mut fields = properties(openapi);
    fields.insert("apiVersion".into(), Arc::new(Schema::Atomic));
    fields.insert("kind".into(), Arc::new(Schema::Atomic));
    fields.insert("metadata".into(), metadata_schema());
    Schema::Struct { fields, rest: Rest::Map(Arc::new(Schema::Deduced)) }
}

fn properties(openapi: &Value) -> BTreeMap<Box<str>, Arc<Schema>> {
    openapi
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str().into(), Arc::new(shape(schema))))
        .collect()
}

fn shape(openapi: &Value) -> Schema {
    match openapi.get("type").and_then(Value::as_str) {
        Some("object") => {
            if openapi.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic") {
                return Schema::Atomic;
            }
            let item = match openapi.get("additionalProperties") {
                Some(item @ Value::Object(_)) => shape(item),
                _ => Schema::Deduced,
            };
            Schema::Struct { fields: properties(openapi), rest: Rest::Map(Arc::new(item)) }
        }
        Some("array") => match openapi.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("map") => {
                let items = openapi.get("items").unwrap_or(&Value::Null);
                let keys = texts(openapi.get("x-kubernetes-list-map-keys"))
                    .into_iter()
                    .map(|name| Key {
                        default: items.pointer(&format!("/properties/{name}/default")).cloned(),
                        name: name.into(),
                    })
                    .collect();
                Schema::Keyed { keys, item: Arc::new(shape(items)) }
            }
            Some("set") => Schema::Set,
            _ => Schema::Atomic,
        },
        None if flag(openapi, "x-kubernetes-preserve-unknown-fields") => Schema::Deduced,
        _ => Schema::Atomic,
    }
}
/// What the API server writes into a definition once it serves it.
pub(crate) fn accept(definition: &mut Value, now: &str) {
    let mut names = definition.pointer("/spec/names").cloned().unwrap_or_else(|| json!({}));
    if let Some(map) = names.as_object_mut() {
        let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        map.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
        map.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
    }
    let stored: Vec<Value> = definition
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|version| flag(version, "storage"))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let mut all =
        definition.pointer("/status/storedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    for version in stored {
        if !all.contains(&version) {
            all.push(version);
        }
    }
    let since = |kind: &str| {
        definition
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
            .and_then(|condition| condition.get("lastTransitionTime").cloned())
            .unwrap_or_else(|| json!(now))
    };
    let conditions = json!([
        {"type": "NamesAccepted", "status": "True", "lastTransitionTime": since("NamesAccepted"), "reason": "NoConflicts", "message": "no conflicts found"},
        {"type": "Established", "status": "True", "lastTransitionTime": since("Established"), "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"}
    ]);
    if let Some(map) = definition.as_object_mut() {
        map.insert(
            "status".into(),
            json!({"conditions": conditions, "acceptedNames": names, "storedVersions": all}),
        );
    }
}
