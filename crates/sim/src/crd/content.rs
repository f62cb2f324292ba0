//! What a definition's schema makes of an object: pruning, defaults, refusals.

use serde_json::{Map, Value};

use super::{flag, texts};
use crate::api_error::FieldErrors;

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
