//! An object on its way into the store: what the server fills in, keeps, checks and records, whoever wrote it.

use serde_json::{Value, json};

use super::{Scope, service_address};
use crate::{
    api_error::{ApiError, Cause},
    clock, crd, defaults,
    managed::{self, Manager, Writer},
    resource::{Resource, skeleton},
    store::State,
    validate,
    value::{child, list, remove, set, text},
};

/// A change to an object that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) version: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) manager: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) dry_run: bool,
}

impl<'a> Edit<'a> {
    pub(super) fn of(scope: Scope<'a>, manager: &'a str) -> Self {
        Self {
            resource: scope.resource,
            version: scope.version,
            namespace: scope.namespace,
            name: scope.name,
            manager,
            subresource: scope.subresource,
            dry_run: scope.dry_run(),
        }
    }
}

/// Who will own what after a write.
pub(super) enum Ownership {
    /// Worked out from what the write changes.
    Changed,
    /// As `Changed`, by a controller of the simulator, which may give a new object its status at once.
    Controller,
    /// Already worked out by server-side apply.
    Applied(Vec<Manager>),
}

fn check_namespace(
    state: &State,
    resource: &Resource,
    namespace_name: &str,
    name: &str,
) -> Result<(), ApiError> {
    if !resource.namespaced {
        return Ok(());
    }
    let Some(namespaces) = state.catalog.find("", "namespaces") else { return Ok(()) };
    let Some(namespace) = state.get(&namespaces, "", namespace_name) else {
        return Err(ApiError::not_found(&namespaces, namespace_name));
    };
    if namespace.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(ApiError::forbidden(
            resource,
            name,
            &format!(
                "unable to create new content in namespace {namespace_name} because it is being terminated"
            ),
        )
        .with_causes(&[Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {namespace_name} is being terminated"),
            field: "metadata.namespace".into(),
        }]));
    }
    Ok(())
}

/// Creates an object, from POST or from an apply that found none.
pub(super) fn insert(
    state: &mut State,
    edit: Edit<'_>,
    mut object: Value,
    ownership: Ownership,
) -> Result<Value, ApiError> {
    let resource = edit.resource;
    check_namespace(state, resource, edit.namespace, edit.name)?;
    if !text(&object, "/metadata/resourceVersion").is_empty() {
        return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    let mut name = edit.name.to_owned();
    if name.is_empty() {
        let prefix = text(&object, "/metadata/generateName").to_owned();
        if !prefix.is_empty() {
            name = format!("{prefix}{}", state.suffix(5));
        }
    }
    let now = clock::now();
    let uid = state.uid();
    let metadata = child(&mut object, "metadata");
    if !name.is_empty() {
        set(metadata, &["name"], name.as_str());
    }
    if resource.namespaced {
        set(metadata, &["namespace"], edit.namespace);
    }
    set(metadata, &["uid"], uid);
    set(metadata, &["creationTimestamp"], now.as_str());
    for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "generation"]
    {
        remove(metadata, &[key]);
    }
    if resource.traits.generation {
        set(metadata, &["generation"], 1);
    }
    set(&mut object, &["apiVersion"], resource.api_version(edit.version));
    set(&mut object, &["kind"], resource.kind.as_str());
    let has_status = resource.has_status(edit.version);
    if has_status && !resource.is("", "namespaces") && !matches!(ownership, Ownership::Controller) {
        remove(&mut object, &["status"]);
    }
    let mut object = ordered(object);
    normalize(resource, edit.version, &mut object, true);
    service_address::allocate(state, resource, &mut object);
    validate::check(resource, edit.version, None, &object)?;
    let key = State::key(resource, edit.namespace, &name);
    if state.record(&key).is_some() {
        return Err(ApiError::already_exists(resource, &name));
    }
    let managers = match ownership {
        Ownership::Applied(managers) => managers,
        Ownership::Changed | Ownership::Controller => {
            let api_version = resource.api_version(edit.version);
            let writer = Writer { name: edit.manager, api_version: &api_version, subresource: "" };
            let empty = if resource.traits.builtin { skeleton(resource) } else { json!({}) };
            managed::after_update(
                resource.schema_for(edit.version),
                &empty,
                &object,
                Vec::new(),
                writer,
                has_status,
            )
        }
    };
    managed::encode(&mut object, managers);
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") && !edit.dry_run {
        crd::accept(&mut object, &now);
    }
    if !edit.dry_run {
        state.put(resource, edit.namespace, &name, &mut object);
    }
    Ok(object)
}

/// Type first, then metadata, then the rest.
fn ordered(object: Value) -> Value {
    let Value::Object(mut map) = object else { return object };
    let mut out = serde_json::Map::new();
    for key in ["kind", "apiVersion", "metadata"] {
        if let Some((key, value)) = map.shift_remove_entry(key) {
            out.insert(key, value);
        }
    }
    out.extend(map);
    Value::Object(out)
}

fn normalize(resource: &Resource, version: &str, object: &mut Value, fresh: bool) {
    match resource.crd_version(version) {
        Some(version) => crd::normalize(object, &version.openapi),
        None => defaults::apply(resource, object, fresh),
    }
    // Metadata is typed for every kind.
    if let Some(metadata) = object.get_mut("metadata") {
        crate::value::drop_nulls(metadata);
    }
}

/// Creates an object on behalf of a controller, status and all.
pub(crate) fn plant(state: &mut State, edit: Edit<'_>, object: Value) -> Result<Value, ApiError> {
    insert(state, edit, object, Ownership::Controller)
}

/// Changes an object on behalf of a controller; nothing is refused but what validation refuses.
pub(crate) fn edit(
    state: &mut State,
    edit: Edit<'_>,
    live: &Value,
    object: Value,
) -> Result<Value, ApiError> {
    update(state, edit, live, object, Ownership::Changed)
}

/// Replaces `live` by `object` as far as the endpoint may.
pub(super) fn update(
    state: &mut State,
    edit: Edit<'_>,
    live: &Value,
    mut object: Value,
    ownership: Ownership,
) -> Result<Value, ApiError> {
    let resource = edit.resource;
    let wanted = text(&object, "/metadata/resourceVersion");
    if !wanted.is_empty() && wanted != text(live, "/metadata/resourceVersion") {
        return Err(ApiError::modified(resource, edit.name));
    }
    let uid = text(&object, "/metadata/uid");
    if !uid.is_empty() && uid != text(live, "/metadata/uid") {
        return Err(ApiError::conflict(
            resource,
            edit.name,
            &format!(
                "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                registry_key(resource, edit.namespace, edit.name),
                text(live, "/metadata/uid")
            ),
        ));
    }
    // The managers a client sends count, so that it can take fields from itself or reset all.
    let sent = list(&object, "/metadata/managedFields").to_vec();
    let reset = sent.len() == 1 && sent[0].as_object().is_some_and(serde_json::Map::is_empty);
    let managers_before = match managed::decode(&object) {
        _ if reset => Vec::new(),
        sent if !sent.is_empty() => sent,
        _ => managed::decode(live),
    };

    let has_status = resource.has_status(edit.version);
    if edit.subresource == "status" {
        let status = object.get("status").cloned();
        let annotations = object.pointer("/metadata/annotations").cloned();
        object = live.clone();
        match status {
            Some(status) => set(&mut object, &["status"], status),
            None => remove(&mut object, &["status"]),
        }
        if resource.traits.builtin
            && let Some(annotations) = annotations
        {
            set(&mut object, &["metadata", "annotations"], annotations);
        }
    } else if has_status {
        match live.get("status") {
            Some(status) => set(&mut object, &["status"], status.clone()),
            None => remove(&mut object, &["status"]),
        }
    }
    let metadata = child(&mut object, "metadata");
    set(metadata, &["name"], edit.name);
    if resource.namespaced {
        set(metadata, &["namespace"], edit.namespace);
    }
    for key in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
    ] {
        match live.pointer(&format!("/metadata/{key}")) {
            Some(value) => set(metadata, &[key], value.clone()),
            None => remove(metadata, &[key]),
        }
    }
    set(&mut object, &["apiVersion"], resource.api_version(edit.version));
    set(&mut object, &["kind"], resource.kind.as_str());
    let mut object = ordered(object);
    remove(&mut object, &["metadata", "managedFields"]);
    if resource.is("", "services") {
        service_address::keep(live, &mut object);
    }
    normalize(resource, edit.version, &mut object, false);
    service_address::allocate(state, resource, &mut object);
    if edit.subresource != "status" {
        validate::check(resource, edit.version, Some(live), &object)?;
    } else if let Some(version) = resource.crd_version(edit.version) {
        let mut errors = crate::api_error::FieldErrors::default();
        crd::validate(&object, &version.openapi, &mut errors);
        errors.into_result(resource, edit.name)?;
    }

    let mut before = live.clone();
    remove(&mut before, &["metadata", "managedFields"]);
    set(&mut before, &["apiVersion"], resource.api_version(edit.version));
    let managers = match ownership {
        Ownership::Applied(managers) => managers,
        // What nobody owns anything of is not tracked until somebody applies it; likewise replicas through `scale`.
        _ if managers_before.is_empty() => Vec::new(),
        _ if edit.subresource == "scale" && !replicas_owned(resource, edit.version, &managers_before) => {
            managers_before
        }
        Ownership::Changed | Ownership::Controller => {
            let api_version = resource.api_version(edit.version);
            let writer =
                Writer { name: edit.manager, api_version: &api_version, subresource: edit.subresource };
            managed::after_update(
                resource.schema_for(edit.version),
                &before,
                &object,
                managers_before,
                writer,
                has_status,
            )
        }
    };
    let unchanged = object == before && same_owners(&managers, &managed::decode(live)) && !reset;
    if unchanged {
        return Ok(live.clone());
    }
    if resource.traits.generation && meaning(&object, has_status) != meaning(&before, has_status) {
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        set(&mut object, &["metadata", "generation"], generation + 1);
    }
    managed::encode(&mut object, managers);
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") && edit.subresource.is_empty() {
        crd::accept(&mut object, &clock::now());
    }
    if edit.dry_run {
        return Ok(object);
    }
    let finished = object.pointer("/metadata/deletionTimestamp").is_some()
        && list(&object, "/metadata/finalizers").is_empty()
        && !resource.is("", "namespaces");
    state.put(resource, edit.namespace, edit.name, &mut object);
    if finished {
        state.remove(&State::key(resource, edit.namespace, edit.name));
    }
    Ok(object)
}

/// Where the object would lie in etcd: refusals from there speak of it.
fn registry_key(resource: &Resource, namespace: &str, name: &str) -> String {
    let mut out = "/registry".to_owned();
    let group = if resource.traits.builtin { "" } else { resource.group.as_str() };
    for part in [group, &resource.plural, namespace, name].into_iter().filter(|part| !part.is_empty()) {
        out.push('/');
        out.push_str(part);
    }
    out
}

fn replicas_owned(resource: &Resource, version: &str, managers: &[Manager]) -> bool {
    let pointer = resource
        .crd_version(version)
        .and_then(|version| version.scale.as_ref())
        .map_or("/spec/replicas", |scale| scale.spec.as_str());
    let elements: Vec<String> =
        pointer.split('/').filter(|key| !key.is_empty()).map(|key| format!("f:{key}")).collect();
    let mut path = crate::fieldset::FieldSet::default();
    path.insert(&elements.iter().map(String::as_str).collect::<Vec<_>>());
    managers.iter().any(|manager| !manager.fields.intersection(&path).is_empty())
}

fn same_owners(a: &[Manager], b: &[Manager]) -> bool {
    let key = |m: &Manager| (m.operation, m.name.clone(), m.api_version.clone(), m.subresource.clone());
    a.len() == b.len()
        && a.iter().all(|m| b.iter().any(|other| key(m) == key(other) && m.fields == other.fields))
}

/// What `generation` counts.
fn meaning(object: &Value, has_status: bool) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("metadata");
        map.shift_remove("apiVersion");
        if has_status {
            map.shift_remove("status");
        }
    }
    object
}
