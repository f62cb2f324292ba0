//! Starting: the digest is checked on fresh facts, in the transaction that moves the change to APPLYING.
//!
//! Planning takes a while and reads outside of that transaction; the transaction therefore starts nothing unless all that
//! the planning read is still so.

use strata_model::{
    cluster::{Cluster, Phase},
    fact::FactKey,
};
use strata_plan::decide;

use super::{Run, Stop};
use crate::{
    error::EngineError,
    reach::ReachError,
    workbench::{Assembled, Intent},
};

/// How often a change is planned anew in a row when what it reads moves meanwhile.
const ATTEMPTS: usize = 5;

impl Run {
    /// Moves the change from SCHEDULED to APPLYING, or to STALE. Says whether to go on.
    pub(super) async fn begin(&mut self) -> Result<bool, Stop> {
        if !self.refresh_facts().await? {
            return Ok(false);
        }
        for _ in 0..ATTEMPTS {
            if let Some(started) = self.start_on_what_is_there().await? {
                return Ok(started);
            }
        }
        // Something goes on moving under it: others get their turn first.
        Ok(false)
    }

    /// Plans the change anew and starts it, or finds it stale. `None` when something that the plan may have read moved
    /// between the planning and the transaction: then it is planned once more.
    async fn start_on_what_is_there(&mut self) -> Result<Option<bool>, Stop> {
        let cluster = self.session.rows().cluster_get(self.cluster.id).await?;
        let anew = match self.session.assemble_again(&cluster, &self.change).await {
            Ok(anew) => anew,
            // What it was planned on has moved so far that there is no plan any more.
            Err(EngineError::Refused(refusals)) => {
                let moved =
                    refusals.iter().map(|refusal| format!("it cannot be planned any more: {refusal}"));
                return self.become_stale(moved.collect()).await.map(Some);
            }
            Err(error) => return Err(error.into()),
        };
        let moved = self.what_moved(&cluster.value, &anew).await?;
        let (digest, facts, macros) = (anew.plan.digest, anew.facts, anew.macros);
        // What it runs already, and what it goes back to, is kept for it.
        let before = match anew.from {
            Some(from) => self.session.rows().composition_get(from).await?.composition.attachments,
            None => Vec::new(),
        };
        let forward = matches!(anew.intent, Intent::Compose { .. });
        let wanted = anew.composition.filter(|_| forward).map(|composition| composition.attachments);
        let mut attachments = wanted.unwrap_or_default();
        attachments.retain(|attachment| !before.contains(attachment));
        let (session, id, lease) = (self.session.clone(), self.change.id, self.lease.clone());
        let change = self
            .session
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    tx.lease_check(&lease).await?;
                    let rows = tx.project(session.project);
                    let now = rows.cluster_get(cluster.value.id).await?;
                    // Inventory and orphans move with a change of this cluster only, and this one holds it. What else
                    // the plan reads is the cluster, labels included, the facts, which polls write beside it, and
                    // macros.
                    if now.seq != cluster.seq || rows.facts_digest(now.id).await? != facts {
                        return Ok(None);
                    }
                    if !rows.macros_are_still(&macros).await? {
                        return Ok(None);
                    }
                    // Held until the cluster is on its way to them; one that was deleted meanwhile is nobody's way.
                    let gone = tx.attachments_hold(session.project, &attachments).await?;
                    let started = session
                        .ledger(tx)
                        .change_decided(id, |change, _| match gone.first() {
                            Some(revision) => {
                                let moved =
                                    vec![format!("{}@{} was deleted", revision.profile, revision.version)];
                                Ok(decide::stale(change, moved).into_iter().collect())
                            }
                            None => Ok(vec![decide::start(change, &digest, moved, tx.now())?]),
                        })
                        .await?;
                    Ok(Some(started))
                })
            })
            .await?;
        let Some(change) = change else { return Ok(None) };
        self.cluster = self.session.rows().cluster_get(self.cluster.id).await?.value;
        self.change = change;
        Ok(Some(self.change.state.is_running()))
    }

    /// Records that the change cannot start on what is there now. Nothing was sent.
    async fn become_stale(&mut self, moved: Vec<String>) -> Result<bool, Stop> {
        let (session, id, lease) = (self.session.clone(), self.change.id, self.lease.clone());
        self.change = self
            .session
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    tx.lease_check(&lease).await?;
                    session
                        .ledger(tx)
                        .change_decided(id, |change, _| {
                            Ok(decide::stale(change, moved).into_iter().collect())
                        })
                        .await
                })
            })
            .await?;
        Ok(false)
    }

    /// Reads the facts anew from the cluster itself. A cluster that does not exist yet has none to read; one that does
    /// not answer keeps the change waiting, without a place among those under way.
    async fn refresh_facts(&mut self) -> Result<bool, Stop> {
        let reached = match self.session.reach(&self.cluster).await {
            Ok(client) => match self.session.read_facts(&self.cluster, &client).await {
                Ok(mut facts) => {
                    let lookups =
                        self.plan.facts_read.keys().filter(|key| matches!(key, FactKey::Lookup { .. }));
                    self.session
                        .look_up_with(&client, &self.cluster, &mut facts, lookups.cloned().collect())
                        .await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let unborn = matches!(self.cluster.phase.value, Phase::Pending | Phase::Provisioning)
            && self.cluster.applied.is_none();
        match reached {
            Ok(()) => {
                self.cluster = self.session.rows().cluster_get(self.cluster.id).await?.value;
                Ok(true)
            }
            Err(ReachError::NoKubeconfig { .. }) if unborn => Ok(true),
            Err(error @ ReachError::OtherCluster { .. }) => {
                let words = self.masked(&error.to_string()).await;
                self.become_stale(vec![format!("CLUSTER_IDENTITY_CHANGED: {words}")]).await
            }
            Err(ReachError::Engine(error)) => Err(Stop::Error(error)),
            Err(error) => {
                self.session.record_lost(&self.cluster, &error.to_string()).await?;
                Err(Stop::Silent)
            }
        }
    }

    /// What moved since the plan was made, in words.
    async fn what_moved(&self, cluster: &Cluster, anew: &Assembled) -> Result<Vec<String>, Stop> {
        if anew.plan.digest == self.change.plan_digest {
            return Ok(Vec::new());
        }
        let mut moved = Vec::new();
        if cluster.applied != self.change.from {
            moved.push("what the cluster runs".to_owned());
        }
        let macros = self.moved_macros(anew).await?;
        if anew.plan.to != self.plan.to && macros.is_empty() {
            moved.push("the wanted composition".to_owned());
        }
        moved.extend(macros);
        for (key, answer) in &self.plan.facts_read {
            if anew.plan.facts_read.get(key) != Some(answer) {
                moved.push(format!("the fact `{key}`"));
            }
        }
        if moved.is_empty() && anew.plan.actions != self.plan.actions {
            moved.push("what would be done to objects".to_owned());
        }
        if moved.is_empty() && anew.plan.findings != self.plan.findings {
            moved.push("what must be decided".to_owned());
        }
        if moved.is_empty() {
            moved.push(format!("the plan, to {}", anew.plan.digest.short()));
        }
        Ok(moved)
    }

    /// The macros that stand for something else than when the plan was made.
    async fn moved_macros(&self, anew: &Assembled) -> Result<Vec<String>, Stop> {
        let then = self.session.rows().composition_get(self.change.to).await?.composition.macros;
        let moved =
            anew.macros.iter().filter(|(name, value)| then.get(*name).is_some_and(|then| then != *value));
        Ok(moved.map(|(name, _)| format!("the macro `{name}`")).collect())
    }
}
