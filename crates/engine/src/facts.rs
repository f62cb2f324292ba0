//! Facts: reading what renders may know of a living cluster, and keeping it.

use crate::{error::EngineError, reach::ReachError, session::Session};
use strata_cluster::ClusterClient;
use strata_model::{
    cluster::{Cluster, ClusterEvent, Connectivity},
    fact::Facts,
};

impl Session {
    /// The facts that were read last, with what Strata itself knows of the cluster put in.
    pub(crate) async fn known_facts(&self, cluster: &Cluster) -> Result<Facts, EngineError> {
        let mut facts =
            self.rows().facts_get(cluster.id).await?.map(|record| record.facts).unwrap_or_default();
        facts.cluster_name = cluster.name.to_string();
        facts.labels = cluster.labels.clone();
        facts.cloud = cluster.cloud.clone();
        facts.region = cluster.region.clone();
        Ok(facts)
    }

    /// Reads the facts anew, keeps them, and records that the cluster answered.
    ///
    /// An event is appended only when something a person would notice has changed: heartbeats leave no trace.
    pub(crate) async fn read_facts(
        &self,
        cluster: &Cluster,
        client: &ClusterClient,
    ) -> Result<Facts, ReachError> {
        let uid = Self::check_identity(client, cluster).await?;
        let version = client.version().await?;
        let served = client.facts().await?;
        let mut facts = self.known_facts(cluster).await?;
        served.put_into(&mut facts);
        facts.kubernetes_version = Some(version.clone());
        let news = cluster.connectivity.value != Connectivity::Online
            || cluster.uid.as_ref() != Some(&uid)
            || cluster.kubernetes_version.as_ref() != Some(&version);
        let (session, id, kept) = (self.clone(), cluster.id, facts.clone());
        self.engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    let now = tx.now();
                    tx.facts_put(session.project, id, &kept, now).await?;
                    if news {
                        let reached = ClusterEvent::Reached { uid, kubernetes_version: version };
                        session.ledger(tx).cluster(id, &[reached]).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(facts)
    }

    /// Records that the cluster did not answer, once.
    pub(crate) async fn record_lost(&self, cluster: &Cluster, reason: String) -> Result<(), EngineError> {
        if cluster.connectivity.value == Connectivity::Offline && cluster.connectivity.reason == reason {
            return Ok(());
        }
        let (session, id) = (self.clone(), cluster.id);
        self.engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    session.ledger(tx).cluster(id, &[ClusterEvent::Lost { reason }]).await?;
                    Ok(())
                })
            })
            .await
    }
}
