//! A Kubernetes API without sockets: a function from requests to answers behind `kube::Client`, which notes what it was
//! asked.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};
use strata_cluster::{ClusterClient, ConnectOptions};
use strata_model::object::ObjectKey;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
    /// How often the same method and path came before.
    pub(crate) nth: usize,
}

/// What is answered.
pub(crate) enum Reply {
    Json(u16, Value),
    RetryAfter(u16, u32, Value),
    Text(u16, &'static str),
    /// Lines of a watch; at the end it stays open or ends.
    Events(Vec<Value>, bool),
    /// Never.
    Hang,
    /// The connection breaks.
    Break,
}

#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<Seen>>);

impl Log {
    /// All requests but those of discovery.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|seen| seen.path != "/api" && seen.path != "/apis")
            .cloned()
            .collect()
    }

    /// `PATCH /path` of each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    pub(crate) fn discoveries(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|seen| seen.path == "/apis").count()
    }
}

/// A client of an API that answers as the function says; discovery is answered unless the function does.
pub(crate) fn client(
    answer: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
) -> (ClusterClient, Arc<Log>) {
    client_with(ConnectOptions::default(), answer)
}

pub(crate) fn client_with(
    options: ConnectOptions,
    answer: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
) -> (ClusterClient, Arc<Log>) {
    let log = Arc::new(Log::default());
    let answer = Arc::new(answer);
    let noted = Arc::clone(&log);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (log, answer) = (Arc::clone(&noted), Arc::clone(&answer));
        async move { respond(request, &log, answer.as_ref()).await }
    });
    (ClusterClient::new(kube::Client::new(service, "default"), options), log)
}

type Answered = Result<Response<UnsyncBoxBody<Bytes, Infallible>>, std::io::Error>;

async fn respond(
    request: Request<Body>,
    log: &Log,
    answer: &(dyn Fn(&Seen) -> Option<Reply> + Send + Sync),
) -> Answered {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let query = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let mut seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query
            .map(|(key, value)| (key.to_owned(), value.replace("%3D", "=").replace("%2F", "/")))
            .collect(),
        accept: header("accept"),
        content_type: header("content-type"),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        nth: 0,
    };
    {
        let mut all = log.0.lock().unwrap();
        seen.nth = all.iter().filter(|other| other.method == seen.method && other.path == seen.path).count();
        all.push(seen.clone());
    }
    let reply = answer(&seen).unwrap_or_else(|| match seen.path.as_str() {
        "/api" => Reply::Json(200, core_apis()),
        "/apis" => Reply::Json(200, group_apis()),
        _ => Reply::Json(404, status(404, "NotFound", "not found", json!({"name": "x"}))),
    });
    let whole = |status: u16, text: String| {
        Response::builder().status(status).body(http_body_util::Full::from(text).boxed_unsync()).unwrap()
    };
    Ok(match reply {
        Reply::Json(status, value) => whole(status, value.to_string()),
        Reply::Text(status, text) => whole(status, text.to_owned()),
        Reply::RetryAfter(status, seconds, value) => {
            let mut response = whole(status, value.to_string());
            response.headers_mut().insert("retry-after", seconds.into());
            response
        }
        Reply::Events(events, stays_open) => {
            let lines = events.into_iter().map(|event| Ok(Frame::data(Bytes::from(format!("{event}\n")))));
            let lines = futures::stream::iter(lines);
            let body = if stays_open {
                StreamBody::new(lines.chain(futures::stream::pending())).boxed_unsync()
            } else {
                StreamBody::new(lines).boxed_unsync()
            };
            Response::new(body)
        }
        Reply::Hang => std::future::pending().await,
        Reply::Break => return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    })
}

/// A `Status` of refusal.
pub(crate) fn status(code: u16, reason: &str, message: &str, details: Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
        "details": details})
}

/// The 409 of server-side apply: (manager as the server writes it, field).
pub(crate) fn conflict(fields: &[(&str, &str)]) -> Reply {
    let causes: Vec<Value> = fields
        .iter()
        .map(|(manager, field)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": field})
        })
        .collect();
    Reply::Json(409, status(409, "Conflict", "Apply failed", json!({"name": "web", "causes": causes})))
}

fn resource(plural: &str, kind: &str, namespaced: bool, subresources: &[&str]) -> Value {
    let subresources: Vec<Value> =
        subresources.iter().map(|name| json!({"subresource": name, "verbs": ["get"]})).collect();
    json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": if namespaced { "Namespaced" } else { "Cluster" },
        "verbs": ["get", "list", "watch", "patch", "delete"], "subresources": subresources})
}

pub(crate) fn group(name: &str, versions: &[(&str, Vec<Value>)]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|(version, resources)| json!({"version": version, "freshness": "Current", "resources": resources}))
        .collect();
    json!({"metadata": {"name": name}, "versions": versions})
}

pub(crate) fn discovery(groups: &[Value]) -> Value {
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups})
}

pub(crate) fn core_apis() -> Value {
    let kinds = vec![
        resource("namespaces", "Namespace", false, &["status"]),
        resource("configmaps", "ConfigMap", true, &[]),
        resource("secrets", "Secret", true, &[]),
        resource("pods", "Pod", true, &["log", "status"]),
    ];
    discovery(&[group("", &[("v1", kinds)])])
}

pub(crate) fn crd_group() -> Value {
    group(
        "apiextensions.k8s.io",
        &[(
            "v1",
            vec![resource("customresourcedefinitions", "CustomResourceDefinition", false, &["status"])],
        )],
    )
}

pub(crate) fn apps_group() -> Value {
    let kinds = vec![
        resource("deployments", "Deployment", true, &["scale", "status"]),
        resource("daemonsets", "DaemonSet", true, &["status"]),
    ];
    group("apps", &[("v1", kinds)])
}

pub(crate) fn widgets_group() -> Value {
    group("example.com", &[("v1", vec![resource("widgets", "Widget", true, &[])])])
}

pub(crate) fn group_apis() -> Value {
    discovery(&[
        apps_group(),
        group(
            "batch",
            &[("v1", vec![resource("cronjobs", "CronJob", true, &[]), resource("jobs", "Job", true, &[])])],
        ),
        group(
            "autoscaling",
            &[("v2", vec![resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", true, &[])])],
        ),
        crd_group(),
    ])
}

pub(crate) fn key(group: &str, kind: &str, name: &str) -> ObjectKey {
    ObjectKey { group: group.into(), kind: kind.into(), namespace: Some("shop".into()), name: name.into() }
}

/// The Deployment `shop/web`, as Strata sends it.
pub(crate) fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "new"}]}}}})
}

/// An object as it lives, from what was sent.
pub(crate) fn live(sent: &Value, resource_version: &str, generation: i64) -> Value {
    let mut live = sent.clone();
    live["metadata"]["uid"] = "u1".into();
    live["metadata"]["resourceVersion"] = resource_version.into();
    live["metadata"]["generation"] = generation.into();
    live
}
