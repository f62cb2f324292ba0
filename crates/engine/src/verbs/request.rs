//! Previewing, requesting and re-planning changes of a cluster's composition.

use serde_json::json;
use strata_model::{
    access::Permission,
    change::{Change, ChangeKind, ChangeState},
    cluster::{Cluster, ClusterEvent, Phase},
    composition::Composition,
    digest::Digest,
    error::{Refusal, RefusalCode},
    evidence::Evidence,
    id::{ChangeId, ClusterId, CompositionId},
    profile::RevisionReference,
};
use strata_plan::decide::{self, ApplyWhen};
use strata_store::{NewPlan, Stored, StoredPlan, Tx};

use super::{Turn, change::keeps, idempotency::Key};
use crate::{
    error::EngineError,
    reads::PlanRecord,
    session::Session,
    wish::{RequestOptions, Wish},
    workbench::Assembled,
};

impl Session {
    /// The exact effect of a wish. Stores the plan; changes nothing.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, and whatever is wrong with the wish.
    pub async fn preview_upgrade(&self, wish: &Wish) -> Result<PlanRecord, EngineError> {
        self.permit(Permission::Read)?;
        let cluster = self.cluster_named(&wish.cluster).await?;
        let assembled = self.assemble_wish(&cluster, wish).await?;
        self.keep_preview(assembled).await
    }

    /// The same, and what the living cluster says to it. A cluster that does not answer is no error: the evidence says so.
    ///
    /// # Errors
    /// As [`Session::preview_upgrade`].
    pub async fn preview_upgrade_live(&self, wish: &Wish) -> Result<PlanRecord, EngineError> {
        self.permit(Permission::Read)?;
        let cluster = self.cluster_named(&wish.cluster).await?;
        let assembled = self.assemble_wish(&cluster, wish).await?;
        let asked = self.take_evidence(&cluster, &assembled.plan, &assembled.render);
        let evidence = Box::pin(asked).await?;
        self.keep(assembled, Some(evidence)).await
    }

    /// Plans a wish to be looked at.
    async fn assemble_wish(&self, cluster: &Stored<Cluster>, wish: &Wish) -> Result<Assembled, EngineError> {
        match wish.roll_back {
            Some(change) => {
                let earlier = self.way_back(cluster, wish, change).await?;
                self.assemble_rollback_preview(cluster, earlier).await
            }
            None => {
                let request = self.composition_request(wish).await?;
                self.assemble_preview(cluster, request).await
            }
        }
    }

    /// What a wish asks to go back to.
    async fn way_back(
        &self,
        cluster: &Stored<Cluster>,
        wish: &Wish,
        change: ChangeId,
    ) -> Result<CompositionId, EngineError> {
        if wish.is_forward() {
            let refusal = Refusal::new(
                RefusalCode::InvalidInput,
                "going back cannot be mixed with other wishes: it brings what the cluster ran then",
                "go back first, and ask for the rest in another change",
            );
            return Err(refusal.at("rollBack").into());
        }
        let change = self.rows().change_get(change).await?;
        if change.cluster != cluster.value.id {
            let message = format!("the change is none of `{}`", cluster.value.name);
            let refusal = Refusal::new(
                RefusalCode::InvalidInput,
                message,
                "name a change of this cluster: `strata change list`",
            );
            return Err(refusal.at("rollBack").into());
        }
        before(&change)
    }

    /// Stores a plan that nobody has requested yet.
    pub(crate) async fn keep_preview(&self, assembled: Assembled) -> Result<PlanRecord, EngineError> {
        self.keep(assembled, None).await
    }

    async fn keep(
        &self,
        assembled: Assembled,
        evidence: Option<Evidence>,
    ) -> Result<PlanRecord, EngineError> {
        let session = self.clone();
        let stored = self
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move { session.store_plan_with(tx, &assembled, evidence.as_ref()).await })
            })
            .await?;
        Ok(stored.into())
    }

    /// Requests a change to what is wished for.
    ///
    /// # Errors
    /// `FORBIDDEN`, `STALE_PLAN` when the plan is not the expected one, `CONFLICT` when the cluster moved meanwhile, and
    /// whatever is wrong with the wish.
    pub async fn request_upgrade(&self, wish: Wish, options: RequestOptions) -> Result<Change, EngineError> {
        let session = self.clone();
        let subject = format!("cluster/{}", wish.cluster);
        self.audited(Permission::Operate, "requestUpgrade", subject, async move {
            let key = session.request_key("requestUpgrade", &options, &serde_json::to_value(&wish)?);
            if let Some(change) = session.replayed(key.as_ref()).await? {
                return Ok(change);
            }
            let cluster = session.cluster_named(&wish.cluster).await?;
            let assembled = match wish.roll_back {
                Some(change) => {
                    let earlier = session.way_back(&cluster, &wish, change).await?;
                    session.assemble_rollback(&cluster, earlier).await?
                }
                None => {
                    let request = session.composition_request(&wish).await?;
                    session.assemble(&cluster, ChangeKind::Apply, request).await?
                }
            };
            session.request(&cluster, assembled, options, None, "requestUpgrade", key).await
        })
        .await
    }

    /// Stores plan, composition and change in one transaction.
    pub(crate) async fn request(
        &self,
        cluster: &Stored<Cluster>,
        assembled: Assembled,
        options: RequestOptions,
        turn: Option<Turn>,
        operation: &'static str,
        key: Option<Key>,
    ) -> Result<Change, EngineError> {
        check_expected(options.expected_plan_digest.as_ref(), &assembled)?;
        let change_id = ChangeId::new(self.engine.ids().next());
        let (session, before) = (self.clone(), cluster.clone());
        self.engine
            .store()
            .try_write(move |tx| {
                Box::pin(async move {
                    if let Some(key) = &key
                        && let Some(answer) = session.answered(tx, key).await?
                    {
                        let id: ChangeId = serde_json::from_value(answer)?;
                        return Ok(tx.project(session.project).change_get(id).await?.value);
                    }
                    if let Some(turn) = &turn {
                        turn.check(tx, session.project).await?;
                    }
                    // The plan was made on this state of the cluster; if it moved, the plan may be wrong.
                    let now = tx.project(session.project).cluster_get(before.value.id).await?;
                    if now.seq != before.seq && moved(&before.value, &now.value, &assembled) {
                        return Err(EngineError::refuse(
                            RefusalCode::Conflict,
                            "the cluster was changed while this was planned",
                            "look at the new preview and repeat the request",
                        ));
                    }
                    let stored = session.store_plan(tx, &assembled).await?;
                    let event = decide::requested(
                        session.project,
                        stored.id,
                        &stored.plan,
                        stored.from,
                        stored.to,
                        options.reason.clone(),
                        turn.as_ref().map(|turn| turn.rollout),
                    );
                    let ledger = session.ledger(tx);
                    let mut change = ledger.change(change_id, &[event]).await?;
                    let now = tx.now();
                    // A rollout asks for what can begin in its turn, and for no more; what is taken back has its place.
                    let in_turn =
                        turn.is_none() || change.kind == ChangeKind::Rollback || !keeps(&change, now);
                    if options.apply_when_ready && change.blocked_by.is_empty() && in_turn {
                        let digest = change.plan_digest.clone();
                        let waits_for_turn = turn.is_some() && change.kind != ChangeKind::Rollback;
                        change = ledger
                            .change_decided(change_id, |change, holder| {
                                if waits_for_turn && holder.is_some() {
                                    return Ok(Vec::new());
                                }
                                decide::apply(change, &digest, ApplyWhen::Approved, holder, now)
                            })
                            .await?;
                    }
                    if let Some(turn) = &turn {
                        session.move_target_in(tx, turn.rollout, before.value.id, &change).await?;
                    }
                    let subject = format!("change/{change_id}");
                    session
                        .note(tx, operation, subject, Some(options.reason).filter(|r| !r.is_empty()))
                        .await?;
                    if let Some(key) = &key {
                        session.remember(tx, key, serde_json::to_value(change_id)?).await?;
                    }
                    Ok(change)
                })
            })
            .await
    }

    /// The short forms of a request. On a PENDING cluster they edit its first composition and nothing is applied yet.
    ///
    /// # Errors
    /// As [`Session::request_upgrade`].
    pub async fn edit_cluster(
        &self,
        operation: &'static str,
        wish: Wish,
        options: RequestOptions,
    ) -> Result<(Cluster, Option<Change>), EngineError> {
        let cluster = self.cluster_named(&wish.cluster).await?;
        if cluster.phase.value != Phase::Pending || cluster.change.is_some() {
            let change = self.request_upgrade(wish, options).await?;
            return Ok((self.rows().cluster_get(cluster.id).await?.value, Some(change)));
        }
        let session = self.clone();
        let subject = format!("cluster/{}", wish.cluster);
        let edited = self
            .audited(Permission::Operate, operation, subject.clone(), async move {
                let request = session.composition_request(&wish).await?;
                let composed = session.compose_first(&cluster, request).await?;
                let (id, seq) = (cluster.id, cluster.seq);
                let engine = session.engine.clone();
                engine
                    .store()
                    .try_write(move |tx| {
                        Box::pin(async move {
                            let now = tx.project(session.project).cluster_get(id).await?;
                            if now.seq != seq && now.wanted != cluster.wanted {
                                return Err(Refusal::new(
                                    RefusalCode::Conflict,
                                    "somebody else edited this cluster meanwhile",
                                    "look at it and repeat what you wanted",
                                )
                                .into());
                            }
                            session.refuse_deleted(tx, &composed).await?;
                            let composition = tx.composition_insert(session.project, id, &composed).await?.id;
                            session.first_composition_edited(tx, id).await?;
                            let cluster = session
                                .ledger(tx)
                                .cluster(id, &[ClusterEvent::Composed { composition }])
                                .await?;
                            session.note(tx, operation, subject, None).await?;
                            Ok(cluster)
                        })
                    })
                    .await
            })
            .await?;
        Ok((edited, None))
    }

    /// Refuses a composition of versions that were deleted meanwhile, and keeps the others from being deleted until it is there.
    async fn refuse_deleted(&self, tx: &Tx, composition: &Composition) -> Result<(), EngineError> {
        let gone = tx.attachments_hold(self.project, &composition.attachments).await?;
        let Some(revision) = gone.first() else { return Ok(()) };
        Err(deleted(revision).into())
    }

    /// What was planned on the first composition as it was is stale.
    async fn first_composition_edited(&self, tx: &Tx, cluster: ClusterId) -> Result<(), EngineError> {
        let planned = [ChangeState::Planned, ChangeState::AwaitingApproval];
        for change in tx.project(self.project).changes_of_cluster(cluster, &planned).await? {
            let moved = vec!["the cluster's first composition was edited".to_owned()];
            self.ledger(tx)
                .change_decided(change.value.id, |change, _| {
                    Ok(decide::stale(change, moved).into_iter().collect())
                })
                .await?;
        }
        Ok(())
    }

    /// Plans a change anew on what the cluster is now; approvals are void.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_STATE`.
    pub async fn replan_change(&self, id: ChangeId) -> Result<Change, EngineError> {
        let session = self.clone();
        self.audited(Permission::Operate, "replanChange", format!("change/{id}"), async move {
            session.replan(id, None).await
        })
        .await
    }

    /// The same without permission and audit of refusals; in a rollout's turn also puts its target where the change is.
    pub(crate) async fn replan(&self, id: ChangeId, turn: Option<Turn>) -> Result<Change, EngineError> {
        let session = self.clone();
        let change = session.rows().change_get(id).await?;
        let cluster = session.rows().cluster_get(change.cluster).await?;
        let assembled = session.assemble_again(&cluster, &change).await?;
        self.engine
            .store()
            .try_write(move |tx| {
                Box::pin(async move {
                    if let Some(turn) = &turn {
                        turn.check(tx, session.project).await?;
                    }
                    let stored = session.store_plan(tx, &assembled).await?;
                    let change = session
                        .ledger(tx)
                        .change_decided(id, |change, _| {
                            decide::replan(change, stored.id, &stored.plan, stored.from, stored.to)
                        })
                        .await?;
                    session.note(tx, "replanChange", format!("change/{id}"), None).await?;
                    if let Some(turn) = &turn {
                        session.move_target_in(tx, turn.rollout, change.cluster, &change).await?;
                    }
                    Ok(change)
                })
            })
            .await
    }

    /// Requests a change back to what the cluster ran before this one. What cannot go back is held.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_STATE` for a change that did not succeed or was the cluster's first.
    pub async fn roll_back_change(
        &self,
        id: ChangeId,
        options: RequestOptions,
    ) -> Result<Change, EngineError> {
        let session = self.clone();
        self.audited(Permission::Operate, "rollBackChange", format!("change/{id}"), async move {
            let key = session.request_key("rollBackChange", &options, &json!(id));
            if let Some(change) = session.replayed(key.as_ref()).await? {
                return Ok(change);
            }
            let change = session.rows().change_get(id).await?;
            let earlier = before(&change)?;
            let cluster = session.rows().cluster_get(change.cluster).await?;
            let assembled = session.assemble_rollback(&cluster, earlier).await?;
            session.request(&cluster, assembled, options, None, "rollBackChange", key).await
        })
        .await
    }

    /// Writes what was assembled: the composition it leads to, the plan, and what carries it out.
    pub(crate) async fn store_plan(&self, tx: &Tx, assembled: &Assembled) -> Result<StoredPlan, EngineError> {
        self.store_plan_with(tx, assembled, None).await
    }

    async fn store_plan_with(
        &self,
        tx: &Tx,
        assembled: &Assembled,
        evidence: Option<&Evidence>,
    ) -> Result<StoredPlan, EngineError> {
        let to = match (&assembled.composition, assembled.from) {
            (Some(composition), _) => {
                tx.composition_insert(self.project, assembled.plan.cluster, composition).await?.id
            }
            (None, Some(same)) => same,
            (None, None) => return Err(EngineError::internal("a plan that leads nowhere")),
        };
        let plan = NewPlan {
            project: self.project,
            from: assembled.from,
            to,
            plan: &assembled.plan,
            intent: &serde_json::to_value(&assembled.intent)?,
            render: &assembled.render,
            evidence,
            expires_at: self.plan_expiry(),
        };
        Ok(tx.plan_insert(plan).await?)
    }

    fn plan_expiry(&self) -> strata_model::Timestamp {
        let lifetime = jiff::SignedDuration::try_from(self.engine.options().plan_lifetime);
        self.now().checked_add(lifetime.unwrap_or(jiff::SignedDuration::MAX)).unwrap_or(jiff::Timestamp::MAX)
    }
}

/// A version that was deleted cannot be attached.
pub(crate) fn deleted(revision: &RevisionReference) -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        format!("{}@{} was deleted", revision.profile, revision.version),
        format!("choose another version: `strata profile show {}` lists them", revision.profile),
    )
}

fn check_expected(expected: Option<&Digest>, assembled: &Assembled) -> Result<(), EngineError> {
    match expected {
        Some(expected) if *expected != assembled.plan.digest => Err(Refusal::new(
            RefusalCode::StalePlan,
            "the plan is not the one that was shown",
            "look at the new preview, then request that",
        )
        .with_moved(vec![format!("the plan is now {}", assembled.plan.digest)])
        .at("expectedPlanDigest")
        .into()),
        _ => Ok(()),
    }
}

/// Whether what a plan was made on has moved: what the cluster runs or, while it runs nothing, its first composition.
fn moved(before: &Cluster, now: &Cluster, assembled: &Assembled) -> bool {
    now.applied != assembled.from || (now.applied.is_none() && now.wanted != before.wanted)
}

/// What a cluster ran before a change that succeeded.
fn before(change: &Change) -> Result<CompositionId, EngineError> {
    change.from.filter(|_| change.state == ChangeState::Succeeded).ok_or_else(|| {
        EngineError::refuse(
            RefusalCode::IllegalState,
            "there is nothing to go back to",
            "only a change that succeeded on a cluster that ran something before can be rolled back",
        )
    })
}
