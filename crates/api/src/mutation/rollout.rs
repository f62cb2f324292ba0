//! Rollouts.

use async_graphql::{Context, ID, InputObject, Object};
use strata_engine::{CreateRollout, EngineError, Session};
use strata_model::{
    error::Refusal,
    id::ClusterId,
    rollout::{LabelSelector, Stage},
};

use super::payload::payloads;
use crate::{
    context::{rollout_of, session},
    types::{rollout::Rollout, scalar::KeyValue, wish::RevisionInput},
};

payloads! {
    /// What `createRollout` did.
    CreateRolloutPayload { rollout: Rollout };
    /// What `startRollout` did.
    StartRolloutPayload { rollout: Rollout };
    /// What `pauseRollout` did.
    PauseRolloutPayload { rollout: Rollout };
    /// What `resumeRollout` did.
    ResumeRolloutPayload { rollout: Rollout };
    /// What `abortRollout` did.
    AbortRolloutPayload { rollout: Rollout };
    /// What `rollBackRollout` did.
    RollBackRolloutPayload { rollout: Rollout };
    /// What `approveStage` did.
    ApproveStagePayload { rollout: Rollout };
    /// What `retryTargets` did.
    RetryTargetsPayload { rollout: Rollout };
    /// What `skipTargets` did.
    SkipTargetsPayload { rollout: Rollout };
}

/// What to roll out, to whom, how.
#[derive(Debug, InputObject)]
pub struct CreateRolloutInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its name, unique in the project: a second one of this name is refused.
    name: String,
    /// What the clusters shall run.
    target: RevisionInput,
    /// Its stages, in order; the first one whose selector matches a cluster has it.
    stages: Vec<StageInput>,
    /// How many failed clusters are tolerated.
    #[graphql(default)]
    failure_budget: u32,
    /// The same key never makes a second rollout.
    idempotency_key: Option<String>,
}

/// One stage of a rollout.
#[derive(Debug, InputObject)]
pub struct StageInput {
    /// Its name.
    name: String,
    /// The labels that its clusters have; all clusters when empty.
    selector: Option<Vec<KeyValue>>,
    /// How many clusters are under way at once.
    #[graphql(default = 1)]
    max_concurrency: u32,
    /// How long a cluster must stay healthy before it counts, in seconds.
    #[graphql(default)]
    soak_seconds: u32,
    /// Whether somebody must approve before it starts.
    #[graphql(default)]
    requires_approval: bool,
}

impl From<StageInput> for Stage {
    fn from(stage: StageInput) -> Self {
        Self {
            name: stage.name,
            selector: LabelSelector(KeyValue::map(stage.selector)),
            max_concurrency: stage.max_concurrency,
            soak_seconds: stage.soak_seconds,
            requires_approval: stage.requires_approval,
        }
    }
}

/// Which rollout to start, and why.
#[derive(Debug, InputObject)]
pub struct StartRolloutInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The rollout.
    rollout_id: ID,
    /// Why; everybody can read it later.
    reason: Option<String>,
    /// Sent again with the same key, it answers with the rollout as it is then.
    idempotency_key: Option<String>,
}

/// Which rollout, and why.
#[derive(Debug, InputObject)]
pub struct RolloutActionInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The rollout.
    rollout_id: ID,
    /// Why; everybody can read it later.
    reason: Option<String>,
}

/// Which stage to approve, and why.
#[derive(Debug, InputObject)]
pub struct ApproveStageInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The rollout.
    rollout_id: ID,
    /// The stage's number, from 0.
    stage: u32,
    /// Why; everybody can read it later.
    reason: String,
}

/// Which clusters to try again.
#[derive(Debug, InputObject)]
pub struct RetryTargetsInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The rollout.
    rollout_id: ID,
    /// Names of clusters; all failed ones when empty or left out.
    clusters: Option<Vec<String>>,
}

/// Which clusters to leave out, and why.
#[derive(Debug, InputObject)]
pub struct SkipTargetsInput {
    /// The project; may be left out.
    project: Option<String>,
    /// The rollout.
    rollout_id: ID,
    /// Names of clusters, at least one.
    clusters: Vec<String>,
    /// Why; everybody can read it later.
    reason: String,
}

macro_rules! act {
    ($ctx:ident, $input:ident, $verb:ident) => {{
        let outcome = async {
            let (session, rollout) =
                rollout_of($ctx, $input.project.as_deref(), &$input.rollout_id, "rolloutId").await?;
            let rollout = session.$verb(rollout.id, $input.reason).await?;
            Ok(Rollout::new(session, rollout))
        };
        outcome.await
    }};
}

async fn retry(ctx: &Context<'_>, input: RetryTargetsInput) -> Result<Rollout, EngineError> {
    let (session, rollout) =
        rollout_of(ctx, input.project.as_deref(), &input.rollout_id, "rolloutId").await?;
    let clusters = named(&session, input.clusters.unwrap_or_default()).await?;
    let rollout = session.retry_targets(rollout.id, clusters).await?;
    Ok(Rollout::new(session, rollout))
}

async fn skip(ctx: &Context<'_>, input: SkipTargetsInput) -> Result<Rollout, EngineError> {
    let (session, rollout) =
        rollout_of(ctx, input.project.as_deref(), &input.rollout_id, "rolloutId").await?;
    let clusters = named(&session, input.clusters).await?;
    let rollout = session.skip_targets(rollout.id, clusters, input.reason).await?;
    Ok(Rollout::new(session, rollout))
}

/// The clusters of these names.
async fn named(session: &Session, names: Vec<String>) -> Result<Vec<ClusterId>, EngineError> {
    let mut clusters = Vec::with_capacity(names.len());
    for name in names {
        let found = session.cluster(&name).await?;
        clusters.push(found.ok_or_else(|| Refusal::not_found("cluster", &name).at("clusters"))?.id);
    }
    Ok(clusters)
}

/// Mutations of rollouts.
#[derive(Debug, Default)]
pub struct RolloutMutation;

#[Object]
impl RolloutMutation {
    /// Makes a rollout over all clusters to which the profile is attached and which a stage selects.
    async fn create_rollout(
        &self,
        ctx: &Context<'_>,
        input: CreateRolloutInput,
    ) -> async_graphql::Result<CreateRolloutPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let wish = CreateRollout {
                name: input.name,
                target: input.target.wish(),
                stages: input.stages.into_iter().map(Stage::from).collect(),
                failure_budget: input.failure_budget,
            };
            let rollout = session.create_rollout_once(wish, input.idempotency_key).await?;
            Ok(Rollout::new(session, rollout))
        };
        CreateRolloutPayload::of(outcome.await)
    }

    /// Starts a draft.
    async fn start_rollout(
        &self,
        ctx: &Context<'_>,
        input: StartRolloutInput,
    ) -> async_graphql::Result<StartRolloutPayload> {
        let outcome = async {
            let (session, rollout) =
                rollout_of(ctx, input.project.as_deref(), &input.rollout_id, "rolloutId").await?;
            let rollout = session.start_rollout_once(rollout.id, input.reason, input.idempotency_key).await?;
            Ok(Rollout::new(session, rollout))
        };
        StartRolloutPayload::of(outcome.await)
    }

    /// Pauses: nothing new is started, changes under way go on.
    async fn pause_rollout(
        &self,
        ctx: &Context<'_>,
        input: RolloutActionInput,
    ) -> async_graphql::Result<PauseRolloutPayload> {
        PauseRolloutPayload::of(act!(ctx, input, pause_rollout))
    }

    /// Goes on after a pause or a halt.
    async fn resume_rollout(
        &self,
        ctx: &Context<'_>,
        input: RolloutActionInput,
    ) -> async_graphql::Result<ResumeRolloutPayload> {
        ResumeRolloutPayload::of(act!(ctx, input, resume_rollout))
    }

    /// Aborts: nothing new is started, ever; what is done stays.
    async fn abort_rollout(
        &self,
        ctx: &Context<'_>,
        input: RolloutActionInput,
    ) -> async_graphql::Result<AbortRolloutPayload> {
        AbortRolloutPayload::of(act!(ctx, input, abort_rollout))
    }

    /// Takes back: each cluster that was changed goes to what it ran before, by a change of its own.
    async fn roll_back_rollout(
        &self,
        ctx: &Context<'_>,
        input: RolloutActionInput,
    ) -> async_graphql::Result<RollBackRolloutPayload> {
        RollBackRolloutPayload::of(act!(ctx, input, roll_back_rollout))
    }

    /// Approves a stage that asks for it.
    async fn approve_stage(
        &self,
        ctx: &Context<'_>,
        input: ApproveStageInput,
    ) -> async_graphql::Result<ApproveStagePayload> {
        let outcome = async {
            let (session, rollout) =
                rollout_of(ctx, input.project.as_deref(), &input.rollout_id, "rolloutId").await?;
            let rollout = session.approve_stage(rollout.id, input.stage, input.reason).await?;
            Ok(Rollout::new(session, rollout))
        };
        ApproveStagePayload::of(outcome.await)
    }

    /// Tries clusters again that failed, were blocked or skipped.
    async fn retry_targets(
        &self,
        ctx: &Context<'_>,
        input: RetryTargetsInput,
    ) -> async_graphql::Result<RetryTargetsPayload> {
        RetryTargetsPayload::of(retry(ctx, input).await)
    }

    /// Leaves clusters out that failed, are blocked or have not begun: they count no more.
    async fn skip_targets(
        &self,
        ctx: &Context<'_>,
        input: SkipTargetsInput,
    ) -> async_graphql::Result<SkipTargetsPayload> {
        SkipTargetsPayload::of(skip(ctx, input).await)
    }
}
