//! Reading what stands around the objects: nodes and Pods, machines, APIs in use.

use serde_json::Value;
use strata_cluster::{ClusterError, ListOptions};
use strata_model::{
    cluster::{Cluster, Infrastructure},
    evidence::{ApiInUse, Known, MachineCount},
    plan::{Plan, RepaveScope},
    version::KubernetesVersion,
};
use strata_plan::evidence;

use super::{Asking, TOO_LATE};

/// Nodes and Pods, as far as they were told.
pub(super) struct NodesAndPods {
    pub(super) nodes: Known<Vec<Value>>,
    pub(super) pods: Known<Vec<Value>>,
}

impl Asking {
    pub(super) async fn nodes_and_pods(&self) -> NodesAndPods {
        let client = match &self.workload {
            Ok(client) => client,
            Err(why) => {
                let unknown = || Known::Unknown { reason: why.clone() };
                return NodesAndPods { nodes: unknown(), pods: unknown() };
            }
        };
        let unended = ListOptions {
            field_selector: Some("status.phase!=Succeeded,status.phase!=Failed".to_owned()),
            ..ListOptions::default()
        };
        let nodes = self.known(client.list("v1", "Node", &ListOptions::default())).await;
        NodesAndPods { nodes, pods: self.known(client.list("v1", "Pod", &unended)).await }
    }

    /// The machines of the control plane and of pools, when they are replaced and Cluster API tells.
    pub(super) async fn machines(&self, cluster: &Cluster, plan: &Plan) -> Option<Known<Vec<MachineCount>>> {
        let Infrastructure::ClusterApi { namespace, name, .. } = &cluster.infrastructure else { return None };
        let client = match self.management.as_ref().filter(|_| plan.repave.required())? {
            Ok(client) => client,
            Err(why) => return Some(Known::Unknown { reason: why.clone() }),
        };
        let status = match self.known(client.cluster_api_status(namespace, name)).await {
            Known::Told { value: Some(status) } => status,
            Known::Told { value: None } => {
                return Some(Known::Unknown { reason: "Cluster API has no such cluster yet".to_owned() });
            }
            Known::Unknown { reason } => return Some(Known::Unknown { reason }),
        };
        let plane_goes = matches!(plan.repave.scope, RepaveScope::ControlPlane | RepaveScope::Full);
        let count =
            |pool: Option<String>, machines: strata_cluster::cluster_api::Machines, repaved| MachineCount {
                pool,
                wanted: machines.wanted,
                present: machines.present,
                ready: machines.ready,
                repaved,
            };
        let plane = status.control_plane.iter().map(|plane| count(None, plane.machines, plane_goes));
        let pools = status.pools.values().map(|pool| {
            let goes = plan.repave.scope == RepaveScope::Full || plan.repave.pools.contains(&pool.pool);
            count(Some(pool.pool.clone()), pool.machines, goes)
        });
        Some(Known::Told { value: plane.chain(pools).collect() })
    }

    /// Which APIs are in use that a higher Kubernetes minor does not have any more.
    pub(super) async fn removed_apis(
        &self,
        cluster: &Cluster,
        target: Option<&KubernetesVersion>,
    ) -> Option<Known<Vec<ApiInUse>>> {
        let (target, present) = (target?, cluster.kubernetes_version.as_ref()?);
        if target.minors_ahead_of(present) <= 0 {
            return None;
        }
        let told = match &self.workload {
            Ok(client) => self.known(client.deprecated_apis_in_use()).await,
            Err(why) => Known::Unknown { reason: why.clone() },
        };
        Some(match told {
            Known::Told { value } => Known::Told { value: evidence::removed(value, target) },
            unknown @ Known::Unknown { .. } => unknown,
        })
    }

    /// What is told in time.
    async fn known<T>(&self, asked: impl Future<Output = Result<T, ClusterError>>) -> Known<T> {
        match tokio::time::timeout_at(self.until, Box::pin(asked)).await {
            Ok(Ok(value)) => Known::Told { value },
            Ok(Err(error)) => Known::Unknown { reason: self.redactor.mask_text(&error.to_string()) },
            Err(_elapsed) => Known::Unknown { reason: TOO_LATE.to_owned() },
        }
    }
}
