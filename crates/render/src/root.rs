//! What templates see as `.`: `.Values`, `.Release`, `.Capabilities`, `.Strata`, `.Pack`.
//!
//! *Idea.* `.Values` is the manifest's own section of the values, `manifests.<file name without ending>`, as in Palette;
//! without such a section it is all values but `pack`. Whole numbers are whole here, unlike in Helm, so that 1000000
//! prints as such. What belongs to the living cluster is read only when a template asks, and recorded then.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;
use strata_model::{
    cluster::Infrastructure,
    composition::Composition,
    fact::FactKey,
    pack::{Pack, PackManifest},
    profile::Layer,
};

use crate::{
    capabilities::Capabilities,
    functions,
    input::ClusterIdentity,
    template::{self, Numbers, Object},
};

/// What all manifests of a layer share.
#[derive(Debug)]
pub(crate) struct Roots<'a> {
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) composition: &'a Composition,
    pub(crate) layer: &'a Layer,
    pub(crate) pack: &'a Pack,
    pub(crate) values: &'a Value,
    pub(crate) namespace: &'a str,
    pub(crate) capabilities: &'a Rc<Capabilities>,
}

impl Roots<'_> {
    /// The root for one manifest. Fresh each time: what one template changes, the next does not see.
    pub(crate) fn of(&self, manifest: &PackManifest) -> template::Value {
        template::Value::map([
            ("Values", template::Value::from_json(&self.values_of(manifest), Numbers::Whole)),
            ("Release", self.release()),
            ("Capabilities", functions::objects::capabilities(Rc::clone(self.capabilities) as Rc<_>)),
            ("Strata", self.strata()),
            ("Pack", self.pack()),
        ])
    }

    fn values_of(&self, manifest: &PackManifest) -> Value {
        if let Some(section) = self.values.get("manifests").and_then(|sections| sections.get(manifest.name()))
        {
            return if section.is_null() { Value::Object(serde_json::Map::new()) } else { section.clone() };
        }
        let mut all = self.values.clone();
        if let Some(map) = all.as_object_mut() {
            map.shift_remove("pack");
        }
        all
    }

    fn release(&self) -> template::Value {
        template::Value::map([
            ("Name", text(self.layer.name.as_str())),
            ("Namespace", text(self.namespace)),
            ("Service", text("Strata")),
            ("IsInstall", template::Value::Bool(true)),
            ("IsUpgrade", template::Value::Bool(false)),
            ("Revision", template::Value::int(1)),
        ])
    }

    fn pack(&self) -> template::Value {
        template::Value::map([
            ("Name", text(&self.pack.name)),
            ("Version", text(&self.pack.version)),
            ("Layer", text(self.pack.layer.as_str())),
        ])
    }

    fn strata(&self) -> template::Value {
        let (api_namespace, api_name) = match &self.cluster.infrastructure {
            Infrastructure::ClusterApi { namespace, name, .. } => (namespace.clone(), name.clone()),
            Infrastructure::None | Infrastructure::Edge => (String::new(), self.cluster.name.to_string()),
        };
        let cluster = ClusterObject {
            name: self.cluster.name.to_string(),
            id: self.cluster.id.to_string(),
            api_namespace,
            api_name,
            infrastructure: self.cluster.infrastructure.as_str(),
            capabilities: Rc::clone(self.capabilities),
        };
        let plane = self.composition.control_plane.as_ref();
        let control_plane = plane.map(|plane| (plane.replicas, plane.attributes.clone()));
        let pools = self.composition.node_pools.iter();
        let pools = pools.map(|pool| (pool.name.clone(), pool.replicas, pool.attributes.clone())).collect();
        template::Value::Object(Rc::new(StrataObject { cluster: Rc::new(cluster), control_plane, pools }))
    }
}

/// `.Strata`
#[derive(Debug)]
struct StrataObject {
    cluster: Rc<ClusterObject>,
    control_plane: Option<(u32, BTreeMap<String, String>)>,
    pools: Vec<(String, u32, BTreeMap<String, String>)>,
}

impl Object for StrataObject {
    fn type_name(&self) -> &'static str {
        "strata.Strata"
    }

    fn field(&self, name: &str) -> Option<template::Value> {
        Some(match name {
            "Cluster" => template::Value::Object(Rc::clone(&self.cluster) as Rc<dyn Object>),
            "ControlPlane" => match &self.control_plane {
                Some((replicas, own)) => template::Value::map([
                    ("Replicas", template::Value::int(i64::from(*replicas))),
                    ("Attributes", attributes(own)),
                ]),
                None => template::Value::Nil,
            },
            "NodePools" => template::Value::list(
                self.pools
                    .iter()
                    .map(|(name, replicas, own)| {
                        template::Value::map([
                            ("Name", text(name)),
                            ("Replicas", template::Value::int(i64::from(*replicas))),
                            ("Attributes", attributes(own)),
                        ])
                    })
                    .collect(),
            ),
            "KubernetesVersion" => match self.cluster.capabilities.version_for_template() {
                Some(version) => text(&version),
                None => template::Value::Nil,
            },
            _ => return None,
        })
    }

    fn text(&self) -> String {
        "strata".to_owned()
    }
}

fn text(text: &str) -> template::Value {
    template::Value::from(text)
}

fn attributes(attributes: &BTreeMap<String, String>) -> template::Value {
    template::Value::map(attributes.iter().map(|(name, value)| (name.as_str(), text(value))))
}

/// `.Strata.Cluster`: each field that is a fact is recorded when it is read.
#[derive(Debug)]
struct ClusterObject {
    name: String,
    id: String,
    api_namespace: String,
    api_name: String,
    infrastructure: &'static str,
    capabilities: Rc<Capabilities>,
}

impl Object for ClusterObject {
    fn type_name(&self) -> &'static str {
        "strata.Cluster"
    }

    fn field(&self, name: &str) -> Option<template::Value> {
        let fact = |key| match self.capabilities.read(key) {
            Value::String(value) => text(&value),
            _ => template::Value::Nil,
        };
        Some(match name {
            "Name" => {
                self.capabilities.read(FactKey::ClusterName);
                text(&self.name)
            }
            "Id" => {
                self.capabilities.note_own();
                text(&self.id)
            }
            "Namespace" => text(&self.api_namespace),
            "ApiName" => {
                // Without Cluster API it is the cluster's name.
                if self.api_namespace.is_empty() {
                    self.capabilities.read(FactKey::ClusterName);
                }
                text(&self.api_name)
            }
            "Infrastructure" => text(self.infrastructure),
            "Cloud" => fact(FactKey::Cloud),
            "Region" => fact(FactKey::Region),
            "Labels" => template::Value::Object(Rc::new(LabelsObject(Rc::clone(&self.capabilities)))),
            _ => return None,
        })
    }

    fn text(&self) -> String {
        self.capabilities.read(FactKey::ClusterName);
        self.name.clone()
    }
}

/// `.Strata.Cluster.Labels`: `.stage`, or `.Get "example.com/stage"` for names that no field can have.
#[derive(Debug)]
struct LabelsObject(Rc<Capabilities>);

impl LabelsObject {
    fn names(&self) -> Vec<String> {
        // Another cluster may have one more, which nobody asks for by name.
        self.0.note_own();
        self.0.facts().labels.keys().cloned().collect()
    }

    fn label(&self, name: &str) -> template::Value {
        match self.0.read(FactKey::Label(name.to_owned())) {
            Value::String(value) => text(&value),
            _ => template::Value::Nil,
        }
    }
}

impl Object for LabelsObject {
    fn type_name(&self) -> &'static str {
        "strata.Labels"
    }

    fn kind_name(&self) -> &'static str {
        "map"
    }

    fn field(&self, name: &str) -> Option<template::Value> {
        Some(self.label(name))
    }

    fn call_method(
        &self,
        name: &str,
        arguments: &[template::Value],
    ) -> Option<Result<template::Value, String>> {
        if name != "Get" {
            return None;
        }
        Some(match arguments {
            [template::Value::Text(label)] => Ok(self.label(&label.to_str())),
            _ => Err("Get takes one text, the name of a label".to_owned()),
        })
    }

    fn entries(&self) -> Option<Vec<(template::Value, template::Value)>> {
        Some(self.names().iter().map(|name| (text(name), self.label(name))).collect())
    }

    fn encoded(&self) -> template::Value {
        template::Value::map(self.names().iter().map(|name| (name.as_str(), self.label(name))))
    }

    fn text(&self) -> String {
        "labels".to_owned()
    }
}
