//! Settings of a server: flags and environment over one YAML file over defaults.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use strata_engine::EngineOptions;
use strata_store::{DatabaseUrl, MigrationMode};

use crate::{
    arguments::{DatabaseArguments, LogFormat, ServeArguments},
    exit::Failed,
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
}

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
            engine: EngineOptions::default(),
            passing: false,
        })
    }
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
    parse(&text).map_err(|message| Failed::Settings {
        message: format!("{}: {message}", path.display()),
        help: "its keys are database, listen, keyFile, allowInsecureHosts, allowLoopbackClusters, noMigrate and log",
    })
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
    fn unknown_keys_are_refused() {
        assert!(parse("listne: 127.0.0.1:9\n").is_err());
        assert!(parse("").is_ok() && parse("# nothing\n").is_ok());
    }
}
