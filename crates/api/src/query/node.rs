//! Anything by its global id.

use async_graphql::{Context, ID, Object};

use crate::{
    context::{engine, sessions},
    error::answer,
    types::node::{Node, find},
};

/// Anything by its global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its global id; none when it is not there, or not to be seen.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> async_graphql::Result<Option<Node>> {
        find(engine(ctx).map_err(answer)?, sessions(ctx, None).map_err(answer)?, &id).await.map_err(answer)
    }
}
