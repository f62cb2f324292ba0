//! What a cluster serves: API versions, kinds, their scopes, plurals, verbs and subresources.
//!
//! Two requests by aggregated discovery; servers that do not know it are asked group by group.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    deadline::Deadline,
    error::{Call, ClusterError},
    paths::encode,
    transport::{Ask, Transport},
};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// Most group versions that are asked one by one.
const MAX_GROUP_VERSIONS: usize = 500;

/// One kind in one API version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindInfo {
    /// API group, empty for the core one.
    pub group: String,
    /// Version in the group.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// The name in paths.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done with it: `get`, `list`, `watch` …
    pub verbs: Vec<String>,
    /// Names of its subresources: `scale`, `status` …
    pub subresources: Vec<String>,
}

impl KindInfo {
    /// `apps/v1`; `v1` in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        group_version(&self.group, &self.version)
    }

    /// Whether it has the subresource.
    #[must_use]
    pub fn has_subresource(&self, name: &str) -> bool {
        self.subresources.iter().any(|subresource| subresource == name)
    }

    /// Whether it can be done with it.
    #[must_use]
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }
}

/// Everything that a cluster serves, as read at one time.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// By kind, then group; the preferred version first.
    kinds: BTreeMap<String, BTreeMap<String, Vec<Arc<KindInfo>>>>,
    /// Served group versions, also those without kinds.
    group_versions: Vec<String>,
    unavailable: Vec<String>,
}

impl Discovery {
    /// A kind in exactly this version of its group.
    #[must_use]
    pub fn find(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<KindInfo>> {
        self.versions(group, kind).iter().find(|info| info.version == version)
    }

    /// All versions of a kind, the preferred one first.
    #[must_use]
    pub fn versions(&self, group: &str, kind: &str) -> &[Arc<KindInfo>] {
        self.kinds.get(kind).and_then(|groups| groups.get(group)).map_or(&[], Vec::as_slice)
    }

    /// All kinds in all versions.
    pub fn kinds(&self) -> impl Iterator<Item = &KindInfo> {
        self.kinds.values().flat_map(BTreeMap::values).flatten().map(Arc::as_ref)
    }

    /// Served group versions: `v1`, `apps/v1` …
    #[must_use]
    pub fn group_versions(&self) -> &[String] {
        &self.group_versions
    }

    /// Group versions that are registered and do not answer: what they serve is not known.
    #[must_use]
    pub fn unavailable(&self) -> &[String] {
        &self.unavailable
    }

    fn add(&mut self, info: KindInfo) {
        let versions =
            self.kinds.entry(info.kind.clone()).or_default().entry(info.group.clone()).or_default();
        // A version that serves a kind under several plurals means the first.
        if versions.iter().all(|known| known.version != info.version) {
            versions.push(Arc::new(info));
        }
    }
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

#[derive(Deserialize)]
struct GroupList {
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize, Default)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    subresources: Vec<Subresource>,
}

#[derive(Deserialize, Default)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Subresource {
    subresource: String,
}

#[derive(Deserialize)]
struct LegacyGroups {
    #[serde(default)]
    groups: Vec<LegacyGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyGroup {
    name: String,
    #[serde(default)]
    versions: Vec<LegacyVersion>,
    #[serde(default)]
    preferred_version: Option<LegacyVersion>,
}

#[derive(Deserialize, Clone, PartialEq)]
struct LegacyVersion {
    version: String,
}

#[derive(Deserialize)]
struct CoreVersions {
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct LegacyResources {
    #[serde(default)]
    resources: Vec<LegacyResource>,
}

#[derive(Deserialize)]
struct LegacyResource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

fn call() -> Call {
    Call::about("read", "the served APIs")
}

/// Reads all that a cluster serves.
pub(crate) async fn read(transport: &Transport, deadline: Deadline) -> Result<Discovery, ClusterError> {
    let mut discovery = Discovery::default();
    for root in ["/api", "/apis"] {
        let ask = Ask::get(call(), root.to_owned(), deadline).accepting(AGGREGATED);
        let body = transport.ask(&ask).await?.body;
        if body.get("kind").and_then(Value::as_str) == Some("APIGroupDiscoveryList") {
            add_aggregated(&mut discovery, typed(body)?);
        } else {
            add_by_group(&mut discovery, transport, deadline, root, body).await?;
        }
    }
    Ok(discovery)
}

fn typed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, ClusterError> {
    serde_json::from_value(body)
        .map_err(|error| ClusterError::Unreadable { call: call(), detail: error.to_string() })
}

fn add_aggregated(discovery: &mut Discovery, list: GroupList) {
    for group in list.items {
        for version in group.versions {
            let name = group_version(&group.metadata.name, &version.version);
            if version.freshness == "Stale" {
                discovery.unavailable.push(name.clone());
            }
            discovery.group_versions.push(name);
            for resource in version.resources {
                let kind = resource.response_kind.unwrap_or_default().kind;
                if kind.is_empty() {
                    continue;
                }
                discovery.add(KindInfo {
                    group: group.metadata.name.clone(),
                    version: version.version.clone(),
                    kind,
                    plural: resource.resource,
                    namespaced: resource.scope == "Namespaced",
                    verbs: resource.verbs,
                    subresources: resource.subresources.into_iter().map(|entry| entry.subresource).collect(),
                });
            }
        }
    }
}

async fn add_by_group(
    discovery: &mut Discovery,
    transport: &Transport,
    deadline: Deadline,
    root: &str,
    body: Value,
) -> Result<(), ClusterError> {
    let mut versions: Vec<(String, String)> = Vec::new();
    if root == "/api" {
        let core: CoreVersions = typed(body)?;
        versions.extend(core.versions.into_iter().map(|version| (String::new(), version)));
    } else {
        let list: LegacyGroups = typed(body)?;
        for group in list.groups {
            let preferred = group.preferred_version.into_iter();
            let mut seen: Vec<LegacyVersion> = Vec::new();
            for version in preferred.chain(group.versions) {
                if !seen.contains(&version) {
                    versions.push((group.name.clone(), version.version.clone()));
                    seen.push(version);
                }
            }
        }
    }
    versions.truncate(MAX_GROUP_VERSIONS);
    let answers: Vec<_> = stream::iter(versions)
        .map(|(group, version)| async move {
            let path = if group.is_empty() {
                format!("/api/{}", encode(&version))
            } else {
                format!("/apis/{}/{}", encode(&group), encode(&version))
            };
            match transport.ask(&Ask::get(call(), path, deadline)).await {
                Ok(answer) => Ok((group, version, Some(typed::<LegacyResources>(answer.body)?))),
                // An extension API server that is down must not hide the rest.
                Err(refusal) => match refusal.error {
                    ClusterError::Unavailable { .. } | ClusterError::NotFound { .. } => {
                        Ok((group, version, None))
                    }
                    error => Err(error),
                },
            }
        })
        .buffered(transport.options.concurrency.max(1))
        .try_collect()
        .await?;
    for (group, version, resources) in answers {
        let name = group_version(&group, &version);
        discovery.group_versions.push(name.clone());
        let Some(list) = resources else {
            discovery.unavailable.push(name);
            continue;
        };
        let (subresources, plurals): (Vec<_>, Vec<_>) =
            list.resources.into_iter().partition(|resource| resource.name.contains('/'));
        for resource in plurals {
            let of_it = |entry: &LegacyResource| {
                entry
                    .name
                    .split_once('/')
                    .filter(|(plural, _)| *plural == resource.name)
                    .map(|(_, name)| name.to_owned())
            };
            discovery.add(KindInfo {
                group: group.clone(),
                version: version.clone(),
                kind: resource.kind.clone(),
                plural: resource.name.clone(),
                namespaced: resource.namespaced,
                verbs: resource.verbs.clone(),
                subresources: subresources.iter().filter_map(of_it).collect(),
            });
        }
    }
    Ok(())
}
