//! A real PostgreSQL server on the loopback interface, with a fresh database per test.
//!
//! The programs are looked for in `STRATA_POSTGRES_BIN`, on `PATH`, then where Debian puts them. One server serves all
//! tests of a process. It does not wait for the disk (`fsync=off`), which a crash of the *machine* would make it pay for;
//! `synchronous_commit` stays on, so that what a test kills is the same as in production. A server that is named in
//! `STRATA_TEST_POSTGRES_URL` is used instead; its databases are made there and not removed.
//!
//! PostgreSQL refuses to run as root, so there it runs as the user `postgres`, or `nobody`.

mod account;
mod url;

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr};
use tokio::sync::OnceCell;

use account::{Account, find_programs};
use url::ServerUrl;

use crate::{
    left_out::{Part, fail},
    processes::{Group, Guardian, Process, free_port, until},
};

/// How the absence of a server is spoken of.
pub const PART: Part = Part { name: "real PostgreSQL", required_by: "STRATA_REQUIRE_POSTGRES" };

/// The environment variable with the URL of a server to use instead of an own one.
pub const URL_VARIABLE: &str = "STRATA_TEST_POSTGRES_URL";

/// The environment variable with the folder of `postgres` and `initdb`.
pub const FOLDER_VARIABLE: &str = "STRATA_POSTGRES_BIN";

const PATIENCE: Duration = Duration::from_secs(60);
const RETRIES: usize = 3;

/// A server.
#[derive(Debug)]
pub struct Postgres {
    // The first field is dropped first: it asks the server to quit, which is then reaped.
    own: Option<(Guardian, Process)>,
    url: ServerUrl,
    databases: AtomicU32,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// `postgres` and `initdb` are nowhere.
    #[error(
        "neither {URL_VARIABLE} is set nor are postgres and initdb on PATH, in {FOLDER_VARIABLE} or in /usr/lib/postgresql"
    )]
    Missing,
    /// The URL given has no form that a database can be put into.
    #[error("{URL_VARIABLE} is not of the form postgres://user:password@host:port/database")]
    Url,
    /// Something on this machine does not work.
    #[error("cannot {operation}")]
    Local {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("cannot draw a password")]
    Random(#[source] getrandom::Error),
    /// `initdb` failed.
    #[error("initdb failed ({status}):\n{output}")]
    Initdb {
        /// How.
        status: std::process::ExitStatus,
        /// What it wrote.
        output: String,
    },
    /// The server ended by itself.
    #[error("postgres ended ({status}); its last words:\n{log}")]
    Ended {
        /// How.
        status: std::process::ExitStatus,
        /// The tail of its output.
        log: String,
    },
    /// The server takes no connection.
    #[error("postgres not ready after {} seconds; its last words:\n{log}", PATIENCE.as_secs())]
    NotReady {
        /// The tail of its output.
        log: String,
    },
    /// The server refuses something.
    #[error("cannot {operation}")]
    Sql {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        source: DbErr,
    },
}

fn local(operation: &'static str) -> impl Fn(io::Error) -> PostgresError {
    move |source| PostgresError::Local { operation, source }
}

impl Postgres {
    /// Starts a server, or takes the one that the environment names.
    ///
    /// # Errors
    /// When there is none to start, or it does not come up.
    pub async fn start() -> Result<Self, PostgresError> {
        if let Ok(url) = env::var(URL_VARIABLE) {
            let url = ServerUrl::parse(&url).ok_or(PostgresError::Url)?;
            return Ok(Self { own: None, url, databases: AtomicU32::new(0) });
        }
        let programs = find_programs().ok_or(PostgresError::Missing)?;
        let mut retries = RETRIES;
        loop {
            match Self::start_once(&programs).await {
                Err(PostgresError::Ended { log, .. })
                    if log.contains("Address already in use") && retries > 0 =>
                {
                    retries -= 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// The one server of this process, started by whoever asks first.
    ///
    /// # Errors
    /// As [`start`](Self::start); the next one who asks tries again.
    pub async fn shared() -> Result<&'static Self, PostgresError> {
        // Never dropped: what ends it is the guardian, when the process does.
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Box::pin(Self::start())).await
    }

    /// As [`shared`](Self::shared), for tests: says that the test is left out where there is no server to start.
    ///
    /// # Panics
    /// When the start fails in any other way, and where `STRATA_REQUIRE_POSTGRES=1` demands a server.
    pub async fn shared_or_leave_out() -> Option<&'static Self> {
        match Self::shared().await {
            Ok(server) => Some(server),
            Err(reason @ PostgresError::Missing) => {
                PART.leave_out(&reason);
                None
            }
            Err(error) => fail(&format!("{error}: {:?}", std::error::Error::source(&error))),
        }
    }

    async fn start_once(programs: &Path) -> Result<Self, PostgresError> {
        let directory = tempfile::Builder::new()
            .prefix("strata-postgres-")
            .tempdir()
            .map_err(local("make a directory"))?
            .keep();
        let mut guardian = Guardian::start(&directory).map_err(local("start the guardian"))?;
        let account = Account::choose(&directory).map_err(local("choose an account"))?;
        let password = random_hex()?;
        initdb(programs, &directory, account, &password).await?;
        let port = free_port().map_err(local("find a free port"))?;
        let mut command = account.run(&programs.join("postgres"), &directory);
        command.arg("-D").arg(directory.join("data"));
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            "unix_socket_directories=",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=on",
            "max_connections=200",
            "shared_buffers=64MB",
            "log_min_messages=warning",
        ] {
            command.args(["-c", setting]);
        }
        let server = Process::start("postgres", &mut command, &directory, Group::Own)
            .map_err(local("start postgres"))?
            .with_patience(Duration::from_secs(5));
        guardian.quit(server.id()).map_err(local("speak to the guardian"))?;
        let url = ServerUrl {
            server: format!("postgres://strata:{password}@127.0.0.1:{port}"),
            database: "postgres".to_owned(),
            parameters: String::new(),
        };
        let mut postgres = Self { own: Some((guardian, server)), url, databases: AtomicU32::new(0) };
        postgres.wait().await?;
        Ok(postgres)
    }

    async fn wait(&mut self) -> Result<(), PostgresError> {
        let Self { own: Some((_, server)), url, .. } = self else { return Ok(()) };
        let url = url.own_database();
        let ready = until(PATIENCE, async || {
            match server.ended() {
                Ok(None) => {}
                Ok(Some(status)) => {
                    return Some(Err(PostgresError::Ended { status, log: server.log_tail() }));
                }
                Err(source) => {
                    return Some(Err(PostgresError::Local { operation: "look after postgres", source }));
                }
            }
            let connection = connect(&url).await.ok()?;
            Some(
                connection
                    .close()
                    .await
                    .map_err(|source| PostgresError::Sql { operation: "say goodbye", source }),
            )
        });
        Box::pin(ready).await.unwrap_or_else(|| Err(PostgresError::NotReady { log: server.log_tail() }))
    }

    /// Makes an empty database and answers with its URL.
    ///
    /// # Errors
    /// When the server does not let us.
    pub async fn fresh_database(&self) -> Result<String, PostgresError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        // A server that was given to us may hold databases of earlier runs.
        let mark = random_hex()?;
        let name = format!("strata_test_{}_{number}", &mark[..12]);
        let connection = connect(&self.url.own_database())
            .await
            .map_err(|source| PostgresError::Sql { operation: "connect", source })?;
        connection
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await
            .map_err(|source| PostgresError::Sql { operation: "create a database", source })?;
        connection.close().await.map_err(|source| PostgresError::Sql { operation: "say goodbye", source })?;
        Ok(self.url.with(&name))
    }

    /// The URL of the server's own database, with which it can be administered.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.own_database()
    }

    /// The process, if it was started here.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.own.as_ref().map(|(_, process)| process)
    }
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).connect_timeout(Duration::from_secs(10)).sqlx_logging(false);
    Database::connect(options).await
}

fn random_hex() -> Result<String, PostgresError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(PostgresError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn initdb(
    programs: &Path,
    directory: &Path,
    account: Account,
    password: &str,
) -> Result<(), PostgresError> {
    let secret = directory.join("password");
    let write = || {
        fs::write(&secret, password)?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        account.give(&secret)
    };
    write().map_err(local("write the password"))?;
    let mut command = account.run(&programs.join("initdb"), directory);
    command
        .arg("-D")
        .arg(directory.join("data"))
        .arg(format!("--pwfile={}", secret.display()))
        .args(["--username=strata", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .stdin(Stdio::null());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output();
    let output = match tokio::time::timeout(PATIENCE, output).await {
        Ok(output) => output.map_err(local("run initdb"))?,
        Err(_) => return Err(local("run initdb")(io::ErrorKind::TimedOut.into())),
    };
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(PostgresError::Initdb { status: output.status, output: String::from_utf8_lossy(&text).into_owned() })
}
