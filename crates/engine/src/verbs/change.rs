//! Applying, cancelling, retrying changes.

use strata_model::{
    access::Permission,
    change::{Change, ChangeEvent, ChangeKind},
    digest::Digest,
    error::Refusal,
    id::{ChangeId, ClusterId, RolloutId},
    rollout::{RolloutEvent, TargetState},
};
use strata_plan::{
    decide::{self, ApplyWhen},
    rollout::{ChangeEvidence, moved_by_change},
};
use strata_store::Tx;

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
        let failed = self.rows().change_get(id).await?;
        let touched =
            self.rows().changes_of_cluster(failed.cluster, &[]).await?.iter().any(|other| {
                other.id != id && other.started_at.is_some() && other.started_at > failed.ended_at
            });
        self.decide_change(Permission::Operate, "retryChange", id, None, move |_, change, holder| {
            decide::retry(change, holder, touched)
        })
        .await
    }
}

/// What background work does with changes.
impl Session {
    /// Asks to apply a change as soon as its requirements are met.
    pub(crate) async fn apply_when_ready(&self, id: ChangeId) -> Result<Change, EngineError> {
        self.decide_change(Permission::Operate, "applyChange", id, None, move |session, change, holder| {
            decide::apply(change, &change.plan_digest, ApplyWhen::Approved, holder, session.now())
        })
        .await
    }

    /// Puts the target of a rollout where its change is.
    pub(crate) async fn move_target(
        &self,
        rollout: RolloutId,
        cluster: ClusterId,
        change: ChangeId,
    ) -> Result<(), EngineError> {
        let session = self.clone();
        self.engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    let change = tx.project(session.project).change_get(change).await?.value;
                    session.move_target_in(tx, rollout, cluster, &change).await
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
