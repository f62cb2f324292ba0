//! The store: one write path, many readers.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use strata_model::{
    digest::DigestKey,
    id::ProjectId,
    ports::{Clock, IdSource},
};
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    connect::{self, Connections},
    core::Core,
    error::StoreError,
    event::{self, EventWatch},
    installation::{self, Installation},
    journal::{Journal, note_position},
    scope::Scoped,
    settings::StoreSettings,
    transaction::Tx,
};

/// How often commits of other servers are looked for, on PostgreSQL.
const POLL: Duration = Duration::from_millis(200);

/// An open database. Clones share it; it closes when the last one goes, or by [`Store::close`].
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) core: Arc<Core>,
    pub(crate) readers: DatabaseConnection,
    journal: Journal,
    events: EventWatch,
    tasks: TaskTracker,
    stop: CancellationToken,
    _guard: Arc<DropGuard>,
}

impl Store {
    /// Opens a database: takes the lock of a SQLite file, migrates or checks the schema, checks the master key, makes
    /// the installation on the first start.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Schema`], [`StoreError::WrongKey`], [`StoreError::Unavailable`].
    pub async fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let Connections { writer, readers, lock } =
            connect::open(&settings.database, settings.migrations, settings.readers).await?;
        let (installation, sealer, digest_key) = installation::open(&writer, &settings).await?;
        let core = Arc::new(Core {
            installation,
            sealer,
            digest_key,
            clock: Arc::clone(&settings.clock),
            ids: Arc::clone(&settings.ids),
        });
        let (committed, receiver) = watch::channel(event::last_position(&readers).await?);
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        if readers.get_database_backend() == DbBackend::Postgres {
            tasks.spawn(poll_positions(readers.clone(), committed.clone(), stop.clone()));
        }
        let (journal, task) = Journal::new(writer, Arc::clone(&core), committed, lock, stop.clone());
        tasks.spawn(task);
        let guard = Arc::new(stop.clone().drop_guard());
        Ok(Self { core, readers, journal, events: EventWatch::new(receiver), tasks, stop, _guard: guard })
    }

    /// Runs a closure in a transaction shared with other writes, and waits until it is durable.
    ///
    /// The closure does only database work. When it fails, all that it wrote is rolled back, and nothing of others.
    ///
    /// # Errors
    /// Those of the closure; [`StoreError::Busy`] when too much waits; [`StoreError::Unavailable`] or
    /// [`StoreError::Database`] when the commit failed: whether it happened is then not known.
    pub async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.journal.write(run).await
    }

    /// As [`Store::write`], for closures that fail in their own way.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn try_write<T, E, F>(&self, run: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.journal.write(run).await
    }

    /// The committed rows of one project.
    #[must_use]
    pub fn project(&self, project: ProjectId) -> Scoped<'_> {
        Scoped { connection: (&self.readers).into(), core: &self.core, project }
    }

    /// Wakes readers of the event log.
    #[must_use]
    pub const fn events(&self) -> &EventWatch {
        &self.events
    }

    /// What this installation is.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.core.installation
    }

    /// The installation's key for digests and fingerprints.
    #[must_use]
    pub fn digest_key(&self) -> &DigestKey {
        &self.core.digest_key
    }

    /// The clock that the store was opened with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.core.clock
    }

    /// The source of ids that the store was opened with.
    #[must_use]
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.core.ids
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.readers.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Waits for the writes that wait, then closes. Other clones find the store closed.
    pub async fn close(self) {
        let Self { tasks, stop, readers, .. } = self;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        if let Err(error) = readers.close().await {
            tracing::warn!(%error, "the reading connections did not close well");
        }
    }
}

/// Looks for commits of other servers. Polling is bounded and survives lost connections, which a listener does not.
async fn poll_positions(readers: DatabaseConnection, committed: watch::Sender<i64>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
        }
        match event::last_position(&readers).await {
            Ok(position) => note_position(&committed, position),
            Err(error) => tracing::debug!(%error, "the event log could not be looked at"),
        }
    }
}
