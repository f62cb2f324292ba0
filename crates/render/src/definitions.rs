//! Custom resource definitions that a composition renders: what they will serve, and in which scope.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a set of definitions serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Definitions {
    /// `group/version` and `group/version/Kind`.
    served: BTreeSet<String>,
    /// `group/Kind` → whether it has no namespace.
    scopes: BTreeMap<String, bool>,
}

impl Definitions {
    /// Adds what an object defines, if it is a custom resource definition.
    pub(crate) fn add(&mut self, object: &Value) {
        if !is_definition(object) {
            return;
        }
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let (Some(group), Some(kind)) = (text("/spec/group"), text("/spec/names/kind")) else { return };
        self.scopes.insert(format!("{group}/{kind}"), text("/spec/scope") == Some("Cluster"));
        for version in object.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten() {
            let served = version.get("served").and_then(Value::as_bool).unwrap_or(true);
            if let (true, Some(name)) = (served, version.get("name").and_then(Value::as_str)) {
                self.served.insert(format!("{group}/{name}"));
                self.served.insert(format!("{group}/{name}/{kind}"));
            }
        }
    }

    pub(crate) fn serves(&self, api: &str) -> bool {
        self.served.contains(api)
    }

    pub(crate) fn served(&self) -> impl Iterator<Item = &String> {
        self.served.iter()
    }

    /// Whether a kind has no namespace; `None` for kinds that are not defined here.
    pub(crate) fn is_cluster_scoped(&self, kind: &str) -> Option<bool> {
        self.scopes.get(kind).copied()
    }
}

/// Whether an object is a custom resource definition.
pub(crate) fn is_definition(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition")
        && object
            .get("apiVersion")
            .and_then(Value::as_str)
            .is_some_and(|version| version.starts_with("apiextensions.k8s.io/"))
}
