//! Rollouts: making, starting, pausing, aborting, taking back.

use serde::Serialize;
use serde_json::json;
use strata_model::{
    access::Permission,
    change::ChangeState,
    error::{Refusal, RefusalCode},
    id::{ClusterId, ProjectId, RolloutId},
    rollout::{Rollout, RolloutEvent, RolloutState, RolloutTarget, Stage, TargetState},
};
use strata_plan::{decide, rollout as schedule};
use strata_store::{ClusterFilter, ClusterOrder, Lease, Page, Scoped, Tx};

use super::idempotency::Key;
use crate::{error::EngineError, session::Session, wish::RevisionWish};

/// What to roll out, to whom, how.
#[derive(Debug, Clone, Serialize)]
pub struct CreateRollout {
    /// Its name, unique in the project.
    pub name: String,
    /// The profile revision that the clusters shall run.
    pub target: RevisionWish,
    /// In order; the first stage whose selector matches a cluster has it.
    pub stages: Vec<Stage>,
    /// How many failed clusters are tolerated.
    pub failure_budget: u32,
}

/// The right to move a rollout's changes: its lease, while the rollout stays in one state.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// The rollout.
    pub(crate) rollout: RolloutId,
    /// Its lease.
    pub(crate) lease: Lease,
    /// The state in which the decision was made.
    pub(crate) state: RolloutState,
}

impl Turn {
    /// Refuses, in the transaction that would start or move something, once somebody has paused or stopped the rollout
    /// or another server has it.
    ///
    /// # Errors
    /// `CONFLICT`.
    pub(crate) async fn check(&self, tx: &Tx, project: ProjectId) -> Result<(), EngineError> {
        tx.lease_check(&self.lease).await?;
        let state = tx.project(project).rollout_head(self.rollout).await?.value.state;
        if state == self.state {
            return Ok(());
        }
        Err(EngineError::refuse(
            RefusalCode::Conflict,
            format!("the rollout is {} by now", state.as_str()),
            "the next turn decides anew",
        ))
    }
}

/// The states of a change that has sent nothing yet.
const NOT_BEGUN: [ChangeState; 4] =
    [ChangeState::Planned, ChangeState::AwaitingApproval, ChangeState::Stale, ChangeState::Scheduled];

impl Session {
    /// Makes a rollout over all clusters to which the profile is attached and which a stage selects.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_INPUT`, `DUPLICATE_NAME`.
    pub async fn create_rollout(&self, wish: CreateRollout) -> Result<Rollout, EngineError> {
        self.create_rollout_once(wish, None).await
    }

    /// The same with an idempotency key: sent again, it answers with the rollout that was made then, as it is now.
    ///
    /// # Errors
    /// As [`Session::create_rollout`], and `IDEMPOTENCY_KEY_REUSED`.
    pub async fn create_rollout_once(
        &self,
        wish: CreateRollout,
        key: Option<String>,
    ) -> Result<Rollout, EngineError> {
        let session = self.clone();
        let subject = format!("rollout/{}", wish.name);
        self.audited(Permission::Operate, "createRollout", subject.clone(), async move {
            let key = session.key("createRollout", key.as_ref(), &serde_json::to_value(&wish)?);
            if let Some(rollout) = session.replayed_rollout(&session.rows(), key.as_ref()).await? {
                return Ok(rollout);
            }
            let attachment = session.resolve_revision(&wish.target).await?;
            let clusters = session.clusters_running(attachment.profile_id).await?;
            let targets = schedule::assign(&wish.stages, clusters.iter().map(|(id, labels)| (*id, labels)));
            let target =
                RolloutTarget { revision: attachment.revision, content_digest: attachment.content_digest };
            let events = decide::create_rollout(
                session.project,
                &wish.name,
                target,
                wish.stages,
                wish.failure_budget,
                targets,
            )?;
            let id = RolloutId::new(session.engine.ids().next());
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let rows = tx.project(session.project);
                        if let Some(rollout) = session.replayed_rollout(&rows, key.as_ref()).await? {
                            return Ok(rollout);
                        }
                        let rollout = session.ledger(tx).rollout(id, &events).await?;
                        session.note(tx, "createRollout", subject, None).await?;
                        if let Some(key) = &key {
                            session.remember(tx, key, serde_json::to_value(id)?).await?;
                        }
                        Ok(rollout)
                    })
                })
                .await
        })
        .await
    }

    /// The rollout that was made or started with this key before, as it is now.
    async fn replayed_rollout(
        &self,
        rows: &Scoped<'_>,
        key: Option<&Key>,
    ) -> Result<Option<Rollout>, EngineError> {
        let Some(key) = key else { return Ok(None) };
        let Some(answer) = self.answer_in(rows, key).await? else { return Ok(None) };
        let id: RolloutId = serde_json::from_value(answer)?;
        Ok(Some(rows.rollout_get(id).await?.value))
    }

    /// All clusters to which a profile is attached, with their labels.
    async fn clusters_running(
        &self,
        profile: strata_model::id::ProfileId,
    ) -> Result<Vec<(ClusterId, std::collections::BTreeMap<String, String>)>, EngineError> {
        let name = self.rows().profile_get(profile).await?.name;
        let filter = ClusterFilter {
            profile: Some(strata_store::ProfileFilter { profile: name, version: None, revision: None }),
            ..ClusterFilter::default()
        };
        let mut clusters = Vec::new();
        let mut after = None;
        loop {
            let page = Page { first: strata_store::PAGE_LIMIT, after };
            let found = self.rows().cluster_list(&filter, ClusterOrder::Name, &page).await?;
            after = found.edges.last().map(|edge| edge.cursor.clone());
            clusters.extend(found.edges.into_iter().map(|edge| (edge.node.value.id, edge.node.value.labels)));
            if !found.has_next {
                return Ok(clusters);
            }
        }
    }

    async fn decide_rollout(
        &self,
        permission: Permission,
        operation: &'static str,
        id: RolloutId,
        (reason, key): (Option<String>, Option<String>),
        choose: impl FnOnce(&Rollout) -> Result<Vec<RolloutEvent>, Refusal> + Send + 'static,
    ) -> Result<Rollout, EngineError> {
        let session = self.clone();
        self.audited(permission, operation, format!("rollout/{id}"), async move {
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let key = session.key(operation, key.as_ref(), &json!([id, reason]));
                        let rows = tx.project(session.project);
                        if let Some(rollout) = session.replayed_rollout(&rows, key.as_ref()).await? {
                            return Ok(rollout);
                        }
                        let rollout = session.ledger(tx).rollout_decided(id, choose).await?;
                        session.note(tx, operation, format!("rollout/{id}"), reason).await?;
                        if let Some(key) = &key {
                            session.remember(tx, key, serde_json::to_value(id)?).await?;
                        }
                        Ok(rollout)
                    })
                })
                .await
        })
        .await
    }

    /// Starts a draft.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_STATE`.
    pub async fn start_rollout(&self, id: RolloutId, reason: Option<String>) -> Result<Rollout, EngineError> {
        self.start_rollout_once(id, reason, None).await
    }

    /// The same with an idempotency key: sent again, it answers with the rollout as it is now.
    ///
    /// # Errors
    /// As [`Session::start_rollout`], and `IDEMPOTENCY_KEY_REUSED`.
    pub async fn start_rollout_once(
        &self,
        id: RolloutId,
        reason: Option<String>,
        key: Option<String>,
    ) -> Result<Rollout, EngineError> {
        let words = (reason, key);
        self.decide_rollout(Permission::Operate, "startRollout", id, words, decide::start_rollout).await
    }

    /// Pauses: nothing new is started, changes in flight go on.
    ///
    /// # Errors
    /// As [`Session::start_rollout`].
    pub async fn pause_rollout(&self, id: RolloutId, reason: Option<String>) -> Result<Rollout, EngineError> {
        self.decide_rollout(Permission::Operate, "pauseRollout", id, (reason, None), decide::pause_rollout)
            .await
    }

    /// Goes on after a pause or a halt.
    ///
    /// # Errors
    /// As [`Session::start_rollout`].
    pub async fn resume_rollout(
        &self,
        id: RolloutId,
        reason: Option<String>,
    ) -> Result<Rollout, EngineError> {
        self.decide_rollout(Permission::Operate, "resumeRollout", id, (reason, None), decide::resume_rollout)
            .await
    }

    /// Aborts: nothing new is started, ever; what is done stays.
    ///
    /// # Errors
    /// As [`Session::start_rollout`].
    pub async fn abort_rollout(&self, id: RolloutId, reason: Option<String>) -> Result<Rollout, EngineError> {
        self.decide_rollout(Permission::Operate, "abortRollout", id, (reason, None), decide::abort_rollout)
            .await
    }

    /// Takes back: each cluster that was changed goes to what it ran before, by a change of its own.
    ///
    /// # Errors
    /// As [`Session::start_rollout`].
    pub async fn roll_back_rollout(
        &self,
        id: RolloutId,
        reason: Option<String>,
    ) -> Result<Rollout, EngineError> {
        self.decide_rollout(
            Permission::Operate,
            "rollBackRollout",
            id,
            (reason, None),
            decide::roll_back_rollout,
        )
        .await
    }

    /// Approves a stage that asks for it.
    ///
    /// # Errors
    /// As [`Session::start_rollout`].
    pub async fn approve_stage(
        &self,
        id: RolloutId,
        stage: u32,
        reason: String,
    ) -> Result<Rollout, EngineError> {
        let kept = reason.clone();
        self.decide_rollout(Permission::Approve, "approveStage", id, (Some(kept), None), move |rollout| {
            decide::approve_stage(rollout, stage, &reason)
        })
        .await
    }

    /// Tries clusters again that failed, were blocked or skipped; all failed ones when none are named.
    ///
    /// # Errors
    /// As [`Session::start_rollout`].
    pub async fn retry_targets(
        &self,
        id: RolloutId,
        clusters: Vec<ClusterId>,
    ) -> Result<Rollout, EngineError> {
        self.decide_rollout(Permission::Operate, "retryTargets", id, (None, None), move |rollout| {
            let failed = || {
                let failed = rollout.targets.iter().filter(|target| target.state == TargetState::Failed);
                failed.map(|target| target.cluster).collect()
            };
            let chosen = if clusters.is_empty() { failed() } else { clusters };
            decide::retry_targets(rollout, &chosen)
        })
        .await
    }

    /// Leaves clusters out: they count no more, and hold nothing up. Their changes that have not begun are cancelled with
    /// it, so that nobody applies later what the rollout does not watch any more.
    ///
    /// # Errors
    /// As [`Session::start_rollout`], and `INVALID_INPUT` when none is named: there is no all for what is left out.
    pub async fn skip_targets(
        &self,
        id: RolloutId,
        clusters: Vec<ClusterId>,
        reason: String,
    ) -> Result<Rollout, EngineError> {
        let session = self.clone();
        self.audited(Permission::Operate, "skipTargets", format!("rollout/{id}"), async move {
            if clusters.is_empty() {
                return Err(Refusal::new(
                    RefusalCode::InvalidInput,
                    "no cluster is named",
                    "name each cluster that shall be left out; `strata rollout show` lists those that failed or are blocked",
                )
                .at("clusters")
                .into());
            }
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| Box::pin(async move { session.skip_in(tx, id, &clusters, reason).await }))
                .await
        })
        .await
    }

    async fn skip_in(
        &self,
        tx: &Tx,
        id: RolloutId,
        clusters: &[ClusterId],
        reason: String,
    ) -> Result<Rollout, EngineError> {
        let ledger = self.ledger(tx);
        let rollout =
            ledger.rollout_decided(id, |rollout| decide::skip_targets(rollout, clusters, &reason)).await?;
        let skipped = rollout.targets.iter().filter(|target| clusters.contains(&target.cluster));
        for change in skipped.filter_map(|target| target.change) {
            let why = format!("the rollout `{}` leaves this cluster out: {reason}", rollout.name);
            ledger
                .change_decided(change, |change, _| {
                    if NOT_BEGUN.contains(&change.state) {
                        decide::cancel(change, &why)
                    } else {
                        Ok(Vec::new())
                    }
                })
                .await?;
        }
        self.note(tx, "skipTargets", format!("rollout/{id}"), Some(reason)).await?;
        Ok(rollout)
    }
}
