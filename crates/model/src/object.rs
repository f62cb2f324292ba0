//! Kubernetes objects as plain data.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Labels that Strata puts on every object it applies. Stable: they never carry versions.
pub mod marks {
    /// The installation that applied the object.
    pub const INSTALLATION: &str = "strata.dev/installation";
    /// The cluster (its id) that the object belongs to.
    pub const CLUSTER: &str = "strata.dev/cluster";
    /// The layer that renders the object.
    pub const LAYER: &str = "strata.dev/layer";
    /// On a hook, as an annotation: which attempt of which change started it, so that it is not started twice.
    pub const RUN: &str = "strata.dev/run";
}

/// Which object, whatever API version it is read in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// API group, empty for the core one.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, for namespaced kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    /// `Deployment.apps shop/web`, `Namespace shop`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}

impl ObjectKey {
    /// Reads the key of a manifest. `None` when kind, API version or name are missing.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let (group, _) = split_api_version(object.get("apiVersion")?.as_str()?);
        let metadata = object.get("metadata")?;
        Some(Self {
            group: group.to_owned(),
            kind: object.get("kind")?.as_str()?.to_owned(),
            namespace: metadata.get("namespace").and_then(Value::as_str).map(str::to_owned),
            name: metadata.get("name")?.as_str()?.to_owned(),
        })
    }

    /// Whether it is a core `Secret`.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }
}

/// `apps/v1` → (`apps`, `v1`); `v1` has the empty group.
#[must_use]
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Where an object is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Destination {
    /// The management cluster: Cluster API objects of infrastructure layers.
    Management,
    /// The cluster itself.
    Workload,
}
