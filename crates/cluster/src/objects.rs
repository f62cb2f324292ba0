//! Reading objects.

use std::{collections::BTreeMap, fmt};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use strata_model::object::{ObjectKey, split_api_version};

use crate::{
    client::{ClusterClient, Version},
    deadline::Deadline,
    discovery::KindInfo,
    error::{Call, ClusterError},
    paths::with_query,
    transport::{Ask, JSON, METADATA, METADATA_LIST},
};

/// Items of one page of a list.
const PAGE: &str = "500";

/// An object and the API version it was last seen in, if known; without one it is read in the preferred version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectReference {
    /// Which object.
    pub key: ObjectKey,
    /// Its API version, e.g. `apps/v1`.
    pub api_version: Option<String>,
}

impl ObjectReference {
    /// A reference from a key and its API version.
    pub fn new(key: ObjectKey, api_version: impl Into<String>) -> Self {
        Self { key, api_version: Some(api_version.into()) }
    }
}

impl fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// The metadata of an object, as far as Strata decides by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// UID.
    pub uid: String,
    /// Resource version.
    pub resource_version: String,
    /// Generation, for kinds that count it.
    pub generation: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Names of its field managers, sorted, each once.
    pub managers: Vec<String>,
    /// Whether it is being deleted.
    pub is_deleting: bool,
}

impl Metadata {
    /// Reads the metadata of an object.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let metadata = object.get("metadata").unwrap_or(&Value::Null);
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut managers: Vec<String> = metadata
            .get("managedFields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.get("manager")?.as_str().map(str::to_owned))
            .collect();
        managers.sort();
        managers.dedup();
        let texts = |field: &str| {
            let entries = metadata.get(field).and_then(Value::as_object).into_iter().flatten();
            entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        Self {
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            generation: metadata.get("generation").and_then(Value::as_i64),
            labels: texts("labels"),
            annotations: texts("annotations"),
            managers,
            is_deleting: metadata.get("deletionTimestamp").is_some_and(|at| !at.is_null()),
        }
    }
}

/// What to list.
#[derive(Debug, Clone)]
pub struct ListOptions {
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only with these labels.
    pub label_selector: Option<String>,
    /// Only with these fields.
    pub field_selector: Option<String>,
    /// Whether metadata suffices.
    pub metadata_only: bool,
    /// Most items; more is an error.
    pub max_items: usize,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            namespace: None,
            label_selector: None,
            field_selector: None,
            metadata_only: false,
            max_items: 10_000,
        }
    }
}

/// A list and the version of the collection that it shows.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    pub(crate) resource_version: String,
}

impl ClusterClient {
    /// Reads an object; `None` when it, or its kind, does not exist.
    ///
    /// # Errors
    /// As every request.
    pub async fn get(&self, reference: &ObjectReference) -> Result<Option<Value>, ClusterError> {
        self.read(reference, JSON, self.transport.deadline()).await
    }

    /// Reads an object's metadata; `None` when it, or its kind, does not exist.
    ///
    /// # Errors
    /// As every request.
    pub async fn metadata(&self, reference: &ObjectReference) -> Result<Option<Metadata>, ClusterError> {
        let object = self.read(reference, METADATA, self.transport.deadline()).await?;
        Ok(object.as_ref().map(Metadata::of))
    }

    /// Which of these objects exist: one small request each, some at a time.
    ///
    /// # Errors
    /// As every request; the first error ends it.
    pub async fn existing(
        &self,
        references: &[ObjectReference],
    ) -> Result<BTreeMap<ObjectKey, Metadata>, ClusterError> {
        let deadline = self.transport.deadline();
        let found: Vec<Option<(ObjectKey, Metadata)>> = stream::iter(references)
            .map(|reference| async move {
                let object = self.read(reference, METADATA, deadline).await?;
                Ok::<_, ClusterError>(object.map(|object| (reference.key.clone(), Metadata::of(&object))))
            })
            .buffer_unordered(self.transport.options.concurrency.max(1))
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Lists objects of a kind, page by page.
    ///
    /// # Errors
    /// As every request; [`ClusterError::UnknownKind`]; [`ClusterError::AnswerTooLarge`] beyond
    /// [`ListOptions::max_items`].
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        options: &ListOptions,
    ) -> Result<Vec<Value>, ClusterError> {
        let deadline = self.transport.deadline();
        let (group, version) = split_api_version(api_version);
        let info =
            self.kind(group, kind, Version::Hint(Some(version)), std::time::Duration::ZERO, deadline).await?;
        Ok(self.list_kind(&info, options, deadline).await?.items)
    }

    /// What Helm's `lookup` answers: one object, or with an empty name the list of them; `None` when there is none.
    ///
    /// # Errors
    /// As every request; a kind that is not served is `None`.
    pub async fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ClusterError> {
        let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
        let (group, _) = split_api_version(api_version);
        if !name.is_empty() {
            let key = ObjectKey {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace,
                name: name.to_owned(),
            };
            return self.get(&ObjectReference::new(key, api_version)).await;
        }
        match self.list(api_version, kind, &ListOptions { namespace, ..ListOptions::default() }).await {
            Ok(items) => Ok(Some(
                serde_json::json!({"apiVersion": api_version, "kind": format!("{kind}List"), "items": items}),
            )),
            Err(ClusterError::UnknownKind { .. } | ClusterError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn read(
        &self,
        reference: &ObjectReference,
        accept: &'static str,
        deadline: Deadline,
    ) -> Result<Option<Value>, ClusterError> {
        let key = &reference.key;
        for _ in 0..2 {
            let info = match self.kind_of(key, reference.api_version.as_deref(), deadline).await {
                Ok(info) => info,
                Err(ClusterError::UnknownKind { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let path = info.object(key.namespace.as_deref(), &key.name);
            match self.transport.ask(&Ask::get(Call::on("read", key), path, deadline).accepting(accept)).await
            {
                Ok(answer) => return Ok(Some(answer.body)),
                // The version may have gone since the APIs were read.
                Err(refusal) if refusal.unknown_path => self.forget_discovery().await,
                Err(refusal) => match refusal.error {
                    ClusterError::NotFound { .. } => return Ok(None),
                    error => return Err(error),
                },
            }
        }
        Ok(None)
    }

    pub(crate) async fn list_kind(
        &self,
        info: &KindInfo,
        options: &ListOptions,
        deadline: Deadline,
    ) -> Result<Listed, ClusterError> {
        let call = Call::about("list", &info.plural);
        let path = info.collection(options.namespace.as_deref());
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let mut parameters = vec![("limit", PAGE)];
            if let Some(selector) = &options.label_selector {
                parameters.push(("labelSelector", selector));
            }
            if let Some(selector) = &options.field_selector {
                parameters.push(("fieldSelector", selector));
            }
            if !next.is_empty() {
                parameters.push(("continue", &next));
            }
            let accept = if options.metadata_only { METADATA_LIST } else { JSON };
            let ask = Ask::get(call.clone(), with_query(&path, &parameters), deadline).accepting(accept);
            let mut body = self.transport.ask(&ask).await?.body;
            let resource_version = body
                .pointer("/metadata/resourceVersion")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            next = body.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().to_owned();
            if let Some(Value::Array(page)) = body.get_mut("items").map(Value::take) {
                items.extend(page);
            }
            if items.len() > options.max_items {
                return Err(ClusterError::AnswerTooLarge { call, limit: options.max_items });
            }
            if next.is_empty() {
                // Items of a list say neither kind nor version, and those with metadata only another one.
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    item.insert("apiVersion".to_owned(), info.api_version().into());
                    item.insert("kind".to_owned(), info.kind.clone().into());
                }
                return Ok(Listed { items, resource_version });
            }
        }
    }
}
