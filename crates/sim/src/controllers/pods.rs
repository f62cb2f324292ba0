//! Kubelet, scheduler, volume binder, load balancers and disruption budgets, as far as clients see them.

use serde_json::{Value, json};

use super::{requeue_all, requeue_owner, rewrite, spawn, write_status};
use crate::{
    clock,
    resource::Resource,
    selector::LabelSelector,
    store::State,
    value::{integer, list, set, text},
};

/// Whether a pod's Ready condition is true.
pub(crate) fn is_ready(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_none()
        && list(pod, "/status/conditions")
            .iter()
            .any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True")
}

/// How many of `count` pods a budget wants healthy.
pub(crate) fn budget_needs(budget: &Value, count: i64) -> i64 {
    let amount = |pointer: &str| {
        budget.pointer(pointer).map(|value| match value {
            Value::String(text) => {
                let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
                (count * percent + 99) / 100
            }
            other => other.as_i64().unwrap_or(0),
        })
    };
    match (amount("/spec/minAvailable"), amount("/spec/maxUnavailable")) {
        (Some(minimum), _) => minimum,
        (None, Some(maximum)) => (count - maximum).max(0),
        (None, None) => 0,
    }
}

/// Whether a pod of this spec is held back by a fault.
fn held_back(state: &State, spec: &Value) -> bool {
    !state.not_ready.is_empty()
        && list(spec, "/containers")
            .iter()
            .any(|c| state.not_ready.iter().any(|pattern| text(c, "/image").contains(pattern.as_str())))
}

/// The status a pod has as soon as it runs.
pub(super) fn running_status(state: &mut State, spec: &Value, done: bool) -> Value {
    let now = clock::now();
    let held = held_back(state, spec);
    let ready = !held && !done;
    let condition = |kind: &str, status: bool| {
        let mut condition = json!({
            "type": kind, "status": if status { "True" } else { "False" },
            "lastProbeTime": null, "lastTransitionTime": now,
        });
        if !status {
            condition["reason"] = json!(if done { "PodCompleted" } else { "ContainersNotReady" });
        }
        condition
    };
    state.addresses += 1;
    let number = state.addresses;
    let address = format!("10.244.{}.{}", (number >> 8) % 256, number % 256);
    let containers: Vec<Value> = list(spec, "/containers")
        .iter()
        .map(|container| {
            let run = if held {
                json!({"waiting": {"reason": "ContainerCreating"}})
            } else if done {
                json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}})
            } else {
                json!({"running": {"startedAt": now}})
            };
            json!({
                "name": text(container, "/name"), "image": text(container, "/image"), "imageID": "",
                "ready": ready, "started": ready, "restartCount": 0, "lastState": {}, "state": run,
            })
        })
        .collect();
    let phase = if held {
        "Pending"
    } else if done {
        "Succeeded"
    } else {
        "Running"
    };
    json!({
        "phase": phase,
        "conditions": [
            condition("PodReadyToStartContainers", true), condition("Initialized", true),
            condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", true),
        ],
        "hostIP": "172.18.0.2", "podIP": address, "podIPs": [{"ip": address}], "startTime": now,
        "containerStatuses": containers, "qosClass": "BestEffort",
    })
}

/// The name of a node for the n-th pod.
pub(super) fn pick_node(state: &mut State) -> Option<String> {
    let nodes = state.catalog.find("", "nodes")?;
    let names: Vec<String> = state
        .iter(nodes.id, "")
        .filter(|(_, record)| record.value().pointer("/spec/unschedulable") != Some(&json!(true)))
        .map(|(key, _)| key.name.to_string())
        .collect();
    if names.is_empty() {
        return None;
    }
    let drawn = usize::try_from(state.draw() % 1_000_003).unwrap_or(0);
    names.get(drawn % names.len()).cloned()
}

pub(super) fn pod(state: &mut State, resource: &Resource, pod: &Value) {
    let namespace = text(pod, "/metadata/namespace").to_owned();
    let spec = pod.get("spec").cloned().unwrap_or_default();
    let phase = text(pod, "/status/phase");
    let held = held_back(state, &spec);
    let running = phase == "Running";
    if text(&spec, "/nodeName").is_empty() {
        // The scheduler writes directly: a pod's spec is closed to everyone else.
        let Some(node) = pick_node(state) else {
            if phase.is_empty() {
                write_status(state, resource, pod, json!({"phase": "Pending", "qosClass": "BestEffort"}));
            }
            return;
        };
        let mut bound = pod.clone();
        set(&mut bound, &["spec", "nodeName"], node);
        rewrite(state, resource, pod, bound, "");
    }
    let fresh = phase.is_empty() || phase == "Pending";
    if fresh && (!held || phase.is_empty()) {
        let of_job = list(pod, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/kind") == "Job");
        let status = running_status(state, &spec, of_job && !held);
        write_status(state, resource, pod, status);
    } else if held && running && is_ready(pod) {
        let status = running_status(state, &spec, false);
        write_status(state, resource, pod, status);
    }
    requeue_owner(state, pod);
    requeue_all(state, "policy", "poddisruptionbudgets", &namespace);
}

pub(super) fn budget(state: &mut State, resource: &Resource, budget: &Value) {
    let Some(pods) = state.catalog.find("", "pods") else { return };
    let selector = LabelSelector::from_object(&budget.pointer("/spec/selector").cloned().unwrap_or_default());
    let all: Vec<Value> = state
        .values(&pods, text(budget, "/metadata/namespace"))
        .into_iter()
        .filter(|pod| selector.matches(pod))
        .collect();
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let healthy = i64::try_from(all.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(i64::MAX);
    let needed = budget_needs(budget, count);
    let allowed = (healthy - needed).max(0);
    let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
    let mut condition = super::condition(budget, "DisruptionAllowed", allowed > 0, reason, "", false);
    condition["observedGeneration"] = budget.pointer("/metadata/generation").cloned().unwrap_or_default();
    write_status(
        state,
        resource,
        budget,
        json!({
            "conditions": [condition], "currentHealthy": healthy, "desiredHealthy": needed, "disruptionsAllowed": allowed,
            "expectedPods": count, "observedGeneration": integer(budget, "/metadata/generation"),
        }),
    );
}

pub(super) fn service(state: &mut State, resource: &Resource, service: &Value) {
    let wanted = text(service, "/spec/type") == "LoadBalancer";
    let has = !list(service, "/status/loadBalancer/ingress").is_empty();
    if wanted && !has {
        state.addresses += 1;
        let address = format!("203.0.113.{}", state.addresses % 254 + 1);
        let status = json!({"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}});
        write_status(state, resource, service, status);
    } else if !wanted && has {
        write_status(state, resource, service, json!({"loadBalancer": {}}));
    }
}

pub(super) fn claim(state: &mut State, resource: &Resource, claim: &Value) {
    if text(claim, "/status/phase") == "Bound" {
        return;
    }
    let Some(volumes) = state.catalog.find("", "persistentvolumes") else { return };
    let volume = format!("pvc-{}", text(claim, "/metadata/uid"));
    let spec = claim.get("spec").cloned().unwrap_or_default();
    let capacity = spec.pointer("/resources/requests").cloned().unwrap_or_default();
    let object = json!({
        "metadata": {"name": volume},
        "spec": {
            "capacity": capacity, "accessModes": spec.get("accessModes"), "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": text(&spec, "/storageClassName"), "volumeMode": spec.get("volumeMode"),
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": text(claim, "/metadata/name"),
                "namespace": text(claim, "/metadata/namespace"), "uid": text(claim, "/metadata/uid"),
            },
            "hostPath": {"path": format!("/var/lib/sim/{volume}"), "type": ""},
        },
        "status": {"phase": "Bound"},
    });
    spawn(state, &volumes, "", &volume, object, super::MANAGER);
    let mut bound = claim.clone();
    set(&mut bound, &["spec", "volumeName"], volume);
    rewrite(state, resource, claim, bound, "");
    let status = json!({"phase": "Bound", "accessModes": spec.get("accessModes"), "capacity": capacity});
    write_status(state, resource, claim, status);
}
