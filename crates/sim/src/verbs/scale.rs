//! The scale subresource.

use serde_json::{Value, json};

use super::{Edit, Reply, Scope, body};
use crate::{
    api_error::{ApiError, Cause},
    managed, patch,
    selector::LabelSelector,
    store::State,
    value::{set, text},
};

struct Paths {
    spec: String,
    status: String,
    selector: Option<String>,
}

fn paths(scope: Scope<'_>) -> Paths {
    match scope.resource.crd_version(scope.version).and_then(|version| version.scale.as_ref()) {
        Some(scale) => {
            Paths { spec: scale.spec.clone(), status: scale.status.clone(), selector: scale.selector.clone() }
        }
        None => Paths { spec: "/spec/replicas".into(), status: "/status/replicas".into(), selector: None },
    }
}

fn scale_of(scope: Scope<'_>, object: &Value, paths: &Paths) -> Value {
    let selector = match &paths.selector {
        Some(pointer) => text(object, pointer).to_owned(),
        None if scope.resource.traits.builtin => object
            .pointer("/spec/selector")
            .map(|s| LabelSelector::from_object(s).to_text())
            .unwrap_or_default(),
        None => String::new(),
    };
    let mut metadata = json!({});
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.pointer(&format!("/metadata/{key}")) {
            metadata[key] = value.clone();
        }
    }
    let replicas = object.pointer(&paths.spec).cloned().unwrap_or_else(|| json!(0));
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {},
        "status": {"replicas": object.pointer(&paths.status).and_then(Value::as_i64).unwrap_or(0)},
    });
    if replicas != json!(0) {
        scale["spec"]["replicas"] = replicas;
    }
    if !selector.is_empty() {
        scale["status"]["selector"] = json!(selector);
    }
    scale
}

/// GET, PUT and PATCH of `…/scale`.
pub(super) fn handle(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let live = state.get(scope.resource, scope.namespace, scope.name).ok_or_else(|| scope.not_found())?;
    let paths = paths(scope);
    let current = scale_of(scope, &live, &paths);
    let content_type = scope.call.content_type.split(';').next().unwrap_or_default().trim();
    let wanted = match scope.call.method.as_str() {
        "GET" => return Ok(Reply::value(200, &current)),
        "PUT" => body(scope.call)?,
        "PATCH" => {
            let change = body(scope.call)?;
            let mut scale = current.clone();
            match content_type {
                "application/json-patch+json" => {
                    let operations = change.as_array().map(Vec::as_slice).unwrap_or_default();
                    patch::json(&mut scale, operations).map_err(|_| {
                        ApiError::new(
                            422,
                            "Invalid",
                            "the server rejected our request due to an error in our request",
                        )
                    })?;
                }
                "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
                    patch::merge(&mut scale, &change);
                }
                "application/apply-patch+yaml" => {
                    apply_conflicts(scope, &live, &paths, &change)?;
                    patch::merge(&mut scale, &change);
                }
                _ => {
                    return Err(ApiError::unsupported_media_type(&[
                        "application/json-patch+json",
                        "application/merge-patch+json",
                        "application/apply-patch+yaml",
                    ]));
                }
            }
            scale
        }
        _ => return Err(ApiError::method_not_allowed()),
    };
    let name = text(&wanted, "/metadata/name");
    if !name.is_empty() && name != scope.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            scope.name
        )));
    }
    let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    if replicas < 0 {
        return Err(ApiError::invalid(
            "autoscaling",
            "Scale",
            scope.name,
            vec![Cause {
                reason: "FieldValueInvalid",
                message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
                field: "spec.replicas".into(),
            }],
        ));
    }
    let version = text(&wanted, "/metadata/resourceVersion").to_owned();
    let mut object = live.clone();
    let keys: Vec<&str> = paths.spec.split('/').filter(|key| !key.is_empty()).collect();
    set(&mut object, &keys, replicas);
    set(&mut object, &["metadata", "resourceVersion"], version);
    let manager = scope.manager().to_owned();
    let edit = Edit {
        resource: scope.resource,
        version: scope.version,
        namespace: scope.namespace,
        name: scope.name,
        manager: &manager,
        subresource: "scale",
        dry_run: scope.dry_run(),
    };
    let stored = super::edit(state, edit, &live, object)?;
    Ok(Reply::value(200, &scale_of(scope, &stored, &paths)))
}

fn apply_conflicts(scope: Scope<'_>, live: &Value, paths: &Paths, change: &Value) -> Result<(), ApiError> {
    let Some(manager) = scope.call.query.get("fieldManager") else {
        return Err(ApiError::bad_request("fieldManager is required for apply patch"));
    };
    if change.pointer("/spec/replicas") == live.pointer(&paths.spec) || scope.call.query.flag("force") {
        return Ok(());
    }
    let elements: Vec<String> =
        paths.spec.split('/').filter(|key| !key.is_empty()).map(|key| format!("f:{key}")).collect();
    let path: Vec<&str> = elements.iter().map(String::as_str).collect();
    let mut wanted = crate::fieldset::FieldSet::default();
    wanted.insert(&path);
    for owner in managed::decode(live) {
        if owner.name != manager && !owner.fields.intersection(&wanted).is_empty() {
            let message = format!("conflict with {:?}", owner.name);
            return Err(ApiError::apply_conflict(
                format!("Apply failed with 1 conflict: {message}: .spec.replicas"),
                &[Cause { reason: "FieldManagerConflict", message, field: ".spec.replicas".into() }],
            ));
        }
    }
    Ok(())
}
