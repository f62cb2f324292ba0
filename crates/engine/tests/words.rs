//! What a cluster says may quote what was sent to it: it is kept and shown with secrets masked.

mod bench;

use std::time::Duration;

use bench::{Bench, layer, pack};
use http::Method;
use strata_engine::Wish;
use strata_model::{change::ChangeState, cluster::Health, profile::ImmutablePolicy};

const SECRET: &str = "correct-horse-battery-staple";
const VALUES: &str = "pack:\n  namespace: default\npassword: '{{.strata.var.password}}'\n";
const MANIFEST: &str = r#"
apiVersion: widgets.example.org/v1
kind: Widget
metadata:
  name: one
spec:
  password: {{ .Values.password | quote }}
"#;
const PLACE: &str = "/apis/widgets.example.org/v1/namespaces/default/widgets/one";

#[tokio::test(flavor = "multi_thread")]
async fn health_is_polled_and_its_reason_is_masked() {
    let bench = Bench::start_with(|options| options.poll_interval = Duration::from_millis(100)).await;
    let sim = bench.cluster("one").await;
    bench.define(&sim, "widgets", "Widget", "widgets.example.org").await;
    bench.publish(pack("widgets", "1.0.0", VALUES, MANIFEST)).await;
    let mut password = bench::variable("password", None);
    password.sensitive = true;
    password.required = true;
    let layers = vec![layer("widgets", "widgets", "1.0.0", VALUES, ImmutablePolicy::Block)];
    bench.publish_content("widgets", "1.0.0", layers, vec![password]).await;
    bench.register("one", &sim).await;
    let wish = Wish {
        variables: vec![("password".into(), SECRET.into())],
        ..bench.wish("one", &[("widgets", "1.0.0")])
    };
    bench.session.edit_cluster("attachProfile", wish, Default::default()).await.unwrap();
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");

    let mut widget = bench.send(&sim, Method::GET, PLACE, None).await;
    assert_eq!(widget["spec"]["password"], SECRET);
    widget["status"] = serde_json::json!({"conditions": [{
        "type": "Ready", "status": "False", "reason": "LoginFailed",
        "message": format!("cannot log in with {SECRET}"), "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]});
    bench.send(&sim, Method::PUT, PLACE, Some(widget)).await;

    let reason = bench
        .when(async || {
            let cluster = bench.session.cluster("one").await.unwrap().unwrap();
            (cluster.health.value == Health::Degraded).then_some(cluster.health.reason)
        })
        .await;
    assert!(reason.contains("cannot log in with ‹secret:"), "{reason}");
    assert!(!reason.contains(SECRET), "{reason}");
    bench.stop().await;
}

/// Copies what it looks up, and keeps a password that is there.
const COPIES: &str = r#"
{{- $theirs := lookup "v1" "Secret" "default" "theirs" }}
apiVersion: v1
kind: ConfigMap
metadata: {name: copy}
data:
  word: "{{ with $theirs.data }}{{ .word | b64dec }}{{ else }}none{{ end }}"
  stage: "{{ .Values.stage }}"
"#;

/// What is looked up on a cluster is shown nowhere, neither as it lies there nor where a template puts it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_up_is_not_shown() {
    let bench = Bench::start().await;
    let session = &bench.session;
    let sim = bench.cluster("one").await;
    let theirs = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"},
        "stringData": {"word": SECRET}});
    bench.send(&sim, Method::POST, "/api/v1/namespaces/default/secrets", Some(theirs)).await;
    bench.publish(pack("copies", "1.0.0", "pack:\n  namespace: default\nstage: one\n", COPIES)).await;
    for (version, values) in [("1.0.0", ""), ("1.1.0", "stage: two\n")] {
        let layers = vec![layer("copies", "copies", "1.0.0", values, ImmutablePolicy::Block)];
        bench.publish_content("copies", version, layers, vec![]).await;
    }
    bench.register("one", &sim).await;
    let first = session.preview_upgrade(&bench.wish("one", &[("copies", "1.0.0")])).await.unwrap();
    assert_eq!(bench.apply("one", &[("copies", "1.0.0")]).await.state, ChangeState::Succeeded);
    assert_eq!(sim.objects("v1", "ConfigMap", "default")[0]["data"]["word"], SECRET, "it was copied");
    let next = session.preview_upgrade(&bench.wish("one", &[("copies", "1.1.0")])).await.unwrap();
    let trace = session.trace_field(next.id, "ConfigMap copy", "data.word").await.unwrap();
    let looked_up = trace.sources.iter().find(|it| it.path == "lookup v1 Secret default/theirs").unwrap();
    assert!(looked_up.value["data"]["word"].as_str().unwrap().starts_with("‹secret:"), "{looked_up:?}");
    let manifest = session.manifest(next.id, "ConfigMap copy").await.unwrap();
    assert_eq!(manifest["data"]["stage"], "two");
    for shown in [
        manifest.to_string(),
        serde_json::to_string(&first.plan).unwrap(),
        serde_json::to_string(&next.plan).unwrap(),
        serde_json::to_string(&trace).unwrap(),
    ] {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!shown.contains("Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ"), "{shown}");
    }
    bench.stop().await;
}
