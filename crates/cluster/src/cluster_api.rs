//! Clusters as Cluster API describes them in their management cluster.
//!
//! Works for the API versions v1beta1 and v1beta2: objects are read in the version that the management cluster prefers, and
//! counts and references in the form of either.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use strata_model::{
    composition::POOL_LABEL,
    object::{ObjectKey, split_api_version},
    secret::SecretText,
    version::KubernetesVersion,
};

use crate::{
    client::ClusterClient,
    error::{Call, ClusterError},
    health::{Health, health},
    objects::{ListOptions, ObjectReference},
};

const GROUP: &str = "cluster.x-k8s.io";
const CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";

/// What Cluster API says of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterApiStatus {
    /// The verdict on the `Cluster` itself.
    pub health: Health,
    /// Its control plane, once it has one.
    pub control_plane: Option<ControlPlane>,
    /// Its node pools, by their objects.
    pub pools: BTreeMap<ObjectKey, Pool>,
}

/// The control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPlane {
    /// The object.
    pub key: ObjectKey,
    /// The version it reports: that of its oldest machine.
    pub version: Option<KubernetesVersion>,
    /// The version it should have.
    pub wanted_version: Option<KubernetesVersion>,
    /// Its machines.
    pub machines: Machines,
    /// The verdict.
    pub health: Health,
}

/// A node pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The node pool that it is, or is a part of.
    pub pool: String,
    /// The object: a `MachineDeployment` or `MachinePool`.
    pub key: ObjectKey,
    /// The version it should have.
    pub version: Option<KubernetesVersion>,
    /// Its machines.
    pub machines: Machines,
    /// The verdict.
    pub health: Health,
}

/// How many machines there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machines {
    /// How many there should be.
    pub wanted: u32,
    /// How many there are, old and new.
    pub present: u32,
    /// How many are as the specification wants them; none if the object does not count them.
    pub up_to_date: Option<u32>,
    /// How many are ready.
    pub ready: u32,
}

impl Machines {
    fn of(object: &Value) -> Self {
        let count = |names: &[&str]| {
            ["/status", "/status/v1beta2"]
                .into_iter()
                .filter_map(|root| object.pointer(root))
                .find_map(|status| names.iter().find_map(|name| status.get(*name)?.as_u64()))
                .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        Self {
            wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
            present: count(&["replicas"]).unwrap_or(0),
            up_to_date: count(&["upToDateReplicas", "updatedReplicas"]),
            ready: count(&["readyReplicas", "availableReplicas"]).unwrap_or(0),
        }
    }

    /// `2 of 3 machines replaced`.
    #[must_use]
    pub fn progress(&self) -> String {
        match self.up_to_date {
            Some(done) => format!("{} of {} machines replaced", done.min(self.wanted), self.wanted),
            None => format!("{} of {} machines ready", self.ready.min(self.wanted), self.wanted),
        }
    }
}

impl ClusterApiStatus {
    /// What the cluster's version is: that of its control plane.
    #[must_use]
    pub fn version(&self) -> Option<&KubernetesVersion> {
        self.control_plane.as_ref()?.version.as_ref()
    }

    /// Whether all machines are as they should be.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.control_plane.as_ref().is_some_and(|plane| plane.health.is_ready())
            && self.pools.values().all(|pool| pool.health.is_ready())
    }

    /// What is not, for people: `control plane: 1 of 3 machines replaced; pool "blue": …`; empty when all is settled.
    #[must_use]
    pub fn progress(&self) -> String {
        let mut parts = Vec::new();
        match &self.control_plane {
            None => parts.push("there is no control plane yet".to_owned()),
            Some(plane) if !plane.health.is_ready() => {
                parts.push(format!("control plane: {}", plane.health.reason()));
            }
            Some(_) => {}
        }
        for pool in self.pools.values() {
            if !pool.health.is_ready() {
                parts.push(format!("pool \"{}\": {}", pool.pool, pool.health.reason()));
            }
        }
        parts.join("; ")
    }
}

impl ClusterClient {
    /// Reads what Cluster API says of a cluster; `None` when there is no such `Cluster`. This client is that of the
    /// management cluster.
    ///
    /// # Errors
    /// As every request.
    pub async fn cluster_api_status(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ClusterApiStatus>, ClusterError> {
        let Some(cluster) = self.get(&cluster_reference(namespace, name)).await? else { return Ok(None) };
        let control_plane = self.control_plane(&cluster, namespace).await?;
        let mut pools = BTreeMap::new();
        let options = ListOptions {
            namespace: Some(namespace.to_owned()),
            label_selector: Some(format!("{CLUSTER_NAME}={name}")),
            ..ListOptions::default()
        };
        for kind in ["MachineDeployment", "MachinePool"] {
            // Any version of the group will do: the one asked for is only a hint.
            let items = match self.list(&format!("{GROUP}/"), kind, &options).await {
                Ok(items) => items,
                Err(ClusterError::UnknownKind { .. }) => continue,
                Err(error) => return Err(error),
            };
            for object in items {
                let Some(key) = ObjectKey::of(&object) else { continue };
                let labels = object.pointer("/metadata/labels");
                let pool = labels.and_then(|labels| labels.get(POOL_LABEL)).and_then(Value::as_str);
                pools.insert(
                    key.clone(),
                    Pool {
                        pool: pool.unwrap_or(&key.name).to_owned(),
                        version: version(&object, "/spec/template/spec/version"),
                        machines: Machines::of(&object),
                        health: health(&object),
                        key,
                    },
                );
            }
        }
        Ok(Some(ClusterApiStatus { health: health(&cluster), control_plane, pools }))
    }

    /// Reads the version of a cluster: what its control-plane object reports. `None` before it reports any. Asks for two
    /// objects only, as it is asked for often.
    ///
    /// # Errors
    /// As every request.
    pub async fn cluster_api_version(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<KubernetesVersion>, ClusterError> {
        let cluster = match self.get(&cluster_reference(namespace, name)).await {
            Ok(Some(cluster)) => cluster,
            // Without Cluster API there are no such objects.
            Ok(None) | Err(ClusterError::UnknownKind { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(self.control_plane(&cluster, namespace).await?.and_then(|plane| plane.version))
    }

    async fn control_plane(
        &self,
        cluster: &Value,
        namespace: &str,
    ) -> Result<Option<ControlPlane>, ClusterError> {
        let Some(reference) = control_plane_of(cluster, namespace) else { return Ok(None) };
        Ok(self.get(&reference).await?.map(|object| ControlPlane {
            key: reference.key,
            version: version(&object, "/status/version"),
            wanted_version: version(&object, "/spec/version"),
            machines: Machines::of(&object),
            health: health(&object),
        }))
    }

    /// Reads the kubeconfig that Cluster API made for a cluster; `None` until it has.
    ///
    /// # Errors
    /// As every request; [`ClusterError::Unreadable`] when the Secret holds something else.
    pub async fn cluster_api_kubeconfig(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<SecretText>, ClusterError> {
        let key = ObjectKey {
            group: String::new(),
            kind: "Secret".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: format!("{name}-kubeconfig"),
        };
        let call = Call::on("read", &key);
        let Some(secret) = self.get(&ObjectReference::new(key, "v1")).await? else { return Ok(None) };
        let unreadable =
            |detail: &str| ClusterError::Unreadable { call: call.clone(), detail: detail.to_owned() };
        let data = secret.pointer("/data/value").and_then(Value::as_str);
        let data = data.ok_or_else(|| unreadable("it has no `value`"))?;
        let bytes = STANDARD.decode(data).map_err(|_| unreadable("its `value` is not base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("its `value` is not text"))?;
        Ok(Some(SecretText::new(text)))
    }

    /// Waits until the machines of a cluster are as its objects want them. `on_progress` is told each new sentence.
    ///
    /// # Errors
    /// [`ClusterError::TimedOut`] at the deadline, or at once when an object says that it failed;
    /// [`ClusterError::NotFound`] without such a `Cluster`; passing trouble only at the deadline; others as every request.
    pub async fn wait_cluster_api(
        &self,
        namespace: &str,
        name: &str,
        deadline: Duration,
        on_progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<ClusterApiStatus, ClusterError> {
        let call = || Call::about("wait for", format!("Cluster.{GROUP} {namespace}/{name}"));
        let end = crate::deadline::Deadline::after(deadline);
        let mut told = String::new();
        let mut trouble: Option<ClusterError>;
        loop {
            match self.cluster_api_status(namespace, name).await {
                Ok(None) => {
                    return Err(ClusterError::NotFound {
                        call: call(),
                        message: "it does not exist".to_owned(),
                    });
                }
                Ok(Some(status)) if status.is_settled() => return Ok(status),
                Ok(Some(status)) => {
                    trouble = None;
                    let sentence = status.progress();
                    if sentence != told {
                        on_progress(&sentence);
                        told = sentence;
                    }
                    if status.has_failed() {
                        return Err(ClusterError::TimedOut { call: call(), reason: told });
                    }
                }
                Err(error) if error.is_passing() => trouble = Some(error),
                Err(error) => return Err(error),
            }
            if end.remaining() <= MACHINE_POLL {
                return Err(trouble.unwrap_or_else(|| ClusterError::TimedOut { call: call(), reason: told }));
            }
            tokio::time::sleep(MACHINE_POLL).await;
        }
    }
}

/// Machines take minutes: a few seconds between two looks lose nothing, and need no connection in between.
const MACHINE_POLL: Duration = Duration::from_secs(5);

impl ClusterApiStatus {
    fn has_failed(&self) -> bool {
        let plane = self.control_plane.iter().map(|plane| &plane.health);
        let mut all = plane.chain(self.pools.values().map(|pool| &pool.health));
        all.any(|health| matches!(health, Health::Failed(_)))
    }
}

fn cluster_reference(namespace: &str, name: &str) -> ObjectReference {
    let key = ObjectKey {
        group: GROUP.to_owned(),
        kind: "Cluster".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    ObjectReference { key, api_version: None }
}

fn version(object: &Value, pointer: &str) -> Option<KubernetesVersion> {
    object.pointer(pointer)?.as_str()?.parse().ok()
}

/// v1beta1 refers by `apiVersion`, v1beta2 by `apiGroup`.
fn control_plane_of(cluster: &Value, namespace: &str) -> Option<ObjectReference> {
    let reference = cluster.pointer("/spec/controlPlaneRef")?;
    let text = |key: &str| reference.get(key).and_then(Value::as_str);
    let api_version = text("apiVersion");
    let group = text("apiGroup").or_else(|| api_version.map(|text| split_api_version(text).0))?;
    Some(ObjectReference {
        key: ObjectKey {
            group: group.to_owned(),
            kind: text("kind")?.to_owned(),
            namespace: Some(text("namespace").unwrap_or(namespace).to_owned()),
            name: text("name")?.to_owned(),
        },
        api_version: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_of_both_contracts() {
        let old = json!({"spec": {"controlPlaneRef": {
            "apiVersion": "controlplane.cluster.x-k8s.io/v1beta1", "kind": "KubeadmControlPlane", "name": "a", "namespace": "n"}}});
        let new = json!({"spec": {"controlPlaneRef": {
            "apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "a"}}});
        assert_eq!(control_plane_of(&old, "n"), control_plane_of(&new, "n"));
        assert_eq!(
            control_plane_of(&new, "n").unwrap().key.to_string(),
            "KubeadmControlPlane.controlplane.cluster.x-k8s.io n/a"
        );
        assert_eq!(control_plane_of(&json!({"spec": {}}), "n"), None);
    }

    #[test]
    fn machines_are_counted_in_both_forms() {
        let old = json!({"spec": {"replicas": 3}, "status": {"replicas": 4, "updatedReplicas": 1, "readyReplicas": 3}});
        let new = json!({"spec": {"replicas": 3}, "status": {"replicas": 4, "upToDateReplicas": 1, "readyReplicas": 3}});
        let both = json!({"spec": {"replicas": 3},
            "status": {"replicas": 4, "readyReplicas": 3, "v1beta2": {"upToDateReplicas": 1}}});
        for object in [&old, &new, &both] {
            assert_eq!(
                Machines::of(object),
                Machines { wanted: 3, present: 4, up_to_date: Some(1), ready: 3 }
            );
        }
        assert_eq!(Machines::of(&old).progress(), "1 of 3 machines replaced");
    }
}
