//! `GET /graphql/ws`: subscriptions over WebSocket, in the protocol `graphql-transport-ws`.
//!
//! A browser sends no header of ours with a WebSocket, but it does say from where the page comes: pages of other origins
//! are refused. The token comes in the first message. A connection without a valid one is answered, typed, and closed soon.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Data, Executor,
    http::{ClientMessage, WebSocket as Protocol, WebSocketProtocols, WsMessage},
    parser::types::{DocumentOperations, ExecutableDocument, OperationType},
};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::Response,
};
use futures::{
    SinkExt as _, Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Api, answer, bearer};
use crate::{
    context::Identity,
    error::{REQUEST_ID, request_id, server_error},
    schema::Schema,
};

const PROTOCOL: &str = "graphql-transport-ws";
/// The largest message from a client, in bytes: an operation and its variables.
const MESSAGE_LIMIT: usize = 256 * 1024;
/// How long a client may take to say who it is.
const INIT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a message may take to be sent: who reads slower is cut off, and resumes by its cursor.
const SEND_DEADLINE: Duration = Duration::from_secs(20);
/// After how many pings without any sign of life a connection is given up.
const MISSED_PINGS: u32 = 3;

pub(super) async fn upgrade(
    State(api): State<Api>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    if !is_allowed(&headers, &api.options.allowed_origins) {
        return answer::error(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "pages of this origin may not open a WebSocket here",
            "let the operator add it to the allowed origins",
        );
    }
    if !answer::lists(&headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return answer::error(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            "the protocol graphql-transport-ws is spoken here",
            "send `Sec-WebSocket-Protocol: graphql-transport-ws`",
        );
    }
    let Ok(permit) = api.sockets.clone().try_acquire_owned() else { return answer::overloaded() };
    let (id, token) = (request_id(), api.tracker.token());
    socket.protocols([PROTOCOL]).max_message_size(MESSAGE_LIMIT).max_frame_size(MESSAGE_LIMIT).on_upgrade(
        move |socket| async move {
            REQUEST_ID.scope(id, Box::pin(serve(api, socket))).await;
            drop((permit, token));
        },
    )
}

/// Whether the page that opens this WebSocket is one of ours. Clients that are no browsers send no origin.
fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    matches!((host, authority), (Some(host), Some(authority)) if host.eq_ignore_ascii_case(authority))
}

/// What is known of one connection while it is open.
#[derive(Default)]
struct Connection {
    /// Whether the client said who it is.
    initialised: AtomicBool,
    /// Whether that was true.
    known: AtomicBool,
    /// Whether it gave a sign of life since the last ping.
    heard: AtomicBool,
    /// Its subscriptions.
    active: Mutex<HashSet<String>>,
    /// What it did that ends the connection.
    violation: Mutex<Option<(u16, &'static str)>>,
}

impl Connection {
    fn active(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violate(&self, code: u16, reason: &'static str) {
        *self.violation.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason));
    }

    fn violation(&self) -> Option<(u16, &'static str)> {
        *self.violation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message may be worked on; if not, why the connection ends is noted.
    fn admits(&self, message: &ClientMessage, limit: usize) -> bool {
        match message {
            ClientMessage::Start { id, .. } => {
                if !self.initialised.load(Ordering::Acquire) {
                    self.violate(4401, "Unauthorized");
                    return false;
                }
                let mut active = self.active();
                if active.len() >= limit {
                    self.violate(4429, "Too many subscriptions");
                    return false;
                }
                if !active.insert(id.clone()) {
                    self.violate(4409, "Subscriber already exists");
                    return false;
                }
                true
            }
            ClientMessage::Stop { id } => {
                self.active().remove(id);
                true
            }
            _ => true,
        }
    }

    /// Forgets a subscription when its end is told to the client.
    fn told(&self, text: &str) {
        if !text.starts_with("{\"type\":\"complete\"") {
            return;
        }
        let message: Option<serde_json::Value> = serde_json::from_str(text).ok();
        if let Some(id) = message.as_ref().and_then(|message| message.get("id")?.as_str()) {
            self.active().remove(id);
        }
    }
}

async fn serve(api: Api, socket: WebSocket) {
    let connection = Arc::new(Connection::default());
    let (mut sink, input) = socket.split();
    let messages = messages(input, connection.clone(), api.options.subscriptions);
    let (engine, shared, cause) = (api.engine.clone(), connection.clone(), request_id());
    let protocol = Protocol::from_message_stream(
        Subscriptions(api.schema.clone()),
        messages,
        WebSocketProtocols::GraphQLWS,
    )
    .on_connection_init(move |payload| async move {
        let identity = match bearer::of_payload(&payload) {
            None => Identity::nobody(),
            Some(token) => Identity::of(&engine, token, &cause).await.map_err(crate::error::answer)?,
        };
        shared.known.store(identity.caller.is_ok(), Ordering::Release);
        shared.initialised.store(true, Ordering::Release);
        let mut data = Data::default();
        data.insert(identity);
        Ok(data)
    });
    let mut protocol = pin!(protocol);
    let mut pings =
        tokio::time::interval_at(Instant::now() + api.options.ping_interval, api.options.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut deadline = pin!(tokio::time::sleep(INIT_DEADLINE));
    let mut waiting = true;
    let mut missed = 0;
    let end = loop {
        let message = tokio::select! {
            () = api.cancel.cancelled() => break Some((1001, "the server shuts down")),
            () = &mut deadline, if waiting => {
                waiting = false;
                if !connection.initialised.load(Ordering::Acquire) {
                    break Some((4408, "Connection initialisation timeout"));
                }
                if !connection.known.load(Ordering::Acquire) {
                    break Some((4403, "Forbidden"));
                }
                continue;
            }
            _ = pings.tick() => {
                missed = if connection.heard.swap(false, Ordering::AcqRel) { 0 } else { missed + 1 };
                if missed >= MISSED_PINGS {
                    break None;
                }
                Message::text("{\"type\":\"ping\"}")
            }
            next = protocol.next() => match next {
                Some(WsMessage::Text(text)) => {
                    connection.told(&text);
                    Message::text(text)
                }
                Some(WsMessage::Close(code, reason)) => {
                    let frame = CloseFrame { code, reason: reason.into() };
                    drop(tokio::time::timeout(SEND_DEADLINE, sink.send(Message::Close(Some(frame)))).await);
                    return;
                }
                None => break connection.violation(),
            },
        };
        match tokio::time::timeout(SEND_DEADLINE, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    };
    let frame = end.map(|(code, reason)| CloseFrame { code, reason: reason.into() });
    drop(tokio::time::timeout(SEND_DEADLINE, sink.send(Message::Close(frame))).await);
}

/// The messages of a client, until one breaks the rules.
fn messages(
    input: impl Stream<Item = Result<Message, axum::Error>> + Send + 'static,
    connection: Arc<Connection>,
    limit: usize,
) -> BoxStream<'static, serde_json::Result<ClientMessage>> {
    let shared = connection.clone();
    input
        .take_while(|message| std::future::ready(message.is_ok()))
        .filter_map(move |message| {
            shared.heard.store(true, Ordering::Release);
            std::future::ready(match message {
                Ok(Message::Text(text)) => Some(ClientMessage::from_bytes(text.as_bytes())),
                Ok(Message::Binary(bytes)) => Some(ClientMessage::from_bytes(&bytes[..])),
                _ => None,
            })
        })
        .take_while(move |message| {
            std::future::ready(message.as_ref().map_or(true, |message| connection.admits(message, limit)))
        })
        .boxed()
}

/// Executes subscriptions only: queries and mutations have deadlines that a WebSocket has not.
#[derive(Clone)]
struct Subscriptions(Schema);

impl Executor for Subscriptions {
    async fn execute(&self, _: async_graphql::Request) -> async_graphql::Response {
        async_graphql::Response::from_errors(vec![not_here()])
    }

    fn execute_stream(
        &self,
        mut request: async_graphql::Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, async_graphql::Response> {
        let name = request.operation_name.clone();
        // A document that cannot be parsed is answered by the schema.
        let is_other =
            request.parsed_query().is_ok_and(|document| !is_subscription(document, name.as_deref()));
        if is_other {
            return stream::iter([async_graphql::Response::from_errors(vec![not_here()])]).boxed();
        }
        Executor::execute_stream(&self.0, request, session_data)
    }
}

fn not_here() -> async_graphql::ServerError {
    server_error(
        "SUBSCRIPTIONS_ONLY",
        "only subscriptions go over WebSocket",
        "send queries and mutations with POST to /graphql",
    )
}

fn is_subscription(document: &ExecutableDocument, name: Option<&str>) -> bool {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    };
    operation.is_none_or(|operation| operation.node.ty == OperationType::Subscription)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let host = (header::HOST, "strata.example:8080");
        let from = |origin| headers(&[host.clone(), (header::ORIGIN, origin)]);
        assert!(is_allowed(&headers(std::slice::from_ref(&host)), &[]));
        assert!(is_allowed(&from("http://strata.example:8080"), &[]));
        for origin in [
            "http://evil.example",
            "null",
            "http://strata.example",
            "http://strata.example:8080.evil.example",
        ] {
            assert!(!is_allowed(&from(origin), &[]), "{origin}");
        }
        assert!(is_allowed(&from("https://console.example"), &["https://console.example".to_owned()]));
        assert!(!is_allowed(&headers(&[(header::ORIGIN, "http://a")]), &[]));
    }

    #[test]
    fn only_subscriptions_are_let_through() {
        let check = |text: &str, name| is_subscription(&parse_query(text).unwrap(), name);
        assert!(check("subscription { a }", None));
        assert!(!check("{ a }", None) && !check("mutation { a }", None));
        let both = "subscription S { a } query Q { a }";
        assert!(check(both, Some("S")) && !check(both, Some("Q")));
    }

    #[test]
    fn a_connection_keeps_the_rules() {
        let start =
            |id: &str| ClientMessage::Start { id: id.to_owned(), payload: async_graphql::Request::new("") };
        let connection = Connection::default();
        assert!(!connection.admits(&start("1"), 2));
        assert_eq!(connection.violation().map(|(code, _)| code), Some(4401));
        connection.initialised.store(true, Ordering::Release);
        assert!(connection.admits(&start("1"), 2));
        assert!(!connection.admits(&start("1"), 2));
        assert_eq!(connection.violation().map(|(code, _)| code), Some(4409));
        assert!(connection.admits(&start("2"), 2) && !connection.admits(&start("3"), 2));
        assert_eq!(connection.violation().map(|(code, _)| code), Some(4429));
        connection.told("{\"type\":\"complete\",\"id\":\"2\"}");
        assert!(connection.admits(&start("3"), 2));
    }
}
