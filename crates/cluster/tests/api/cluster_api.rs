//! Cluster API objects in a management cluster, in both versions of the contract.

use std::{sync::Mutex, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use strata_cluster::{ClusterError, Health};

use crate::support::{Reply, client, discovery, group};

fn apis(version: &str) -> Reply {
    let resource = |plural: &str, kind: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": ["get", "list", "watch"]});
    let core = vec![resource("clusters", "Cluster"), resource("machinedeployments", "MachineDeployment")];
    let planes = vec![resource("kubeadmcontrolplanes", "KubeadmControlPlane")];
    Reply::Json(
        200,
        discovery(&[
            group("cluster.x-k8s.io", &[(version, core)]),
            group("controlplane.cluster.x-k8s.io", &[(version, planes)]),
        ]),
    )
}

fn plane(version: &str, updated: i64) -> Value {
    let count = if version == "v1beta1" { "updatedReplicas" } else { "upToDateReplicas" };
    let running = if updated == 3 { "v1.33.1" } else { "v1.32.0" };
    json!({"apiVersion": format!("controlplane.cluster.x-k8s.io/{version}"), "kind": "KubeadmControlPlane",
        "metadata": {"name": "a-cp", "namespace": "n", "generation": 2}, "spec": {"replicas": 3, "version": "v1.33.1"},
        "status": {"observedGeneration": 2, "replicas": 3, count: updated, "readyReplicas": 3, "version": running}})
}

fn answer(version: &'static str, path: &str, updated: i64) -> Option<Reply> {
    let root = format!("/apis/cluster.x-k8s.io/{version}/namespaces/n");
    let planes =
        format!("/apis/controlplane.cluster.x-k8s.io/{version}/namespaces/n/kubeadmcontrolplanes/a-cp");
    if path == "/apis" {
        return Some(apis(version));
    }
    if path == planes {
        return Some(Reply::Json(200, plane(version, updated)));
    }
    if path == format!("{root}/clusters/a") {
        let reference = if version == "v1beta1" {
            json!({"apiVersion": "controlplane.cluster.x-k8s.io/v1beta1", "kind": "KubeadmControlPlane", "name": "a-cp", "namespace": "n"})
        } else {
            json!({"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "a-cp"})
        };
        return Some(Reply::Json(
            200,
            json!({"apiVersion": format!("cluster.x-k8s.io/{version}"), "kind": "Cluster",
            "metadata": {"name": "a", "generation": 1}, "spec": {"controlPlaneRef": reference},
            "status": {"phase": "Provisioned"}}),
        ));
    }
    if path == format!("{root}/machinedeployments") {
        let pool = json!({"metadata": {"name": "blue", "namespace": "n", "generation": 1},
            "spec": {"replicas": 2, "template": {"spec": {"version": "v1.33.1"}}},
            "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}});
        return Some(Reply::Json(200, json!({"metadata": {}, "items": [pool]})));
    }
    None
}

#[tokio::test]
async fn both_contracts_tell_the_same() {
    for version in ["v1beta1", "v1beta2"] {
        let (client, _log) = client(move |seen| answer(version, &seen.path, 1));
        let status = client.cluster_api_status("n", "a").await.unwrap().unwrap();
        assert_eq!(status.version().unwrap().to_string(), "v1.32.0");
        assert_eq!(status.progress(), "control plane: 1 of 3 machines replaced");
        assert_eq!((&status.health, status.is_settled()), (&Health::Ready, false));
        let pool = status.pools.values().find(|pool| pool.pool == "blue").unwrap();
        assert_eq!(
            (pool.machines.wanted, pool.version.as_ref().unwrap().to_string()),
            (2, "v1.33.1".to_owned())
        );
        assert_eq!(pool.machines.progress(), "2 of 2 machines replaced");
        assert!(client.cluster_api_status("n", "absent").await.unwrap().is_none());
        let told = client.cluster_api_version("n", "a").await.unwrap();
        assert_eq!(told.as_ref(), status.version(), "the oldest machine counts");
        assert_eq!(client.cluster_api_version("n", "absent").await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_roll_is_followed_to_its_end() {
    let looks = Mutex::new(0);
    let (client, _log) = client(move |seen| {
        let mut looks = looks.lock().unwrap();
        if seen.path.ends_with("/a-cp") {
            *looks += 1;
        }
        answer("v1beta2", &seen.path, *looks)
    });
    let told = Mutex::new(Vec::new());
    let status = client
        .wait_cluster_api("n", "a", Duration::from_secs(60), &|sentence| {
            told.lock().unwrap().push(sentence.to_owned())
        })
        .await
        .unwrap();
    assert_eq!(status.version().unwrap().to_string(), "v1.33.1");
    assert_eq!(
        *told.lock().unwrap(),
        ["control plane: 1 of 3 machines replaced", "control plane: 2 of 3 machines replaced"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_roll_that_does_not_end_says_how_far_it_is() {
    let (client, _log) = client(|seen| answer("v1beta2", &seen.path, 1));
    let error = client.wait_cluster_api("n", "a", Duration::from_secs(60), &|_| {}).await.unwrap_err();
    assert!(matches!(&error, ClusterError::TimedOut { reason, .. } if reason.contains("1 of 3")), "{error}");
}

#[tokio::test]
async fn the_kubeconfig_of_a_cluster_is_read_and_not_told() {
    let (client, _log) = client(|seen| {
        let secret = |value: String| Some(Reply::Json(200, json!({"data": {"value": value}})));
        match seen.path.as_str() {
            "/api/v1/namespaces/n/secrets/a-kubeconfig" => secret(STANDARD.encode("hunter2")),
            "/api/v1/namespaces/n/secrets/b-kubeconfig" => secret("hunter2!".to_owned()),
            _ => None,
        }
    });
    assert_eq!(client.cluster_api_kubeconfig("n", "a").await.unwrap().unwrap().expose(), "hunter2");
    let error = client.cluster_api_kubeconfig("n", "b").await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreadable { .. }) && !format!("{error:?}").contains("hunter2"));
    assert!(client.cluster_api_kubeconfig("n", "c").await.unwrap().is_none());
}
