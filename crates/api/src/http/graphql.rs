//! `POST /graphql`: one operation in, one answer out.

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use strata_model::access::Permission;

use super::{Api, answer, bearer};
use crate::{context::Identity, error::request_id};

const JSON: &str = "application/json";
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";

pub(super) async fn post(State(api): State<Api>, request: Request) -> Response {
    let Ok(_permit) = api.requests.try_acquire() else { return answer::overloaded() };
    match tokio::time::timeout(api.options.request_timeout, respond(&api, request)).await {
        Ok(response) => response,
        Err(_) => answer::error(
            StatusCode::GATEWAY_TIMEOUT,
            "TIMEOUT",
            "the request took too long and was given up",
            "ask for less at once; a mutation may have been carried out: look before you repeat it",
        ),
    }
}

async fn respond(api: &Api, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !answer::lists(&parts.headers, &header::CONTENT_TYPE, JSON) {
        return answer::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "operations are sent as JSON",
            "send the header `Content-Type: application/json`",
        );
    }
    // Before the body is read: who is not known sends nothing large.
    let identity = match bearer::of_headers(&parts.headers) {
        None => Identity::nobody(),
        Some(token) => match Identity::of(&api.engine, token, &request_id()).await {
            Ok(identity) => identity,
            Err(error) => return answer::internal(error),
        },
    };
    let publishes = match &identity.caller {
        Ok(caller) => caller.bindings.iter().any(|(.., role)| role.allows(Permission::Author)),
        Err(refusals) => return answer::unauthenticated(refusals),
    };
    let limit = if publishes { api.options.pack_body_limit } else { api.options.body_limit };
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            return answer::error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "LIMIT_EXCEEDED",
                &format!("the request is larger than {limit} bytes"),
                "send less at once",
            );
        }
        Err(error) => {
            tracing::debug!(%error, "a body broke off");
            return wrong("the body broke off");
        }
    };
    let operation: async_graphql::Request = match serde_json::from_slice(&bytes) {
        Ok(operation) => operation,
        Err(_) if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') => {
            return answer::error(
                StatusCode::BAD_REQUEST,
                "BATCHING",
                "several operations in one request are not taken",
                "send them one by one",
            );
        }
        Err(error) => return wrong(&format!("the body cannot be read: {error}")),
    };
    drop(bytes);
    let response = api.schema.execute(operation.data(identity)).await;
    let media = if answer::lists(&parts.headers, &header::ACCEPT, GRAPHQL_RESPONSE) {
        GRAPHQL_RESPONSE
    } else {
        JSON
    };
    written(&response, media)
}

fn wrong(message: &str) -> Response {
    let help = "send an object with `query`, and `variables` and `operationName` as needed";
    answer::error(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message, help)
}

fn written(response: &async_graphql::Response, media: &'static str) -> Response {
    match serde_json::to_vec(response) {
        Ok(bytes) => {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(media));
            headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
            (StatusCode::OK, headers, Body::from(bytes)).into_response()
        }
        Err(error) => answer::internal(error.into()),
    }
}
