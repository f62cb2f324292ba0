//! Holding objects against what an API server says that they look like, before anything is sent.
//!
//! *Idea.* An API server publishes an OpenAPI v3 document for each group version. Server-side apply reads an object by it
//! first, and refuses fields that are not declared, values of another type and lists with one key twice, whatever comes
//! later. The same is done here with the same documents; a `CustomResourceDefinition` among the objects brings the schema of
//! its own kinds.
//!
//! *Guarantees.* Pure. What is told as certain is refused by an API server that publishes these documents. No message
//! holds a value of the object.
//!
//! *Caveats.* Built-in types are held to more than their schemas say (selectors that match, names that are names), and
//! definitions may hold rules in CEL, `oneOf` and `not`: none of that is looked at. For built-in types a required field or
//! one of few words is told as likely only, since their schemas are not what enforces it.

mod check;
mod document;
mod node;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use strata_model::value_path::ValuePath;

pub use document::{ApiDocument, InvalidApiDocument};

use document::Definition;

/// Most violations that are told of one object.
const MAX_VIOLATIONS: usize = 20;

/// What some API server publishes, by group version (`apps/v1`, `v1`), and what definitions among the objects add.
#[derive(Debug, Clone, Default)]
pub struct ApiSchemas {
    documents: BTreeMap<String, Arc<ApiDocument>>,
    /// By API version and kind.
    defined: BTreeMap<(String, String), Definition>,
}

/// What an object is that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the object.
    pub path: ValuePath,
    /// What is wrong: a sentence that begins with the path.
    pub message: String,
    /// The way out, where there is one to name.
    pub help: Option<String>,
    /// Whether an API server surely refuses it.
    pub certain: bool,
}

impl ApiSchemas {
    /// With what is published for a group version.
    pub fn add(&mut self, group_version: &str, document: Arc<ApiDocument>) {
        self.documents.insert(group_version.to_owned(), document);
    }

    /// With the kinds that a `CustomResourceDefinition` brings; anything else brings none. They go before published ones.
    pub fn define(&mut self, object: &Value) {
        self.defined.extend(document::defined_by(object));
    }

    /// The group versions of these objects that are neither here nor defined.
    pub fn missing<'a>(&self, objects: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
        let mut missing = BTreeSet::new();
        for object in objects {
            let Some((api_version, kind)) = named(object) else { continue };
            let defined = self.defined.contains_key(&(api_version.to_owned(), kind.to_owned()));
            if !defined && !self.documents.contains_key(api_version) {
                missing.insert(api_version.to_owned());
            }
        }
        missing
    }

    /// Holds an object against its schema; `None` where none is known.
    #[must_use]
    pub fn check(&self, object: &Value) -> Option<Vec<Violation>> {
        let (api_version, kind) = named(object)?;
        let mut check = match self.defined.get(&(api_version.to_owned(), kind.to_owned())) {
            Some(definition) => check::Check::of_definition(definition, self.metadata()),
            None => check::Check::of_document(self.documents.get(api_version)?, api_version, kind)?,
        };
        check.object(object);
        Some(check.found)
    }

    /// Any document that says what metadata is: it is the same in all.
    fn metadata(&self) -> Option<&ApiDocument> {
        self.documents.values().map(Arc::as_ref).find(|document| document.has_metadata())
    }
}

fn named(object: &Value) -> Option<(&str, &str)> {
    Some((object.get("apiVersion")?.as_str()?, object.get("kind")?.as_str()?))
}
