//! Reducers: what an event makes of the state before it.
//!
//! *Idea.* The state machines of the product live here and nowhere else. A reducer takes the state (none before the
//! first event), one event, who caused it and when, and answers the state after it. State tables are projections made
//! by these functions, in the transaction that appends the event.
//!
//! *Guarantees.* Pure. An event that the state does not allow is an [`IllegalTransition`] and changes nothing, so a
//! decision made on old state cannot slip through. Replaying a stream gives the same state again.

mod change;
mod cluster;
mod orphan;
mod rollout;

use std::fmt;

pub use change::{change, open_requirements};
pub use cluster::cluster;
pub use orphan::orphan;
pub use rollout::{rollout, target_may_move};

/// An event that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {noun} is {state} and does not allow `{event}`{reason}")]
pub struct IllegalTransition {
    /// `change`, `cluster`, `orphan` or `rollout`.
    pub noun: &'static str,
    /// The state before, `absent` before the first event.
    pub state: String,
    /// The name of the event.
    pub event: &'static str,
    /// More about why, beginning with `: `; may be empty.
    pub reason: String,
}

impl IllegalTransition {
    pub(crate) fn new(noun: &'static str, state: impl fmt::Display, event: &'static str) -> Self {
        Self { noun, state: state.to_string(), event, reason: String::new() }
    }

    pub(crate) fn because(mut self, reason: impl fmt::Display) -> Self {
        self.reason = format!(": {reason}");
        self
    }
}
