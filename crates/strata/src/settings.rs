//! Settings of a server: flags and environment over one YAML file over defaults.

use std::{collections::BTreeSet, net::SocketAddr, num::NonZeroU16, path::PathBuf};

use serde::Deserialize;
use strata_engine::EngineOptions;
use strata_store::{DatabaseUrl, MigrationMode};

use crate::{
    arguments::{DatabaseArguments, EngineArguments, LogFormat, ServeArguments},
    exit::Failed,
    span::Span,
};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_DATABASE: &str = "sqlite:strata.db";

/// The YAML file. Keys are those of the flags, in camel case.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettingsFile {
    database: Option<String>,
    listen: Option<SocketAddr>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    allow_insecure_hosts: BTreeSet<String>,
    allow_loopback_clusters: Option<bool>,
    no_migrate: Option<bool>,
    log: Option<LogFormat>,
    concurrent_changes: Option<NonZeroU16>,
    approval_lifetime: Option<Span>,
    plan_lifetime: Option<Span>,
    step_deadline: Option<Span>,
    poll_interval: Option<Span>,
    no_self_approval: Option<bool>,
}

/// The keys of the file, for whoever mistyped one.
const KEYS: &str = "its keys are database, listen, keyFile, allowInsecureHosts, allowLoopbackClusters, noMigrate, log, \
     concurrentChanges, approvalLifetime, planLifetime, stepDeadline, pollInterval and noSelfApproval";

/// What a server needs to know.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    pub(crate) database: DatabaseUrl,
    pub(crate) listen: SocketAddr,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) insecure_hosts: BTreeSet<String>,
    pub(crate) allow_loopback: bool,
    pub(crate) migrations: MigrationMode,
    pub(crate) log: LogFormat,
    pub(crate) engine: EngineOptions,
    /// Whether the database goes with the process, so that its key need not be kept.
    pub(crate) passing: bool,
}

impl ServerSettings {
    /// Puts the settings of `serve` together.
    ///
    /// # Errors
    /// When the file cannot be read or says something wrong.
    pub(crate) fn new(arguments: ServeArguments) -> Result<Self, Failed> {
        let file = read(&arguments.database)?;
        let no_migrate = arguments.no_migrate || file.no_migrate.unwrap_or(false);
        let engine = engine(&arguments.engine, &file);
        let mut insecure_hosts = file.allow_insecure_hosts;
        insecure_hosts.extend(arguments.allow_insecure_host);
        Ok(Self {
            database: url(arguments.database.database.or(file.database))?,
            listen: arguments.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            key_file: arguments.key_file.or(file.key_file),
            insecure_hosts,
            allow_loopback: arguments.allow_loopback_clusters
                || file.allow_loopback_clusters.unwrap_or(false),
            migrations: if no_migrate { MigrationMode::Check } else { MigrationMode::Apply },
            log: arguments.log.or(file.log).unwrap_or_default(),
            engine,
            passing: false,
        })
    }
}

fn engine(arguments: &EngineArguments, file: &SettingsFile) -> EngineOptions {
    let usual = EngineOptions::default();
    let span = |flag: Option<Span>, file: Option<Span>, usual| flag.or(file).map_or(usual, |span| span.0);
    let changes = arguments.concurrent_changes.or(file.concurrent_changes);
    EngineOptions {
        concurrent_changes: changes.map_or(usual.concurrent_changes, |number| number.get().into()),
        approval_lifetime: span(arguments.approval_lifetime, file.approval_lifetime, usual.approval_lifetime),
        plan_lifetime: span(arguments.plan_lifetime, file.plan_lifetime, usual.plan_lifetime),
        step_deadline: span(arguments.step_deadline, file.step_deadline, usual.step_deadline),
        poll_interval: span(arguments.poll_interval, file.poll_interval, usual.poll_interval),
        may_approve_own: usual.may_approve_own
            && !(arguments.no_self_approval || file.no_self_approval.unwrap_or(false)),
        ..usual
    }
}

/// Where the database and its key are, for a command that works on them without a server.
///
/// # Errors
/// As [`ServerSettings::new`].
pub(crate) fn database_and_key(
    arguments: &DatabaseArguments,
    key_file: Option<PathBuf>,
) -> Result<(DatabaseUrl, Option<PathBuf>), Failed> {
    let file = read(arguments)?;
    Ok((url(arguments.database.clone().or(file.database))?, key_file.or(file.key_file)))
}

/// The database of a command that needs nothing else.
///
/// # Errors
/// As [`ServerSettings::new`].
pub(crate) fn database(arguments: &DatabaseArguments) -> Result<DatabaseUrl, Failed> {
    let file = read(arguments)?;
    url(arguments.database.clone().or(file.database))
}

fn url(text: Option<String>) -> Result<DatabaseUrl, Failed> {
    DatabaseUrl::parse(text.as_deref().unwrap_or(DEFAULT_DATABASE)).map_err(Failed::Store)
}

fn read(arguments: &DatabaseArguments) -> Result<SettingsFile, Failed> {
    let Some(path) = &arguments.config else { return Ok(SettingsFile::default()) };
    let text = std::fs::read_to_string(path).map_err(|source| Failed::File {
        operation: "read the settings",
        path: path.display().to_string(),
        source,
    })?;
    parse(&text)
        .map_err(|message| Failed::Settings { message: format!("{}: {message}", path.display()), help: KEYS })
}

fn parse(text: &str) -> Result<SettingsFile, String> {
    let value = strata_values::parse(text, "settings").map_err(|problem| problem.to_string())?;
    if value.is_null() {
        return Ok(SettingsFile::default());
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strata.yaml");
        std::fs::write(
            &path,
            "listen: 127.0.0.1:9\ndatabase: sqlite:a.db\nlog: json\nallowInsecureHosts: [a]\n",
        )
        .unwrap();
        let arguments = ServeArguments {
            database: DatabaseArguments { config: Some(path), database: Some("b.db".into()) },
            allow_insecure_host: vec!["b".into()],
            ..ServeArguments::default()
        };
        let settings = ServerSettings::new(arguments).unwrap();
        assert_eq!(settings.listen.port(), 9);
        assert!(matches!(settings.database, DatabaseUrl::Sqlite(path) if path.as_os_str() == "b.db"));
        assert_eq!(settings.log, LogFormat::Json);
        assert_eq!(settings.insecure_hosts.len(), 2);
        assert!(!settings.allow_loopback && settings.migrations == MigrationMode::Apply);
    }

    #[test]
    fn how_changes_are_approved_and_carried_out_can_be_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strata.yaml");
        std::fs::write(
            &path,
            "approvalLifetime: 8h\nstepDeadline: 45m\nconcurrentChanges: 8\nnoSelfApproval: true\n",
        )
        .unwrap();
        let arguments = ServeArguments {
            database: DatabaseArguments { config: Some(path), database: None },
            engine: EngineArguments { step_deadline: "1h".parse().ok(), ..EngineArguments::default() },
            ..ServeArguments::default()
        };
        let engine = ServerSettings::new(arguments).unwrap().engine;
        assert_eq!(engine.approval_lifetime.as_secs(), 8 * 3600);
        assert_eq!(engine.step_deadline.as_secs(), 3600, "the flag wins");
        assert_eq!((engine.concurrent_changes, engine.may_approve_own), (8, false));
        let usual = EngineOptions::default();
        assert_eq!((engine.poll_interval, engine.lease), (usual.poll_interval, usual.lease));
        assert!(ServerSettings::new(ServeArguments::default()).unwrap().engine.may_approve_own);
        for wrong in ["approvalLifetime: soon\n", "concurrentChanges: 0\n", "pollInterval: 0s\n"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(parse("listne: 127.0.0.1:9\n").is_err());
        assert!(parse("").is_ok() && parse("# nothing\n").is_ok());
    }
}
