//! POST, PUT and PATCH.

use serde_json::{Value, json};

use super::{Reply, Scope, body};
use crate::{
    api_error::{ApiError, Cause},
    clock, crd, defaults,
    managed::{self, Manager, Writer},
    patch,
    resource::{Resource, skeleton},
    schema::Schema,
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
    fn of(scope: Scope<'a>, manager: &'a str) -> Self {
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
enum Ownership {
    /// Worked out from what the write changes.
    Changed,
    /// As `Changed`, by a controller of the simulator, which may give a new object its status at once.
    Controller,
    /// Already worked out by server-side apply.
    Applied(Vec<Manager>),
}

fn check_type(scope: Scope<'_>, object: &Value) -> Result<(), ApiError> {
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

pub(super) fn create(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let object = body(scope.call)?;
    if !object.is_object() {
        return Err(ApiError::bad_request("the request body is not an object"));
    }
    check_type(scope, &object)?;
    let name = text(&object, "/metadata/name").to_owned();
    let scope = Scope { name: &name, ..scope };
    let manager = scope.manager().to_owned();
    let stored = insert(state, Edit::of(scope, &manager), object, Ownership::Changed)?;
    Ok(Reply::value(201, &scope.shown(&stored)))
}

/// Creates an object, from POST or from an apply that found none.
fn insert(
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
    allocate(state, resource, &mut object);
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

/// Addresses and ports of Services.
fn allocate(state: &mut State, resource: &Resource, object: &mut Value) {
    if !resource.is("", "services") {
        return;
    }
    let kind = text(object, "/spec/type").to_owned();
    if kind == "ExternalName" {
        return;
    }
    if text(object, "/spec/clusterIP").is_empty() {
        state.addresses += 1;
        let number = state.addresses;
        let address = format!("10.{}.{}.{}", 96 + (number >> 16) % 16, (number >> 8) % 256, number % 256);
        set(object, &["spec", "clusterIP"], address);
    }
    let address = text(object, "/spec/clusterIP").to_owned();
    set(object, &["spec", "clusterIPs"], json!([address]));
    if defaults::needs_node_ports(object) {
        let mut ports = object.pointer("/spec/ports").cloned().unwrap_or_default();
        for port in ports.as_array_mut().into_iter().flatten() {
            state.addresses += 1;
            let number = 30000 + state.addresses % 2768;
            crate::value::default(port, "nodePort", number);
        }
        set(object, &["spec", "ports"], ports);
    }
}

pub(super) fn replace(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let object = body(scope.call)?;
    if !object.is_object() {
        return Err(ApiError::bad_request("the request body is not an object"));
    }
    check_type(scope, &object)?;
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
    let manager = scope.manager().to_owned();
    let stored = update(state, Edit::of(scope, &manager), &live, object, Ownership::Changed)?;
    Ok(Reply::value(200, &scope.shown(&stored)))
}

fn scope_version(scope: Scope<'_>, live: &Value) -> Value {
    let mut object = live.clone();
    set(&mut object, &["apiVersion"], scope.api_version());
    object
}

fn apply(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
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
    check_keys(scope, schema, &config)?;
    let writer = Writer { name: manager, api_version: &api_version, subresource: scope.subresource };
    let has_status = resource.has_status(scope.version);
    let force = scope.call.query.flag("force");
    let Some(live) = state.get(resource, scope.namespace, scope.name) else {
        if !scope.subresource.is_empty() {
            return Err(scope.not_found());
        }
        let empty = if resource.traits.builtin { skeleton(resource) } else { json!({}) };
        let (object, managers) =
            managed::apply(schema, &empty, &config, Vec::new(), writer, has_status, force)?;
        let stored = insert(state, Edit::of(scope, manager), object, Ownership::Applied(managers))?;
        return Ok(Reply::value(201, &scope.shown(&stored)));
    };
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
    let qualifier = format!("{}/", text(config, "/metadata/namespace"));
    let group_version =
        if scope.resource.group.is_empty() { format!("/{}", scope.version) } else { scope.api_version() };
    Err(ApiError::new(
        500,
        "",
        format!(
            "failed to create typed patch object ({qualifier}{}; {group_version}, Kind={}): {path}",
            scope.name, scope.resource.kind
        ),
    ))
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
fn update(
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
        keep_address(live, &mut object);
    }
    normalize(resource, edit.version, &mut object, false);
    allocate(state, resource, &mut object);
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

fn keep_address(live: &Value, object: &mut Value) {
    if text(object, "/spec/type") == "ExternalName" || text(live, "/spec/type") == "ExternalName" {
        return;
    }
    for key in ["clusterIP", "clusterIPs"] {
        if object.pointer(&format!("/spec/{key}")).is_none()
            && let Some(value) = live.pointer(&format!("/spec/{key}"))
        {
            set(object, &["spec", key], value.clone());
        }
    }
    let had = list(live, "/spec/ports").to_vec();
    let typed = text(object, "/spec/type").to_owned();
    if matches!(typed.as_str(), "NodePort" | "LoadBalancer") {
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let before = had.iter().find(|old| old.get("port") == port.get("port"));
            if let Some(number) = before.and_then(|old| old.get("nodePort")) {
                crate::value::default(port, "nodePort", number.clone());
            }
        }
    }
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
