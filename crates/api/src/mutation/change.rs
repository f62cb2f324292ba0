//! Changes: applied, cancelled, approved.

use async_graphql::{Context, ID, InputObject, Object};
use strata_engine::{EngineError, RequestOptions, Session};
use strata_model::{change, change::RequirementKind, digest::Digest};

use super::payload::{Outcome, payloads};
use crate::{
    context::change_of,
    error::is_stale,
    types::{
        change::Change,
        scalar::DigestText,
        wish::{digest, options},
    },
};

payloads! {
    /// What `applyChange` did.
    ApplyChangePayload { change: Change };
    /// What `cancelChange` did.
    CancelChangePayload { change: Change };
    /// What `retryChange` did.
    RetryChangePayload { change: Change };
    /// What `replanChange` did.
    ReplanChangePayload { change: Change };
    /// What `rollBackChange` did: the change that goes back.
    RollBackChangePayload { change: Change };
    /// What `acknowledgeFindings` did.
    AcknowledgeFindingsPayload { change: Change };
    /// What `approveRepave` did.
    ApproveRepavePayload { change: Change };
    /// What `rejectRepave` did.
    RejectRepavePayload { change: Change };
    /// What `approveChange` did.
    ApproveChangePayload { change: Change };
    /// What `withdrawApproval` did.
    WithdrawApprovalPayload { change: Change };
}

/// Which change to apply.
#[derive(Debug, InputObject)]
pub struct ApplyChangeInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The change.
    change_id: ID,
    /// The digest of the plan that you saw.
    plan_digest: DigestText,
}

macro_rules! reasoned {
    ($($(#[$doc:meta])* $input:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $input {
            /// The project; may be left out.
            project: Option<String>,
            /// The change.
            change_id: ID,
            /// Why; everybody can read it later.
            reason: Option<String>,
        }
    )*};
}

macro_rules! plain {
    ($($(#[$doc:meta])* $input:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $input {
            /// The project; may be left out.
            project: Option<String>,
            /// The change.
            change_id: ID,
        }
    )*};
}

macro_rules! approving {
    ($($(#[$doc:meta])* $input:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $input {
            /// The project; may be left out.
            project: Option<String>,
            /// The change.
            change_id: ID,
            /// The digest of the plan that you saw.
            plan_digest: DigestText,
            /// Why; everybody can read it later.
            reason: String,
        }
    )*};
}

reasoned! {
    /// Which change to stop.
    CancelChangeInput
    /// Which change to say no to.
    RejectRepaveInput
}

plain! {
    /// Which failed change to try again.
    RetryChangeInput
    /// Which stale change to plan anew.
    ReplanChangeInput
    /// Which change to take one's approval back from.
    WithdrawApprovalInput
}

approving! {
    /// Which findings to acknowledge, and why.
    AcknowledgeFindingsInput
    /// Which repave to approve, and why.
    ApproveRepaveInput
    /// Which change to approve, and why.
    ApproveChangeInput
}

/// Which change to take back, and why.
#[derive(Debug, InputObject)]
pub struct RollBackChangeInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The change.
    change_id: ID,
    /// The digest of the plan that you saw; refused when it is another one by now.
    expected_plan_digest: Option<DigestText>,
    /// Why; everybody can read it later.
    reason: Option<String>,
    /// The same key never starts the same work twice.
    idempotency_key: Option<String>,
    /// Whether to apply it as soon as its requirements are met; else `applyChange` does.
    apply_when_ready: Option<bool>,
}

/// The verbs that this file hands to the engine.
enum Verb {
    Apply(Digest),
    Cancel(String),
    Retry,
    Replan,
    RollBack(RequestOptions),
    Acknowledge(Digest, String),
    Approve(Digest, String, Option<Vec<RequirementKind>>),
    Reject(String),
    Withdraw,
}

async fn act(
    ctx: &Context<'_>,
    project: Option<String>,
    id: &ID,
    verb: Result<Verb, EngineError>,
) -> Outcome<Change> {
    let found = match verb {
        Ok(verb) => change_of(ctx, project.as_deref(), id, "changeId").await.map(|found| (found, verb)),
        Err(error) => Err(error),
    };
    let ((session, before), verb) = match found {
        Ok(found) => found,
        Err(error) => return Err(error).into(),
    };
    match Box::pin(run(&session, &before, verb)).await {
        Ok(after) => Ok(Change::new(session, after)).into(),
        Err(error) => {
            let current = if is_stale(&error) {
                session.change(before.id).await.ok().flatten().map(|change| (&change.plan_digest).into())
            } else {
                None
            };
            Outcome { result: Err(error), current }
        }
    }
}

async fn run(session: &Session, change: &change::Change, verb: Verb) -> Result<change::Change, EngineError> {
    let id = change.id;
    match verb {
        Verb::Apply(digest) => session.apply_change(id, digest).await,
        Verb::Cancel(reason) => session.cancel_change(id, reason).await,
        Verb::Retry => session.retry_change(id).await,
        Verb::Replan => Box::pin(session.replan_change(id)).await,
        Verb::RollBack(options) => Box::pin(session.roll_back_change(id, options)).await,
        Verb::Acknowledge(digest, reason) => session.acknowledge_findings(id, digest, reason).await,
        Verb::Approve(digest, reason, kinds) => session.approve(id, digest, reason, kinds).await,
        Verb::Reject(reason) => session.reject_change(id, reason).await,
        Verb::Withdraw => session.withdraw_approval(id).await,
    }
}

fn seen(text: &DigestText) -> Result<Digest, EngineError> {
    Ok(digest("planDigest", text)?)
}

/// Mutations of changes.
#[derive(Debug, Default)]
pub struct ChangeMutation;

#[Object]
impl ChangeMutation {
    /// Applies a planned change, as soon as its requirements are met.
    async fn apply_change(
        &self,
        ctx: &Context<'_>,
        input: ApplyChangeInput,
    ) -> async_graphql::Result<ApplyChangePayload> {
        let verb = seen(&input.plan_digest).map(Verb::Apply);
        ApplyChangePayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Stops a change: at once when it has not started, else as soon as nothing is in flight.
    async fn cancel_change(
        &self,
        ctx: &Context<'_>,
        input: CancelChangeInput,
    ) -> async_graphql::Result<CancelChangePayload> {
        let verb = Ok(Verb::Cancel(input.reason.unwrap_or_default()));
        CancelChangePayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Tries a failed change again: same plan, same approval, if no other change touched the cluster.
    async fn retry_change(
        &self,
        ctx: &Context<'_>,
        input: RetryChangeInput,
    ) -> async_graphql::Result<RetryChangePayload> {
        RetryChangePayload::of(act(ctx, input.project, &input.change_id, Ok(Verb::Retry)).await)
    }

    /// Plans a stale change anew; earlier approvals are void.
    async fn replan_change(
        &self,
        ctx: &Context<'_>,
        input: ReplanChangeInput,
    ) -> async_graphql::Result<ReplanChangePayload> {
        ReplanChangePayload::of(act(ctx, input.project, &input.change_id, Ok(Verb::Replan)).await)
    }

    /// Requests a change back to what the cluster ran before this one. What cannot go back is held.
    async fn roll_back_change(
        &self,
        ctx: &Context<'_>,
        input: RollBackChangeInput,
    ) -> async_graphql::Result<RollBackChangePayload> {
        let verb = options(
            input.expected_plan_digest.as_ref(),
            input.reason,
            input.idempotency_key,
            input.apply_when_ready,
        );
        let verb = verb.map(Verb::RollBack).map_err(EngineError::from);
        RollBackChangePayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Acknowledges what the plan's findings ask to be acknowledged.
    async fn acknowledge_findings(
        &self,
        ctx: &Context<'_>,
        input: AcknowledgeFindingsInput,
    ) -> async_graphql::Result<AcknowledgeFindingsPayload> {
        let verb = seen(&input.plan_digest).map(|digest| Verb::Acknowledge(digest, input.reason));
        AcknowledgeFindingsPayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Approves the replacement of nodes.
    async fn approve_repave(
        &self,
        ctx: &Context<'_>,
        input: ApproveRepaveInput,
    ) -> async_graphql::Result<ApproveRepavePayload> {
        let kinds = Some(vec![RequirementKind::Repave]);
        let verb = seen(&input.plan_digest).map(|digest| Verb::Approve(digest, input.reason, kinds));
        ApproveRepavePayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Says no to a change that has not started.
    async fn reject_repave(
        &self,
        ctx: &Context<'_>,
        input: RejectRepaveInput,
    ) -> async_graphql::Result<RejectRepavePayload> {
        let verb = Ok(Verb::Reject(input.reason.unwrap_or_default()));
        RejectRepavePayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Approves all that a change requires.
    async fn approve_change(
        &self,
        ctx: &Context<'_>,
        input: ApproveChangeInput,
    ) -> async_graphql::Result<ApproveChangePayload> {
        let verb = seen(&input.plan_digest).map(|digest| Verb::Approve(digest, input.reason, None));
        ApproveChangePayload::of(act(ctx, input.project, &input.change_id, verb).await)
    }

    /// Takes one's own approvals back, before the change starts.
    async fn withdraw_approval(
        &self,
        ctx: &Context<'_>,
        input: WithdrawApprovalInput,
    ) -> async_graphql::Result<WithdrawApprovalPayload> {
        WithdrawApprovalPayload::of(act(ctx, input.project, &input.change_id, Ok(Verb::Withdraw)).await)
    }
}
