//! Fields that Kubernetes refuses to change in place, by kind.
//!
//! *Caveats.* Known for the built-in kinds and for machine templates of Cluster API; what an admission webhook of
//! somebody else refuses shows when the change is carried out.

use serde_json::Value;
use strata_model::quantity::Quantity;

/// How a kind guards its fields.
enum Rule {
    /// None of these may change.
    Fields(&'static [&'static str]),
    /// Nothing below the path may change but these fields directly below it.
    AllBut(&'static str, &'static [&'static str]),
}

/// The fields that differ and must not, as paths; empty when the change can be made in place. They differ as they are written:
/// whether they say the same in other words is not looked at here.
#[must_use]
pub fn violations(before: &Value, after: &Value) -> Vec<String> {
    let group_and_kind = |object: &Value| {
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api_version = text("apiVersion");
        (strata_model::object::split_api_version(&api_version).0.to_owned(), text("kind"))
    };
    let (group, kind) = group_and_kind(after);
    let mut violated = Vec::new();
    for rule in rules(&group, &kind) {
        match rule {
            Rule::Fields(paths) => {
                violated.extend(
                    paths
                        .iter()
                        .filter(|path| changed(at(before, path), at(after, path)))
                        .map(|p| (*p).to_owned()),
                );
            }
            Rule::AllBut(root, allowed) => {
                let empty = serde_json::Map::new();
                let fields = |object| at(object, root).and_then(Value::as_object);
                let (old, new) = (fields(before).unwrap_or(&empty), fields(after).unwrap_or(&empty));
                let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
                names.sort_unstable();
                names.dedup();
                violated.extend(
                    names
                        .into_iter()
                        .filter(|name| !allowed.contains(&name.as_str()))
                        .filter(|name| changed(old.get(*name), new.get(*name)))
                        .map(|name| format!("{root}.{name}")),
                );
            }
        }
    }
    violated.extend(special(&group, &kind, before, after));
    violated
}

fn rules(group: &str, kind: &str) -> Vec<Rule> {
    use Rule::{AllBut, Fields};
    match (group, kind) {
        ("batch", "Job") => vec![Fields(&[
            "spec.template",
            "spec.selector",
            "spec.completionMode",
            "spec.podFailurePolicy",
            "spec.successPolicy",
            "spec.backoffLimitPerIndex",
            "spec.managedBy",
            "spec.manualSelector",
        ])],
        ("apps", "StatefulSet") => vec![AllBut(
            "spec",
            &[
                "replicas",
                "template",
                "updateStrategy",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
                "ordinals",
                "revisionHistoryLimit",
            ],
        )],
        ("apps", "Deployment" | "DaemonSet" | "ReplicaSet") => vec![Fields(&["spec.selector"])],
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => vec![Fields(&["roleRef"])],
        ("", "PersistentVolumeClaim") => vec![AllBut("spec", &["resources", "volumeAttributesClassName"])],
        ("", "PersistentVolume") => vec![Fields(&["spec.nodeAffinity", "spec.volumeMode"])],
        ("", "Secret") => vec![Fields(&["type"])],
        ("", "Pod") => {
            vec![AllBut("spec", &["activeDeadlineSeconds", "tolerations", "containers", "initContainers"])]
        }
        ("storage.k8s.io", "StorageClass") => {
            vec![Fields(&["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"])]
        }
        ("storage.k8s.io", "CSIDriver") => {
            vec![Fields(&["spec.attachRequired", "spec.fsGroupPolicy", "spec.volumeLifecycleModes"])]
        }
        ("scheduling.k8s.io", "PriorityClass") => vec![Fields(&["value", "preemptionPolicy"])],
        ("node.k8s.io", "RuntimeClass") => vec![Fields(&["handler"])],
        ("networking.k8s.io", "IngressClass") => vec![Fields(&["spec.controller"])],
        ("infrastructure.cluster.x-k8s.io", kind) if kind.ends_with("MachineTemplate") => {
            vec![Fields(&["spec.template.spec"])]
        }
        ("cluster.x-k8s.io", "MachineDeployment") => vec![Fields(&["spec.clusterName", "spec.selector"])],
        _ => Vec::new(),
    }
}

/// What a list of paths cannot say.
fn special(group: &str, kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let mut violated = Vec::new();
    match (group, kind) {
        ("", "Service") => {
            // Given once, an address stays; a service without one takes what it is given.
            for path in ["spec.clusterIP", "spec.clusterIPs"] {
                let (old, new) = (at(before, path), at(after, path));
                let moved = old.is_some_and(|old| !is_unset(old)) && new.is_some_and(|new| !is_unset(new));
                if moved && changed(old, new) && at(after, "spec.type") != Some(&Value::from("ExternalName"))
                {
                    violated.push(path.to_owned());
                }
            }
        }
        ("", "ConfigMap" | "Secret") if at(before, "immutable") == Some(&Value::Bool(true)) => {
            let fields = ["data", "binaryData", "stringData", "immutable"];
            violated.extend(
                fields.iter().filter(|f| changed(at(before, f), at(after, f))).map(|f| (*f).to_owned()),
            );
        }
        ("", "PersistentVolumeClaim") => {
            let path = "spec.resources.requests.storage";
            let size = |object| at(object, path).and_then(Quantity::of_value);
            // It may grow, and nothing else.
            if let (Some(old), Some(new)) = (size(before), size(after)) {
                if new < old {
                    violated.push(path.to_owned());
                }
            } else if changed(at(before, path), at(after, path)) {
                violated.push(path.to_owned());
            }
        }
        ("batch", "Job") => {
            let path = "spec.completions";
            // An indexed job may be made larger or smaller together with its parallelism.
            let indexed = at(after, "spec.completionMode") == Some(&Value::from("Indexed"));
            let together = at(after, "spec.completions") == at(after, "spec.parallelism");
            if changed(at(before, path), at(after, path)) && !(indexed && together) {
                violated.push(path.to_owned());
            }
        }
        _ => {}
    }
    violated
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn changed(before: Option<&Value>, after: Option<&Value>) -> bool {
    before.filter(|value| !value.is_null()) != after.filter(|value| !value.is_null())
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_of_what_cannot_change() {
        let cases = [
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"a": 1}, "parallelism": 1}}),
                json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"a": 2}, "parallelism": 2}}),
                vec!["spec.template"],
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 1, "volumeClaimTemplates": []}}),
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 2, "volumeClaimTemplates": [{"x": 1}], "serviceName": "db"}}),
                vec!["spec.serviceName", "spec.volumeClaimTemplates"],
            ),
            (
                json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "10.0.0.1"}}),
                json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}}),
                vec!["spec.clusterIP"],
            ),
            (
                json!({"apiVersion": "v1", "kind": "Service", "spec": {}}),
                json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "10.0.0.1"}}),
                vec![],
            ),
            (
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "2Gi"}}}}),
                vec![],
            ),
            (
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "2Gi"}}}}),
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
                vec!["spec.resources.requests.storage"],
            ),
            (
                json!({"apiVersion": "v1", "kind": "ConfigMap", "immutable": true, "data": {"a": "1"}}),
                json!({"apiVersion": "v1", "kind": "ConfigMap", "immutable": true, "data": {"a": "2"}}),
                vec!["data"],
            ),
            (
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": {"name": "a"}}),
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": {"name": "b"}, "subjects": []}),
                vec!["roleRef"],
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"a": 1}, "replicas": 1}}),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"a": 1}, "replicas": 2}}),
                vec![],
            ),
        ];
        for (before, after, expected) in cases {
            assert_eq!(violations(&before, &after), expected, "{after}");
        }
    }
}
