//! Nodes, and how much room there is on them.
//!
//! What a Pod asks for is reckoned as the scheduler does:
//! <https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers> and
//! <https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers>.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    evidence::{ApiInUse, Capacity, NodeCount},
    object::{Destination, ObjectKey},
    plan::Action,
    quantity::Quantity,
    version::KubernetesVersion,
};

use super::question::Question;

/// What is reckoned with. Pods are counted.
const RESOURCES: [&str; 3] = ["cpu", "memory", PODS];
const PODS: &str = "pods";

/// How many nodes there are.
#[must_use]
pub fn nodes(nodes: &[Value]) -> NodeCount {
    let count = |counts: &dyn Fn(&Value) -> bool| {
        u32::try_from(nodes.iter().filter(|node| counts(node)).count()).unwrap_or(u32::MAX)
    };
    NodeCount { nodes: count(&|_| true), ready: count(&is_ready), schedulable: count(&is_schedulable) }
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_ready(node: &Value) -> bool {
    list(node, "/status/conditions").any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True")
}

fn is_schedulable(node: &Value) -> bool {
    let kept =
        list(node, "/spec/taints").any(|taint| matches!(text(taint, "/effect"), "NoSchedule" | "NoExecute"));
    is_ready(node) && !kept && node.pointer("/spec/unschedulable") != Some(&Value::Bool(true))
}

/// Pods that have not ended.
fn runs(pod: &&Value) -> bool {
    !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// The replicas that a workload has on the cluster, which count where what is sent names none.
#[must_use]
pub fn live_replicas(live: &Value) -> Option<u64> {
    live.pointer("/spec/replicas")?.as_u64()
}

/// How much room schedulable nodes have, and how much more the workloads of a plan ask for than was last sent.
///
/// Counted are controllers that keep Pods running, and bare Pods; not what Jobs take while they run, nor what a rolling update
/// takes on top while it lasts.
#[must_use]
pub fn capacity(
    nodes: &[Value],
    pods: &[Value],
    questions: &[Question<'_>],
    replicas: &BTreeMap<ObjectKey, u64>,
) -> Vec<Capacity> {
    let usable: Vec<&Value> = nodes.iter().filter(|node| is_schedulable(node)).collect();
    let names: Vec<&str> = usable.iter().map(|node| text(node, "/metadata/name")).collect();
    let counted = |pod: &&Value| {
        let node = text(pod, "/spec/nodeName");
        runs(pod) && (node.is_empty() || names.contains(&node))
    };
    let of_workload = |body: &Value, key: &ObjectKey, resource: &str| {
        let live = replicas.get(key).copied();
        workload(key, body, live, nodes, resource)
    };
    let changes: Vec<&Question<'_>> = questions
        .iter()
        .filter(|question| {
            question.destination == Destination::Workload
                && matches!(
                    question.action,
                    Some(Action::Create | Action::Change | Action::Replace | Action::Restore)
                )
        })
        .collect();
    let of = |resource: &&'static str| {
        let allocatable = usable
            .iter()
            .filter_map(|node| Quantity::of_value(node.pointer("/status/allocatable")?.get(*resource)?));
        let requested = pods
            .iter()
            .filter(counted)
            .map(|pod| pod.get("spec").map_or(Quantity::ZERO, |spec| pod_request(spec, resource)));
        let additional = changes.iter().map(|question| {
            let wanted =
                question.object.map_or(Quantity::ZERO, |it| of_workload(&it.body, question.key, resource));
            // What was scaled to zero takes no room.
            let known = question.known.filter(|_| question.action != Some(Action::Restore));
            let before =
                known.map_or(Quantity::ZERO, |it| of_workload(it.known_body(), question.key, resource));
            wanted - before
        });
        Capacity {
            resource: (*resource).to_owned(),
            allocatable: allocatable.sum(),
            requested: requested.sum(),
            additional: additional.sum(),
        }
    };
    RESOURCES.iter().map(of).collect()
}

/// What all Pods of a workload ask for.
fn workload(key: &ObjectKey, body: &Value, live: Option<u64>, nodes: &[Value], resource: &str) -> Quantity {
    let (spec, count) = match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") | ("", "ReplicationController") => {
            let named = body.pointer("/spec/replicas").and_then(Value::as_u64);
            (body.pointer("/spec/template/spec"), named.or(live).unwrap_or(1))
        }
        ("apps", "DaemonSet") => {
            let spec = body.pointer("/spec/template/spec");
            let selects = |node: &&Value| spec.is_some_and(|spec| selects(spec, node));
            (spec, u64::try_from(nodes.iter().filter(selects).count()).unwrap_or(u64::MAX))
        }
        ("", "Pod") => (body.get("spec"), 1),
        _ => (None, 0),
    };
    spec.map_or(Quantity::ZERO, |spec| pod_request(spec, resource).times(count))
}

/// Whether the node selector of a Pod allows for a node.
fn selects(spec: &Value, node: &Value) -> bool {
    let mut wanted = spec.get("nodeSelector").and_then(Value::as_object).into_iter().flatten();
    wanted.all(|(label, value)| {
        node.pointer("/metadata/labels").and_then(|labels| labels.get(label)) == Some(value)
    })
}

/// What one Pod asks for.
fn pod_request(spec: &Value, resource: &str) -> Quantity {
    if resource == PODS {
        return Quantity::of(1);
    }
    let overhead = amount(spec.get("overhead"), resource).unwrap_or_default();
    // A Pod that says it as a whole means it as a whole.
    if let Some(whole) = request(spec, resource) {
        return whole + overhead;
    }
    let containers: Quantity =
        list(spec, "/containers").filter_map(|container| request(container, resource)).sum();
    // Those that stay count on top of all that start after them; the others run one after another before.
    let (mut stay, mut starting) = (Quantity::ZERO, Quantity::ZERO);
    for container in list(spec, "/initContainers") {
        let wanted = request(container, resource).unwrap_or_default();
        if text(container, "/restartPolicy") == "Always" {
            stay = stay + wanted;
            starting = starting.max(stay);
        } else {
            starting = starting.max(stay + wanted);
        }
    }
    starting.max(containers + stay) + overhead
}

/// What a container asks for; its limit where it names no request, as Kubernetes fills in.
fn request(container: &Value, resource: &str) -> Option<Quantity> {
    let of = |kind: &str| amount(container.pointer(&format!("/resources/{kind}")), resource);
    of("requests").or_else(|| of("limits"))
}

fn amount(resources: Option<&Value>, resource: &str) -> Option<Quantity> {
    Quantity::of_value(resources?.get(resource)?)
}

/// Of the deprecated APIs that somebody uses, those that a Kubernetes version does not have any more.
#[must_use]
pub fn removed(in_use: Vec<ApiInUse>, target: &KubernetesVersion) -> Vec<ApiInUse> {
    let gone = |api: &ApiInUse| {
        let (major, minor) = api.removed_in.split_once('.')?;
        let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
        Some((major, minor) <= (target.major(), target.minor()))
    };
    in_use.into_iter().filter(|api| gone(api) == Some(true)).collect()
}
