//! Changes, and what they wait for.

use async_graphql::{Context, ID, InputObject, Object};
use strata_engine::{ChangeFilter as Filter, EngineError, Session};
use strata_model::{
    error::Refusal,
    id::{ChangeId, ClusterId, RolloutId},
};

use crate::{
    context::{change_of, rollout_of, session, sessions},
    cost::list,
    error::{answer, refused},
    types::{
        change::{Change, ChangeConnection, page, total},
        connection, global_id,
        state::{ChangeKind, ChangeState},
        wait::WaitReason,
    },
};

/// Which changes are wanted; all that fit every part.
#[derive(Debug, Default, InputObject)]
pub struct ChangeFilter {
    /// The name of their cluster.
    cluster: Option<String>,
    /// Where they stand.
    states: Option<Vec<ChangeState>>,
    /// What they are for.
    kinds: Option<Vec<ChangeKind>>,
    /// The rollout that they belong to.
    rollout: Option<ID>,
}

/// The id of a cluster that a filter names.
///
/// # Errors
/// `NOT_FOUND` for a name that no cluster has.
pub(super) async fn cluster_id(
    session: &Session,
    name: Option<&str>,
) -> Result<Option<ClusterId>, EngineError> {
    let Some(name) = name else { return Ok(None) };
    let found = session.cluster(name).await?;
    let found = found.ok_or_else(|| Refusal::not_found("cluster", name).at("cluster").at("filter"))?;
    Ok(Some(found.id))
}

/// Changes, and what they wait for.
#[derive(Debug, Default)]
pub struct ChangeQuery;

#[Object]
impl ChangeQuery {
    /// The changes of a project, newest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Which of them; all when left out.")] filter: Option<ChangeFilter>,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ChangeConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let filter = filter.unwrap_or_default();
        let rollout = filter.rollout.as_ref().map(|id| global_id::expect(RolloutId::NOUN, id)).transpose();
        let filter = Filter {
            cluster: cluster_id(&session, filter.cluster.as_deref()).await.map_err(answer)?,
            states: filter.states.unwrap_or_default().into_iter().map(Into::into).collect(),
            kinds: filter.kinds.unwrap_or_default().into_iter().map(Into::into).collect(),
            rollout: rollout
                .map_err(|refusal| refused(refusal.at("rollout").at("filter")))?
                .map(RolloutId::new),
            ..Filter::default()
        };
        let wanted = connection::page(first, after).map_err(refused)?;
        let found = session.changes(&filter, wanted).await.map_err(answer)?;
        Ok(page(&session, found, total(&session, filter)))
    }

    /// A change by its id.
    async fn change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Change>> {
        let uuid = global_id::expect(ChangeId::NOUN, &id).map_err(|refusal| refused(refusal.at("id")))?;
        for session in sessions(ctx, None).map_err(answer)? {
            if let Some(change) = session.change(ChangeId::new(uuid)).await.map_err(answer)? {
                return Ok(Some(Change::new(session, change)));
            }
        }
        Ok(None)
    }

    /// The changes of a project whose repave waits for approval.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn pending_repaves(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ChangeConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let filter = Filter { awaits_repave: true, ..Filter::default() };
        let wanted = connection::page(first, after).map_err(refused)?;
        let found = session.changes(&filter, wanted).await.map_err(answer)?;
        Ok(page(&session, found, total(&session, filter)))
    }

    /// What a change or a rollout waits for, and what would end the wait.
    async fn explain_wait(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of a change or rollout.")] id: ID,
    ) -> async_graphql::Result<Vec<WaitReason>> {
        let is_rollout = global_id::decode(&id).is_some_and(|(noun, _)| noun == RolloutId::NOUN);
        let reasons = if is_rollout {
            let (session, rollout) = rollout_of(ctx, None, &id, "id").await.map_err(answer)?;
            session.explain_rollout(rollout.id).await.map_err(answer)?
        } else {
            let (session, change) = change_of(ctx, None, &id, "id").await.map_err(answer)?;
            session.explain_change(change.id).await.map_err(answer)?
        };
        Ok(reasons.into_iter().map(WaitReason::from).collect())
    }
}
