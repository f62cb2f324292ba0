//! Queries, one file a noun.

mod access;
mod change;
mod cluster;
mod node;
mod pack;
mod preview;
mod profile;
mod rollout;

use async_graphql::MergedObject;

/// What can be asked.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    node::NodeQuery,
    access::AccessQuery,
    pack::PackQuery,
    profile::ProfileQuery,
    cluster::ClusterQuery,
    preview::PreviewQuery,
    change::ChangeQuery,
    rollout::RolloutQuery,
);
