//! Garbage collection by owner references.

use serde_json::{Value, json};

use crate::{
    resource::Resource,
    store::{Key, State},
    value::{list, set, text},
    verbs::remove_now,
};

/// Handles finalizers of the collector, finished pods and owners that are gone; true if the object is gone now.
pub(super) fn collect(state: &mut State, key: &Key, resource: &Resource, object: &Value) -> bool {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        let finalizers = list(object, "/metadata/finalizers");
        let uid = text(object, "/metadata/uid").to_owned();
        let mut left: Vec<Value> = finalizers.to_vec();
        if left.contains(&json!("orphan")) {
            for dependent in state.dependents(&uid) {
                drop_owner(state, &dependent, &uid);
            }
            left.retain(|finalizer| finalizer != &json!("orphan"));
        }
        if left.contains(&json!("foregroundDeletion")) {
            for dependent in state.dependents(&uid) {
                remove_now(state, &dependent);
            }
            if state.dependents(&uid).is_empty() {
                left.retain(|finalizer| finalizer != &json!("foregroundDeletion"));
            }
        }
        let changed = left.len() != finalizers.len();
        if left.is_empty() && !resource.is("", "namespaces") && (changed || resource.is("", "pods")) {
            state.remove(key);
            return true;
        }
        if changed {
            let mut object = object.clone();
            set(&mut object, &["metadata", "finalizers"], left);
            state.put(resource, &key.namespace, &key.name, &mut object);
            return true;
        }
        return false;
    }
    let owners = list(object, "/metadata/ownerReferences");
    if !owners.is_empty() && owners.iter().all(|owner| !exists(state, object, owner)) {
        remove_now(state, key);
        return true;
    }
    false
}

fn exists(state: &State, object: &Value, owner: &Value) -> bool {
    let group = text(owner, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
    // An owner of a kind that is not served cannot be judged: it counts as there.
    let Some(resource) = state.catalog.find_kind(group, text(owner, "/kind")) else { return true };
    let namespace = if resource.namespaced { text(object, "/metadata/namespace") } else { "" };
    state
        .get(&resource, namespace, text(owner, "/name"))
        .is_some_and(|found| text(&found, "/metadata/uid") == text(owner, "/uid"))
}

fn drop_owner(state: &mut State, key: &Key, uid: &str) {
    let Some(resource) = state.catalog.by_id(key.resource) else { return };
    let Some(mut object) = state.record(key).map(crate::store::Record::value) else { return };
    let left: Vec<Value> = list(&object, "/metadata/ownerReferences")
        .iter()
        .filter(|owner| text(owner, "/uid") != uid)
        .cloned()
        .collect();
    if left.is_empty() {
        crate::value::remove(&mut object, &["metadata", "ownerReferences"]);
    } else {
        set(&mut object, &["metadata", "ownerReferences"], left);
    }
    state.put(&resource, &key.namespace, &key.name, &mut object);
}

/// Deletes what had only this owner.
pub(super) fn owner_gone(state: &mut State, object: &Value) {
    let uid = text(object, "/metadata/uid").to_owned();
    for key in state.dependents(&uid) {
        let owners =
            state.record(&key).map(|record| crate::store::owner_uids(&record.value())).unwrap_or_default();
        if owners.len() > 1 {
            drop_owner(state, &key, &uid);
        } else {
            remove_now(state, &key);
        }
    }
}
