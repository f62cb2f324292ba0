//! Applying, cancelling, retrying changes.

use strata_model::{
    Timestamp,
    access::Permission,
    change::{Change, ChangeEvent, ChangeKind, ChangeState},
    digest::Digest,
    error::Refusal,
    id::{ChangeId, ClusterId, RolloutId},
    rollout::{RolloutEvent, TargetState},
};
use strata_plan::{
    decide::{self, ApplyWhen},
    reduce::open_requirements,
    rollout::{ChangeEvidence, moved_by_change},
};
use strata_store::Tx;

use super::Turn;
use crate::{error::EngineError, session::Session};

impl Session {
    /// Reads a change, decides, and appends, in one audited transaction.
    pub(crate) async fn decide_change(
        &self,
        permission: Permission,
        operation: &'static str,
        id: ChangeId,
        reason: Option<String>,
        choose: impl FnOnce(&Self, &Change, Option<ChangeId>) -> Result<Vec<ChangeEvent>, Refusal>
        + Send
        + 'static,
    ) -> Result<Change, EngineError> {
        let session = self.clone();
        self.audited(permission, operation, format!("change/{id}"), async move {
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let change = session
                            .ledger(tx)
                            .change_decided(id, |change, holder| choose(&session, change, holder))
                            .await?;
                        session.note(tx, operation, format!("change/{id}"), reason).await?;
                        Ok(change)
                    })
                })
                .await
        })
        .await
    }

    /// Applies a planned change, for the plan with this digest.
    ///
    /// # Errors
    /// `FORBIDDEN`, `STALE_PLAN`, `BLOCKED`, `APPROVAL_REQUIRED`, `CHANGE_UNDER_WAY`, `ILLEGAL_STATE`.
    pub async fn apply_change(&self, id: ChangeId, digest: Digest) -> Result<Change, EngineError> {
        self.decide_change(Permission::Operate, "applyChange", id, None, move |session, change, holder| {
            decide::apply(change, &digest, ApplyWhen::Now, holder, session.now())
        })
        .await
    }

    /// Stops a change: at once when it has not started, else as soon as nothing is in flight.
    ///
    /// # Errors
    /// `FORBIDDEN`, `ILLEGAL_STATE`.
    pub async fn cancel_change(&self, id: ChangeId, reason: String) -> Result<Change, EngineError> {
        self.decide_change(
            Permission::Operate,
            "cancelChange",
            id,
            Some(reason.clone()),
            move |_, change, _| decide::cancel(change, &reason),
        )
        .await
    }

    /// Tries a failed change again: same plan, same approval, if no other change touched the cluster since.
    ///
    /// # Errors
    /// `FORBIDDEN`, `ILLEGAL_STATE`, `CHANGE_UNDER_WAY`.
    pub async fn retry_change(&self, id: ChangeId) -> Result<Change, EngineError> {
        let session = self.clone();
        self.audited(Permission::Operate, "retryChange", format!("change/{id}"), async move {
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let touched = session.touched_since(tx, id).await?;
                        let change = session
                            .ledger(tx)
                            .change_decided(id, |change, holder| decide::retry(change, holder, touched))
                            .await?;
                        session.note(tx, "retryChange", format!("change/{id}"), None).await?;
                        Ok(change)
                    })
                })
                .await
        })
        .await
    }

    /// Whether another change has touched the cluster since this one ended.
    async fn touched_since(&self, tx: &Tx, id: ChangeId) -> Result<bool, EngineError> {
        let rows = tx.project(self.project);
        let ended = rows.change_get(id).await?;
        let others = rows.changes_of_cluster(ended.cluster, &ChangeState::ALL).await?;
        Ok(others
            .iter()
            .any(|other| other.id != id && other.started_at.is_some() && other.started_at > ended.ended_at))
    }
}

/// What background work does with changes.
impl Session {
    /// Lets the change of a rollout's cluster go on, if nothing keeps it, and puts the target where the change is then.
    ///
    /// It never asks ahead of time: a change that was asked for would begin outside of the rollout's turn.
    pub(crate) async fn go_on_in_turn(
        &self,
        turn: &Turn,
        cluster: ClusterId,
        id: ChangeId,
    ) -> Result<Change, EngineError> {
        self.decide_in_turn(turn, cluster, id, "applyChange", true, |change, holder, touched, now| {
            let free = holder.is_none_or(|holder| holder == change.id);
            match change.state {
                ChangeState::Failed => decide::retry(change, holder, touched),
                ChangeState::Stale => Ok(Vec::new()),
                _ if keeps(change, now) || !free => Ok(Vec::new()),
                _ => decide::apply(change, &change.plan_digest, ApplyWhen::Now, holder, now),
            }
        })
        .await
    }

    /// Cancels the change of a rollout's cluster, if it can still be.
    pub(crate) async fn cancel_in_turn(
        &self,
        turn: &Turn,
        cluster: ClusterId,
        id: ChangeId,
        reason: String,
    ) -> Result<Change, EngineError> {
        self.decide_in_turn(turn, cluster, id, "cancelChange", false, move |change, _, _, _| {
            let ended = change.state.is_final() || change.state == ChangeState::Failed;
            if ended { Ok(Vec::new()) } else { decide::cancel(change, &reason) }
        })
        .await
    }

    async fn decide_in_turn(
        &self,
        turn: &Turn,
        cluster: ClusterId,
        id: ChangeId,
        operation: &'static str,
        moves_target: bool,
        choose: impl FnOnce(&Change, Option<ChangeId>, bool, Timestamp) -> Result<Vec<ChangeEvent>, Refusal>
        + Send
        + 'static,
    ) -> Result<Change, EngineError> {
        let (session, turn) = (self.clone(), turn.clone());
        self.engine
            .store()
            .try_write(move |tx| {
                Box::pin(async move {
                    turn.check(tx, session.project).await?;
                    let now = tx.now();
                    let before = tx.project(session.project).change_get(id).await?.value.state;
                    let touched = session.touched_since(tx, id).await?;
                    let change = session
                        .ledger(tx)
                        .change_decided(id, |change, holder| choose(change, holder, touched, now))
                        .await?;
                    if change.state != before {
                        session.note(tx, operation, format!("change/{id}"), None).await?;
                    }
                    if moves_target {
                        session.move_target_in(tx, turn.rollout, cluster, &change).await?;
                    }
                    Ok(change)
                })
            })
            .await
    }

    /// The same, inside a transaction.
    pub(crate) async fn move_target_in(
        &self,
        tx: &Tx,
        rollout: RolloutId,
        cluster: ClusterId,
        change: &Change,
    ) -> Result<(), EngineError> {
        let (to, reason) = if change.kind == ChangeKind::Rollback && !change.state.is_final() {
            (TargetState::RollingBack, String::new())
        } else {
            moved_by_change(&ChangeEvidence::of(change, tx.now()))
        };
        self.ledger(tx)
            .rollout_decided(rollout, |rollout| {
                let present = rollout.targets.iter().find(|target| target.cluster == cluster);
                let same =
                    present.is_some_and(|target| target.state == to && target.change == Some(change.id));
                let moved = RolloutEvent::TargetMoved { cluster, to, change: Some(change.id), reason };
                Ok(if same { Vec::new() } else { vec![moved] })
            })
            .await?;
        Ok(())
    }
}

/// Whether something but its turn keeps a change: findings that block, or open requirements.
pub(super) fn keeps(change: &Change, now: Timestamp) -> bool {
    !change.blocked_by.is_empty() || open_requirements(change, now).next().is_some()
}
