//! How an orphan can be stopped, and what scaling cannot reach.

use serde_json::Value;
use strata_model::{object::ObjectKey, orphan::Reach};

/// How an object of this kind can be stopped; and for what scaling does not reach, a note for people (else empty).
#[must_use]
pub fn of(key: &ObjectKey, body: &Value) -> (Reach, String) {
    let reach = match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") | ("", "ReplicationController") => Reach::Scale,
        ("batch", "CronJob" | "Job") => Reach::Suspend,
        ("apps", "DaemonSet") => Reach::Park,
        _ => Reach::None,
    };
    if reach != Reach::None {
        return (reach, String::new());
    }
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let note = match (key.group.as_str(), key.kind.as_str()) {
        ("", "Service") if at("/spec/type") == Some("LoadBalancer") => {
            "scaling cannot reach it: a load balancer stays reserved, and paid for, until it is deleted"
        }
        ("", "Service") => "scaling cannot reach it: its name and address stay taken until it is deleted",
        ("", "Secret") => "scaling cannot reach it: it can be read until it is deleted",
        ("", "ConfigMap") => "scaling cannot reach it: it stays until it is deleted",
        ("", "PersistentVolumeClaim" | "PersistentVolume") => {
            "scaling cannot reach it: it keeps its data, and its storage, until it is deleted"
        }
        ("", "ServiceAccount")
        | ("rbac.authorization.k8s.io", "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding") => {
            "scaling cannot reach it: its permissions hold until it is deleted"
        }
        ("", "Namespace") => "scaling cannot reach it: deleting it deletes all that is in it",
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            "scaling cannot reach it: deleting it deletes all objects of its kind"
        }
        ("", "Pod") => "scaling cannot reach it: a bare pod can only be deleted",
        ("autoscaling", "HorizontalPodAutoscaler") => "it rests while what it scales has no replicas",
        ("cluster.x-k8s.io", _) => {
            "scaling cannot reach it here: it stands for machines; change the pools instead"
        }
        _ => "scaling does not reach it: only deletion does",
    };
    (Reach::None, note.to_owned())
}
