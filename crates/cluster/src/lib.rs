//! One Kubernetes API behind a narrow, typed interface.
//!
//! *Idea.* [`connect`] turns a [`Connection`] into a [`ClusterClient`]; the client does what Strata needs of a cluster
//! and nothing else: say who it is and what it serves, read objects, send them by server-side apply, replace, delete,
//! stop and restart them, and wait until they are healthy. What a cluster answers is judged in one place
//! ([`mod@health`]), and every refusal becomes one [`ClusterError`] with a stable code and a way out.
//!
//! *Guarantees.* Every request has a deadline and every operation a budget; answers are read up to a limit. Redirects
//! are not followed. Retries wait for fixed times or for what the server asks. Everything that is sent may be sent again
//! without a further effect. No connection and no watch stays open when nothing is under way. Kubeconfigs are
//! data, never code ([`kubeconfig`]).
//!
//! *Caveats.* Texts of a server's refusals are handed on, for a person to read; for objects of kind Secret they are
//! cut down to the fields concerned, other sensitive values are for the caller to redact.

pub mod apply;
pub mod autoscaler;
pub mod client;
pub mod cluster_api;
pub mod connection;
mod deadline;
mod delete;
mod deprecated;
pub mod discovery;
pub mod error;
mod field_path;
pub mod health;
pub mod kubeconfig;
mod objects;
pub mod openapi;
pub mod ownership;
mod paths;
mod resolver;
mod status;
pub mod stopping;
mod transport;
pub mod watch;

pub use apply::{Applied, ApplyOptions, Effect};
pub use client::{ClusterClient, ServedApis};
pub use connection::{ConnectOptions, Connection, connect};
pub use delete::{Deletion, Preconditions};
pub use discovery::{Discovery, KindInfo};
pub use error::{Call, ClusterError, FieldConflict, UnreachableReason};
pub use health::{Health, goes_when_done, health};
pub use kubeconfig::{Kubeconfig, KubeconfigPolicy};
pub use objects::{ListOptions, Metadata, ObjectReference};
pub use openapi::OpenApiReference;
pub use ownership::{Marks, Ownership, ownership};
pub use stopping::{FormerState, PARKED_SELECTOR};
pub use watch::{Absence, Expectation, Unhealthy, WatchError, WatchOptions};

/// The field manager of applies.
pub const MANAGER: &str = "strata";
/// The field manager of scaling down, suspending and parking, and of their undoing.
pub const CLEANUP_MANAGER: &str = "strata-cleanup";

/// Whether a field manager is one of Strata's own; these never conflict with each other.
#[must_use]
pub fn is_own_manager(manager: &str) -> bool {
    manager.strip_prefix(MANAGER).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
