//! One request and its answer: deadline, retries, limits, and what a refusal means.
//!
//! *Guarantees.* A request is sent at most [`ConnectOptions::attempts`] times; between attempts the transport waits as
//! long as the server asks (`Retry-After`) or 0.2, 0.4, 0.8 … seconds, never beyond the deadline of the operation.
//! Only refusals that ask for it (429, 502, 503, 504, and 500, which is also what a webhook that is starting up causes) and
//! connections that broke before the answer are tried again: every request of this crate may be sent twice.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::{client::Body, core::Status};
use serde_json::Value;

use crate::{
    connection::ConnectOptions,
    deadline::Deadline,
    error::{Call, ClusterError, UnreachableReason},
    status,
};

/// The longest wait that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// The first wait between attempts; each further one is twice as long, up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// The longest wait that the transport chooses itself.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

pub(crate) const JSON: &str = "application/json";
/// What figures are published in.
pub(crate) const TEXT: &str = "text/plain";
/// Only metadata, from servers that can; the whole object from those that cannot.
pub(crate) const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// Only metadata of the items of a list.
pub(crate) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// JSON is YAML, and what Strata sends is JSON.
pub(crate) const APPLY_PATCH: &str = "application/apply-patch+yaml";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// One request.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) call: Call,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    /// Content type and content.
    pub(crate) body: Option<(&'static str, Bytes)>,
    pub(crate) deadline: Deadline,
}

impl Ask {
    pub(crate) fn get(call: Call, path: String, deadline: Deadline) -> Self {
        Self { call, method: Method::GET, path, accept: JSON, body: None, deadline }
    }

    pub(crate) const fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    pub(crate) fn send(
        call: Call,
        method: Method,
        path: String,
        content_type: &'static str,
        body: &Value,
        deadline: Deadline,
    ) -> Self {
        let body = Some((content_type, Bytes::from(body.to_string())));
        Self { call, method, path, accept: JSON, body, deadline }
    }
}

/// An answer of success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// A refusal, with what is needed to decide what to do next.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: ClusterError,
    /// For a 404: the path is not served, rather than the object missing.
    pub(crate) unknown_path: bool,
}

impl From<Refusal> for ClusterError {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

enum Trouble {
    Final(Box<Refusal>),
    Passing { error: Box<ClusterError>, after: Option<Duration> },
}

#[derive(Clone)]
pub(crate) struct Transport {
    client: kube::Client,
    pub(crate) options: Arc<ConnectOptions>,
}

impl Transport {
    pub(crate) fn new(client: kube::Client, options: ConnectOptions) -> Self {
        Self { client, options: Arc::new(options) }
    }

    /// The deadline of an ordinary operation that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.options.operation_deadline)
    }

    /// Sends a request, again if need be, and reads its answer.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Answer, Refusal> {
        let mut attempt = 1;
        loop {
            let limit = ask.deadline.at_most(self.options.request_deadline);
            let (error, after) = match tokio::time::timeout_at(limit.instant(), self.once(ask)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Trouble::Final(refusal))) => return Err(*refusal),
                Ok(Err(Trouble::Passing { error, after })) => (*error, after),
                Err(_elapsed) => return Err(Refusal { error: too_slow(ask), unknown_path: false }),
            };
            let wait = after.unwrap_or_else(|| backoff(attempt));
            if attempt >= self.options.attempts || wait >= ask.deadline.remaining() {
                return Err(Refusal { error, unknown_path: false });
            }
            tracing::debug!(call = %ask.call, attempt, wait_ms = wait.as_millis(), code = error.code(), "request is sent again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Reads an answer that is a text; sent once, since whoever asks for one can do without.
    pub(crate) async fn text(&self, ask: &Ask) -> Result<String, Refusal> {
        let limit = ask.deadline.at_most(self.options.request_deadline);
        let reading = async {
            let response = self.respond(ask).await?;
            if !response.status().is_success() {
                return Err(self.refusal(ask, response).await);
            }
            Ok(String::from_utf8_lossy(&self.read(ask, response).await?).into_owned())
        };
        match tokio::time::timeout_at(limit.instant(), reading).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(Trouble::Final(refusal))) => Err(*refusal),
            Ok(Err(Trouble::Passing { error, .. })) => Err(Refusal { error: *error, unknown_path: false }),
            Err(_elapsed) => Err(Refusal { error: too_slow(ask), unknown_path: false }),
        }
    }

    /// Opens a stream of events; its end is the caller's business.
    pub(crate) async fn open(&self, ask: &Ask) -> Result<Response<Body>, Refusal> {
        let limit = ask.deadline.at_most(self.options.request_deadline);
        let opening = async {
            let response = self.respond(ask).await?;
            if response.status().is_success() { Ok(response) } else { Err(self.refusal(ask, response).await) }
        };
        match tokio::time::timeout_at(limit.instant(), opening).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(Trouble::Final(refusal))) => Err(*refusal),
            Ok(Err(Trouble::Passing { error, .. })) => Err(Refusal { error: *error, unknown_path: false }),
            Err(_elapsed) => {
                let error = ClusterError::Unreachable {
                    call: ask.call.clone(),
                    reason: UnreachableReason::Timeout,
                    detail: "the watch did not begin in time".to_owned(),
                };
                Err(Refusal { error, unknown_path: false })
            }
        }
    }

    async fn once(&self, ask: &Ask) -> Result<Answer, Trouble> {
        let response = self.respond(ask).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(ask, response).await);
        }
        let bytes = self.read(ask, response).await?;
        let body = serde_json::from_slice(&bytes).map_err(|error| {
            finally(ClusterError::Unreadable { call: ask.call.clone(), detail: format!("no JSON: {error}") })
        })?;
        Ok(Answer { status, body })
    }

    async fn respond(&self, ask: &Ask) -> Result<Response<Body>, Trouble> {
        let mut request =
            Request::builder().method(ask.method.clone()).uri(&ask.path).header(header::ACCEPT, ask.accept);
        let mut content = Bytes::new();
        if let Some((content_type, body)) = &ask.body {
            request = request.header(header::CONTENT_TYPE, *content_type);
            content = body.clone();
        }
        let request = request.body(Body::from(content)).map_err(|error| {
            finally(ClusterError::Setup { detail: format!("a request cannot be built: {error}") })
        })?;
        self.client.send(request).await.map_err(|error| broken(ask, &error))
    }

    async fn read(&self, ask: &Ask, response: Response<Body>) -> Result<Bytes, Trouble> {
        let limit = self.options.max_answer_bytes;
        match http_body_util::Limited::new(response.into_body(), limit).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(finally(ClusterError::AnswerTooLarge { call: ask.call.clone(), limit }))
            }
            Err(error) => Err(match error.downcast::<kube::Error>() {
                Ok(error) => broken(ask, &error),
                Err(error) => broken(ask, &kube::Error::Service(error)),
            }),
        }
    }

    async fn refusal(&self, ask: &Ask, response: Response<Body>) -> Trouble {
        let http = response.status();
        let asked = retry_after(&response);
        let body = match self.read(ask, response).await {
            Ok(bytes) => bytes,
            Err(trouble) => return trouble,
        };
        // Proxies answer with pages of their own; these are not handed on.
        let status = serde_json::from_slice::<Status>(&body)
            .ok()
            .filter(|status| !status.reason.is_empty() || !status.message.is_empty())
            .unwrap_or_else(|| Status::failure(http.canonical_reason().unwrap_or("no reason given"), ""));
        let after = asked.or_else(|| {
            let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)).min(MAX_RETRY_AFTER))
        });
        let unknown_path = http == StatusCode::NOT_FOUND && status::is_unknown_path(&status);
        let error = status::from_status(ask.call.clone(), http.as_u16(), &status);
        if matches!(error, ClusterError::Unavailable { .. }) {
            Trouble::Passing { error: Box::new(error), after }
        } else {
            Trouble::Final(Box::new(Refusal { error, unknown_path }))
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("options", &self.options).finish_non_exhaustive()
    }
}

fn too_slow(ask: &Ask) -> ClusterError {
    ClusterError::Unreachable {
        call: ask.call.clone(),
        reason: UnreachableReason::Timeout,
        detail: format!("the request to {} took too long", without_query(&ask.path)),
    }
}

fn finally(error: ClusterError) -> Trouble {
    Trouble::Final(Box::new(Refusal { error, unknown_path: false }))
}

/// A connection that broke is tried again; one that cannot be made is not, so that an offline cluster is known quickly.
fn broken(ask: &Ask, error: &kube::Error) -> Trouble {
    match status::from_kube(ask.call.clone(), error) {
        error @ ClusterError::Unreachable { reason: UnreachableReason::Broken, .. } => {
            Trouble::Passing { error: Box::new(error), after: None }
        }
        error => finally(error),
    }
}

fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// The wait after the given attempt, counted from 1.
pub(crate) fn backoff(attempt: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(MAX_BACKOFF)
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}
