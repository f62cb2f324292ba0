//! Who asks, who may ask, and what was done.

use async_graphql::{Context, Object};

use crate::{
    context::{caller, engine, session},
    cost::list,
    error::{answer, refused},
    types::{
        access::{PrincipalConnection, TokenConnection, Viewer, principal_page, token_page, viewer},
        connection::{Total, page},
        event::{AuditEventConnection, audit_page},
    },
};

/// Who asks, who may ask, and what was done.
#[derive(Debug, Default)]
pub struct AccessQuery;

#[Object]
impl AccessQuery {
    /// Who asks.
    async fn viewer(&self, ctx: &Context<'_>) -> async_graphql::Result<Viewer> {
        viewer(engine(ctx).map_err(answer)?, caller(ctx).map_err(answer)?).await.map_err(answer)
    }

    /// The people and service accounts of a project.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn principals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<PrincipalConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.principals(page(first, after).map_err(refused)?).await.map_err(answer)?;
        let total = Total::new(move || {
            let session = session.clone();
            async move { session.principals_count().await.map_err(answer) }
        });
        Ok(principal_page(found, total))
    }

    /// The tokens of a project, without their secrets.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<TokenConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.tokens(page(first, after).map_err(refused)?).await.map_err(answer)?;
        let total = Total::new(move || {
            let session = session.clone();
            async move { session.tokens_count().await.map_err(answer) }
        });
        Ok(token_page(found, total))
    }

    /// What people and tokens did, also what was refused; newest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<AuditEventConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.audit(page(first, after).map_err(refused)?).await.map_err(answer)?;
        let total = Total::new(move || {
            let session = session.clone();
            async move { session.audit_count().await.map_err(answer) }
        });
        Ok(audit_page(found, total))
    }
}
