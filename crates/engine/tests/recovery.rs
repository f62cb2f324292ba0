//! What is left after a change stopped half-way, and what is not done twice.

mod bench;

use std::collections::BTreeMap;

use bench::{Bench, layer, pack};
use http::Method;
use strata_engine::{
    ClusterFilter, CreateRollout, EngineError, OrphanDecision, OrphanFilter, Page, RequestOptions,
    RevisionWish, Wish,
};
use strata_model::{
    change::ChangeState,
    error::RefusalCode,
    finding::FindingCode,
    orphan::OrphanState,
    plan::{Action, Plan},
    profile::ImmutablePolicy,
    rollout::{LabelSelector, RolloutState, Stage, TargetState},
};
use strata_sim::{SimCluster, Which};

const VALUES: &str = "pack:\n  namespace: many\nnames: [a, b, c]\n";
const MANIFEST: &str = r#"
{{- range .Values.names }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ . }}
spec:
  replicas: {{ $.Values.replicas | default 1 }}
  selector: {matchLabels: {app: {{ . }}}}
  template:
    metadata: {labels: {app: {{ . }}}}
    spec:
      containers: [{name: main, image: "busybox:1.36"}]
{{- end }}
"#;

const ALL: Page = Page { first: 100, after: None };

async fn publish(bench: &Bench, profile: &str, version: &str, names: &str) {
    publish_with(bench, profile, version, names, "").await;
}

async fn publish_with(bench: &Bench, profile: &str, version: &str, names: &str, more: &str) {
    let values = format!("pack:\n  namespace: {profile}\nnames: {names}\n{more}");
    let layers = vec![layer(profile, "many", "1.0.0", &values, ImmutablePolicy::Block)];
    bench.publish_content(profile, version, layers, vec![]).await;
}

async fn started() -> (Bench, SimCluster) {
    let bench = Bench::start().await;
    bench.publish(pack("many", "1.0.0", VALUES, MANIFEST)).await;
    publish(&bench, "many", "1.0.0", "[a, b, c]").await;
    publish(&bench, "many", "1.1.0", "[a]").await;
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "many", "1.0.0").await;
    (bench, sim)
}

fn when_ready() -> RequestOptions {
    RequestOptions { apply_when_ready: true, ..RequestOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_that_failed_half_way_is_retried() {
    let (bench, sim) = started().await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    assert_eq!(bench.apply("one", &[("many", "1.1.0")]).await.state, ChangeState::Succeeded);
    let which = Which { method: Some(Method::PATCH), name: Some("b".into()), ..Which::default() };
    sim.faults().refuse(403, which, None);
    let session = &bench.session;
    let change =
        session.clean_up("one".into(), vec![], OrphanDecision::ScaleToZero, when_ready()).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Failed, "{change:#?}");
    let replicas =
        |name: &str| sim.object("apps/v1", "Deployment", "many", name).unwrap()["spec"]["replicas"].clone();
    assert_eq!((replicas("b"), replicas("c")), (1.into(), 0.into()), "the last is scaled first");

    sim.faults().clear();
    session.retry_change(change.id).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_eq!((replicas("b"), replicas("c")), (0.into(), 0.into()));
    let orphans = session.orphans(&OrphanFilter::default(), ALL).await.unwrap();
    assert!(
        orphans.items.iter().all(|(_, orphan)| orphan.state == OrphanState::ScaledToZero),
        "{orphans:#?}"
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_names_only_what_was_sent() {
    let (bench, sim) = started().await;
    let namespace =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "many"}});
    bench.send(&sim, Method::POST, "/api/v1/namespaces", Some(namespace)).await;
    let theirs = serde_json::json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "b"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "b"}},
            "template": {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": [{"name": "theirs", "image": "x"}]}},
        },
    });
    bench.send(&sim, Method::POST, "/apis/apps/v1/namespaces/many/deployments", Some(theirs)).await;
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.failure.as_ref().map(|failure| failure.code.as_str()), Some("NOT_OURS"), "{change:#?}");
    let cluster = bench.session.cluster("one").await.unwrap().unwrap();
    let inventory = bench.session.inventory(cluster.id, ALL).await.unwrap();
    let names: Vec<&str> = inventory.items.iter().map(|(_, entry)| entry.key.name.as_str()).collect();
    assert!(names.contains(&"a"), "{names:?}");
    assert!(!names.contains(&"b") && !names.contains(&"c"), "never sent: {names:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_change_starts_on_what_it_was_planned_on() {
    let (bench, sim) = started().await;
    publish(&bench, "more", "1.0.0", "[d]").await;
    bench.attach("one", "more", "1.0.0").await;
    // By the time it starts, its own composition is the one wanted: detaching and rotating must not happen twice.
    let wish = Wish { detach: vec!["more".into()], rotate_generated: true, ..bench.wish("one", &[]) };
    let change = bench.session.request_upgrade(wish, when_ready()).await.unwrap();
    let change = bench.settled(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert!(sim.object("apps/v1", "Deployment", "more", "d").is_none());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn editing_the_first_composition_voids_what_was_planned_on_it() {
    let (bench, _sim) = started().await;
    let change =
        bench.session.request_upgrade(bench.wish("one", &[]), RequestOptions::default()).await.unwrap();
    bench.attach("one", "many", "1.1.0").await;
    let change = bench.session.change(change.id).await.unwrap().unwrap();
    assert_eq!(change.state, ChangeState::Stale, "{change:#?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_answers_with_the_change_that_was_made_for_it() {
    let (bench, _sim) = started().await;
    let session = &bench.session;
    let preview = session.preview_upgrade(&bench.wish("one", &[])).await.unwrap();
    let options = RequestOptions {
        expected_plan_digest: Some(preview.plan.digest),
        idempotency_key: Some("once".into()),
        ..when_ready()
    };
    let first = session.request_upgrade(bench.wish("one", &[]), options.clone()).await.unwrap();
    assert_eq!(bench.ended(first.id).await.state, ChangeState::Succeeded);
    let again = session.request_upgrade(bench.wish("one", &[]), options.clone()).await.unwrap();
    assert_eq!(again.id, first.id);
    // All that was given with the request is its input.
    for other in [
        RequestOptions { expected_plan_digest: None, ..options.clone() },
        RequestOptions { apply_when_ready: false, ..options.clone() },
        RequestOptions { reason: "another".into(), ..options.clone() },
    ] {
        let refused = session.request_upgrade(bench.wish("one", &[]), other).await.unwrap_err();
        assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED", "{refused}");
    }

    assert_eq!(bench.apply("one", &[("many", "1.1.0")]).await.state, ChangeState::Succeeded);
    let options = RequestOptions { idempotency_key: Some("down".into()), ..when_ready() };
    let scale = async || {
        session.clean_up("one".into(), vec![], OrphanDecision::ScaleToZero, options.clone()).await.unwrap()
    };
    let first = scale().await;
    assert_eq!(bench.ended(first.id).await.state, ChangeState::Succeeded);
    assert_eq!(scale().await.id, first.id);
    let other = RequestOptions { apply_when_ready: false, ..options.clone() };
    let refused = session.clean_up("one".into(), vec![], OrphanDecision::ScaleToZero, other).await;
    assert_eq!(refused.unwrap_err().code(), "IDEMPOTENCY_KEY_REUSED");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_proves_also_what_was_there_before_it() {
    let (bench, _first) = started().await;
    let session = &bench.session;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    for name in ["two", "three"] {
        let sim = bench.cluster(name).await;
        bench.register(name, &sim).await;
        bench.attach(name, "many", "1.0.0").await;
        assert_eq!(bench.apply(name, &[]).await.state, ChangeState::Succeeded);
    }
    assert_eq!(bench.apply("three", &[("many", "1.1.0")]).await.state, ChangeState::Succeeded);
    let stage = Stage {
        name: "all".into(),
        selector: LabelSelector(BTreeMap::new()),
        max_concurrency: 1,
        soak_seconds: 0,
        requires_approval: false,
    };
    let target = RevisionWish { profile: "many".into(), version: "1.1.0".into(), revision: None };
    let wish = CreateRollout { name: "spring".into(), target, stages: vec![stage], failure_budget: 0 };
    let key = || Some("spring".to_owned());
    let rollout = session.create_rollout_once(wish.clone(), key()).await.unwrap();
    assert_eq!(session.create_rollout_once(wish.clone(), key()).await.unwrap().id, rollout.id);
    let other = CreateRollout { failure_budget: 1, ..wish };
    let refused = session.create_rollout_once(other, key()).await.unwrap_err();
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED", "{refused}");
    session.start_rollout_once(rollout.id, None, key()).await.unwrap();
    let again = session.start_rollout_once(rollout.id, None, key()).await.unwrap();
    assert_eq!(again.id, rollout.id);
    let refused = session.start_rollout_once(rollout.id, Some("now".into()), key()).await.unwrap_err();
    assert_eq!(refused.code(), "IDEMPOTENCY_KEY_REUSED", "{refused}");
    let rollout = bench
        .when(async || {
            let rollout = session.rollout(rollout.id).await.unwrap().unwrap();
            (rollout.state == RolloutState::Succeeded).then_some(rollout)
        })
        .await;
    assert!(rollout.targets.iter().all(|target| target.state == TargetState::Succeeded), "{rollout:#?}");
    let untouched = rollout.targets.iter().filter(|target| target.change.is_none()).count();
    assert_eq!(untouched, 1, "{rollout:#?}");
    bench.stop().await;
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/many/deployments";

/// Somebody deletes a Deployment of ours and makes one of the same name.
async fn make_anew(bench: &Bench, sim: &SimCluster, name: &str) {
    bench.send(sim, Method::DELETE, &format!("{DEPLOYMENTS}/{name}"), None).await;
    let theirs = serde_json::json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "theirs", "image": "x"}]}},
        },
    });
    bench.send(sim, Method::POST, DEPLOYMENTS, Some(theirs)).await;
}

fn failure_of(change: &strata_model::change::Change) -> Option<&str> {
    change.failure.as_ref().map(|failure| failure.code.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_made_anew_is_not_taken_over() {
    let (bench, sim) = started().await;
    publish_with(&bench, "many", "1.2.0", "[a, b, c]", "replicas: 2\n").await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    make_anew(&bench, &sim, "b").await;
    bench.send(&sim, Method::DELETE, &format!("{DEPLOYMENTS}/c"), None).await;
    let change = bench.apply("one", &[("many", "1.2.0")]).await;
    assert_eq!(failure_of(&change), Some("NOT_OURS"), "{change:#?}");
    let theirs = sim.object("apps/v1", "Deployment", "many", "b").unwrap();
    assert_eq!(theirs["spec"]["replicas"], 3, "untouched");
    assert_eq!(theirs["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(1));

    // What is only gone is put back.
    bench.send(&sim, Method::DELETE, &format!("{DEPLOYMENTS}/b"), None).await;
    bench.session.retry_change(change.id).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    for name in ["a", "b", "c"] {
        assert_eq!(sim.object("apps/v1", "Deployment", "many", name).unwrap()["spec"]["replicas"], 2);
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_made_anew_is_not_scaled() {
    let (bench, sim) = started().await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    assert_eq!(bench.apply("one", &[("many", "1.1.0")]).await.state, ChangeState::Succeeded);
    make_anew(&bench, &sim, "b").await;
    let options = when_ready();
    let change =
        bench.session.clean_up("one".into(), vec![], OrphanDecision::ScaleToZero, options).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(failure_of(&change), Some("NOT_OURS"), "{change:#?}");
    let theirs = sim.object("apps/v1", "Deployment", "many", "b").unwrap();
    assert_eq!(theirs["spec"]["replicas"], 3, "untouched");
    bench.stop().await;
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: work\nspec:\n  template:\n    metadata:\n      \
    annotations:\n        text: {{ .Values.text | quote }}\n    spec:\n      restartPolicy: Never\n      containers:\n      \
    - {name: main, image: \"busybox:1.36\"}\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_replaced_is_replaced_by_the_next_change() {
    let bench = Bench::start().await;
    bench.publish(pack("job", "1.0.0", "pack:\n  namespace: work\ntext: none\n", JOB)).await;
    for (version, text) in [("1.0.0", "first"), ("1.1.0", "second")] {
        let values = format!("pack:\n  namespace: work\ntext: {text}\n");
        let layers = vec![layer("job", "job", "1.0.0", &values, ImmutablePolicy::Replace)];
        bench.publish_content("job", version, layers, vec![]).await;
    }
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "job", "1.0.0").await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);
    let uid = || sim.object("batch/v1", "Job", "work", "work").unwrap()["metadata"]["uid"].clone();
    let first = uid();

    let which = Which { method: Some(Method::DELETE), name: Some("work".into()), ..Which::default() };
    sim.faults().refuse(403, which, None);
    let session = &bench.session;
    let approved = async || {
        let wish = bench.wish("one", &[("job", "1.1.0")]);
        let change = bench.session.request_upgrade(wish, when_ready()).await.unwrap();
        let replaces = bench.session.plan(change.plan).await.unwrap().unwrap().plan.actions;
        assert!(
            replaces.iter().any(|action| action.action == strata_model::plan::Action::Replace),
            "{replaces:#?}"
        );
        session.approve(change.id, change.plan_digest.clone(), "agreed".into(), None).await.unwrap();
        bench.ended(change.id).await
    };
    let change = approved().await;
    assert_eq!(change.state, ChangeState::Failed, "{change:#?}");
    assert_eq!(uid(), first);
    sim.faults().clear();
    // Not retried but asked for anew: what was not confirmed counts as not done.
    let change = approved().await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_ne!(uid(), first);
    bench.stop().await;
}

/// Refuses to render in one mode beside an API.
const PICKY: &str = r#"
{{- if and (eq .Values.mode "plain") (.Capabilities.APIVersions.Has "gateway.example.org/v1") }}
{{- fail "not beside gateways" }}
{{- end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: picky}
data: {mode: "{{ .Values.mode }}", always: "yes"}
"#;

/// What a cluster runs may not render any more. There is a way on all the same, whose plan says so; there is none back, and a
/// preview of that says why.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_render_any_more_can_be_left() {
    let bench = Bench::start().await;
    let session = &bench.session;
    bench.publish(pack("picky", "1.0.0", "pack:\n  namespace: shop\nmode: plain\n", PICKY)).await;
    for (version, values) in [("1.0.0", ""), ("1.1.0", "mode: fancy\n"), ("1.2.0", "mode: fancier\n")] {
        let layers = vec![layer("app", "picky", "1.0.0", values, ImmutablePolicy::Block)];
        bench.publish_content("picky", version, layers, vec![]).await;
    }
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    assert_eq!(bench.apply("one", &[("picky", "1.0.0")]).await.state, ChangeState::Succeeded);
    let on = |version| bench.wish("one", &[("picky", version)]);
    let before = session.preview_upgrade(&on("1.1.0")).await.unwrap().plan;
    let told = |plan: &Plan| plan.findings.iter().any(|it| it.code == FindingCode::CurrentNotRendered);
    assert!(!told(&before), "{:#?}", before.findings);

    // The facts are read anew when the change starts: by then what runs does not render, and the plan is the same.
    bench.define(&sim, "gateways", "Gateway", "gateway.example.org").await;
    let change = bench.apply("one", &[("picky", "1.1.0")]).await;
    assert_eq!((change.state, &change.plan_digest), (ChangeState::Succeeded, &before.digest), "{change:#?}");

    // Back there is no way while it does not render. A preview says why, a request is refused.
    let mut wish = bench.wish("one", &[]);
    wish.roll_back = Some(change.id);
    let back = session.preview_upgrade(&wish).await.unwrap().plan;
    assert!(back.actions.is_empty() && back.findings[0].code == FindingCode::RenderFailed, "{back:#?}");
    assert!(back.findings[0].message.contains("not beside gateways"), "{:#?}", back.findings);
    let asked = session.roll_back_change(change.id, RequestOptions::default()).await;
    let EngineError::Refused(refusals) = asked.unwrap_err() else { panic!("an internal error") };
    assert_eq!(refusals[0].code, RefusalCode::RenderFailed);

    // On a cluster that runs what does not render, the way on is planned on what was sent.
    let two = bench.cluster("two").await;
    bench.register("two", &two).await;
    assert_eq!(bench.apply("two", &[("picky", "1.0.0")]).await.state, ChangeState::Succeeded);
    bench.define(&two, "gateways", "Gateway", "gateway.example.org").await;
    let again = session.request_upgrade(bench.wish("two", &[("picky", "1.0.0")]), RequestOptions::default());
    let change = again.await.unwrap();
    session.apply_change(change.id, change.plan_digest.clone()).await.unwrap();
    bench.settled(change.id).await;
    let on = bench.wish("two", &[("picky", "1.2.0")]);
    let plan = session.preview_upgrade(&on).await.unwrap().plan;
    assert!(told(&plan), "{:#?}", plan.findings);
    assert_eq!((plan.actions.len(), plan.actions[0].action), (1, Action::Change), "{plan:#?}");
    let paths: Vec<&str> = plan.actions[0].changes.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["data.mode"]);
    let values: Vec<&str> = plan.layers[0].changes.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(values, ["mode"], "values are told as ever");
    let to = RevisionWish { profile: "picky".into(), version: "1.2.0".into(), revision: None };
    let preview = Box::pin(session.preview_fleet_upgrade(&to, ClusterFilter::default())).await.unwrap();
    assert_eq!(preview.groups.iter().map(|group| group.clusters).sum::<u32>(), 2, "{preview:#?}");
    assert_eq!(bench.apply("two", &[("picky", "1.2.0")]).await.state, ChangeState::Succeeded);
    bench.stop().await;
}
