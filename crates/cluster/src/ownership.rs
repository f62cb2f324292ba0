//! Whose object it is.
//!
//! Strata marks what it applies with the installation and the cluster; what exists without these marks is not ours, and
//! is adopted only by decision.

use serde_json::{Map, Value};
use strata_model::{
    id::{ClusterId, InstallationId},
    object::marks,
};

use crate::objects::Metadata;

/// The marks of objects that belong to one cluster of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The installation.
    pub installation: InstallationId,
    /// The cluster.
    pub cluster: ClusterId,
}

impl Marks {
    /// Puts the marks, and the layer if one is given, on a manifest; other labels stay. Twice is as once.
    pub fn put_on(&self, object: &mut Value, layer: Option<&str>) {
        let Some(object) = object.as_object_mut() else { return };
        let metadata = ensure_map(object, "metadata");
        let labels = ensure_map(metadata, "labels");
        labels.insert(marks::INSTALLATION.to_owned(), self.installation.to_string().into());
        labels.insert(marks::CLUSTER.to_owned(), self.cluster.to_string().into());
        if let Some(layer) = layer {
            labels.insert(marks::LAYER.to_owned(), layer.into());
        }
    }

    /// The label selector of everything that carries these marks.
    #[must_use]
    pub fn selector(&self) -> String {
        format!("{}={},{}={}", marks::INSTALLATION, self.installation, marks::CLUSTER, self.cluster)
    }
}

fn ensure_map<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let entry = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    match entry {
        Value::Object(inner) => inner,
        // It was made a mapping just above.
        _ => unreachable!("the entry is a mapping"),
    }
}

/// Whose an object is, seen from one cluster of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// There is no such object.
    Absent,
    /// It carries our marks.
    Ours,
    /// This installation applied it for another of its clusters (a shared management cluster).
    OtherCluster {
        /// That cluster's id, as the mark says.
        cluster: String,
    },
    /// It does not carry this installation's mark.
    NotOurs {
        /// Its field managers, sorted.
        managers: Vec<String>,
    },
}

/// Decides from the marks of what exists.
#[must_use]
pub fn ownership(existing: Option<&Metadata>, ours: &Marks) -> Ownership {
    let Some(existing) = existing else { return Ownership::Absent };
    let is = |label: &str, value: &str| existing.labels.get(label).is_some_and(|found| found == value);
    if !is(marks::INSTALLATION, &ours.installation.to_string()) {
        return Ownership::NotOurs { managers: existing.managers.clone() };
    }
    if is(marks::CLUSTER, &ours.cluster.to_string()) {
        return Ownership::Ours;
    }
    match existing.labels.get(marks::CLUSTER) {
        Some(cluster) => Ownership::OtherCluster { cluster: cluster.clone() },
        None => Ownership::NotOurs { managers: existing.managers.clone() },
    }
}
