//! The simulated clusters: one that manages, those that it provides, one that somebody else provides; and the stand-in for
//! Cluster API's controllers, which works on the managing one as an ordinary client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, api::PostParams};
use strata_sim::{ClusterOptions, SimCluster, Simulator, SimulatorOptions, cluster_api};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::terminal::Step;

/// How long the replacement of one machine takes: long enough to be seen, short enough not to be waited for.
const MACHINE_TIME: Duration = Duration::from_millis(150);
/// What the clusters run at first, before a profile says otherwise.
const FIRST_VERSION: &str = "v1.33.4";

/// The clusters. They end with this value.
#[derive(Debug)]
pub(super) struct Simulated {
    _simulator: Simulator,
    management: SimCluster,
    imported: SimCluster,
    workloads: BTreeMap<String, SimCluster>,
    stop: CancellationToken,
    _tasks: TaskTracker,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Simulated {
    /// Starts them, and the stand-in with them. The Cluster API objects will be in `namespace`.
    pub(super) async fn start(namespace: &str, workloads: &[&str]) -> Step<Self> {
        let simulator = Simulator::start(SimulatorOptions::default()).await?;
        let cluster = |name: &str| {
            let options =
                ClusterOptions { kubernetes_version: FIRST_VERSION.to_owned(), ..ClusterOptions::new(name) };
            simulator.add_cluster(options)
        };
        let management = cluster("management").await?;
        let imported = cluster("branch-1").await?;
        let mut provided = BTreeMap::new();
        for name in workloads {
            provided.insert((*name).to_owned(), cluster(name).await?);
        }

        let client = super::fleet::client(&management.kubeconfig()).await?;
        furnish(&client, namespace).await?;
        let (kubeconfigs, versions, networks) = (provided.clone(), provided.clone(), provided.clone());
        let mut options = cluster_api::Options::new(
            move |_, name| kubeconfigs.get(name).map(SimCluster::kubeconfig),
            move |_, name, version| {
                if let Some(cluster) = versions.get(name) {
                    cluster.set_kubernetes_version(version);
                }
            },
        );
        options.machine_time = MACHINE_TIME;
        options.has_network = Arc::new(move |_, name| {
            networks.get(name).is_some_and(|it| !it.objects("apps/v1", "DaemonSet", "").is_empty())
        });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(cluster_api::run(client, options, stop.clone()));
        tasks.close();
        Ok(Self { _simulator: simulator, management, imported, workloads: provided, stop, _tasks: tasks })
    }

    pub(super) fn management_kubeconfig(&self) -> String {
        self.management.kubeconfig()
    }

    pub(super) fn imported_kubeconfig(&self) -> String {
        self.imported.kubeconfig()
    }

    pub(super) fn workload_kubeconfig(&self, name: &str) -> Step<String> {
        Ok(self.workloads.get(name).ok_or("no such cluster")?.kubeconfig())
    }
}

/// What an administrator of a management cluster does first: the definitions of Cluster API, and a namespace.
async fn furnish(client: &Client, namespace: &str) -> Step {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    for definition in cluster_api::definitions() {
        definitions.create(&PostParams::default(), &serde_json::from_value(definition)?).await?;
    }
    let namespace = serde_json::from_value(serde_json::json!({ "metadata": { "name": namespace } }))?;
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    Ok(())
}
