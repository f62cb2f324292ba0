//! Rollouts and due changes on clusters of which some do not answer: they hold up nobody, and catch up.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;

use std::{collections::BTreeMap, time::Duration};

use bench::{Bench, layer, pack};
use strata_engine::{ChangeFilter, CreateRollout, EngineError, Page, RequestOptions, RevisionWish};
use strata_model::{
    change::{Change, ChangeState},
    cluster::Connectivity,
    error::RefusalCode,
    id::RolloutId,
    profile::ImmutablePolicy,
    rollout::{LabelSelector, Rollout, RolloutState, Stage, TargetState},
};
use strata_sim::SimCluster;

const MANIFEST: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Values.app }}}}
  template:
    metadata: {labels: {app: {{ .Values.app }}}}
    spec:
      containers: [{name: main, image: "busybox:1.36"}]
"#;

/// Publishes a version of the profile `web`.
async fn publish(bench: &Bench, version: &str, app: &str, replicas: u32) {
    let values = format!("pack:\n  namespace: web\napp: {app}\nreplicas: {replicas}\n");
    let layers = vec![layer("web", "web", "1.0.0", &values, ImmutablePolicy::Block)];
    bench.publish_content("web", version, layers, vec![]).await;
}

/// Registers clusters to which the profile is attached; nothing is applied yet.
async fn registered(bench: &Bench, names: &[&str]) -> Vec<SimCluster> {
    let values = "pack:\n  namespace: web\napp: web\nreplicas: 1\n";
    bench.publish(pack("web", "1.0.0", values, MANIFEST)).await;
    publish(bench, "1.0.0", "web", 1).await;
    let mut clusters = Vec::new();
    for name in names {
        let cluster = bench.cluster(name).await;
        bench.register(name, &cluster).await;
        bench.attach(name, "web", "1.0.0").await;
        clusters.push(cluster);
    }
    clusters
}

/// The same, and applied.
async fn running(bench: &Bench, names: &[&str]) -> Vec<SimCluster> {
    let clusters = registered(bench, names).await;
    for name in names {
        assert_eq!(bench.apply(name, &[]).await.state, ChangeState::Succeeded);
    }
    clusters
}

/// Starts a rollout of one stage to all clusters, one at a time; no failure is tolerated.
async fn roll_out(bench: &Bench, version: &str) -> RolloutId {
    let stage = Stage {
        name: "all".into(),
        selector: LabelSelector(BTreeMap::new()),
        max_concurrency: 1,
        soak_seconds: 0,
        requires_approval: false,
    };
    let target = RevisionWish { profile: "web".into(), version: version.into(), revision: None };
    let wish = CreateRollout { name: "spring".into(), target, stages: vec![stage], failure_budget: 0 };
    let id = bench.session.create_rollout(wish).await.unwrap().id;
    bench.session.start_rollout(id, None).await.unwrap();
    id
}

impl Bench {
    async fn rollout_when(&self, id: RolloutId, wanted: impl Fn(&Rollout) -> bool) -> Rollout {
        self.when(async || {
            let rollout = self.session.rollout(id).await.unwrap().unwrap();
            wanted(&rollout).then_some(rollout)
        })
        .await
    }
}

fn states(rollout: &Rollout) -> Vec<TargetState> {
    rollout.targets.iter().map(|target| target.state).collect()
}

/// The cluster answers when it is chosen and is gone when its change would begin: the change stays scheduled.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_goes_away_before_its_change_begins_holds_up_nobody() {
    use TargetState as T;
    let bench = Bench::start_with(|options| options.poll_interval = Duration::from_secs(2)).await;
    let clusters = running(&bench, &["a", "b", "c"]).await;
    publish(&bench, "1.1.0", "web", 2).await;
    clusters[0].faults().offline();
    let id = roll_out(&bench, "1.1.0").await;
    bench.rollout_when(id, |rollout| matches!(states(rollout)[0], T::InFlight | T::Deferred)).await;
    bench.session.pause_rollout(id, None).await.unwrap();
    bench
        .when(async || {
            let cluster = bench.session.cluster("a").await.unwrap().unwrap();
            (cluster.connectivity.value == Connectivity::Offline).then_some(())
        })
        .await;
    // Long enough for a change that has not begun, and by far not for one that repaves.
    bench.clock.forward(Duration::from_secs(120));
    let paused = bench.rollout_when(id, |rollout| rollout.state == RolloutState::Paused).await;
    assert_eq!(states(&paused)[0], T::Deferred, "{paused:#?}");

    bench.session.resume_rollout(id, None).await.unwrap();
    let others = [T::Deferred, T::Succeeded, T::Succeeded];
    let without = bench.rollout_when(id, |rollout| states(rollout) == others).await;
    assert_eq!(without.state, RolloutState::Running, "it may catch up");
    clusters[0].faults().clear();
    let done = bench.rollout_when(id, |rollout| rollout.state.is_final()).await;
    assert_eq!((done.state, states(&done)), (RolloutState::Succeeded, vec![T::Succeeded; 3]));
    let web = clusters[0].object("apps/v1", "Deployment", "web", "web").unwrap();
    assert_eq!(web["spec"]["replicas"], 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_skipped_counts_no_more_and_leaves_no_change_behind() {
    let bench = Bench::start().await;
    running(&bench, &["a"]).await;
    // A selector cannot be changed in place: the plan is blocked.
    publish(&bench, "1.1.0", "other", 1).await;
    let id = roll_out(&bench, "1.1.0").await;
    let halted = bench.rollout_when(id, |rollout| rollout.state == RolloutState::Halted).await;
    assert_eq!(states(&halted), [TargetState::Blocked]);
    let session = &bench.session;
    let refused = |outcome: Result<Rollout, EngineError>, code: RefusalCode| {
        let Err(EngineError::Refused(refusals)) = outcome else { unreachable!("not refused: {outcome:?}") };
        assert_eq!(refusals[0].code, code);
        assert!(!refusals[0].help.is_empty());
    };
    refused(session.resume_rollout(id, None).await, RefusalCode::IllegalState);
    refused(session.skip_targets(id, vec![], "no".into()).await, RefusalCode::InvalidInput);
    let cluster = halted.targets[0].cluster;
    let skipped = session.skip_targets(id, vec![cluster], "is replaced soon".into()).await.unwrap();
    assert_eq!(
        (states(&skipped), skipped.targets[0].reason.as_str()),
        (vec![TargetState::Skipped], "is replaced soon")
    );
    let change = session.change(halted.targets[0].change.unwrap()).await.unwrap().unwrap();
    assert_eq!(change.state, ChangeState::Cancelled, "nobody applies it later");
    session.resume_rollout(id, None).await.unwrap();
    bench.rollout_when(id, |rollout| rollout.state == RolloutState::Succeeded).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_that_do_not_answer_take_no_places_from_others() {
    let bench = Bench::start_with(|options| options.concurrent_changes = 2).await;
    let names = ["away-1", "away-2", "away-3", "there"];
    let clusters = registered(&bench, &names).await;
    for cluster in &clusters[..3] {
        cluster.faults().offline();
    }
    let mut changes: Vec<Change> = Vec::new();
    for name in names {
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        changes.push(bench.session.request_upgrade(bench.wish(name, &[]), options).await.unwrap());
    }
    // More of them than places, and all of them asked for before.
    let there = bench.ended(changes[3].id).await;
    assert_eq!(there.state, ChangeState::Succeeded, "{there:#?}");
    let all =
        bench.session.changes(&ChangeFilter::default(), Page { first: 100, after: None }).await.unwrap();
    let waiting = all.items.iter().filter(|(_, change)| change.state == ChangeState::Scheduled);
    assert_eq!(waiting.count(), 3, "they wait, and have not failed");
    for cluster in &clusters {
        cluster.faults().clear();
    }
    for change in &changes {
        assert_eq!(bench.ended(change.id).await.state, ChangeState::Succeeded);
    }
    bench.stop().await;
}
