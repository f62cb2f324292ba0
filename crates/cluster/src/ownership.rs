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
        let labels = object
            .as_object_mut()
            .and_then(|object| inner_map(object, "metadata"))
            .and_then(|metadata| inner_map(metadata, "labels"));
        let Some(labels) = labels else { return };
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

/// The mapping under a key, made if there is none.
fn inner_map<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    if !map.get(key).is_some_and(Value::is_object) {
        map.insert(key.to_owned(), Value::Object(Map::new()));
    }
    map.get_mut(key)?.as_object_mut()
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
