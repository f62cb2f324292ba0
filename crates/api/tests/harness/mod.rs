//! An engine on a database of its own, served on a port of its own.
#![allow(
    unreachable_pub,
    dead_code,
    missing_debug_implementations,
    reason = "shared by several test binaries"
)]

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use strata_api::HttpOptions;
use strata_cluster::{ConnectOptions, KubeconfigPolicy};
use strata_engine::{Engine, EngineOptions};
use strata_model::ports::Clock;
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// The system's clock, which a test can put forward.
#[derive(Debug, Default)]
pub struct HandClock {
    seconds_ahead: AtomicI64,
}

impl HandClock {
    pub fn forward(&self, seconds: i64) {
        self.seconds_ahead.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.seconds_ahead.load(Ordering::SeqCst))
    }
}

pub struct Harness {
    pub clock: Arc<HandClock>,
    pub engine: Engine,
    pub token: String,
    pub cancel: CancellationToken,
    pub tracker: TaskTracker,
    router: Router,
    options: HttpOptions,
    _folder: tempfile::TempDir,
}

impl Harness {
    pub async fn start() -> Self {
        Self::with(HttpOptions::default()).await
    }

    pub async fn with(options: HttpOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = SealKeys::new(MasterKey::new([7; 32]));
        let clock = Arc::new(HandClock::default());
        let mut settings = StoreSettings::new(DatabaseUrl::Sqlite(folder.path().join("strata.db")), keys);
        settings.clock = clock.clone();
        let store = Store::open(settings).await.unwrap();
        let connect = ConnectOptions {
            policy: KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() },
            ..ConnectOptions::default()
        };
        let engine_options = EngineOptions { connect, ..EngineOptions::default() };
        let engine = Engine::new(store, clock.clone(), Arc::new(SystemIds), engine_options);
        let token = engine.first_start().await.unwrap().unwrap().secret.expose().to_owned();
        let cancel = CancellationToken::new();
        let router = strata_api::router(engine.clone(), options.clone(), cancel.clone());
        Self { clock, engine, token, cancel, tracker: TaskTracker::new(), router, options, _folder: folder }
    }

    /// Serves on a port of its own until `cancel` is cancelled.
    pub async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving =
            strata_api::serve(self.engine.clone(), listener, self.options.clone(), self.cancel.clone());
        self.tracker.spawn(serving);
        address
    }

    /// Sends a request past the network.
    pub async fn request(&self, request: Request<Body>) -> (StatusCode, http::HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    /// Sends a body to `/graphql` with the administrator's token.
    pub async fn post(&self, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .body(body.into())
            .unwrap();
        let (status, _, body) = self.request(request).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Executes an operation.
    pub async fn execute(&self, query: &str, variables: Value) -> Value {
        let (status, answer) = self.post(json!({ "query": query, "variables": variables }).to_string()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Executes an operation of `graphql/operations/`, and answers with its `data`.
    pub async fn operation(&self, name: &str, variables: Value) -> Value {
        let answer = self.execute(&operation(name), variables).await;
        assert_eq!(answer.get("errors"), None, "{name}: {answer}");
        answer["data"].clone()
    }
}

/// The text of an operation of `graphql/operations/`.
pub fn operation(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../graphql/operations");
    std::fs::read_to_string(path.join(format!("{name}.graphql"))).unwrap()
}

/// The code of the first error of an answer.
pub fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}
