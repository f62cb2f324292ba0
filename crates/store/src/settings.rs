//! Where the database is and how the store opens it.

use std::{path::PathBuf, sync::Arc};

use strata_model::{
    ports::{Clock, IdSource},
    secret::SecretText,
};

use crate::{
    error::StoreError,
    ports::{SystemClock, SystemIds},
    seal::SealKeys,
};

/// A database.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A SQLite file; made when it is not there.
    Sqlite(PathBuf),
    /// A PostgreSQL server; the URL may hold a password.
    Postgres(SecretText),
}

impl DatabaseUrl {
    /// Reads `postgres://…`, `sqlite://path`, `sqlite:path` or a bare path.
    ///
    /// # Errors
    /// When it names another kind of database, no file, or a database in memory (every connection would have its own).
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(SecretText::new(text)));
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path.is_empty() || path == ":memory:" || path.contains("://") {
            return Err(StoreError::InvalidSettings(
                "the database must be `postgres://…` or the path of a SQLite file, such as `sqlite:strata.db`"
                    .to_owned(),
            ));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// What to do when the schema is older than the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MigrationMode {
    /// Bring it up to date, under a lock.
    #[default]
    Apply,
    /// Refuse to open.
    Check,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Where.
    pub database: DatabaseUrl,
    /// What to do with an older schema.
    pub migrations: MigrationMode,
    /// The keys to seal with.
    pub keys: SealKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// How many connections read at once, at least 1.
    pub readers: u32,
}

impl StoreSettings {
    /// The usual settings: migrations applied, system clock and ids.
    #[must_use]
    pub fn new(database: DatabaseUrl, keys: SealKeys) -> Self {
        Self {
            database,
            migrations: MigrationMode::default(),
            keys,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            readers: 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_others_refused() {
        for text in ["a/b.db", "sqlite:a/b.db", "sqlite://a/b.db", "sqlite://a/b.db?mode=rwc"] {
            assert!(
                matches!(DatabaseUrl::parse(text).unwrap(), DatabaseUrl::Sqlite(path) if path.as_path() == std::path::Path::new("a/b.db"))
            );
        }
        let url = DatabaseUrl::parse("postgres://u:hunter2@h/d").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
        for text in ["", "sqlite::memory:", "mysql://h/d", "sqlite://"] {
            assert!(DatabaseUrl::parse(text).is_err(), "{text}");
        }
    }
}
