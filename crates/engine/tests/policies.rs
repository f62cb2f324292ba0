//! Orphan policies: what a layer wants done with what it no longer renders.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;

use bench::{Bench, layer, pack};
use strata_engine::{OrphanFilter, Page};
use strata_model::{
    change::{Change, ChangeKind, ChangeState},
    orphan::{Orphan, OrphanState},
    profile::{ImmutablePolicy, OrphanPolicy},
};

const MANIFEST: &str = r#"
{{- range .Values.names }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ . }}
spec:
  replicas: 2
  selector: {matchLabels: {app: {{ . }}}}
  template:
    metadata: {labels: {app: {{ . }}}}
    spec: {containers: [{name: main, image: "busybox:1.36"}]}
{{- end }}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_carried_out_on_the_ordinary_path() {
    let bench = Bench::start().await;
    bench.publish(pack("many", "1.0.0", "pack:\n  namespace: many\nnames: [a, b]\n", MANIFEST)).await;
    let layers = |names: &str| {
        let one = |name: &str, policy: OrphanPolicy| {
            let values = format!("pack:\n  namespace: {name}\nnames: {names}\n");
            let mut layer = layer(name, "many", "1.0.0", &values, ImmutablePolicy::Block);
            layer.orphan_policy = policy;
            layer
        };
        vec![
            one("kept", OrphanPolicy::Keep),
            one("scaled", OrphanPolicy::ScaleToZero),
            one("deleted", OrphanPolicy::Delete),
        ]
    };
    bench.publish_content("many", "1.0.0", layers("[a, b]"), vec![]).await;
    bench.publish_content("many", "1.1.0", layers("[a]"), vec![]).await;
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "many", "1.0.0").await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    let upgrade = bench.apply("one", &[("many", "1.1.0")]).await;
    assert_eq!(upgrade.state, ChangeState::Succeeded, "{upgrade:#?}");

    // Scaling needs no approval and happens by itself; deleting waits for one.
    let scaled = bench.orphan_when("scaled", |orphan| orphan.state == OrphanState::ScaledToZero).await;
    assert_eq!(scaled.key.name, "b");
    let replicas = |namespace: &str| {
        sim.object("apps/v1", "Deployment", namespace, "b").map(|it| it["spec"]["replicas"].clone())
    };
    assert_eq!(replicas("scaled"), Some(0.into()));
    assert_eq!(replicas("kept"), Some(2.into()));
    assert_eq!(replicas("deleted"), Some(2.into()));
    let waiting = bench.change_when(|change| {
        change.kind == ChangeKind::CleanUp && change.state == ChangeState::AwaitingApproval
    });
    let waiting = waiting.await;
    bench.session.approve(waiting.id, waiting.plan_digest.clone(), "not needed".into(), None).await.unwrap();
    let deleted = bench.orphan_when("deleted", |orphan| orphan.state == OrphanState::Deleted).await;
    assert_eq!(deleted.key.name, "b");
    assert_eq!(replicas("deleted"), None);
    let kept = bench.orphan_when("kept", |_| true).await;
    assert_eq!(kept.state, OrphanState::Left);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_that_became_stale_is_asked_for_anew() {
    let bench = Bench::start().await;
    bench.publish(pack("many", "1.0.0", "pack:\n  namespace: many\nnames: [a, b]\n", MANIFEST)).await;
    for (version, names) in [("1.0.0", "[a, b]"), ("1.1.0", "[a]"), ("1.2.0", "[a, c]")] {
        let values = format!("pack:\n  namespace: many\nnames: {names}\n");
        let mut layer = layer("many", "many", "1.0.0", &values, ImmutablePolicy::Block);
        layer.orphan_policy = OrphanPolicy::Delete;
        bench.publish_content("many", version, vec![layer], vec![]).await;
    }
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "many", "1.0.0").await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    assert_eq!(bench.apply("one", &[("many", "1.1.0")]).await.state, ChangeState::Succeeded);
    let waits =
        |change: &Change| change.kind == ChangeKind::CleanUp && change.state == ChangeState::AwaitingApproval;
    let first = bench.change_when(waits).await;

    // Whatever succeeds on the cluster voids what was planned beside it.
    assert_eq!(bench.apply("one", &[("many", "1.2.0")]).await.state, ChangeState::Succeeded);
    let second = bench.change_when(|change| change.id != first.id && waits(change)).await;
    let first = bench.until(first.id, |change| change.ended_at.is_some()).await;
    assert_eq!(first.state, ChangeState::Superseded, "{first:#?}");
    bench.session.approve(second.id, second.plan_digest.clone(), "not needed".into(), None).await.unwrap();
    let deleted = bench.orphan_when("many", |orphan| orphan.state == OrphanState::Deleted).await;
    assert_eq!(deleted.key.name, "b");
    bench.stop().await;
}

impl Bench {
    async fn orphan_when(&self, layer: &str, wanted: impl Fn(&Orphan) -> bool) -> Orphan {
        self.when(async || {
            let page = Page { first: 100, after: None };
            let orphans = self.session.orphans(&OrphanFilter::default(), page).await.unwrap();
            let mut orphans = orphans.items.into_iter().map(|(_, orphan)| orphan);
            orphans.find(|orphan| orphan.layer.as_str() == layer && wanted(orphan))
        })
        .await
    }
}
