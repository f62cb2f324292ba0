//! Faults and the log, seen through a client.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it cannot have")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::json;
use strata_sim::{ClusterOptions, Endpoint, SimCluster, Simulator, SimulatorOptions, Which};

async fn client(cluster: &SimCluster) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&cluster.kubeconfig()).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

async fn start(options: ClusterOptions) -> (Simulator, SimCluster, Client) {
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let cluster = simulator.add_cluster(options).await.unwrap();
    let client = client(&cluster).await;
    (simulator, cluster, client)
}

#[tokio::test]
async fn offline_cuts_and_online_brings_back() {
    for endpoint in [Endpoint::Shared, Endpoint::OwnPort] {
        let (simulator, cluster, client) =
            start(ClusterOptions { endpoint, ..ClusterOptions::new("a") }).await;
        client.apiserver_version().await.unwrap();
        cluster.faults().offline();
        assert!(client.apiserver_version().await.is_err());
        cluster.faults().online();
        let back = async {
            while client.apiserver_version().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
        simulator.shutdown().await;
    }
}

#[tokio::test]
async fn refusals_are_counted_and_hanging_ends() {
    let (simulator, cluster, client) = start(ClusterOptions::new("a")).await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let which = Which { resource: Some("configmaps".into()), ..Which::default() };
    cluster.faults().refuse(503, which, Some(2));
    for _ in 0..2 {
        let kube::Error::Api(status) = maps.list(&ListParams::default()).await.unwrap_err() else { panic!() };
        assert_eq!(status.code, 503);
    }
    maps.list(&ListParams::default()).await.unwrap();
    cluster.faults().hanging();
    let waiting = tokio::time::timeout(Duration::from_millis(100), maps.list(&ListParams::default())).await;
    assert!(waiting.is_err());
    cluster.faults().clear();
    maps.list(&ListParams::default()).await.unwrap();
    simulator.shutdown().await;
}

#[tokio::test]
async fn wrong_tokens_are_refused_and_requests_are_seen() {
    let (simulator, cluster, client) =
        start(ClusterOptions { log_capacity: 4, ..ClusterOptions::new("a") }).await;
    let seen = Arc::new(AtomicU64::new(0));
    let counter = seen.clone();
    cluster.on_request(move |request| {
        counter.store(request.number, Ordering::SeqCst);
    });
    client.apiserver_version().await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert_eq!(cluster.requests()[0].path, "/version");
    let mut kubeconfig = kube::config::Kubeconfig::from_yaml(&cluster.kubeconfig()).unwrap();
    kubeconfig.auth_infos[0].auth_info.as_mut().unwrap().token = Some("wrong".to_owned().into());
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let stranger = Client::try_from(config).unwrap();
    let kube::Error::Api(status) = stranger.apiserver_version().await.unwrap_err() else { panic!() };
    assert_eq!((status.code, status.reason.as_str()), (401, "Unauthorized"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_cluster() {
    let mut uids = Vec::new();
    for _ in 0..2 {
        let (simulator, cluster, client) = start(ClusterOptions::new("a")).await;
        assert_eq!(cluster.footprint(), 0);
        let namespaces: Api<Namespace> = Api::all(client);
        uids.push(namespaces.get("kube-system").await.unwrap().uid().unwrap());
        assert!(cluster.footprint() < 50 * 1024, "{}", cluster.footprint());
        simulator.shutdown().await;
    }
    assert_eq!(uids[0], uids[1]);
}

#[tokio::test]
async fn pods_held_back_keep_a_rollout_open() {
    let (simulator, cluster, client) = start(ClusterOptions::new("a")).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let deployments: Api<DynamicObject> = Api::default_namespaced_with(client, &resource);
    let apply = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "replicas": 4, "selector": {"matchLabels": {"a": "d"}},
            "template": {"metadata": {"labels": {"a": "d"}}, "spec": {"containers": [{"name": "c", "image": image}]}}}})
    };
    let params = PatchParams::apply("test");
    deployments.patch("d", &params, &Patch::Apply(apply("good:1"))).await.unwrap();
    let status = |cluster: &SimCluster| {
        cluster.object("apps/v1", "Deployment", "default", "d").unwrap()["status"].clone()
    };
    assert_eq!(status(&cluster)["readyReplicas"], 4);
    cluster.faults().not_ready("bad:");
    deployments.patch("d", &params, &Patch::Apply(apply("bad:2"))).await.unwrap();
    let now = status(&cluster);
    assert_eq!((now["updatedReplicas"].as_i64(), now["readyReplicas"].as_i64()), (Some(1), Some(4)));
    cluster.faults().clear();
    let now = status(&cluster);
    assert_eq!(
        (now["updatedReplicas"].as_i64(), now["readyReplicas"].as_i64(), now["replicas"].as_i64()),
        (Some(4), Some(4), Some(4))
    );
    simulator.shutdown().await;
}
