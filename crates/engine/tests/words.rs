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
