//! Definitions of the kinds of Cluster API, for servers that have none.

use serde_json::{Value, json};

use super::{CONTROL_PLANE, CORE};

/// Minimal definitions of the kinds of Cluster API, for servers that have none: names, versions and subresources are those
/// of the real ones, content is free.
#[must_use]
pub fn definitions() -> Vec<Value> {
    let selector = json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"});
    let infrastructure = "infrastructure.cluster.x-k8s.io";
    let bootstrap = "bootstrap.cluster.x-k8s.io";
    [
        (CORE, "Cluster", "cl", false),
        (CORE, "Machine", "ma", false),
        (CORE, "MachineSet", "ms", true),
        (CORE, "MachineDeployment", "md", true),
        (CONTROL_PLANE, "KubeadmControlPlane", "kcp", true),
        (CONTROL_PLANE, "KubeadmControlPlaneTemplate", "", false),
        (bootstrap, "KubeadmConfig", "", false),
        (bootstrap, "KubeadmConfigTemplate", "", false),
        (infrastructure, "DockerCluster", "", false),
        (infrastructure, "DockerMachine", "", false),
        (infrastructure, "DockerMachineTemplate", "", false),
        (infrastructure, "AWSCluster", "awsc", false),
        (infrastructure, "AWSMachine", "awsm", false),
        (infrastructure, "AWSMachineTemplate", "awsmt", false),
    ]
    .into_iter()
    .map(|(group, kind, short, scale)| {
        let singular = kind.to_lowercase();
        let plural = format!("{singular}s");
        let mut subresources = json!({"status": {}});
        if scale {
            subresources["scale"] = selector.clone();
        }
        // AWS's provider has stopped serving its older version.
        let served = |version: &str| version == "v1beta2" || !kind.starts_with("AWS");
        let version = |name: &str, storage: bool| {
            json!({
                "name": name, "served": served(name), "storage": storage, "subresources": subresources,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    },
                }},
            })
        };
        let short_names: Vec<&str> = Some(short).filter(|s| !s.is_empty()).into_iter().collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}"), "labels": {"cluster.x-k8s.io/v1beta1": "v1beta1", "cluster.x-k8s.io/v1beta2": "v1beta2"}},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular, "shortNames": short_names, "categories": ["cluster-api"]},
                "versions": [version("v1beta1", false), version("v1beta2", true)],
            },
        })
    })
    .collect()
}
