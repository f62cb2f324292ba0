//! Mutations, one file a noun. Each takes exactly one `input` and answers with what it did, or with what to mend.

mod access;
mod change;
mod cluster;
mod orphan;
mod pack;
mod payload;
mod profile;
mod rollout;
mod upgrade;

use async_graphql::MergedObject;

/// What can be done.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    pack::PackMutation,
    profile::ProfileMutation,
    cluster::ClusterMutation,
    upgrade::UpgradeMutation,
    change::ChangeMutation,
    orphan::OrphanMutation,
    rollout::RolloutMutation,
    access::AccessMutation,
);
