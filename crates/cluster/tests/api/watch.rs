//! Waiting: lists, watches, their ends, and what is said when the time is over.

use std::{sync::Mutex, time::Duration};

use crate::support::{Reply, client, deployment, key, live, status};
use serde_json::{Value, json};
use strata_cluster::{
    Absence, ClusterError, Expectation, ObjectReference, UnreachableReason, WatchError, WatchOptions,
};
use tokio_util::sync::CancellationToken;

const LIST: &str = "/apis/apps/v1/namespaces/shop/deployments";

fn web(available: i64, generation: i64) -> Value {
    named("web", available, generation)
}

fn named(name: &str, available: i64, generation: i64) -> Value {
    let mut object = live(&deployment(), "5", generation);
    object["metadata"]["name"] = name.into();
    object["status"] = json!({"observedGeneration": generation, "replicas": 2, "updatedReplicas": 2, "availableReplicas": available});
    object
}

fn list(items: &[Value]) -> Reply {
    Reply::Json(200, json!({"metadata": {"resourceVersion": "100"}, "items": items}))
}

fn event(kind: &str, object: Value) -> Value {
    json!({"type": kind, "object": object})
}

fn expect(name: &str, min_generation: Option<i64>) -> Expectation {
    Expectation::ready(ObjectReference::new(key("apps", "Deployment", name), "apps/v1"), min_generation)
}

fn options(seconds: u64) -> WatchOptions {
    WatchOptions { deadline: Duration::from_secs(seconds), ..WatchOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn what_is_well_needs_one_list() {
    let (client, log) = client(|seen| (seen.path == LIST).then(|| list(&[web(2, 1)])));
    client.watch_until(vec![expect("web", Some(1))], &options(60), &|_, _| {}).await.unwrap();
    let seen = log.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].query.get("fieldSelector").map(String::as_str), Some("metadata.name=web"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_follows_and_tells_each_new_verdict_once() {
    let (client, log) = client(|seen| {
        (seen.path == LIST).then(|| {
            if seen.query.contains_key("watch") {
                let events = vec![
                    event("BOOKMARK", json!({"metadata": {"resourceVersion": "101"}})),
                    event("MODIFIED", named("other", 2, 1)),
                    event("MODIFIED", web(1, 1)),
                    event("MODIFIED", web(1, 1)),
                    event("MODIFIED", web(2, 1)),
                ];
                Reply::Events(events, true)
            } else {
                list(&[web(0, 1)])
            }
        })
    });
    let told = Mutex::new(Vec::new());
    client
        .watch_until(vec![expect("web", Some(1))], &options(60), &|_, health| {
            told.lock().unwrap().push(health.reason().to_owned())
        })
        .await
        .unwrap();
    assert_eq!(*told.lock().unwrap(), ["0 of 2 replicas available", "1 of 2 replicas available", ""]);
    let watch = &log.seen()[1];
    assert_eq!(watch.query.get("resourceVersion").map(String::as_str), Some("100"));
    assert_eq!(watch.query.get("timeoutSeconds").map(String::as_str), Some("60"));
}

#[tokio::test(start_paused = true)]
async fn old_evidence_does_not_count() {
    let (client, _log) = client(|seen| {
        (seen.path == LIST).then(|| {
            if seen.query.contains_key("watch") {
                Reply::Events(vec![event("MODIFIED", web(2, 3))], true)
            } else {
                list(&[web(2, 2)])
            }
        })
    });
    let told = Mutex::new(Vec::new());
    client
        .watch_until(vec![expect("web", Some(3))], &options(60), &|_, health| {
            told.lock().unwrap().push(health.is_ready())
        })
        .await
        .unwrap();
    assert_eq!(*told.lock().unwrap(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_too_old_or_ends_is_begun_anew() {
    let gone = event("ERROR", status(410, "Expired", "too old", json!({})));
    for (end, stays_open) in [(vec![gone], true), (vec![], false), (vec![json!("nonsense")], true)] {
        let (client, log) = client(move |seen| {
            (seen.path == LIST).then(|| match (seen.query.contains_key("watch"), seen.nth) {
                (true, _) => Reply::Events(end.clone(), stays_open),
                (false, n) => list(&[web(if n < 4 { 0 } else { 2 }, 1)]),
            })
        });
        client.watch_until(vec![expect("web", None)], &options(60), &|_, _| {}).await.unwrap();
        assert_eq!(log.seen().len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn where_watching_is_not_allowed_lists_are_read_again_and_again() {
    let (client, log) = client(|seen| {
        (seen.path == LIST).then(|| match (seen.query.contains_key("watch"), seen.nth) {
            (true, _) => Reply::Json(403, status(403, "Forbidden", "cannot watch", json!({"name": "x"}))),
            (false, n) => list(&[web(if n < 6 { 0 } else { 2 }, 1)]),
        })
    });
    client.watch_until(vec![expect("web", None)], &options(60), &|_, _| {}).await.unwrap();
    assert_eq!(log.seen().iter().filter(|seen| seen.query.contains_key("watch")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_all_that_is_missing_is_named() {
    let (client, _log) = client(|seen| {
        (seen.path == LIST).then(|| {
            if seen.query.contains_key("watch") {
                Reply::Events(vec![], true)
            } else {
                list(&[web(1, 1), named("ok", 2, 1)])
            }
        })
    });
    let began = tokio::time::Instant::now();
    let expectations = vec![expect("web", None), expect("ok", None), expect("absent", None)];
    let error = client.watch_until(expectations, &options(30), &|_, _| {}).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 30);
    let WatchError::Unhealthy(unhealthy) = error else { panic!("{error}") };
    let pending: Vec<(String, String)> =
        unhealthy.pending.into_iter().map(|(key, reason)| (key.name, reason)).collect();
    assert_eq!(
        pending,
        [
            ("absent".to_owned(), "it does not exist".to_owned()),
            ("web".to_owned(), "1 of 2 replicas available".to_owned()),
        ]
    );
    assert!(!unhealthy.failed);
}

fn late() -> Value {
    let mut object = web(1, 1);
    object["status"]["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"}]);
    object
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_stands_ends_the_wait() {
    let (client, _log) = client(|seen| {
        (seen.path == LIST).then(|| {
            if seen.query.contains_key("watch") { Reply::Events(vec![], true) } else { list(&[late()]) }
        })
    });
    let began = tokio::time::Instant::now();
    let error = client.watch_until(vec![expect("web", None)], &options(600), &|_, _| {}).await.unwrap_err();
    assert!(matches!(error, WatchError::Unhealthy(unhealthy) if unhealthy.failed));
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_does_not() {
    let (client, _log) = client(|seen| {
        (seen.path == LIST).then(|| {
            if seen.query.contains_key("watch") {
                Reply::Events(vec![event("MODIFIED", web(2, 1))], true)
            } else {
                list(&[late()])
            }
        })
    });
    client.watch_until(vec![expect("web", None)], &options(600), &|_, _| {}).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_are_selected_by_label_unless_some_lack_it() {
    let run = async |labelled: bool| {
        let (client, log) = client(move |seen| {
            (seen.path == LIST).then(|| {
                if seen.query.contains_key("labelSelector") && !labelled {
                    list(&[named("a", 2, 1)])
                } else {
                    list(&[named("a", 2, 1), named("b", 2, 1)])
                }
            })
        });
        let options = WatchOptions { label_selector: Some("strata.dev/cluster=c".to_owned()), ..options(60) };
        client.watch_until(vec![expect("a", None), expect("b", None)], &options, &|_, _| {}).await.unwrap();
        log.seen().len()
    };
    assert_eq!(run(true).await, 1);
    assert_eq!(run(false).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_answer_is_waited_for_and_named_at_the_end() {
    let (client, _log) = client(|seen| (seen.path == LIST).then_some(Reply::Break));
    let began = tokio::time::Instant::now();
    let error = client.watch_until(vec![expect("web", None)], &options(120), &|_, _| {}).await.unwrap_err();
    let WatchError::Cluster(error) = error else { panic!("{error}") };
    assert!(matches!(error, ClusterError::Unreachable { reason: UnreachableReason::Broken, .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_refuses_is_not_waited_for() {
    let (client, _log) = client(|seen| {
        (seen.path == LIST)
            .then(|| Reply::Json(403, status(403, "Forbidden", "cannot list", json!({"name": "x"}))))
    });
    let error = client.watch_until(vec![expect("web", None)], &options(120), &|_, _| {}).await.unwrap_err();
    assert!(matches!(error, WatchError::Cluster(ClusterError::Forbidden { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_object_is_not_delayed_by_another_of_its_name() {
    let (client, _log) = client(|seen| (seen.path == LIST).then(|| list(&[web(2, 1)])));
    let reference = ObjectReference::new(key("apps", "Deployment", "web"), "apps/v1");
    client.wait_gone(&reference, Some("an older one"), Duration::from_secs(60)).await.unwrap();
    let error = client.wait_gone(&reference, Some("u1"), Duration::from_secs(60)).await.unwrap_err();
    assert!(
        matches!(&error, ClusterError::TimedOut { reason, .. } if reason.contains("still there")),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_is_gone() {
    let (client, _log) = client(|_| None);
    let reference = ObjectReference::new(key("example.com", "Widget", "w"), "example.com/v1");
    client.wait_gone(&reference, None, Duration::from_secs(60)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_goes_when_it_is_done_was_ready_if_it_was_seen_so() {
    let run = async |absence: Absence, first: i64| {
        let (client, _log) = client(move |seen| {
            (seen.path == LIST).then(|| {
                if seen.query.contains_key("watch") {
                    Reply::Events(
                        vec![event("DELETED", named("web", first, 1)), event("MODIFIED", named("db", 2, 1))],
                        true,
                    )
                } else if seen.nth == 0 {
                    list(&[named("web", first, 1), named("db", 0, 1)])
                } else {
                    list(&[named("db", 2, 1)])
                }
            })
        });
        let expectations = vec![expect("web", None).with_absence(absence), expect("db", None)];
        client.watch_until(expectations, &options(60), &|_, _| {}).await.is_ok()
    };
    assert!(run(Absence::DoneOnceReady, 2).await);
    assert!(!run(Absence::DoneOnceReady, 0).await, "nobody saw it ready");
    assert!(!run(Absence::Missing, 2).await);
    assert!(run(Absence::Done, 0).await);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_end_can_be_interrupted() {
    let (client, _log) = client(|seen| (seen.path == LIST).then(|| list(&[web(2, 1)])));
    let stop = CancellationToken::new();
    let client = client.until(stop.clone());
    let reference = ObjectReference::new(key("apps", "Deployment", "web"), "apps/v1");
    let waiting = client.wait_gone(&reference, None, Duration::from_secs(1800));
    let (waited, ()) = tokio::join!(waiting, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
    });
    assert!(matches!(waited, Err(ClusterError::Interrupted { .. })), "{waited:?}");
}
