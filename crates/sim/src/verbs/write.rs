//! POST, PUT and PATCH, as far as the request itself goes.

use serde_json::{Value, json};

use super::{
    Reply, Scope,
    apply::apply,
    body,
    edit::{Edit, Ownership, insert, update},
};
use crate::{
    api_error::{ApiError, Cause},
    declared::{self, Strictness},
    patch,
    store::State,
    value::{set, text},
};

pub(super) fn check_type(scope: Scope<'_>, object: &Value) -> Result<(), ApiError> {
    let api_version = text(object, "/apiVersion");
    let kind = text(object, "/kind");
    if kind.is_empty() && !api_version.is_empty() {
        return Err(ApiError::bad_request("Object 'Kind' is missing"));
    }
    let expected = scope.api_version();
    if !api_version.is_empty() && api_version != expected {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        )));
    }
    if !kind.is_empty() && kind != scope.resource.kind {
        return Err(ApiError::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {}: converting ({}.{kind}) to ({}.{}): unknown conversion",
            scope.version,
            scope.resource.kind,
            scope.version,
            if scope.resource.group.is_empty() { "core" } else { &scope.resource.group },
            scope.resource.kind
        )));
    }
    let namespace = text(object, "/metadata/namespace");
    if !namespace.is_empty() && namespace != scope.namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

fn strictness(scope: Scope<'_>) -> Strictness {
    Strictness::of(scope.call.query.get("fieldValidation"))
}

pub(super) fn create(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let mut object = body(scope.call)?;
    if !object.is_object() {
        return Err(ApiError::bad_request("the request body is not an object"));
    }
    check_type(scope, &object)?;
    declared::settle(scope.resource, scope.version, &mut object, strictness(scope))?;
    let name = text(&object, "/metadata/name").to_owned();
    let scope = Scope { name: &name, ..scope };
    let manager = scope.manager().to_owned();
    let stored = insert(state, Edit::of(scope, &manager), object, Ownership::Changed)?;
    Ok(Reply::value(201, &scope.shown(&stored)))
}

pub(super) fn replace(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let mut object = body(scope.call)?;
    if !object.is_object() {
        return Err(ApiError::bad_request("the request body is not an object"));
    }
    check_type(scope, &object)?;
    declared::settle(scope.resource, scope.version, &mut object, strictness(scope))?;
    let name = text(&object, "/metadata/name");
    if name != scope.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            scope.name
        )));
    }
    let Some(live) = state.get(scope.resource, scope.namespace, scope.name) else {
        if scope.resource.traits.create_on_update && scope.subresource.is_empty() {
            let manager = scope.manager().to_owned();
            let stored = insert(state, Edit::of(scope, &manager), object, Ownership::Changed)?;
            return Ok(Reply::value(201, &scope.shown(&stored)));
        }
        return Err(scope.not_found());
    };
    if scope.resource.traits.strict_update && text(&object, "/metadata/resourceVersion").is_empty() {
        return Err(ApiError::invalid(
            &scope.resource.group,
            &scope.resource.kind,
            scope.name,
            vec![Cause {
                reason: "FieldValueInvalid",
                message: "Invalid value: 0: must be specified for an update".into(),
                field: "metadata.resourceVersion".into(),
            }],
        ));
    }
    let manager = scope.manager().to_owned();
    let stored = update(state, Edit::of(scope, &manager), &live, object, Ownership::Changed)?;
    Ok(Reply::value(200, &scope.shown(&stored)))
}

const PATCH_TYPES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
    "application/strategic-merge-patch+json",
];

pub(super) fn patch(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let content_type = scope.call.content_type.split(';').next().unwrap_or_default().trim();
    if content_type == "application/apply-patch+yaml" {
        return apply(state, scope);
    }
    if scope.call.query.has("force") {
        return Err(ApiError::invalid(
            "meta.k8s.io",
            "PatchOptions",
            "",
            vec![Cause {
                reason: "FieldValueForbidden",
                message: "Forbidden: may not be specified for non-apply patch".into(),
                field: "force".into(),
            }],
        ));
    }
    let strategic = content_type == "application/strategic-merge-patch+json";
    if !PATCH_TYPES.contains(&content_type) || (strategic && !scope.resource.traits.builtin) {
        let accepted = if scope.resource.traits.builtin { &PATCH_TYPES[..] } else { &PATCH_TYPES[..3] };
        return Err(ApiError::unsupported_media_type(accepted));
    }
    let patch = body(scope.call)?;
    let live = state.get(scope.resource, scope.namespace, scope.name).ok_or_else(|| scope.not_found())?;
    let mut object = scope_version(scope, &live);
    match content_type {
        "application/json-patch+json" => {
            let operations = patch.as_array().ok_or_else(|| {
                ApiError::bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
            })?;
            patch::json(&mut object, operations).map_err(|_| {
                let mut error = ApiError::new(
                    422,
                    "Invalid",
                    "the server rejected our request due to an error in our request",
                );
                error.details = Some(json!({}));
                error
            })?;
        }
        "application/merge-patch+json" => patch::merge(&mut object, &patch),
        _ => patch::strategic(&mut object, &patch, scope.resource.schema_for(scope.version)),
    }
    check_type(scope, &object)?;
    declared::settle_patched(scope.resource, scope.version, &mut object, strictness(scope))?;
    let manager = scope.manager().to_owned();
    let stored = update(state, Edit::of(scope, &manager), &live, object, Ownership::Changed)?;
    Ok(Reply::value(200, &scope.shown(&stored)))
}

pub(super) fn scope_version(scope: Scope<'_>, live: &Value) -> Value {
    let mut object = live.clone();
    set(&mut object, &["apiVersion"], scope.api_version());
    object
}
