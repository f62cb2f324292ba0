//! Carries out changes that are due: scheduled ones, and those that a crash or a stop left under way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use strata_model::{
    change::ChangeState,
    id::{ChangeId, ProjectId},
};
use strata_store::Lease;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{INTERVAL, rest, runner};
use crate::{Engine, error::EngineError};

/// The changes that this server is carrying out, with the switch that stops each.
type Running = Arc<Mutex<HashMap<ChangeId, CancellationToken>>>;

/// How many due changes are looked at in one go.
const BATCH: u64 = 1_000;
/// How many leases are claimed at once: claims that come together share a commit.
const CLAIMS: usize = 64;
/// How long to sleep at most while something is due: the lease of a server that died runs out unannounced.
const DUE_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Carrier {
    engine: Engine,
    running: Running,
    slots: Arc<Semaphore>,
    /// Told when a slot became free.
    freed: Arc<Notify>,
}

pub(super) async fn run(engine: Engine) {
    let mut positions = engine.last_position();
    let slots = Arc::new(Semaphore::new(engine.options().concurrent_changes));
    let carrier = Carrier { engine, running: Running::default(), slots, freed: Arc::default() };
    loop {
        // Interest comes before the query, so that no commit falls between them.
        positions.mark_unchanged();
        let longest = match carrier.activate().await {
            Ok(true) => DUE_INTERVAL,
            Ok(false) => INTERVAL,
            Err(error) => {
                tracing::error!(error = error_chain(&error), "due changes could not be looked up");
                INTERVAL
            }
        };
        tokio::select! {
            go_on = rest(&carrier.engine, &mut positions, longest) => if !go_on { return },
            () = carrier.freed.notified() => {}
        }
    }
}

impl Carrier {
    /// Takes up what is due, as far as there are slots. Says whether anything is due.
    async fn activate(&self) -> Result<bool, EngineError> {
        let mut after = None;
        let mut any = false;
        loop {
            let due = self.engine.store().due_changes(after, BATCH).await?;
            let Some((_, last)) = due.last() else { return Ok(any) };
            after = Some(*last);
            any = true;
            let (carried, fresh): (Vec<_>, Vec<_>) =
                due.into_iter().partition(|(_, id)| lock(&self.running).contains_key(id));
            self.stop_cancelled(carried).await?;
            for candidates in fresh.chunks(CLAIMS) {
                if !self.take_up(candidates).await? {
                    return Ok(true);
                }
            }
        }
    }

    /// Stops those that somebody asked to stop.
    async fn stop_cancelled(&self, carried: Vec<(ProjectId, ChangeId)>) -> Result<(), EngineError> {
        let mut by_project: BTreeMap<ProjectId, Vec<ChangeId>> = BTreeMap::new();
        for (project, id) in carried {
            by_project.entry(project).or_default().push(id);
        }
        for (project, ids) in by_project {
            for change in self.engine.store().project(project).changes_get(&ids).await? {
                if change.state == ChangeState::Cancelling
                    && let Some(stop) = lock(&self.running).get(&change.id)
                {
                    stop.cancel();
                }
            }
        }
        Ok(())
    }

    /// Claims changes and begins to carry them out. Says whether there was a slot for each.
    async fn take_up(&self, candidates: &[(ProjectId, ChangeId)]) -> Result<bool, EngineError> {
        let mut slots: Vec<OwnedSemaphorePermit> = Vec::new();
        for _ in candidates {
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else { break };
            slots.push(slot);
        }
        let enough = slots.len() == candidates.len();
        let claims = stream::iter(candidates.iter().copied().zip(slots))
            .map(|((project, id), slot)| async move {
                let name = format!("change/{id}");
                let (holder, lease) = (self.engine.holder(), self.engine.options().lease);
                let lease = self.engine.store().lease_claim(&name, holder, lease).await;
                (project, id, slot, lease)
            })
            .buffer_unordered(CLAIMS)
            .collect::<Vec<_>>()
            .await;
        let mut trouble = None;
        for (project, id, slot, lease) in claims {
            match lease {
                Ok(Some(lease)) => self.begin(project, id, slot, lease),
                // Another server is at it.
                Ok(None) => {}
                Err(error) => trouble = Some(error),
            }
        }
        match trouble {
            Some(error) => Err(error.into()),
            None => Ok(enough),
        }
    }

    fn begin(&self, project: ProjectId, id: ChangeId, slot: OwnedSemaphorePermit, lease: Lease) {
        let stop = CancellationToken::new();
        lock(&self.running).insert(id, stop.clone());
        let place = Place { running: Arc::clone(&self.running), id, _slot: slot };
        let (engine, freed) = (self.engine.clone(), Arc::clone(&self.freed));
        self.engine.tracker().spawn(async move {
            let went_well = carry(&engine, project, id, lease, stop).await;
            drop(place);
            // After trouble it is taken up again in a while, not at once.
            if went_well {
                freed.notify_one();
            }
        });
    }
}

/// A change's place among those under way; given back also when carrying it out panics.
#[derive(Debug)]
struct Place {
    running: Running,
    id: ChangeId,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.id);
    }
}

/// Carries one change out under its lease. Says whether there was no trouble.
async fn carry(
    engine: &Engine,
    project: ProjectId,
    id: ChangeId,
    lease: Lease,
    stop: CancellationToken,
) -> bool {
    let work = Box::pin(runner::carry_out(engine, project, id, lease.clone(), stop));
    let went_well = tokio::select! {
        result = work => {
            if let Err(error) = &result {
                tracing::error!(change = %id, error = error_chain(error), "a change could not be carried on");
            }
            result.is_ok()
        }
        () = renew(engine, &lease) => {
            tracing::warn!(change = %id, "the lease on a change was lost");
            false
        }
        () = engine.stop_token().cancelled() => false,
    };
    if let Err(error) = engine.store().lease_release(&lease).await {
        tracing::debug!(%error, "a lease could not be released; it runs out by itself");
    }
    went_well
}

/// Renews a lease until it is lost.
pub(super) async fn renew(engine: &Engine, lease: &Lease) {
    loop {
        tokio::time::sleep(engine.options().lease / 3).await;
        match engine.store().lease_renew(lease, engine.options().lease).await {
            Ok(_) => {}
            Err(error) if error.is_stale() => return,
            Err(error) => tracing::warn!(%error, "a lease could not be renewed yet"),
        }
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<ChangeId, CancellationToken>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with all its causes, for one line of the log.
pub(super) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
