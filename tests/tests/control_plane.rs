//! The control plane of the tests is a real one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::ConfigMap,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
    runtime::wait::await_condition,
};
use serde_json::json;
use strata_tests::{ControlPlane, control_plane, processes::Process};

const PATIENCE: Duration = Duration::from_secs(90);

/// Waits, by a watch, until the deployment is there with all its replicas available.
async fn until_available(client: &Client, name: &str, replicas: i32) -> Result<()> {
    let available = |deployment: Option<&Deployment>| {
        let status = deployment.and_then(|deployment| deployment.status.as_ref());
        status.is_some_and(|status| status.available_replicas == Some(replicas))
    };
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    tokio::time::timeout(PATIENCE, await_condition(deployments, name, available)).await??;
    Ok(())
}

fn pods(labels: &serde_json::Value) -> serde_json::Value {
    json!({
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "registry.example.org/app:1"}]},
    })
}

async fn create_deployment(client: &Client, name: &str) -> Result<()> {
    let labels = json!({"app": name});
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pods(&labels)},
    }))?;
    Api::<Deployment>::default_namespaced(client.clone()).create(&PostParams::default(), &deployment).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_control_planes_run_workloads_side_by_side() -> Result<()> {
    let started = Instant::now();
    let Some(first) = ControlPlane::start_or_leave_out("first").await else { return Ok(()) };
    println!("first control plane started in {:?}", started.elapsed());
    let started = Instant::now();
    let Some(second) = ControlPlane::start_or_leave_out("second").await else { return Ok(()) };
    println!("second control plane started in {:?}", started.elapsed());

    for plane in [&first, &second] {
        let client = plane.client().await?;
        let version = client.apiserver_version().await?;
        assert_eq!(Some(version.git_version), plane.version());
        create_deployment(&client, plane.name()).await?;
        until_available(&client, plane.name(), 2).await?;
    }
    let deployments = Api::<Deployment>::default_namespaced(second.client().await?);
    ensure!(deployments.get_opt("first").await?.is_none(), "the control planes share their data");

    for process in first.processes() {
        println!("{}: {:?} KiB resident", process.name(), process.resident_kib());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_of_a_stateful_set_are_bound() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("claims").await else { return Ok(()) };
    let labels = json!({"app": "database"});
    let set = serde_json::from_value(json!({
        "metadata": {"name": "database"},
        "spec": {
            "serviceName": "database", "replicas": 2, "selector": {"matchLabels": labels}, "template": pods(&labels),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    }))?;
    let sets = Api::<StatefulSet>::default_namespaced(plane.client().await?);
    sets.create(&PostParams::default(), &set).await?;
    let ready = |set: Option<&StatefulSet>| {
        set.and_then(|set| set.status.as_ref()).is_some_and(|status| status.ready_replicas == Some(2))
    };
    tokio::time::timeout(PATIENCE, await_condition(sets, "database", ready)).await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_api_objects_are_accepted_and_judged() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("cluster-api").await else { return Ok(()) };
    let files = plane.cluster_api_crds()?;
    let started = Instant::now();
    let names = plane.install_crds(&files).await?;
    println!("{} definitions established in {:?}", names.len(), started.elapsed());
    for name in [
        "clusters.cluster.x-k8s.io",
        "machinedeployments.cluster.x-k8s.io",
        "kubeadmconfigtemplates.bootstrap.cluster.x-k8s.io",
        "kubeadmcontrolplanes.controlplane.cluster.x-k8s.io",
        "awsclusters.infrastructure.cluster.x-k8s.io",
        "awsmachinetemplates.infrastructure.cluster.x-k8s.io",
    ] {
        ensure!(names.iter().any(|installed| installed == name), "{name} is not among {names:?}");
    }

    let client = plane.client().await?;
    let kind =
        |version: &str| ApiResource::from_gvk(&GroupVersionKind::gvk("cluster.x-k8s.io", version, "Cluster"));
    let clusters = Api::<DynamicObject>::default_namespaced_with(client.clone(), &kind("v1beta2"));
    let cluster = serde_json::from_value(json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2",
        "kind": "Cluster",
        "metadata": {"name": "workload"},
        "spec": {
            "clusterNetwork": {"pods": {"cidrBlocks": ["192.168.0.0/16"]}},
            "controlPlaneRef": {
                "apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "workload",
            },
            "infrastructureRef": {
                "apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSCluster", "name": "workload",
            },
        },
    }))?;
    clusters.create(&PostParams::default(), &cluster).await?;

    // The older version is served too, without the webhook that is not there.
    let older = Api::<DynamicObject>::default_namespaced_with(client, &kind("v1beta1"));
    let read = older.get("workload").await?;
    assert_eq!(read.data["spec"]["clusterNetwork"]["pods"]["cidrBlocks"], json!(["192.168.0.0/16"]));

    // The schema is the real one.
    let wrong = serde_json::from_value(json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2",
        "kind": "Cluster",
        "metadata": {"name": "wrong"},
        "spec": {"paused": "perhaps"},
    }))?;
    let refused = clusters.create(&PostParams::default(), &wrong).await;
    ensure!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 422), "{refused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_checked_and_an_outage_loses_nothing() -> Result<()> {
    let Some(mut plane) = ControlPlane::start_or_leave_out("outage").await else { return Ok(()) };
    let stranger = control_plane::client(&plane.kubeconfig_for("stranger", None)?).await?;
    let refused =
        Api::<ConfigMap>::default_namespaced(stranger).list(&kube::api::ListParams::default()).await;
    ensure!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");

    let maps = Api::<ConfigMap>::default_namespaced(plane.client().await?);
    let map = serde_json::from_value(json!({"metadata": {"name": "kept"}, "data": {"key": "value"}}))?;
    let created = maps.create(&PostParams::default(), &map).await?;
    plane.stop_api_server();
    ensure!(maps.get("kept").await.is_err(), "a stopped API server answered");
    plane.start_api_server().await?;
    let read = maps.get("kept").await?;
    assert_eq!(read.metadata.uid, created.metadata.uid);
    // The controllers have come back too.
    let client = plane.client().await?;
    create_deployment(&client, "after").await?;
    until_available(&client, "after", 2).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_control_plane_leaves_nothing() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("dropped").await else { return Ok(()) };
    let directory = plane.directory().to_path_buf();
    let ids: Vec<u32> = plane.processes().map(Process::id).collect();
    assert_eq!(ids.len(), 5);
    ensure!(directory.join("etcd").is_dir());
    drop(plane);
    ensure!(!directory.exists(), "{} is left", directory.display());
    for id in ids {
        let path = format!("/proc/{id}");
        ensure!(!std::path::Path::new(&path).exists(), "process {id} is left");
    }
    Ok(())
}

#[test]
fn a_wrong_folder_is_a_mistake_and_not_left_out() -> Result<()> {
    // In a process of its own, since the environment belongs to all tests of this one.
    let folder = tempfile::tempdir()?;
    let output = std::process::Command::new(std::env::current_exe()?)
        .args(["--exact", "a_dropped_control_plane_leaves_nothing"])
        .env(control_plane::VARIABLE, folder.path())
        .output()
        .context("cannot run the tests again")?;
    ensure!(!output.status.success(), "a folder without programs was taken as none named");
    Ok(())
}

#[test]
fn without_programs_a_test_is_left_out_unless_demanded() -> Result<()> {
    let run = |required: &str| {
        std::process::Command::new(std::env::current_exe()?)
            .args(["--exact", "a_dropped_control_plane_leaves_nothing"])
            .env_remove(control_plane::VARIABLE)
            .env(control_plane::PART.required_by, required)
            .output()
    };
    let left_out = run("0")?;
    ensure!(left_out.status.success());
    let said = String::from_utf8(left_out.stderr)?;
    ensure!(said.contains("left out: real control plane (KUBEBUILDER_ASSETS is not set)"), "{said}");
    ensure!(!run("1")?.status.success(), "a demanded part was left out");
    Ok(())
}
