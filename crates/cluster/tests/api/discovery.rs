//! What a cluster serves, from servers old and new; facts; reading objects.

use serde_json::{Value, json};
use strata_cluster::{ClusterError, ListOptions, ObjectReference};
use strata_model::fact::Facts;

use crate::support::{Reply, client, key, status};

fn version() -> Reply {
    Reply::Json(200, json!({"major": "1", "minor": "33", "gitVersion": "v1.33.2+k3s1"}))
}

#[tokio::test]
async fn facts_name_versions_kinds_and_scopes() {
    let (client, _log) = client(|seen| (seen.path == "/version").then(version));
    let served = client.facts().await.unwrap();
    let mut facts = Facts { cluster_name: "a".into(), ..Facts::default() };
    served.put_into(&mut facts);
    assert_eq!(facts.kubernetes_version.unwrap().to_string(), "v1.33.2+k3s1");
    for name in ["v1", "v1/Pod", "apps/v1", "apps/v1/Deployment", "batch/v1/CronJob"] {
        assert!(facts.api_versions.contains(name), "{name}");
    }
    assert!(facts.cluster_scoped.contains("Namespace"));
    assert!(facts.cluster_scoped.contains("apiextensions.k8s.io/CustomResourceDefinition"));
    assert!(!facts.cluster_scoped.contains("apps/Deployment"));
    assert_eq!(facts.cluster_name, "a");
}

#[tokio::test]
async fn a_server_without_aggregated_discovery_is_asked_group_by_group() {
    let (client, _log) = client(|seen| {
        Some(Reply::Json(
            200,
            match seen.path.as_str() {
                "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
                "/api/v1" => json!({"resources": [
                {"name": "pods", "kind": "Pod", "namespaced": true, "verbs": ["get"]},
                {"name": "pods/log", "kind": "Pod", "namespaced": true, "verbs": ["get"]},
                {"name": "nodes", "kind": "Node", "namespaced": false, "verbs": ["get"]}]}),
                "/apis" => json!({"kind": "APIGroupList", "groups": [
                {"name": "apps", "versions": [{"version": "v1beta1"}, {"version": "v1"}], "preferredVersion": {"version": "v1"}},
                {"name": "down.example.com", "versions": [{"version": "v1"}]}]}),
                "/apis/apps/v1" | "/apis/apps/v1beta1" => json!({"resources": [
                {"name": "deployments", "kind": "Deployment", "namespaced": true, "verbs": ["get"]},
                {"name": "deployments/scale", "kind": "Scale", "namespaced": true, "verbs": ["get"]}]}),
                _ => return None,
            },
        ))
    });
    let discovery = client.discover().await.unwrap();
    let deployment = &discovery.versions("apps", "Deployment")[0];
    assert_eq!((deployment.api_version().as_str(), deployment.has_subresource("scale")), ("apps/v1", true));
    assert!(!discovery.find("", "v1", "Node").unwrap().namespaced);
    assert!(discovery.find("", "v1", "Pod").unwrap().has_subresource("log"));
    assert!(discovery.versions("apps", "Scale").is_empty());
    assert_eq!(discovery.unavailable(), ["down.example.com/v1"]);
}

#[tokio::test]
async fn the_identity_is_the_uid_of_kube_system() {
    let (client, log) = client(|seen| {
        (seen.path == "/api/v1/namespaces/kube-system")
            .then(|| Reply::Json(200, json!({"metadata": {"uid": "u-7"}})))
    });
    assert_eq!(client.identity().await.unwrap(), "u-7");
    assert!(log.seen()[0].accept.contains("PartialObjectMetadata"));
}

#[tokio::test]
async fn answers_that_are_no_kubernetes_are_said_to_be_none() {
    let (client, _log) = client(|seen| match seen.path.as_str() {
        "/version" => Some(Reply::Text(200, "<html>hunter2</html>")),
        _ => Some(Reply::Json(200, json!({"metadata": {}}))),
    });
    for error in [client.version().await.unwrap_err(), client.identity().await.unwrap_err()] {
        assert!(matches!(error, ClusterError::Unreadable { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off() {
    let options = strata_cluster::ConnectOptions {
        max_answer_bytes: 1000,
        ..strata_cluster::ConnectOptions::default()
    };
    let (client, _log) = crate::support::client_with(options, |seen| {
        (seen.path == "/version").then(|| Reply::Json(200, json!({"gitVersion": "x".repeat(2000)})))
    });
    assert!(matches!(client.version().await.unwrap_err(), ClusterError::AnswerTooLarge { limit: 1000, .. }));
}

#[tokio::test]
async fn lists_are_read_page_by_page_up_to_a_limit() {
    let page = |names: [&str; 2], next: &str| {
        let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        Reply::Json(200, json!({"metadata": {"continue": next}, "items": items}))
    };
    let (client, _log) = client(move |seen| {
        (seen.path == "/api/v1/namespaces/shop/pods").then(|| {
            match seen.query.get("continue").map(String::as_str) {
                None => page(["a", "b"], "next"),
                Some("next") => page(["c", "d"], ""),
                Some(other) => panic!("{other}"),
            }
        })
    });
    let list = async |max_items: usize| {
        let options = ListOptions { namespace: Some("shop".into()), max_items, ..ListOptions::default() };
        client.list("v1", "Pod", &options).await
    };
    let items = list(10).await.unwrap();
    assert_eq!(items.len(), 4);
    assert_eq!((&items[3]["kind"], &items[3]["apiVersion"]), (&json!("Pod"), &json!("v1")));
    assert!(matches!(list(3).await.unwrap_err(), ClusterError::AnswerTooLarge { .. }));
}

#[tokio::test]
async fn lookup_answers_as_helm_expects() {
    let (client, _log) = client(|seen| match seen.path.as_str() {
        "/api/v1/namespaces/shop/secrets/s" => Some(Reply::Json(200, json!({"kind": "Secret"}))),
        "/api/v1/secrets" => Some(Reply::Json(200, json!({"metadata": {}, "items": []}))),
        _ => None,
    });
    assert_eq!(client.lookup("v1", "Secret", "shop", "s").await.unwrap(), Some(json!({"kind": "Secret"})));
    assert_eq!(client.lookup("v1", "Secret", "shop", "absent").await.unwrap(), None);
    assert_eq!(client.lookup("no.example.com/v1", "Thing", "shop", "s").await.unwrap(), None);
    assert_eq!(client.lookup("v1", "Secret", "", "").await.unwrap().unwrap()["kind"], "SecretList");
}

#[tokio::test]
async fn an_old_version_of_an_object_is_read_in_the_one_that_is_served() {
    let (client, log) = client(|seen| {
        seen.path.ends_with("/web").then(|| Reply::Json(200, json!({"metadata": {"uid": "u"}})))
    });
    let reference = ObjectReference::new(key("apps", "Deployment", "web"), "apps/v1beta1");
    assert!(client.get(&reference).await.unwrap().is_some());
    assert_eq!(log.lines(), ["GET /apis/apps/v1/namespaces/shop/deployments/web"]);
}

#[tokio::test]
async fn existing_tells_which_are_there() {
    let (client, _log) = client(|seen| {
        seen.path.ends_with("/web").then(|| {
            Reply::Json(200, json!({"metadata": {"uid": "u", "labels": {"a": "b"}, "managedFields": [{"manager": "helm"}]}}))
        })
    });
    let references =
        ["web", "db"].map(|name| ObjectReference::new(key("apps", "Deployment", name), "apps/v1"));
    let unknown = ObjectReference::new(key("no.example.com", "Thing", "x"), "no.example.com/v1");
    let found = client.existing(&[references.as_slice(), &[unknown]].concat()).await.unwrap();
    assert_eq!(found.len(), 1);
    let metadata = &found[&references[0].key];
    assert_eq!((metadata.uid.as_str(), metadata.managers.as_slice()), ("u", ["helm".to_owned()].as_slice()));
}

#[tokio::test]
async fn missing_permissions_and_credentials_are_told_apart() {
    for (code, expected) in
        [(401, "CLUSTER_UNAUTHENTICATED"), (403, "CLUSTER_FORBIDDEN"), (302, "CLUSTER_REJECTED")]
    {
        let (client, _log) = client(move |_| Some(Reply::Json(code, status(code, "X", "no", json!({})))));
        let error = client.version().await.unwrap_err();
        assert_eq!(error.code(), expected);
        assert!(!error.help().is_empty());
    }
}
