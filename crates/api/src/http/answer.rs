//! Answers that are not the schema's: in the same form as its errors, each with a code and a way out.

use std::any::Any;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use strata_engine::EngineError;
use strata_model::error::{Refusal, RefusalCode};

use crate::error::{answer, request_id};

/// One error as an HTTP answer.
pub(super) fn error(status: StatusCode, code: &str, message: &str, help: &str) -> Response {
    let extensions = json!({ "code": code, "help": help, "requestId": request_id() });
    let body = json!({ "errors": [{ "message": message, "extensions": extensions }] });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Why somebody is not let in.
pub(super) fn unauthenticated(refusals: &[Refusal]) -> Response {
    let (code, message, help) = refusals.first().map_or_else(
        || (RefusalCode::Unauthenticated, "a token is needed", "send `Authorization: Bearer …`"),
        |refusal| (refusal.code, refusal.message.as_str(), refusal.help.as_str()),
    );
    let mut response = error(StatusCode::UNAUTHORIZED, code.as_str(), message, help);
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"strata\""));
    response
}

/// What is nobody's input, before the schema was reached. Logged where errors are answered.
pub(super) fn internal(source: EngineError) -> Response {
    let answered = answer(source);
    let help = "try again; if it stays, give your operator the request id";
    error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", &answered.message, help)
}

/// The server has as much to do as it can.
pub(super) fn overloaded() -> Response {
    let mut response = error(
        StatusCode::SERVICE_UNAVAILABLE,
        "OVERLOADED",
        "the server has as much to do as it can",
        "try again in a second",
    );
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Whether a list in a header holds a word.
pub(super) fn lists(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(word))
}

pub(super) async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this path", "the API is at /graphql")
}

pub(super) async fn method_not_allowed() -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this path does not take this method",
        "send operations with POST to /graphql",
    )
}

pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of unknown kind"), request = request_id(), "a handler panicked");
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "something went wrong on the server; it is not your input",
        "try again; if it stays, give your operator the request id",
    )
}
