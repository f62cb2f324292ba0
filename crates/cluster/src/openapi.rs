//! What an API server publishes of the shape of its objects: an OpenAPI v3 document for each group version, and an index that
//! names each with the hash of its content, so that what is known need not be read again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    client::ClusterClient,
    error::{Call, ClusterError},
    transport::Ask,
};

const INDEX: &str = "/openapi/v3";

/// Where a document is, and which content it has there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenApiReference(String);

impl ClusterClient {
    /// The documents that the API server publishes, by group version: `apps/v1`, `v1`.
    ///
    /// # Errors
    /// As every request; [`ClusterError::Unreadable`] when there is no index.
    pub async fn openapi_index(&self) -> Result<BTreeMap<String, OpenApiReference>, ClusterError> {
        let call = Call::about("read", "the index of its schemas");
        let ask = Ask::get(call.clone(), INDEX.to_owned(), self.transport.deadline());
        let body = self.transport.ask(&ask).await?.body;
        let Some(paths) = body.get("paths").and_then(Value::as_object) else {
            return Err(ClusterError::Unreadable { call, detail: "the index has no paths".to_owned() });
        };
        let documents = paths.iter().filter_map(|(path, entry)| {
            let group_version = path.strip_prefix("apis/").or_else(|| path.strip_prefix("api/"))?;
            let place = entry.get("serverRelativeURL")?.as_str()?;
            // Nothing else is read in its name.
            let below = place.strip_prefix(INDEX)?.starts_with('/') && !place.contains("..");
            below.then(|| (group_version.to_owned(), OpenApiReference(place.to_owned())))
        });
        Ok(documents.collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// As every request.
    pub async fn openapi_document(&self, reference: &OpenApiReference) -> Result<Value, ClusterError> {
        let call = Call::about("read", "schemas of a group version");
        let ask = Ask::get(call, reference.0.clone(), self.transport.deadline());
        Ok(self.transport.ask(&ask).await?.body)
    }
}
