//! One target on many clusters: what is the same for several is worked out once and told once.
//!
//! - [`Original`]: a cluster that was planned, from which the plans of all with equal inputs follow without rendering.
//! - [`Effect`]: what a plan does, without what is a cluster's own.
//! - [`Placeholders`]: what takes the place of a cluster's own variables, names and seeds, so that what they make of a plan is
//!   taken out of its effect where it came in.
//! - [`likeness`]: what plans with placeholders are made of, so that each is made once.

mod effect;
mod likeness;
mod original;
mod placeholders;

pub use effect::{Effect, Told, without_own};
pub use likeness::{LikenessInput, is_as_rendered, likeness, secrets};
pub use original::{Candidate, Original, OriginalInput, Unfollowed};
pub use placeholders::{Placeholders, Turn, placeholder_seed, unnamed, variable_placeholders};
