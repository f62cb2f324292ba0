//! What a cluster has from the start, and what every namespace gets.

use serde_json::{Value, json};

use super::{MANAGER, spawn};
use crate::{
    clock,
    store::{Key, State, hash_text, uuid_from},
    value::{remove, set, text},
    verbs::remove_now,
};

/// Namespaces, nodes and the `kubernetes` Service.
pub(crate) fn seed(state: &mut State, name: &str, seed: u64, kubernetes_version: &str, nodes: u32) {
    let find = |state: &State, group: &str, plural: &str| state.catalog.find(group, plural);
    let Some(namespaces) = find(state, "", "namespaces") else { return };
    for namespace in ["kube-system", "default", "kube-public", "kube-node-lease"] {
        spawn(
            state,
            &namespaces,
            "",
            namespace,
            json!({"metadata": {"name": namespace}, "spec": {}, "status": {"phase": "Active"}}),
            "kube-apiserver",
        );
    }
    // Whoever knows a cluster by this uid must find it again after the simulator restarts.
    if let Some(mut system) = state.get(&namespaces, "", "kube-system") {
        let own = hash_text(name);
        set(
            &mut system,
            &["metadata", "uid"],
            uuid_from(seed ^ own, crate::store::mix(seed.wrapping_add(own))),
        );
        state.put(&namespaces, "", "kube-system", &mut system);
    }
    if let Some(resource) = find(state, "", "nodes") {
        for number in 0..nodes {
            let node_name = format!("node-{number}");
            let node = node(&node_name, number, kubernetes_version);
            spawn(state, &resource, "", &node_name, node, "kubelet");
        }
    }
    if let Some(resource) = find(state, "", "services") {
        let service = json!({
            "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]},
        });
        spawn(state, &resource, "default", "kubernetes", service, "kube-apiserver");
    }
}

fn node(name: &str, number: u32, version: &str) -> Value {
    let now = clock::now();
    let control_plane = number == 0;
    let mut labels = json!({
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
    });
    if control_plane {
        labels["node-role.kubernetes.io/control-plane"] = json!("");
    }
    let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "", "lastHeartbeatTime": now, "lastTransitionTime": now});
    let resources = json!({"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": format!("10.244.{}.0/24", number % 256), "podCIDRs": [format!("10.244.{}.0/24", number % 256)], "providerID": format!("sim:///{name}")},
        "status": {
            "addresses": [{"type": "InternalIP", "address": format!("172.18.{}.{}", number / 250, number % 250 + 2)}, {"type": "Hostname", "address": name}],
            "capacity": resources,
            "allocatable": resources,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "nodeInfo": {
                "kubeletVersion": version, "kubeProxyVersion": "", "osImage": "Simulated Linux", "operatingSystem": "linux",
                "architecture": "amd64", "containerRuntimeVersion": "containerd://2.1.0", "kernelVersion": "6.8.0",
                "machineID": name, "systemUUID": name, "bootID": name,
            },
        },
    })
}

/// A namespace gets its account and CA bundle, or, on its way out, is emptied.
pub(super) fn namespace(state: &mut State, namespace: &Value) {
    let name = text(namespace, "/metadata/name").to_owned();
    if namespace.pointer("/metadata/deletionTimestamp").is_some() {
        for key in state.keys_in(&name) {
            remove_now(state, &key);
        }
        recheck_namespace(state, &name);
        return;
    }
    if !state.controllers {
        return;
    }
    if let Some(accounts) = state.catalog.find("", "serviceaccounts")
        && state.record(&State::key(&accounts, &name, "default")).is_none()
    {
        spawn(state, &accounts, &name, "default", json!({"metadata": {"name": "default"}}), MANAGER);
    }
    if let Some(maps) = state.catalog.find("", "configmaps")
        && state.record(&State::key(&maps, &name, "kube-root-ca.crt")).is_none()
    {
        let bundle = json!({
            "metadata": {
                "name": "kube-root-ca.crt",
                "annotations": {"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver."},
            },
            "data": {"ca.crt": "simulated\n"},
        });
        spawn(state, &maps, &name, "kube-root-ca.crt", bundle, MANAGER);
    }
}

/// Lets a terminating namespace go once it is empty.
pub(super) fn recheck_namespace(state: &mut State, name: &str) {
    let Some(namespaces) = state.catalog.find("", "namespaces") else { return };
    let key: Key = State::key(&namespaces, "", name);
    let Some(mut object) = state.record(&key).map(crate::store::Record::value) else { return };
    if object.pointer("/metadata/deletionTimestamp").is_none() || !state.keys_in(name).is_empty() {
        return;
    }
    remove(&mut object, &["spec", "finalizers"]);
    if object.pointer("/metadata/finalizers").is_none() {
        state.remove(&key);
    }
}
