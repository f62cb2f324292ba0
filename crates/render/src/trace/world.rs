//! All that the render of one layer depends on, and each of it as another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use strata_model::{
    cluster::Infrastructure,
    composition::Composition,
    fact::{FactKey, Facts, FactsRead},
    profile::{LayerKind, LayerName, RevisionReference},
    render::LayerValues,
    variable::{VariableDefinition, VariableValue},
    version::{KubernetesVersion, Version},
};

use crate::{
    capabilities::is_built_in,
    input::{ClusterIdentity, LayerSeed, RenderInput},
    layers::ResolvedLayer,
    settings,
    variable_value::other_value,
};

/// What is said of machines.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Name,
    Replicas,
    Attribute(String),
}

/// All that the render of one layer depends on and that can be another.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// The layer's values.
    pub(super) values: Value,
    pub(super) cluster: ClusterIdentity,
    pub(super) composition: Composition,
    pub(super) facts: Facts,
    pub(super) seeds: BTreeMap<LayerName, LayerSeed>,
    /// The layer's revision, and the variables that it defines.
    pub(super) revision: RevisionReference,
    pub(super) variables: Vec<VariableDefinition>,
    /// The version that the Kubernetes layer asks for, where that is another layer.
    pub(super) asked: Option<(LayerName, KubernetesVersion)>,
    /// Which APIs were asked for.
    pub(super) apis_read: BTreeSet<String>,
}

impl World {
    /// `rendered` are the values of all layers.
    pub(super) fn new(
        input: &RenderInput<'_>,
        layer: &ResolvedLayer<'_>,
        values: Value,
        rendered: &[LayerValues],
    ) -> Self {
        Self {
            asked: asked_version(input, rendered, &layer.layer.name),
            values,
            cluster: input.cluster.clone(),
            composition: input.composition.clone(),
            facts: input.facts.clone(),
            seeds: input.seeds.clone(),
            revision: layer.revision.clone(),
            variables: layer.variables.to_vec(),
            apis_read: BTreeSet::new(),
        }
    }
}

/// The APIs that a render has asked for.
pub(super) fn apis_read(read: &FactsRead) -> BTreeSet<String> {
    let api = |fact: &FactKey| match fact {
        FactKey::ApiVersion(api) => Some(api.clone()),
        _ => None,
    };
    read.keys().filter_map(api).collect()
}

impl World {
    pub(super) fn definition(&self, name: &str) -> Option<&VariableDefinition> {
        self.variables.iter().find(|definition| definition.name == name)
    }

    /// What the cluster says, where it may say anything.
    pub(super) fn own_variable(&self, name: &str) -> Option<&VariableValue> {
        let fixed = self.definition(name).is_some_and(|definition| definition.immutable);
        self.composition.variables.get(name).filter(|_| !fixed)
    }

    pub(super) fn api(&self) -> Option<(&String, &String)> {
        match &self.cluster.infrastructure {
            Infrastructure::ClusterApi { namespace, name, .. } => Some((namespace, name)),
            Infrastructure::None | Infrastructure::Edge => None,
        }
    }

    /// A cluster that Strata has made runs what is asked for; of another one that counts where its own is not known.
    pub(super) fn version(&self) -> Option<&KubernetesVersion> {
        let (asked, known) =
            (self.asked.as_ref().map(|(_, version)| version), self.facts.kubernetes_version.as_ref());
        if self.api().is_some() { asked.or(known) } else { known.or(asked) }
    }

    pub(super) fn set_variable(&mut self, name: &str, is: &str) -> bool {
        let Some(other) = self.definition(name).and_then(|definition| other_value(definition, is)) else {
            return false;
        };
        // Whoever says it, the cluster or its profile.
        if let Some(definition) = self.variables.iter_mut().find(|definition| definition.name == name) {
            definition.default_value = Some(other.clone());
        }
        self.composition.variables.insert(name.to_owned(), VariableValue::Plain(other));
        true
    }

    pub(super) fn set_fact(&mut self, fact: &FactKey, is: &Value, turn: usize) -> bool {
        let text = another_text(is.as_str().unwrap_or_default(), turn);
        let toggle = |all: &mut BTreeSet<String>, name: &String| {
            if !all.remove(name) {
                all.insert(name.clone());
            }
        };
        match fact {
            FactKey::ApiVersion(api) => {
                // A cluster that was never reached serves what every Kubernetes does: that is said one by one now.
                if self.facts.kubernetes_version.is_none() && self.facts.api_versions.is_empty() {
                    let built_in = self.apis_read.iter().filter(|api| is_built_in(api)).cloned();
                    self.facts.api_versions = built_in.chain(["v1".to_owned()]).collect();
                }
                toggle(&mut self.facts.api_versions, api);
            }
            FactKey::ClusterScoped(kind) => toggle(&mut self.facts.cluster_scoped, kind),
            FactKey::ClusterName => {
                let other = format!("{}x", self.cluster.name);
                let Ok(name) = other.parse().or_else(|_| "x".parse()) else { return false };
                self.cluster.name = name;
                self.facts.cluster_name = self.cluster.name.to_string();
            }
            FactKey::Label(label) => {
                self.facts.labels.insert(label.clone(), text);
            }
            FactKey::Cloud => self.facts.cloud = Some(text),
            FactKey::Region => self.facts.region = Some(text),
            FactKey::KubernetesVersion => return false,
            FactKey::Lookup { api_version, kind, namespace, name } => {
                let is_empty = is.as_object().is_none_or(Map::is_empty);
                let other = json!({
                    "apiVersion": api_version,
                    "kind": kind,
                    "metadata": {"name": name, "namespace": namespace},
                });
                self.facts.lookups.insert(fact.to_string(), if is_empty { other } else { json!({}) });
            }
        }
        true
    }

    /// Far away at the first turn, near at the second.
    pub(super) fn set_version(&mut self, later: bool, turn: usize) -> bool {
        let Some(is) = self.version().map(KubernetesVersion::minor) else { return false };
        let minor = match (later, turn) {
            (true, 0) => 99,
            (true, _) => is.saturating_add(1),
            (false, 0) => 0,
            (false, _) => is.saturating_sub(1),
        };
        let Ok(other) = format!("v1.{minor}.0").parse::<KubernetesVersion>() else { return false };
        if self.facts.kubernetes_version.is_some() {
            self.facts.kubernetes_version = Some(other.clone());
        }
        if let Some((_, asked)) = &mut self.asked {
            *asked = other;
        }
        true
    }

    pub(super) fn set_revision(&mut self) -> bool {
        let (Ok(profile), Ok(version)) = (
            format!("{}x", self.revision.profile).parse().or_else(|_| "x".parse()),
            "999.0.0".parse::<Version>(),
        ) else {
            return false;
        };
        self.revision = RevisionReference { profile, version, ..self.revision };
        true
    }

    pub(super) fn set_machines(&mut self, pool: Option<usize>, part: &Part, turn: usize) {
        let attribute = |attributes: &mut BTreeMap<String, String>, name: &String| {
            if let Some(value) = attributes.get_mut(name) {
                *value = another_text(value, turn);
            }
        };
        match (pool.and_then(|index| self.composition.node_pools.get_mut(index)), part) {
            (Some(pool), Part::Name) => pool.name.push('x'),
            (Some(pool), Part::Replicas) => pool.replicas = pool.replicas.saturating_add(1),
            (Some(pool), Part::Attribute(name)) => attribute(&mut pool.attributes, name),
            (None, part) => {
                let Some(plane) = &mut self.composition.control_plane else { return };
                match part {
                    Part::Name => {}
                    Part::Replicas => plane.replicas = if plane.replicas == 1 { 3 } else { 1 },
                    Part::Attribute(name) => attribute(&mut plane.attributes, name),
                }
            }
        }
    }
}

/// The version that the Kubernetes layer asks for, where it is another one than `layer`.
fn asked_version(
    input: &RenderInput<'_>,
    layers: &[LayerValues],
    layer: &LayerName,
) -> Option<(LayerName, KubernetesVersion)> {
    let own =
        input.layers.iter().find(|it| it.layer.kind == LayerKind::Kubernetes && it.layer.name != *layer)?;
    let values = layers.iter().find(|values| values.layer == own.layer.name)?;
    let version = settings::kubernetes_version(own.layer, own.pack, &values.value).ok().flatten()?;
    Some((own.layer.name.clone(), version))
}

/// A value of the same kind that is another one. At the second turn one of another form, for what is read rather than passed on.
pub(super) fn another(value: &Value, turn: usize) -> Value {
    match value {
        Value::Null => Value::String("x".to_owned()),
        Value::Bool(is) => Value::Bool(!is),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Value::from(if turn == 0 { number.saturating_add(1) } else { 1 }),
            None => Value::from(1),
        },
        Value::String(text) => Value::String(another_text(text, turn)),
        Value::Array(_) => Value::Array(vec![Value::String("x".to_owned())]),
        Value::Object(_) => Value::Object(Map::from_iter([("x".to_owned(), Value::String("x".to_owned()))])),
    }
}

pub(super) fn another_text(text: &str, turn: usize) -> String {
    // A digit before it keeps numbers, quantities, versions and addresses what they are.
    match (text.starts_with(|first: char| first.is_ascii_digit()), turn) {
        (true, 0) => format!("1{text}"),
        (true, _) => "1".to_owned(),
        (false, 0) => format!("{text}x"),
        (false, _) => String::new(),
    }
}
