//! The journal: the one task that writes, committing many closures together.
//!
//! *Idea.* Closures wait in a bounded queue. The writer takes all that wait, runs each inside a savepoint of one
//! transaction, commits once, and only then answers. Under load the cost of the commit's fsync is shared; when idle a
//! single write does not wait for others.
//!
//! *Guarantees.* Whoever gets `Ok` has a durable result. A closure that fails or panics is rolled back alone. When the
//! commit fails, all of the group are told; whether it happened is then not known, and compare-and-set tells on retry.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use sea_orm::{DatabaseConnection, DbBackend};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{connect::FileLock, core::Core, error::StoreError, transaction::Tx, transaction::begin};

/// How many closures may wait: a few groups' worth, so that callers feel the pressure before memory does.
const QUEUE: usize = 1024;
/// How many closures one transaction carries at most: bounds the time for which its first waiter waits.
const GROUP: usize = 256;
/// How long a caller waits for a place in the queue.
const QUEUE_WAIT: Duration = Duration::from_secs(10);
/// How long one group may take; closures do only database work.
const GROUP_WAIT: Duration = Duration::from_secs(60);

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What is left of a closure that ran.
struct Ran {
    /// Whether its work is kept.
    keep: bool,
    /// Tells the waiter, after the commit.
    answer: Answer,
}

/// A closure that waits with its waiter.
trait Job: Send {
    /// Runs it.
    fn run<'t>(self: Box<Self>, tx: &'t Tx) -> BoxFuture<'t, Ran>;
    /// Tells its waiter that it could not be run.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Write<T, E, F> {
    run: F,
    waiter: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Write<T, E, F>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn run<'t>(self: Box<Self>, tx: &'t Tx) -> BoxFuture<'t, Ran> {
        let Self { run, waiter } = *self;
        Box::pin(async move {
            let outcome = AssertUnwindSafe(async move { run(tx).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(E::from(StoreError::Panicked)));
            let keep = outcome.is_ok();
            let answer: Answer = Box::new(move |committed| {
                // A waiter that went away needs no answer.
                let _ = waiter.send(match (outcome, committed) {
                    (Ok(value), Ok(())) => Ok(value),
                    (Ok(_), Err(error)) => Err(E::from(error)),
                    (Err(error), _) => Err(error),
                });
            });
            Ran { keep, answer }
        })
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.waiter.send(Err(E::from(error)));
    }
}

/// Where closures are handed in.
#[derive(Clone)]
pub(crate) struct Journal {
    queue: mpsc::Sender<Box<dyn Job>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("free", &self.queue.capacity()).finish()
    }
}

impl Journal {
    /// A journal and the task that serves it; the task ends when the journal is dropped.
    pub(crate) fn new(
        connection: DatabaseConnection,
        core: Arc<Core>,
        committed: watch::Sender<i64>,
        lock: Option<FileLock>,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        (Self { queue }, serve(jobs, connection, core, committed, lock, stop))
    }

    /// Runs a closure in the next group and waits for its commit.
    pub(crate) async fn write<T, E, F>(&self, run: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (waiter, receiver) = oneshot::channel::<Result<T, E>>();
        let job: Box<dyn Job> = Box::new(Write { run, waiter });
        self.queue.send_timeout(job, QUEUE_WAIT).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => E::from(StoreError::Busy),
            mpsc::error::SendTimeoutError::Closed(_) => E::from(closed()),
        })?;
        receiver.await.unwrap_or_else(|_| Err(E::from(closed())))
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the write was given up".to_owned() }
}

async fn serve(
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    connection: DatabaseConnection,
    core: Arc<Core>,
    committed: watch::Sender<i64>,
    // Kept until the last write is done.
    _lock: Option<FileLock>,
    stop: CancellationToken,
) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        let received = tokio::select! {
            biased;
            // Nothing new is taken; what waits is still carried out.
            () = stop.cancelled(), if !jobs.is_closed() => {
                jobs.close();
                continue;
            }
            received = jobs.recv_many(&mut group, GROUP) => received,
        };
        if received == 0 {
            break;
        }
        let carried = carry(&connection, &core, &committed, std::mem::take(&mut group));
        if tokio::time::timeout(GROUP_WAIT, Box::pin(carried)).await.is_err() {
            // Dropping the group rolls it back and tells all of its waiters that it was given up.
            tracing::error!("a group of writes took too long and was rolled back");
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the writing connection did not close well");
    }
}

/// Runs a group and commits it, then wakes readers of the event log, then answers.
async fn carry(
    connection: &DatabaseConnection,
    core: &Arc<Core>,
    committed: &watch::Sender<i64>,
    group: Vec<Box<dyn Job>>,
) {
    let transaction = match begin(connection).await {
        Ok(transaction) => transaction,
        Err(error) => {
            tracing::warn!(%error, waiting = group.len(), "a group of writes could not begin");
            for job in group {
                job.refuse(error.clone());
            }
            return;
        }
    };
    // On PostgreSQL a failed statement ends a transaction, and committing it anyway reports no error; releasing a
    // savepoint does. SQLite needs one only where others could be harmed.
    let guarded = group.len() > 1 || connection.get_database_backend() == DbBackend::Postgres;
    let tx = Tx::new(transaction, Arc::clone(core));
    let mut ran = Vec::with_capacity(group.len());
    let outcome = run_all(&tx, group, guarded, &mut ran).await;
    let position = tx.last_position();
    let kept = ran.iter().any(|(keep, _)| *keep);
    let outcome = match outcome {
        Ok(()) if kept => tx.commit().await,
        Ok(()) => tx.roll_back().await,
        Err(error) => {
            if let Err(error) = tx.roll_back().await {
                tracing::debug!(%error, "a failed group could not be rolled back by hand");
            }
            Err(error)
        }
    };
    if let (Ok(()), Some(position)) = (&outcome, position) {
        note_position(committed, position);
    }
    for (_, answer) in ran {
        answer(outcome.clone());
    }
}

/// Wakes readers of the event log, if a position is news.
pub(crate) fn note_position(committed: &watch::Sender<i64>, position: i64) {
    committed.send_if_modified(|last| {
        let newer = position > *last;
        *last = position.max(*last);
        newer
    });
}

async fn run_all(
    tx: &Tx,
    group: Vec<Box<dyn Job>>,
    guarded: bool,
    ran: &mut Vec<(bool, Answer)>,
) -> Result<(), StoreError> {
    if guarded {
        tx.execute("SAVEPOINT job").await?;
    }
    for job in group {
        let before = tx.last_position();
        let Ran { keep, answer } = job.run(tx).await;
        if !keep {
            tx.forget_positions(before);
        }
        let after = match (guarded, keep) {
            (true, true) => tx.execute("RELEASE SAVEPOINT job; SAVEPOINT job").await,
            (true, false) => tx.execute("ROLLBACK TO SAVEPOINT job").await,
            (false, _) => Ok(()),
        };
        match after {
            Ok(()) => ran.push((keep, answer)),
            // It swallowed the failure of a statement: nothing of it can be kept.
            Err(error) if keep => {
                tx.forget_positions(before);
                answer(Err(error));
                tx.execute("ROLLBACK TO SAVEPOINT job").await?;
            }
            Err(error) => {
                answer(Err(error.clone()));
                return Err(error);
            }
        }
    }
    Ok(())
}
