//! Opening databases: connections with the settings that durability asks for, file locks, migrations.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use strata_migrations::{Migrator, MigratorTrait};

use crate::{
    error::StoreError,
    settings::{DatabaseUrl, MigrationMode},
};

/// How long a statement waits for the lock of another one.
const LOCK_WAIT: Duration = Duration::from_secs(15);
/// How long a connection is waited for.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// How long one statement may take.
const STATEMENT_WAIT: Duration = Duration::from_secs(60);
/// How long another server's migrations are waited for.
const MIGRATION_WAIT: Duration = Duration::from_secs(120);
/// The advisory lock that migrations take on PostgreSQL.
const MIGRATION_LOCK: i64 = 0x7374_7261_7461_0001;
/// The advisory lock that every writing transaction takes on PostgreSQL.
pub(crate) const WRITE_LOCK: i64 = 0x7374_7261_7461_0002;

/// The connections of a store.
#[derive(Debug)]
pub(crate) struct Connections {
    /// One connection, for the writer.
    pub(crate) writer: DatabaseConnection,
    /// Several, for everybody.
    pub(crate) readers: DatabaseConnection,
    /// Held as long as a SQLite file is open.
    pub(crate) lock: Option<FileLock>,
}

/// An exclusive lock of the operating system beside a SQLite file; it goes with the process.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    fn take(database: &Path) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error, path: &Path| StoreError::Unavailable {
            reason: format!("cannot open {}: {error}", path.display()),
        };
        // One file under two names is one database.
        let parent = database.parent().filter(|parent| !parent.as_os_str().is_empty());
        let real = if database.exists() {
            database.canonicalize().map_err(|error| unavailable(error, database))?
        } else {
            let parent = parent.unwrap_or_else(|| Path::new("."));
            let parent = parent.canonicalize().map_err(|error| unavailable(error, parent))?;
            parent.join(database.file_name().unwrap_or(database.as_os_str()))
        };
        let mut name = real.clone().into_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| unavailable(error, &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: real }),
            Err(TryLockError::Error(error)) => Err(unavailable(error, &path)),
        }
    }
}

/// Opens the connections of a store, its schema brought up to date or checked.
pub(crate) async fn open(
    database: &DatabaseUrl,
    mode: MigrationMode,
    readers: u32,
) -> Result<Connections, StoreError> {
    let lock = match database {
        DatabaseUrl::Sqlite(path) => Some(FileLock::take(path)?),
        DatabaseUrl::Postgres(_) => None,
    };
    let writer = connect(database, Role::Writer).await?;
    migrate(database, &writer, mode).await?;
    let readers = connect(database, Role::Readers(readers.max(1))).await?;
    Ok(Connections { writer, readers, lock })
}

/// Brings the schema of a database up to date, or checks it.
///
/// # Errors
/// When another process has the SQLite file, the schema does not fit, or the database refuses.
pub async fn migrate_database(database: &DatabaseUrl, mode: MigrationMode) -> Result<(), StoreError> {
    let _lock = match database {
        DatabaseUrl::Sqlite(path) => Some(FileLock::take(path)?),
        DatabaseUrl::Postgres(_) => None,
    };
    let connection = connect(database, Role::Writer).await?;
    migrate(database, &connection, mode).await?;
    connection.close().await?;
    Ok(())
}

async fn migrate(
    database: &DatabaseUrl,
    writer: &DatabaseConnection,
    mode: MigrationMode,
) -> Result<(), StoreError> {
    let pending = Migrator::get_pending_migrations_read_only(writer).await.map_err(schema_error)?.len();
    match (mode, pending) {
        (_, 0) => Ok(()),
        (MigrationMode::Check, _) => Err(StoreError::Schema {
            reason: format!("{pending} migrations are pending; run `strata migrate` first"),
        }),
        (MigrationMode::Apply, _) => match database {
            // The file lock keeps everybody else out.
            DatabaseUrl::Sqlite(_) => Migrator::up(writer, None).await.map_err(schema_error),
            DatabaseUrl::Postgres(_) => {
                // One connection alone: the lock belongs to the session.
                let session = connect(database, Role::Migrator).await?;
                session.execute_unprepared(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})")).await?;
                let done = Migrator::up(&session, None).await.map_err(schema_error);
                let unlocked =
                    session.execute_unprepared(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})")).await;
                session.close().await?;
                done?;
                unlocked?;
                Ok(())
            }
        },
    }
}

fn schema_error(error: DbErr) -> StoreError {
    match error {
        // What the migrator says of steps that it does not know: the database is newer than the binary.
        DbErr::Custom(reason) => StoreError::Schema { reason },
        other => other.into(),
    }
}

#[derive(Clone, Copy)]
enum Role {
    Writer,
    Migrator,
    Readers(u32),
}

async fn connect(database: &DatabaseUrl, role: Role) -> Result<DatabaseConnection, StoreError> {
    let connections = match role {
        Role::Writer | Role::Migrator => 1,
        Role::Readers(count) => count,
    };
    let mut options = match database {
        DatabaseUrl::Sqlite(_) => ConnectOptions::new("sqlite:"),
        DatabaseUrl::Postgres(url) => ConnectOptions::new(url.expose()),
    };
    options
        .min_connections(1)
        .max_connections(connections)
        .connect_timeout(CONNECT_WAIT)
        .acquire_timeout(CONNECT_WAIT)
        // Statements carry values: neither logs nor traces may have them.
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(matches!(database, DatabaseUrl::Postgres(_)));
    match database {
        DatabaseUrl::Sqlite(path) => {
            // The connection of an embedded database never gets old.
            options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
            let path = path.clone();
            options.map_sqlx_sqlite_opts(move |sqlite| {
                let sqlite = sqlite
                    .filename(&path)
                    .in_memory(false)
                    .shared_cache(false)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(LOCK_WAIT)
                    .statement_cache_capacity(512);
                match role {
                    Role::Readers(_) => sqlite.pragma("query_only", "ON"),
                    Role::Writer | Role::Migrator => sqlite,
                }
            });
        }
        DatabaseUrl::Postgres(_) => {
            let wait = match role {
                Role::Migrator => MIGRATION_WAIT,
                Role::Writer | Role::Readers(_) => LOCK_WAIT,
            };
            let statement = match role {
                Role::Migrator => MIGRATION_WAIT,
                Role::Writer | Role::Readers(_) => STATEMENT_WAIT,
            };
            options.map_sqlx_postgres_opts(move |postgres| {
                let mut settings = vec![
                    ("synchronous_commit", "on".to_owned()),
                    ("lock_timeout", wait.as_millis().to_string()),
                    ("statement_timeout", statement.as_millis().to_string()),
                    ("idle_in_transaction_session_timeout", STATEMENT_WAIT.as_millis().to_string()),
                ];
                if matches!(role, Role::Readers(_)) {
                    settings.push(("default_transaction_read_only", "on".to_owned()));
                }
                postgres.application_name("strata").options(settings).statement_cache_capacity(512)
            });
        }
    }
    // The message of a failed connection may repeat the URL's host, but not its password.
    Database::connect(options).await.map_err(|error| StoreError::Unavailable { reason: error.to_string() })
}

#[cfg(test)]
mod tests;
