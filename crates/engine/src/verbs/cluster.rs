//! Registering clusters, labelling them, letting them go.

use std::collections::BTreeMap;

use strata_cluster::Kubeconfig;
use strata_model::{
    access::Permission,
    cluster::{Cluster, ClusterEvent, ConnectionKind, Infrastructure, Phase},
    error::{Refusal, RefusalCode},
    id::ClusterId,
    profile::{ClusterName, is_dns_label},
    secret::SecretText,
};
use strata_store::{ClusterFilter, ClusterOrder, Page, Tx};

use crate::{error::EngineError, reach::ReachError, session::Session};

/// The most labels of a cluster.
const LABEL_LIMIT: usize = 64;

/// A cluster to be registered.
#[derive(Debug, Clone)]
pub struct RegisterCluster {
    /// Its name, unique in the project.
    pub name: String,
    /// For selectors.
    pub labels: BTreeMap<String, String>,
    /// Who provides its machines.
    pub infrastructure: RegisterInfrastructure,
    /// The cloud, if known.
    pub cloud: Option<String>,
    /// The region, if known.
    pub region: Option<String>,
}

/// Who provides the machines of a cluster to be registered.
#[derive(Debug, Clone)]
pub enum RegisterInfrastructure {
    /// Somebody else: the cluster is there already.
    Imported {
        /// Its kubeconfig, with inline credentials.
        kubeconfig: SecretText,
    },
    /// Cluster API.
    ClusterApi {
        /// The name of the management cluster.
        management_cluster: String,
        /// The namespace of its Cluster API objects.
        namespace: String,
        /// The name of its Cluster API `Cluster`.
        name: String,
    },
}

impl Session {
    /// Registers a cluster. An imported one is asked at once; one that does not answer is registered as OFFLINE.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT`, `DUPLICATE_NAME`, `INVALID_KUBECONFIG` with every problem, `NOT_FOUND` for the
    /// management cluster.
    pub async fn register_cluster(&self, wish: RegisterCluster) -> Result<Cluster, EngineError> {
        let session = self.clone();
        let subject = format!("cluster/{}", wish.name);
        self.audited(Permission::ManageClusters, "registerCluster", subject.clone(), async move {
            let name: ClusterName =
                wish.name.parse().map_err(|error: strata_model::profile::InvalidName| {
                    EngineError::from(invalid(error.to_string(), "choose such a name", "name"))
                })?;
            check_labels(&wish.labels)?;
            let (infrastructure, connection, kubeconfig) =
                session.infrastructure(wish.infrastructure).await?;
            let managed_by = match &infrastructure {
                Infrastructure::ClusterApi { management_cluster, .. } => Some(*management_cluster),
                Infrastructure::None | Infrastructure::Edge => None,
            };
            let id = ClusterId::new(session.engine.ids().next());
            let registered = ClusterEvent::Registered {
                project: session.project,
                name,
                labels: wish.labels,
                infrastructure,
                connection,
                cloud: wish.cloud,
                region: wish.region,
            };
            let (writer, reached) = (session.clone(), kubeconfig.is_some());
            let cluster = session
                .engine
                .store()
                .try_write::<_, EngineError, _>(move |tx| {
                    Box::pin(async move {
                        if let Some(management) = managed_by {
                            writer.check_manages(tx, management).await?;
                        }
                        let cluster = writer.ledger(tx).cluster(id, &[registered]).await?;
                        if let Some(kubeconfig) = &kubeconfig {
                            tx.connection_put(writer.project, id, kubeconfig).await?;
                        }
                        writer.note(tx, "registerCluster", subject, None).await?;
                        Ok(cluster)
                    })
                })
                .await?;
            if reached { session.ask(cluster).await } else { Ok(cluster) }
        })
        .await
    }

    async fn infrastructure(
        &self,
        wish: RegisterInfrastructure,
    ) -> Result<(Infrastructure, ConnectionKind, Option<SecretText>), EngineError> {
        match wish {
            RegisterInfrastructure::Imported { kubeconfig } => {
                Kubeconfig::parse(&kubeconfig, &self.engine.options().connect.policy).map_err(
                    |problems| {
                        EngineError::diagnostics(
                            RefusalCode::InvalidKubeconfig,
                            "the kubeconfig cannot be used",
                            problems,
                        )
                    },
                )?;
                Ok((Infrastructure::None, ConnectionKind::Kubeconfig, Some(kubeconfig)))
            }
            RegisterInfrastructure::ClusterApi { management_cluster, namespace, name } => {
                let management = self.cluster_named(&management_cluster).await?;
                for (field, text) in [("namespace", &namespace), ("name", &name)] {
                    if !is_dns_label(text) {
                        return Err(invalid(
                            format!("`{text}` cannot be a {field} in Kubernetes"),
                            "use lower-case letters, digits and `-`",
                            field,
                        )
                        .into());
                    }
                }
                let infrastructure =
                    Infrastructure::ClusterApi { management_cluster: management.value.id, namespace, name };
                Ok((infrastructure, ConnectionKind::ManagementSecret, None))
            }
        }
    }

    /// That a management cluster is still there, in the transaction that registers a cluster of it.
    ///
    /// Transactions that write come one after the other, on PostgreSQL by a lock that is taken before their first query:
    /// what is read here stays so until the commit, and [`Session::check_manages_none`] sees what this one wrote.
    async fn check_manages(&self, tx: &Tx, management: ClusterId) -> Result<(), EngineError> {
        let cluster = tx.project(self.project).cluster_get(management).await?;
        if matches!(cluster.phase.value, Phase::Deleting | Phase::Deleted) {
            return Err(Refusal::not_found("cluster", &cluster.name).at("managementCluster").into());
        }
        Ok(())
    }

    /// That no cluster has this one as its management cluster, in the transaction that lets it go.
    async fn check_manages_none(&self, tx: &Tx, cluster: &Cluster) -> Result<(), EngineError> {
        let filter = ClusterFilter { management_cluster: Some(cluster.id), ..ClusterFilter::default() };
        let rows = tx.project(self.project);
        let managed = rows.cluster_list(&filter, ClusterOrder::Name, &Page::first(5)).await?.into_nodes();
        // One that manages itself goes with itself.
        let names: Vec<&str> =
            managed.iter().filter(|it| it.id != cluster.id).map(|it| it.value.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(EngineError::refuse(
            RefusalCode::InUse,
            format!("`{}` is the management cluster of {}", cluster.name, names.join(", ")),
            "deregister these first",
        ))
    }

    /// Asks a cluster that was just registered who it is.
    async fn ask(&self, cluster: Cluster) -> Result<Cluster, EngineError> {
        let read = match self.reach(&cluster).await {
            Ok(client) => self.read_facts(&cluster, &client).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match read {
            Ok(()) => {}
            Err(ReachError::Engine(error)) => return Err(error),
            Err(error) => self.record_lost(&cluster, &error.to_string()).await?,
        }
        Ok(self.rows().cluster_get(cluster.id).await?.value)
    }

    /// Replaces a cluster's labels.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_INPUT`.
    pub async fn update_cluster(
        &self,
        name: String,
        labels: BTreeMap<String, String>,
    ) -> Result<Cluster, EngineError> {
        let session = self.clone();
        let subject = format!("cluster/{name}");
        self.audited(Permission::ManageClusters, "updateCluster", subject.clone(), async move {
            check_labels(&labels)?;
            let id = session.cluster_named(&name).await?.value.id;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        let cluster =
                            session.ledger(tx).cluster(id, &[ClusterEvent::LabelsChanged { labels }]).await?;
                        session.note(tx, "updateCluster", subject, None).await?;
                        Ok(cluster)
                    })
                })
                .await
        })
        .await
    }

    /// Lets a cluster go. Nothing in it is touched; its history stays, its credentials go.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `CHANGE_UNDER_WAY`, `IN_USE` for a management cluster.
    pub async fn deregister_cluster(
        &self,
        name: String,
        reason: Option<String>,
    ) -> Result<Cluster, EngineError> {
        let session = self.clone();
        let subject = format!("cluster/{name}");
        self.audited(Permission::ManageClusters, "deregisterCluster", subject.clone(), async move {
            let cluster = session.cluster_named(&name).await?.value;
            let engine = session.engine.clone();
            engine
                .store()
                .try_write(move |tx| {
                    Box::pin(async move {
                        if let Some(holder) = tx.project(session.project).change_holding(cluster.id).await? {
                            return Err(EngineError::refuse(
                                RefusalCode::ChangeUnderWay,
                                format!("the change {} is under way on it", holder.value.id),
                                "wait until it has ended, or cancel it",
                            ));
                        }
                        session.check_manages_none(tx, &cluster).await?;
                        let gone =
                            session.ledger(tx).cluster(cluster.id, &[ClusterEvent::Deregistered]).await?;
                        tx.connection_remove(session.project, cluster.id).await?;
                        session.note(tx, "deregisterCluster", subject, reason).await?;
                        Ok(gone)
                    })
                })
                .await
        })
        .await
    }
}

fn invalid(message: impl Into<String>, help: &str, field: &str) -> Refusal {
    Refusal::new(RefusalCode::InvalidInput, message, help).at(field)
}

/// Labels follow the rules of Kubernetes, so that they can be put on objects.
fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), EngineError> {
    if labels.len() > LABEL_LIMIT {
        return Err(
            invalid(format!("more than {LABEL_LIMIT} labels"), "keep those that select", "labels").into()
        );
    }
    let word = |text: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= 63 && text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().last())
    };
    for (key, value) in labels {
        let name = key.rsplit_once('/').map_or(key.as_str(), |(_, name)| name);
        if !word(name) || key.len() > 253 || !(value.is_empty() || word(value)) {
            return Err(invalid(
                format!("`{key}={value}` is not a label"),
                "keys and values: up to 63 letters, digits, `-`, `_`, `.`, beginning and ending with a letter or digit",
                "labels",
            )
            .into());
        }
    }
    Ok(())
}
