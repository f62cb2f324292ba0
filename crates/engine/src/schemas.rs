//! What API servers publish of the shape of their objects, read when a profile is validated.
//!
//! *Idea.* A cluster of the project that runs the Kubernetes minor which a profile asks for is asked for the documents of
//! the group versions that the profile's objects have. Its index names each document with the hash of its content, so that
//! one that is known is not read again, and an index is asked for again only when it is [`FRESH`] no more.
//!
//! *Guarantees.* Bounded in time, in documents and in memory. What one project's clusters say is used in no other project.
//! A validation never fails for a cluster: what could not be looked at is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use strata_cluster::OpenApiReference;
use strata_model::{
    cluster::{Cluster, Connectivity},
    diagnostic::Diagnostic,
    id::ClusterId,
    problem::Problem,
};
use strata_plan::{
    Validation,
    schema::{ApiDocument, ApiSchemas},
};
use strata_store::{ClusterFilter, ClusterOrder, Page};
use tokio::time::Instant;

use crate::{error::EngineError, reach::ReachError, session::Session};

/// How long an index is taken for what the cluster publishes.
const FRESH: Duration = Duration::from_secs(60);
/// How long an author waits for a cluster.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many clusters are tried, one after the other, while there is time.
const CANDIDATES: u32 = 3;
/// Of how many clusters documents are kept.
const CLUSTERS: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");
/// How many places the documents of one cluster may describe; all built-in types are about 20,000.
const PLACES: usize = 300_000;
/// How many group versions are looked at in one validation.
const GROUP_VERSIONS: usize = 100;

/// Documents by the cluster that published them.
#[derive(Debug)]
pub(crate) struct SchemaCache(Mutex<LruCache<ClusterId, Arc<tokio::sync::Mutex<Published>>>>);

/// What one cluster published.
#[derive(Debug, Default)]
struct Published {
    index: BTreeMap<String, OpenApiReference>,
    read_at: Option<Instant>,
    documents: BTreeMap<OpenApiReference, Arc<ApiDocument>>,
}

impl Default for SchemaCache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CLUSTERS)))
    }
}

impl SchemaCache {
    fn of(&self, cluster: ClusterId) -> Arc<tokio::sync::Mutex<Published>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.get_or_insert(cluster, Arc::default))
    }
}

impl Session {
    /// Holds the objects of a profile against the schemas of a cluster that they may run on, and tells where it cannot.
    pub(crate) async fn hold_against_schemas(&self, validation: &mut Validation) -> Result<(), EngineError> {
        let mut wanted = validation.group_versions();
        if wanted.is_empty() {
            return Ok(());
        }
        let asked_for = validation.kubernetes_version().map(|version| version.series());
        let filter = ClusterFilter {
            connectivity: vec![Connectivity::Online],
            kubernetes: asked_for.clone(),
            ..ClusterFilter::default()
        };
        let page = Page { first: CANDIDATES, after: None };
        let candidates = self.rows().cluster_list(&filter, ClusterOrder::Name, &page).await?;
        let mut silent = None;
        let until = Instant::now() + PATIENCE;
        for cluster in candidates.edges.into_iter().map(|edge| edge.node.value) {
            let group_versions = wanted.iter().take(GROUP_VERSIONS);
            let reading = self.published(&cluster, group_versions.cloned().collect());
            match tokio::time::timeout_at(until, reading).await {
                Ok(Ok(documents)) => {
                    wanted.retain(|group_version| !documents.contains_key(group_version));
                    let mut schemas = ApiSchemas::default();
                    for (group_version, document) in documents {
                        schemas.add(&group_version, document);
                    }
                    validation.hold_against(schemas);
                    if !wanted.is_empty() {
                        validation.tell(not_published(&cluster, &wanted));
                    }
                    return Ok(());
                }
                Ok(Err(ReachError::Engine(error))) => return Err(error),
                Ok(Err(error)) => {
                    tracing::debug!(cluster = %cluster.name, %error, "it does not tell its schemas");
                    silent.get_or_insert(cluster.name);
                }
                Err(_elapsed) => {
                    silent.get_or_insert(cluster.name);
                    break;
                }
            }
        }
        let on = asked_for.map_or_else(String::new, |series| format!(" with Kubernetes {series}"));
        let (why, help) = match silent {
            Some(name) => (
                format!("the cluster `{name}`{on} does not tell its schemas in time"),
                "see whether it answers with `strata cluster show`, and validate again",
            ),
            None => (
                format!("no cluster{on} is registered in this project and answers"),
                "register one, and validate again; what is wrong is told when a change is applied at the latest",
            ),
        };
        let message = format!("objects were not held against the schemas of an API server: {why}");
        let note = Diagnostic::new("SCHEMAS_UNKNOWN", message).with_help(help);
        validation.tell(Problem::note(None, note));
        Ok(())
    }

    /// The documents of these group versions that a cluster publishes; one reader at a time.
    async fn published(
        &self,
        cluster: &Cluster,
        wanted: Vec<String>,
    ) -> Result<BTreeMap<String, Arc<ApiDocument>>, ReachError> {
        let known = self.engine.schemas().of(cluster.id);
        let mut known = known.lock().await;
        let mut client = None;
        if known.read_at.is_none_or(|read_at| read_at.elapsed() > FRESH) {
            let reached = self.reach(cluster).await?;
            Self::check_identity(&reached, cluster).await?;
            known.index = reached.openapi_index().await?;
            known.read_at = Some(Instant::now());
            let current: BTreeSet<OpenApiReference> = known.index.values().cloned().collect();
            known.documents.retain(|reference, _| current.contains(reference));
            client = Some(reached);
        }
        let mut found = BTreeMap::new();
        for group_version in wanted {
            let Some(reference) = known.index.get(&group_version).cloned() else { continue };
            let document = match known.documents.get(&reference) {
                Some(document) => Arc::clone(document),
                None => {
                    let client = match &client {
                        Some(client) => client,
                        None => client.insert(self.reach(cluster).await?),
                    };
                    let written = client.openapi_document(&reference).await?;
                    let Ok(document) = ApiDocument::read(&written) else { continue };
                    let places: usize = known.documents.values().map(|document| document.places()).sum();
                    if places.saturating_add(document.places()) > PLACES {
                        known.documents.clear();
                    }
                    let document = Arc::new(document);
                    if document.places() <= PLACES {
                        known.documents.insert(reference, Arc::clone(&document));
                    }
                    document
                }
            };
            found.insert(group_version, document);
        }
        Ok(found)
    }
}

/// Says which objects a cluster has no schemas for.
fn not_published(cluster: &Cluster, group_versions: &BTreeSet<String>) -> Problem {
    let names: Vec<String> = group_versions.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "objects of {} were not held against a schema: the cluster `{}` does not serve {}",
        names.join(", "),
        cluster.name,
        if names.len() == 1 { "it" } else { "them" },
    );
    let help = "let the profile, or one that is attached before it, bring the definitions of these kinds";
    Problem::note(None, Diagnostic::new("SCHEMAS_UNKNOWN", message).with_help(help))
}
