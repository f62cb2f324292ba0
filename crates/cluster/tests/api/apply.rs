//! Server-side apply against a scripted API: conflicts, takeovers, kinds that come late, refusals.

use std::time::Duration;

use crate::support::{Reply, Seen, client, conflict, deployment, key, live, status};
use serde_json::{Value, json};
use strata_cluster::{
    ApplyOptions, ClusterError, Effect, Marks, ObjectReference, Preconditions, UnreachableReason,
};
use strata_model::{
    id::{ClusterId, InstallationId},
    object::marks,
    profile::ConflictPolicy,
};
use uuid::Uuid;

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

fn with_policy(on_conflict: ConflictPolicy) -> ApplyOptions {
    ApplyOptions { on_conflict, ..ApplyOptions::default() }
}

fn is_patch(seen: &Seen) -> bool {
    seen.method == "PATCH" && seen.path == WEB
}

#[tokio::test]
async fn one_patch_in_the_ordinary_case() {
    let (client, log) = client(|seen| is_patch(seen).then(|| Reply::Json(201, live(&seen.body, "7", 1))));
    let applied = client.apply(&deployment(), &ApplyOptions::default()).await.unwrap();
    assert_eq!((applied.effect, applied.uid.as_str(), applied.generation), (Effect::Created, "u1", Some(1)));
    let seen = log.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].content_type, "application/apply-patch+yaml");
    assert_eq!(seen[0].query.get("fieldManager").map(String::as_str), Some("strata"));
    assert_eq!(seen[0].query.get("force"), None);
}

#[tokio::test]
async fn whether_it_changed_is_known_from_the_resource_version_before() {
    let (client, _log) = client(|seen| is_patch(seen).then(|| Reply::Json(200, live(&seen.body, "7", 1))));
    let apply = async |before: Option<&str>| {
        let options = ApplyOptions { before: before.map(str::to_owned), ..ApplyOptions::default() };
        client.apply(&deployment(), &options).await.unwrap().effect
    };
    assert_eq!(apply(Some("7")).await, Effect::Unchanged);
    assert_eq!(apply(Some("6")).await, Effect::Changed);
    assert_eq!(apply(None).await, Effect::Sent);
}

#[tokio::test]
async fn a_dry_run_is_one() {
    let (client, log) = client(|seen| is_patch(seen).then(|| Reply::Json(200, live(&seen.body, "7", 1))));
    let options = ApplyOptions { dry_run: true, ..ApplyOptions::default() };
    client.apply(&deployment(), &options).await.unwrap();
    assert_eq!(log.seen()[0].query.get("dryRun").map(String::as_str), Some("All"));
}

const IMAGE: &str = r#".spec.template.spec.containers[name="web"].image"#;

#[tokio::test]
async fn fail_names_manager_and_field() {
    let (client, log) =
        client(|seen| is_patch(seen).then(|| conflict(&[(r#""kubectl-edit" using apps/v1"#, IMAGE)])));
    match client.apply(&deployment(), &with_policy(ConflictPolicy::Fail)).await.unwrap_err() {
        ClusterError::FieldConflict { fields, .. } => {
            assert_eq!((fields[0].manager.as_str(), fields[0].field.as_str()), ("kubectl-edit", IMAGE));
        }
        other => panic!("{other}"),
    }
    assert_eq!(log.lines(), [format!("PATCH {WEB}")]);
}

#[tokio::test]
async fn yield_leaves_the_field_out_and_sends_again() {
    let (client, log) = client(|seen| {
        is_patch(seen).then(|| match seen.nth {
            0 => {
                conflict(&[(r#""kubectl-edit" using apps/v1"#, IMAGE), (r#""other""#, ".metadata.labels.a")])
            }
            _ => Reply::Json(200, live(&seen.body, "7", 1)),
        })
    });
    let applied = client.apply(&deployment(), &with_policy(ConflictPolicy::Yield)).await.unwrap();
    assert_eq!(applied.yielded_fields, [".metadata.labels.a", IMAGE]);
    let last = &log.seen()[1];
    assert_eq!(last.body.pointer("/spec/template/spec/containers"), Some(&json!([{"name": "web"}])));
    assert_eq!(last.body.pointer("/metadata/labels"), None);
    assert_eq!(last.body.pointer("/spec/replicas"), Some(&json!(2)));
    assert_eq!(last.query.get("force"), None);
}

#[tokio::test]
async fn own_managers_are_taken_over_bound_to_what_was_read() {
    let (client, log) = client(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("PATCH", WEB) if seen.query.contains_key("force") => {
            Some(Reply::Json(200, live(&seen.body, "9", 2)))
        }
        ("PATCH", WEB) => Some(conflict(&[(
            r#""strata-cleanup" with subresource "scale" using apps/v1"#,
            ".spec.replicas",
        )])),
        ("GET", WEB) => Some(Reply::Json(200, live(&deployment(), "8", 1))),
        _ => None,
    });
    let applied = client.apply(&deployment(), &with_policy(ConflictPolicy::Fail)).await.unwrap();
    assert_eq!(applied.yielded_fields, Vec::<String>::new());
    let last = log.seen().pop().unwrap();
    assert_eq!(last.query.get("force").map(String::as_str), Some("true"));
    assert_eq!(last.body.pointer("/metadata/resourceVersion"), Some(&json!("8")));
    assert_eq!(last.body.pointer("/spec/replicas"), Some(&json!(2)));
}

#[tokio::test]
async fn a_takeover_begins_anew_when_the_object_moved() {
    let (client, log) = client(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("PATCH", WEB) if seen.query.contains_key("force") => {
            Some(match seen.body.pointer("/metadata/resourceVersion") {
                Some(version) if version == "9" => Reply::Json(200, live(&seen.body, "10", 2)),
                _ => Reply::Json(
                    409,
                    status(409, "Conflict", "the object has been modified", json!({"name": "web"})),
                ),
            })
        }
        ("PATCH", WEB) => Some(conflict(&[(r#""strata-cleanup" using apps/v1"#, ".spec.replicas")])),
        ("GET", WEB) => Some(Reply::Json(200, live(&deployment(), &(8 + seen.nth).to_string(), 1))),
        _ => None,
    });
    client.apply(&deployment(), &with_policy(ConflictPolicy::Fail)).await.unwrap();
    assert_eq!(log.seen().iter().filter(|seen| seen.query.contains_key("force")).count(), 2);
}

#[tokio::test]
async fn what_a_stranger_takes_during_a_takeover_is_not_forced() {
    let (client, log) = client(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("PATCH", WEB) if seen.nth == 0 => Some(conflict(&[(r#""strata-cleanup""#, ".spec.replicas")])),
        ("PATCH", WEB) => Some(conflict(&[(r#""strata-cleanup""#, ".spec.replicas"), (r#""other""#, IMAGE)])),
        ("GET", WEB) => Some(Reply::Json(200, live(&deployment(), "8", 1))),
        _ => None,
    });
    let error = client.apply(&deployment(), &with_policy(ConflictPolicy::Fail)).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::FieldConflict { fields, .. } if fields.len() == 1 && fields[0].manager == "other")
    );
    assert!(log.seen().iter().all(|seen| !seen.query.contains_key("force")));
}

#[tokio::test]
async fn replicas_of_an_autoscaler_are_left_to_it_even_by_force() {
    for manager in [
        r#""kube-controller-manager" with subresource "scale" using apps/v1"#,
        r#""kube-controller-manager" using apps/v1"#,
    ] {
        for policy in [ConflictPolicy::Fail, ConflictPolicy::Yield, ConflictPolicy::Force] {
            let (client, log) = client(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
                ("PATCH", WEB) if seen.body.pointer("/spec/replicas").is_some() => {
                    Some(conflict(&[(manager, ".spec.replicas")]))
                }
                ("PATCH", WEB) => Some(Reply::Json(200, live(&seen.body, "7", 1))),
                _ => None,
            });
            let applied = client.apply(&deployment(), &with_policy(policy)).await.unwrap();
            assert_eq!(applied.yielded_fields, [".spec.replicas"], "{manager} {policy:?}");
            assert!(log.seen().iter().all(|seen| !seen.query.contains_key("force")));
        }
    }
}

#[tokio::test]
async fn replicas_of_an_unknown_manager_are_left_when_an_autoscaler_has_the_workload_as_its_target() {
    let run = async |manager: &'static str, target: &'static str| {
        let (client, _log) = client(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
            ("PATCH", WEB) if seen.body.pointer("/spec/replicas").is_some() => {
                Some(conflict(&[(manager, ".spec.replicas")]))
            }
            ("PATCH", WEB) => Some(Reply::Json(200, live(&seen.body, "7", 1))),
            ("GET", "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers") => {
                let hpa = json!({"metadata": {"name": "h", "namespace": "shop"}, "spec": {"scaleTargetRef":
                    {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}}});
                Some(Reply::Json(200, json!({"metadata": {}, "items": [hpa]})))
            }
            _ => None,
        });
        client.apply(&deployment(), &with_policy(ConflictPolicy::Fail)).await
    };
    // That it went through the scale subresource is no sign of an autoscaler: people do so, too.
    for manager in [
        r#""elastic" using apps/v1"#,
        r#""kubectl" with subresource "scale" using apps/v1"#,
        r#""keda-operator" with subresource "scale" using apps/v1"#,
    ] {
        assert_eq!(run(manager, "web").await.unwrap().yielded_fields, [".spec.replicas"]);
        let error = run(manager, "db").await.unwrap_err();
        assert!(matches!(error, ClusterError::FieldConflict { .. }), "{manager}: {error}");
    }
}

#[tokio::test]
async fn force_takes_what_others_hold() {
    let (client, log) = client(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("PATCH", WEB) if seen.query.contains_key("force") => {
            Some(Reply::Json(200, live(&seen.body, "9", 2)))
        }
        ("PATCH", WEB) => Some(conflict(&[(r#""kubectl-edit""#, IMAGE)])),
        ("GET", WEB) => Some(Reply::Json(200, live(&deployment(), "8", 1))),
        _ => None,
    });
    client.apply(&deployment(), &with_policy(ConflictPolicy::Force)).await.unwrap();
    let last = log.seen().pop().unwrap();
    assert_eq!(last.body.pointer("/spec/template/spec/containers/0/image"), Some(&json!("new")));
    assert_eq!(last.body.pointer("/metadata/resourceVersion"), Some(&json!("8")));
}

#[tokio::test]
async fn conflicts_without_end_end() {
    let (client, log) = client(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("PATCH", WEB) => Some(conflict(&[(r#""strata-cleanup""#, ".spec.replicas")])),
        ("GET", WEB) => Some(Reply::Json(200, live(&deployment(), "8", 1))),
        _ => None,
    });
    assert!(matches!(
        client.apply(&deployment(), &ApplyOptions::default()).await.unwrap_err(),
        ClusterError::FieldConflict { .. }
    ));
    assert!(log.seen().len() < 30);
}

#[tokio::test]
async fn fields_that_cannot_change_are_named() {
    let (client, _log) = client(|seen| {
        is_patch(seen).then(|| {
            let causes = json!([{"reason": "FieldValueInvalid", "message": "Invalid value: field is immutable", "field": "spec.selector"}]);
            Reply::Json(422, status(422, "Invalid", "spec.selector: field is immutable", json!({"name": "web", "causes": causes})))
        })
    });
    let error = client.apply(&deployment(), &ApplyOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "IMMUTABLE_FIELD");
    assert!(matches!(&error, ClusterError::ImmutableField { fields, .. } if fields == &["spec.selector"]));
    assert_eq!(error.to_failure().object.unwrap().to_string(), "Deployment.apps shop/web");
}

fn ours() -> Marks {
    Marks {
        installation: InstallationId::new(Uuid::from_u128(1)),
        cluster: ClusterId::new(Uuid::from_u128(2)),
    }
}

#[tokio::test]
async fn what_is_not_ours_is_not_touched() {
    let existing = |labels: Value| {
        let mut object = live(&deployment(), "8", 1);
        object["metadata"]["labels"] = labels;
        object["metadata"]["managedFields"] =
            json!([{"manager": "helm"}, {"manager": "kubectl"}, {"manager": "helm"}]);
        object
    };
    let installation = ours().installation.to_string();
    let cases = [
        (json!({}), Err(vec!["helm".to_owned(), "kubectl".to_owned()])),
        (
            json!({marks::INSTALLATION: "another", marks::CLUSTER: ours().cluster.to_string()}),
            Err(vec!["helm".into(), "kubectl".into()]),
        ),
        (
            json!({marks::INSTALLATION: installation, marks::CLUSTER: "c9"}),
            Err(vec!["strata for cluster c9".to_owned()]),
        ),
        (
            json!({marks::INSTALLATION: installation, marks::CLUSTER: ours().cluster.to_string()}),
            Ok(Effect::Changed),
        ),
    ];
    for (labels, expected) in cases {
        let there = existing(labels);
        let (client, log) = client(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", WEB) => Some(Reply::Json(200, there.clone())),
            ("PATCH", WEB) => Some(Reply::Json(200, live(&seen.body, "9", 2))),
            _ => None,
        });
        let options = ApplyOptions { check: Some(ours()), ..ApplyOptions::default() };
        match (client.apply(&deployment(), &options).await, expected) {
            (Ok(applied), Ok(effect)) => assert_eq!(applied.effect, effect),
            (Err(ClusterError::NotOurs { managers, .. }), Err(expected)) => {
                assert_eq!(managers, expected);
                assert_eq!(log.lines(), [format!("GET {WEB}")]);
            }
            (result, expected) => panic!("{result:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_is_ours_to_create() {
    let (client, _log) = client(|seen| is_patch(seen).then(|| Reply::Json(201, live(&seen.body, "9", 1))));
    let options = ApplyOptions { check: Some(ours()), ..ApplyOptions::default() };
    assert_eq!(client.apply(&deployment(), &options).await.unwrap().effect, Effect::Created);
}

/// What a server says to an apply that is bound to the UID of an object that is not there any more.
fn other_object(seen: &Seen, live: Option<&Value>) -> Option<Reply> {
    let wanted = seen.body.pointer("/metadata/uid")?;
    let Some(live) = live else {
        let message = "uid mismatch: no existing object was found";
        return Some(Reply::Json(409, status(409, "Conflict", message, json!({"name": "web"}))));
    };
    (live.pointer("/metadata/uid") != Some(wanted)).then(|| {
        let message = r#"Invalid value: "u0": field is immutable"#;
        let cause = json!({"reason": "FieldValueInvalid", "message": message, "field": "metadata.uid"});
        let details = json!({"name": "web", "group": "apps", "kind": "Deployment", "causes": [cause]});
        let message = format!(r#"Deployment.apps "web" is invalid: metadata.uid: {message}"#);
        Reply::Json(422, status(422, "Invalid", &message, details))
    })
}

fn bound() -> ApplyOptions {
    ApplyOptions { check: Some(ours()), uid: Some("u0".to_owned()), ..ApplyOptions::default() }
}

#[tokio::test]
async fn what_is_known_is_bound_to_its_uid_without_a_look() {
    let (client, log) = client(|seen| is_patch(seen).then(|| Reply::Json(200, live(&seen.body, "9", 2))));
    client.apply(&deployment(), &bound()).await.unwrap();
    assert_eq!(log.lines(), [format!("PATCH {WEB}")]);
    assert_eq!(log.seen()[0].body.pointer("/metadata/uid"), Some(&json!("u0")));
}

#[tokio::test]
async fn another_object_of_the_name_is_changed_only_if_it_is_ours() {
    let mut marked = deployment();
    ours().put_on(&mut marked, None);
    for (there, changed) in [(Some(deployment()), false), (Some(marked), true), (None, true)] {
        let there = there.map(|object| live(&object, "8", 1));
        let (client, log) = client(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
            ("PATCH", WEB) => Some(
                other_object(seen, there.as_ref())
                    .unwrap_or_else(|| Reply::Json(200, live(&seen.body, "9", 2))),
            ),
            ("GET", WEB) => there.clone().map(|object| Reply::Json(200, object)),
            _ => None,
        });
        match client.apply(&deployment(), &bound()).await {
            Ok(_) => assert!(changed),
            Err(ClusterError::NotOurs { .. }) => assert!(!changed),
            Err(error) => panic!("{error}"),
        }
        let patches = log.lines().iter().filter(|line| line.starts_with("PATCH")).count();
        assert_eq!(patches, if changed { 2 } else { 1 });
    }
}

#[test]
fn marks_are_put_beside_other_labels_and_twice_is_as_once() {
    let mut object = deployment();
    ours().put_on(&mut object, Some("web-layer"));
    let once = object.clone();
    ours().put_on(&mut object, Some("web-layer"));
    assert_eq!(object, once);
    assert_eq!(object.pointer("/metadata/labels/a"), Some(&json!("b")));
    assert_eq!(object["metadata"]["labels"][marks::LAYER], "web-layer");
    let mut bare = json!({"kind": "X", "metadata": {"labels": null}});
    ours().put_on(&mut bare, None);
    assert_eq!(bare["metadata"]["labels"][marks::CLUSTER], ours().cluster.to_string());
}

fn widget() -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}})
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_late_is_waited_for() {
    let (client, log) = client(|seen| match seen.path.as_str() {
        "/apis" if seen.nth >= 3 => {
            Some(Reply::Json(200, crate::support::discovery(&[crate::support::widgets_group()])))
        }
        "/apis/example.com/v1/namespaces/shop/widgets/w" => Some(Reply::Json(201, live(&seen.body, "1", 1))),
        _ => None,
    });
    client.apply(&widget(), &ApplyOptions::default()).await.unwrap();
    assert_eq!(log.discoveries(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_does_not_come_is_an_error_in_time() {
    let (client, _log) = client(|_| None);
    let began = tokio::time::Instant::now();
    match client.apply(&widget(), &ApplyOptions::default()).await.unwrap_err() {
        ClusterError::UnknownKind { api_version, kind } => {
            assert_eq!((api_version.as_str(), kind.as_str()), ("example.com/v1", "Widget"))
        }
        other => panic!("{other}"),
    }
    assert!(began.elapsed() <= Duration::from_secs(10));
}

#[tokio::test]
async fn applying_a_definition_has_the_apis_read_anew() {
    let (client, log) =
        client(|seen| (seen.method == "PATCH").then(|| Reply::Json(200, live(&seen.body, "1", 1))));
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "w"}});
    client.apply(&definition, &ApplyOptions::default()).await.unwrap();
    client.apply(&deployment(), &ApplyOptions::default()).await.unwrap();
    client.apply(&deployment(), &ApplyOptions::default()).await.unwrap();
    assert_eq!(log.discoveries(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_when_it_says() {
    let (client, log) = client(|seen| {
        is_patch(seen).then(|| match seen.nth {
            0 => Reply::RetryAfter(429, 7, status(429, "TooManyRequests", "slow down", json!({}))),
            1 => Reply::Text(502, "<html>secret page</html>"),
            2 => Reply::Break,
            _ => Reply::Json(200, live(&seen.body, "7", 1)),
        })
    });
    let began = tokio::time::Instant::now();
    client.apply(&deployment(), &ApplyOptions::default()).await.unwrap();
    assert_eq!(log.seen().len(), 4);
    // 7 s asked for, then 0.4 and 0.8 s.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(8200) && took < Duration::from_millis(8300), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_busy_is_unavailable() {
    let (client, log) = client(|seen| is_patch(seen).then(|| Reply::Text(503, "<html>secret page</html>")));
    let error = client.apply(&deployment(), &ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Unavailable { status: 503, .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(log.seen().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_an_error_at_the_deadline() {
    let (client, log) = client(|seen| is_patch(seen).then_some(Reply::Hang));
    let began = tokio::time::Instant::now();
    let error = client.apply(&deployment(), &ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { reason: UnreachableReason::Timeout, .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), client.options().request_deadline.as_secs());
    assert_eq!(log.seen().len(), 1);
}

#[tokio::test]
async fn a_deletion_is_bound_to_the_object_meant() {
    let (client, log) = client(|seen| {
        (seen.method == "DELETE").then(|| match seen.body.pointer("/preconditions/uid") {
            Some(uid) if uid == "u1" => Reply::Json(200, json!({"kind": "Status", "status": "Success"})),
            _ => {
                Reply::Json(409, status(409, "Conflict", "Precondition failed: UID", json!({"name": "web"})))
            }
        })
    });
    let reference = ObjectReference::new(key("apps", "Deployment", "web"), "apps/v1");
    let of = |uid: &str| Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    client.delete(&reference, &of("u1")).await.unwrap();
    assert!(matches!(client.delete(&reference, &of("u2")).await.unwrap_err(), ClusterError::Stale { .. }));
    assert_eq!(log.seen()[0].body.pointer("/propagationPolicy"), Some(&json!("Background")));
}

#[tokio::test]
async fn replace_deletes_waits_and_creates() {
    let (client, log) = client(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("DELETE", WEB) => Some(Reply::Json(200, live(&deployment(), "8", 1))),
        ("GET", "/apis/apps/v1/namespaces/shop/deployments") if seen.query.contains_key("watch") => {
            Some(Reply::Events(vec![json!({"type": "DELETED", "object": live(&deployment(), "9", 1)})], true))
        }
        ("GET", "/apis/apps/v1/namespaces/shop/deployments") => Some(Reply::Json(
            200,
            json!({"metadata": {"resourceVersion": "8"}, "items": [live(&deployment(), "8", 1)]}),
        )),
        ("PATCH", WEB) => Some(Reply::Json(201, live(&seen.body, "10", 1))),
        _ => None,
    });
    let applied =
        client.replace(&deployment(), "u1", &ApplyOptions::default(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(applied.effect, Effect::Created);
    let list = "/apis/apps/v1/namespaces/shop/deployments";
    assert_eq!(
        log.lines(),
        [format!("DELETE {WEB}"), format!("GET {list}"), format!("GET {list}"), format!("PATCH {WEB}")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_not_served_yet_is_tried_again() {
    let (client, log) = client(|seen| {
        is_patch(seen).then(|| match seen.nth {
            0 => Reply::Text(404, "404 page not found"),
            1 => Reply::Json(409, status(409, "AlreadyExists", "exists", json!({"name": "web"}))),
            _ => Reply::Json(200, live(&seen.body, "7", 1)),
        })
    });
    client.apply(&deployment(), &ApplyOptions::default()).await.unwrap();
    assert_eq!((log.seen().len(), log.discoveries()), (3, 2));
}

#[tokio::test]
async fn a_namespace_that_is_missing_is_named() {
    let (client, log) = client(|seen| {
        let message = r#"namespaces "shop" not found"#;
        is_patch(seen).then(|| {
            Reply::Json(404, status(404, "NotFound", message, json!({"name": "shop", "kind": "namespaces"})))
        })
    });
    let error = client.apply(&deployment(), &ApplyOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("namespaces \"shop\" not found"), "{error}");
    assert_eq!(log.seen().len(), 1);
}

#[tokio::test]
async fn an_exported_manifest_is_not_bound_to_its_past() {
    let (client, log) = client(|seen| is_patch(seen).then(|| Reply::Json(200, live(&seen.body, "7", 1))));
    let mut exported = live(&deployment(), "3", 1);
    exported["metadata"]["managedFields"] = json!([]);
    client.apply(&exported, &ApplyOptions::default()).await.unwrap();
    let metadata = &log.seen()[0].body["metadata"];
    for field in ["managedFields", "resourceVersion", "uid"] {
        assert_eq!(metadata.get(field), None, "{field}");
    }
}
