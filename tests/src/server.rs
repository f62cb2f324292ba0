//! The real server as a process of its own: started, killed, started again.
//!
//! The program is `strata-under-test` of this package; a test names it by [`program!`](crate::program). Its settings come
//! from flags alone, its state lies in one folder that goes with the value, and it accepts clusters on this machine,
//! since all clusters of tests are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use strata_cli::{
    Connection,
    arguments::{Color, Format},
    client::Client,
    operations,
};

use crate::processes::{Group, Guardian, Process, free_port, until};

/// The path of the program under test. For integration tests of this package only: Cargo tells nobody else.
#[macro_export]
macro_rules! program {
    () => {
        std::path::Path::new(env!("CARGO_BIN_EXE_strata-under-test"))
    };
}

/// How long a start, and an end that was asked for, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a server logs.
const LOG: &str = "debug,sqlx=warn,hyper=info,h2=info,rustls=info";

/// Where a server keeps its state.
#[derive(Debug, Clone)]
pub enum Database {
    /// In a file of its folder.
    Sqlite,
    /// At this URL.
    Postgres(String),
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    // The first field is dropped first: it kills, then the process is reaped.
    guardian: Guardian,
    process: Option<Process>,
    program: PathBuf,
    directory: PathBuf,
    database: Database,
    port: u16,
    log: String,
}

impl Server {
    /// Starts a server for the first time and keeps the administrator's token.
    ///
    /// # Errors
    /// When it does not come up; the error then holds its last output.
    pub async fn start(program: &Path, database: Database) -> Result<Self> {
        // More than one provider may be compiled in, and then none is chosen by itself. Somebody else may have chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::Builder::new().prefix("strata-server-").tempdir()?.keep();
        let guardian = Guardian::start(&directory)?;
        if matches!(database, Database::Postgres(_)) {
            std::fs::write(directory.join("strata.key"), "5f".repeat(32))?;
        }
        let port = free_port()?;
        let mut server = Self {
            guardian,
            process: None,
            program: program.to_owned(),
            directory,
            database,
            port,
            log: LOG.to_owned(),
        };
        server.restart().await?;
        let log = std::fs::read_to_string(server.log_path())?;
        let token = first_token(&log).with_context(|| format!("no token was announced:\n{log}"))?;
        std::fs::write(server.token_file(), token)?;
        server
            .client()?
            .send(operations::VIEWER, json!({}))
            .await
            .context("the first token is not accepted")?;
        Ok(server)
    }

    /// Starts the process, again on the same state if it ran before, and waits until it answers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new(&self.program);
        command.current_dir(&self.directory);
        for variable in ["STRATA_KEY", "STRATA_KEY_FILE", "STRATA_CONFIG", "STRATA_DATABASE", "STRATA_LOG"] {
            command.env_remove(variable);
        }
        command.env("STRATA_LOG", &self.log);
        command.args(["serve", "--allow-loopback-clusters", "--log", "json"]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        match &self.database {
            Database::Sqlite => command.args(["--database", "sqlite:strata.db"]),
            // Not on the command line, where others could read the password.
            Database::Postgres(url) => command.env("STRATA_DATABASE", url).args(["--key-file", "strata.key"]),
        };
        let mut process = Process::start("strata", &mut command, &self.directory, Group::Own)?;
        self.guardian.kill_group(process.id())?;
        let client = self.anonymous()?;
        let answers = until(PATIENCE, async || {
            match process.ended() {
                Ok(None) => {}
                ended => return Some(Err(anyhow::anyhow!("it ended: {ended:?}"))),
            }
            match client.send(operations::VIEWER, json!({})).await {
                Err(strata_cli::exit::CliError::Unreachable { .. }) => None,
                // It listens: whether it likes us is another question.
                _ => Some(Ok(())),
            }
        });
        let outcome = answers.await.unwrap_or_else(|| Err(anyhow::anyhow!("it does not listen in time")));
        if let Err(error) = outcome {
            bail!("the server does not start: {error}\n{}", process.log_tail());
        }
        self.process = Some(process);
        Ok(())
    }

    /// Says what it logs from the next start on, in the syntax of `tracing`.
    pub fn set_log(&mut self, filter: &str) {
        filter.clone_into(&mut self.log);
    }

    /// Kills it, without any time to say goodbye.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to end and waits until it has, successfully.
    ///
    /// # Errors
    /// When it does not, or ends with another code than 0.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let asked = Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
        ensure!(asked.success(), "cannot send SIGTERM");
        let ended = until(PATIENCE, async || process.ended().transpose()).await;
        let status = ended.context("it does not end")??;
        ensure!(status.success(), "it ended with {status}:\n{}", process.log_tail());
        Ok(())
    }

    /// The process, if it runs.
    #[must_use]
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its state is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All that it wrote to its standard output and error since the first start.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.directory.join("strata.log")
    }

    /// The file with the administrator's token.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.directory.join("token")
    }

    /// A client as administrator.
    ///
    /// # Errors
    /// When the token's file is gone.
    pub fn client(&self) -> Result<Client> {
        self.client_of(Some(self.token_file()))
    }

    /// A client of somebody else, by their token.
    ///
    /// # Errors
    /// When the token cannot be put into a file.
    pub fn client_with(&self, name: &str, token: &str) -> Result<Client> {
        let file = self.directory.join(format!("token-{name}"));
        std::fs::write(&file, token)?;
        self.client_of(Some(file))
    }

    /// A client of nobody.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn anonymous(&self) -> Result<Client> {
        self.client_of(None)
    }

    fn client_of(&self, token_file: Option<PathBuf>) -> Result<Client> {
        Ok(Client::new(&Connection {
            server: self.url(),
            token_file,
            project: None,
            output: Format::Json,
            color: Color::Never,
        })?)
    }

    /// Runs a client command as a person would, and answers with its output and exit code.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(arguments)
            .env("STRATA_SERVER", self.url())
            .env("STRATA_TOKEN_FILE", self.token_file())
            .env_remove("STRATA_TOKEN")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        Ok(output.with_context(|| format!("`strata {}` does not end", arguments.join(" ")))??)
    }
}

/// The token in what a first start writes: the line that stands alone after the announcement.
fn first_token(log: &str) -> Option<&str> {
    let (_, rest) = log.split_once("administrator's token")?;
    rest.lines().skip(1).map(str::trim).find(|line| !line.is_empty())
}
