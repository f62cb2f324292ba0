//! The client of one cluster: identity, version, what it serves.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use strata_model::{fact::Facts, object::ObjectKey, version::KubernetesVersion};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::ConnectOptions,
    deadline::Deadline,
    discovery::{self, Discovery, KindInfo},
    error::{Call, ClusterError},
    transport::{Ask, METADATA, Transport, backoff},
};

/// What is known of the served APIs is read anew for an unknown kind only when it is older than this.
const DISCOVERY_FRESH: Duration = Duration::from_millis(500);

/// A client of one Kubernetes API. Cheap to clone; clones share connections and what is known of the served APIs.
#[derive(Debug, Clone)]
pub struct ClusterClient {
    pub(crate) transport: Transport,
    known: Arc<Mutex<Option<Known>>>,
    /// Ends its long waits.
    pub(crate) stop: CancellationToken,
}

#[derive(Debug, Clone)]
struct Known {
    read_at: Instant,
    discovery: Arc<Discovery>,
}

/// What a cluster says of itself: the parts of [`Facts`] that its API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedApis {
    /// The version of the API server.
    pub kubernetes_version: KubernetesVersion,
    /// `group/version` and `group/version/Kind`.
    pub api_versions: BTreeSet<String>,
    /// `group/Kind` of kinds without namespace.
    pub cluster_scoped: BTreeSet<String>,
    /// Group versions that are registered and do not answer; what they serve is not in the sets.
    pub unavailable: Vec<String>,
}

impl ServedApis {
    /// Puts these answers into a cluster's facts; the rest stays.
    pub fn put_into(self, facts: &mut Facts) {
        facts.kubernetes_version = Some(self.kubernetes_version);
        facts.api_versions = self.api_versions;
        facts.cluster_scoped = self.cluster_scoped;
    }
}

/// Which version of a kind is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Version<'a> {
    /// This and no other: what is sent must be read as it was written.
    Exactly(&'a str),
    /// This if it is served, else the preferred one: the object is the same in all.
    Hint(Option<&'a str>),
}

impl ClusterClient {
    /// A client over a given transport: what [`crate::connect`] ends in, and where a test double comes in.
    #[must_use]
    pub fn new(client: kube::Client, options: ConnectOptions) -> Self {
        Self {
            transport: Transport::new(client, options),
            known: Arc::new(Mutex::new(None)),
            stop: CancellationToken::new(),
        }
    }

    /// The same client, whose waits for the end of objects end at once with [`ClusterError::Interrupted`] when the token
    /// is cancelled. Requests in flight are finished.
    #[must_use]
    pub fn until(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// How it connects and how long it waits.
    #[must_use]
    pub fn options(&self) -> &ConnectOptions {
        &self.transport.options
    }

    /// The version of the API server.
    ///
    /// # Errors
    /// As every request; [`ClusterError::Unreadable`] when it is no Kubernetes version.
    pub async fn version(&self) -> Result<KubernetesVersion, ClusterError> {
        let call = Call::about("read", "the Kubernetes version");
        let ask = Ask::get(call.clone(), "/version".to_owned(), self.transport.deadline());
        let body = self.transport.ask(&ask).await?.body;
        let text = body.get("gitVersion").and_then(Value::as_str).unwrap_or_default();
        text.parse().map_err(|error: strata_model::version::InvalidKubernetesVersion| {
            ClusterError::Unreadable { call, detail: error.to_string() }
        })
    }

    /// The UID of the namespace `kube-system`: stable for the life of a cluster, different in each.
    ///
    /// # Errors
    /// As every request; [`ClusterError::Unreadable`] when there is no UID.
    pub async fn identity(&self) -> Result<String, ClusterError> {
        let call = Call::about("read", "the cluster's identity (namespace kube-system)");
        let path = "/api/v1/namespaces/kube-system".to_owned();
        let ask = Ask::get(call.clone(), path, self.transport.deadline()).accepting(METADATA);
        let body = self.transport.ask(&ask).await?.body;
        match body.pointer("/metadata/uid").and_then(Value::as_str) {
            Some(uid) if !uid.is_empty() => Ok(uid.to_owned()),
            _ => Err(ClusterError::Unreadable { call, detail: "the namespace has no UID".to_owned() }),
        }
    }

    /// What the cluster serves: from memory if it was read before, see [`Self::forget_discovery`].
    ///
    /// # Errors
    /// As every request.
    pub async fn discover(&self) -> Result<Arc<Discovery>, ClusterError> {
        Ok(self.known(self.transport.deadline(), None).await?.discovery)
    }

    /// Has the next question about kinds read the served APIs anew. Applying a CRD does this by itself.
    pub async fn forget_discovery(&self) {
        *self.known.lock().await = None;
    }

    /// What a render may know: Kubernetes version, API versions, scopes. Always read anew.
    ///
    /// # Errors
    /// As every request.
    pub async fn facts(&self) -> Result<ServedApis, ClusterError> {
        self.forget_discovery().await;
        let (kubernetes_version, discovery) = futures::try_join!(self.version(), self.discover())?;
        let mut api_versions: BTreeSet<String> = discovery.group_versions().iter().cloned().collect();
        let mut cluster_scoped = BTreeSet::new();
        for kind in discovery.kinds() {
            api_versions.insert(format!("{}/{}", kind.api_version(), kind.kind));
            if !kind.namespaced {
                cluster_scoped.insert(if kind.group.is_empty() {
                    kind.kind.clone()
                } else {
                    format!("{}/{}", kind.group, kind.kind)
                });
            }
        }
        let unavailable = discovery.unavailable().to_vec();
        Ok(ServedApis { kubernetes_version, api_versions, cluster_scoped, unavailable })
    }

    /// What is known of the served APIs, read anew if it is older than `max_age`. One read at a time.
    async fn known(&self, deadline: Deadline, max_age: Option<Duration>) -> Result<Known, ClusterError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref()
            && max_age.is_none_or(|age| known.read_at.elapsed() <= age)
        {
            return Ok(known.clone());
        }
        let discovery = Arc::new(discovery::read(&self.transport, deadline).await?);
        let fresh = Known { read_at: Instant::now(), discovery };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    /// A kind as it is served. An unknown one is looked for anew, and again until `patience` is over, because
    /// a CRD takes a moment from being established to being served.
    pub(crate) async fn kind(
        &self,
        group: &str,
        kind: &str,
        version: Version<'_>,
        patience: Duration,
        deadline: Deadline,
    ) -> Result<Arc<KindInfo>, ClusterError> {
        let patience = deadline.at_most(patience);
        let pick = |known: &Known| match version {
            Version::Exactly(version) => known.discovery.find(group, version, kind).cloned(),
            Version::Hint(hint) => hint
                .and_then(|version| known.discovery.find(group, version, kind))
                .or_else(|| known.discovery.versions(group, kind).first())
                .cloned(),
        };
        if let Some(info) = pick(&self.known(deadline, None).await?) {
            return Ok(info);
        }
        let mut attempt = 1;
        loop {
            if let Some(info) = pick(&self.known(deadline, Some(DISCOVERY_FRESH)).await?) {
                return Ok(info);
            }
            let wait = backoff(attempt);
            if wait >= patience.remaining() {
                let api_version = match version {
                    Version::Exactly(version) if group.is_empty() => version.to_owned(),
                    Version::Exactly(version) => format!("{group}/{version}"),
                    Version::Hint(_) => format!("any version of group `{group}`"),
                };
                return Err(ClusterError::UnknownKind { api_version, kind: kind.to_owned() });
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// The kind of an existing object, in the hinted version or the preferred one.
    pub(crate) async fn kind_of(
        &self,
        key: &ObjectKey,
        api_version: Option<&str>,
        deadline: Deadline,
    ) -> Result<Arc<KindInfo>, ClusterError> {
        let version = api_version.map(|text| strata_model::object::split_api_version(text).1);
        self.kind(&key.group, &key.kind, Version::Hint(version), Duration::ZERO, deadline).await
    }
}
