//! The page to try operations on: it is in the binary, and asks nobody else for anything.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Api, answer};

const HTML: &str = include_str!("explorer/index.html");
const SCRIPT: &str = include_str!("explorer/explorer.js");
const STYLE: &str = include_str!("explorer/explorer.css");

/// What the page may do: run our script, show our style, talk to us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /graphql`: the page for browsers. Operations are never taken from an address, where they end in logs.
pub(super) async fn graphql(headers: HeaderMap) -> Response {
    if answer::lists(&headers, &header::ACCEPT, "text/html") {
        return html().await;
    }
    let mut response = answer::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "operations are not taken by GET",
        "send them with POST to /graphql",
    );
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

pub(super) async fn html() -> Response {
    asset("text/html; charset=utf-8", HTML)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

/// `GET /schema.graphql`: the schema as text, where introspection is allowed.
pub(super) async fn schema(State(api): State<Api>) -> Response {
    if !api.options.schema.introspection {
        return answer::not_found().await;
    }
    asset("text/plain; charset=utf-8", crate::schema::sdl())
}

fn asset(media: &'static str, text: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (headers, text).into_response()
}
