//! From HTTP to verbs: authentication, faults, bodies, and streaming of watches.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use serde_json::Value;
use thiserror::Error;

use crate::{
    api_error::ApiError,
    cluster::{Cluster, lock, refusal_body},
    discovery,
    route::{Query, Route},
    verbs::{self, Call, Reply, WatchPlan, event_line},
};

/// The connection is cut, as by a host that went away.
#[derive(Debug, Error)]
#[error("the cluster is offline")]
pub(crate) struct Cut;

type Body = UnsyncBoxBody<Bytes, Cut>;
type Answer = Result<Response<Body>, Cut>;

/// As etcd's request limit, with room for the wrapping.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn respond(code: StatusCode, content_type: &str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = code;
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

fn json(code: u16, value: &Value) -> Response<Body> {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(code, "application/json", Bytes::from(value.to_string()))
}

fn refuse(error: &ApiError) -> Response<Body> {
    respond(error.status_code(), "application/json", Bytes::from(error.to_status().to_string()))
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Answers one request, for `cluster` or for the one its path names.
pub(crate) async fn answer(
    request: Request<Incoming>,
    cluster: Option<Arc<Cluster>>,
    find: impl Fn(&str) -> Option<Arc<Cluster>>,
) -> Answer {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let (cluster, path) = match cluster {
        Some(cluster) => (cluster, path),
        None => {
            let Some(rest) = path.strip_prefix("/clusters/") else { return Ok(refuse(&ApiError::no_path())) };
            let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match find(name) {
                Some(cluster) if !cluster.own_port => (cluster, rest),
                _ => return Ok(refuse(&ApiError::no_path())),
            }
        }
    };
    let lifeline = cluster.lifeline();
    if lock(&cluster.faults).offline {
        return Err(Cut);
    }
    let shown = parts.uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    cluster.record(&parts.method, &shown);

    let bearer = header_text(&parts.headers, header::AUTHORIZATION);
    if bearer.strip_prefix("Bearer ") != Some(cluster.token.as_str()) {
        return Ok(refuse(&ApiError::unauthorized()));
    }
    let work = async {
        let (slow, hanging) = {
            let faults = lock(&cluster.faults);
            (faults.slow, faults.hanging)
        };
        if hanging {
            wait_while_hanging(&cluster).await;
        }
        if let Some(slow) = slow {
            tokio::time::sleep(slow).await;
        }
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return refuse(&ApiError::new(
                413,
                "RequestEntityTooLarge",
                "Request entity too large: limit is 3145728",
            ));
        };
        carry_out(&cluster, &parts, path, body.to_bytes())
    };
    tokio::select! {
        () = lifeline.cancelled() => Err(Cut),
        response = work => Ok(response),
    }
}

async fn wait_while_hanging(cluster: &Cluster) {
    loop {
        let change = cluster.fault_change.notified();
        tokio::pin!(change);
        change.as_mut().enable();
        if !lock(&cluster.faults).hanging {
            return;
        }
        change.await;
    }
}

fn carry_out(
    cluster: &Arc<Cluster>,
    parts: &http::request::Parts,
    path: &str,
    body: Bytes,
) -> Response<Body> {
    let route = Route::parse(path);
    let accept = header_text(&parts.headers, header::ACCEPT);
    let (plural, name) = match &route {
        Route::Resource(target) => (target.plural.as_str(), target.name.as_deref().unwrap_or_default()),
        _ => ("", ""),
    };
    if let Some(code) = lock(&cluster.faults).refusal(&parts.method, plural, name) {
        let mut response = json(code, &refusal_body(code));
        if code == 429 {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        return response;
    }
    match route {
        Route::Version => json(200, &discovery::version(&cluster.version())),
        Route::Health => respond(StatusCode::OK, "text/plain; charset=utf-8", Bytes::from_static(b"ok")),
        Route::Figures => respond(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            Bytes::from(discovery::figures(&lock(&cluster.deprecated))),
        ),
        Route::Unknown => refuse(&ApiError::no_path()),
        Route::Resource(target) => {
            let only_binary =
                accept.contains("protobuf") && !accept.contains("json") && !accept.contains("*/*");
            if only_binary {
                return refuse(&ApiError::new(
                    406,
                    "NotAcceptable",
                    "only the following media types are accepted: application/json, application/yaml",
                ));
            }
            let call = Call {
                method: parts.method.clone(),
                target,
                query: Query::parse(parts.uri.query()),
                content_type: header_text(&parts.headers, header::CONTENT_TYPE),
                accept,
                user_agent: header_text(&parts.headers, header::USER_AGENT),
                body,
            };
            let unfit = matches!(call.method.as_str(), "POST" | "PUT")
                && !call.content_type.is_empty()
                && !call.content_type.contains("json")
                && !call.content_type.contains("yaml");
            if unfit {
                return refuse(&ApiError::unsupported_media_type(&[
                    "application/json",
                    "application/yaml",
                    "application/vnd.kubernetes.protobuf",
                ]));
            }
            match cluster.with_state(|state| verbs::handle(state, &call)) {
                Ok(Reply::Json(code, bytes)) => {
                    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
                    respond(code, "application/json", bytes)
                }
                Ok(Reply::Watch(plan)) => watch(cluster.clone(), plan),
                Err(error) => refuse(&error),
            }
        }
        route => match cluster.with_state(|state| discovery::answer(&state.catalog, &route, &accept)) {
            Ok((value, content_type)) => {
                respond(StatusCode::OK, content_type, Bytes::from(value.to_string()))
            }
            Err(error) => refuse(&error),
        },
    }
}

/// How often a watch that wants bookmarks gets one.
const BOOKMARK_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

struct Watching {
    cluster: Arc<Cluster>,
    plan: WatchPlan,
    wake: tokio::sync::watch::Receiver<u64>,
    seen: u64,
    deadline: tokio::time::Instant,
    next_bookmark: tokio::time::Instant,
    lifeline: tokio_util::sync::CancellationToken,
    over: bool,
}

fn watch(cluster: Arc<Cluster>, mut plan: WatchPlan) -> Response<Body> {
    let first = std::mem::take(&mut plan.first);
    let wake = cluster.with_state(crate::store::State::subscribe);
    let now = tokio::time::Instant::now();
    let watching = Watching {
        lifeline: cluster.lifeline(),
        cluster,
        wake,
        seen: plan.from,
        deadline: now + plan.timeout,
        next_bookmark: now + BOOKMARK_EVERY,
        over: plan.over,
        plan,
    };
    let head = stream::iter((!first.is_empty()).then(|| Ok(Frame::data(first))));
    let rest = stream::unfold(watching, |mut watching| async move {
        let item = watching.next().await?;
        Some((item.map(Frame::data), watching))
    });
    let body: Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Cut>> + Send>> = Box::pin(head.chain(rest));
    let mut response = Response::new(StreamBody::new(body).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

impl Watching {
    /// The next chunk of lines; `None` at the end.
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        loop {
            if self.over {
                return None;
            }
            self.wake.borrow_and_update();
            let (lines, version) = self.cluster.with_state(|state| {
                let lines = state.since(self.seen).map(|changes| {
                    let mut out = Vec::new();
                    for line in changes.filter_map(|change| self.plan.line(change)) {
                        out.extend_from_slice(&line);
                    }
                    out
                });
                (lines, state.version())
            });
            let Some(lines) = lines else {
                self.over = true;
                let error = ApiError::expired(format!("too old resource version: {} ({version})", self.seen));
                return Some(Ok(event_line("ERROR", &error.to_status())));
            };
            self.seen = self.seen.max(version);
            if !lines.is_empty() {
                return Some(Ok(Bytes::from(lines)));
            }
            tokio::select! {
                () = self.lifeline.cancelled() => {
                    self.over = true;
                    return Some(Err(Cut));
                }
                () = tokio::time::sleep_until(self.deadline) => {
                    self.over = true;
                    return self.plan.bookmarks.then(|| Ok(self.plan.bookmark(self.seen, false)));
                }
                () = tokio::time::sleep_until(self.next_bookmark), if self.plan.bookmarks => {
                    self.next_bookmark += BOOKMARK_EVERY;
                    return Some(Ok(self.plan.bookmark(self.seen, false)));
                }
                changed = self.wake.changed() => if changed.is_err() {
                    self.over = true;
                }
            }
        }
    }
}
