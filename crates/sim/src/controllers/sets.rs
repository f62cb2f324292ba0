//! Replica sets, stateful sets, daemon sets and jobs.

use serde_json::{Value, json};

use super::{condition, owned, owner_reference, pods, requeue_owner, spawn, write_status};
use crate::{
    clock,
    resource::Resource,
    selector::LabelSelector,
    store::{State, hash_text},
    value::{integer, list, remove, set, text},
    verbs::remove_now,
};

pub(super) fn short_hash(value: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = hash_text(&value.to_string());
    let mut out = String::with_capacity(10);
    for _ in 0..10 {
        out.push(char::from(LETTERS[usize::try_from(hash % 27).unwrap_or(0)]));
        hash /= 27;
    }
    out
}

fn count(pods: &[Value], keep: impl Fn(&Value) -> bool) -> i64 {
    i64::try_from(pods.iter().filter(|pod| keep(pod)).count()).unwrap_or(i64::MAX)
}

pub(super) fn replicas(object: &Value) -> i64 {
    integer(object, "/spec/replicas").unwrap_or(1)
}

pub(super) fn delete(state: &mut State, resource: &Resource, object: &Value) {
    let key = State::key(resource, text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    remove_now(state, &key);
}

fn make_pod(
    state: &mut State,
    owner_kind: &Resource,
    owner: &Value,
    name: &str,
    node: Option<String>,
    labels: &[(&str, &str)],
    done: bool,
) {
    let Some(pods) = state.catalog.find("", "pods") else { return };
    let namespace = text(owner, "/metadata/namespace").to_owned();
    let mut pod = json!({"metadata": {}, "spec": owner.pointer("/spec/template/spec")});
    for key in ["labels", "annotations"] {
        if let Some(value) = owner.pointer(&format!("/spec/template/metadata/{key}")) {
            set(&mut pod, &["metadata", key], value.clone());
        }
    }
    for (key, value) in labels {
        set(&mut pod, &["metadata", "labels", key], *value);
    }
    set(&mut pod, &["metadata", "ownerReferences"], owner_reference(owner_kind, owner));
    set(&mut pod, &["metadata", "name"], name);
    if let Some(node) = node.or_else(|| pods::pick_node(state)) {
        set(&mut pod, &["spec", "nodeName"], node);
        let spec = pod.get("spec").cloned().unwrap_or_default();
        let status = pods::running_status(state, &spec, done);
        set(&mut pod, &["status"], status);
    }
    spawn(state, &pods, &namespace, name, pod, super::MANAGER);
}

pub(super) fn replica_set(state: &mut State, resource: &Resource, rs: &Value) {
    let Some(pods) = state.catalog.find("", "pods") else { return };
    let wanted = replicas(rs);
    let name = text(rs, "/metadata/name").to_owned();
    let have = owned(state, &pods, rs);
    let missing = wanted - i64::try_from(have.len()).unwrap_or(i64::MAX);
    for _ in 0..missing {
        let pod_name = format!("{name}-{}", state.suffix(5));
        make_pod(state, resource, rs, &pod_name, None, &[], false);
    }
    for pod in have.iter().rev().take(usize::try_from(-missing).unwrap_or(0)) {
        delete(state, &pods, pod);
    }
    let have = owned(state, &pods, rs);
    let total = count(&have, |_| true);
    let ready = count(&have, pods::is_ready);
    let mut status = json!({"replicas": total, "observedGeneration": integer(rs, "/metadata/generation")});
    for (key, value) in
        [("fullyLabeledReplicas", total), ("readyReplicas", ready), ("availableReplicas", ready)]
    {
        if value != 0 {
            set(&mut status, &[key], value);
        }
    }
    write_status(state, resource, rs, status);
    requeue_owner(state, rs);
}

pub(super) fn stateful_set(state: &mut State, resource: &Resource, object: &Value) {
    let Some(pod_kind) = state.catalog.find("", "pods") else { return };
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return;
    }
    let name = text(object, "/metadata/name").to_owned();
    let namespace = text(object, "/metadata/namespace").to_owned();
    let wanted = replicas(object);
    let parallel = text(object, "/spec/podManagementPolicy") == "Parallel";
    let revision = format!("{name}-{}", short_hash(object.pointer("/spec/template").unwrap_or(&Value::Null)));
    let on_delete = text(object, "/spec/updateStrategy/type") == "OnDelete";
    let partition = integer(object, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    let ordinal = |pod: &Value| -> i64 {
        text(pod, "/metadata/name").rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(-1)
    };
    for pod in owned(state, &pod_kind, object) {
        let number = ordinal(&pod);
        let outdated = text(&pod, "/metadata/labels/controller-revision-hash") != revision;
        if number >= wanted || (outdated && !on_delete && number >= partition) {
            delete(state, &pod_kind, &pod);
            // One at a time: the next after this one is back and ready.
            if outdated && number < wanted && !parallel {
                break;
            }
        }
    }
    for number in 0..wanted {
        let pod_name = format!("{name}-{number}");
        if state.record(&State::key(&pod_kind, &namespace, &pod_name)).is_none() {
            make_claims(state, object, &namespace, &pod_name);
            let index = number.to_string();
            let labels = [
                ("controller-revision-hash", revision.as_str()),
                ("statefulset.kubernetes.io/pod-name", pod_name.as_str()),
                ("apps.kubernetes.io/pod-index", index.as_str()),
            ];
            make_pod(state, resource, object, &pod_name, None, &labels, false);
        }
        let ready = state.get(&pod_kind, &namespace, &pod_name).is_some_and(|pod| pods::is_ready(&pod));
        if !ready && !parallel {
            break;
        }
    }
    let have = owned(state, &pod_kind, object);
    let total = count(&have, |_| true);
    let ready = count(&have, pods::is_ready);
    let updated = count(&have, |pod| text(pod, "/metadata/labels/controller-revision-hash") == revision);
    let done = updated == total;
    let before = text(object, "/status/currentRevision");
    let current = if done || before.is_empty() { revision.clone() } else { before.to_owned() };
    let mut status = json!({
        "observedGeneration": integer(object, "/metadata/generation"), "replicas": total, "collisionCount": 0,
        "availableReplicas": ready, "currentRevision": current, "updateRevision": revision,
    });
    for (key, value) in [
        ("readyReplicas", ready),
        ("currentReplicas", if done { total } else { total - updated }),
        ("updatedReplicas", updated),
    ] {
        if value != 0 {
            set(&mut status, &[key], value);
        }
    }
    write_status(state, resource, object, status);
}

fn make_claims(state: &mut State, object: &Value, namespace: &str, pod: &str) {
    let Some(claims) = state.catalog.find("", "persistentvolumeclaims") else { return };
    for template in list(object, "/spec/volumeClaimTemplates") {
        let name = format!("{}-{pod}", text(template, "/metadata/name"));
        if state.record(&State::key(&claims, namespace, &name)).is_none() {
            let labels = object.pointer("/spec/selector/matchLabels").cloned().unwrap_or(json!({}));
            let claim = json!({"metadata": {"name": name, "labels": labels}, "spec": template.get("spec")});
            spawn(state, &claims, namespace, &name, claim, super::MANAGER);
        }
    }
}

pub(super) fn daemon_set(state: &mut State, resource: &Resource, object: &Value) {
    let (Some(pod_kind), Some(nodes)) = (state.catalog.find("", "pods"), state.catalog.find("", "nodes"))
    else {
        return;
    };
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return;
    }
    let name = text(object, "/metadata/name").to_owned();
    let revision = short_hash(object.pointer("/spec/template").unwrap_or(&Value::Null));
    let selector = json!({"matchLabels": object.pointer("/spec/template/spec/nodeSelector").cloned().unwrap_or(json!({}))});
    let selector = LabelSelector::from_object(&selector);
    let wanted: Vec<String> = state
        .values(&nodes, "")
        .iter()
        .filter(|node| selector.matches(node))
        .map(|node| text(node, "/metadata/name").to_owned())
        .collect();
    let on_delete = text(object, "/spec/updateStrategy/type") == "OnDelete";
    for pod in owned(state, &pod_kind, object) {
        let outdated = text(&pod, "/metadata/labels/controller-revision-hash") != revision;
        let misplaced = !wanted.iter().any(|node| node == text(&pod, "/spec/nodeName"));
        if misplaced || (outdated && !on_delete) {
            delete(state, &pod_kind, &pod);
        }
    }
    let have = owned(state, &pod_kind, object);
    for node in &wanted {
        if !have.iter().any(|pod| text(pod, "/spec/nodeName") == node) {
            let pod_name = format!("{name}-{}", state.suffix(5));
            let labels = [("controller-revision-hash", revision.as_str()), ("pod-template-generation", "1")];
            make_pod(state, resource, object, &pod_name, Some(node.clone()), &labels, false);
        }
    }
    let have = owned(state, &pod_kind, object);
    let desired = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
    let ready = count(&have, pods::is_ready);
    let updated = count(&have, |pod| text(pod, "/metadata/labels/controller-revision-hash") == revision);
    let mut status = json!({
        "currentNumberScheduled": count(&have, |_| true), "numberMisscheduled": 0, "desiredNumberScheduled": desired,
        "numberReady": ready, "observedGeneration": integer(object, "/metadata/generation"),
    });
    for (key, value) in [
        ("updatedNumberScheduled", updated),
        ("numberAvailable", ready),
        ("numberUnavailable", desired - ready),
    ] {
        if value > 0 {
            set(&mut status, &[key], value);
        }
    }
    write_status(state, resource, object, status);
}

pub(super) fn job(state: &mut State, resource: &Resource, job: &Value) {
    let Some(pod_kind) = state.catalog.find("", "pods") else { return };
    let finished = list(job, "/status/conditions")
        .iter()
        .any(|c| matches!(text(c, "/type"), "Complete" | "Failed") && text(c, "/status") == "True");
    if finished || job.pointer("/metadata/deletionTimestamp").is_some() {
        return;
    }
    if job.pointer("/spec/suspend") == Some(&json!(true)) {
        let suspended = condition(job, "Suspended", true, "JobSuspended", "Job suspended", false);
        write_status(state, resource, job, json!({"conditions": [suspended]}));
        return;
    }
    let name = text(job, "/metadata/name").to_owned();
    let wanted = integer(job, "/spec/completions").or_else(|| integer(job, "/spec/parallelism")).unwrap_or(1);
    let have = owned(state, &pod_kind, job);
    let missing = wanted - i64::try_from(have.len()).unwrap_or(i64::MAX);
    for _ in 0..missing {
        let pod_name = format!("{name}-{}", state.suffix(5));
        make_pod(state, resource, job, &pod_name, None, &[], true);
    }
    let have = owned(state, &pod_kind, job);
    let succeeded = count(&have, |pod| text(pod, "/status/phase") == "Succeeded");
    let now = clock::now();
    let start = match text(job, "/status/startTime") {
        "" => now.clone(),
        start => start.to_owned(),
    };
    let mut status = json!({"startTime": start, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}});
    if succeeded > 0 {
        set(&mut status, &["succeeded"], succeeded);
    }
    if succeeded >= wanted {
        let message = "Reached expected number of succeeded pods";
        set(&mut status, &["completionTime"], now);
        set(
            &mut status,
            &["conditions"],
            json!([
                condition(job, "SuccessCriteriaMet", true, "CompletionsReached", message, false),
                condition(job, "Complete", true, "CompletionsReached", message, false),
            ]),
        );
    } else {
        set(&mut status, &["active"], wanted - succeeded);
        remove(&mut status, &["conditions"]);
    }
    write_status(state, resource, job, status);
}
