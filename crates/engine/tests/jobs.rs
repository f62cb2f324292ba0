//! Jobs that go by themselves, and Jobs that do not go when they are told to.

mod bench;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bench::{Bench, layer, pack};
use http::Method;
use strata_engine::RequestOptions;
use strata_model::{change::ChangeState, profile::ImmutablePolicy};
use tokio::sync::Notify;

const JOB: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: work
spec:
  {{- with .Values.ttl }}
  ttlSecondsAfterFinished: {{ . }}
  {{- end }}
  template:
    metadata:
      annotations: {text: {{ .Values.text | quote }}}
    spec:
      restartPolicy: Never
      containers: [{name: work, image: "busybox:1.36"}]
"#;
const AFTER: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: after
data: {}
"#;
const PLACE: &str = "/apis/batch/v1/namespaces/work/jobs/work";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_was_seen_complete_and_went_is_well() {
    let bench = Arc::new(Bench::start().await);
    bench.publish(pack("work", "1.0.0", "pack:\n  namespace: work\ntext: a\nttl: 1\n", JOB)).await;
    bench.publish(pack("after", "1.0.0", "pack:\n  namespace: work\n", AFTER)).await;
    let mut after = layer("after", "after", "1.0.0", "", ImmutablePolicy::Block);
    after.install_priority = Some(1);
    let layers = vec![layer("work", "work", "1.0.0", "", ImmutablePolicy::Block), after];
    bench.publish_content("work", "1.0.0", layers, vec![]).await;
    let sim = Arc::new(bench.cluster("one").await);
    bench.register("one", &sim).await;
    bench.attach("one", "work", "1.0.0").await;

    // Its time to live is over before the next step is sent.
    let (runtime, once) = (tokio::runtime::Handle::current(), AtomicBool::new(false));
    let (somebody, cluster) = (Arc::clone(&bench), Arc::clone(&sim));
    sim.on_request(move |request| {
        if request.method != Method::PATCH
            || !request.path.contains("/configmaps/after")
            || once.swap(true, Ordering::SeqCst)
        {
            return;
        }
        let (somebody, cluster) = (Arc::clone(&somebody), Arc::clone(&cluster));
        tokio::task::block_in_place(|| {
            runtime.block_on(async move { somebody.send(&cluster, Method::DELETE, PLACE, None).await })
        });
    });
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert!(sim.object("batch/v1", "Job", "work", "work").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelling_is_heard_while_a_replaced_object_does_not_go() {
    let bench = Bench::start().await;
    bench.publish(pack("work", "1.0.0", "pack:\n  namespace: work\ntext: a\nttl: 0\n", JOB)).await;
    for (version, text) in [("1.0.0", "first"), ("1.1.0", "second")] {
        let values = format!("text: {text}\n");
        let layers = vec![layer("work", "work", "1.0.0", &values, ImmutablePolicy::Replace)];
        bench.publish_content("work", version, layers, vec![]).await;
    }
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "work", "1.0.0").await;
    assert_eq!(bench.apply("one", &[]).await.state, ChangeState::Succeeded);

    let mut job = bench.send(&sim, Method::GET, PLACE, None).await;
    job["metadata"]["finalizers"] = serde_json::json!(["example.org/hold"]);
    bench.send(&sim, Method::PUT, PLACE, Some(job)).await;
    // The list that it waits with comes after the deletion.
    let (waits, deleted) = (Arc::new(Notify::new()), AtomicBool::new(false));
    let told = Arc::clone(&waits);
    sim.on_request(move |request| {
        if request.method == Method::DELETE && request.path.contains("/jobs/work") {
            deleted.store(true, Ordering::SeqCst);
        } else if deleted.load(Ordering::SeqCst) && request.path.contains("/jobs") {
            told.notify_one();
        }
    });
    let session = &bench.session;
    let wish = bench.wish("one", &[("work", "1.1.0")]);
    let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    let change = session.request_upgrade(wish, options).await.unwrap();
    session.approve(change.id, change.plan_digest.clone(), "replace it".into(), None).await.unwrap();
    waits.notified().await;
    session.cancel_change(change.id, "it hangs".into()).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Cancelled, "{change:#?}");
    bench.stop().await;
}
