//! One pass over the objects: what each shows of itself.

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    MANAGER, Options, PassError,
    kinds::Kinds,
    limited,
    machines::{Pool, Tally},
};
use crate::value::{integer, set, text};

const CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";

pub(super) struct Pass {
    pub(super) client: Client,
    pub(super) kinds: Kinds,
    pub(super) options: Options,
}

/// What there is at the beginning of a pass, beside the clusters.
struct Objects {
    control_planes: Vec<Value>,
    deployments: Vec<Value>,
    machines: Vec<Value>,
}

impl Pass {
    pub(super) fn api(&self, resource: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }

    async fn all(&self, resource: &ApiResource) -> Result<Vec<Value>, PassError> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), resource);
        let found = limited(api.list(&ListParams::default())).await?;
        Ok(found.items.into_iter().filter_map(|object| serde_json::to_value(object).ok()).collect())
    }

    pub(super) async fn run(&self) -> Result<(), PassError> {
        let clusters = self.all(&self.kinds.cluster).await?;
        if clusters.is_empty() {
            return Ok(());
        }
        let objects = Objects {
            control_planes: self.all(&self.kinds.control_plane).await?,
            deployments: self.all(&self.kinds.deployment).await?,
            machines: self.all(&self.kinds.machine).await?,
        };
        // What one cluster is refused (its namespace may be going away) does not hold up the others.
        let mut outcome = Ok(());
        for cluster in &clusters {
            outcome = outcome.and(self.whole_cluster(cluster, &objects).await);
        }
        outcome
    }

    async fn whole_cluster(&self, cluster: &Value, objects: &Objects) -> Result<(), PassError> {
        let (namespace, name) = (text(cluster, "/metadata/namespace"), text(cluster, "/metadata/name"));
        let reference = text(cluster, "/spec/controlPlaneRef/name");
        let own = |object: &&Value| text(object, "/metadata/namespace") == namespace;
        let mut planes = objects.control_planes.iter().filter(own);
        let mut plane_machines = Tally::default();
        let mut workers = Tally::default();
        if let Some(plane) = planes.find(|plane| text(plane, "/metadata/name") == reference) {
            plane_machines = self.control_plane(cluster, plane, &objects.machines).await?;
        }
        let initialized = reference.is_empty() || plane_machines.total > 0;
        if initialized {
            let pools = objects.deployments.iter().filter(own);
            for deployment in pools.filter(|pool| text(pool, "/spec/clusterName") == name) {
                workers.add(&self.deployment(deployment, &objects.machines).await?);
            }
            self.secret(cluster).await?;
        }
        self.cluster(cluster, initialized, &plane_machines, &workers).await
    }

    async fn control_plane(
        &self,
        cluster: &Value,
        plane: &Value,
        machines: &[Value],
    ) -> Result<Tally, PassError> {
        let name = text(cluster, "/metadata/name").to_owned();
        let version = text(plane, "/spec/version").to_owned();
        // v1beta2 moved the template's parts below `spec`.
        let infrastructure = plane
            .pointer("/spec/machineTemplate/spec/infrastructureRef")
            .or_else(|| plane.pointer("/spec/machineTemplate/infrastructureRef"));
        let pool = Pool {
            resource: &self.kinds.control_plane,
            owner: plane,
            cluster: name.clone(),
            version: version.clone(),
            infrastructure: infrastructure.cloned().unwrap_or_default(),
            bootstrap: plane.pointer("/spec/kubeadmConfigSpec").cloned().unwrap_or_default(),
            labels: json!({
                (CLUSTER_NAME): name,
                "cluster.x-k8s.io/control-plane": "",
                "cluster.x-k8s.io/control-plane-name": text(plane, "/metadata/name"),
            }),
        };
        let tally = self.roll(&pool, machines).await?;
        let initialized = tally.total > 0;
        let ready = tally.ready > 0;
        let complete = tally.is_complete();
        let mut status = json!({
            "observedGeneration": integer(plane, "/metadata/generation"),
            "replicas": tally.total,
            "readyReplicas": tally.ready,
            "selector": format!("{CLUSTER_NAME}={name},cluster.x-k8s.io/control-plane"),
        });
        // The lowest version among the machines: an upgrade shows only once the last one is through.
        if !tally.lowest.is_empty() {
            set(&mut status, &["version"], tally.lowest.as_str());
        }
        let conditions = [
            ("Available", ready, "Available"),
            ("RollingOut", !complete, if complete { "NotRollingOut" } else { "RollingOut" }),
        ];
        if self.kinds.modern {
            set(&mut status, &["upToDateReplicas"], tally.current);
            set(&mut status, &["availableReplicas"], tally.ready);
            set(&mut status, &["initialization", "controlPlaneInitialized"], initialized);
        } else {
            set(&mut status, &["updatedReplicas"], tally.current);
            set(&mut status, &["unavailableReplicas"], (tally.wanted - tally.ready).max(0));
            set(&mut status, &["initialized"], initialized);
            set(&mut status, &["ready"], ready);
        }
        self.finish(&self.kinds.control_plane, plane, status, &conditions, complete && ready).await?;
        let told = crate::cluster::lock(&self.options.reported)
            .get(text(plane, "/metadata/uid"))
            .is_some_and(|told| *told == version);
        if complete && ready && !told {
            crate::cluster::lock(&self.options.reported)
                .insert(text(plane, "/metadata/uid").to_owned(), version.clone());
            (self.options.on_version)(text(plane, "/metadata/namespace"), &name, &version);
        }
        Ok(tally)
    }

    async fn deployment(&self, deployment: &Value, machines: &[Value]) -> Result<Tally, PassError> {
        let cluster = text(deployment, "/spec/clusterName").to_owned();
        self.labelled(deployment, &cluster).await?;
        let mut labels =
            deployment.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        set(&mut labels, &[CLUSTER_NAME], cluster.as_str());
        set(&mut labels, &["cluster.x-k8s.io/deployment-name"], text(deployment, "/metadata/name"));
        let pool = Pool {
            resource: &self.kinds.deployment,
            owner: deployment,
            cluster,
            version: text(deployment, "/spec/template/spec/version").to_owned(),
            infrastructure: deployment
                .pointer("/spec/template/spec/infrastructureRef")
                .cloned()
                .unwrap_or_default(),
            bootstrap: deployment.pointer("/spec/template/spec/bootstrap").cloned().unwrap_or_default(),
            labels,
        };
        let tally = self.roll(&pool, machines).await?;
        let complete = tally.is_complete();
        let phase = match (complete, tally.total > tally.wanted) {
            (true, _) => "Running",
            (false, true) => "ScalingDown",
            (false, false) => "ScalingUp",
        };
        let mut status = json!({
            "observedGeneration": integer(deployment, "/metadata/generation"),
            "replicas": tally.total,
            "readyReplicas": tally.ready,
            "availableReplicas": tally.ready,
            "selector": format!("cluster.x-k8s.io/deployment-name={}", text(deployment, "/metadata/name")),
            "phase": phase,
        });
        if self.kinds.modern {
            set(&mut status, &["upToDateReplicas"], tally.current);
        } else {
            set(&mut status, &["updatedReplicas"], tally.current);
            set(&mut status, &["unavailableReplicas"], (tally.wanted - tally.ready).max(0));
        }
        let conditions = [
            ("Available", tally.ready >= tally.wanted, "Available"),
            ("RollingOut", !complete, if complete { "NotRollingOut" } else { "RollingOut" }),
        ];
        self.finish(&self.kinds.deployment, deployment, status, &conditions, complete).await?;
        Ok(tally)
    }

    /// Cluster API's webhook labels each deployment of machines with its cluster.
    async fn labelled(&self, deployment: &Value, cluster: &str) -> Result<(), PassError> {
        let is = deployment.pointer("/metadata/labels").and_then(|labels| labels.get(CLUSTER_NAME));
        if is.and_then(Value::as_str) == Some(cluster) {
            return Ok(());
        }
        let api = self.api(&self.kinds.deployment, text(deployment, "/metadata/namespace"));
        let patch = Patch::Merge(json!({"metadata": {"labels": {(CLUSTER_NAME): cluster}}}));
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        limited(api.patch(text(deployment, "/metadata/name"), &params, &patch)).await.map(drop)
    }

    async fn secret(&self, cluster: &Value) -> Result<(), PassError> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let (namespace, name) = (text(cluster, "/metadata/namespace"), text(cluster, "/metadata/name"));
        let Some(kubeconfig) = (self.options.kubeconfig)(namespace, name) else { return Ok(()) };
        let secrets: Api<k8s_openapi::api::core::v1::Secret> =
            Api::namespaced(self.client.clone(), namespace);
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret",
            "metadata": {
                "name": format!("{name}-kubeconfig"), "labels": {(CLUSTER_NAME): name},
                "ownerReferences": [{
                    "apiVersion": self.kinds.cluster.api_version, "kind": "Cluster", "name": name,
                    "uid": text(cluster, "/metadata/uid"),
                }],
            },
            "data": {"value": STANDARD.encode(kubeconfig)},
        });
        let patch = PatchParams::apply(MANAGER).force();
        limited(secrets.patch(&format!("{name}-kubeconfig"), &patch, &Patch::Apply(secret))).await.map(drop)
    }

    async fn cluster(
        &self,
        cluster: &Value,
        initialized: bool,
        plane: &Tally,
        workers: &Tally,
    ) -> Result<(), PassError> {
        let deleting = cluster.pointer("/metadata/deletionTimestamp").is_some();
        let phase = match (deleting, initialized) {
            (true, _) => "Deleting",
            (false, true) => "Provisioned",
            (false, false) => "Provisioning",
        };
        let mut status =
            json!({"phase": phase, "observedGeneration": integer(cluster, "/metadata/generation")});
        if self.kinds.modern {
            set(&mut status, &["initialization", "infrastructureProvisioned"], true);
            set(&mut status, &["initialization", "controlPlaneInitialized"], initialized);
            set(&mut status, &["controlPlane"], plane.counts());
            set(&mut status, &["workers"], workers.counts());
        } else {
            set(&mut status, &["infrastructureReady"], true);
            set(&mut status, &["controlPlaneReady"], initialized);
        }
        let conditions = [("Available", initialized, if initialized { "Available" } else { "NotAvailable" })];
        self.finish(&self.kinds.cluster, cluster, status, &conditions, initialized).await
    }

    /// Writes a status with its conditions, unless it says so already.
    async fn finish(
        &self,
        resource: &ApiResource,
        object: &Value,
        mut status: Value,
        conditions: &[(&str, bool, &str)],
        ready: bool,
    ) -> Result<(), PassError> {
        let mut all: Vec<Value> = Vec::new();
        if self.kinds.modern {
            for (kind, holds, reason) in conditions {
                let mut condition = crate::controllers::condition(object, kind, *holds, reason, "", false);
                condition["observedGeneration"] = json!(integer(object, "/metadata/generation"));
                all.push(condition);
            }
        } else {
            let mut condition = crate::controllers::condition(object, "Ready", ready, "", "", false);
            crate::value::remove(&mut condition, &["reason"]);
            crate::value::remove(&mut condition, &["message"]);
            all.push(condition);
        }
        set(&mut status, &["conditions"], all);
        let mut merged = object.get("status").cloned().unwrap_or_else(|| json!({}));
        crate::patch::merge(&mut merged, &status);
        if object.get("status") == Some(&merged) {
            return Ok(());
        }
        let api = self.api(resource, text(object, "/metadata/namespace"));
        let patch = Patch::Merge(json!({"status": status}));
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        limited(api.patch_status(text(object, "/metadata/name"), &params, &patch)).await.map(drop)
    }
}
