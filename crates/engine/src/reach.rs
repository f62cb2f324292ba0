//! Reaching clusters: the one place that knows how a cluster's connection is opened.

use strata_cluster::{ClusterClient, ClusterError, Connection, connect};
use strata_model::{
    cluster::{Cluster, ConnectionKind, Infrastructure},
    error::RefusalCode,
};

use crate::{error::EngineError, session::Session};

/// Why a cluster cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    /// It, or its management cluster, refuses or does not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Its identity is not the one that was registered.
    #[error(
        "the API server at this address belongs to another cluster: kube-system has the UID {found}, registered was {registered}"
    )]
    OtherCluster { registered: String, found: String },
    /// Cluster API has not made its credentials yet.
    #[error("the Secret {secret} is not there yet: the cluster is not far enough")]
    NoKubeconfig { secret: String },
    /// Something inside.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<strata_store::StoreError> for ReachError {
    fn from(error: strata_store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Session {
    /// A client of the cluster itself. For a cluster whose credentials lie in its management cluster, that one is asked.
    pub(crate) async fn reach(&self, cluster: &Cluster) -> Result<ClusterClient, ReachError> {
        let options = &self.engine.options().connect;
        let connection = match cluster.connection {
            ConnectionKind::Kubeconfig => {
                Connection::Kubeconfig(self.rows().connection_get(cluster.id).await?)
            }
            ConnectionKind::InCluster => Connection::InCluster,
            ConnectionKind::ManagementSecret => {
                let Infrastructure::ClusterApi { namespace, name, .. } = &cluster.infrastructure else {
                    return Err(
                        EngineError::internal("a management Secret without a management cluster").into()
                    );
                };
                let management = self.reach_management(cluster).await?;
                let kubeconfig = management.cluster_api_kubeconfig(namespace, name).await?;
                Connection::ManagementSecret(kubeconfig.ok_or_else(|| ReachError::NoKubeconfig {
                    secret: format!("{namespace}/{name}-kubeconfig"),
                })?)
            }
        };
        Ok(connect(&connection, options)?)
    }

    /// A client of the cluster that holds the cluster's Cluster API objects.
    pub(crate) async fn reach_management(&self, cluster: &Cluster) -> Result<ClusterClient, ReachError> {
        let Infrastructure::ClusterApi { management_cluster, .. } = &cluster.infrastructure else {
            return Err(EngineError::refuse(
                RefusalCode::IllegalState,
                format!("the cluster `{}` has no management cluster", cluster.name),
                "only clusters of kind CLUSTER_API have one",
            )
            .into());
        };
        let management = self.rows().cluster_get(*management_cluster).await?;
        // A management cluster that is provisioned by yet another one would lead in circles; its own kubeconfig is
        // asked for at registration.
        if management.connection == ConnectionKind::ManagementSecret {
            return Err(EngineError::refuse(
                RefusalCode::IllegalState,
                format!(
                    "the management cluster `{}` is itself reached through a management cluster",
                    management.name
                ),
                "register the management cluster with a kubeconfig of its own",
            )
            .into());
        }
        let client = Box::pin(self.reach(&management)).await?;
        Self::check_identity(&client, &management).await?;
        Ok(client)
    }

    /// Compares the UID of `kube-system` with the registered one and answers with it.
    pub(crate) async fn check_identity(
        client: &ClusterClient,
        cluster: &Cluster,
    ) -> Result<String, ReachError> {
        let found = client.identity().await?;
        match &cluster.uid {
            Some(registered) if *registered != found => {
                Err(ReachError::OtherCluster { registered: registered.clone(), found })
            }
            _ => Ok(found),
        }
    }
}
