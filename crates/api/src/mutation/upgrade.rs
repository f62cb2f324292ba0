//! Upgrades: a cluster is asked to become something else.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use strata_engine::{EngineError, Session, Wish};

use super::payload::{Outcome, payloads};
use crate::{
    context::session,
    error::{UserError, is_stale, user_errors},
    types::{
        change::Change,
        cluster::Cluster,
        scalar::{DigestText, SemVerText},
        wish::{OverrideInput, ResolutionInput, RevisionInput, VariableValueInput, WishInput, options},
    },
};

payloads! {
    /// What `requestUpgrade` did.
    RequestUpgradePayload { change: Change };
}

/// What a cluster should become, and how that is requested.
#[derive(Debug, InputObject)]
pub struct RequestUpgradeInput {
    /// What the cluster should become.
    #[graphql(flatten)]
    wish: WishInput,
    /// The digest of the plan that the requester saw; refused when it is another one by now.
    expected_plan_digest: Option<DigestText>,
    /// Why, in the requester's words.
    reason: Option<String>,
    /// The same key never starts the same work twice.
    idempotency_key: Option<String>,
    /// Whether to apply it as soon as its requirements are met; else `applyChange` does.
    apply_when_ready: Option<bool>,
}

macro_rules! short_forms {
    ($($(#[$doc:meta])* $input:ident, $(#[$payload_doc:meta])* $payload:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub struct $input {
            /// The project; may be left out when the token sees one only.
            project: Option<String>,
            /// The cluster's name.
            cluster: String,
            $($(#[$field_doc])* $field: $type,)*
            /// Decisions about merge conflicts.
            resolutions: Option<Vec<ResolutionInput>>,
            /// The digest of the plan that the requester saw; refused when it is another one by now.
            expected_plan_digest: Option<DigestText>,
            /// Why, in the requester's words.
            reason: Option<String>,
            /// The same key never starts the same work twice.
            idempotency_key: Option<String>,
            /// Whether to apply it as soon as its requirements are met; else `applyChange` does.
            apply_when_ready: Option<bool>,
        }

        $(#[$payload_doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $payload {
            /// The cluster; none when there are errors.
            cluster: Option<Cluster>,
            /// The change that does it; none on a PENDING cluster, whose first composition is edited instead.
            change: Option<Change>,
            /// What the caller has to mend.
            errors: Vec<UserError>,
        }

        impl $payload {
            async fn of(
                ctx: &Context<'_>,
                operation: &'static str,
                input: $input,
                part: impl FnOnce(WishInput, $($type,)*) -> WishInput,
            ) -> async_graphql::Result<Self> {
                let $input {
                    project, cluster, $($field,)* resolutions, expected_plan_digest, reason, idempotency_key,
                    apply_when_ready,
                } = input;
                let base = WishInput { project, cluster, resolutions, ..WishInput::default() };
                let wish = part(base, $($field,)*);
                let request = RequestUpgradeInput {
                    wish, expected_plan_digest, reason, idempotency_key, apply_when_ready,
                };
                match edit(ctx, operation, request).await {
                    (Ok((cluster, change)), _) => {
                        Ok(Self { cluster: Some(cluster), change, errors: Vec::new() })
                    }
                    (Err(error), current) => {
                        Ok(Self { cluster: None, change: None, errors: user_errors(error, current.as_ref())? })
                    }
                }
            }
        }
    )*};
}

short_forms! {
    /// Overrides to set and to drop.
    SetOverridesInput,
    /// What `setOverrides` did.
    SetOverridesPayload {
        /// Overrides to set; each replaces its layer's override.
        overrides: Option<Vec<OverrideInput>>,
        /// Layers whose override is dropped.
        unset_overrides: Option<Vec<String>>,
    }
    /// Variables to set and to take away.
    SetVariablesInput,
    /// What `setVariables` did.
    SetVariablesPayload {
        /// Variables to set.
        variables: Option<Vec<VariableValueInput>>,
        /// Variables to take away, so that the profile's default counts.
        unset_variables: Option<Vec<String>>,
    }
    /// A profile version to attach.
    AttachProfileInput,
    /// What `attachProfile` did.
    AttachProfilePayload {
        /// The profile's name.
        profile: String,
        /// The version.
        version: SemVerText,
        /// The revision; the newest when left out.
        revision: Option<u32>,
    }
    /// An add-on profile to detach.
    DetachProfileInput,
    /// What `detachProfile` did.
    DetachProfilePayload {
        /// The profile's name.
        profile: String,
    }
}

/// Edits a cluster; with the digest of the plan as it is now, when the one that was seen is stale.
async fn edit(
    ctx: &Context<'_>,
    operation: &'static str,
    input: RequestUpgradeInput,
) -> (Result<(Cluster, Option<Change>), EngineError>, Option<DigestText>) {
    let (session, wish, options) = match read(ctx, input) {
        Ok(read) => read,
        Err(error) => return (Err(error), None),
    };
    match Box::pin(session.edit_cluster(operation, wish.clone(), options)).await {
        Ok((cluster, change)) => {
            let change = change.map(|change| Change::new(session.clone(), change));
            (Ok((Cluster::new(session, cluster), change)), None)
        }
        Err(error) => {
            let current = current(&session, &wish, &error).await;
            (Err(error), current)
        }
    }
}

fn read(
    ctx: &Context<'_>,
    input: RequestUpgradeInput,
) -> Result<(Session, Wish, strata_engine::RequestOptions), EngineError> {
    let session = session(ctx, input.wish.project.as_deref())?;
    let options = options(
        input.expected_plan_digest.as_ref(),
        input.reason,
        input.idempotency_key,
        input.apply_when_ready,
    )?;
    Ok((session, input.wish.wish()?, options))
}

/// The digest of the plan as it is now, when the one that was seen is stale.
async fn current(session: &Session, wish: &Wish, error: &EngineError) -> Option<DigestText> {
    if !is_stale(error) {
        return None;
    }
    Box::pin(session.preview_upgrade(wish)).await.ok().map(|record| (&record.plan.digest).into())
}

/// Mutations that ask a cluster to become something else.
#[derive(Debug, Default)]
pub struct UpgradeMutation;

#[Object]
impl UpgradeMutation {
    /// Requests a change of what a cluster runs.
    async fn request_upgrade(
        &self,
        ctx: &Context<'_>,
        input: RequestUpgradeInput,
    ) -> async_graphql::Result<RequestUpgradePayload> {
        let (session, wish, options) = match read(ctx, input) {
            Ok(read) => read,
            Err(error) => return RequestUpgradePayload::of(Err(error)),
        };
        let outcome = Box::pin(session.request_upgrade(wish.clone(), options)).await;
        let current = match &outcome {
            Err(error) => current(&session, &wish, error).await,
            Ok(_) => None,
        };
        let result = outcome.map(|change| Change::new(session, change));
        RequestUpgradePayload::of(Outcome { result, current })
    }

    /// Sets and drops overrides: a short form of `requestUpgrade`; on a PENDING cluster it edits its first composition.
    async fn set_overrides(
        &self,
        ctx: &Context<'_>,
        input: SetOverridesInput,
    ) -> async_graphql::Result<SetOverridesPayload> {
        let part = |wish, overrides, unset_overrides| WishInput { overrides, unset_overrides, ..wish };
        SetOverridesPayload::of(ctx, "setOverrides", input, part).await
    }

    /// Sets variables: a short form of `requestUpgrade`; on a PENDING cluster it edits its first composition.
    async fn set_variables(
        &self,
        ctx: &Context<'_>,
        input: SetVariablesInput,
    ) -> async_graphql::Result<SetVariablesPayload> {
        let part = |wish, variables, unset_variables| WishInput { variables, unset_variables, ..wish };
        SetVariablesPayload::of(ctx, "setVariables", input, part).await
    }

    /// Attaches a profile version, or swaps to it: a short form of `requestUpgrade`; on a PENDING cluster it edits its
    /// first composition.
    async fn attach_profile(
        &self,
        ctx: &Context<'_>,
        input: AttachProfileInput,
    ) -> async_graphql::Result<AttachProfilePayload> {
        let part = |wish, profile, version, revision| {
            let attach = Some(vec![RevisionInput { profile, version, revision }]);
            WishInput { attach, ..wish }
        };
        AttachProfilePayload::of(ctx, "attachProfile", input, part).await
    }

    /// Detaches an add-on profile; what it brought is left behind as orphans. A short form of `requestUpgrade`; on a
    /// PENDING cluster it edits its first composition.
    async fn detach_profile(
        &self,
        ctx: &Context<'_>,
        input: DetachProfileInput,
    ) -> async_graphql::Result<DetachProfilePayload> {
        let part = |wish, profile| WishInput { detach: Some(vec![profile]), ..wish };
        DetachProfilePayload::of(ctx, "detachProfile", input, part).await
    }
}
