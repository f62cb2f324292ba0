//! Waiting until objects are well, or gone, without leaving anything open.
//!
//! *Idea.* Objects are taken together by kind and namespace; each group is listed, and only where something is still
//! missing is a watch opened: of one object by its name, of many by a label selector. At most
//! [`WatchOptions::max_watches`] groups watch, because each watch is a connection; the others, and clusters that do not
//! allow watching, are listed again and again with growing pauses.
//!
//! *Guarantees.* Everything ends at the deadline. When this returns, its watches are closed. A verdict of *failed*
//! counts only after it has stood for [`WatchOptions::failure_grace`]: the status of a former state may shine through for
//! a moment. Clusters that do not answer are waited for; that they did not is what the error says then.

mod board;
mod group;

use std::{sync::Arc, time::Duration};

use futures::{TryStreamExt as _, stream::FuturesUnordered};
use serde_json::Value;
use strata_model::object::ObjectKey;

use crate::{
    client::ClusterClient,
    deadline::Deadline,
    error::{Call, ClusterError},
    health::{Health, completion, health_since},
    objects::{Metadata, ObjectReference},
};
use board::Board;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// That it is ready.
    Ready,
    /// That it has done its work: a Job is complete, a Pod has ended well. What does no work has done it by existing.
    Completed,
    /// That it is gone.
    Gone,
}

/// What it means that an object which is to be ready is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Absence {
    /// It is missing.
    #[default]
    Missing,
    /// It is missing, unless it was seen ready: then it has done its work and went, as a Job with a time to live does.
    DoneOnceReady,
    /// It was seen ready before, has done its work, and went.
    Done,
}

/// One object that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Which object.
    pub reference: ObjectReference,
    /// What is waited for.
    pub wanted: Wanted,
    /// The generation that an apply answered: older states prove nothing.
    pub min_generation: Option<i64>,
    /// The UID of the object meant: for GONE, another one counts as gone.
    pub uid: Option<String>,
    /// For READY: what its absence means.
    pub absence: Absence,
}

impl Expectation {
    /// That an object becomes ready, in this generation or a later one.
    #[must_use]
    pub const fn ready(reference: ObjectReference, min_generation: Option<i64>) -> Self {
        Self { reference, wanted: Wanted::Ready, min_generation, uid: None, absence: Absence::Missing }
    }

    /// That an object does its work to the end.
    #[must_use]
    pub const fn completed(reference: ObjectReference) -> Self {
        let absence = Absence::DoneOnceReady;
        Self { reference, wanted: Wanted::Completed, min_generation: None, uid: None, absence }
    }

    /// That an object goes.
    #[must_use]
    pub fn gone(reference: ObjectReference, uid: Option<&str>) -> Self {
        let uid = uid.map(str::to_owned);
        Self { reference, wanted: Wanted::Gone, min_generation: None, uid, absence: Absence::Missing }
    }

    /// The same, with what the object's absence means.
    #[must_use]
    pub fn with_absence(self, absence: Absence) -> Self {
        Self { absence, ..self }
    }

    fn judge(&self, live: Option<&Value>, was_ready: bool) -> Health {
        match (self.wanted, live) {
            (Wanted::Gone, None) => Health::Ready,
            (Wanted::Gone, Some(live)) => {
                if self.uid.as_ref().is_some_and(|uid| Metadata::of(live).uid != *uid) {
                    return Health::Ready;
                }
                let finalizers = live.pointer("/metadata/finalizers").and_then(Value::as_array);
                let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
                Health::Progressing(if names.is_empty() {
                    "it is still there".to_owned()
                } else {
                    format!("it is still there, held by {}", names.join(", "))
                })
            }
            (Wanted::Ready | Wanted::Completed, None)
                if self.absence == Absence::Done || (self.absence == Absence::DoneOnceReady && was_ready) =>
            {
                Health::Ready
            }
            (Wanted::Ready | Wanted::Completed, None) => Health::Progressing("it does not exist".to_owned()),
            (Wanted::Completed, Some(live)) => completion(live),
            (Wanted::Ready, Some(live)) => health_since(live, self.min_generation),
        }
    }
}

/// How to wait.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// How long.
    pub deadline: Duration,
    /// Labels that the objects carry, to list and watch only those; see [`crate::Marks::selector`].
    pub label_selector: Option<String>,
    /// How long a verdict of *failed* must stand.
    pub failure_grace: Duration,
    /// Most watches open at a time.
    pub max_watches: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(600),
            label_selector: None,
            failure_grace: Duration::from_secs(5),
            max_watches: 4,
        }
    }
}

/// Not everything became what was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhealthy {
    /// What is missing, and why.
    pub pending: Vec<(ObjectKey, String)>,
    /// Whether an object failed, so that waiting ended early.
    pub failed: bool,
}

/// Why waiting ended without success.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Not everything became what was waited for.
    #[error("{}: {}", counted(.0.pending.len()), summary(.0))]
    Unhealthy(Unhealthy),
    /// The cluster refused, or did not answer to the end.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

fn counted(pending: usize) -> String {
    match pending {
        1 => "an object is not as it should be".to_owned(),
        several => format!("{several} objects are not as they should be"),
    }
}

fn summary(unhealthy: &Unhealthy) -> String {
    let some: Vec<String> =
        unhealthy.pending.iter().take(3).map(|(key, reason)| format!("{key}: {reason}")).collect();
    let more = unhealthy.pending.len().saturating_sub(some.len());
    if more > 0 { format!("{}; and {more} more", some.join("; ")) } else { some.join("; ") }
}

impl WatchError {
    /// The same as a cluster's error: for callers that wait for one thing.
    #[must_use]
    pub fn into_cluster_error(self, call: Call) -> ClusterError {
        match self {
            Self::Cluster(error) => error,
            Self::Unhealthy(unhealthy) => ClusterError::TimedOut { call, reason: summary(&unhealthy) },
        }
    }
}

/// Told each time that the verdict on an object changes.
pub type Progress<'a> = dyn Fn(&ObjectKey, &Health) + Send + Sync + 'a;

/// How a group ended before its objects were as wanted.
enum Ended {
    /// One of them failed for good.
    Failed,
    Cluster(ClusterError),
}

impl ClusterClient {
    /// Waits until every object is as expected.
    ///
    /// # Errors
    /// [`WatchError::Unhealthy`] at the deadline or when an object failed; [`WatchError::Cluster`] when the cluster refuses
    /// to be asked, or did not answer at the deadline.
    pub async fn watch_until(
        &self,
        expectations: Vec<Expectation>,
        options: &WatchOptions,
        on_progress: &Progress<'_>,
    ) -> Result<(), WatchError> {
        if expectations.is_empty() {
            return Ok(());
        }
        let deadline = Deadline::after(options.deadline);
        let board = Arc::new(Board::new(&expectations));
        let groups = group::of(expectations, options);
        let all: FuturesUnordered<_> = groups
            .into_iter()
            .map(|group| self.follow(group, &board, options, deadline, on_progress))
            .collect();
        let ended = tokio::time::timeout_at(deadline.instant(), all.try_collect::<()>()).await;
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Ended::Cluster(error))) => Err(WatchError::Cluster(error)),
            Ok(Err(Ended::Failed)) => {
                Err(WatchError::Unhealthy(Unhealthy { pending: board.pending(), failed: true }))
            }
            Err(_elapsed) => match board.take_trouble() {
                Some(error) => Err(WatchError::Cluster(error)),
                None => Err(WatchError::Unhealthy(Unhealthy { pending: board.pending(), failed: false })),
            },
        }
    }

    /// Waits until objects are ready, whatever their generation.
    ///
    /// # Errors
    /// As [`Self::watch_until`].
    pub async fn wait_ready(
        &self,
        references: Vec<ObjectReference>,
        deadline: Duration,
    ) -> Result<(), WatchError> {
        let expectations =
            references.into_iter().map(|reference| Expectation::ready(reference, None)).collect();
        let options = WatchOptions { deadline, ..WatchOptions::default() };
        self.watch_until(expectations, &options, &|_, _| {}).await
    }

    /// Waits until an object is gone; with a UID, until that one is.
    ///
    /// # Errors
    /// [`ClusterError::TimedOut`] when it is still there at the deadline; [`ClusterError::Interrupted`] when the client is
    /// to stop ([`ClusterClient::until`]); as every request.
    pub async fn wait_gone(
        &self,
        reference: &ObjectReference,
        uid: Option<&str>,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let options = WatchOptions { deadline, ..WatchOptions::default() };
        let expectation = Expectation::gone(reference.clone(), uid);
        let call = || Call::on("wait for the end of", &reference.key);
        tokio::select! {
            gone = self.watch_until(vec![expectation], &options, &|_, _| {}) => {
                gone.map_err(|error| error.into_cluster_error(call()))
            }
            () = self.stop.cancelled() => Err(ClusterError::Interrupted { call: call() }),
        }
    }
}
