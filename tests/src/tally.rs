//! How often each object of a simulated cluster was written, as a watch sees it.
//!
//! An apply that changes nothing leaves the resource version and shows in no watch; so equal counts mean that nothing was
//! done twice.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, WatchEvent, WatchParams},
};
use serde_json::Value;
use strata_sim::SimCluster;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{control_plane, processes::until};

/// API version and kind of all that is watched.
pub const KINDS: &[(&str, &str)] = &[
    ("v1", "Namespace"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
];

const PATIENCE: Duration = Duration::from_secs(30);

/// What was done to one object, or to all of one name one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Writes {
    /// How often it was created.
    pub created: u32,
    /// How often it was changed.
    pub changed: u32,
    /// How often it was deleted.
    pub deleted: u32,
}

/// Kind, namespace, name.
pub type Place = (&'static str, String, String);

#[derive(Debug, Default)]
struct Seen {
    writes: BTreeMap<Place, Writes>,
    /// The resource version of what is there.
    present: BTreeMap<Place, String>,
}

/// Counts from its start on.
#[derive(Debug)]
pub struct Tally {
    cluster: SimCluster,
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    _tasks: TaskTracker,
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Tally {
    /// Starts counting.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn start(cluster: &SimCluster) -> Result<Self> {
        let client = control_plane::client(&cluster.kubeconfig()).await?;
        let (seen, stop, tasks) =
            (Arc::new(Mutex::new(Seen::default())), CancellationToken::new(), TaskTracker::new());
        for (api_version, kind) in KINDS {
            let api = api_of(client.clone(), api_version, kind);
            let list = api.list(&ListParams::default()).await?;
            let version = list.metadata.resource_version.context("a list without a version")?;
            {
                let mut seen = lock(&seen);
                for object in list.items {
                    seen.present.insert(place(kind, &object), object.resource_version().unwrap_or_default());
                }
            }
            let (seen, stop) = (Arc::clone(&seen), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = count(&api, kind, version, &seen) => {}
                }
            });
        }
        tasks.close();
        Ok(Self { cluster: cluster.clone(), seen, stop, _tasks: tasks })
    }

    /// All that is there, by place.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<Place, Value> {
        let mut objects = BTreeMap::new();
        for (api_version, kind) in KINDS {
            for object in self.cluster.objects(api_version, kind, "") {
                let text =
                    |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                objects.insert((*kind, text("/metadata/namespace"), text("/metadata/name")), object);
            }
        }
        objects
    }

    /// The counts, once the watches have seen all that is there.
    ///
    /// # Errors
    /// When they do not come that far.
    pub async fn writes(&self) -> Result<BTreeMap<Place, Writes>> {
        let all = until(PATIENCE, async || {
            let there: BTreeMap<Place, String> = self
                .objects()
                .into_iter()
                .map(|(place, object)| {
                    (place, object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned())
                })
                .collect();
            let seen = lock(&self.seen);
            (seen.present == there).then(|| seen.writes.clone())
        });
        all.await.context("the watches do not see what is there")
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn api_of(client: Client, api_version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Api::all_with(client, &ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)))
}

fn place(kind: &'static str, object: &DynamicObject) -> Place {
    (kind, object.namespace().unwrap_or_default(), object.name_any())
}

/// Watches until the cluster is gone; a watch that ends, as all do after some minutes, is begun again where it was.
async fn count(api: &Api<DynamicObject>, kind: &'static str, mut version: String, seen: &Mutex<Seen>) {
    loop {
        let Ok(stream) = api.watch(&WatchParams::default(), &version).await else { return };
        let mut stream = stream.boxed();
        while let Ok(Some(event)) = stream.try_next().await {
            let mut seen = lock(seen);
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let place = place(kind, &object);
                    version = object.resource_version().unwrap_or_default();
                    let known = seen.present.insert(place.clone(), version.clone()).is_some();
                    let writes = seen.writes.entry(place).or_default();
                    *(if known { &mut writes.changed } else { &mut writes.created }) += 1;
                }
                WatchEvent::Deleted(object) => {
                    let place = place(kind, &object);
                    version = object.resource_version().unwrap_or_default();
                    seen.present.remove(&place);
                    seen.writes.entry(place).or_default().deleted += 1;
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                // Too old to go on from: what is missed now would be missed in the counts.
                WatchEvent::Error(_) => return,
            }
        }
    }
}
