//! `node(id:)`: anything that has a global id.

use async_graphql::{ID, Interface};
use strata_engine::{Engine, EngineError, Session};
use strata_model::{
    error::RefusalCode,
    id::{
        ChangeId, ClusterId, FleetPreviewId, MacroId, OrphanId, PackId, PlanId, ProfileId, ProfileVersionId,
        RolloutId,
    },
};
use strata_store::Optional as _;
use uuid::Uuid;

pub use crate::error::UserError as UserErrorTypes;

use super::{
    change::Change, cluster::Cluster, fleet_preview::FleetPreview, global_id, macros::Macro, orphan::Orphan,
    pack::Pack, plan::Plan, profile::Profile, profile::ProfileVersion, rollout::Rollout,
};

/// Anything that has a global id.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub enum Node {
    /// A pack.
    Pack(Pack),
    /// A macro.
    Macro(Macro),
    /// A profile.
    Profile(Profile),
    /// A version of a profile.
    ProfileVersion(ProfileVersion),
    /// A cluster.
    Cluster(Cluster),
    /// A plan.
    Plan(Plan),
    /// A fleet preview.
    FleetPreview(FleetPreview),
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
pub async fn find(engine: &Engine, sessions: Vec<Session>, id: &str) -> Result<Option<Node>, EngineError> {
    let Some((noun, uuid)) = global_id::decode(id) else {
        let shown: String = id.chars().take(100).collect();
        return Err(EngineError::refuse(
            RefusalCode::InvalidInput,
            format!("`{shown}` is not a global id"),
            "take the id from an answer of this API, as it is",
        ));
    };
    for session in sessions {
        let found = match noun.as_str() {
            MacroId::NOUN | PackId::NOUN | ProfileId::NOUN | ProfileVersionId::NOUN => {
                content(engine, session, &noun, uuid).await?
            }
            _ => moving(session, &noun, uuid).await?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What has a history.
async fn moving(session: Session, noun: &str, uuid: Uuid) -> Result<Option<Node>, EngineError> {
    Ok(match noun {
        ClusterId::NOUN => {
            let found = session.cluster_by_id(ClusterId::new(uuid)).await?;
            found.map(|cluster| Node::Cluster(Cluster::new(session, cluster)))
        }
        PlanId::NOUN => {
            let found = session.plan(PlanId::new(uuid)).await?;
            found.map(|plan| Node::Plan(Plan::new(session, plan)))
        }
        FleetPreviewId::NOUN => {
            let found = session.fleet_preview(FleetPreviewId::new(uuid)).await?;
            found.map(|preview| Node::FleetPreview(FleetPreview::new(session, preview)))
        }
        ChangeId::NOUN => {
            let found = session.change(ChangeId::new(uuid)).await?;
            found.map(|change| Node::Change(Change::new(session, change)))
        }
        RolloutId::NOUN => {
            let found = session.rollout(RolloutId::new(uuid)).await?;
            found.map(|rollout| Node::Rollout(Rollout::new(session, rollout)))
        }
        OrphanId::NOUN => {
            let found = session.orphan(OrphanId::new(uuid)).await?;
            found.map(|orphan| Node::Orphan(Orphan::new(session, orphan)))
        }
        _ => None,
    })
}

/// What has a name: the id is looked up in the session's project, and the session reads it by that name, with its
/// permission.
async fn content(
    engine: &Engine,
    session: Session,
    noun: &str,
    uuid: Uuid,
) -> Result<Option<Node>, EngineError> {
    let rows = engine.store().project(session.project_id());
    Ok(match noun {
        PackId::NOUN => match rows.pack_get(PackId::new(uuid)).await.optional()? {
            Some(pack) => session
                .pack(&pack.name, &pack.version)
                .await?
                .map(|pack| Node::Pack(Pack::new(session.clone(), pack))),
            None => None,
        },
        MacroId::NOUN => match rows.macro_get(MacroId::new(uuid)).await.optional()? {
            Some(found) => {
                let found =
                    session.named_macro(found.name.as_str()).await?.filter(|shown| shown.id == found.id);
                found.map(|found| Node::Macro(Macro::new(session, found)))
            }
            None => None,
        },
        ProfileId::NOUN => match rows.profile_get(ProfileId::new(uuid)).await.optional()? {
            Some(profile) => {
                let found = session.profile(profile.name.as_str()).await?;
                found.map(|profile| Node::Profile(Profile::new(session, profile)))
            }
            None => None,
        },
        _ => match rows.profile_version_get(ProfileVersionId::new(uuid)).await.optional()? {
            Some(version) => {
                let profile = rows.profile_get(version.profile).await?;
                let found =
                    session.profile_version(profile.name.as_str(), &version.version.to_string()).await?;
                found.map(|version| Node::ProfileVersion(ProfileVersion::new(session, version, None)))
            }
            None => None,
        },
    })
}
