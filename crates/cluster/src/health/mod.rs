//! Whether an object is well, from what the cluster says of it. Pure.
//!
//! *Idea.* Three verdicts. What has not been looked at yet by its controller (`observedGeneration` behind `generation`) is
//! progressing, whatever else its status says: old evidence proves nothing. Kinds with a meaning of their own are known by
//! name; others are judged by their conditions; what has none is ready when it exists.
//!
//! *Caveats.* A Job is ready when it is complete, a suspended one at once. A Service with a load balancer is ready at once: its
//! address may come from outside, and much later. A claim of a volume that waits for its first consumer is progressing.

mod cluster_api;
mod conditions;
mod workload;

#[cfg(test)]
mod tests;

use serde_json::Value;
use strata_model::object::split_api_version;

/// The verdict on one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is as it should be.
    Ready,
    /// It is on its way, or waits for something.
    Progressing(String),
    /// It will not get well by itself.
    Failed(String),
}

impl Health {
    /// Whether it is ready.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// Why it is not ready; empty when it is.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Ready => "",
            Self::Progressing(reason) | Self::Failed(reason) => reason,
        }
    }

    fn progressing(reason: impl Into<String>) -> Self {
        Self::Progressing(reason.into())
    }
}

/// The parts of an object that verdicts are made of.
struct Live<'a> {
    object: &'a Value,
    generation: Option<i64>,
}

impl<'a> Live<'a> {
    fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.object.pointer(pointer)
    }

    fn number(&self, pointer: &str) -> Option<i64> {
        self.at(pointer)?.as_i64()
    }

    /// A count in the status: absent means none.
    fn count(&self, field: &str) -> i64 {
        self.object.get("status").and_then(|status| status.get(field)).and_then(Value::as_i64).unwrap_or(0)
    }

    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.at(pointer)?.as_str()
    }

    fn is_true(&self, pointer: &str) -> bool {
        self.at(pointer) == Some(&Value::Bool(true))
    }
}

/// Judges an object as the API server answered it.
#[must_use]
pub fn health(live: &Value) -> Health {
    let live =
        Live { object: live, generation: live.pointer("/metadata/generation").and_then(Value::as_i64) };
    if live.text("/metadata/deletionTimestamp").is_some() {
        return Health::progressing("it is being deleted");
    }
    let (group, _) = split_api_version(live.text("/apiVersion").unwrap_or_default());
    let kind = live.text("/kind").unwrap_or_default();
    if let (Some(generation), Some(observed)) = (live.generation, live.number("/status/observedGeneration"))
        && observed < generation
    {
        return Health::Progressing(format!(
            "its controller has seen generation {observed}, and it is at {generation}"
        ));
    }
    match (group, kind) {
        ("apps", "Deployment") => workload::deployment(&live),
        ("apps", "StatefulSet") => workload::stateful_set(&live),
        ("apps", "DaemonSet") => workload::daemon_set(&live),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => workload::replica_set(&live),
        ("", "Pod") => workload::pod(&live),
        ("batch", "Job") => workload::job(&live),
        ("", "PersistentVolumeClaim") => workload::claim(&live),
        ("", "Namespace") => match live.text("/status/phase") {
            Some("Terminating") => Health::progressing("it is being deleted"),
            _ => Health::Ready,
        },
        ("apiextensions.k8s.io", "CustomResourceDefinition") => conditions::definition(&live),
        ("apiregistration.k8s.io", "APIService") => conditions::require(&live, "Available"),
        // Conditions of these speak of load or history, not of being well.
        ("autoscaling", "HorizontalPodAutoscaler") => Health::Ready,
        _ if is_ready_by_existing(group, kind) => Health::Ready,
        ("cluster.x-k8s.io", "Cluster") => cluster_api::cluster(&live),
        ("cluster.x-k8s.io", "Machine") => cluster_api::machine(&live),
        ("cluster.x-k8s.io", "MachineDeployment" | "MachineSet" | "MachinePool") => {
            cluster_api::machines(&live)
        }
        ("controlplane.cluster.x-k8s.io", _) if live.number("/spec/replicas").is_some() => {
            cluster_api::control_plane(&live)
        }
        _ => conditions::generic(&live),
    }
}

/// As [`health`], for an object that was just sent: what is older than `min_generation` is progressing.
#[must_use]
pub fn health_since(live: &Value, min_generation: Option<i64>) -> Health {
    let generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
    match (min_generation, generation) {
        (Some(min), Some(generation)) if generation < min => {
            Health::Progressing(format!("only generation {generation} was read yet, and {min} was sent"))
        }
        _ => health(live),
    }
}

/// Judges whether an object has done its work: for hooks, where Helm waits for Jobs and Pods alone.
#[must_use]
pub fn completion(live: &Value) -> Health {
    let text = |pointer| live.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match (split_api_version(text("/apiVersion")).0, text("/kind")) {
        ("batch", "Job") => health(live),
        ("", "Pod") => match health(live) {
            Health::Ready if text("/status/phase") != "Succeeded" => {
                Health::progressing("it has not ended yet")
            }
            verdict => verdict,
        },
        _ => Health::Ready,
    }
}

/// Whether an object goes by itself some time after it has done its work: a Job with a time to live.
#[must_use]
pub fn goes_when_done(object: &Value) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let is_job = text("kind") == Some("Job")
        && text("apiVersion").is_some_and(|api_version| split_api_version(api_version).0 == "batch");
    is_job && object.pointer("/spec/ttlSecondsAfterFinished").is_some_and(Value::is_number)
}

/// Whether objects of this kind are ready as soon as they exist: there is nothing to wait for.
#[must_use]
pub fn is_ready_by_existing(group: &str, kind: &str) -> bool {
    match group {
        "" => matches!(
            kind,
            "ConfigMap"
                | "Secret"
                | "Service"
                | "ServiceAccount"
                | "Endpoints"
                | "LimitRange"
                | "ResourceQuota"
                | "PersistentVolume"
        ),
        "batch" => kind == "CronJob",
        "rbac.authorization.k8s.io"
        | "networking.k8s.io"
        | "storage.k8s.io"
        | "scheduling.k8s.io"
        | "node.k8s.io"
        | "admissionregistration.k8s.io"
        | "discovery.k8s.io"
        | "coordination.k8s.io" => true,
        // Its conditions say whether disruptions are allowed now.
        "policy" => kind == "PodDisruptionBudget",
        _ => false,
    }
}
