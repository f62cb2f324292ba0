//! Applying, cancelling, retrying changes.

use strata_model::{
    access::Permission,
    change::{Change, ChangeEvent},
    digest::Digest,
    error::Refusal,
    id::ChangeId,
};
use strata_plan::decide::{self, ApplyWhen};

use crate::{error::EngineError, session::Session};

impl Session {
    /// Reads a change, decides, and appends, in one audited transaction.
    pub(crate) async fn decide_change(
        &self,
        permission: Permission,
        operation: &'static str,
        id: ChangeId,
        reason: Option<String>,
        choose: impl FnOnce(&Self, &Change, Option<ChangeId>) -> Result<Vec<ChangeEvent>, Refusal> + Send + 'static,
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
                        session.audit(tx, operation, format!("change/{id}"), reason).await?;
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
        self.decide_change(Permission::Operate, "cancelChange", id, Some(reason.clone()), move |_, change, _| {
            decide::cancel(change, &reason)
        })
        .await
    }

    /// Tries a failed change again: same plan, same approval, if no other change touched the cluster since.
    ///
    /// # Errors
    /// `FORBIDDEN`, `ILLEGAL_STATE`, `CHANGE_UNDER_WAY`.
    pub async fn retry_change(&self, id: ChangeId) -> Result<Change, EngineError> {
        let failed = self.rows().change_get(id).await?;
        let touched = self
            .rows()
            .changes_of_cluster(failed.cluster, &[])
            .await?
            .iter()
            .any(|other| other.id != id && other.started_at.is_some() && other.started_at > failed.ended_at);
        self.decide_change(Permission::Operate, "retryChange", id, None, move |_, change, holder| {
            decide::retry(change, holder, touched)
        })
        .await
    }
}
