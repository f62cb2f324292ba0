//! A real PostgreSQL server on the loopback interface, with a fresh database per test.
//!
//! The programs are looked for in `STRATA_POSTGRES_BIN`, on `PATH`, then where Debian puts them. One server serves all
//! tests of a process. It does not wait for the disk (`fsync=off`), which a crash of the *machine* would make it pay for;
//! `synchronous_commit` stays on, so that what a test kills is the same as in production. A server that is named in
//! `STRATA_TEST_POSTGRES_URL` is used instead; its databases are made there and not removed.
//!
//! PostgreSQL refuses to run as root, so there it runs as the user `postgres`, or `nobody`.

use std::{
    env, fs, io,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr};
use tokio::sync::OnceCell;

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

/// A URL taken apart at its database.
#[derive(Clone)]
struct ServerUrl {
    server: String,
    database: String,
    parameters: String,
}

impl std::fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest may hold a password.
        formatter.debug_struct("ServerUrl").field("database", &self.database).finish_non_exhaustive()
    }
}

impl ServerUrl {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (rest, parameters) = match rest.split_once('?') {
            Some((rest, parameters)) => (rest, format!("?{parameters}")),
            None => (rest, String::new()),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if !matches!(scheme, "postgres" | "postgresql") || authority.is_empty() {
            return None;
        }
        let database = if database.is_empty() { "postgres" } else { database };
        Some(Self { server: format!("{scheme}://{authority}"), database: database.to_owned(), parameters })
    }

    fn with(&self, database: &str) -> String {
        format!("{}/{database}{}", self.server, self.parameters)
    }

    fn own_database(&self) -> String {
        self.with(&self.database)
    }
}

/// The folder with both programs; of several, the newest version.
fn find_programs() -> Option<PathBuf> {
    let named = env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    let path =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            let numbered = entries.flatten().filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            });
            numbered.collect()
        })
        .unwrap_or_default();
    packaged.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let packaged = packaged.into_iter().map(|(_, folder)| folder);
    let complete =
        |folder: &PathBuf| ["postgres", "initdb"].iter().all(|program| folder.join(program).is_file());
    named.into_iter().chain(path).chain(packaged).find(complete)
}

/// Whom the server runs as.
#[derive(Debug, Clone, Copy)]
enum Account {
    /// Whoever runs the tests.
    Own,
    /// Somebody else, because root runs the tests.
    Other { user: u32, group: u32 },
}

impl Account {
    /// Chooses, and gives the directory to whom it chose.
    fn choose(directory: &Path) -> io::Result<Self> {
        // Who made the directory is who we are.
        if fs::metadata(directory)?.uid() != 0 {
            return Ok(Self::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let find = |name: &str| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        let (user, group) = find("postgres").or_else(|| find("nobody")).ok_or(io::ErrorKind::NotFound)?;
        let account = Self::Other { user, group };
        account.give(directory)?;
        Ok(account)
    }

    fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { user, group } => chown(path, Some(user), Some(group)),
        }
    }

    fn run(self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env_clear().env("HOME", directory).env("LC_ALL", "C");
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_put_into_a_url() {
        let url = ServerUrl::parse("postgres://u:p@h:5432/mine?sslmode=disable").unwrap();
        assert_eq!(url.own_database(), "postgres://u:p@h:5432/mine?sslmode=disable");
        assert_eq!(url.with("other"), "postgres://u:p@h:5432/other?sslmode=disable");
        let bare = ServerUrl::parse("postgresql://h").unwrap();
        assert_eq!(bare.own_database(), "postgresql://h/postgres");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["h:5432/db", "sqlite://file", "postgres:///db"] {
            assert!(ServerUrl::parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn a_password_does_not_show() {
        let url = ServerUrl::parse("postgres://u:geheim@h/db").unwrap();
        assert!(!format!("{url:?}").contains("geheim"));
    }
}
