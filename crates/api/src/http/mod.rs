//! The HTTP server: what answers where, under which bounds.
//!
//! | path | what |
//! |---|---|
//! | `POST /graphql` | queries and mutations, `application/json` only, one at a time |
//! | `GET /graphql/ws` | subscriptions over WebSocket, `graphql-transport-ws` |
//! | `GET /`, `GET /graphql` | a page to try operations on |
//! | `GET /schema.graphql` | the schema as text |
//! | `GET /healthz`, `GET /readyz` | whether the process lives, and whether it can answer |

mod answer;
mod bearer;
mod graphql;
mod health;
mod observe;
mod page;
mod server;
mod socket;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use http::header::{AUTHORIZATION, COOKIE};
use strata_engine::Engine;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer,
    sensitive_headers::SetSensitiveRequestHeadersLayer,
};

pub use self::server::{ServeError, serve};
use crate::schema::{self, Schema, SchemaOptions};

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// What one operation may cost.
    pub schema: SchemaOptions,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The largest body of callers who may publish packs, in bytes: a pack of 16 MiB in base64, and some more.
    pub pack_body_limit: usize,
    /// How long reading and answering one request may take.
    pub request_timeout: Duration,
    /// How many requests are worked on at once; more are turned away.
    pub requests: usize,
    /// How many connections there may be; more wait to be accepted.
    pub connections: usize,
    /// How many of them may carry subscriptions.
    pub sockets: usize,
    /// How many subscriptions one WebSocket may carry.
    pub subscriptions: usize,
    /// How often the peer of a WebSocket is asked for a sign of life; it is given up after three without.
    pub ping_interval: Duration,
    /// Origins beside the server's own from which browsers may subscribe, e.g. `https://console.example.org`.
    pub allowed_origins: Vec<String>,
    /// How long requests under way may take when the server shuts down.
    pub shutdown_grace: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            schema: SchemaOptions::default(),
            body_limit: 4 * 1024 * 1024,
            pack_body_limit: 24 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            requests: 512,
            connections: 4096,
            sockets: 1024,
            subscriptions: 50,
            ping_interval: Duration::from_secs(15),
            allowed_origins: Vec::new(),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

pub(crate) struct Shared {
    engine: Engine,
    schema: Schema,
    options: HttpOptions,
    cancel: CancellationToken,
    requests: Semaphore,
    sockets: Arc<Semaphore>,
    tracker: TaskTracker,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

fn api(engine: Engine, options: HttpOptions, cancel: CancellationToken) -> Api {
    Api(Arc::new(Shared {
        schema: schema::build(engine.clone(), &options.schema),
        requests: Semaphore::new(options.requests),
        sockets: Arc::new(Semaphore::new(options.sockets)),
        tracker: TaskTracker::new(),
        engine,
        options,
        cancel,
    }))
}

/// The router over an engine, for [`serve`] and for tests. Subscriptions end when `cancel` is cancelled.
pub fn router(engine: Engine, options: HttpOptions, cancel: CancellationToken) -> Router {
    routes(api(engine, options, cancel))
}

fn routes(api: Api) -> Router {
    Router::new()
        .route("/graphql", post(graphql::post).get(page::graphql))
        .route("/graphql/ws", get(socket::upgrade))
        .route("/", get(page::html))
        .route("/explorer.js", get(page::script))
        .route("/explorer.css", get(page::style))
        .route("/schema.graphql", get(page::schema))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(CompressionLayer::new())
        .layer(axum::middleware::from_fn_with_state(api.clone(), observe::observe))
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION, COOKIE]))
        .with_state(api)
}
