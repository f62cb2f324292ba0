//! A stand-in for Cluster API: an ordinary API client that shows on Cluster, KubeadmControlPlane and MachineDeployment what
//! the real controllers show, so that the same code runs beside the simulator and beside a real API server.
//!
//! It polls instead of watching: a pass reads all objects of its kinds and takes each pool at most one machine further, so
//! that rolling one machine after the other is visible. Nothing is provisioned; machines are objects only.
//!
//! Caveats: no remediation, no scale-in order, no surge settings, no in-place updates.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::value::{integer, list, set, text};

const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";
const MANAGER: &str = "cluster-api-stand-in";
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Gives the kubeconfig of a workload cluster, by namespace and name; `None` while there is none.
pub type KubeconfigSource = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;
/// Told when a control plane has reached a version: namespace, cluster name, version.
pub type VersionSink = Arc<dyn Fn(&str, &str, &str) + Send + Sync>;

/// How the stand-in works.
#[derive(Clone)]
pub struct Options {
    /// Kubeconfigs for the Secrets `<name>-kubeconfig`.
    pub kubeconfig: KubeconfigSource,
    /// Called when all machines of a control plane have its version.
    pub on_version: VersionSink,
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

/// The kinds as this management cluster serves them.
#[derive(Clone)]
struct Kinds {
    cluster: ApiResource,
    control_plane: ApiResource,
    deployment: ApiResource,
    machine: ApiResource,
    /// v1beta2 moved status fields.
    modern: bool,
}

async fn limited<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, PassError> {
    tokio::time::timeout(CALL_LIMIT, call).await.map_err(|_| PassError::Late)?.map_err(PassError::Api)
}

async fn discover(client: &Client) -> Result<Kinds, PassError> {
    let groups = limited(client.list_api_groups()).await?;
    let newest = |group: &'static str| -> Result<String, PassError> {
        let versions = groups.groups.iter().find(|g| g.name == group).map(|g| &g.versions);
        let served = |version: &str| versions.is_some_and(|all| all.iter().any(|v| v.version == version));
        ["v1beta2", "v1beta1"]
            .into_iter()
            .find(|version| served(version))
            .map(str::to_owned)
            .ok_or(PassError::NotServed(group))
    };
    let core = newest(CORE)?;
    let control_plane = newest(CONTROL_PLANE)?;
    let kind = |group: &str, version: &str, kind: &str| {
        ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(group, version, kind),
            &format!("{}s", kind.to_lowercase()),
        )
    };
    Ok(Kinds {
        cluster: kind(CORE, &core, "Cluster"),
        deployment: kind(CORE, &core, "MachineDeployment"),
        machine: kind(CORE, &core, "Machine"),
        control_plane: kind(CONTROL_PLANE, &control_plane, "KubeadmControlPlane"),
        modern: core == "v1beta2",
    })
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
/// When a kind is not served, or the API refuses.
pub async fn pass(client: &Client, options: &Options) -> Result<(), PassError> {
    let kinds = discover(client).await?;
    let mut pass = Pass { client: client.clone(), kinds, options: options.clone() };
    pass.run().await
}

struct Pass {
    client: Client,
    kinds: Kinds,
    options: Options,
}

/// A group of machines with one owner.
struct Pool<'a> {
    resource: &'a ApiResource,
    owner: &'a Value,
    cluster: String,
    version: String,
    infrastructure: Value,
    bootstrap: Value,
    labels: Value,
}

impl Pass {
    fn api(&self, resource: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }

    async fn all(&self, resource: &ApiResource) -> Result<Vec<Value>, PassError> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), resource);
        let found = limited(api.list(&ListParams::default())).await?;
        Ok(found.items.into_iter().filter_map(|object| serde_json::to_value(object).ok()).collect())
    }

    async fn run(&mut self) -> Result<(), PassError> {
        let clusters = self.all(&self.kinds.cluster).await?;
        if clusters.is_empty() {
            return Ok(());
        }
        let control_planes = self.all(&self.kinds.control_plane).await?;
        let deployments = self.all(&self.kinds.deployment).await?;
        let machines = self.all(&self.kinds.machine).await?;
        for cluster in &clusters {
            let (namespace, name) = (text(cluster, "/metadata/namespace"), text(cluster, "/metadata/name"));
            let reference = text(cluster, "/spec/controlPlaneRef/name");
            let own = |object: &&Value| text(object, "/metadata/namespace") == namespace;
            let plane =
                control_planes.iter().filter(own).find(|plane| text(plane, "/metadata/name") == reference);
            let mut initialized = reference.is_empty();
            if let Some(plane) = plane {
                initialized = self.control_plane(cluster, plane, &machines).await?;
            }
            if initialized {
                for deployment in
                    deployments.iter().filter(own).filter(|d| text(d, "/spec/clusterName") == name)
                {
                    self.deployment(deployment, &machines).await?;
                }
                self.secret(cluster).await?;
            }
            self.cluster(cluster, initialized).await?;
        }
        Ok(())
    }

    async fn control_plane(
        &self,
        cluster: &Value,
        plane: &Value,
        machines: &[Value],
    ) -> Result<bool, PassError> {
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
                "cluster.x-k8s.io/cluster-name": name,
                "cluster.x-k8s.io/control-plane": "",
                "cluster.x-k8s.io/control-plane-name": text(plane, "/metadata/name"),
            }),
        };
        let tally = self.roll(&pool, machines).await?;
        let ready = tally.total > 0;
        let wanted = integer(plane, "/spec/replicas").unwrap_or(1);
        let complete = tally.current == wanted && tally.total == wanted;
        let mut status = json!({
            "observedGeneration": integer(plane, "/metadata/generation"),
            "replicas": tally.total,
            "readyReplicas": tally.total,
            "selector": format!("cluster.x-k8s.io/cluster-name={name},cluster.x-k8s.io/control-plane"),
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
            set(&mut status, &["availableReplicas"], tally.total);
            set(&mut status, &["initialization", "controlPlaneInitialized"], ready);
        } else {
            set(&mut status, &["updatedReplicas"], tally.current);
            set(&mut status, &["unavailableReplicas"], (wanted - tally.total).max(0));
            set(&mut status, &["initialized"], ready);
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
        Ok(ready)
    }

    async fn deployment(&self, deployment: &Value, machines: &[Value]) -> Result<(), PassError> {
        let cluster = text(deployment, "/spec/clusterName").to_owned();
        let mut labels =
            deployment.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        set(&mut labels, &["cluster.x-k8s.io/cluster-name"], cluster.as_str());
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
        let wanted = integer(deployment, "/spec/replicas").unwrap_or(1);
        let complete = tally.current == wanted && tally.total == wanted;
        let mut status = json!({
            "observedGeneration": integer(deployment, "/metadata/generation"),
            "replicas": tally.total,
            "readyReplicas": tally.total,
            "availableReplicas": tally.total,
            "selector": format!("cluster.x-k8s.io/deployment-name={}", text(deployment, "/metadata/name")),
            "phase": if complete { "Running" } else { "ScalingUp" },
        });
        if self.kinds.modern {
            set(&mut status, &["upToDateReplicas"], tally.current);
        } else {
            set(&mut status, &["updatedReplicas"], tally.current);
            set(&mut status, &["unavailableReplicas"], (wanted - tally.total).max(0));
        }
        let conditions = [
            ("Available", tally.total >= wanted, "Available"),
            ("RollingOut", !complete, if complete { "NotRollingOut" } else { "RollingOut" }),
        ];
        self.finish(&self.kinds.deployment, deployment, status, &conditions, complete).await
    }

    /// Takes a pool at most one machine further, and counts.
    async fn roll(&self, pool: &Pool<'_>, machines: &[Value]) -> Result<Tally, PassError> {
        let uid = text(pool.owner, "/metadata/uid");
        let namespace = text(pool.owner, "/metadata/namespace");
        let wanted = integer(pool.owner, "/spec/replicas").unwrap_or(1);
        let deleting = pool.owner.pointer("/metadata/deletionTimestamp").is_some();
        let digest = format!(
            "{:016x}",
            crate::store::hash_text(&format!("{}|{}|{}", pool.version, pool.infrastructure, pool.bootstrap))
        );
        let mark = "sim.cluster-api/template";
        let is_current =
            |m: &Value| m.pointer("/metadata/annotations").and_then(|a| a.get(mark)) == Some(&json!(digest));
        let mut own: Vec<&Value> = machines
            .iter()
            .filter(|m| list(m, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/uid") == uid))
            .filter(|m| m.pointer("/metadata/deletionTimestamp").is_none())
            .collect();
        own.sort_by_key(|m| text(m, "/metadata/creationTimestamp").to_owned());
        let total = i64::try_from(own.len()).unwrap_or(i64::MAX);
        let outdated: Vec<&Value> = own.iter().copied().filter(|m| !is_current(m)).collect();
        let api = self.api(&self.kinds.machine, namespace);
        let mut tally = Tally {
            total,
            current: total - i64::try_from(outdated.len()).unwrap_or(0),
            lowest: String::new(),
        };
        let mut gone = None;
        if deleting {
            return Ok(tally);
        }
        // As with a surge of one: a new machine first, then an old one goes.
        if total < wanted || (total == wanted && !outdated.is_empty()) {
            let machine = self.machine(pool, &digest, mark);
            if let Ok(machine) = serde_json::from_value::<DynamicObject>(machine.clone()) {
                limited(api.create(
                    &PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() },
                    &machine,
                ))
                .await?;
                let name = machine.name_any();
                let status = json!({"status": machine_status(&name, &pool.version)});
                limited(api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))).await?;
                tally.total += 1;
                tally.current += 1;
            }
        } else if total > wanted {
            gone = outdated.first().copied().or_else(|| own.last().copied());
            if let Some(machine) = gone {
                limited(api.delete(text(machine, "/metadata/name"), &DeleteParams::background())).await?;
                tally.total -= 1;
                if is_current(machine) {
                    tally.current -= 1;
                }
            }
        }
        let left =
            own.iter().filter(|m| gone.is_none_or(|gone| gone != **m)).map(|m| text(m, "/spec/version"));
        let newest = (tally.total > 0).then_some(pool.version.as_str());
        tally.lowest =
            left.chain(newest).min_by_key(|version| numbers(version)).unwrap_or_default().to_owned();
        Ok(tally)
    }

    fn machine(&self, pool: &Pool<'_>, digest: &str, mark: &str) -> Value {
        let owner = text(pool.owner, "/metadata/name");
        let suffix =
            crate::store::mix(crate::store::hash_text(&format!("{digest}{}", crate::clock::now_micro())));
        let name = format!("{owner}-{:05x}", suffix % 0x10_0000);
        let Pool { resource, .. } = pool;
        let infrastructure = pool.infrastructure.clone();
        json!({
            "apiVersion": self.kinds.machine.api_version, "kind": "Machine",
            "metadata": {
                "name": name, "namespace": text(pool.owner, "/metadata/namespace"), "labels": pool.labels,
                "annotations": {mark: digest},
                "ownerReferences": [{
                    "apiVersion": resource.api_version, "kind": resource.kind, "name": owner,
                    "uid": text(pool.owner, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "clusterName": pool.cluster, "version": pool.version,
                "bootstrap": {"dataSecretName": format!("{name}-bootstrap")},
                "infrastructureRef": infrastructure, "providerID": format!("sim:///{name}"),
            },
        })
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
                "name": format!("{name}-kubeconfig"), "labels": {"cluster.x-k8s.io/cluster-name": name},
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

    async fn cluster(&self, cluster: &Value, initialized: bool) -> Result<(), PassError> {
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
                let mut condition = super::condition(object, kind, *holds, reason, "", false);
                condition["observedGeneration"] = json!(integer(object, "/metadata/generation"));
                all.push(condition);
            }
        } else {
            let mut condition = super::condition(object, "Ready", ready, "", "", false);
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

struct Tally {
    total: i64,
    current: i64,
    lowest: String,
}

fn numbers(version: &str) -> Vec<u64> {
    version.trim_start_matches('v').split(['.', '-', '+']).filter_map(|part| part.parse().ok()).collect()
}

fn machine_status(name: &str, version: &str) -> Value {
    json!({
        "phase": "Running",
        "nodeRef": {"name": name},
        "nodeInfo": {
            "kubeletVersion": version, "kubeProxyVersion": version, "architecture": "amd64", "operatingSystem": "linux",
            "osImage": "Simulated Linux", "kernelVersion": "6.8.0", "containerRuntimeVersion": "containerd://2.1.0",
            "machineID": name, "systemUUID": name, "bootID": name,
        },
    })
}

/// Minimal definitions of the kinds of Cluster API, for servers that have none: names, versions and subresources are those
/// of the real ones, content is free.
#[must_use]
pub fn definitions() -> Vec<Value> {
    let selector = json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"});
    let infrastructure = "infrastructure.cluster.x-k8s.io";
    let bootstrap = "bootstrap.cluster.x-k8s.io";
    [
        (CORE, "Cluster", "cl", false),
        (CORE, "Machine", "ma", false),
        (CORE, "MachineSet", "ms", true),
        (CORE, "MachineDeployment", "md", true),
        (CONTROL_PLANE, "KubeadmControlPlane", "kcp", true),
        (CONTROL_PLANE, "KubeadmControlPlaneTemplate", "", false),
        (bootstrap, "KubeadmConfig", "", false),
        (bootstrap, "KubeadmConfigTemplate", "", false),
        (infrastructure, "DockerCluster", "", false),
        (infrastructure, "DockerMachine", "", false),
        (infrastructure, "DockerMachineTemplate", "", false),
    ]
    .into_iter()
    .map(|(group, kind, short, scale)| {
        let singular = kind.to_lowercase();
        let plural = format!("{singular}s");
        let mut subresources = json!({"status": {}});
        if scale {
            subresources["scale"] = selector.clone();
        }
        let version = |name: &str, storage: bool| {
            json!({
                "name": name, "served": true, "storage": storage, "subresources": subresources,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    },
                }},
            })
        };
        let short_names: Vec<&str> = Some(short).filter(|s| !s.is_empty()).into_iter().collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}"), "labels": {"cluster.x-k8s.io/v1beta1": "v1beta1", "cluster.x-k8s.io/v1beta2": "v1beta2"}},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular, "shortNames": short_names, "categories": ["cluster-api"]},
                "versions": [version("v1beta1", false), version("v1beta2", true)],
            },
        })
    })
    .collect()
}
