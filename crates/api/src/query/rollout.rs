//! Rollouts.

use async_graphql::{Context, ID, Object};
use strata_model::id::RolloutId;

use crate::{
    context::{session, sessions},
    cost::list,
    error::{answer, refused},
    types::{
        connection::{self, Total},
        global_id,
        rollout::{Rollout, RolloutConnection, page},
    },
};

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
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<RolloutConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found =
            session.rollouts(connection::page(first, after).map_err(refused)?).await.map_err(answer)?;
        let counted = session.clone();
        let total = Total::new(move || {
            let session = counted.clone();
            async move { session.rollouts_count().await.map_err(answer) }
        });
        Ok(page(&session, found, total))
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
