//! Rollouts.

use async_graphql::{Context, ID, InputObject, Object};
use strata_engine::RolloutFilter as Filter;
use strata_model::id::RolloutId;

use crate::{
    context::{session, sessions},
    cost::list,
    error::{answer, refused},
    query::cluster::ProfileFilter,
    types::{
        connection, global_id,
        rollout::{Rollout, RolloutConnection, page, total},
        state::RolloutState,
    },
};

/// Which rollouts are wanted; all that fit every part.
#[derive(Debug, Default, InputObject)]
pub struct RolloutFilter {
    /// Where they stand.
    states: Option<Vec<RolloutState>>,
    /// What they bring.
    profile: Option<ProfileFilter>,
}

/// Rollouts.
#[derive(Debug, Default)]
pub struct RolloutQuery;

#[Object]
impl RolloutQuery {
    /// The rollouts of a project, newest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn rollouts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Which of them; all when left out.")] filter: Option<RolloutFilter>,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<RolloutConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let filter = filter.unwrap_or_default();
        let filter = Filter {
            states: filter.states.unwrap_or_default().into_iter().map(Into::into).collect(),
            profile: filter.profile.map(ProfileFilter::read).transpose().map_err(refused)?,
        };
        let wanted = connection::page(first, after).map_err(refused)?;
        let found = session.rollouts(&filter, wanted).await.map_err(answer)?;
        Ok(page(&session, found, total(&session, filter)))
    }

    /// A rollout by its id.
    async fn rollout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its global id.")] id: ID,
    ) -> async_graphql::Result<Option<Rollout>> {
        let uuid = global_id::expect(RolloutId::NOUN, &id).map_err(|refusal| refused(refusal.at("id")))?;
        for session in sessions(ctx, None).map_err(answer)? {
            if let Some(rollout) = session.rollout(RolloutId::new(uuid)).await.map_err(answer)? {
                return Ok(Some(Rollout::new(session, rollout)));
            }
        }
        Ok(None)
    }
}
