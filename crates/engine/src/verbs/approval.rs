//! Approving, rejecting, acknowledging, taking back.

use strata_model::{
    access::Permission,
    change::{Approval, Change, RequirementKind},
    digest::Digest,
    error::RefusalCode,
    id::ChangeId,
};
use strata_plan::decide::{self, Approver};

use crate::{error::EngineError, session::Session};

/// All kinds of requirements.
const ALL_KINDS: [RequirementKind; 3] =
    [RequirementKind::Repave, RequirementKind::BreakingApi, RequirementKind::Guard];

impl Session {
    /// Approves what a change requires, for the plan with this digest. Without kinds: everything that is open.
    ///
    /// # Errors
    /// `FORBIDDEN`, `STALE_PLAN`, `BLOCKED`, `ILLEGAL_STATE` when nothing of these kinds is open, `INVALID_INPUT` without
    /// a reason.
    pub async fn approve(
        &self,
        id: ChangeId,
        digest: Digest,
        reason: String,
        kinds: Option<Vec<RequirementKind>>,
    ) -> Result<Change, EngineError> {
        let operation = match kinds.as_deref() {
            Some([RequirementKind::Repave]) => "approveRepave",
            Some([RequirementKind::Guard, ..]) => "acknowledgeFindings",
            _ => "approveChange",
        };
        let kinds = kinds.unwrap_or_else(|| ALL_KINDS.to_vec());
        let session = self.clone();
        self.audited(Permission::Approve, operation, format!("change/{id}"), async move {
            let Some(principal) = session.caller.actor.principal else {
                return Err(EngineError::refuse(
                    RefusalCode::Forbidden,
                    "an approval needs a person or service account",
                    "use a token of one",
                ));
            };
            let engine = session.engine.clone();
            let run = session.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let now = tx.now();
                        let lifetime = run.engine.options().approval_lifetime;
                        let expires_at = now
                            .checked_add(
                                jiff::SignedDuration::try_from(lifetime).unwrap_or(jiff::SignedDuration::MAX),
                            )
                            .unwrap_or(jiff::Timestamp::MAX);
                        let approval = Approval {
                            principal,
                            name: run.caller.actor.name.clone(),
                            reason: reason.clone(),
                            plan_digest: digest,
                            at: now,
                            expires_at,
                        };
                        let approver = Approver {
                            roles: run.caller.roles(run.project),
                            may_approve_own: run.engine.options().may_approve_own,
                        };
                        let change = run
                            .ledger(tx)
                            .change_decided(id, |change, _| {
                                decide::approve(change, &kinds, &approval, &approver, now)
                            })
                            .await?;
                        run.note(tx, operation, format!("change/{id}"), Some(reason)).await?;
                        Ok(change)
                    })
                })
                .await
        })
        .await
    }

    /// Acknowledges findings: approves the requirements that stand for them.
    ///
    /// # Errors
    /// As [`Session::approve`].
    pub async fn acknowledge_findings(
        &self,
        id: ChangeId,
        digest: Digest,
        reason: String,
    ) -> Result<Change, EngineError> {
        let kinds = vec![RequirementKind::Guard, RequirementKind::BreakingApi];
        self.approve(id, digest, reason, Some(kinds)).await
    }

    /// Says no to a change that has not started.
    ///
    /// # Errors
    /// `FORBIDDEN`, `ILLEGAL_STATE`, `INVALID_INPUT` without a reason.
    pub async fn reject_change(&self, id: ChangeId, reason: String) -> Result<Change, EngineError> {
        self.decide_change(
            Permission::Approve,
            "rejectRepave",
            id,
            Some(reason.clone()),
            move |session, change, _| decide::reject(change, &reason, &session.caller.actor),
        )
        .await
    }

    /// Takes the caller's own approvals back, before the change starts.
    ///
    /// # Errors
    /// `FORBIDDEN`, `ILLEGAL_STATE`.
    pub async fn withdraw_approval(&self, id: ChangeId) -> Result<Change, EngineError> {
        let principal = self.caller.actor.principal.ok_or_else(|| {
            EngineError::refuse(RefusalCode::Forbidden, "only people approve", "use a token of a person")
        })?;
        self.decide_change(Permission::Approve, "withdrawApproval", id, None, move |_, change, _| {
            decide::withdraw(change, principal)
        })
        .await
    }
}
