//! Deleting objects, each bound to the one that was meant.

use http::Method;
use serde_json::{Value, json};

use crate::{
    client::ClusterClient,
    error::{Call, ClusterError},
    objects::{Metadata, ObjectReference},
    transport::{Ask, JSON},
};

/// What must hold of an object for it to be deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// It is this very object, not a later one of the same name.
    pub uid: Option<String>,
    /// It has not changed since.
    pub resource_version: Option<String>,
}

/// How far a deletion is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It was gone already.
    AlreadyGone,
    /// The server took it: it is gone, or goes when its finalizers and dependents let it.
    Accepted {
        /// What still holds it.
        finalizers: Vec<String>,
    },
}

impl ClusterClient {
    /// Deletes an object; its dependents are deleted in the background.
    ///
    /// # Errors
    /// [`ClusterError::Stale`] when a precondition does not hold; as every request.
    pub async fn delete(
        &self,
        reference: &ObjectReference,
        preconditions: &Preconditions,
    ) -> Result<Deletion, ClusterError> {
        let deadline = self.transport.deadline();
        let key = &reference.key;
        let mut conditions = serde_json::Map::new();
        if let Some(uid) = &preconditions.uid {
            conditions.insert("uid".to_owned(), uid.clone().into());
        }
        if let Some(resource_version) = &preconditions.resource_version {
            conditions.insert("resourceVersion".to_owned(), resource_version.clone().into());
        }
        let mut body =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if !conditions.is_empty() {
            body["preconditions"] = Value::Object(conditions);
        }
        for _ in 0..2 {
            let info = match self.kind_of(key, reference.api_version.as_deref(), deadline).await {
                Ok(info) => info,
                Err(ClusterError::UnknownKind { .. }) => return Ok(Deletion::AlreadyGone),
                Err(error) => return Err(error),
            };
            let path = info.object(key.namespace.as_deref(), &key.name);
            let ask = Ask::send(Call::on("delete", key), Method::DELETE, path, JSON, &body, deadline);
            match self.transport.ask(&ask).await {
                Ok(answer) => {
                    let finalizers = if Metadata::of(&answer.body).is_deleting {
                        let list = answer.body.pointer("/metadata/finalizers").and_then(Value::as_array);
                        list.into_iter()
                            .flatten()
                            .filter_map(|name| name.as_str().map(str::to_owned))
                            .collect()
                    } else {
                        Vec::new()
                    };
                    if key.kind == "CustomResourceDefinition" {
                        self.forget_discovery().await;
                    }
                    return Ok(Deletion::Accepted { finalizers });
                }
                Err(refusal) if refusal.unknown_path => self.forget_discovery().await,
                Err(refusal) => match refusal.error {
                    ClusterError::NotFound { .. } => return Ok(Deletion::AlreadyGone),
                    error => return Err(error),
                },
            }
        }
        Ok(Deletion::AlreadyGone)
    }
}
