//! Carries out changes that are due: scheduled ones, and those that a crash or a stop left under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use strata_model::{
    change::ChangeState,
    id::{ChangeId, ProjectId},
};
use strata_store::Lease;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{INTERVAL, rest, runner};
use crate::{Engine, error::EngineError};

/// The changes that this server is carrying out, with the switch that stops each.
type Running = Arc<Mutex<HashMap<ChangeId, CancellationToken>>>;

/// How many due changes are looked at in one go.
const BATCH: u64 = 1_000;

pub(super) async fn run(engine: Engine) {
    let mut positions = engine.last_position();
    let running = Running::default();
    let slots = Arc::new(Semaphore::new(engine.options().concurrent_changes));
    loop {
        // Interest comes before the query, so that no commit falls between them.
        positions.mark_unchanged();
        if let Err(error) = activate(&engine, &running, &slots).await {
            tracing::error!(error = error_chain(&error), "due changes could not be looked up");
        }
        if !rest(&engine, &mut positions, INTERVAL).await {
            return;
        }
    }
}

async fn activate(engine: &Engine, running: &Running, slots: &Arc<Semaphore>) -> Result<(), EngineError> {
    let mut after = None;
    loop {
        let due = engine.store().due_changes(after, BATCH).await?;
        let Some((_, last)) = due.last() else { return Ok(()) };
        after = Some(*last);
        for (project, id) in due {
            let carried = lock(running).get(&id).cloned();
            if let Some(stop) = carried {
                if !stop.is_cancelled() && is_cancelling(engine, project, id).await? {
                    stop.cancel();
                }
                continue;
            }
            let Ok(slot) = Arc::clone(slots).try_acquire_owned() else { return Ok(()) };
            let name = format!("change/{id}");
            let Some(lease) =
                engine.store().lease_claim(&name, engine.holder(), engine.options().lease).await?
            else {
                continue;
            };
            let stop = CancellationToken::new();
            lock(running).insert(id, stop.clone());
            let (engine, running) = (engine.clone(), Arc::clone(running));
            engine.clone().tracker().spawn(async move {
                carry(&engine, project, id, lease, stop).await;
                lock(&running).remove(&id);
                drop(slot);
            });
        }
    }
}

async fn is_cancelling(engine: &Engine, project: ProjectId, id: ChangeId) -> Result<bool, EngineError> {
    Ok(engine.store().project(project).change_get(id).await?.state == ChangeState::Cancelling)
}

async fn carry(engine: &Engine, project: ProjectId, id: ChangeId, lease: Lease, stop: CancellationToken) {
    let work = Box::pin(runner::carry_out(engine, project, id, lease.clone(), stop));
    tokio::select! {
        result = work => {
            if let Err(error) = result {
                tracing::error!(change = %id, error = error_chain(&error), "a change could not be carried on");
            }
        }
        () = renew(engine, &lease) => tracing::warn!(change = %id, "the lease on a change was lost"),
        () = engine.stop_token().cancelled() => {}
    }
    if let Err(error) = engine.store().lease_release(&lease).await {
        tracing::debug!(%error, "a lease could not be released; it runs out by itself");
    }
}

/// Renews a lease until it is lost.
async fn renew(engine: &Engine, lease: &Lease) {
    loop {
        tokio::time::sleep(engine.options().lease / 3).await;
        match engine.store().lease_renew(lease, engine.options().lease).await {
            Ok(_) => {}
            Err(error) if error.is_stale() => return,
            Err(error) => tracing::warn!(%error, "a lease could not be renewed yet"),
        }
    }
}

fn lock(running: &Running) -> std::sync::MutexGuard<'_, HashMap<ChangeId, CancellationToken>> {
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
