//! A management cluster, clusters that it provides, and one that somebody else provides: simulated in this process, or real
//! control planes. In both, the stand-in for Cluster API's controllers works on the management cluster as a client.
//!
//! The API servers keep the version that they begin with, in both: a real one keeps that which it was built at. What a
//! cluster is known to run is what its control-plane object reports, and that follows the profile.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, api::PostParams};
use serde_json::json;
use strata_sim::{ClusterOptions, SimCluster, Simulator, SimulatorOptions, cluster_api};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::control_plane::{self, ControlPlane};

/// Where the Cluster API objects are.
const NAMESPACE: &str = "fleet";

/// The clusters; they end when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    clusters: Clusters,
    management: String,
    imported: String,
    workloads: BTreeMap<String, String>,
    versions: (String, String),
    stop: CancellationToken,
    _tasks: TaskTracker,
}

#[derive(Debug)]
enum Clusters {
    Simulated {
        simulator: Simulator,
        want_network: bool,
    },
    Real {
        #[expect(dead_code, reason = "they run as long as this value lives")]
        planes: Vec<ControlPlane>,
    },
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Fleet {
    /// Simulated clusters. As in life, nodes of those that are provided are ready once a network runs on them.
    ///
    /// # Errors
    /// When the simulator does not start.
    pub async fn simulated(names: &[&str]) -> Result<Self> {
        Self::simulate(names, true).await
    }

    /// The same with machines whose image brings the network along.
    ///
    /// # Errors
    /// When the simulator does not start.
    pub async fn simulated_with_network(names: &[&str]) -> Result<Self> {
        Self::simulate(names, false).await
    }

    async fn simulate(names: &[&str], want_network: bool) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(SimulatorOptions::default()).await?;
        let add = |name: &str| {
            let options = ClusterOptions {
                kubernetes_version: "v1.33.4".to_owned(),
                log_capacity: 100_000,
                ..ClusterOptions::new(name)
            };
            simulator.add_cluster(options)
        };
        let management = add("management").await?;
        let imported = add("branch-1").await?;
        let mut workloads = BTreeMap::new();
        for name in names {
            workloads.insert((*name).to_owned(), add(name).await?);
        }
        let client = control_plane::client(&management.kubeconfig()).await?;
        let definitions = Api::<CustomResourceDefinition>::all(client.clone());
        for definition in cluster_api::definitions() {
            definitions.create(&PostParams::default(), &serde_json::from_value(definition)?).await?;
        }
        let kubeconfigs: BTreeMap<_, _> =
            workloads.iter().map(|(name, cluster)| (name.clone(), cluster.kubeconfig())).collect();
        let (kubeconfig, imported) = (management.kubeconfig(), imported.kubeconfig());
        let clusters = Clusters::Simulated { simulator, want_network };
        Self::start(clusters, client, kubeconfig, imported, kubeconfigs).await
    }

    /// Real control planes, as many as there are names, and two; none, said by name, where their programs are missing.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn real_or_leave_out(names: &[&str]) -> Result<Option<Self>> {
        let Some(management) = Box::pin(ControlPlane::start_or_leave_out("management")).await else {
            return Ok(None);
        };
        management.install_crds(&management.cluster_api_crds()?).await?;
        let imported = Box::pin(ControlPlane::start("branch-1")).await?;
        let mut planes = Vec::new();
        let mut kubeconfigs = BTreeMap::new();
        for name in names {
            let plane = Box::pin(ControlPlane::start(name)).await?;
            kubeconfigs.insert((*name).to_owned(), plane.kubeconfig().to_owned());
            planes.push(plane);
        }
        let client = management.client().await?;
        let (kubeconfig, other) = (management.kubeconfig().to_owned(), imported.kubeconfig().to_owned());
        planes.extend([management, imported]);
        Ok(Some(Self::start(Clusters::Real { planes }, client, kubeconfig, other, kubeconfigs).await?))
    }

    async fn start(
        clusters: Clusters,
        client: Client,
        management: String,
        imported: String,
        workloads: BTreeMap<String, String>,
    ) -> Result<Self> {
        let told = client.apiserver_version().await?.git_version;
        let mut numbers = told.trim_start_matches('v').split('.').skip(1).map(str::parse::<u32>);
        let (Some(Ok(first_minor)), Some(Ok(patch))) = (numbers.next(), numbers.next()) else {
            bail!("the management cluster says that it runs {told}");
        };
        let namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        let kubeconfigs = Arc::new(workloads.clone());
        let mut options =
            cluster_api::Options::new(move |_, name| provided(&kubeconfigs, name).cloned(), |_, _, _| {});
        options.machine_time = Duration::from_millis(50);
        if let Clusters::Simulated { simulator, want_network: true } = &clusters {
            let networks: BTreeMap<String, SimCluster> =
                workloads.keys().filter_map(|name| Some((name.clone(), simulator.cluster(name)?))).collect();
            options.has_network = Arc::new(move |_, name| {
                provided(&networks, name).is_some_and(|it| !it.objects("apps/v1", "DaemonSet", "").is_empty())
            });
        }
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(cluster_api::run(client, options, stop.clone()));
        tasks.close();
        let version = |minor| format!("1.{minor}.{}", if minor == first_minor { patch } else { 0 });
        let versions = (version(first_minor), version(first_minor + 1));
        Ok(Self { clusters, management, imported, workloads, versions, stop, _tasks: tasks })
    }

    /// Ends the stand-in for Cluster API's controllers: what changes on the management cluster from now on stays as it is.
    pub fn stop_controllers(&self) {
        self.stop.cancel();
    }

    /// The kubeconfig of the management cluster.
    #[must_use]
    pub fn management(&self) -> &str {
        &self.management
    }

    /// The kubeconfig of the cluster that somebody else provides.
    #[must_use]
    pub fn imported(&self) -> &str {
        &self.imported
    }

    /// The kubeconfig of a provided cluster.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn kubeconfig(&self, name: &str) -> Result<&str> {
        self.workloads.get(name).map(String::as_str).with_context(|| format!("no cluster {name}"))
    }

    /// The namespace of the Cluster API objects.
    #[must_use]
    pub const fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    /// The infrastructure provider whose kinds the management cluster serves.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        match self.clusters {
            Clusters::Simulated { .. } => "docker",
            Clusters::Real { .. } => "aws",
        }
    }

    /// The Kubernetes version that the clusters begin with, and one a minor later, as profiles write them.
    #[must_use]
    pub fn versions(&self) -> [&str; 2] {
        [&self.versions.0, &self.versions.1]
    }

    /// A simulated cluster, to look into and to make faults in: `management`, `branch-1`, or one that is provided.
    #[must_use]
    pub fn simulated_cluster(&self, name: &str) -> Option<SimCluster> {
        match &self.clusters {
            Clusters::Simulated { simulator, .. } => simulator.cluster(name),
            Clusters::Real { .. } => None,
        }
    }
}

/// What there is of a cluster. Some names end in something random that nobody could register before.
fn provided<'a, T>(clusters: &'a BTreeMap<String, T>, name: &str) -> Option<&'a T> {
    let known = name.rsplit_once('-').map(|(known, _)| known);
    clusters.get(name).or_else(|| clusters.get(known?))
}
