//! Plans: two compositions in, what going from one to the other does out; and the state machines that carry it out.
//!
//! *Idea.* [`compose()`] makes the wanted composition, `strata-render` renders it, [`plan()`] says what applying it would do:
//! which objects change and how, in which steps, which nodes are replaced and why, what stays behind, what somebody must
//! decide. The plan has a digest of all that a person decides about ([`digest`]). [`reduce`] turns events into the state of
//! changes, clusters, orphans and rollouts; [`decide`] turns requests into events or refusals; [`rollout`] schedules.
//!
//! *Guarantees.* Pure: no I/O, no clock, no randomness; the same input gives the same bytes. Planning right after an apply
//! gives an empty plan. A plan holds no clear secret.
//!
//! *Caveats.* A plan speaks of what Strata last sent, not of the living cluster; what only that can tell is evidence.

#![allow(clippy::result_large_err, reason = "a refusal tells all, and is rare")]

pub mod check;
pub mod clean_up;
pub mod comparison;
pub mod compose;
pub mod decide;
mod diff;
pub mod digest;
pub mod evidence;
mod finding;
pub mod fleet;
mod guards;
mod hooks;
pub mod immutable;
pub mod order;
mod plan;
mod preview;
pub mod reach;
pub mod reduce;
mod repave;
pub mod report;
pub mod requirements;
pub mod restart;
pub mod rollout;
pub mod schema;
mod steps;
pub mod validate;

pub use check::{Violation, check};
pub use clean_up::{Decision, clean_up};
pub use compose::{Composed, CompositionRequest, Contents, ResolvedLayer, compose};
pub use diff::FILLED_IN;
pub use plan::{Applied, PlanInput, plan, plan_of_failed_render};
pub use report::report;
pub use requirements::requirements;
pub use restart::{Restart, restarts};
pub use validate::{Validation, validate};
