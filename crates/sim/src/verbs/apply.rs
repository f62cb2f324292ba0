//! Server-side apply.

use serde_json::{Value, json};

use super::{
    Reply, Scope, body,
    edit::{Edit, Ownership, insert, update},
    write::{check_type, scope_version},
};
use crate::{
    api_error::{ApiError, Cause, FieldErrors},
    declared,
    managed::{self, Writer},
    resource::skeleton,
    schema::Schema,
    store::State,
    value::{list, text},
};

pub(super) fn apply(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let Some(manager) = scope.call.query.get("fieldManager") else {
        return Err(ApiError::invalid(
            "meta.k8s.io",
            "PatchOptions",
            "",
            vec![Cause {
                reason: "FieldValueRequired",
                message: "Required value: is required for apply patch".into(),
                field: "fieldManager".into(),
            }],
        ));
    };
    let config = body(scope.call)?;
    if !config.is_object() {
        return Err(ApiError::bad_request("error decoding YAML: the body is not an object"));
    }
    if !list(&config, "/metadata/managedFields").is_empty() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let api_version = scope.api_version();
    if text(&config, "/apiVersion") != api_version {
        return Err(ApiError::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {}, expected: {api_version}",
            text(&config, "/apiVersion")
        )));
    }
    check_type(scope, &config)?;
    let name = text(&config, "/metadata/name");
    if !name.is_empty() && name != scope.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            scope.name
        )));
    }
    let resource = scope.resource;
    let schema = resource.schema_for(scope.version);
    declared::check_applied(resource, scope.version, scope.name, &config)?;
    check_keys(scope, schema, &config)?;
    let writer = Writer { name: manager, api_version: &api_version, subresource: scope.subresource };
    let has_status = resource.has_status(scope.version);
    let force = scope.call.query.flag("force");
    let uid = text(&config, "/metadata/uid");
    let Some(live) = state.get(resource, scope.namespace, scope.name) else {
        if !scope.subresource.is_empty() {
            return Err(scope.not_found());
        }
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(ApiError::conflict(resource, scope.name, &why));
        }
        let empty = if resource.traits.builtin { skeleton(resource) } else { json!({}) };
        let (object, managers) =
            managed::apply(schema, &empty, &config, Vec::new(), writer, has_status, force)?;
        let stored = insert(state, Edit::of(scope, manager), object, Ownership::Applied(managers))?;
        return Ok(Reply::value(201, &scope.shown(&stored)));
    };
    if !uid.is_empty() && uid != text(&live, "/metadata/uid") {
        let mut errors = FieldErrors::default();
        // Two validations of a real server find it.
        for _ in 0..2 {
            errors.invalid("metadata.uid", &json!(uid), "field is immutable");
        }
        errors.into_result(resource, scope.name)?;
    }
    let live_shown = scope_version(scope, &live);
    let mut managers = managed::decode(&live);
    if managers.is_empty() {
        let writer = Writer { name: "before-first-apply", api_version: &api_version, subresource: "" };
        managers = managed::after_update(schema, &json!({}), &live_shown, managers, writer, has_status);
    }
    let (object, managers) =
        managed::apply(schema, &live_shown, &config, managers, writer, has_status, force)?;
    let stored = update(state, Edit::of(scope, manager), &live, object, Ownership::Applied(managers))?;
    Ok(Reply::value(200, &scope.shown(&stored)))
}

/// Items of keyed lists must say who they are.
fn check_keys(scope: Scope<'_>, schema: &Schema, config: &Value) -> Result<(), ApiError> {
    let Some(path) = missing_key(schema, config, &mut String::new(), scope.resource.traits.builtin) else {
        return Ok(());
    };
    let object = declared::typed_name(scope.resource, scope.version, scope.name, config);
    Err(ApiError::new(500, "", format!("failed to create typed patch object ({object}): {path}")))
}

fn missing_key(schema: &Schema, value: &Value, path: &mut String, builtin: bool) -> Option<String> {
    if let Some(keys) = schema.keys() {
        let mut seen = Vec::new();
        for item in value.as_array().into_iter().flatten() {
            for key in keys {
                if !builtin && item.get(&*key.name).is_none() && key.default.is_none() {
                    return Some(format!(
                        "{path}: element 0: associative list with keys has an element that omits key field {:?} (and doesn't have default value)",
                        key.name
                    ));
                }
            }
            let element = crate::schema::item_element(keys, item);
            if seen.contains(&element) {
                return Some(format!(
                    "{path}: duplicate entries for key {}",
                    crate::fieldset::spoken(&element)
                ));
            }
            let length = path.len();
            path.push_str(&crate::fieldset::spoken(&element));
            let found = missing_key(schema.item(), item, path, builtin);
            path.truncate(length);
            if found.is_some() {
                return found;
            }
            seen.push(element);
        }
        return None;
    }
    let length = path.len();
    for (key, below) in value.as_object().into_iter().flatten() {
        path.push('.');
        path.push_str(key);
        let found = missing_key(schema.child(key).0, below, path, builtin);
        path.truncate(length);
        if found.is_some() {
            return found;
        }
    }
    None
}
