//! The order in which kinds are applied inside a priority: namespaces, definitions, configuration and RBAC, workloads,
//! the rest.

use strata_model::object::ObjectKey;

/// The place of a kind: lower goes first. Hundreds are the groups named above.
#[must_use]
pub fn rank(key: &ObjectKey) -> u16 {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 100,
        ("scheduling.k8s.io", "PriorityClass") => 200,
        ("", "ResourceQuota" | "LimitRange") => 201,
        ("networking.k8s.io", "NetworkPolicy") => 202,
        ("policy", "PodDisruptionBudget") => 203,
        ("", "ServiceAccount") => 210,
        ("", "Secret") => 211,
        ("", "ConfigMap") => 212,
        ("storage.k8s.io", _) => 220,
        ("", "PersistentVolume") => 221,
        ("", "PersistentVolumeClaim") => 222,
        ("rbac.authorization.k8s.io", "ClusterRole") => 230,
        ("rbac.authorization.k8s.io", "ClusterRoleBinding") => 231,
        ("rbac.authorization.k8s.io", "Role") => 232,
        ("rbac.authorization.k8s.io", "RoleBinding") => 233,
        // Before workloads, whose environment names the services that are there.
        ("", "Service") => 290,
        ("apps", "DaemonSet") => 300,
        ("", "Pod" | "ReplicationController") => 301,
        ("apps", "ReplicaSet") => 302,
        ("apps", "Deployment") => 303,
        ("apps", "StatefulSet") => 304,
        ("batch", "Job") => 310,
        ("batch", "CronJob") => 311,
        ("autoscaling", _) => 400,
        ("networking.k8s.io", _) => 401,
        // What may stop others from being applied goes last.
        ("apiregistration.k8s.io", _) => 490,
        ("admissionregistration.k8s.io", _) => 491,
        // Custom resources of any operator.
        _ => 450,
    }
}

/// The place of a Cluster API kind inside the control plane's or a pool's step.
#[must_use]
pub fn infrastructure_rank(key: &ObjectKey) -> u16 {
    let kind = key.kind.as_str();
    match key.group.as_str() {
        "" | "rbac.authorization.k8s.io" | "apiextensions.k8s.io" => rank(key),
        // What others refer to comes before them.
        _ if kind.ends_with("Template") => 500,
        "infrastructure.cluster.x-k8s.io" => 510,
        "bootstrap.cluster.x-k8s.io" => 511,
        "controlplane.cluster.x-k8s.io" => 530,
        "cluster.x-k8s.io" => match kind {
            "ClusterClass" => 505,
            "Cluster" => 520,
            "MachineDeployment" | "MachinePool" | "MachineSet" => 540,
            _ => 550,
        },
        _ => 560,
    }
}
