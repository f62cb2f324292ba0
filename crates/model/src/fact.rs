//! Facts: what a render may know of a living cluster.
//!
//! A task reads them; the pure core gets them as data. A render records each fact that it read; only those enter
//! digests and cache keys, so a fact that nobody read never voids an approval.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::version::KubernetesVersion;

/// What is known of a cluster when it is rendered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The version that the API server reports; none until it was reached.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Served `group/version` and `group/version/Kind` (core: `v1`, `v1/Pod`).
    pub api_versions: BTreeSet<String>,
    /// `group/Kind` (core: `Pod`) of kinds that have no namespace.
    pub cluster_scoped: BTreeSet<String>,
    /// The cluster's name.
    pub cluster_name: String,
    /// The cluster's labels.
    pub labels: BTreeMap<String, String>,
    /// `aws`, `vsphere` …, if known.
    pub cloud: Option<String>,
    /// The region, if known.
    pub region: Option<String>,
    /// Answers to `lookup`, by [`FactKey::Lookup`]'s text.
    pub lookups: BTreeMap<String, Value>,
}

/// One fact that a render can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FactKey {
    /// `.Capabilities.KubeVersion`.
    KubernetesVersion,
    /// `.Capabilities.APIVersions.Has "x"`.
    ApiVersion(String),
    /// Whether a kind (`group/Kind`) has no namespace.
    ClusterScoped(String),
    /// The cluster's name.
    ClusterName,
    /// One of the cluster's labels.
    Label(String),
    /// The cloud.
    Cloud,
    /// The region.
    Region,
    /// `lookup apiVersion kind namespace name`.
    Lookup {
        /// API version.
        api_version: String,
        /// Kind.
        kind: String,
        /// Namespace, may be empty.
        namespace: String,
        /// Name, may be empty.
        name: String,
    },
}

impl From<FactKey> for String {
    fn from(key: FactKey) -> Self {
        match key {
            FactKey::KubernetesVersion => "kubernetesVersion".to_owned(),
            FactKey::ApiVersion(name) => format!("apiVersion {name}"),
            FactKey::ClusterScoped(kind) => format!("clusterScoped {kind}"),
            FactKey::ClusterName => "clusterName".to_owned(),
            FactKey::Label(name) => format!("label {name}"),
            FactKey::Cloud => "cloud".to_owned(),
            FactKey::Region => "region".to_owned(),
            FactKey::Lookup { api_version, kind, namespace, name } => {
                format!("lookup {api_version} {kind} {namespace}/{name}")
            }
        }
    }
}

impl TryFrom<String> for FactKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        Ok(match word {
            "kubernetesVersion" => Self::KubernetesVersion,
            "apiVersion" => Self::ApiVersion(rest.to_owned()),
            "clusterScoped" => Self::ClusterScoped(rest.to_owned()),
            "clusterName" => Self::ClusterName,
            "label" => Self::Label(rest.to_owned()),
            "cloud" => Self::Cloud,
            "region" => Self::Region,
            "lookup" => {
                let mut parts = rest.splitn(3, ' ');
                let mut next = || parts.next().ok_or_else(|| format!("`{text}` is not a fact"));
                let (api_version, kind, place) = (next()?.to_owned(), next()?.to_owned(), next()?.to_owned());
                let (namespace, name) =
                    place.split_once('/').ok_or_else(|| format!("`{text}` is not a fact"))?;
                Self::Lookup { api_version, kind, namespace: namespace.to_owned(), name: name.to_owned() }
            }
            _ => return Err(format!("`{text}` is not a fact")),
        })
    }
}

impl std::fmt::Display for FactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from(self.clone()))
    }
}

/// The facts that a render read, with the answers it got.
pub type FactsRead = BTreeMap<FactKey, Value>;

impl Facts {
    /// The answer to one question: null for what is not known.
    #[must_use]
    pub fn answer(&self, key: &FactKey) -> Value {
        let text = |value: &Option<String>| value.clone().map_or(Value::Null, Value::String);
        match key {
            FactKey::KubernetesVersion => self
                .kubernetes_version
                .as_ref()
                .map_or(Value::Null, |version| Value::String(version.to_string())),
            FactKey::ApiVersion(name) => Value::Bool(self.api_versions.contains(name)),
            FactKey::ClusterScoped(kind) => Value::Bool(self.cluster_scoped.contains(kind)),
            FactKey::ClusterName => Value::String(self.cluster_name.clone()),
            FactKey::Label(name) => text(&self.labels.get(name).cloned()),
            FactKey::Cloud => text(&self.cloud),
            FactKey::Region => text(&self.region),
            FactKey::Lookup { .. } => self.lookups.get(&key.to_string()).cloned().unwrap_or(Value::Null),
        }
    }
}

/// The facts among `read` whose answer has changed: what moved, for a person to read.
#[must_use]
pub fn facts_moved(read: &FactsRead, now: &Facts) -> Vec<FactKey> {
    read.iter().filter(|(key, answer)| now.answer(key) != **answer).map(|(key, _)| key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_as_text() {
        for key in [
            FactKey::KubernetesVersion,
            FactKey::ApiVersion("apps/v1/Deployment".into()),
            FactKey::Label("stage".into()),
            FactKey::Lookup {
                api_version: "v1".into(),
                kind: "Secret".into(),
                namespace: "a".into(),
                name: "b".into(),
            },
            FactKey::Lookup {
                api_version: "v1".into(),
                kind: "Node".into(),
                namespace: String::new(),
                name: String::new(),
            },
        ] {
            assert_eq!(FactKey::try_from(String::from(key.clone())).unwrap(), key);
        }
    }

    #[test]
    fn only_facts_that_were_read_can_move() {
        let mut facts = Facts { cluster_name: "a".into(), ..Facts::default() };
        let read = FactsRead::from([(FactKey::ClusterName, facts.answer(&FactKey::ClusterName))]);
        facts.region = Some("eu".into());
        assert!(facts_moved(&read, &facts).is_empty());
        facts.cluster_name = "b".into();
        assert_eq!(facts_moved(&read, &facts), [FactKey::ClusterName]);
    }
}
