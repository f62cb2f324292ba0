//! Rollouts: projections of their events. Targets have rows of their own, so that moving one of ten thousand writes one.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::OnConflict,
};
use strata_model::{
    access::Actor,
    event::StreamId,
    id::{ChangeId, ClusterId, RolloutId},
    rollout::{Rollout, RolloutEvent, RolloutState, Target, TargetState},
};

use crate::{
    cluster_filter::{ProfileFilter, after},
    document::{Stored, from_text, to_text},
    entity::{
        rollout::{Column, Entity, Model},
        rollout_target,
    },
    error::{StoreError, on_unique},
    event::new_events,
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// How many rows one statement writes: 8 values each, far below what either database binds.
const BATCH: usize = 500;

/// Which rollouts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolloutFilter {
    /// Any of these states; all when empty.
    pub states: Vec<RolloutState>,
    /// What they bring.
    pub profile: Option<ProfileFilter>,
}

/// How many targets of a rollout stand where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCount {
    /// Index of the stage.
    pub stage: u32,
    /// Where they stand.
    pub state: TargetState,
    /// How many.
    pub targets: u64,
}

/// A rollout as its row has it: without targets.
fn head(row: &Model) -> Result<Stored<Rollout>, StoreError> {
    Ok(Stored { seq: row.seq, value: from_text("rollout", row.id, &row.document)? })
}

fn target(row: &rollout_target::Model) -> Result<Target, StoreError> {
    from_text("rollout_target", row.cluster, &row.document)
}

impl Scoped<'_> {
    fn rollouts(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.eq(self.project.uuid()))
    }

    fn targets(&self, id: RolloutId) -> Select<rollout_target::Entity> {
        rollout_target::Entity::find()
            .filter(rollout_target::Column::Project.eq(self.project.uuid()))
            .filter(rollout_target::Column::Rollout.eq(id.uuid()))
    }

    /// A rollout by id, with all of its targets.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rollout_get(&self, id: RolloutId) -> Result<Stored<Rollout>, StoreError> {
        let mut rollout = self.rollout_head(id).await?;
        let rows =
            self.targets(id).order_by_asc(rollout_target::Column::Ordinal).all(&self.connection).await?;
        rollout.value.targets = rows.iter().map(target).collect::<Result<_, _>>()?;
        Ok(rollout)
    }

    /// A rollout by id, its targets left empty: for lists and pages.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rollout_head(&self, id: RolloutId) -> Result<Stored<Rollout>, StoreError> {
        let row = self.rollouts().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        head(&row.ok_or_else(|| StoreError::not_found("rollout", id))?)
    }

    /// A rollout by name, its targets left empty.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rollout_by_name(&self, name: &str) -> Result<Stored<Rollout>, StoreError> {
        let row = self.rollouts().filter(Column::Name.eq(name)).one(&self.connection).await?;
        head(&row.ok_or_else(|| StoreError::not_found("rollout", name))?)
    }

    /// Rollouts, the newest first, their targets left empty.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn rollout_list(
        &self,
        filter: &RolloutFilter,
        page: &Page,
    ) -> Result<PageOf<Stored<Rollout>>, StoreError> {
        let mut query = self
            .rollouts_filtered(filter)
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
            .map(|row| Ok(Edge { cursor: Cursor::of(row.created_at, row.id), node: head(&row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many rollouts a filter lets through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rollout_count(&self, filter: &RolloutFilter) -> Result<u64, StoreError> {
        Ok(self.rollouts_filtered(filter).count(&self.connection).await?)
    }

    fn rollouts_filtered(&self, filter: &RolloutFilter) -> Select<Entity> {
        let mut query = self.rollouts();
        if !filter.states.is_empty() {
            query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if let Some(profile) = &filter.profile {
            query = query.filter(Column::ProfileName.eq(profile.profile.as_str()));
            if let Some(version) = &profile.version {
                query = query.filter(Column::Version.eq(version.to_string()));
            }
            if let Some(revision) = profile.revision {
                query = query.filter(Column::Revision.eq(i64::from(revision)));
            }
        }
        query
    }

    /// One target of a rollout.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rollout_target_get(&self, id: RolloutId, cluster: ClusterId) -> Result<Target, StoreError> {
        let row = self
            .targets(id)
            .filter(rollout_target::Column::Cluster.eq(cluster.uuid()))
            .one(&self.connection)
            .await?;
        target(&row.ok_or_else(|| StoreError::not_found("rollout target", cluster))?)
    }

    /// Targets of a rollout in the order of their turns; those in any of these states (all when empty).
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn rollout_target_list(
        &self,
        id: RolloutId,
        states: &[TargetState],
        page: &Page,
    ) -> Result<PageOf<Target>, StoreError> {
        use rollout_target::Column as TargetColumn;
        let mut query = self.targets(id).order_by_asc(TargetColumn::Ordinal).limit(page.limit());
        if !states.is_empty() {
            query = query.filter(TargetColumn::State.is_in(states.iter().map(|state| state.as_str())));
        }
        if let Some(cursor) = &page.after {
            query = query.filter(TargetColumn::Ordinal.gt(cursor.number_and_id()?.0));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows
            .iter()
            .map(|row| Ok(Edge { cursor: Cursor::of(row.ordinal, row.cluster), node: target(row)? }));
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many targets of a rollout stand where.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rollout_target_summary(&self, id: RolloutId) -> Result<Vec<TargetCount>, StoreError> {
        use crate::document::{named, small};
        use rollout_target::Column as TargetColumn;
        let rows: Vec<(i64, String, i64)> = self
            .targets(id)
            .select_only()
            .column(TargetColumn::Stage)
            .column(TargetColumn::State)
            .column_as(TargetColumn::Cluster.count(), "targets")
            .group_by(TargetColumn::Stage)
            .group_by(TargetColumn::State)
            .order_by_asc(TargetColumn::Stage)
            .order_by_asc(TargetColumn::State)
            .into_tuple()
            .all(&self.connection)
            .await?;
        let counts = rows.into_iter().map(|(stage, state, targets)| {
            Ok(TargetCount {
                stage: small("rollout_target", stage)?,
                state: named("rollout_target", &state)?,
                targets: u64::try_from(targets).unwrap_or(0),
            })
        });
        counts.collect()
    }
}

impl Tx {
    /// Appends events of a rollout and keeps its new state, which contains them. Rows are written of the targets that
    /// the events name; all of them on `Created`. The last position.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the rollout has moved; [`StoreError::Duplicate`] when its name is taken.
    pub async fn rollout_append(
        &self,
        rollout: &Rollout,
        expected_seq: i64,
        events: &[RolloutEvent],
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        let moved: BTreeSet<ClusterId> = events
            .iter()
            .filter_map(|event| match event {
                RolloutEvent::TargetMoved { cluster, .. } | RolloutEvent::TargetAdded { cluster, .. } => {
                    Some(*cluster)
                }
                _ => None,
            })
            .collect();
        let all =
            expected_seq == 0 || events.iter().any(|event| matches!(event, RolloutEvent::Created { .. }));
        let events = new_events(events)?;
        let duplicate = || StoreError::Duplicate { noun: "rollout", name: rollout.name.clone() };
        let head = rollout_head(rollout);
        let row = Model {
            id: rollout.id.uuid(),
            project: rollout.project.uuid(),
            name: rollout.name.clone(),
            state: rollout.state.as_str().to_owned(),
            is_final: rollout.state.is_final(),
            profile_name: Some(rollout.target.revision.profile.to_string()),
            version: Some(rollout.target.revision.version.to_string()),
            revision: Some(i64::from(rollout.target.revision.revision)),
            created_at: rollout.created_at.as_microsecond(),
            seq: expected_seq + i64::try_from(events.len()).unwrap_or(i64::MAX),
            document: to_text("rollout", &head)?,
        };
        if expected_seq == 0 {
            Entity::insert(row.into_active_model())
                .exec_without_returning(&self.connection)
                .await
                .map_err(|error| on_unique(error, duplicate))?;
        } else {
            let saved = Entity::update_many()
                .set(row.into_active_model().reset_all())
                .filter(Column::Id.eq(rollout.id.uuid()))
                .filter(Column::Project.eq(rollout.project.uuid()))
                .filter(Column::Seq.eq(expected_seq))
                .exec(&self.connection)
                .await
                .map_err(|error| on_unique(error, duplicate))?;
            if saved.rows_affected == 0 {
                return Err(StoreError::stale("rollout", rollout.id));
            }
        }
        self.targets_put(rollout, |cluster| all || moved.contains(&cluster)).await?;
        let stream = StreamId::from(rollout.id);
        self.append_guarded(rollout.project, stream, expected_seq, events, actor, cause).await
    }

    async fn targets_put(
        &self,
        rollout: &Rollout,
        wanted: impl Fn(ClusterId) -> bool + Send,
    ) -> Result<(), StoreError> {
        use rollout_target::Column as TargetColumn;
        let rows = rollout.targets.iter().zip(0_i64..).filter(|(target, _)| wanted(target.cluster)).map(
            |(target, ordinal)| {
                Ok(rollout_target::Model {
                    rollout: rollout.id.uuid(),
                    cluster: target.cluster.uuid(),
                    project: rollout.project.uuid(),
                    ordinal,
                    stage: i64::from(target.stage),
                    state: target.state.as_str().to_owned(),
                    change: target.change.map(ChangeId::uuid),
                    document: to_text("rollout_target", target)?,
                }
                .into_active_model())
            },
        );
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        for batch in rows.chunks(BATCH) {
            rollout_target::Entity::insert_many(batch.to_vec())
                .on_conflict(
                    OnConflict::columns([TargetColumn::Rollout, TargetColumn::Cluster])
                        .update_columns([
                            TargetColumn::Ordinal,
                            TargetColumn::Stage,
                            TargetColumn::State,
                            TargetColumn::Change,
                            TargetColumn::Document,
                        ])
                        .to_owned(),
                )
                .exec_without_returning(&self.connection)
                .await?;
        }
        Ok(())
    }
}

/// The rollout without its targets, which are not copied.
fn rollout_head(rollout: &Rollout) -> Rollout {
    Rollout {
        id: rollout.id,
        project: rollout.project,
        name: rollout.name.clone(),
        target: rollout.target.clone(),
        stages: rollout.stages.clone(),
        failure_budget: rollout.failure_budget,
        state: rollout.state,
        halted_from: rollout.halted_from,
        reason: rollout.reason.clone(),
        stage: rollout.stage,
        approved_stages: rollout.approved_stages.clone(),
        targets: Vec::new(),
        created_at: rollout.created_at,
        state_since: rollout.state_since,
    }
}
