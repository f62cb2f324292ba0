//! Fleet previews with their members: never changed, forgotten when they expire.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use strata_model::{
    digest::Digest,
    fleet_preview::{FleetMember, FleetPreview},
    id::FleetPreviewId,
};

use crate::{
    document::{from_text, to_text},
    entity::{fleet_preview, fleet_preview_member},
    error::StoreError,
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// How many rows are written in one statement.
const BATCH: usize = 500;
/// How many previews are forgotten in one transaction at most.
const EXPIRE_BATCH: u64 = 20;

impl Scoped<'_> {
    /// A fleet preview by id; also one that has expired, as long as it is there.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn fleet_preview_get(&self, id: FleetPreviewId) -> Result<FleetPreview, StoreError> {
        let row = fleet_preview::Entity::find_by_id(id.uuid())
            .filter(fleet_preview::Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("fleet preview", id))?;
        from_text("fleet_preview", row.id, &row.document)
    }

    /// The clusters of one group of a fleet preview, by name.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn fleet_preview_members(
        &self,
        id: FleetPreviewId,
        effect: &Digest,
        page: &Page,
    ) -> Result<PageOf<FleetMember>, StoreError> {
        use fleet_preview_member::Column;
        let mut query = fleet_preview_member::Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::Preview.eq(id.uuid()))
            .filter(Column::Effect.eq(effect.as_str()))
            .order_by_asc(Column::Ordinal)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            query = query.filter(Column::Ordinal.gt(cursor.number_and_id()?.0));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows.iter().map(|row| {
            Ok(Edge {
                cursor: Cursor::of(row.ordinal, row.preview),
                node: from_text("fleet_preview_member", row.preview, &row.document)?,
            })
        });
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }
}

impl Tx {
    /// Keeps a fleet preview and its members, each with the effect of its group, in the order of their names.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn fleet_preview_insert(
        &self,
        preview: &FleetPreview,
        members: &[(Digest, FleetMember)],
    ) -> Result<(), StoreError> {
        let row = fleet_preview::Model {
            id: preview.id.uuid(),
            project: preview.project.uuid(),
            document: to_text("fleet_preview", preview)?,
            expires_at: preview.expires_at.as_microsecond(),
        };
        fleet_preview::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.connection)
            .await?;
        let rows = members.iter().zip(0_i64..).map(|((effect, member), ordinal)| {
            Ok(fleet_preview_member::Model {
                preview: preview.id.uuid(),
                effect: effect.to_string(),
                ordinal,
                project: preview.project.uuid(),
                document: to_text("fleet_preview_member", member)?,
            }
            .into_active_model())
        });
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        for batch in rows.chunks(BATCH) {
            fleet_preview_member::Entity::insert_many(batch.to_vec())
                .exec_without_returning(&self.connection)
                .await?;
        }
        Ok(())
    }

    /// Forgets some fleet previews that have expired. How many; call again while it is not 0.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn fleet_preview_expire(&self) -> Result<u64, StoreError> {
        let expired: Vec<uuid::Uuid> = fleet_preview::Entity::find()
            .select_only()
            .column(fleet_preview::Column::Id)
            .filter(fleet_preview::Column::ExpiresAt.lte(self.now().as_microsecond()))
            .order_by_asc(fleet_preview::Column::ExpiresAt)
            .limit(EXPIRE_BATCH)
            .into_tuple()
            .all(&self.connection)
            .await?;
        if expired.is_empty() {
            return Ok(0);
        }
        fleet_preview_member::Entity::delete_many()
            .filter(fleet_preview_member::Column::Preview.is_in(expired.iter().copied()))
            .exec(&self.connection)
            .await?;
        fleet_preview::Entity::delete_many()
            .filter(fleet_preview::Column::Id.is_in(expired.iter().copied()))
            .exec(&self.connection)
            .await?;
        Ok(u64::try_from(expired.len()).unwrap_or(u64::MAX))
    }
}
