//! Use cases, one file a noun of the API.
//!
//! Every verb checks its permission first, does its work in one transaction, and is audited there; a refusal is audited
//! too. What starts work takes an idempotency key.

mod approval;
mod change;
mod cluster;
mod fleet_preview;
mod idempotency;
mod macros;
mod orphan;
mod pack;
mod people;
mod profile;
mod request;
mod rollout;

pub use cluster::{RegisterCluster, RegisterInfrastructure};
pub use fleet_preview::FleetSurvey;
pub(crate) use fleet_preview::look::side_by_side;
pub use macros::SetMacro;
pub use orphan::OrphanDecision;
pub use profile::{DraftContent, DraftLayer, DraftPack, ImportProfile};
pub(crate) use request::deleted;
pub use rollout::CreateRollout;
pub(crate) use rollout::Turn;
