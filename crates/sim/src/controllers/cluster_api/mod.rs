//! A stand-in for Cluster API: an ordinary API client that shows on Cluster, KubeadmControlPlane and MachineDeployment what
//! the real controllers show, so that the same code runs beside the simulator and beside a real API server.
//!
//! It polls instead of watching: a pass reads all objects of its kinds and takes each pool at most one machine further, so
//! that rolling one machine after the other is visible. Nothing is provisioned; machines are objects only.
//!
//! Caveats: no remediation, no scale-in order, no surge settings, no in-place updates. Its objects have no finalizers and the
//! parts of a Cluster no owner references: what is deleted is gone at once, machines follow their owner by garbage
//! collection, and a Cluster does not take its parts along.

mod definitions;
mod kinds;
mod machines;
mod pass;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kube::Client;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

pub use definitions::definitions;

use kinds::discover;
use pass::Pass;

const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";
const MANAGER: &str = "cluster-api-stand-in";
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Gives the kubeconfig of a workload cluster, by namespace and name; `None` while there is none.
pub type KubeconfigSource = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;
/// Told when a control plane has reached a version: namespace, cluster name, version.
pub type VersionSink = Arc<dyn Fn(&str, &str, &str) + Send + Sync>;

/// Tells whether a workload cluster has a network, without which no node is ready: namespace, name.
pub type NetworkProbe = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// How the stand-in works.
#[derive(Clone)]
pub struct Options {
    /// Kubeconfigs for the Secrets `<name>-kubeconfig`.
    pub kubeconfig: KubeconfigSource,
    /// Called when all machines of a control plane have its version.
    pub on_version: VersionSink,
    /// Whether the nodes of a cluster can be ready. At first: always.
    pub has_network: NetworkProbe,
    /// Pause between passes, in each of which a pool moves at most one machine.
    pub machine_time: Duration,
    /// Versions told so far, by control plane.
    reported: Arc<Mutex<HashMap<String, String>>>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("machine_time", &self.machine_time).finish_non_exhaustive()
    }
}

impl Options {
    /// Fast replacement: 20 ms a machine.
    pub fn new(
        kubeconfig: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static,
        on_version: impl Fn(&str, &str, &str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            kubeconfig: Arc::new(kubeconfig),
            on_version: Arc::new(on_version),
            has_network: Arc::new(|_, _| true),
            machine_time: Duration::from_millis(20),
            reported: Arc::default(),
        }
    }
}

/// Why a pass failed.
#[derive(Debug, Error)]
pub enum PassError {
    /// The management cluster does not serve a kind of Cluster API.
    #[error("{0} is not served")]
    NotServed(&'static str),
    /// The API server refused or could not be reached.
    #[error("the management cluster's API refused")]
    Api(#[source] kube::Error),
    /// No answer in time.
    #[error("the management cluster did not answer in time")]
    Late,
}

async fn limited<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, PassError> {
    tokio::time::timeout(CALL_LIMIT, call).await.map_err(|_| PassError::Late)?.map_err(PassError::Api)
}
/// Works until `stop`; failures of a pass are logged and tried again.
pub async fn run(client: Client, options: Options, stop: CancellationToken) {
    loop {
        let pause = match pass(&client, &options).await {
            Ok(()) => options.machine_time,
            Err(error) => {
                tracing::debug!(error = %error, "a pass of the cluster api stand-in failed");
                options.machine_time.max(Duration::from_millis(200))
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One pass over all objects.
///
/// # Errors
/// When a kind is not served, or the API refuses: the first refusal, after all clusters had their turn.
pub async fn pass(client: &Client, options: &Options) -> Result<(), PassError> {
    let kinds = discover(client).await?;
    let pass = Pass { client: client.clone(), kinds, options: options.clone() };
    pass.run().await
}
