//! Judging the health of a cluster from the objects that Strata applied for it, read now: on the cluster itself, and its
//! Cluster API objects on the management cluster.
//!
//! *Caveats.* A cluster is judged as a whole or not at all: while one of the two does not answer there is no verdict. That
//! the management cluster is silent says nothing about the connectivity of the cluster, and is recorded for itself.

use std::time::Duration;

use strata_cluster::{
    Absence, ClusterClient, ClusterError, Expectation, Marks, ObjectReference, WatchError, WatchOptions,
    goes_when_done,
};
use strata_model::{
    cluster::{Cluster, ClusterEvent, Health},
    inventory::InventoryEntry,
    object::Destination,
    orphan::OrphanState,
};

use crate::{error::EngineError, reach::ReachError, session::Session};

/// How long objects may take to be found healthy: they were before.
const PATIENCE: Duration = Duration::from_secs(5);

/// The states of an orphan that nobody renders: its health is nobody's.
const LISTED: [OrphanState; 3] = [OrphanState::Left, OrphanState::ScaledToZero, OrphanState::Kept];

impl Session {
    /// Whether all that Strata applied is healthy now; none when not all of it can be seen, or when a change took hold of
    /// the cluster meanwhile. The verdict is recorded.
    pub(crate) async fn judge_health(&self, cluster: &Cluster) -> Result<Option<bool>, EngineError> {
        let Ok(client) = self.reach(cluster).await else { return Ok(None) };
        self.judge_health_with(cluster, &client).await
    }

    /// The same with a client of the cluster that is there already.
    pub(crate) async fn judge_health_with(
        &self,
        cluster: &Cluster,
        client: &ClusterClient,
    ) -> Result<Option<bool>, EngineError> {
        let orphaned = self.rows().orphans_of_cluster(cluster.id, &LISTED).await?;
        let mut applied = self.rows().inventory_list(cluster.id).await?;
        applied.retain(|entry| {
            let orphan = orphaned.iter().any(|o| o.destination == entry.destination && o.key == entry.key);
            entry.uid.is_some() && !orphan
        });
        let (on_management, on_workload): (Vec<_>, Vec<_>) =
            applied.into_iter().partition(|entry| entry.destination == Destination::Management);
        let mut troubles = Vec::new();
        match self.look_at(client, cluster, on_workload).await {
            Ok(trouble) => troubles.extend(trouble),
            Err(error) => {
                self.record_lost(cluster, &error.to_string()).await?;
                return Ok(None);
            }
        }
        if !on_management.is_empty() {
            let client = match self.reach_management(cluster).await {
                Ok(client) => client,
                Err(ReachError::Engine(error)) => return Err(error),
                // Its own poll finds out, and says so.
                Err(_) => return Ok(None),
            };
            match self.look_at(&client, cluster, on_management).await {
                Ok(trouble) => troubles.extend(trouble),
                Err(_) => return Ok(None),
            }
        }
        let (health, reason) = if troubles.is_empty() {
            (Health::Healthy, "all that Strata applied is ready".to_owned())
        } else {
            (Health::Degraded, self.words_of(cluster, &troubles.join("; ")).await)
        };
        if cluster.health.value == health {
            return Ok(Some(health == Health::Healthy));
        }
        let (session, before) = (self.clone(), cluster.clone());
        let counts = self
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    // What was read while a change was sending says nothing about what it led to.
                    let now = tx.project(session.project).cluster_get(before.id).await?;
                    if now.change != before.change || now.applied != before.applied {
                        return Ok(false);
                    }
                    let judged = ClusterEvent::HealthJudged { health, reason };
                    session.ledger(tx).cluster(before.id, &[judged]).await?;
                    Ok(true)
                })
            })
            .await?;
        Ok(counts.then_some(health == Health::Healthy))
    }

    /// What is wrong with these objects, in the cluster's words; none when all are ready.
    async fn look_at(
        &self,
        client: &ClusterClient,
        cluster: &Cluster,
        entries: Vec<InventoryEntry>,
    ) -> Result<Option<String>, ClusterError> {
        let expectations: Vec<Expectation> = entries
            .into_iter()
            .map(|entry| {
                // What it applied was seen to be ready then.
                let absence = if goes_when_done(&entry.body) { Absence::Done } else { Absence::Missing };
                let reference = ObjectReference::new(entry.key, entry.api_version);
                Expectation::ready(reference, None).with_absence(absence)
            })
            .collect();
        let marks = Marks { installation: self.engine.store().installation().id, cluster: cluster.id };
        let options = WatchOptions {
            deadline: PATIENCE,
            label_selector: Some(marks.selector()),
            ..WatchOptions::default()
        };
        match client.watch_until(expectations, &options, &|_, _| {}).await {
            Ok(()) => Ok(None),
            Err(error @ WatchError::Unhealthy(_)) => Ok(Some(error.to_string())),
            Err(WatchError::Cluster(error)) => Err(error),
        }
    }
}
