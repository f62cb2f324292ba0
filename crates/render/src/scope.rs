//! Which kinds have no namespace.
//!
//! Kinds of Kubernetes itself and of Cluster API stand in tables, so that rendering needs no cluster for them; others are
//! looked up in the composition's own definitions and then among the facts.

use crate::capabilities::Capabilities;

/// Kinds of Kubernetes without a namespace, `group/Kind`, core ones as `Kind`; sorted.
const CLUSTER_SCOPED: [&str; 34] = [
    "ComponentStatus",
    "Namespace",
    "Node",
    "PersistentVolume",
    "admissionregistration.k8s.io/MutatingAdmissionPolicy",
    "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/CustomResourceDefinition",
    "apiregistration.k8s.io/APIService",
    "authentication.k8s.io/SelfSubjectReview",
    "authentication.k8s.io/TokenReview",
    "authorization.k8s.io/SelfSubjectAccessReview",
    "authorization.k8s.io/SelfSubjectRulesReview",
    "authorization.k8s.io/SubjectAccessReview",
    "certificates.k8s.io/CertificateSigningRequest",
    "certificates.k8s.io/ClusterTrustBundle",
    "flowcontrol.apiserver.k8s.io/FlowSchema",
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
    "networking.k8s.io/IPAddress",
    "networking.k8s.io/IngressClass",
    "networking.k8s.io/ServiceCIDR",
    "node.k8s.io/RuntimeClass",
    "rbac.authorization.k8s.io/ClusterRole",
    "rbac.authorization.k8s.io/ClusterRoleBinding",
    "resource.k8s.io/DeviceClass",
    "resource.k8s.io/ResourceSlice",
    "scheduling.k8s.io/PriorityClass",
    "storage.k8s.io/CSIDriver",
    "storage.k8s.io/CSINode",
    "storage.k8s.io/StorageClass",
    "storage.k8s.io/VolumeAttachment",
];

/// Groups of Kubernetes: what is not in the table above has a namespace.
const OWN_GROUPS: [&str; 20] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
];

/// Kinds of Cluster API and its providers without a namespace.
const CLUSTER_API_SCOPED: [&str; 5] = [
    "AWSClusterControllerIdentity",
    "AWSClusterRoleIdentity",
    "AWSClusterStaticIdentity",
    "ExtensionConfig",
    "VSphereClusterIdentity",
];

/// Whether a group belongs to Cluster API.
pub(crate) fn is_cluster_api(group: &str) -> bool {
    group == "cluster.x-k8s.io" || group.ends_with(".cluster.x-k8s.io")
}

/// Whether a kind has no namespace.
pub(crate) fn is_cluster_scoped(group: &str, kind: &str, capabilities: &Capabilities) -> bool {
    let name = if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") };
    if CLUSTER_SCOPED.binary_search(&name.as_str()).is_ok()
        || (group == "storage.k8s.io" && kind == "VolumeAttributesClass")
    {
        return true;
    }
    if OWN_GROUPS.contains(&group) || group == "storage.k8s.io" {
        return false;
    }
    if is_cluster_api(group) {
        return CLUSTER_API_SCOPED.contains(&kind);
    }
    capabilities.is_cluster_scoped(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(CLUSTER_SCOPED.is_sorted());
    }
}
