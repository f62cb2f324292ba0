//! Defaults that clients see on built-in kinds.

mod pod;
mod workload;

use serde_json::{Value, json};

use crate::{
    resource::{Resource, skeleton},
    value::{child, default, drop_nulls, list, remove, set, text},
};

/// Fills in what the API server would; `fresh` on creation.
pub(crate) fn apply(resource: &Resource, object: &mut Value, fresh: bool) {
    drop_nulls(object);
    resource.schema.drop_empty(object);
    fill(object, &skeleton(resource));
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "namespaces") => {
            if fresh {
                set(object, &["spec", "finalizers"], json!(["kubernetes"]));
                set(object, &["status", "phase"], "Active");
            }
            let name = text(object, "/metadata/name").to_owned();
            set(object, &["metadata", "labels", "kubernetes.io/metadata.name"], name);
        }
        ("", "pods") => pod::spec(child(object, "spec"), true),
        ("", "services") => service(object),
        ("", "secrets") => secret(object),
        ("", "persistentvolumeclaims") => {
            default(child(object, "spec"), "volumeMode", "Filesystem");
            if fresh {
                set(object, &["status", "phase"], "Pending");
            }
        }
        ("", "persistentvolumes") => {
            let spec = child(object, "spec");
            default(spec, "persistentVolumeReclaimPolicy", "Retain");
            default(spec, "volumeMode", "Filesystem");
            if fresh {
                set(object, &["status", "phase"], "Pending");
            }
        }
        ("apps", _) | ("batch", _) => workload::fill(resource, object, fresh),
        ("policy", "poddisruptionbudgets") => {}
        ("networking.k8s.io", "networkpolicies") => {
            let spec = child(object, "spec");
            let egress = spec.get("egress").is_some();
            let types = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            default(spec, "policyTypes", types);
        }
        ("autoscaling", "horizontalpodautoscalers") => {
            let spec = child(object, "spec");
            default(spec, "minReplicas", 1);
            default(
                spec,
                "metrics",
                json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
            );
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => binding(object),
        ("storage.k8s.io", "storageclasses") => {
            default(object, "reclaimPolicy", "Delete");
            default(object, "volumeBindingMode", "Immediate");
        }
        ("storage.k8s.io", "csidrivers") => {
            let spec = child(object, "spec");
            default(spec, "attachRequired", true);
            default(spec, "podInfoOnMount", false);
            default(spec, "storageCapacity", false);
            default(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
            default(spec, "volumeLifecycleModes", json!(["Persistent"]));
            default(spec, "requiresRepublish", false);
            default(spec, "seLinuxMount", false);
        }
        ("scheduling.k8s.io", "priorityclasses") => {
            default(object, "preemptionPolicy", "PreemptLowerPriority")
        }
        ("admissionregistration.k8s.io", _) => webhooks(object),
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition(object),
        _ => {}
    }
}

/// Adds the fields of the typed form that are always written.
fn fill(object: &mut Value, skeleton: &Value) {
    let (Some(map), Some(shape)) = (object.as_object_mut(), skeleton.as_object()) else { return };
    for (key, below) in shape {
        if let Value::Object(inner) = below
            && (inner.is_empty()
                || key == "metadata"
                || key == "spec"
                || key == "template"
                || key == "jobTemplate"
                || key == "status")
        {
            let slot = map.entry(key.clone()).or_insert_with(|| json!({}));
            fill(slot, below);
        }
    }
}

fn service(object: &mut Value) {
    let spec = child(object, "spec");
    default(spec, "sessionAffinity", "None");
    default(spec, "type", "ClusterIP");
    let kind = text(spec, "/type").to_owned();
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        if port
            .get("targetPort")
            .is_none_or(|target| target.is_null() || *target == json!(0) || *target == json!(""))
        {
            set(port, &["targetPort"], number);
        }
    }
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort") {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", true);
    }
    if kind != "ExternalName" {
        default(spec, "internalTrafficPolicy", "Cluster");
        default(spec, "ipFamilyPolicy", "SingleStack");
        default(spec, "ipFamilies", json!(["IPv4"]));
    }
}

fn secret(object: &mut Value) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    default(object, "type", "Opaque");
    let clear = object.get("stringData").cloned();
    if let Some(clear) = clear.as_ref().and_then(Value::as_object) {
        let data = child(object, "data");
        for (key, value) in clear {
            set(data, &[key], STANDARD.encode(value.as_str().unwrap_or_default()));
        }
    }
    remove(object, &["stringData"]);
}

fn binding(object: &mut Value) {
    let role = child(object, "roleRef");
    if text(role, "/apiGroup").is_empty() {
        set(role, &["apiGroup"], "rbac.authorization.k8s.io");
    }
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if matches!(text(subject, "/kind"), "User" | "Group") {
            default(subject, "apiGroup", "rbac.authorization.k8s.io");
        }
    }
}

fn webhooks(object: &mut Value) {
    for webhook in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        default(webhook, "failurePolicy", "Fail");
        default(webhook, "matchPolicy", "Equivalent");
        default(webhook, "namespaceSelector", json!({}));
        default(webhook, "objectSelector", json!({}));
        default(webhook, "timeoutSeconds", 10);
        for rule in webhook.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten() {
            default(rule, "scope", "*");
        }
        if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
            default(service, "port", 443);
        }
    }
}

fn definition(object: &mut Value) {
    let spec = child(object, "spec");
    let kind = text(spec, "/names/kind").to_owned();
    let names = child(spec, "names");
    default(names, "listKind", format!("{kind}List"));
    default(names, "singular", kind.to_lowercase());
    default(spec, "conversion", json!({"strategy": "None"}));
}

/// Ports of a Service that needs node ports and has none yet.
pub(crate) fn needs_node_ports(object: &Value) -> bool {
    matches!(text(object, "/spec/type"), "LoadBalancer" | "NodePort")
        && list(object, "/spec/ports").iter().any(|port| port.get("nodePort").is_none())
}
