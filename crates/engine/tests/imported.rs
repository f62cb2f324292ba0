//! The add-on part of the story, through the engine alone, on a simulated imported cluster.

mod bench;

use std::collections::BTreeMap;

use bench::Bench;
use strata_engine::{
    OrphanDecision, OrphanFilter, Page, RegisterCluster, RegisterInfrastructure, RequestOptions,
};
use strata_model::{change::ChangeState, plan::Action, secret::SecretText};

#[tokio::test(flavor = "multi_thread")]
async fn upgrade_clean_up_and_restore() {
    let bench = Bench::start().await;
    let sim = bench.cluster("edge").await;
    let session = &bench.session;
    bench.publish_packs().await;
    bench.publish_profile("hello", "1.0.0", "disable-api").await;
    bench.publish_profile("hello", "1.1.0", "enable-api").await;

    let registered = session
        .register_cluster(RegisterCluster {
            name: "edge".into(),
            labels: BTreeMap::new(),
            infrastructure: RegisterInfrastructure::Imported {
                kubeconfig: SecretText::new(sim.kubeconfig()),
            },
            cloud: None,
            region: None,
        })
        .await
        .unwrap();
    assert!(registered.uid.is_some(), "{registered:?}");

    // First version.
    bench.attach("edge", "hello", "1.0.0").await;
    let change = bench.apply("edge", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    let deployment =
        sim.object("apps/v1", "Deployment", "hello-universe", "hello-universe-deployment").unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 1);

    // Planning again right after an apply gives an empty plan.
    let again = session.preview_upgrade(&bench.wish("edge", &[])).await.unwrap();
    assert!(again.plan.is_empty(), "{:#?}", again.plan.actions);

    // Second version: the plan that was shown is the one that is carried out.
    let preview = session.preview_upgrade(&bench.wish("edge", &[("hello", "1.1.0")])).await.unwrap();
    let orphans = preview.plan.actions.iter().filter(|action| action.action == Action::Orphan).count();
    assert_eq!(orphans, 2, "{:#?}", preview.plan.actions);
    let options = RequestOptions {
        expected_plan_digest: Some(preview.plan.digest.clone()),
        apply_when_ready: true,
        ..RequestOptions::default()
    };
    let change = session.request_upgrade(bench.wish("edge", &[("hello", "1.1.0")]), options).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert!(sim.object("apps/v1", "Deployment", "hello-universe", "postgres").is_some());

    // What was left behind: the deployment and the Service of type LoadBalancer.
    let cluster = session.cluster("edge").await.unwrap().unwrap();
    let filter = OrphanFilter { cluster: Some(cluster.id), ..OrphanFilter::default() };
    let orphans = session.orphans(&filter, Page { first: 100, after: None }).await.unwrap();
    let kinds: Vec<&str> = orphans.items.iter().map(|(_, orphan)| orphan.key.kind.as_str()).collect();
    assert_eq!(orphans.items.len(), 2, "{kinds:?}");
    assert!(orphans.items.iter().all(|(_, orphan)| orphan.revision.to_string() == "hello@1.0.0"));

    // Scaled to zero; the Service is named as out of reach; a second apply does not bring it back.
    let options = || RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    let plan = session.preview_clean_up("edge", vec![], OrphanDecision::ScaleToZero).await.unwrap().plan;
    assert!(plan.findings.iter().any(|finding| finding.message.contains("Service")), "{:#?}", plan.findings);
    let change =
        session.clean_up("edge".into(), vec![], OrphanDecision::ScaleToZero, options()).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    let replicas = |sim: &strata_sim::SimCluster| {
        sim.object("apps/v1", "Deployment", "hello-universe", "hello-universe-deployment").unwrap()["spec"]["replicas"].clone()
    };
    assert_eq!(replicas(&sim), 0);
    let change = bench.apply("edge", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_eq!(replicas(&sim), 0);

    // Restored to what it was.
    let change = session.clean_up("edge".into(), vec![], OrphanDecision::Restore, options()).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_eq!(replicas(&sim), 1);
    bench.stop().await;
}
