//! The controllers of a cluster, run to rest after each request: no timers, no tasks, no waiting in tests.
//!
//! `cluster_api` is different: an ordinary client that plays Cluster API against any API server.

pub mod cluster_api;
mod collector;
mod deployments;
mod pods;
mod seed;
mod sets;

use serde_json::{Value, json};

pub(crate) use pods::{budget_needs, is_ready};
pub(crate) use seed::seed;

use crate::{
    crd,
    resource::Resource,
    store::{Key, State, Work},
    value::{list, text},
    verbs::{Edit, edit, plant},
};

/// The name under which the controllers write.
pub(crate) const MANAGER: &str = "kube-controller-manager";

/// Steps after which one request's consequences are cut off: a runaway is a bug, not a reason to hang.
const BUDGET: usize = 100_000;

/// Works until nothing is left to do.
pub(crate) fn settle(state: &mut State) {
    for _ in 0..BUDGET {
        match state.work.pop_front() {
            None => return,
            Some(Work::Changed(key)) => changed(state, &key),
            Some(Work::Deleted { key, object }) => {
                if let Ok(object) = serde_json::from_slice::<Value>(&object) {
                    deleted(state, &key, &object);
                }
            }
        }
    }
    tracing::warn!("the controllers did not come to rest");
    state.work.clear();
}

/// Looks at everything again, after a fault was lifted.
pub(crate) fn resync(state: &mut State) {
    for key in state.all_keys() {
        state.work.push_back(Work::Changed(key));
    }
    settle(state);
}

fn changed(state: &mut State, key: &Key) {
    let Some(resource) = state.catalog.by_id(key.resource) else { return };
    let Some(record) = state.record(key) else { return };
    // Most objects have no controller: leave them unparsed.
    let watched = matches!(
        (resource.group.as_str(), resource.plural.as_str()),
        ("apps" | "batch" | "policy" | "apiextensions.k8s.io" | "apiregistration.k8s.io", _)
            | (
                "",
                "pods" | "services" | "persistentvolumeclaims" | "namespaces" | "nodes" | "persistentvolumes"
            )
    );
    let interesting = |needle: &[u8]| record.bytes.windows(needle.len()).any(|window| window == needle);
    if !watched && !interesting(b"ownerReferences") && !interesting(b"deletionTimestamp") {
        return;
    }
    let object = record.value();
    if collector::collect(state, key, &resource, &object) {
        return;
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("apiextensions.k8s.io", "customresourcedefinitions") => register(state, &object),
        ("", "namespaces") => seed::namespace(state, &object),
        ("apiregistration.k8s.io", "apiservices") => {
            let now = crate::clock::now();
            write_status(
                state,
                &resource,
                &object,
                json!({"conditions": [{"type": "Available", "status": "True", "reason": "Local", "message": "Local APIServices are always available", "lastTransitionTime": now}]}),
            );
        }
        _ if !state.controllers => {}
        ("apps", "deployments") => deployments::deployment(state, &resource, &object),
        ("apps", "replicasets") => sets::replica_set(state, &resource, &object),
        ("apps", "statefulsets") => sets::stateful_set(state, &resource, &object),
        ("apps", "daemonsets") => sets::daemon_set(state, &resource, &object),
        ("batch", "jobs") => sets::job(state, &resource, &object),
        ("policy", "poddisruptionbudgets") => pods::budget(state, &resource, &object),
        ("", "pods") => pods::pod(state, &resource, &object),
        ("", "services") => pods::service(state, &resource, &object),
        ("", "persistentvolumeclaims") => pods::claim(state, &resource, &object),
        ("", "nodes") => requeue_all(state, "apps", "daemonsets", ""),
        _ => {}
    }
}

fn deleted(state: &mut State, key: &Key, object: &Value) {
    let Some(resource) = state.catalog.by_id(key.resource) else { return };
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") {
        let (group, plural) = (text(object, "/spec/group"), text(object, "/spec/names/plural"));
        if let Some(custom) = state.catalog.find(group, plural) {
            let keys: Vec<Key> = state.iter(custom.id, "").map(|(key, _)| key.clone()).collect();
            for key in keys {
                state.remove(&key);
            }
            state.catalog.dynamic.retain(|resource| resource.id != custom.id);
        }
    }
    collector::owner_gone(state, object);
    if state.controllers {
        requeue_owner(state, object);
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "pods") => requeue_all(state, "policy", "poddisruptionbudgets", &key.namespace),
            ("", "nodes") => requeue_all(state, "apps", "daemonsets", ""),
            _ => {}
        }
    }
    if !key.namespace.is_empty() {
        seed::recheck_namespace(state, &key.namespace);
    } else if resource.is("", "namespaces") {
        for key in state.keys_in(&key.name) {
            state.remove(&key);
        }
    }
}

fn register(state: &mut State, definition: &Value) {
    let (group, plural) = (text(definition, "/spec/group"), text(definition, "/spec/names/plural"));
    let known = state.catalog.dynamic.iter().position(|resource| resource.is(group, plural));
    let id = match known {
        Some(index) => state.catalog.dynamic[index].id,
        None => state.take_dynamic_id(),
    };
    if let Some(resource) = crd::resource(definition, id) {
        let resource = std::sync::Arc::new(resource);
        match known {
            Some(index) => state.catalog.dynamic[index] = resource,
            None => state.catalog.dynamic.push(resource),
        }
    }
}

fn requeue_all(state: &mut State, group: &str, plural: &str, namespace: &str) {
    let Some(resource) = state.catalog.find(group, plural) else { return };
    let keys: Vec<Key> = state.iter(resource.id, namespace).map(|(key, _)| key.clone()).collect();
    state.work.extend(keys.into_iter().map(Work::Changed));
}

/// The controlling owner's key, if it is there.
fn owner_key(state: &State, object: &Value) -> Option<Key> {
    let owner = list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner.get("controller") == Some(&json!(true)))?;
    let group = text(owner, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let resource = state.catalog.find_kind(group, text(owner, "/kind"))?;
    let namespace = if resource.namespaced { text(object, "/metadata/namespace") } else { "" };
    Some(State::key(&resource, namespace, text(owner, "/name")))
}

fn requeue_owner(state: &mut State, object: &Value) {
    if let Some(key) = owner_key(state, object)
        && state.record(&key).is_some()
    {
        state.work.push_back(Work::Changed(key));
    }
}

/// Objects of a resource that a controller owns.
fn owned(state: &State, resource: &Resource, owner: &Value) -> Vec<Value> {
    let uid = text(owner, "/metadata/uid");
    state
        .values(resource, text(owner, "/metadata/namespace"))
        .into_iter()
        .filter(|object| {
            list(object, "/metadata/ownerReferences").iter().any(|reference| {
                text(reference, "/uid") == uid && reference.get("controller") == Some(&json!(true))
            })
        })
        .collect()
}

fn owner_reference(resource: &Resource, owner: &Value) -> Value {
    json!([{
        "apiVersion": resource.api_version(resource.preferred()),
        "kind": resource.kind,
        "name": text(owner, "/metadata/name"),
        "uid": text(owner, "/metadata/uid"),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

fn spawn(state: &mut State, resource: &Resource, namespace: &str, name: &str, object: Value, manager: &str) {
    let edit = Edit {
        resource,
        version: resource.preferred(),
        namespace,
        name,
        manager,
        subresource: "",
        dry_run: false,
    };
    if let Err(error) = plant(state, edit, object) {
        tracing::debug!(kind = %resource.kind, name, error = %error.message, "a controller's object was refused");
    }
}

fn rewrite(state: &mut State, resource: &Resource, live: &Value, object: Value, subresource: &str) {
    let namespace = text(live, "/metadata/namespace");
    let name = text(live, "/metadata/name");
    let change = Edit {
        resource,
        version: resource.preferred(),
        namespace,
        name,
        manager: MANAGER,
        subresource,
        dry_run: false,
    };
    if let Err(error) = edit(state, change, live, object) {
        tracing::debug!(kind = %resource.kind, name, error = %error.message, "a controller's write was refused");
    }
}

/// Writes a status if it differs, on the object as it is now.
fn write_status(state: &mut State, resource: &Resource, object: &Value, status: Value) {
    let namespace = if resource.namespaced { text(object, "/metadata/namespace") } else { "" };
    let Some(live) = state.get(resource, namespace, text(object, "/metadata/name")) else { return };
    let mut wanted = live.clone();
    crate::value::set(&mut wanted, &["status"], status);
    rewrite(state, resource, &live, wanted, "status");
}

/// A condition, whose transition time moves only when its status does.
fn condition(old: &Value, kind: &str, status: bool, reason: &str, message: &str, update_time: bool) -> Value {
    let status = if status { "True" } else { "False" };
    let before = list(old, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind);
    let now = crate::clock::now();
    let since = match before {
        Some(before) if text(before, "/status") == status => text(before, "/lastTransitionTime").to_owned(),
        _ => now.clone(),
    };
    let mut out = json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since});
    if update_time {
        let same = before.is_some_and(|b| {
            text(b, "/status") == status && text(b, "/reason") == reason && text(b, "/message") == message
        });
        out["lastUpdateTime"] = match before {
            Some(before) if same => before.get("lastUpdateTime").cloned().unwrap_or_else(|| json!(now)),
            _ => json!(now),
        };
    }
    out
}
