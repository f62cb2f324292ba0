//! Live previews: what a cluster is asked, what it says, and that nothing changes by it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod bench;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bench::{Bench, layer, pack};
use http::Method;
use serde_json::{Value, json};
use strata_model::{
    change::ChangeState,
    evidence::{Evidence, LiveOutcome, ObjectEvidence},
    plan::Action,
    profile::{ConflictPolicy, ImmutablePolicy},
};
use strata_sim::{SimCluster, Which};

const VALUES: &str =
    "pack:\n  namespace: shop\nnames: [a, b, c]\nword: one\npassword: '{{.strata.var.password}}'\n";
const MANIFEST: &str = r#"
{{- range .Values.names }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ . }}}
data: {word: {{ $.Values.word }}, fixed: "1"}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ if eq .Values.word "one" }}2{{ else }}4{{ end }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: main, image: "busybox:1.36", resources: {requests: {cpu: 250m, memory: 64Mi}}}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: {{ .Values.password | quote }}}
"#;
const SECRET: &str = "correct-horse-battery-staple";

/// A cluster that runs version 1.0.0 of `shop`; 1.1.0 has another word, and leaves `c` behind.
async fn running(bench: &Bench, policy: ConflictPolicy) -> SimCluster {
    bench.publish(pack("shop", "1.0.0", VALUES, MANIFEST)).await;
    let mut password = bench::variable("password", None);
    password.sensitive = true;
    for (version, names, word) in [("1.0.0", "[a, b, c]", "one"), ("1.1.0", "[a, b, d]", "two")] {
        let values = VALUES.replace("[a, b, c]", names).replace("word: one", &format!("word: {word}"));
        let mut layer = layer("shop", "shop", "1.0.0", &values, ImmutablePolicy::Block);
        layer.on_conflict = policy;
        bench.publish_content("shop", version, vec![layer], vec![password.clone()]).await;
    }
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    let wish = strata_engine::Wish {
        variables: vec![("password".into(), SECRET.into())],
        ..bench.wish("one", &[("shop", "1.0.0")])
    };
    bench.session.edit_cluster("attachProfile", wish, Default::default()).await.unwrap();
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    sim
}

async fn asked(bench: &Bench, version: &str) -> Evidence {
    let wish = bench.wish("one", &[("shop", version)]);
    let record = bench.session.preview_upgrade_live(&wish).await.unwrap();
    let plain = bench.session.preview_upgrade(&wish).await.unwrap();
    assert_eq!(plain.plan, record.plan, "evidence is beside the plan");
    assert_eq!(plain.evidence, None);
    // It is kept with the plan, and shown with its own time.
    let kept = bench.session.plan(record.id).await.unwrap().unwrap();
    assert_eq!(kept.evidence, record.evidence);
    record.evidence.unwrap()
}

fn about<'a>(evidence: &'a Evidence, kind: &str, name: &str) -> &'a ObjectEvidence {
    let mut found = evidence.objects.iter().filter(|it| it.key.kind == kind && it.key.name == name);
    found.next().unwrap_or_else(|| panic!("nothing about {kind} {name}: {evidence:#?}"))
}

fn outcomes(evidence: &Evidence) -> Vec<String> {
    let line = |it: &ObjectEvidence| format!("{} {} {:?}", it.key.kind, it.key.name, it.outcome);
    evidence.objects.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_says_what_would_become_of_each_object() {
    let bench = Bench::start().await;
    let sim = running(&bench, ConflictPolicy::Fail).await;
    let before: Vec<Value> = sim.objects("v1", "ConfigMap", "shop");
    let evidence = asked(&bench, "1.1.0").await;
    assert_eq!(before, sim.objects("v1", "ConfigMap", "shop"), "nothing was changed");
    assert!(evidence.cluster.reached);
    assert_eq!(
        outcomes(&evidence),
        [
            "ConfigMap a Changed",
            "ConfigMap b Changed",
            "ConfigMap d Created",
            "Deployment web Changed",
            "ConfigMap c LeftBehind"
        ]
    );
    // Namespace and Secret.
    assert_eq!(evidence.as_sent, 2);
    let changes = &about(&evidence, "ConfigMap", "a").changes;
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!((changes[0].path.as_str(), &changes[0].after), ("data.word", &Some(json!("two"))));
    // Two replicas more, of 250m and 64Mi.
    let capacity = evidence.capacity.value().unwrap();
    let additional: Vec<String> =
        capacity.iter().map(|it| format!("{} {}", it.resource, it.additional)).collect();
    assert_eq!(additional, ["cpu 500m", "memory 128Mi", "pods 2"]);
    let nodes = evidence.nodes.value().unwrap();
    assert!(nodes.ready > 0 && nodes.nodes == nodes.ready, "{nodes:?}");
    assert_eq!(evidence.removed_apis, None);

    // What was promised is what happens, and then there is nothing to say any more.
    assert_eq!(bench.apply("one", &[("shop", "1.1.0")]).await.state, ChangeState::Succeeded);
    let evidence = asked(&bench, "1.1.0").await;
    assert_eq!(outcomes(&evidence), [""; 0]);
    assert_eq!(evidence.as_sent, 6);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_conflicts_and_what_is_not_ours_are_told() {
    let bench = Bench::start().await;
    let sim = running(&bench, ConflictPolicy::Fail).await;
    // Somebody holds a field that would change, has an object of the name of a new one, and took one away.
    let merge = |path: &'static str, body: Value| {
        let (bench, sim) = (&bench, &sim);
        async move { patch(bench, sim, path, "mallory", body).await }
    };
    merge("/api/v1/namespaces/shop/configmaps/a", json!({"data": {"word": "mine"}})).await;
    let made =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": {"x": "1"}});
    bench
        .send(&sim, Method::POST, "/api/v1/namespaces/shop/configmaps?fieldManager=mallory", Some(made))
        .await;
    bench.send(&sim, Method::DELETE, "/api/v1/namespaces/shop/configmaps/c", None).await;
    let refused = Which { method: Some(Method::PATCH), resource: Some("deployments".into()), name: None };
    sim.faults().refuse(422, refused, None);
    let evidence = asked(&bench, "1.1.0").await;
    let said = about(&evidence, "ConfigMap", "a");
    assert_eq!(said.outcome, LiveOutcome::FieldConflict);
    assert_eq!(
        (said.conflicts[0].field.as_str(), said.conflicts[0].manager.as_str()),
        (".data.word", "mallory")
    );
    // What is there is not what was sent, either.
    assert_eq!((&said.drift[0].sent, &said.drift[0].live), (&json!("one"), &Some(json!("mine"))));
    let said = about(&evidence, "ConfigMap", "d");
    assert_eq!((said.outcome, said.code.as_deref()), (LiveOutcome::NotOurs, Some("NOT_OURS")));
    assert!(said.message.as_deref().unwrap().contains("mallory"), "{said:?}");
    let said = about(&evidence, "Deployment", "web");
    assert_eq!((said.outcome, said.code.as_deref()), (LiveOutcome::Refused, Some("INVALID_OBJECT")));
    let said = about(&evidence, "ConfigMap", "c");
    assert_eq!((said.outcome, said.action), (LiveOutcome::Gone, Some(Action::Orphan)));
    assert_eq!(about(&evidence, "ConfigMap", "b").outcome, LiveOutcome::Changed);
    assert_eq!(evidence.objects.iter().filter(|it| it.stops()).count(), 3);
    bench.stop().await;
}

async fn patch(bench: &Bench, sim: &SimCluster, path: &str, manager: &str, body: Value) {
    let request = http::Request::builder()
        .method(Method::PATCH)
        .uri(format!("{path}?fieldManager={manager}"))
        .header("content-type", "application/merge-patch+json")
        .body(serde_json::to_vec(&body).unwrap())
        .unwrap();
    bench.somebody(sim).await.request::<Value>(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_where_strata_owns_the_field_and_nowhere_else() {
    let bench = Bench::start().await;
    let sim = running(&bench, ConflictPolicy::Fail).await;
    // The plan leaves all of it as it is.
    patch(
        &bench,
        &sim,
        "/api/v1/namespaces/shop/configmaps/a",
        "mallory",
        json!({"data": {"fixed": null, "own": "x"}}),
    )
    .await;
    patch(
        &bench,
        &sim,
        "/apis/apps/v1/namespaces/shop/deployments/web",
        "mallory",
        json!({"spec": {"replicas": 7}}),
    )
    .await;
    patch(
        &bench,
        &sim,
        "/api/v1/namespaces/shop/secrets/login",
        "mallory",
        json!({"stringData": {"password": "another-long-secret"}}),
    )
    .await;
    bench.send(&sim, Method::DELETE, "/api/v1/namespaces/shop/configmaps/b", None).await;
    let evidence = asked(&bench, "1.0.0").await;
    let mut told = outcomes(&evidence);
    told.sort();
    assert_eq!(
        told,
        ["ConfigMap a Unchanged", "ConfigMap b Gone", "Deployment web Unchanged", "Secret login Unchanged"]
    );
    let drift = &about(&evidence, "ConfigMap", "a").drift;
    assert_eq!(drift.len(), 1, "what somebody else added is theirs: {drift:?}");
    assert_eq!((drift[0].path.as_str(), &drift[0].sent, &drift[0].live), ("data.fixed", &json!("1"), &None));
    let drift = &about(&evidence, "Deployment", "web").drift;
    assert_eq!((&drift[0].sent, &drift[0].live), (&json!(2), &Some(json!(7))), "{drift:?}");
    // Neither secret is shown, and that they differ is.
    let drift = &about(&evidence, "Secret", "login").drift;
    let shown = serde_json::to_string(&evidence).unwrap();
    assert!(drift.iter().any(|it| Some(&it.sent) != it.live.as_ref()), "{drift:?}");
    for secret in [SECRET, "another-long-secret", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(!evidence.objects.iter().any(ObjectEvidence::stops), "what is not sent stops nothing");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_layer_yields_others_keep_what_they_hold() {
    let bench = Bench::start().await;
    let sim = running(&bench, ConflictPolicy::Yield).await;
    patch(&bench, &sim, "/api/v1/namespaces/shop/configmaps/a", "mallory", json!({"data": {"word": "mine"}}))
        .await;
    let evidence = asked(&bench, "1.1.0").await;
    let said = about(&evidence, "ConfigMap", "a");
    assert_eq!(
        (said.outcome, said.yielded.as_slice()),
        (LiveOutcome::Unchanged, [".data.word".to_owned()].as_slice())
    );
    assert!(said.drift.is_empty(), "it is theirs by right: {said:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_leaves_the_plan() {
    let bench = Bench::start_with(|options| {
        options.live_deadline = Duration::from_millis(600);
        options.poll_interval = Duration::from_secs(3600);
    })
    .await;
    let sim = running(&bench, ConflictPolicy::Fail).await;
    sim.faults().offline();
    let evidence = asked(&bench, "1.1.0").await;
    assert!(!evidence.cluster.reached, "{evidence:#?}");
    assert!(evidence.cluster.reason.is_some() && evidence.nodes.value().is_none());
    assert!(evidence.objects.iter().all(|it| it.outcome == LiveOutcome::NotAsked), "{evidence:#?}");

    // One that hangs while it is asked is given up at the deadline; what it had said by then is kept.
    sim.faults().clear();
    let asked_for = Arc::new(AtomicUsize::new(0));
    let (count, hangs) = (Arc::clone(&asked_for), sim.clone());
    sim.on_request(move |request| {
        if request.method == Method::PATCH && count.fetch_add(1, Ordering::SeqCst) == 1 {
            hangs.faults().hanging();
        }
    });
    let started = std::time::Instant::now();
    let evidence = asked(&bench, "1.1.0").await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(asked_for.load(Ordering::SeqCst) > 1);
    assert!(evidence.cluster.reached);
    let late = evidence.objects.iter().filter(|it| it.outcome == LiveOutcome::NotAsked);
    let late: Vec<&str> = late.filter_map(|it| it.message.as_deref()).collect();
    assert!(late.contains(&"there was no answer in time"), "{evidence:#?}");
    sim.faults().clear();
    bench.stop().await;
}

const DEFINED: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example.org}
spec:
  group: shop.example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: shop.example.org/v1
kind: Widget
metadata: {name: one}
spec: {size: 1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: later}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_with_the_change_is_not_known_before_it() {
    let bench = Bench::start().await;
    bench.publish(pack("widgets", "1.0.0", "pack:\n  namespace: fresh\n", DEFINED)).await;
    let layers =
        vec![layer("widgets", "widgets", "1.0.0", "pack:\n  namespace: fresh\n", ImmutablePolicy::Block)];
    bench.publish_content("shop", "1.0.0", layers, vec![]).await;
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    let evidence = asked(&bench, "1.0.0").await;
    assert_eq!(
        outcomes(&evidence),
        [
            "Namespace fresh Created",
            "CustomResourceDefinition widgets.shop.example.org Created",
            "ConfigMap later NotKnownYet",
            "Widget one NotKnownYet"
        ]
    );
    for (kind, name, waits_for) in [("ConfigMap", "later", "Namespace"), ("Widget", "one", "Namespace")] {
        let said = about(&evidence, kind, name);
        assert_eq!(said.waits_for.as_ref().map(|key| key.kind.as_str()), Some(waits_for), "{said:?}");
        assert!(said.message.is_some());
    }
    bench.stop().await;
}
