//! What things are: the vocabulary that every other crate of Strata shares.
//!
//! *Idea.* Plain data with the few laws that belong to the data itself: ids, versions, digests, paths, profiles,
//! compositions, facts, renders, plans, changes, rollouts, clusters, orphans, events, roles, errors.
//!
//! *Guarantees.* Nothing here reads a clock, draws randomness or does I/O; time and ids come in through [`ports`].
//! What is secret is typed so ([`secret`]) and can be neither printed nor serialised by accident.
//!
//! *Caveats.* How states move is not decided here but in the reducers of `strata-plan`.

pub mod access;
pub mod change;
pub mod cluster;
pub mod composition;
pub mod diagnostic;
pub mod digest;
pub mod error;
pub mod event;
pub mod evidence;
pub mod fact;
pub mod field_trace;
pub mod finding;
pub mod fleet_preview;
pub mod id;
pub mod inventory;
pub mod macros;
pub mod object;
pub mod orphan;
pub mod overrides;
pub mod pack;
pub mod plan;
pub mod ports;
pub mod problem;
pub mod profile;
pub mod quantity;
pub mod render;
pub mod rollout;
pub mod secret;
pub mod value_path;
pub mod variable;
pub mod version;

/// The instant type of the whole product; see [`ports::Clock`] for its rounding.
pub use jiff::Timestamp;
