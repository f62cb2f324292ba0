//! Macros.

use async_graphql::{Context, Object};

use crate::{
    context::session,
    cost::list,
    error::{answer, refused},
    types::{
        connection::{self, Total},
        macros::{Macro, MacroConnection, page},
    },
};

/// Macros.
#[derive(Debug, Default)]
pub struct MacroQuery;

#[Object]
impl MacroQuery {
    /// The macros of a project, and those shared with all.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn macros(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<MacroConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.macros(connection::page(first, after).map_err(refused)?).await.map_err(answer)?;
        let counting = session.clone();
        let total = Total::new(move || {
            let session = counting.clone();
            async move { session.macros_count().await.map_err(answer) }
        });
        Ok(page(&session, found, total))
    }

    /// One macro: the project's own, or the shared one.
    #[graphql(name = "macro")]
    async fn named_macro(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Its name.")] name: String,
    ) -> async_graphql::Result<Option<Macro>> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.named_macro(&name).await.map_err(answer)?;
        Ok(found.map(|record| Macro::new(session, record)))
    }
}
