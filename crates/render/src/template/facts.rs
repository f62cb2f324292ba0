//! What a template may ask about the cluster it is rendered for.

use std::fmt;

/// The version of a Kubernetes API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeVersion {
    /// With a leading `v`, e.g. `v1.33.2`.
    pub version: String,
    /// e.g. `1`
    pub major: String,
    /// e.g. `33`
    pub minor: String,
}

/// Answers a template's questions about its cluster. The engine asks only when a template does, so an implementation
/// that records what it was asked knows the facts that a render depends on.
pub trait FactReader: fmt::Debug {
    /// Whether the cluster serves a group and version (`apps/v1`) or a kind of it (`apps/v1/Deployment`).
    fn api_versions_has(&self, api: &str) -> bool;

    /// All that the cluster serves, for templates that go through the list.
    fn api_versions(&self) -> Vec<String>;

    /// The cluster's Kubernetes version.
    fn kube_version(&self) -> KubeVersion;

    /// The object of a kind, or with an empty name the list of them; an empty object when there is none or it is not
    /// known. An empty namespace means all, or none for kinds without.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> serde_json::Value;
}
