//! What templates are told about a cluster that there is not.

use serde_json::Value;

use crate::template::{FactReader, KubeVersion};

/// The Kubernetes version that `helm template` of Helm 3.21 assumes.
pub const DEFAULT_KUBE_VERSION: &str = "v1.36.0";

/// Group and version of what `helm template` of Helm 3.21 takes to be served, whatever Kubernetes version is given.
const API_VERSIONS: [&str; 55] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha2",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// The answers of `helm template` without a cluster: known groups and versions but no kinds, and no objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultFacts {
    version: KubeVersion,
    extra: Vec<String>,
}

impl DefaultFacts {
    /// For [`DEFAULT_KUBE_VERSION`].
    #[must_use]
    pub fn new() -> Self {
        Self { version: kube_version(DEFAULT_KUBE_VERSION), extra: Vec::new() }
    }

    /// The same for another Kubernetes version, such as `1.33.2`; a leading `v` is added.
    #[must_use]
    pub fn with_kube_version(mut self, version: &str) -> Self {
        self.version = kube_version(version);
        self
    }

    /// The same with more that is served: `group/version` or `group/version/Kind`.
    #[must_use]
    pub fn with_api_versions(mut self, extra: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.extra.extend(extra.into_iter().map(Into::into));
        self
    }
}

impl Default for DefaultFacts {
    fn default() -> Self {
        Self::new()
    }
}

fn kube_version(text: &str) -> KubeVersion {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let core = bare.split(['-', '+']).next().unwrap_or(bare);
    let mut numbers = core.split('.').map(str::to_owned);
    let mut number = || numbers.next().filter(|number| !number.is_empty()).unwrap_or_else(|| "0".to_owned());
    let (major, minor, patch) = (number(), number(), number());
    let suffix = bare.get(core.len()..).unwrap_or_default();
    KubeVersion { version: format!("v{major}.{minor}.{patch}{suffix}"), major, minor }
}

impl FactReader for DefaultFacts {
    fn api_versions_has(&self, api: &str) -> bool {
        API_VERSIONS.contains(&api) || self.extra.iter().any(|extra| extra == api)
    }

    fn api_versions(&self) -> Vec<String> {
        API_VERSIONS.iter().map(|api| (*api).to_owned()).chain(self.extra.iter().cloned()).collect()
    }

    fn kube_version(&self) -> KubeVersion {
        self.version.clone()
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Value {
        Value::Object(serde_json::Map::new())
    }
}
