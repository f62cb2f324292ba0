//! Whether the process lives, and whether it can answer.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use super::Api;

/// How long the database may take to say that it is there.
const DEADLINE: Duration = Duration::from_secs(2);

pub(super) async fn alive() -> &'static str {
    "ok"
}

pub(super) async fn ready(State(api): State<Api>) -> Response {
    if api.cancel.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down").into_response();
    }
    match tokio::time::timeout(DEADLINE, api.engine.store().ping()).await {
        Ok(Ok(())) => "ok".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database does not answer as it should");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer as it should").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer in time").into_response(),
    }
}
