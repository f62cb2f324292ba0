//! Clusters: registered, labelled, let go.

use async_graphql::{Context, InputObject, Object, OneofObject};
use strata_engine::{RegisterCluster, RegisterInfrastructure};
use strata_model::secret::SecretText;

use super::payload::payloads;
use crate::{
    context::session,
    types::{cluster::Cluster, scalar::KeyValue},
};

payloads! {
    /// What `registerCluster` did.
    RegisterClusterPayload { cluster: Cluster };
    /// What `updateCluster` did.
    UpdateClusterPayload { cluster: Cluster };
    /// What `deregisterCluster` did.
    DeregisterClusterPayload { cluster: Cluster };
}

/// A cluster to register.
#[derive(Debug, InputObject)]
pub struct RegisterClusterInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// Its name, unique in the project.
    name: String,
    /// Its labels.
    labels: Option<Vec<KeyValue>>,
    /// Where its machines come from.
    infrastructure: InfrastructureInput,
    /// Its cloud, for templates.
    cloud: Option<String>,
    /// Its region, for templates.
    region: Option<String>,
}

/// Where the machines of a cluster come from.
#[derive(Debug, OneofObject)]
pub enum InfrastructureInput {
    /// It exists: Strata puts add-ons on it and leaves its machines alone.
    Imported(ImportedInput),
    /// Cluster API provisions it.
    ClusterApi(ClusterApiInput),
}

/// A cluster that exists.
#[derive(Debug, InputObject)]
pub struct ImportedInput {
    /// How to reach it: the text of a kubeconfig. It is sealed, and never shown again.
    #[graphql(secret)]
    kubeconfig: String,
}

/// A cluster that Cluster API provisions.
#[derive(Debug, InputObject)]
pub struct ClusterApiInput {
    /// The name of the registered cluster where its Cluster API objects live.
    management_cluster: String,
    /// Their namespace there.
    namespace: String,
    /// The name of the Cluster object there.
    name: String,
}

/// A cluster's new labels.
#[derive(Debug, InputObject)]
pub struct UpdateClusterInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The cluster's name.
    name: String,
    /// All its labels; what is not named is taken away.
    labels: Vec<KeyValue>,
}

/// A cluster to let go.
#[derive(Debug, InputObject)]
pub struct DeregisterClusterInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The cluster's name.
    name: String,
    /// Why; everybody can read it later.
    reason: Option<String>,
}

/// Mutations of clusters.
#[derive(Debug, Default)]
pub struct ClusterMutation;

#[Object]
impl ClusterMutation {
    /// Registers a cluster: one that exists, or one that Cluster API provisions.
    async fn register_cluster(
        &self,
        ctx: &Context<'_>,
        input: RegisterClusterInput,
    ) -> async_graphql::Result<RegisterClusterPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let infrastructure = match input.infrastructure {
                InfrastructureInput::Imported(imported) => {
                    RegisterInfrastructure::Imported { kubeconfig: SecretText::new(imported.kubeconfig) }
                }
                InfrastructureInput::ClusterApi(api) => RegisterInfrastructure::ClusterApi {
                    management_cluster: api.management_cluster,
                    namespace: api.namespace,
                    name: api.name,
                },
            };
            let wish = RegisterCluster {
                name: input.name,
                labels: KeyValue::map(input.labels),
                infrastructure,
                cloud: input.cloud,
                region: input.region,
            };
            let cluster = session.register_cluster(wish).await?;
            Ok(Cluster::new(session, cluster))
        };
        RegisterClusterPayload::of(outcome.await)
    }

    /// Gives a cluster other labels.
    async fn update_cluster(
        &self,
        ctx: &Context<'_>,
        input: UpdateClusterInput,
    ) -> async_graphql::Result<UpdateClusterPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let cluster = session.update_cluster(input.name, KeyValue::map(Some(input.labels))).await?;
            Ok(Cluster::new(session, cluster))
        };
        UpdateClusterPayload::of(outcome.await)
    }

    /// Lets a cluster go: Strata forgets how to reach it, and leaves it as it is.
    async fn deregister_cluster(
        &self,
        ctx: &Context<'_>,
        input: DeregisterClusterInput,
    ) -> async_graphql::Result<DeregisterClusterPayload> {
        let outcome = async {
            let session = session(ctx, input.project.as_deref())?;
            let cluster = session.deregister_cluster(input.name, input.reason).await?;
            Ok(Cluster::new(session, cluster))
        };
        DeregisterClusterPayload::of(outcome.await)
    }
}
