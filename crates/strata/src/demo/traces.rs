//! What the demo leaves on real clusters, and its removal.
//!
//! *Idea.* Every object that Strata applies carries the mark of its installation, and the demo is an installation of its
//! own. So one rule finds all of it, whatever the packs render and however far the story came: in a cluster, what carries
//! the mark; in the demo's namespace, everything. It is done with a plain client after the server has stopped, so that
//! nobody puts anything back, and it needs nothing that the story left half done.
//!
//! *Guarantees.* Nothing without the mark is touched, and no namespace but the demo's. Each object is deleted by its UID.
//! The `Cluster` goes before its namespace, and is waited for, so that Cluster API can take the machines away.
//!
//! *Caveats.* A `kill -9` leaves everything; [`Traces::orders`] are the commands that a person would need.

use std::{error::Error, fmt::Write as _, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Preconditions},
    runtime::wait::{await_condition, conditions::is_deleted},
};
use strata_model::object::marks;

use super::{real::cluster_kind, terminal::Step};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long an object may take to go.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long machines may take to go.
const MACHINES: Duration = Duration::from_secs(20 * 60);

/// A cluster with traces.
pub(super) struct Place {
    /// Its kubeconfig.
    pub(super) file: String,
    pub(super) client: Client,
    /// Whether it has Cluster API objects.
    pub(super) manages: bool,
}

/// All of them.
pub(super) struct Traces {
    pub(super) places: Vec<Place>,
    pub(super) namespace: String,
    pub(super) installation: String,
}

impl Traces {
    /// Removes everything; answers with how many objects that were there without counting those inside namespaces.
    ///
    /// # Errors
    /// One sentence for each cluster that something remains on; the others are cleared all the same.
    pub(super) async fn remove(&self) -> Result<usize, Vec<String>> {
        let mut removed = 0;
        let mut remains = Vec::new();
        for place in &self.places {
            match place.clear(&self.namespace, &self.selector()).await {
                Ok(count) => removed += count,
                Err(error) => {
                    let mut told = error.to_string();
                    let mut cause = error.source();
                    while let Some(error) = cause {
                        let _ = write!(told, ": {error}");
                        cause = error.source();
                    }
                    remains.push(format!("on the cluster of {}: {told}", place.file));
                }
            }
        }
        if remains.is_empty() { Ok(removed) } else { Err(remains) }
    }

    fn selector(&self) -> String {
        format!("{}={}", marks::INSTALLATION, self.installation)
    }

    /// The commands that remove it by hand.
    pub(super) fn orders(&self) -> String {
        let (namespace, selector) = (&self.namespace, self.selector());
        let mut orders = String::new();
        for Place { file, manages, .. } in &self.places {
            if *manages {
                let _ = writeln!(
                    orders,
                    "  kubectl --kubeconfig {file} --namespace {namespace} delete clusters.cluster.x-k8s.io --all"
                );
            }
            let _ = writeln!(
                orders,
                "  kubectl --kubeconfig {file} delete namespaces,clusterroles,clusterrolebindings --selector {selector}"
            );
        }
        orders
    }
}

impl Place {
    async fn clear(&self, namespace: &str, selector: &str) -> Step<usize> {
        let marked = ListParams::default().labels(selector);
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let ours = tokio::time::timeout(ANSWER, namespaces.list(&marked)).await??;
        let ours = ours.items.into_iter().find(|found| found.name_any() == namespace);
        let mut removed = 0;
        if self.manages && ours.is_some() {
            let clusters =
                Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &cluster_kind());
            let found = tokio::time::timeout(ANSWER, clusters.list(&ListParams::default())).await??;
            for cluster in found.items {
                remove(&clusters, &cluster.name_any(), cluster.uid().as_deref(), MACHINES).await?;
                removed += 1;
            }
        }
        for kind in self.cluster_kinds().await? {
            let api = Api::<DynamicObject>::all_with(self.client.clone(), &kind);
            let found = match tokio::time::timeout(ANSWER, api.list(&marked)).await? {
                Ok(found) => found,
                // Kinds that this account may not see, or that were never more than a question (TokenReview and the like).
                Err(kube::Error::Api(status)) if matches!(status.code, 403..=405) => continue,
                Err(error) => return Err(error.into()),
            };
            for object in found.items {
                remove(&api, &object.name_any(), object.uid().as_deref(), PATIENCE).await?;
                removed += 1;
            }
        }
        if let Some(ours) = ours {
            remove(&namespaces, namespace, ours.uid().as_deref(), PATIENCE).await?;
            removed += 1;
        }
        Ok(removed)
    }

    /// The kinds outside namespaces that can be listed and deleted; namespaces themselves are left out.
    async fn cluster_kinds(&self) -> Step<Vec<ApiResource>> {
        let mut versions = vec!["v1".to_owned()];
        let groups = tokio::time::timeout(ANSWER, self.client.list_api_groups()).await??;
        versions.extend(groups.groups.into_iter().filter_map(|group| {
            group
                .preferred_version
                .or_else(|| group.versions.into_iter().next())
                .map(|version| version.group_version)
        }));
        let mut kinds = Vec::new();
        for version in versions {
            let resources = if version == "v1" {
                tokio::time::timeout(ANSWER, self.client.list_core_api_resources("v1")).await?
            } else {
                tokio::time::timeout(ANSWER, self.client.list_api_group_resources(&version)).await?
            };
            // An extension whose server is away serves nothing that could carry the mark now.
            let Ok(resources) = resources else { continue };
            let (group, number) = version.rsplit_once('/').unwrap_or(("", &version));
            kinds.extend(
                resources
                    .resources
                    .iter()
                    .filter(|resource| !resource.namespaced && !resource.name.contains('/'))
                    .filter(|resource| resource.kind != "Namespace")
                    .filter(|resource| {
                        ["list", "delete"].iter().all(|verb| resource.verbs.iter().any(|known| known == verb))
                    })
                    .map(|resource| ApiResource {
                        group: group.to_owned(),
                        version: number.to_owned(),
                        api_version: version.clone(),
                        kind: resource.kind.clone(),
                        plural: resource.name.clone(),
                    }),
            );
        }
        Ok(kinds)
    }
}

/// Deletes this very object and waits until it is gone.
async fn remove<K>(api: &Api<K>, name: &str, uid: Option<&str>, patience: Duration) -> Step
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + kube::Resource + Send + 'static,
{
    let uid = uid.unwrap_or_default();
    let what = || format!("{name} ({})", api.resource_url());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::background()
    };
    match tokio::time::timeout(ANSWER, api.delete(name, &parameters)).await {
        Ok(Ok(_)) => {}
        // Gone already, or another one of the same name.
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => return Ok(()),
        Ok(Err(error)) => return Err(Box::new(Stays { what: what(), source: error.into() })),
        Err(late) => return Err(Box::new(Stays { what: what(), source: late.into() })),
    }
    match tokio::time::timeout(patience, await_condition(api.clone(), name, is_deleted(uid))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Box::new(Stays { what: what(), source: error.into() })),
        Err(_) => Err(Box::new(Stays {
            what: what(),
            source: format!("it is being deleted and not gone after {} seconds", patience.as_secs()).into(),
        })),
    }
}

/// An object that does not go.
#[derive(Debug, thiserror::Error)]
#[error("{what} is still there")]
struct Stays {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}
