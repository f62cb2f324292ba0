//! Queries, one file a noun.

pub mod access;
pub mod change;
pub mod cluster;
pub mod macros;
pub mod node;
pub mod pack;
pub mod preview;
pub mod profile;
pub mod rollout;

use async_graphql::MergedObject;

/// What can be asked.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    node::NodeQuery,
    access::AccessQuery,
    pack::PackQuery,
    macros::MacroQuery,
    profile::ProfileQuery,
    cluster::ClusterQuery,
    preview::PreviewQuery,
    change::ChangeQuery,
    rollout::RolloutQuery,
);
