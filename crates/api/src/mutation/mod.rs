//! Mutations, one file a noun. Each takes exactly one `input` and answers with what it did, or with what to mend.

pub mod access;
pub mod change;
pub mod cluster;
pub mod macros;
pub mod orphan;
pub mod pack;
mod payload;
pub mod profile;
pub mod rollout;
pub mod upgrade;

use async_graphql::MergedObject;

/// What can be done.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    pack::PackMutation,
    macros::MacroMutation,
    profile::ProfileMutation,
    cluster::ClusterMutation,
    upgrade::UpgradeMutation,
    change::ChangeMutation,
    orphan::OrphanMutation,
    rollout::RolloutMutation,
    access::AccessMutation,
);
