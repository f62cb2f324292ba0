//! What is published for one group version, and what a definition says of its kinds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use strata_model::object::split_api_version;

use super::node::{Node, Written};

/// The component that says what metadata is.
const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// An OpenAPI v3 document without what only people read.
#[derive(Debug, Clone, Default)]
pub struct ApiDocument {
    components: BTreeMap<Box<str>, Node>,
    /// API version and kind → component.
    kinds: BTreeMap<(String, String), Box<str>>,
}

/// A text that is no OpenAPI document.
#[derive(Debug, thiserror::Error)]
#[error("no OpenAPI v3 document: {0}")]
pub struct InvalidApiDocument(#[from] serde_json::Error);

#[derive(Deserialize)]
struct WrittenDocument {
    #[serde(default)]
    components: Components,
}

#[derive(Default, Deserialize)]
struct Components {
    #[serde(default)]
    schemas: BTreeMap<Box<str>, Written>,
}

impl ApiDocument {
    /// Reads what an API server answers below `/openapi/v3/`.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(document: &Value) -> Result<Self, InvalidApiDocument> {
        let written = WrittenDocument::deserialize(document)?;
        let mut read = Self::default();
        for (name, schema) in written.components.schemas {
            for kind in &schema.kinds {
                let api_version = match kind.group.as_str() {
                    "" => kind.version.clone(),
                    group => format!("{group}/{}", kind.version),
                };
                read.kinds.insert((api_version, kind.kind.clone()), name.clone());
            }
            read.components.insert(name, schema.into_node());
        }
        Ok(read)
    }

    /// How many places it describes: what it costs to keep.
    #[must_use]
    pub fn places(&self) -> usize {
        self.components.values().map(Node::places).sum()
    }

    pub(super) fn component(&self, name: &str) -> Option<&Node> {
        self.components.get(name)
    }

    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<&Node> {
        let component = self.kinds.get(&(api_version.to_owned(), kind.to_owned()))?;
        self.component(component)
    }

    pub(super) fn metadata(&self) -> Option<&Node> {
        self.component(METADATA)
    }

    pub(super) fn has_metadata(&self) -> bool {
        self.metadata().is_some()
    }
}

/// What a `CustomResourceDefinition` says of one version of its kind.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) root: Node,
}

/// The kinds that an object defines, by API version and kind. A schema that cannot be read is left to the API server.
pub(super) fn defined_by(object: &Value) -> Vec<((String, String), Definition)> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let api_version = text("/apiVersion").unwrap_or_default();
    if split_api_version(api_version).0 != "apiextensions.k8s.io"
        || text("/kind") != Some("CustomResourceDefinition")
    {
        return Vec::new();
    }
    let (Some(group), Some(kind)) = (text("/spec/group"), text("/spec/names/kind")) else {
        return Vec::new();
    };
    let versions = object.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let defined = versions.filter_map(|version| {
        let name = version.get("name")?.as_str()?;
        let schema = version.pointer("/schema/openAPIV3Schema")?;
        let root = Written::deserialize(schema).ok()?.into_node();
        Some(((format!("{group}/{name}"), kind.to_owned()), Definition { root }))
    });
    defined.collect()
}
