//! Exit codes of the local commands, and the error that ends one.
//!
//! Client commands end with the codes of [`strata_cli::exit::Code`]; 0, 1 and 64 mean the same here and there. From 10
//! on, the number says what keeps a server from starting, so that whoever restarts it can tell.

use std::{error::Error, process::ExitCode};
use strata_cli::output::write_error;

use strata_store::StoreError;

/// What a local command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Something went wrong that has no code of its own; also: a step of the demo failed.
    Failure = 1,
    /// Another server has the SQLite file.
    DatabaseLocked = 10,
    /// The database cannot be reached.
    DatabaseUnavailable = 11,
    /// The key is missing, unreadable, or not the one of this database.
    Key = 12,
    /// The schema of the database is not the one of this binary.
    Schema = 13,
    /// The address is taken or not ours.
    Address = 14,
    /// The command line or the settings are wrong.
    Usage = 64,
    /// Somebody interrupted it before it was done, as shells number it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a local command ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The settings cannot be used.
    #[error("{message}")]
    Settings {
        /// What is wrong.
        message: String,
        /// The way out.
        help: &'static str,
    },
    /// A file cannot be used.
    #[error("cannot {operation} {path}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The key of the installation cannot be had.
    #[error("{message}")]
    Key {
        /// What is wrong.
        message: String,
        /// The way out.
        help: &'static str,
    },
    /// The store does not open.
    #[error("cannot open the database")]
    Store(#[source] StoreError),
    /// The server cannot listen.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The engine does not do what a server needs to start.
    #[error("cannot {operation}")]
    Engine {
        /// What.
        operation: &'static str,
        /// Why.
        source: strata_engine::EngineError,
    },
    /// The server stopped by itself.
    #[error("the server stopped")]
    Serve(#[source] Box<dyn Error + Send + Sync>),
    /// A pack cannot be read or rendered; each problem stands at its place.
    #[error("{message}")]
    Pack {
        /// What was tried.
        message: String,
        /// The problems.
        problems: Vec<strata_model::diagnostic::Diagnostic>,
    },
    /// What was rendered here and by Helm is not the same.
    #[error("{count} {}", if *count == 1 { "object differs from what Helm renders" } else { "objects differ from what Helm renders" })]
    Differs {
        /// How many.
        count: usize,
    },
    /// The demo could not be played to its end.
    #[error("the demo stopped at: {step}")]
    Demo {
        /// The step.
        step: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The demo cannot be played on the clusters that were named.
    #[error("the demo cannot be played here")]
    Unsuitable(#[source] crate::demo::Unsuitable),
    /// The demo was ended from outside before its end.
    #[error("interrupted ({how})")]
    Interrupted {
        /// By what.
        how: &'static str,
    },
    /// The demo could not remove what it made.
    #[error("something of the demo remains on your clusters")]
    Remains {
        /// What, in sentences.
        what: Vec<String>,
        /// The commands that remove it.
        orders: String,
    },
}

impl Failed {
    /// The exit code that goes with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Settings { .. } | Self::File { .. } => Exit::Usage,
            Self::Key { .. } => Exit::Key,
            Self::Listen { .. } => Exit::Address,
            Self::Store(error) => match error {
                StoreError::Locked { .. } => Exit::DatabaseLocked,
                StoreError::WrongKey => Exit::Key,
                StoreError::Schema { .. } => Exit::Schema,
                StoreError::InvalidSettings(_) => Exit::Usage,
                StoreError::Unavailable { .. } => Exit::DatabaseUnavailable,
                _ => Exit::Failure,
            },
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::Engine { .. }
            | Self::Serve(_)
            | Self::Pack { .. }
            | Self::Differs { .. }
            | Self::Demo { .. }
            | Self::Unsuitable(_)
            | Self::Remains { .. } => Exit::Failure,
        }
    }

    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Settings { help, .. } | Self::Key { help, .. } => Some(help),
            Self::Unsuitable(error) => Some(error.help()),
            Self::Listen { .. } => Some("choose another address with --listen"),
            Self::Store(StoreError::Locked { .. }) => {
                Some("stop the other server, or give this one a database of its own with --database")
            }
            Self::Store(StoreError::WrongKey) => {
                Some("name the key's file with --key-file, or set STRATA_KEY")
            }
            Self::Store(StoreError::Unavailable { .. }) => {
                Some("check that the database runs and that --database names it")
            }
            Self::Store(StoreError::Schema { .. }) => Some("run `strata migrate` with the newest binary"),
            _ => None,
        }
    }

    /// Writes it for a person, with all that it came from and the way out, to standard error.
    pub(crate) fn print(&self) {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        write_error(format_args!("error: {text}"), "\n");
        if let Self::Pack { problems, .. } = self {
            for problem in problems {
                write_error(format_args!("  {problem}"), "\n");
                if let Some(help) = &problem.help {
                    write_error(format_args!("    help: {help}"), "\n");
                }
            }
        }
        if let Self::Remains { what, orders } = self {
            for sentence in what {
                write_error(format_args!("  {sentence}"), "\n");
            }
            write_error(format_args!("remove it by hand:\n{orders}"), "");
        }
        if let Some(help) = self.help() {
            write_error(format_args!("  help: {help}"), "\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_server_from_starting_has_a_code_of_its_own() {
        let locked = StoreError::Locked { path: "strata.db.lock".into() };
        assert_eq!(Failed::Store(locked).exit(), Exit::DatabaseLocked);
        assert_eq!(Failed::Store(StoreError::WrongKey).exit(), Exit::Key);
        let source = std::io::ErrorKind::AddrInUse.into();
        assert_eq!(Failed::Listen { address: "127.0.0.1:1".into(), source }.exit(), Exit::Address);
    }
}
