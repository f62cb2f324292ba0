//! What can go wrong with a control plane.

use std::{io, time::Duration};

use kube::config::KubeconfigError;

use super::{ControlPlane, DefinitionError, MissingAssets};
use crate::processes::log_tails;

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its programs are not there.
    #[error("the programs of a control plane are missing")]
    Missing(#[from] MissingAssets),
    /// Something on this machine does not work.
    #[error("cannot {operation}")]
    Local {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The kubeconfig made here is not understood.
    #[error("cannot read the kubeconfig")]
    Kubeconfig(#[from] KubeconfigError),
    /// An object made here has the wrong shape.
    #[error("cannot make an object")]
    Object(#[source] serde_json::Error),
    /// The API server refuses something.
    #[error("cannot {operation}")]
    Kubernetes {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        source: Box<kube::Error>,
    },
    /// A watch broke.
    #[error("cannot watch what was made")]
    Watch {
        /// Why it failed.
        source: Box<kube::runtime::wait::Error>,
    },
    /// A program ended by itself.
    #[error("{process} ended ({status}); its last words:\n{log}")]
    Ended {
        /// Which one.
        process: &'static str,
        /// How.
        status: std::process::ExitStatus,
        /// The tail of its output.
        log: String,
    },
    /// The time is over.
    #[error("{what} not ready after {seconds} seconds\n{logs}")]
    NotReady {
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
        /// The tails of what the programs wrote.
        logs: String,
    },
}

impl StartError {
    pub(super) fn not_ready(what: &'static str, patience: Duration) -> Self {
        Self::NotReady { what, seconds: patience.as_secs(), logs: String::new() }
    }

    /// Adds what the programs wrote, if that may explain it.
    pub(super) fn with_logs(self, plane: &ControlPlane) -> Self {
        match self {
            Self::NotReady { what, seconds, logs } if logs.is_empty() => {
                Self::NotReady { what, seconds, logs: log_tails(plane.processes()) }
            }
            other => other,
        }
    }

    pub(super) fn is_taken_port(&self) -> bool {
        matches!(self, Self::Ended { log, .. } if log.contains("address already in use"))
    }
}

/// Why definitions could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no client.
    #[error(transparent)]
    Client(#[from] StartError),
    /// A definition is at fault.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}
