//! A cluster that Cluster API provides, previewed live: its objects on the management cluster, its machines, and the APIs that
//! the next version of Kubernetes does not have any more.

mod bench;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bench::{Bench, content};
use http::Method;
use serde_json::json;
use strata_engine::{DraftLayer, RegisterCluster, RegisterInfrastructure, RequestOptions, Wish};
use strata_model::{
    change::ChangeState,
    cluster::Connectivity,
    composition::{ControlPlaneWish, NodePoolWish},
    evidence::{LiveOutcome, MachineCount},
    object::Destination,
    plan::RepaveScope,
    profile::ProfileType,
};
use strata_sim::{SimCluster, cluster_api};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A management cluster with the stand-in for Cluster API at work, and a cluster that it provides.
async fn provided(bench: &Bench, tasks: &TaskTracker, stop: &CancellationToken) -> (SimCluster, SimCluster) {
    let (management, workload) = (bench.cluster("management").await, bench.cluster("shop").await);
    for definition in cluster_api::definitions() {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        bench.send(&management, Method::POST, path, Some(definition)).await;
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet"}});
    bench.send(&management, Method::POST, "/api/v1/namespaces", Some(namespace)).await;
    let (kubeconfig, versions, network) = (workload.clone(), workload.clone(), workload.clone());
    let mut options = cluster_api::Options::new(
        move |_, _| Some(kubeconfig.kubeconfig()),
        move |_, _, version| versions.set_kubernetes_version(version),
    );
    options.machine_time = Duration::from_millis(20);
    options.has_network = Arc::new(move |_, _| !network.objects("apps/v1", "DaemonSet", "").is_empty());
    tasks.spawn(cluster_api::run(bench.somebody(&management).await, options, stop.clone()));
    (management, workload)
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_what_is_on_the_management_cluster_are_told() {
    let bench = Bench::start().await;
    let session = &bench.session;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let (management, workload) = provided(&bench, &tasks, &stop).await;
    bench.publish_packs().await;
    session.create_profile("base".into(), ProfileType::Full).await.unwrap();
    for (version, kubernetes) in [("1.0.0", "1.33.4"), ("1.1.0", "1.34.1")] {
        let layers = vec![
            DraftLayer::new("os", "ubuntu", "22.4.1"),
            DraftLayer::new("kubernetes", "kubernetes", kubernetes),
            DraftLayer::new("network", "cni-demo", "1.0.0"),
        ];
        session.create_profile_version("base".into(), version.into(), None).await.unwrap();
        session.update_draft("base".into(), version.into(), None, content(layers, vec![])).await.unwrap();
        session.publish_profile_version("base".into(), version.into()).await.unwrap();
    }
    bench.register("management", &management).await;
    let register = RegisterCluster {
        name: "shop".into(),
        labels: BTreeMap::new(),
        infrastructure: RegisterInfrastructure::ClusterApi {
            management_cluster: "management".into(),
            namespace: "fleet".into(),
            name: "shop".into(),
        },
        cloud: None,
        region: None,
    };
    session.register_cluster(register).await.unwrap();
    let pool = NodePoolWish { name: "workers".into(), replicas: 2, attributes: None };
    let wish = Wish {
        control_plane: Some(ControlPlaneWish { replicas: 1, attributes: None }),
        node_pools: Some(vec![pool]),
        ..bench.wish("shop", &[("base", "1.0.0")])
    };
    let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    let change = session.request_upgrade(wish, options).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");

    workload.ask_for_deprecated("flowcontrol.apiserver.k8s.io", "v1beta3", "flowschemas", "1.34");
    workload.ask_for_deprecated("example.org", "v1", "things", "1.40");
    // Its facts are read once the change has ended.
    bench.when(async || session.cluster("shop").await.unwrap().unwrap().kubernetes_version).await;
    let preview = session.preview_upgrade_live(&bench.wish("shop", &[("base", "1.1.0")])).await.unwrap();
    assert_eq!(preview.plan.repave.scope, RepaveScope::Full, "{:#?}", preview.plan.repave);
    let evidence = preview.evidence.unwrap();
    assert!(evidence.management.as_ref().is_some_and(|it| it.reached), "{:?}", evidence.management);
    let machines = evidence.machines.as_ref().and_then(|it| it.value()).unwrap();
    let count = |pool: Option<&str>, number| MachineCount {
        pool: pool.map(str::to_owned),
        wanted: number,
        present: number,
        ready: number,
        repaved: true,
    };
    assert_eq!(machines, &[count(None, 1), count(Some("shop-workers"), 2)]);
    let apis = evidence.removed_apis.as_ref().unwrap_or_else(|| panic!("{evidence:#?}"));
    let apis = apis.value().unwrap_or_else(|| panic!("{apis:?}"));
    let apis: Vec<&str> = apis.iter().map(|api| api.resource.as_str()).collect();
    assert_eq!(apis, ["flowschemas"], "what is gone later than that is not told");
    let managed: Vec<_> =
        evidence.objects.iter().filter(|it| it.destination == Destination::Management).collect();
    assert!(!managed.is_empty() && managed.iter().all(|it| !it.stops()), "{managed:#?}");
    let plane = managed.iter().find(|it| it.key.kind == "KubeadmControlPlane").unwrap();
    assert_eq!(plane.outcome, LiveOutcome::Changed);
    assert!(plane.changes.iter().any(|it| it.path == "spec.version"), "{plane:#?}");

    // What is approved and not applied waits for the word, and says so.
    let wish = bench.wish("shop", &[("base", "1.1.0")]);
    let change = session.request_upgrade(wish, RequestOptions::default()).await.unwrap();
    let waits = async || {
        let reasons = session.explain_change(change.id).await.unwrap();
        reasons.into_iter().map(|reason| reason.code).collect::<Vec<_>>()
    };
    assert_eq!(waits().await, ["APPROVAL_REQUIRED"]);
    session.approve(change.id, change.plan_digest.clone(), "go".into(), None).await.unwrap();
    assert_eq!(waits().await, ["NOT_APPLIED"]);

    // A management cluster that does not answer leaves what the cluster itself says.
    management.faults().offline();
    let preview = session.preview_upgrade_live(&bench.wish("shop", &[("base", "1.1.0")])).await.unwrap();
    let evidence = preview.evidence.unwrap();
    assert!(evidence.management.as_ref().is_some_and(|it| !it.reached), "{:?}", evidence.management);
    assert!(evidence.machines.as_ref().is_some_and(|it| it.reason().is_some()), "{:?}", evidence.machines);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    bench.stop().await;
}

/// Who is known to be OFFLINE is not asked at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_offline_is_not_asked() {
    let bench = Bench::start_with(|options| options.poll_interval = Duration::from_millis(200)).await;
    bench.publish_packs().await;
    bench.publish_profile("web", "1.0.0", "disable-api").await;
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    assert_eq!(bench.apply("one", &[("web", "1.0.0")]).await.state, ChangeState::Succeeded);
    sim.faults().offline();
    bench
        .when(async || {
            let cluster = bench.session.cluster("one").await.unwrap().unwrap();
            (cluster.connectivity.value == Connectivity::Offline).then_some(())
        })
        .await;
    let preview = bench.session.preview_upgrade_live(&bench.wish("one", &[])).await.unwrap();
    let evidence = preview.evidence.unwrap();
    assert!(evidence.cluster.reason.as_ref().is_some_and(|it| it.contains("OFFLINE")), "{evidence:#?}");
    assert!(evidence.objects.is_empty() && evidence.machines.is_none());
    bench.stop().await;
}
