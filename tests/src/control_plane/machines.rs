//! What a fresh control plane is given: machines for pods to run on, and storage for their claims.

use std::time::Duration;

use futures::future::try_join_all;
use k8s_openapi::api::{
    core::v1::{Node, ServiceAccount},
    storage::v1::StorageClass,
};
use kube::{Api, Client, api::PostParams, runtime::wait::await_condition};
use serde_json::json;

use super::StartError;

/// Machines of each control plane.
const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];

/// Makes nodes and a default storage class, and waits until pods can run: the nodes are ready, and the default service
/// account is there, without which no pod is admitted.
pub(super) async fn furnish(client: &Client, version: &str, patience: Duration) -> Result<(), StartError> {
    try_join_all(NODES.map(|name| create_node(client, name, version))).await?;
    create_storage_class(client).await?;
    let nodes = Api::<Node>::all(client.clone());
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), "default");
    let ready = async {
        try_join_all(NODES.map(|name| await_condition(nodes.clone(), name, is_usable))).await?;
        await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some()).await
    };
    match tokio::time::timeout(patience, ready).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(StartError::Watch { source: Box::new(source) }),
        Err(_) => Err(StartError::not_ready("nodes and default service account", patience)),
    }
}

async fn create_node(client: &Client, name: &str, version: &str) -> Result<(), StartError> {
    let size = json!({"cpu": "32", "memory": "256Gi", "pods": "110"});
    let node = serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "node-role.kubernetes.io/worker": "",
            },
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {"allocatable": size, "capacity": size, "nodeInfo": {
            "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
            "kubeProxyVersion": "", "kubeletVersion": version, "machineID": "", "operatingSystem": "linux",
            "osImage": "", "systemUUID": "",
        }},
    }))
    .map_err(StartError::Object)?;
    Api::<Node>::all(client.clone())
        .create(&PostParams::default(), &node)
        .await
        .map_err(|source| StartError::Kubernetes { operation: "create a node", source: Box::new(source) })?;
    Ok(())
}

/// kwok binds the claims of this class.
async fn create_storage_class(client: &Client) -> Result<(), StartError> {
    let class = serde_json::from_value(json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "kwok-volume",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kwok.x-k8s.io/volume",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }))
    .map_err(StartError::Object)?;
    Api::<StorageClass>::all(client.clone()).create(&PostParams::default(), &class).await.map_err(
        |source| StartError::Kubernetes { operation: "create the storage class", source: Box::new(source) },
    )?;
    Ok(())
}

/// Ready, and without the taint that a new node has until the controller manager has seen that.
fn is_usable(node: Option<&Node>) -> bool {
    let Some(node) = node else { return false };
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|all| {
        all.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    let tainted =
        node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).is_some_and(|taints| !taints.is_empty());
    ready && !tainted
}
