//! Packs.

use async_graphql::{Context, Object};

use crate::{
    context::session,
    cost::list,
    error::{answer, refused},
    types::{
        connection::{self, Total},
        pack::{Pack, PackConnection, page},
    },
};

/// Packs.
#[derive(Debug, Default)]
pub struct PackQuery;

#[Object]
impl PackQuery {
    /// The packs of a project, and those shared with all.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn packs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<PackConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.packs(connection::page(first, after).map_err(refused)?).await.map_err(answer)?;
        let counting = session.clone();
        let total = Total::new(move || {
            let session = counting.clone();
            async move { session.packs_count().await.map_err(answer) }
        });
        Ok(page(&session, found, total))
    }

    /// One version of a pack.
    async fn pack(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Its name.")] name: String,
        #[graphql(desc = "Its version.")] version: String,
    ) -> async_graphql::Result<Option<Pack>> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.pack(&name, &version).await.map_err(answer)?;
        Ok(found.map(|record| Pack::new(session, record)))
    }
}
