//! Changes: projections of their events. At most one change holds a cluster, by a unique index.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use strata_model::{
    access::Actor,
    change::{Change, ChangeEvent, ChangeKind, ChangeState, RequirementKind},
    event::StreamId,
    id::{ChangeId, ClusterId, RolloutId},
};

use crate::{
    cluster_filter::{ProfileFilter, after},
    document::{Stored, from_text, name_of, to_text},
    entity::{
        change::{Column, Entity, Model},
        plan,
    },
    error::{StoreError, on_unique},
    event::new_events,
    page::{Cursor, Edge, ID_BATCH, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// Which changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Any of these states; all when empty.
    pub states: Vec<ChangeState>,
    /// Any of these kinds; all when empty.
    pub kinds: Vec<ChangeKind>,
    /// Those of this cluster.
    pub cluster: Option<ClusterId>,
    /// Those of this rollout.
    pub rollout: Option<RolloutId>,
    /// Those that lead to a composition which attaches this.
    pub profile: Option<ProfileFilter>,
    /// Only those that wait for the approval of a repave.
    pub awaits_repave: bool,
}

fn row_of(change: &Change, seq: i64, now: jiff::Timestamp) -> Result<Model, StoreError> {
    let before_start =
        matches!(change.state, ChangeState::Planned | ChangeState::AwaitingApproval | ChangeState::Scheduled);
    let open_repave = change.requirements.iter().any(|requirement| {
        requirement.kind == RequirementKind::Repave && !requirement.is_satisfied(&change.plan_digest, now)
    });
    let approvals = change.requirements.iter().flat_map(|requirement| &requirement.satisfied_by);
    let expiry = approvals.map(|approval| approval.expires_at.as_microsecond()).min();
    Ok(Model {
        id: change.id.uuid(),
        project: change.project.uuid(),
        cluster: change.cluster.uuid(),
        kind: name_of("change", &change.kind)?,
        state: change.state.as_str().to_owned(),
        holds_cluster: change.state.holds_cluster(),
        running: change.state.is_running(),
        awaits_repave: change.state == ChangeState::AwaitingApproval && open_repave,
        apply_requested: change.apply_requested,
        approval_expires_at: if before_start { expiry } else { None },
        rollout: change.rollout.map(RolloutId::uuid),
        plan: change.plan.uuid(),
        created_at: change.created_at.as_microsecond(),
        state_since: change.state_since.as_microsecond(),
        seq,
        document: to_text("change", change)?,
    })
}

fn read(row: &Model) -> Result<Stored<Change>, StoreError> {
    Ok(Stored { seq: row.seq, value: from_text("change", row.id, &row.document)? })
}

impl Tx {
    /// Appends events of a change and keeps its new state, which contains them. The last position.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the change has moved; [`StoreError::InUse`] when another change holds the cluster.
    pub async fn change_append(
        &self,
        change: &Change,
        expected_seq: i64,
        events: &[ChangeEvent],
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        let events = new_events(events)?;
        let seq = expected_seq + i64::try_from(events.len()).unwrap_or(i64::MAX);
        let held = || StoreError::InUse { noun: "cluster", name: change.cluster.to_string() };
        let row = row_of(change, seq, self.now())?;
        if expected_seq == 0 {
            Entity::insert(row.into_active_model())
                .exec_without_returning(&self.connection)
                .await
                .map_err(|error| on_unique(error, held))?;
        } else {
            let saved = Entity::update_many()
                .set(row.into_active_model().reset_all())
                .filter(Column::Id.eq(change.id.uuid()))
                .filter(Column::Project.eq(change.project.uuid()))
                .filter(Column::Seq.eq(expected_seq))
                .exec(&self.connection)
                .await
                .map_err(|error| on_unique(error, held))?;
            if saved.rows_affected == 0 {
                return Err(StoreError::stale("change", change.id));
            }
        }
        let stream = StreamId::from(change.id);
        self.append_guarded(change.project, stream, expected_seq, events, actor, cause).await
    }
}

impl Scoped<'_> {
    fn changes(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.eq(self.project.uuid()))
    }

    /// A change by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn change_get(&self, id: ChangeId) -> Result<Stored<Change>, StoreError> {
        let row = self.changes().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        read(&row.ok_or_else(|| StoreError::not_found("change", id))?)
    }

    /// Changes by id, those that there are, in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn changes_get(&self, ids: &[ChangeId]) -> Result<Vec<Stored<Change>>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(ID_BATCH) {
            let batch = batch.iter().map(|id| id.uuid());
            let rows = self.changes().filter(Column::Id.is_in(batch)).all(&self.connection).await?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }

    /// The change that holds a cluster, if one does.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn change_holding(&self, cluster: ClusterId) -> Result<Option<Stored<Change>>, StoreError> {
        let row = self
            .changes()
            .filter(Column::Cluster.eq(cluster.uuid()))
            .filter(Column::HoldsCluster.eq(true))
            .one(&self.connection)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The changes of a cluster in any of these states, the oldest first: what a success makes STALE.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn changes_of_cluster(
        &self,
        cluster: ClusterId,
        states: &[ChangeState],
    ) -> Result<Vec<Stored<Change>>, StoreError> {
        let rows = self
            .changes()
            .filter(Column::Cluster.eq(cluster.uuid()))
            .filter(Column::State.is_in(states.iter().map(|state| state.as_str())))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .all(&self.connection)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Changes, the newest first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn change_list(
        &self,
        filter: &ChangeFilter,
        page: &Page,
    ) -> Result<PageOf<Stored<Change>>, StoreError> {
        let mut query = self
            .changes_filtered(filter)?
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            let (at, id) = cursor.number_and_id()?;
            query = query.filter(after(Column::CreatedAt, at, Column::Id, id, true));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows
            .into_iter()
            .map(|row| Ok(Edge { cursor: Cursor::of(row.created_at, row.id), node: read(&row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many changes a filter lets through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn change_count(&self, filter: &ChangeFilter) -> Result<u64, StoreError> {
        Ok(self.changes_filtered(filter)?.count(&self.connection).await?)
    }

    fn changes_filtered(&self, filter: &ChangeFilter) -> Result<Select<Entity>, StoreError> {
        let mut query = self.changes();
        if !filter.states.is_empty() {
            query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if !filter.kinds.is_empty() {
            let kinds: Vec<String> =
                filter.kinds.iter().map(|kind| name_of("change", kind)).collect::<Result<_, _>>()?;
            query = query.filter(Column::Kind.is_in(kinds));
        }
        if let Some(cluster) = filter.cluster {
            query = query.filter(Column::Cluster.eq(cluster.uuid()));
        }
        if let Some(rollout) = filter.rollout {
            query = query.filter(Column::Rollout.eq(rollout.uuid()));
        }
        if let Some(profile) = &filter.profile {
            let plans = plan::Entity::find()
                .filter(plan::Column::Project.eq(self.project.uuid()))
                .filter(plan::Column::ToComposition.in_subquery(self.attaching(profile)))
                .select_only()
                .column(plan::Column::Id)
                .into_query();
            query = query.filter(Column::Plan.in_subquery(plans));
        }
        if filter.awaits_repave {
            query = query.filter(Column::AwaitsRepave.eq(true));
        }
        Ok(query)
    }
}
