//! Deciders: what a verb may do, given the state.
//!
//! Each takes the state and the request and answers the events to append, or a [`Refusal`] that says why not and what
//! to do. They look at no clock and no store: the verb reads under its transaction, decides, and appends.

mod approval;
mod change;
mod follow;
mod rollout;

pub use approval::{Approver, approve, expire, reject, withdraw};
pub use change::{ApplyWhen, apply, cancel, replan, requested, retry, schedule, stale, start, supersede};
pub use follow::cluster_events;
pub use rollout::{
    abort as abort_rollout, approve_stage, create as create_rollout, pause as pause_rollout,
    resume as resume_rollout, retry_targets, roll_back as roll_back_rollout, skip_targets,
    start as start_rollout,
};

use strata_model::error::{Refusal, RefusalCode};

fn illegal(what: &str, state: &str, help: &str) -> Refusal {
    Refusal::new(RefusalCode::IllegalState, format!("{what} is {state}"), help)
}
