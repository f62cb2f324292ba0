//! Decisions about orphans.

use async_graphql::{Context, ID, InputObject, Object};
use strata_engine::{EngineError, OrphanDecision};

use super::payload::payloads;
use crate::{
    context::session,
    types::{change::Change, orphan::ids, scalar::DigestText, wish::options},
};

payloads! {
    /// What `scaleOrphansToZero` did.
    ScaleOrphansToZeroPayload { change: Change };
    /// What `restoreOrphans` did.
    RestoreOrphansPayload { change: Change };
    /// What `deleteOrphans` did.
    DeleteOrphansPayload { change: Change };
    /// What `keepOrphans` did.
    KeepOrphansPayload { change: Change };
}

/// Which orphans to decide about.
#[derive(Debug, InputObject)]
pub struct OrphanDecisionInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The cluster's name.
    cluster: String,
    /// The orphans; all that the decision fits when empty or left out.
    orphan_ids: Option<Vec<ID>>,
    /// The digest of the plan that you saw; refused when it is another one by now.
    expected_plan_digest: Option<DigestText>,
    /// Why; everybody can read it later.
    reason: Option<String>,
    /// The same key never starts the same work twice.
    idempotency_key: Option<String>,
    /// Whether to apply it as soon as its requirements are met; else `applyChange` does.
    apply_when_ready: Option<bool>,
}

async fn decide(
    ctx: &Context<'_>,
    input: OrphanDecisionInput,
    decision: OrphanDecision,
) -> Result<Change, EngineError> {
    let session = session(ctx, input.project.as_deref())?;
    let orphans = ids(input.orphan_ids.as_deref().unwrap_or_default())?;
    let options = options(
        input.expected_plan_digest.as_ref(),
        input.reason,
        input.idempotency_key,
        input.apply_when_ready,
    )?;
    let change = Box::pin(session.clean_up(input.cluster, orphans, decision, options)).await?;
    Ok(Change::new(session, change))
}

/// Mutations of orphans.
#[derive(Debug, Default)]
pub struct OrphanMutation;

#[Object]
impl OrphanMutation {
    /// Scales orphans to zero, restorably.
    async fn scale_orphans_to_zero(
        &self,
        ctx: &Context<'_>,
        input: OrphanDecisionInput,
    ) -> async_graphql::Result<ScaleOrphansToZeroPayload> {
        ScaleOrphansToZeroPayload::of(decide(ctx, input, OrphanDecision::ScaleToZero).await)
    }

    /// Gives orphans that were scaled to zero their former state back.
    async fn restore_orphans(
        &self,
        ctx: &Context<'_>,
        input: OrphanDecisionInput,
    ) -> async_graphql::Result<RestoreOrphansPayload> {
        RestoreOrphansPayload::of(decide(ctx, input, OrphanDecision::Restore).await)
    }

    /// Deletes orphans.
    async fn delete_orphans(
        &self,
        ctx: &Context<'_>,
        input: OrphanDecisionInput,
    ) -> async_graphql::Result<DeleteOrphansPayload> {
        DeleteOrphansPayload::of(decide(ctx, input, OrphanDecision::Delete).await)
    }

    /// Keeps orphans by decision.
    async fn keep_orphans(
        &self,
        ctx: &Context<'_>,
        input: OrphanDecisionInput,
    ) -> async_graphql::Result<KeepOrphansPayload> {
        KeepOrphansPayload::of(decide(ctx, input, OrphanDecision::Keep).await)
    }
}
