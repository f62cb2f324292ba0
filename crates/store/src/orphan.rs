//! Orphans: projections of their events.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use strata_model::{
    access::Actor,
    event::StreamId,
    id::{ClusterId, OrphanId},
    object::{Destination, ObjectKey},
    orphan::{Orphan, OrphanEvent, OrphanState, Reach},
    profile::OrphanPolicy,
};

use crate::{
    cluster_filter::after,
    document::{Stored, from_text, to_text},
    entity::orphan::{Column, Entity, Model},
    error::{StoreError, on_unique},
    event::new_events,
    page::{Cursor, Edge, ID_BATCH, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// Which orphans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrphanFilter {
    /// Those of this cluster.
    pub cluster: Option<ClusterId>,
    /// Any of these states; all when empty.
    pub states: Vec<OrphanState>,
    /// Those of this kind of object.
    pub kind: Option<String>,
    /// Those that this layer left behind.
    pub layer: Option<String>,
}

fn read(row: &Model) -> Result<Stored<Orphan>, StoreError> {
    Ok(Stored { seq: row.seq, value: from_text("orphan", row.id, &row.document)? })
}

/// Whether the policy of an orphan asks for something that has not been done.
fn policy_is_due(orphan: &Orphan) -> bool {
    let wanted = match orphan.policy {
        OrphanPolicy::Keep => false,
        OrphanPolicy::ScaleToZero => orphan.reach != Reach::None,
        OrphanPolicy::Delete => true,
    };
    wanted && orphan.state == OrphanState::Left
}

impl Scoped<'_> {
    fn orphans(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.eq(self.project.uuid()))
    }

    /// An orphan by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn orphan_get(&self, id: OrphanId) -> Result<Stored<Orphan>, StoreError> {
        let row = self.orphans().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        read(&row.ok_or_else(|| StoreError::not_found("orphan", id))?)
    }

    /// Orphans by id, those that there are, in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn orphans_get(&self, ids: &[OrphanId]) -> Result<Vec<Stored<Orphan>>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(ID_BATCH) {
            let batch = batch.iter().map(|id| id.uuid());
            let rows = self.orphans().filter(Column::Id.is_in(batch)).all(&self.connection).await?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }

    /// All orphans of a cluster in any of these states (all when empty), the oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn orphans_of_cluster(
        &self,
        cluster: ClusterId,
        states: &[OrphanState],
    ) -> Result<Vec<Stored<Orphan>>, StoreError> {
        let filter =
            OrphanFilter { cluster: Some(cluster), states: states.to_vec(), ..OrphanFilter::default() };
        let rows = self
            .orphans_filtered(&filter)
            .order_by_asc(Column::Since)
            .order_by_asc(Column::Id)
            .all(&self.connection)
            .await?;
        rows.iter().map(read).collect()
    }

    /// All orphans of several clusters, by cluster, the oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn orphans_of_clusters(&self, clusters: &[ClusterId]) -> Result<Vec<Orphan>, StoreError> {
        let mut found = Vec::new();
        for batch in clusters.chunks(ID_BATCH) {
            let rows = self
                .orphans()
                .filter(Column::Cluster.is_in(batch.iter().map(|id| id.uuid())))
                .order_by_asc(Column::Cluster)
                .order_by_asc(Column::Since)
                .order_by_asc(Column::Id)
                .all(&self.connection)
                .await?;
            for row in &rows {
                found.push(read(row)?.value);
            }
        }
        Ok(found)
    }

    /// The newest orphan of an object of a cluster that is still one (not deleted, not reclaimed).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn orphan_of_object(
        &self,
        cluster: ClusterId,
        destination: Destination,
        key: &ObjectKey,
    ) -> Result<Option<Stored<Orphan>>, StoreError> {
        let states = [OrphanState::Left, OrphanState::ScaledToZero, OrphanState::Kept];
        let orphans = self.orphans_of_cluster(cluster, &states).await?;
        Ok(orphans
            .into_iter()
            .rfind(|orphan| orphan.value.destination == destination && orphan.value.key == *key))
    }

    /// Orphans, the newest first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn orphan_list(
        &self,
        filter: &OrphanFilter,
        page: &Page,
    ) -> Result<PageOf<Stored<Orphan>>, StoreError> {
        let mut query = self
            .orphans_filtered(filter)
            .order_by_desc(Column::Since)
            .order_by_desc(Column::Id)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            let (since, id) = cursor.number_and_id()?;
            query = query.filter(after(Column::Since, since, Column::Id, id, true));
        }
        let rows = query.all(&self.connection).await?;
        let edges =
            rows.into_iter().map(|row| Ok(Edge { cursor: Cursor::of(row.since, row.id), node: read(&row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many orphans a filter lets through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn orphan_count(&self, filter: &OrphanFilter) -> Result<u64, StoreError> {
        Ok(self.orphans_filtered(filter).count(&self.connection).await?)
    }

    fn orphans_filtered(&self, filter: &OrphanFilter) -> Select<Entity> {
        let mut query = self.orphans();
        if let Some(cluster) = filter.cluster {
            query = query.filter(Column::Cluster.eq(cluster.uuid()));
        }
        if !filter.states.is_empty() {
            query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(Column::Kind.eq(kind.as_str()));
        }
        if let Some(layer) = &filter.layer {
            query = query.filter(Column::Layer.eq(layer.as_str()));
        }
        query
    }
}

impl Tx {
    /// Appends events of an orphan and keeps its new state, which contains them. The last position.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the orphan has moved.
    pub async fn orphan_append(
        &self,
        orphan: &Orphan,
        expected_seq: i64,
        events: &[OrphanEvent],
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        let events = new_events(events)?;
        let row = Model {
            id: orphan.id.uuid(),
            project: orphan.project.uuid(),
            cluster: orphan.cluster.uuid(),
            state: orphan.state.as_str().to_owned(),
            layer: orphan.layer.to_string(),
            kind: orphan.key.kind.clone(),
            policy_due: policy_is_due(orphan),
            since: orphan.since.as_microsecond(),
            seq: expected_seq + i64::try_from(events.len()).unwrap_or(i64::MAX),
            document: to_text("orphan", orphan)?,
        };
        let stale = || StoreError::stale("orphan", orphan.id);
        if expected_seq == 0 {
            Entity::insert(row.into_active_model())
                .exec_without_returning(&self.connection)
                .await
                .map_err(|error| on_unique(error, stale))?;
        } else {
            let saved = Entity::update_many()
                .set(row.into_active_model().reset_all())
                .filter(Column::Id.eq(orphan.id.uuid()))
                .filter(Column::Project.eq(orphan.project.uuid()))
                .filter(Column::Seq.eq(expected_seq))
                .exec(&self.connection)
                .await?;
            if saved.rows_affected == 0 {
                return Err(stale());
            }
        }
        let stream = StreamId::from(orphan.id);
        self.append_guarded(orphan.project, stream, expected_seq, events, actor, cause).await
    }
}
