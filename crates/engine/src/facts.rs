//! Facts: reading what renders may know of a living cluster, and keeping it.

use crate::{error::EngineError, reach::ReachError, session::Session};
use strata_cluster::ClusterClient;
use strata_model::{
    cluster::{Cluster, ClusterEvent, Connectivity, Infrastructure},
    fact::Facts,
    version::KubernetesVersion,
};

/// What was read of a cluster, with what Strata itself knows of it put in.
pub(crate) fn with_own(facts: Facts, cluster: &Cluster) -> Facts {
    Facts {
        cluster_name: cluster.name.to_string(),
        labels: cluster.labels.clone(),
        cloud: cluster.cloud.clone(),
        region: cluster.region.clone(),
        ..facts
    }
}

impl Session {
    /// The facts that were read last, with what Strata itself knows of the cluster put in.
    pub(crate) async fn known_facts(&self, cluster: &Cluster) -> Result<Facts, EngineError> {
        let facts = self.rows().facts_get(cluster.id).await?.map(|record| record.facts).unwrap_or_default();
        Ok(with_own(facts, cluster))
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
        let version = self.version_of(cluster, client).await?;
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

    /// The Kubernetes version that a cluster runs. One that Cluster API provides runs what its control-plane object
    /// reports: in an upgrade that is the version of its oldest machine, whichever machine answers. Until the object
    /// says anything, and while the management cluster does not answer, it is what was known before, or else what the
    /// API server says.
    async fn version_of(
        &self,
        cluster: &Cluster,
        client: &ClusterClient,
    ) -> Result<KubernetesVersion, ReachError> {
        if let Infrastructure::ClusterApi { namespace, name, .. } = &cluster.infrastructure {
            let told = match self.reach_management(cluster).await {
                Ok(management) => {
                    management.cluster_api_version(namespace, name).await.map_err(ReachError::from)
                }
                Err(error) => Err(error),
            };
            match told {
                Ok(Some(version)) => return Ok(version),
                Ok(None) => {}
                Err(ReachError::Engine(error @ EngineError::Internal(_))) => return Err(error.into()),
                Err(_) => {
                    tracing::debug!(cluster = %cluster.name, "its management cluster does not tell its version");
                    if let Some(known) = &cluster.kubernetes_version {
                        return Ok(known.clone());
                    }
                }
            }
        }
        Ok(client.version().await?)
    }

    /// Records that the cluster did not answer, once. The reason may hold what the cluster said.
    pub(crate) async fn record_lost(&self, cluster: &Cluster, reason: &str) -> Result<(), EngineError> {
        let known = |reason: &str| {
            cluster.connectivity.value == Connectivity::Offline && cluster.connectivity.reason == reason
        };
        // Most reasons have nothing to mask: then nothing is rendered for the same one again.
        if known(reason) {
            return Ok(());
        }
        let reason = self.words_of(cluster, reason).await;
        if known(&reason) {
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
