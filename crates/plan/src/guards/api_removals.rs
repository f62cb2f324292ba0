//! Facts: which API versions Kubernetes has stopped serving, and since when.

/// An API version that is no longer served.
pub(crate) struct Removal {
    pub(crate) api_version: &'static str,
    /// Empty for all kinds of the API version.
    pub(crate) kinds: &'static [&'static str],
    /// The minor of Kubernetes 1 that no longer serves it.
    pub(crate) since: u32,
    /// What serves it instead; empty when nothing does.
    pub(crate) instead: &'static str,
}

const fn removal(
    since: u32,
    api_version: &'static str,
    kinds: &'static [&'static str],
    instead: &'static str,
) -> Removal {
    Removal { api_version, kinds, since, instead }
}

/// All removals up to Kubernetes 1.36.
pub(crate) const REMOVALS: &[Removal] = &[
    removal(16, "extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], "apps/v1"),
    removal(16, "extensions/v1beta1", &["NetworkPolicy"], "networking.k8s.io/v1"),
    removal(16, "extensions/v1beta1", &["PodSecurityPolicy"], ""),
    removal(16, "apps/v1beta1", &[], "apps/v1"),
    removal(16, "apps/v1beta2", &[], "apps/v1"),
    removal(22, "extensions/v1beta1", &["Ingress"], "networking.k8s.io/v1"),
    removal(22, "networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], "networking.k8s.io/v1"),
    removal(
        22,
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "admissionregistration.k8s.io/v1",
    ),
    removal(22, "apiextensions.k8s.io/v1beta1", &[], "apiextensions.k8s.io/v1"),
    removal(22, "apiregistration.k8s.io/v1beta1", &[], "apiregistration.k8s.io/v1"),
    removal(22, "authentication.k8s.io/v1beta1", &["TokenReview"], "authentication.k8s.io/v1"),
    removal(22, "authorization.k8s.io/v1beta1", &[], "authorization.k8s.io/v1"),
    removal(22, "certificates.k8s.io/v1beta1", &["CertificateSigningRequest"], "certificates.k8s.io/v1"),
    removal(22, "coordination.k8s.io/v1beta1", &["Lease"], "coordination.k8s.io/v1"),
    removal(22, "rbac.authorization.k8s.io/v1alpha1", &[], "rbac.authorization.k8s.io/v1"),
    removal(22, "rbac.authorization.k8s.io/v1beta1", &[], "rbac.authorization.k8s.io/v1"),
    removal(22, "scheduling.k8s.io/v1beta1", &["PriorityClass"], "scheduling.k8s.io/v1"),
    removal(
        22,
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        "storage.k8s.io/v1",
    ),
    removal(25, "batch/v1beta1", &["CronJob"], "batch/v1"),
    removal(25, "discovery.k8s.io/v1beta1", &["EndpointSlice"], "discovery.k8s.io/v1"),
    removal(25, "events.k8s.io/v1beta1", &["Event"], "events.k8s.io/v1"),
    removal(25, "autoscaling/v2beta1", &["HorizontalPodAutoscaler"], "autoscaling/v2"),
    removal(25, "policy/v1beta1", &["PodDisruptionBudget"], "policy/v1"),
    removal(25, "policy/v1beta1", &["PodSecurityPolicy"], ""),
    removal(25, "node.k8s.io/v1beta1", &["RuntimeClass"], "node.k8s.io/v1"),
    removal(26, "autoscaling/v2beta2", &["HorizontalPodAutoscaler"], "autoscaling/v2"),
    removal(26, "flowcontrol.apiserver.k8s.io/v1beta1", &[], "flowcontrol.apiserver.k8s.io/v1"),
    removal(27, "storage.k8s.io/v1beta1", &["CSIStorageCapacity"], "storage.k8s.io/v1"),
    removal(29, "flowcontrol.apiserver.k8s.io/v1beta2", &[], "flowcontrol.apiserver.k8s.io/v1"),
    removal(32, "flowcontrol.apiserver.k8s.io/v1beta3", &[], "flowcontrol.apiserver.k8s.io/v1"),
];
