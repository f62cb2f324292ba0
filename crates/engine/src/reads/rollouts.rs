//! Rollouts.

use strata_model::{id::RolloutId, rollout::Rollout};
use strata_store::{Optional as _, RolloutFilter};

use super::{Page, PageOf};
use crate::{error::EngineError, session::Session};

impl Session {
    /// Rollouts that a filter lets through, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn rollouts(&self, filter: &RolloutFilter, page: Page) -> Result<PageOf<Rollout>, EngineError> {
        let rows = self.readable()?;
        let found = rows.rollout_list(filter, &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            let whole = rows.rollout_get(edge.node.value.id).await?.value;
            items.push((edge.cursor.as_str().to_owned(), whole));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// How many rollouts a filter lets through.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn rollouts_count(&self, filter: &RolloutFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.rollout_count(filter).await?)
    }

    /// One rollout with its targets.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn rollout(&self, id: RolloutId) -> Result<Option<Rollout>, EngineError> {
        Ok(self.readable()?.rollout_get(id).await.optional()?.map(|stored| stored.value))
    }
}
