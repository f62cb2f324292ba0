//! Carries out changes that are due: scheduled ones, and those that a crash or a stop left under way.
//!
//! *Idea.* As many at once as there are slots. What was never tried comes first, the oldest before the others; what was
//! tried in vain, because its cluster does not answer or by an error inside, waits its time ([`super::backoff`]) without
//! a slot.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use strata_model::id::{ChangeId, ProjectId};
use strata_store::Lease;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    INTERVAL,
    backoff::{Backoff, Standing},
    rest,
    runner::{self, Carried},
};
use crate::{Engine, error::EngineError};

/// How many due changes are looked at in one go.
const BATCH: u64 = 1_000;
/// How many leases are claimed at once: claims that come together share a commit.
const CLAIMS: usize = 64;
/// How long to sleep at most while something is due: the lease of a server that died runs out unannounced.
const DUE_INTERVAL: Duration = Duration::from_millis(500);

/// What this server does with changes.
#[derive(Debug, Default)]
struct Board {
    /// Those that it is carrying out, with the switch that stops each.
    running: HashMap<ChangeId, CancellationToken>,
    /// Those that it has tried in vain.
    backoff: Backoff,
}

#[derive(Debug)]
struct Carrier {
    engine: Engine,
    board: Arc<Mutex<Board>>,
    slots: Arc<Semaphore>,
    /// Told when a slot became free.
    freed: Arc<Notify>,
}

pub(super) async fn run(engine: Engine) {
    let mut positions = engine.last_position();
    let slots = Arc::new(Semaphore::new(engine.options().concurrent_changes));
    let carrier = Carrier { engine, board: Arc::default(), slots, freed: Arc::default() };
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
        self.stop_cancelled().await?;
        let (mut after, mut due, mut again) = (None, HashSet::new(), Vec::new());
        loop {
            let batch = self.engine.store().due_changes(after, BATCH).await?;
            let Some((_, last)) = batch.last() else { break };
            after = Some(*last);
            due.extend(batch.iter().map(|(_, id)| *id));
            let fresh = self.not_tried(batch, &mut again);
            if !self.take_up_all(&fresh).await? {
                return Ok(true);
            }
        }
        lock(&self.board).backoff.keep(&due);
        again.sort_unstable_by_key(|(since, _)| *since);
        let again: Vec<_> = again.into_iter().map(|(_, change)| change).collect();
        self.take_up_all(&again).await?;
        Ok(!due.is_empty())
    }

    /// Those that were never tried. Puts aside those that may be tried again; leaves out the others.
    fn not_tried(
        &self,
        batch: Vec<(ProjectId, ChangeId)>,
        again: &mut Vec<(Instant, (ProjectId, ChangeId))>,
    ) -> Vec<(ProjectId, ChangeId)> {
        let (board, now) = (lock(&self.board), Instant::now());
        let mut fresh = Vec::new();
        for change in batch {
            if board.running.contains_key(&change.1) {
                continue;
            }
            match board.backoff.standing(change.1, now) {
                Standing::New => fresh.push(change),
                Standing::Again(since) => again.push((since, change)),
                Standing::Waits => {}
            }
        }
        fresh
    }

    /// Stops those that somebody asked to stop; those that wait are taken up again, to be ended.
    async fn stop_cancelled(&self) -> Result<(), EngineError> {
        let cancelling = self.engine.store().cancelling_changes(BATCH).await?;
        let (mut board, now) = (lock(&self.board), Instant::now());
        for id in cancelling {
            match board.running.get(&id) {
                Some(stop) => stop.cancel(),
                None => board.backoff.hurry(id, now),
            }
        }
        Ok(())
    }

    /// Takes changes up in this order. Says whether there was a slot for each.
    async fn take_up_all(&self, changes: &[(ProjectId, ChangeId)]) -> Result<bool, EngineError> {
        for candidates in changes.chunks(CLAIMS) {
            if !self.take_up(candidates).await? {
                return Ok(false);
            }
        }
        Ok(true)
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
        lock(&self.board).running.insert(id, stop.clone());
        let place = Place { board: Arc::clone(&self.board), id, got_on: false, _slot: slot };
        let (engine, freed) = (self.engine.clone(), Arc::clone(&self.freed));
        self.engine.tracker().spawn(async move {
            let mut place = place;
            place.got_on = carry(&engine, project, id, lease, stop).await;
            drop(place);
            freed.notify_one();
        });
    }
}

/// A change's place among those under way; given back also when carrying it out panics, which is in vain as well.
#[derive(Debug)]
struct Place {
    board: Arc<Mutex<Board>>,
    id: ChangeId,
    got_on: bool,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut board = lock(&self.board);
        board.running.remove(&self.id);
        if self.got_on {
            board.backoff.got_on(self.id);
        } else {
            board.backoff.in_vain(self.id, Instant::now());
        }
    }
}

/// Carries one change out under its lease. Says whether it got on.
async fn carry(
    engine: &Engine,
    project: ProjectId,
    id: ChangeId,
    lease: Lease,
    stop: CancellationToken,
) -> bool {
    let work = Box::pin(runner::carry_out(engine, project, id, lease.clone(), stop));
    let got_on = tokio::select! {
        result = work => {
            if let Err(error) = &result {
                tracing::error!(change = %id, error = error_chain(error), "a change could not be carried on");
            }
            matches!(result, Ok(Carried::On))
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
    got_on
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

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
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
