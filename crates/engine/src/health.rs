//! Judging the health of a cluster from the objects that Strata applied to it, read now.

use std::time::Duration;

use strata_cluster::{
    Absence, ClusterClient, Expectation, Marks, ObjectReference, WatchError, WatchOptions, goes_when_done,
};
use strata_model::{
    cluster::{Cluster, ClusterEvent, Health},
    object::Destination,
    orphan::OrphanState,
};

use crate::{error::EngineError, session::Session};

/// How long objects may take to be found healthy: they were before.
const PATIENCE: Duration = Duration::from_secs(5);

/// The states of an orphan that nobody renders: its health is nobody's.
const LISTED: [OrphanState; 3] = [OrphanState::Left, OrphanState::ScaledToZero, OrphanState::Kept];

impl Session {
    /// Whether all that Strata applied is healthy now; none when the cluster does not answer, or when a change took hold
    /// of it meanwhile. The verdict is recorded.
    pub(crate) async fn judge_health(&self, cluster: &Cluster) -> Result<Option<bool>, EngineError> {
        let Ok(client) = self.reach(cluster).await else { return Ok(None) };
        self.judge_health_with(cluster, &client).await
    }

    /// The same with a client that is there already.
    pub(crate) async fn judge_health_with(
        &self,
        cluster: &Cluster,
        client: &ClusterClient,
    ) -> Result<Option<bool>, EngineError> {
        let orphaned = self.rows().orphans_of_cluster(cluster.id, &LISTED).await?;
        let expectations: Vec<Expectation> = self
            .rows()
            .inventory_list(cluster.id)
            .await?
            .into_iter()
            .filter(|entry| entry.destination == Destination::Workload && entry.uid.is_some())
            .filter(|entry| {
                !orphaned.iter().any(|o| o.destination == entry.destination && o.key == entry.key)
            })
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
        let (health, reason) = match client.watch_until(expectations, &options, &|_, _| {}).await {
            Ok(()) => (Health::Healthy, "all that Strata applied is ready".to_owned()),
            Err(error @ WatchError::Unhealthy(_)) => {
                (Health::Degraded, self.words_of(cluster, &error.to_string()).await)
            }
            Err(WatchError::Cluster(error)) => {
                self.record_lost(cluster, &error.to_string()).await?;
                return Ok(None);
            }
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
}
