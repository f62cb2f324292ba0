//! The write side: what a closure of [`crate::Store::write`] works with.
//!
//! Reads go through [`Tx::project`]; writes are the methods of [`Tx`], spread over the files of their nouns. Each
//! binds what it writes to the project that it is given, or that the written thing names.
//!
//! *Caveat.* After an `Err` of any method, return it: the database may refuse all that follows.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use strata_model::{digest::DigestKey, id::ProjectId};
use uuid::Uuid;

use crate::{connect::WRITE_LOCK, core::Core, error::StoreError, scope::Scoped};

/// A write under way.
#[derive(Debug)]
pub struct Tx {
    pub(crate) connection: DatabaseTransaction,
    pub(crate) core: Arc<Core>,
    /// The last position given out, 0 before the first is looked up.
    position: AtomicI64,
    /// The position before this transaction.
    found: AtomicI64,
}

/// Begins a transaction that will write. On both databases there is one at a time, over all servers: that gives
/// events their positions in the order of commits, and spares closures from deadlocks.
pub(crate) async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = connection.begin_with_options(options).await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({WRITE_LOCK})")).await?;
    }
    Ok(transaction)
}

impl Tx {
    pub(crate) fn new(connection: DatabaseTransaction, core: Arc<Core>) -> Self {
        Self { connection, core, position: AtomicI64::new(0), found: AtomicI64::new(0) }
    }

    /// The rows of one project, as this transaction sees them.
    #[must_use]
    pub fn project(&self, project: ProjectId) -> Scoped<'_> {
        Scoped { connection: (&self.connection).into(), core: &self.core, project }
    }

    /// The present instant, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core.now()
    }

    /// A fresh id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.core.ids.next()
    }

    /// The installation's key for digests and fingerprints.
    #[must_use]
    pub fn digest_key(&self) -> &DigestKey {
        &self.core.digest_key
    }

    /// The project that all may read packs and profiles of.
    #[must_use]
    pub fn shared_project(&self) -> ProjectId {
        self.core.installation.shared_project
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_unprepared(sql).await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.connection.commit().await?)
    }

    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        Ok(self.connection.rollback().await?)
    }

    /// The last position that this transaction gave out, if it gave out any.
    pub(crate) fn last_position(&self) -> Option<i64> {
        let position = self.position.load(Ordering::Relaxed);
        (position > self.found.load(Ordering::Relaxed)).then_some(position)
    }

    /// Takes positions back that a closure gave out and that were rolled back.
    pub(crate) fn forget_positions(&self, before: Option<i64>) {
        let found = self.found.load(Ordering::Relaxed);
        self.position.store(before.unwrap_or(found), Ordering::Relaxed);
    }

    /// Whether the last position before this transaction is known.
    pub(crate) fn position_is_known(&self) -> bool {
        self.position.load(Ordering::Relaxed) > 0
    }

    /// Notes the last position before this transaction.
    pub(crate) fn position_found(&self, position: i64) {
        self.found.store(position, Ordering::Relaxed);
        self.position.store(position, Ordering::Relaxed);
    }

    /// Gives out so many positions; the first of them.
    pub(crate) fn positions_take(&self, count: i64) -> i64 {
        self.position.fetch_add(count, Ordering::Relaxed) + 1
    }
}
