//! The engine: use cases and background work.
//!
//! *Idea.* `verbs/` has one file a use case: permission, transaction, audit. `tasks/` has what runs by itself: changes,
//! rollouts, facts. Both walk one path, which is built in [`workbench`]: compose → render → plan, all pure; verbs store
//! plans and events, tasks carry them out through `strata-cluster` and report.
//!
//! *Guarantees.* An intent is durable before its effect; events and state move through the ledger only; nothing is
//! applied that was not planned, stored and, where it must be, approved.
//!
//! *Caveats.* Errors that are not the caller's to mend come out as [`EngineError::Internal`]; whoever answers the caller
//! logs them, once.

#![allow(clippy::result_large_err, reason = "a refusal tells all, and is rare")]

mod access;
mod contents;
mod error;
mod evidence;
mod facts;
mod health;
mod ledger;
mod passwords;
mod reach;
mod reads;
mod recent;
mod schemas;
mod session;
mod tasks;
mod verbs;
mod wish;
mod words;
mod workbench;

use std::{sync::Arc, time::Duration};

use strata_cluster::ConnectOptions;
use strata_model::ports::{Clock, IdSource};
use strata_store::Store;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use access::{FirstToken, recover_administrator};
pub use error::EngineError;
pub use reads::*;
pub use session::{Caller, Session};
pub use strata_plan::{Restart, comparison, requirements, restarts};
pub use strata_render::Adopted;
pub use verbs::*;
pub use wish::{OverrideEdit, OverrideWish, RequestOptions, RevisionWish, Wish};

/// How many fleet previews are made at once: each holds what many clusters are planned from.
const SURVEYS: usize = 8;

/// How the engine behaves.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How clusters are reached, and what a kubeconfig may say.
    pub connect: ConnectOptions,
    /// How many changes are carried out at once by this server.
    pub concurrent_changes: usize,
    /// How long a lease on a change or rollout holds without renewal. After a crash, work goes on when it has run out.
    pub lease: Duration,
    /// How long an approval counts.
    pub approval_lifetime: Duration,
    /// How long a plan that no change holds is kept.
    pub plan_lifetime: Duration,
    /// How long a fleet preview looks at clusters; those that it did not get to are counted.
    pub fleet_preview_patience: Duration,
    /// How long one looks at them that somebody follows.
    pub fleet_survey_patience: Duration,
    /// How many clusters it looks at in one step at most.
    pub fleet_survey_step: usize,
    /// How long one step of a change may take to become healthy.
    pub step_deadline: Duration,
    /// How often an idle cluster is asked for its facts and health, with jitter.
    pub poll_interval: Duration,
    /// Whether the one who requested a change may also approve it.
    pub may_approve_own: bool,
    /// How long a preview asks a living cluster. Whoever waits for it is a person; what is not answered by then is said so.
    pub live_deadline: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            connect: ConnectOptions::default(),
            concurrent_changes: 64,
            lease: Duration::from_secs(4),
            approval_lifetime: Duration::from_secs(24 * 3600),
            plan_lifetime: Duration::from_secs(24 * 3600),
            fleet_preview_patience: Duration::from_secs(20),
            fleet_survey_patience: Duration::from_secs(15 * 60),
            fleet_survey_step: 200,
            step_deadline: Duration::from_secs(30 * 60),
            poll_interval: Duration::from_secs(60),
            may_approve_own: true,
            live_deadline: Duration::from_secs(5),
        }
    }
}

/// The engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    options: EngineOptions,
    contents: contents::ContentCache,
    schemas: schemas::SchemaCache,
    surveys: Arc<Semaphore>,
    looks: Semaphore,
    /// Who this server is in leases.
    holder: String,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Engine {
    /// An engine over an open store. Nothing runs by itself until [`Engine::start`].
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, options: EngineOptions) -> Self {
        let holder = format!("server/{}", ids.next());
        Self {
            inner: Arc::new(Inner {
                store,
                holder,
                clock,
                ids,
                options,
                contents: contents::ContentCache::default(),
                schemas: schemas::SchemaCache::default(),
                surveys: Arc::new(Semaphore::new(SURVEYS)),
                looks: Semaphore::new(verbs::side_by_side()),
                tracker: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        }
    }

    /// Starts background work: changes, rollouts, facts.
    pub fn start(&self) {
        tasks::start(self);
    }

    /// Stops background work and waits for it; what is under way goes on at the next start.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }

    /// The last committed position of the event log; changes after each commit that appended events.
    #[must_use]
    pub fn last_position(&self) -> tokio::sync::watch::Receiver<i64> {
        self.inner.store.events().subscribe()
    }

    /// The store, for what belongs to no verb: readiness, first start.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    pub(crate) fn ids(&self) -> &dyn IdSource {
        &*self.inner.ids
    }

    pub(crate) fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    pub(crate) fn holder(&self) -> &str {
        &self.inner.holder
    }

    pub(crate) fn contents(&self) -> &contents::ContentCache {
        &self.inner.contents
    }

    pub(crate) fn schemas(&self) -> &schemas::SchemaCache {
        &self.inner.schemas
    }

    /// Whoever has a permit may make a fleet preview.
    pub(crate) fn surveys(&self) -> &Arc<Semaphore> {
        &self.inner.surveys
    }

    /// Whoever has a permit may plan a cluster for a fleet preview.
    pub(crate) fn looks(&self) -> &Semaphore {
        &self.inner.looks
    }

    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.inner.tracker
    }

    pub(crate) fn stop_token(&self) -> &CancellationToken {
        &self.inner.stop
    }
}
