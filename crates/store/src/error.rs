//! What can go wrong in the store, by what the caller can do about it.

use std::{path::PathBuf, sync::Arc};

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Why the store did not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing in this project.
    #[error("there is no {noun} `{name}` in this project")]
    NotFound {
        /// The kind of thing.
        noun: &'static str,
        /// Its name or id.
        name: String,
    },
    /// The name is taken.
    #[error("there is already a {noun} `{name}`")]
    Duplicate {
        /// The kind of thing.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// Somebody else changed it meanwhile: the compare-and-set lost.
    #[error("the {noun} `{id}` was changed meanwhile")]
    Stale {
        /// The kind of thing.
        noun: &'static str,
        /// Its id.
        id: String,
    },
    /// The thing is held or used by something else.
    #[error("the {noun} `{name}` is in use")]
    InUse {
        /// The kind of thing.
        noun: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Another process has this SQLite file open.
    #[error("the database {path} is in use by another process: only one server may run on one SQLite file")]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The master key is not the one that this database was made with.
    #[error("the master key does not fit this database: start with the key it was made with")]
    WrongKey,
    /// The queue of writes is full; try again later.
    #[error("the store is busy: its queue of writes is full")]
    Busy,
    /// The database cannot be reached, or the store is closing. The outcome of a write is not known.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// The database is not at the schema of this binary.
    #[error("the database schema does not fit this binary: {reason}")]
    Schema {
        /// What is missing, or too new.
        reason: String,
    },
    /// The settings of the store cannot be used.
    #[error("{0}")]
    InvalidSettings(String),
    /// A stored row cannot be read.
    #[error("the stored {noun} `{id}` cannot be read: {reason}")]
    Corrupt {
        /// The kind of thing.
        noun: &'static str,
        /// Which.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A cursor that this store did not give out.
    #[error("the cursor is not valid: take one from a former page of the same list")]
    InvalidCursor,
    /// A write closure panicked; nothing of it was kept.
    #[error("a write stopped unexpectedly and was rolled back")]
    Panicked,
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Database(#[source] DatabaseFailure),
}

/// What the database said. Holds no values of rows.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseFailure(Arc<DbErr>);

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable { reason: error.to_string() },
            DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause))
                if matches!(
                    **cause,
                    sea_orm::sqlx::Error::Io(_)
                        | sea_orm::sqlx::Error::PoolTimedOut
                        | sea_orm::sqlx::Error::PoolClosed
                        | sea_orm::sqlx::Error::WorkerCrashed
                ) =>
            {
                Self::Unavailable { reason: error.to_string() }
            }
            _ => Self::Database(DatabaseFailure(Arc::new(error))),
        }
    }
}

impl StoreError {
    /// There is no such thing.
    pub(crate) fn not_found(noun: &'static str, name: impl std::fmt::Display) -> Self {
        Self::NotFound { noun, name: name.to_string() }
    }

    /// The compare-and-set lost.
    #[must_use]
    pub fn stale(noun: &'static str, id: impl std::fmt::Display) -> Self {
        Self::Stale { noun, id: id.to_string() }
    }

    /// A row that cannot be read.
    pub(crate) fn corrupt(
        noun: &'static str,
        id: impl std::fmt::Display,
        reason: impl std::fmt::Display,
    ) -> Self {
        Self::Corrupt { noun, id: id.to_string(), reason: reason.to_string() }
    }

    /// Whether it says that there is no such thing.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether it says that the compare-and-set lost.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        matches!(self, Self::Stale { .. })
    }
}

/// Turns "there is none" into `None`.
pub trait Optional<T> {
    /// `None` for [`StoreError::NotFound`].
    ///
    /// # Errors
    /// All others.
    fn optional(self) -> Result<Option<T>, StoreError>;
}

impl<T> Optional<T> for Result<T, StoreError> {
    fn optional(self) -> Result<Option<T>, StoreError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Says of a violated unique constraint what `otherwise` says of it.
pub(crate) fn on_unique(error: DbErr, otherwise: impl FnOnce() -> StoreError) -> StoreError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => otherwise(),
        _ => error.into(),
    }
}
