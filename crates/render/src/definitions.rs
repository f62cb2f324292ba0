//! Custom resource definitions that a composition renders: what they will serve, and in which scope.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

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
    pub(crate) fn add_manifest(&mut self, object: &Map<String, Value>) {
        let (Some(spec), true) = (object.get("spec"), is_definition(object)) else { return };
        let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
        let (Some(group), Some(kind)) = (text("/group"), text("/names/kind")) else { return };
        self.scopes.insert(format!("{group}/{kind}"), text("/scope") == Some("Cluster"));
        for version in spec.get("versions").and_then(Value::as_array).into_iter().flatten() {
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

fn is_definition(object: &Map<String, Value>) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition")
        && object
            .get("apiVersion")
            .and_then(Value::as_str)
            .is_some_and(|version| version.starts_with("apiextensions.k8s.io/"))
}
