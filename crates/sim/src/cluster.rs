//! One simulated cluster: its API server's state, faults and log, and the handle that tests hold.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    controllers,
    discovery::DeprecatedApi,
    faults::{FaultState, Refusal, Which},
    store::State,
};

/// A request that a cluster has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// The how-manieth of the cluster, from 1.
    pub number: u64,
    /// HTTP method.
    pub method: Method,
    /// Path without the cluster's prefix, with its query.
    pub path: String,
}

/// Called with each request before it is carried out.
pub type RequestHook = Arc<dyn Fn(&LoggedRequest) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) count: u64,
    capacity: usize,
    entries: VecDeque<LoggedRequest>,
    hook: Option<RequestHook>,
}

/// What the listeners and handles share.
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) server: String,
    pub(crate) address: SocketAddr,
    pub(crate) own_port: bool,
    authority: Arc<str>,
    seed: u64,
    nodes: u32,
    controllers: bool,
    version: Mutex<String>,
    /// Made with the first request: clusters nobody talks to cost nothing.
    state: Mutex<Option<Box<State>>>,
    pub(crate) faults: Mutex<FaultState>,
    pub(crate) log: Mutex<Log>,
    /// Cancelled to cut connections; replaced when the cluster comes back.
    lifeline: Mutex<CancellationToken>,
    pub(crate) fault_change: Notify,
    /// Deprecated APIs that were asked for.
    pub(crate) deprecated: Mutex<BTreeSet<DeprecatedApi>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a cluster is made of.
pub(crate) struct Making {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) server: String,
    pub(crate) address: SocketAddr,
    pub(crate) own_port: bool,
    pub(crate) authority: Arc<str>,
    pub(crate) seed: u64,
    pub(crate) nodes: u32,
    pub(crate) controllers: bool,
    pub(crate) version: String,
    pub(crate) log_capacity: usize,
}

impl Cluster {
    pub(crate) fn new(making: Making) -> Self {
        Self {
            name: making.name,
            token: making.token,
            server: making.server,
            address: making.address,
            own_port: making.own_port,
            authority: making.authority,
            seed: making.seed,
            nodes: making.nodes,
            controllers: making.controllers,
            version: Mutex::new(making.version),
            state: Mutex::new(None),
            faults: Mutex::new(FaultState::default()),
            log: Mutex::new(Log { capacity: making.log_capacity, ..Log::default() }),
            lifeline: Mutex::new(CancellationToken::new()),
            fault_change: Notify::new(),
            deprecated: Mutex::new(BTreeSet::new()),
        }
    }

    /// Runs with the state, which is made and seeded if need be, then lets the controllers work and wakes watches.
    pub(crate) fn with_state<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        let mut guard = lock(&self.state);
        let state = guard.get_or_insert_with(|| {
            let mut state = State::new(
                crate::store::mix(self.seed ^ crate::store::hash_text(&self.name)),
                self.controllers,
            );
            controllers::seed(&mut state, &self.name, self.seed, &self.version(), self.nodes);
            controllers::settle(&mut state);
            state.compact();
            Box::new(state)
        });
        let before = state.version();
        let out = run(state);
        if state.version() != before {
            controllers::settle(state);
            state.announce();
        }
        out
    }

    pub(crate) fn version(&self) -> String {
        lock(&self.version).clone()
    }

    pub(crate) fn lifeline(&self) -> CancellationToken {
        lock(&self.lifeline).clone()
    }

    /// Logs a request and calls the hook.
    pub(crate) fn record(&self, method: &Method, path: &str) {
        let (hook, entry) = {
            let mut log = lock(&self.log);
            log.count += 1;
            if log.capacity == 0 && log.hook.is_none() {
                return;
            }
            let entry = LoggedRequest { number: log.count, method: method.clone(), path: path.to_owned() };
            if log.capacity > 0 {
                if log.entries.len() == log.capacity {
                    log.entries.pop_front();
                }
                log.entries.push_back(entry.clone());
            }
            (log.hook.clone(), entry)
        };
        if let Some(hook) = hook {
            hook(&entry);
        }
    }

    fn set_offline(&self, offline: bool) {
        let changed = {
            let mut faults = lock(&self.faults);
            std::mem::replace(&mut faults.offline, offline) != offline
        };
        if changed {
            let mut lifeline = lock(&self.lifeline);
            if offline {
                lifeline.cancel();
            } else {
                *lifeline = CancellationToken::new();
            }
            drop(lifeline);
            self.fault_change.notify_waiters();
        }
    }
}

/// A handle to one simulated cluster; cheap to clone.
#[derive(Clone)]
pub struct SimCluster {
    pub(crate) inner: Arc<Cluster>,
}

impl fmt::Debug for SimCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimCluster")
            .field("name", &self.inner.name)
            .field("server", &self.inner.server)
            .finish()
    }
}

impl SimCluster {
    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The URL of its API server, path prefix included.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// The bearer token that its API server accepts.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.inner.token
    }

    /// A kubeconfig with everything inline.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let Cluster { name, server, token, authority, .. } = &*self.inner;
        let authority = STANDARD.encode(authority.as_bytes());
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: {name}\n  cluster:\n    server: {server}\n    \
             certificate-authority-data: {authority}\nusers:\n- name: admin\n  user:\n    token: {token}\ncontexts:\n\
             - name: {name}\n  context:\n    cluster: {name}\n    user: admin\n    namespace: default\ncurrent-context: {name}\n"
        )
    }

    /// The switches for faults.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults { cluster: &self.inner }
    }

    /// Changes what `/version` says.
    pub fn set_kubernetes_version(&self, version: &str) {
        version.clone_into(&mut lock(&self.inner.version));
    }

    /// As if somebody had asked for a deprecated API, which is gone in the minor `removed_in` (`1.35`).
    pub fn ask_for_deprecated(&self, group: &str, version: &str, resource: &str, removed_in: &str) {
        lock(&self.inner.deprecated).insert(DeprecatedApi {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
            removed_in: removed_in.to_owned(),
        });
    }

    /// An object as stored, or `None`. `api_version` as in the object (`apps/v1`); `namespace` is "" for cluster-scoped
    /// kinds.
    #[must_use]
    pub fn object(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.inner.with_state(|state| {
            let resource = state.catalog.find_kind(group, kind)?;
            state.get(&resource, namespace, name)
        })
    }

    /// All objects of a kind; all namespaces when `namespace` is "".
    #[must_use]
    pub fn objects(&self, api_version: &str, kind: &str, namespace: &str) -> Vec<Value> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.inner.with_state(|state| match state.catalog.find_kind(group, kind) {
            Some(resource) => state.values(&resource, namespace),
            None => Vec::new(),
        })
    }

    /// How many requests the cluster has seen.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        lock(&self.inner.log).count
    }

    /// The newest requests, oldest first, as many as the log keeps.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.inner.log).entries.iter().cloned().collect()
    }

    /// Calls `hook` with each request before it is carried out.
    pub fn on_request(&self, hook: impl Fn(&LoggedRequest) + Send + Sync + 'static) {
        lock(&self.inner.log).hook = Some(Arc::new(hook));
    }

    /// Forgets the history of changes: watches from old versions get 410.
    pub fn compact(&self) {
        self.inner.with_state(State::compact);
    }

    /// Roughly how many bytes objects and history take; 0 before the first request.
    #[must_use]
    pub fn footprint(&self) -> usize {
        lock(&self.inner.state).as_ref().map_or(0, |state| state.footprint())
    }
}

/// Switches of a cluster's faults; each takes effect at once.
#[derive(Clone, Copy)]
pub struct Faults<'a> {
    cluster: &'a Cluster,
}

impl fmt::Debug for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("now", &*lock(&self.cluster.faults)).finish()
    }
}

impl Faults<'_> {
    /// Cuts all connections. A cluster with its own port refuses new ones; on the shared port requests are cut off.
    pub fn offline(&self) {
        self.cluster.set_offline(true);
    }

    /// Ends `offline`.
    pub fn online(&self) {
        self.cluster.set_offline(false);
    }

    /// Each request waits this long before it is carried out; zero ends it.
    pub fn slow(&self, wait: Duration) {
        lock(&self.cluster.faults).slow = (!wait.is_zero()).then_some(wait);
    }

    /// Requests are accepted and never answered, until `clear`.
    pub fn hanging(&self) {
        lock(&self.cluster.faults).hanging = true;
        self.cluster.fault_change.notify_waiters();
    }

    /// Refuses matching requests with `code`, `times` times, or until `clear`.
    pub fn refuse(&self, code: u16, which: Which, times: Option<u32>) {
        lock(&self.cluster.faults).refusals.push(Refusal { code, which, left: times });
    }

    /// Pods with an image that contains `pattern` do not become ready.
    pub fn not_ready(&self, pattern: &str) {
        self.cluster.with_state(|state| {
            state.not_ready.push(pattern.to_owned());
            controllers::resync(state);
        });
    }

    /// Ends all faults; pods held back become ready.
    pub fn clear(&self) {
        self.cluster.set_offline(false);
        *lock(&self.cluster.faults) = FaultState::default();
        self.cluster.fault_change.notify_waiters();
        self.cluster.with_state(|state| {
            if !state.not_ready.is_empty() {
                state.not_ready.clear();
                controllers::resync(state);
            }
        });
    }
}

/// The body of a refusal that a fault makes.
pub(crate) fn refusal_body(code: u16) -> Value {
    let reason = match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "Unknown",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("simulated fault: {reason}"), "reason": reason, "code": code,
    })
}
