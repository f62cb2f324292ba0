//! Judging the health of a cluster from the objects that Strata applied to it, read now.

use std::time::Duration;

use strata_cluster::{Expectation, Marks, ObjectReference, WatchError, WatchOptions};
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
    /// Whether all that Strata applied is healthy now; none when the cluster does not answer. The verdict is recorded.
    pub(crate) async fn judge_health(&self, cluster: &Cluster) -> Result<Option<bool>, EngineError> {
        let Ok(client) = self.reach(cluster).await else { return Ok(None) };
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
            .map(|entry| Expectation::ready(ObjectReference::new(entry.key, entry.api_version), None))
            .collect();
        let marks = Marks { installation: self.engine.store().installation().id, cluster: cluster.id };
        let options = WatchOptions {
            deadline: PATIENCE,
            label_selector: Some(marks.selector()),
            ..WatchOptions::default()
        };
        let (health, reason) = match client.watch_until(expectations, &options, &|_, _| {}).await {
            Ok(()) => (Health::Healthy, "all that Strata applied is ready".to_owned()),
            Err(error @ WatchError::Unhealthy(_)) => (Health::Degraded, error.to_string()),
            Err(WatchError::Cluster(error)) => {
                self.record_lost(cluster, error.to_string()).await?;
                return Ok(None);
            }
        };
        if cluster.health.value != health {
            let (session, id) = (self.clone(), cluster.id);
            self.engine
                .store()
                .try_write::<_, EngineError, _>(move |tx| {
                    Box::pin(async move {
                        let judged = ClusterEvent::HealthJudged { health, reason };
                        session.ledger(tx).cluster(id, &[judged]).await?;
                        Ok(())
                    })
                })
                .await?;
        }
        Ok(Some(health == Health::Healthy))
    }
}
