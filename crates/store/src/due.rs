//! What background work there is, over all projects: ids, nothing more.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use strata_model::{
    change::ChangeState,
    id::{ChangeId, ClusterId, OrphanId, ProjectId, RolloutId},
    rollout::RolloutState,
};
use uuid::Uuid;

use crate::{
    entity::{change, cluster, orphan, rollout},
    error::StoreError,
    store::Store,
};

impl Store {
    /// Changes that are SCHEDULED or running, the oldest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn due_changes(
        &self,
        after: Option<ChangeId>,
        limit: u64,
    ) -> Result<Vec<(ProjectId, ChangeId)>, StoreError> {
        use change::Column;
        let mut query = change::Entity::find().filter(Column::HoldsCluster.eq(true));
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after.uuid()));
        }
        let pairs: Vec<(Uuid, Uuid)> = query
            .select_only()
            .columns([Column::Project, Column::Id])
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.readers)
            .await?;
        Ok(pairs.into_iter().map(|(project, id)| (ProjectId::new(project), ChangeId::new(id))).collect())
    }

    /// Changes that somebody asked to stop and that have not stopped yet, the oldest first; at most `limit`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cancelling_changes(&self, limit: u64) -> Result<Vec<ChangeId>, StoreError> {
        use change::Column;
        let ids: Vec<Uuid> = change::Entity::find()
            .filter(Column::HoldsCluster.eq(true))
            .filter(Column::State.eq(ChangeState::Cancelling.as_str()))
            .select_only()
            .column(Column::Id)
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.readers)
            .await?;
        Ok(ids.into_iter().map(ChangeId::new).collect())
    }

    /// Changes that have not started and hold an approval that has run out, the earliest first; at most `limit`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn due_approvals(&self, limit: u64) -> Result<Vec<(ProjectId, ChangeId)>, StoreError> {
        use change::Column;
        let states = [ChangeState::AwaitingApproval, ChangeState::Scheduled];
        let pairs: Vec<(Uuid, Uuid)> = change::Entity::find()
            .filter(Column::ApprovalExpiresAt.lte(self.core.now().as_microsecond()))
            .filter(Column::State.is_in(states.map(ChangeState::as_str)))
            .select_only()
            .columns([Column::Project, Column::Id])
            .order_by_asc(Column::ApprovalExpiresAt)
            .limit(limit)
            .into_tuple()
            .all(&self.readers)
            .await?;
        Ok(pairs.into_iter().map(|(project, id)| (ProjectId::new(project), ChangeId::new(id))).collect())
    }

    /// Rollouts that are under way: neither drafts, nor paused, nor halted, nor at an end. The oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn due_rollouts(&self, limit: u64) -> Result<Vec<(ProjectId, RolloutId)>, StoreError> {
        use rollout::Column;
        let resting = [RolloutState::Draft, RolloutState::Paused, RolloutState::Halted];
        let pairs: Vec<(Uuid, Uuid)> = rollout::Entity::find()
            .filter(Column::IsFinal.eq(false))
            .filter(Column::State.is_not_in(resting.map(RolloutState::as_str)))
            .select_only()
            .columns([Column::Project, Column::Id])
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.readers)
            .await?;
        Ok(pairs.into_iter().map(|(project, id)| (ProjectId::new(project), RolloutId::new(id))).collect())
    }

    /// Orphans whose policy asks for something that has not been done, the oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn due_orphans(&self, limit: u64) -> Result<Vec<(ProjectId, ClusterId, OrphanId)>, StoreError> {
        use orphan::Column;
        let rows: Vec<(Uuid, Uuid, Uuid)> = orphan::Entity::find()
            .filter(Column::PolicyDue.eq(true))
            .select_only()
            .columns([Column::Project, Column::Cluster, Column::Id])
            .order_by_asc(Column::Since)
            .limit(limit)
            .into_tuple()
            .all(&self.readers)
            .await?;
        let due = rows.into_iter().map(|(project, cluster, orphan)| {
            (ProjectId::new(project), ClusterId::new(cluster), OrphanId::new(orphan))
        });
        Ok(due.collect())
    }

    /// Clusters that are not deleted, by id after `after`; at most `limit`: what is polled in turn.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn due_clusters(
        &self,
        after: Option<ClusterId>,
        limit: u64,
    ) -> Result<Vec<(ProjectId, ClusterId)>, StoreError> {
        use cluster::Column;
        let mut wanted = Condition::all().add(Column::Deleted.eq(false));
        if let Some(after) = after {
            wanted = wanted.add(Column::Id.gt(after.uuid()));
        }
        let pairs: Vec<(Uuid, Uuid)> = cluster::Entity::find()
            .filter(wanted)
            .select_only()
            .columns([Column::Project, Column::Id])
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.readers)
            .await?;
        Ok(pairs.into_iter().map(|(project, id)| (ProjectId::new(project), ClusterId::new(id))).collect())
    }
}
