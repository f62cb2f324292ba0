//! What the model holds, as the schema shows it: one file a noun.

pub mod access;
pub mod change;
pub mod cluster;
pub mod comparison;
pub mod composition;
pub mod connection;
pub mod draft;
pub mod event;
pub mod export;
pub mod fleet;
pub mod global_id;
pub mod known;
pub mod macros;
pub mod node;
pub mod orphan;
pub mod pack;
pub mod pending;
pub mod plan;
pub mod problem;
pub mod profile;
pub mod rollout;
pub mod scalar;
pub mod state;
pub mod summary;
pub mod wait;
pub mod wish;
