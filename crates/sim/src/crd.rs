//! Custom resources: from a `CustomResourceDefinition` to a served resource; pruning, defaulting and validating by schema.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{
    api_error::FieldErrors,
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

/// Drops fields the schema does not know and fills in defaults.
pub(crate) fn normalize(object: &mut Value, openapi: &Value) {
    if let Some(map) = object.as_object_mut() {
        let kept: Vec<(String, Value)> = ["apiVersion", "kind", "metadata"]
            .iter()
            .filter_map(|key| map.remove(*key).map(|value| ((*key).to_owned(), value)))
            .collect();
        walk(object, openapi);
        if let Some(map) = object.as_object_mut() {
            let rest = std::mem::take(map);
            map.extend(kept);
            map.extend(
                rest.into_iter()
                    .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata")),
            );
        }
    }
}

fn walk(value: &mut Value, openapi: &Value) {
    match value {
        Value::Object(map) => {
            let properties = openapi.get("properties").and_then(Value::as_object);
            let additional = openapi.get("additionalProperties");
            let preserve = flag(openapi, "x-kubernetes-preserve-unknown-fields");
            let embedded = flag(openapi, "x-kubernetes-embedded-resource");
            map.retain(|key, below| {
                let known = properties.and_then(|properties| properties.get(key));
                // Null for what cannot be null and has a default means "not given".
                if below.is_null()
                    && known.is_some_and(|k| !flag(k, "nullable") && k.get("default").is_some())
                {
                    return false;
                }
                known.is_some()
                    || preserve
                    || matches!(additional, Some(Value::Object(_) | Value::Bool(true)))
                    || (embedded && matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
            });
            for (name, schema) in properties.into_iter().flatten() {
                if !map.contains_key(name)
                    && let Some(default) = schema.get("default")
                {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (key, below) in map.iter_mut() {
                if let Some(schema) = properties.and_then(|properties| properties.get(key)).or(additional) {
                    walk(below, schema);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = openapi.get("items") {
                list.iter_mut().for_each(|item| walk(item, items));
            }
        }
        _ => {}
    }
}

/// Checks an object against its schema.
pub(crate) fn validate(object: &Value, openapi: &Value, errors: &mut FieldErrors) {
    check(object, openapi, "", errors);
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check(value: &Value, openapi: &Value, path: &str, errors: &mut FieldErrors) {
    if value.is_null() && flag(openapi, "nullable") {
        return;
    }
    let at = if path.is_empty() { "<nil>" } else { path };
    if flag(openapi, "x-kubernetes-int-or-string") {
        if !matches!(type_name(value), "integer" | "string") {
            let have = type_name(value);
            errors.push(
                "FieldValueTypeInvalid",
                format!("Invalid value: \"{have}\": {at} in body must be of type integer,string: \"{have}\""),
                at,
            );
        }
        return;
    }
    if let Some(expected) = openapi.get("type").and_then(Value::as_str) {
        let have = type_name(value);
        if have != expected && !(expected == "number" && have == "integer") {
            errors.push(
                "FieldValueTypeInvalid",
                format!("Invalid value: \"{have}\": {at} in body must be of type {expected}: \"{have}\""),
                at,
            );
            return;
        }
    }
    if let Some(allowed) = openapi.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let list: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        errors.unsupported(at, value, &list);
    }
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if let Some(minimum) = openapi.get("minimum").and_then(Value::as_f64)
                && number < minimum
            {
                errors.push(
                    "FieldValueInvalid",
                    format!(
                        "Invalid value: {value}: {at} in body should be greater than or equal to {minimum}"
                    ),
                    at,
                );
            }
            if let Some(maximum) = openapi.get("maximum").and_then(Value::as_f64)
                && number > maximum
            {
                errors.push(
                    "FieldValueInvalid",
                    format!("Invalid value: {value}: {at} in body should be less than or equal to {maximum}"),
                    at,
                );
            }
        }
        Value::String(content) => {
            let length = u64::try_from(content.chars().count()).unwrap_or(u64::MAX);
            if let Some(minimum) = openapi.get("minLength").and_then(Value::as_u64)
                && length < minimum
            {
                errors.push(
                    "FieldValueInvalid",
                    format!("Invalid value: {value}: {at} in body should be at least {minimum} chars long"),
                    at,
                );
            }
            if let Some(maximum) = openapi.get("maxLength").and_then(Value::as_u64)
                && length > maximum
            {
                errors.push(
                    "FieldValueTooLong",
                    format!("Too long: may not be more than {maximum} bytes"),
                    at,
                );
            }
            if let Some(pattern) = openapi.get("pattern").and_then(Value::as_str)
                && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(content))
            {
                errors.push(
                    "FieldValueInvalid",
                    format!("Invalid value: {value}: {at} in body should match '{pattern}'"),
                    at,
                );
            }
        }
        Value::Object(map) => check_object(map, openapi, path, errors),
        Value::Array(list) => {
            if let Some(minimum) = openapi.get("minItems").and_then(Value::as_u64)
                && u64::try_from(list.len()).unwrap_or(u64::MAX) < minimum
            {
                errors.push(
                    "FieldValueInvalid",
                    format!(
                        "Invalid value: {}: {at} in body should have at least {minimum} items",
                        list.len()
                    ),
                    at,
                );
            }
            if let Some(items) = openapi.get("items") {
                for (index, item) in list.iter().enumerate() {
                    check(item, items, &format!("{path}[{index}]"), errors);
                }
            }
        }
        _ => {}
    }
}

fn check_object(map: &Map<String, Value>, openapi: &Value, path: &str, errors: &mut FieldErrors) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for required in texts(openapi.get("required")) {
        if !map.contains_key(&required) {
            errors.required(join(&required), "");
        }
    }
    let properties = openapi.get("properties").and_then(Value::as_object);
    let additional = openapi.get("additionalProperties").filter(|schema| schema.is_object());
    for (key, below) in map {
        if path.is_empty() && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
            continue;
        }
        if let Some(schema) = properties.and_then(|properties| properties.get(key)).or(additional) {
            check(below, schema, &join(key), errors);
        }
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
