//! Stopping and starting: scale, suspend, park.

use std::sync::Mutex;

use crate::support::{Reply, Seen, client, key, status};
use serde_json::{Value, json};
use strata_cluster::{ClusterError, ObjectReference, PARKED_SELECTOR};
use strata_model::orphan::{Reach, RestoreRecord};

const SCALE: &str = "/apis/apps/v1/namespaces/shop/deployments/web/scale";

/// An object at a path that takes merge patches, bound to its resource version.
fn living(path: &'static str, start: Value) -> impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static {
    let object = Mutex::new(start);
    move |seen: &Seen| {
        if seen.path != path {
            return None;
        }
        let mut object = object.lock().unwrap();
        if seen.method == "PATCH" {
            let sent = seen.body.pointer("/metadata/resourceVersion").cloned();
            if sent.is_some_and(|version| version != object["metadata"]["resourceVersion"]) {
                return Some(Reply::Json(409, status(409, "Conflict", "modified", json!({"name": "web"}))));
            }
            merge(&mut object["spec"], &seen.body["spec"]);
            let next = object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap() + 1;
            object["metadata"]["resourceVersion"] = next.to_string().into();
        }
        Some(Reply::Json(200, object.clone()))
    }
}

fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().shift_remove(key);
        } else {
            merge(&mut into[key], value);
        }
    }
}

fn scale(replicas: i64) -> Value {
    json!({"metadata": {"name": "web", "uid": "u1", "resourceVersion": "1"}, "spec": {"replicas": replicas}})
}

fn deployment() -> ObjectReference {
    ObjectReference::new(key("apps", "Deployment", "web"), "apps/v1")
}

fn record(reach: Reach, former: Value) -> RestoreRecord {
    RestoreRecord { uid: "u1".into(), reach, former, at: strata_model::Timestamp::UNIX_EPOCH }
}

#[tokio::test]
async fn a_deployment_is_scaled_down_once_and_up_again() {
    let (client, log) = client(living(SCALE, scale(3)));
    let state = client.former_state(&deployment()).await.unwrap().unwrap();
    assert_eq!((state.uid.as_str(), state.reach, state.is_stopped), ("u1", Reach::Scale, false));
    assert_eq!(state.former, json!({"replicas": 3}));
    let record = record(state.reach, state.former);
    client.stop(&deployment(), &record).await.unwrap();
    client.stop(&deployment(), &record).await.unwrap();
    client.start(&deployment(), &record).await.unwrap();
    client.start(&deployment(), &record).await.unwrap();
    let patches: Vec<Seen> = log.seen().into_iter().filter(|seen| seen.method == "PATCH").collect();
    let sent: Vec<&Value> = patches.iter().map(|seen| &seen.body["spec"]["replicas"]).collect();
    assert_eq!(sent, [&json!(0), &json!(3)]);
    assert_eq!(patches[0].query.get("fieldManager").map(String::as_str), Some("strata-cleanup"));
    assert_eq!(patches[0].body["metadata"]["resourceVersion"], "1");
}

#[tokio::test]
async fn what_is_no_longer_as_recorded_is_not_stopped() {
    let (client, log) = client(living(SCALE, scale(5)));
    let error = client.stop(&deployment(), &record(Reach::Scale, json!({"replicas": 3}))).await.unwrap_err();
    assert!(matches!(error, ClusterError::Stale { .. }), "{error}");
    let mut other = record(Reach::Scale, json!({"replicas": 5}));
    other.uid = "u0".into();
    for result in [client.stop(&deployment(), &other).await, client.start(&deployment(), &other).await] {
        assert!(matches!(result.unwrap_err(), ClusterError::Stale { .. }));
    }
    assert!(log.seen().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_moves_under_it_is_read_again() {
    let inner = living(SCALE, scale(3));
    let (client, _log) = client(move |seen| {
        if seen.method == "PATCH" && seen.nth < 2 {
            return Some(Reply::Json(409, status(409, "Conflict", "modified", json!({"name": "web"}))));
        }
        inner(seen)
    });
    client.stop(&deployment(), &record(Reach::Scale, json!({"replicas": 3}))).await.unwrap();
    assert!(client.former_state(&deployment()).await.unwrap().unwrap().is_stopped);
}

#[tokio::test]
async fn a_cron_job_is_suspended() {
    const PATH: &str = "/apis/batch/v1/namespaces/shop/cronjobs/tick";
    let reference = ObjectReference::new(key("batch", "CronJob", "tick"), "batch/v1");
    let object = json!({"metadata": {"name": "tick", "uid": "u1", "resourceVersion": "1"}, "spec": {"schedule": "* * * * *"}});
    let (client, _log) = client(living(PATH, object));
    let state = client.former_state(&reference).await.unwrap().unwrap();
    assert_eq!((state.reach, &state.former), (Reach::Suspend, &json!({"suspend": null})));
    let record = record(state.reach, state.former);
    client.stop(&reference, &record).await.unwrap();
    assert!(client.former_state(&reference).await.unwrap().unwrap().is_stopped);
    client.start(&reference, &record).await.unwrap();
    let live = client.get(&reference).await.unwrap().unwrap();
    assert_eq!(live["spec"], json!({"schedule": "* * * * *"}));
}

#[tokio::test]
async fn a_daemon_set_is_parked_beside_its_own_selector() {
    const PATH: &str = "/apis/apps/v1/namespaces/shop/daemonsets/agent";
    let reference = ObjectReference::new(key("apps", "DaemonSet", "agent"), "apps/v1");
    let object = json!({"metadata": {"name": "agent", "uid": "u1", "resourceVersion": "1"},
        "spec": {"template": {"spec": {"nodeSelector": {"os": "linux"}}}}});
    let (client, _log) = client(living(PATH, object.clone()));
    let state = client.former_state(&reference).await.unwrap().unwrap();
    let record = record(state.reach, state.former);
    client.stop(&reference, &record).await.unwrap();
    let parked = client.get(&reference).await.unwrap().unwrap();
    assert_eq!(
        parked["spec"]["template"]["spec"]["nodeSelector"],
        json!({"os": "linux", PARKED_SELECTOR: "true"})
    );
    client.start(&reference, &record).await.unwrap();
    assert_eq!(client.get(&reference).await.unwrap().unwrap()["spec"], object["spec"]);
}

#[tokio::test]
async fn what_cannot_be_stopped_says_so() {
    let (client, _log) = client(|_| None);
    let secret = ObjectReference::new(key("", "Secret", "s"), "v1");
    assert_eq!(client.reach(&secret).await.unwrap(), Reach::None);
    assert_eq!(client.reach(&deployment()).await.unwrap(), Reach::Scale);
    assert!(matches!(client.former_state(&secret).await.unwrap_err(), ClusterError::NotStoppable { .. }));
    assert_eq!(client.former_state(&deployment()).await.unwrap(), None);
    let gone = client.stop(&deployment(), &record(Reach::Scale, json!({"replicas": 3}))).await.unwrap_err();
    assert!(matches!(gone, ClusterError::NotFound { .. }), "{gone}");
}

#[tokio::test]
async fn scaling_answers_the_former_number() {
    let (client, _log) = client(living(SCALE, scale(3)));
    assert_eq!(client.scale(&deployment(), 1, Some("u1")).await.unwrap(), 3);
    assert_eq!(client.scale(&deployment(), 1, None).await.unwrap(), 1);
    assert!(matches!(
        client.scale(&deployment(), 1, Some("u0")).await.unwrap_err(),
        ClusterError::Stale { .. }
    ));
}

#[tokio::test]
async fn an_autoscaler_that_would_undo_it_is_paused_and_resumed() {
    const LIST: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects";
    const OBJECT: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/web-scaler";
    let inner = living(SCALE, scale(3));
    let (client, log) = client(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/apis") => {
            let resource = json!({"resource": "scaledobjects", "responseKind": {"kind": "ScaledObject"}, "scope": "Namespaced",
                "verbs": ["list"]});
            let keda = crate::support::group("keda.sh", &[("v1alpha1", vec![resource])]);
            Some(Reply::Json(200, crate::support::discovery(&[crate::support::apps_group(), keda])))
        }
        ("GET", LIST) => {
            let item = |name: &str, target: &str| json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"scaleTargetRef": {"name": target}}});
            let items = [item("web-scaler", "web"), item("db-scaler", "db")];
            Some(Reply::Json(200, json!({"metadata": {}, "items": items})))
        }
        ("PATCH", OBJECT) => Some(Reply::Json(200, json!({}))),
        _ => inner(seen),
    });
    let state = client.former_state(&deployment()).await.unwrap().unwrap();
    assert_eq!(state.former, json!({"replicas": 3, "pausedScaledObjects": ["web-scaler"]}));
    assert_eq!(
        state.autoscalers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["ScaledObject.keda.sh shop/web-scaler"]
    );
    let record = record(state.reach, state.former);
    client.stop(&deployment(), &record).await.unwrap();
    client.start(&deployment(), &record).await.unwrap();
    let patches: Vec<Seen> = log.seen().into_iter().filter(|seen| seen.method == "PATCH").collect();
    let paths: Vec<&str> = patches.iter().map(|seen| seen.path.as_str()).collect();
    // Paused before it is scaled down, resumed after it is scaled up.
    assert_eq!(paths, [OBJECT, SCALE, SCALE, OBJECT]);
    let paused = |seen: &Seen| seen.body["metadata"]["annotations"]["autoscaling.keda.sh/paused"].clone();
    assert_eq!((paused(&patches[0]), paused(&patches[3])), (json!("true"), Value::Null));
}
