//! The ledger: how events get into the log, with everything that follows from them, in one transaction.
//!
//! *Idea.* A caller names events; the ledger reads the state they start from, runs the pure reducers of `strata-plan`,
//! and appends events and new state with a compare-and-set. What follows from a change's move follows here and
//! nowhere else: its cluster is held or let go, other changes of the cluster become stale or get their turn.

use strata_model::{
    access::Actor,
    change::{Change, ChangeEvent, ChangeState},
    cluster::{Cluster, ClusterEvent},
    error::{Refusal, RefusalCode},
    finding::FindingCode,
    id::{ChangeId, ClusterId, OrphanId, ProjectId, RolloutId},
    orphan::{Orphan, OrphanEvent},
    rollout::{Rollout, RolloutEvent},
};
use strata_plan::{decide, reduce};
use strata_store::{Optional as _, Stored, Tx};

use crate::error::EngineError;

/// The states in which a change has not started and may be overtaken by another.
const NOT_STARTED: [ChangeState; 3] =
    [ChangeState::Planned, ChangeState::AwaitingApproval, ChangeState::Scheduled];

/// Writes events of one project inside one transaction, in the name of one actor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger<'t> {
    tx: &'t Tx,
    project: ProjectId,
    actor: &'t Actor,
    cause: Option<&'t str>,
}

impl<'t> Ledger<'t> {
    pub(crate) const fn new(
        tx: &'t Tx,
        project: ProjectId,
        actor: &'t Actor,
        cause: Option<&'t str>,
    ) -> Self {
        Self { tx, project, actor, cause }
    }

    /// Appends events to a change, and what follows from them.
    pub(crate) async fn change(&self, id: ChangeId, events: &[ChangeEvent]) -> Result<Change, EngineError> {
        let stored = self.tx.project(self.project).change_get(id).await.optional()?;
        self.change_from(stored, id, events).await
    }

    /// Reads a change and who holds its cluster, and appends what `choose` decides.
    pub(crate) async fn change_decided(
        &self,
        id: ChangeId,
        choose: impl FnOnce(&Change, Option<ChangeId>) -> Result<Vec<ChangeEvent>, Refusal> + Send,
    ) -> Result<Change, EngineError> {
        let stored = self.tx.project(self.project).change_get(id).await?;
        let holder = self.holder(stored.cluster).await?;
        let events = choose(&stored, holder)?;
        self.change_from(Some(stored), id, &events).await
    }

    async fn change_from(
        &self,
        stored: Option<Stored<Change>>,
        id: ChangeId,
        events: &[ChangeEvent],
    ) -> Result<Change, EngineError> {
        let now = self.tx.now();
        let mut before = stored.as_ref().map(|stored| stored.value.clone());
        let mut seq = stored.as_ref().map_or(0, |stored| stored.seq);
        let Some(mut after) = self.change_step(&mut before, &mut seq, id, events).await? else {
            return Err(EngineError::from(Refusal::not_found("change", id)));
        };
        let holder = self.holder(after.cluster).await?;
        if let Some(event) = decide::schedule(&after, holder, now) {
            let mut former = Some(after.clone());
            after = self.change_step(&mut former, &mut seq, id, &[event]).await?.unwrap_or(after);
        }
        Ok(after)
    }

    /// One append: the change's events, then its cluster's, then those of other changes of the cluster.
    async fn change_step(
        &self,
        before: &mut Option<Change>,
        seq: &mut i64,
        id: ChangeId,
        events: &[ChangeEvent],
    ) -> Result<Option<Change>, EngineError> {
        let now = self.tx.now();
        let mut state = before.clone();
        for event in events {
            state = Some(reduce::change(state, id, event, self.actor, now).map_err(illegal)?);
        }
        let Some(after) = state else { return Ok(None) };
        if events.is_empty() {
            return Ok(Some(after));
        }
        self.tx.change_append(&after, *seq, events, self.actor, self.cause).await?;
        *seq += i64::try_from(events.len()).unwrap_or(i64::MAX);
        let follows = decide::cluster_events(before.as_ref(), &after, now);
        if !follows.is_empty() {
            self.cluster(after.cluster, &follows).await?;
        }
        let let_go = before.as_ref().is_some_and(|change| change.state.holds_cluster())
            && !after.state.holds_cluster();
        if let_go {
            Box::pin(self.others_of_cluster(&after)).await?;
        }
        Ok(Some(after))
    }

    /// The cluster is free again: what was planned on its former state is stale, what waits for its turn gets it.
    async fn others_of_cluster(&self, ended: &Change) -> Result<(), EngineError> {
        let others = self.tx.project(self.project).changes_of_cluster(ended.cluster, &NOT_STARTED).await?;
        let mut holder = None;
        for mut other in others {
            if other.value.id == ended.id {
                continue;
            }
            let event = if ended.state == ChangeState::Succeeded {
                let moved = format!("the change {} has succeeded since this one was planned", ended.id);
                decide::stale(&other.value, vec![moved])
            } else if waited_for_holder(&other.value) {
                let moved = format!("the change {} that was under way has ended", ended.id);
                decide::stale(&other.value, vec![moved])
            } else {
                decide::schedule(&other.value, holder, self.tx.now())
            };
            if let Some(event) = event {
                let (id, mut before) = (other.value.id, Some(other.value.clone()));
                if let Some(after) =
                    Box::pin(self.change_step(&mut before, &mut other.seq, id, &[event])).await?
                    && after.state.holds_cluster()
                {
                    holder = Some(id);
                }
            }
        }
        Ok(())
    }

    async fn holder(&self, cluster: ClusterId) -> Result<Option<ChangeId>, EngineError> {
        Ok(self.tx.project(self.project).change_holding(cluster).await?.map(|change| change.value.id))
    }

    /// Appends events to a cluster.
    pub(crate) async fn cluster(
        &self,
        id: ClusterId,
        events: &[ClusterEvent],
    ) -> Result<Cluster, EngineError> {
        let stored = self.tx.project(self.project).cluster_get(id).await.optional()?;
        let (mut state, seq) = stored.map_or((None, 0), |stored| (Some(stored.value), stored.seq));
        for event in events {
            state = Some(reduce::cluster(state, id, event, self.actor, self.tx.now()).map_err(illegal)?);
        }
        let after = state.ok_or_else(|| Refusal::not_found("cluster", id))?;
        if !events.is_empty() {
            self.tx.cluster_append(&after, seq, events, self.actor, self.cause).await?;
        }
        Ok(after)
    }

    /// Appends events to an orphan.
    pub(crate) async fn orphan(&self, id: OrphanId, events: &[OrphanEvent]) -> Result<Orphan, EngineError> {
        let stored = self.tx.project(self.project).orphan_get(id).await.optional()?;
        let (mut state, seq) = stored.map_or((None, 0), |stored| (Some(stored.value), stored.seq));
        for event in events {
            state = Some(reduce::orphan(state, id, event, self.actor, self.tx.now()).map_err(illegal)?);
        }
        let after = state.ok_or_else(|| Refusal::not_found("orphan", id))?;
        if !events.is_empty() {
            self.tx.orphan_append(&after, seq, events, self.actor, self.cause).await?;
        }
        Ok(after)
    }

    /// Reads a rollout and appends what `choose` decides.
    pub(crate) async fn rollout_decided(
        &self,
        id: RolloutId,
        choose: impl FnOnce(&Rollout) -> Result<Vec<RolloutEvent>, Refusal> + Send,
    ) -> Result<Rollout, EngineError> {
        let stored = self.tx.project(self.project).rollout_get(id).await?;
        let events = choose(&stored)?;
        self.rollout_from(Some(stored), id, &events).await
    }

    /// Appends events to a rollout.
    pub(crate) async fn rollout(
        &self,
        id: RolloutId,
        events: &[RolloutEvent],
    ) -> Result<Rollout, EngineError> {
        let stored = self.tx.project(self.project).rollout_get(id).await.optional()?;
        self.rollout_from(stored, id, events).await
    }

    async fn rollout_from(
        &self,
        stored: Option<Stored<Rollout>>,
        id: RolloutId,
        events: &[RolloutEvent],
    ) -> Result<Rollout, EngineError> {
        let (mut state, seq) = stored.map_or((None, 0), |stored| (Some(stored.value), stored.seq));
        for event in events {
            state = Some(reduce::rollout(state, id, event, self.actor, self.tx.now()).map_err(illegal)?);
        }
        let after = state.ok_or_else(|| Refusal::not_found("rollout", id))?;
        if !events.is_empty() {
            self.tx.rollout_append(&after, seq, events, self.actor, self.cause).await?;
        }
        Ok(after)
    }
}

/// Whether a change is blocked by another's holding the cluster, which its plan cannot outlive.
fn waited_for_holder(change: &Change) -> bool {
    let by_holder = [FindingCode::ChangeUnderWay, FindingCode::ClusterProvisioning];
    change.blocked_by.iter().any(|code| by_holder.contains(code))
}

/// An event that the state does not allow: somebody else was faster, or the caller asked for what cannot be.
fn illegal(error: reduce::IllegalTransition) -> EngineError {
    EngineError::refuse(
        RefusalCode::IllegalState,
        error.to_string(),
        "look at its present state; somebody else may have been faster",
    )
}
