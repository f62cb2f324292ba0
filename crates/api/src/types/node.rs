//! `node(id:)`: anything that has a global id.

use async_graphql::{ID, Interface};
use strata_engine::{EngineError, Session};
use strata_model::{
    error::Refusal,
    id::{ChangeId, ClusterId, OrphanId, PlanId, RolloutId},
};

pub use crate::error::UserError as UserErrorTypes;

use super::{
    change::Change, cluster::Cluster, global_id, orphan::Orphan, pack::Pack, plan::Plan, profile::Profile,
    profile::ProfileVersion, rollout::Rollout,
};

/// Anything that has a global id.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub enum Node {
    /// A pack.
    Pack(Pack),
    /// A profile.
    Profile(Profile),
    /// A version of a profile.
    ProfileVersion(ProfileVersion),
    /// A cluster.
    Cluster(Cluster),
    /// A plan.
    Plan(Plan),
    /// A change.
    Change(Change),
    /// A rollout.
    Rollout(Rollout),
    /// An orphan.
    Orphan(Orphan),
}

/// Looks for a thing by its global id in each of these projects.
///
/// # Errors
/// `INVALID_INPUT` for a text that is no global id.
pub async fn find(sessions: Vec<Session>, id: &str) -> Result<Option<Node>, EngineError> {
    let Some((noun, uuid)) = global_id::decode(id) else {
        return Err(global_id::expect("thing", id)
            .err()
            .map_or_else(|| Refusal::not_found("thing", id).into(), EngineError::from));
    };
    for session in sessions {
        let own = session.clone();
        let found = match noun.as_str() {
            ClusterId::NOUN => session
                .cluster_by_id(ClusterId::new(uuid))
                .await?
                .map(|it| Node::Cluster(Cluster::new(own, it))),
            PlanId::NOUN => session.plan(PlanId::new(uuid)).await?.map(|it| Node::Plan(Plan::new(own, it))),
            ChangeId::NOUN => {
                session.change(ChangeId::new(uuid)).await?.map(|it| Node::Change(Change::new(own, it)))
            }
            RolloutId::NOUN => {
                session.rollout(RolloutId::new(uuid)).await?.map(|it| Node::Rollout(Rollout::new(own, it)))
            }
            OrphanId::NOUN => {
                session.orphan(OrphanId::new(uuid)).await?.map(|it| Node::Orphan(Orphan::new(own, it)))
            }
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
