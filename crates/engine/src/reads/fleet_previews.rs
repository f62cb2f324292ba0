//! Fleet previews that are kept.

use strata_model::{
    digest::Digest,
    fleet_preview::{FleetMember, FleetPreview},
    id::FleetPreviewId,
};
use strata_store::Optional as _;

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session};

impl Session {
    /// A fleet preview, as long as it is kept.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn fleet_preview(&self, id: FleetPreviewId) -> Result<Option<FleetPreview>, EngineError> {
        Ok(self.readable()?.fleet_preview_get(id).await.optional()?)
    }

    /// The clusters of one of its groups, by name.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn fleet_preview_members(
        &self,
        id: FleetPreviewId,
        effect: &Digest,
        page: Page,
    ) -> Result<PageOf<FleetMember>, EngineError> {
        let found = self.readable()?.fleet_preview_members(id, effect, &page.into()).await?;
        Ok(shown(found, |member| member))
    }
}
