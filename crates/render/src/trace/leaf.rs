//! What a field may come from, one by one, and each as another than it is.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strata_model::{
    cluster::Infrastructure,
    fact::{FactKey, FactsRead},
    id::ClusterId,
    macros::MacroName,
    render::{LayerValues, Origin, origin_of},
    secret::{Fingerprint, SecretText},
    value_path::{Segment, ValuePath},
    variable::VariableValue,
};
use uuid::Uuid;

use super::world::{Part, World, another, another_text};
use crate::{input::RenderInput, layers::ResolvedLayer, references::manifest_macros};

/// One thing that a field may come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Leaf {
    /// A value of the layer.
    Value(ValuePath),
    /// A variable that a manifest of the layer's own refers to.
    Variable(String),
    /// A macro that one does.
    Macro(MacroName),
    /// A fact that was read.
    Fact(FactKey),
    /// The version of Kubernetes: as a later one, or as an earlier one.
    KubernetesVersion { later: bool },
    /// The cluster's id.
    Id,
    /// The project's name.
    Project,
    /// The name and the namespace of the object that provides the cluster.
    ApiName,
    /// Its namespace.
    ApiNamespace,
    /// The layer's revision.
    Revision,
    /// A part of the control plane or of a node pool, or an attribute of it.
    Machines { pool: Option<usize>, part: Part },
    /// The seed of what is generated.
    Seed,
}

/// The values of a layer: scalars, and mappings and lists with nothing in them.
pub(super) fn value_leaves(value: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(value, &mut ValuePath(Vec::new()), &mut leaves);
    leaves
}

fn collect(value: &Value, path: &mut ValuePath, leaves: &mut Vec<Leaf>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.0.push(Segment::Key(key.clone()));
                collect(value, path, leaves);
                path.0.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                path.0.push(Segment::Index(index));
                collect(value, path, leaves);
                path.0.pop();
            }
        }
        _ => leaves.push(Leaf::Value(path.clone())),
    }
}

/// All else: what the layer's own manifests refer to, what was read of the cluster, its machines, what is generated.
pub(super) fn other_leaves(
    input: &RenderInput<'_>,
    layer: &ResolvedLayer<'_>,
    read: &FactsRead,
) -> Vec<Leaf> {
    let manifests = &layer.layer.manifests;
    let named = |name: &str| manifests.iter().any(|it| it.text.contains(&format!(".var.{name}")));
    let variables = layer.variables.iter().map(|definition| &definition.name).filter(|name| named(name));
    let mut leaves: Vec<Leaf> = variables.map(|name| Leaf::Variable(name.clone())).collect();
    leaves.extend(manifest_macros(layer.layer).into_iter().map(Leaf::Macro));
    // Where a kind has its objects is nothing that anybody says.
    let told = |fact: &&FactKey| !matches!(fact, FactKey::KubernetesVersion | FactKey::ClusterScoped(_));
    leaves.extend(read.keys().filter(told).map(|fact| Leaf::Fact(fact.clone())));
    leaves.extend([Leaf::Id, Leaf::Project, Leaf::Revision]);
    if matches!(input.cluster.infrastructure, Infrastructure::ClusterApi { .. }) {
        leaves.extend([Leaf::ApiName, Leaf::ApiNamespace]);
    }
    if let Some(plane) = &input.composition.control_plane {
        leaves.push(Leaf::Machines { pool: None, part: Part::Replicas });
        let attributes = plane.attributes.keys().cloned().map(Part::Attribute);
        leaves.extend(attributes.map(|part| Leaf::Machines { pool: None, part }));
    }
    for (index, pool) in input.composition.node_pools.iter().enumerate() {
        let attributes = pool.attributes.keys().cloned().map(Part::Attribute);
        let parts = [Part::Name, Part::Replicas].into_iter().chain(attributes);
        leaves.extend(parts.map(|part| Leaf::Machines { pool: Some(index), part }));
    }
    if input.seeds.contains_key(&layer.layer.name) {
        leaves.push(Leaf::Seed);
    }
    leaves
}

impl Leaf {
    /// Whether it is a value that turns something on or off, or is left open.
    pub(super) fn is_switch(&self, world: &World) -> bool {
        let Self::Value(path) = self else { return false };
        match path.find(&world.values) {
            Some(Value::Bool(_) | Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(map)) => map.is_empty(),
            _ => false,
        }
    }

    /// What it is called: as a person would write it, where there is a way to.
    pub(super) fn name(&self, world: &World) -> String {
        match self {
            Self::Value(path) => path.to_string(),
            Self::Variable(name) => format!("strata.var.{name}"),
            Self::Macro(name) => format!("strata.macro.{name}"),
            Self::Fact(FactKey::ClusterName) => "strata.cluster.name".to_owned(),
            Self::Fact(fact) => fact.to_string(),
            Self::KubernetesVersion { .. } => "strata.kubernetes.version".to_owned(),
            Self::Id => "strata.cluster.id".to_owned(),
            Self::Project => "strata.project.name".to_owned(),
            Self::ApiName => "Strata.Cluster.ApiName".to_owned(),
            Self::ApiNamespace => "Strata.Cluster.Namespace".to_owned(),
            Self::Revision => "strata.profile".to_owned(),
            Self::Machines { pool, part } => {
                let pool = pool.and_then(|index| world.composition.node_pools.get(index));
                let of = pool.map_or_else(
                    || "controlPlane".to_owned(),
                    |pool| format!("nodePools[name={}]", pool.name),
                );
                match part {
                    Part::Name => format!("{of}.name"),
                    Part::Replicas => format!("{of}.replicas"),
                    Part::Attribute(name) => format!("{of}.attributes.{name}"),
                }
            }
            Self::Seed => "generated".to_owned(),
        }
    }

    /// What it is. Secrets are in the clear.
    pub(super) fn value(&self, world: &World, secrets: &BTreeMap<Fingerprint, SecretText>) -> Value {
        let clear = |value: &VariableValue| match value {
            VariableValue::Plain(text) => Value::from(text.as_str()),
            VariableValue::Sensitive(fingerprint) => {
                secrets.get(fingerprint).map_or(Value::Null, |secret| Value::from(secret.expose()))
            }
        };
        match self {
            Self::Value(path) => path.find(&world.values).cloned().unwrap_or_default(),
            Self::Variable(name) => match world.own_variable(name) {
                Some(own) => clear(own),
                None => json!(world.definition(name).and_then(|it| it.default_value.as_deref())),
            },
            Self::Macro(name) => {
                world.composition.macros.get(name).and_then(Option::as_ref).map_or(Value::Null, clear)
            }
            Self::Fact(fact) => world.facts.answer(fact),
            Self::KubernetesVersion { .. } => {
                json!(world.version().map(ToString::to_string))
            }
            Self::Id => json!(world.cluster.id.to_string()),
            Self::Project => json!(world.cluster.project),
            Self::ApiName => json!(world.api().map(|(_, name)| name)),
            Self::ApiNamespace => json!(world.api().map(|(namespace, _)| namespace)),
            Self::Revision => json!(world.revision.to_string()),
            Self::Machines { pool, part } => {
                let (name, replicas, attributes) = match pool {
                    Some(index) => {
                        let Some(pool) = world.composition.node_pools.get(*index) else { return Value::Null };
                        (pool.name.as_str(), pool.replicas, &pool.attributes)
                    }
                    None => {
                        let Some(plane) = &world.composition.control_plane else { return Value::Null };
                        ("", plane.replicas, &plane.attributes)
                    }
                };
                match part {
                    Part::Name => json!(name),
                    Part::Replicas => json!(replicas),
                    Part::Attribute(name) => json!(attributes.get(name)),
                }
            }
            Self::Seed => Value::Null,
        }
    }

    /// Where that comes from. `rest` is said of values that nobody in the layer says.
    pub(super) fn origin(&self, world: &World, values: &LayerValues, rest: &Origin) -> Origin {
        match self {
            Self::Value(path) => origin_of(path, &values.origins).unwrap_or(rest).clone(),
            Self::Variable(name) => {
                Origin::Variable { name: name.clone(), default: world.own_variable(name).is_none() }
            }
            Self::Macro(name) => Origin::Macro { name: name.to_string() },
            Self::Revision => Origin::Profile { revision: world.revision.clone() },
            Self::Seed => Origin::Generated,
            Self::Fact(_)
            | Self::KubernetesVersion { .. }
            | Self::Id
            | Self::Project
            | Self::ApiName
            | Self::ApiNamespace
            | Self::Machines { .. } => Origin::Cluster,
        }
    }

    /// Makes it another in `world`; at the second turn another one again, for what is read rather than passed on. Says whether
    /// there is another.
    pub(super) fn alter(
        &self,
        world: &mut World,
        turn: usize,
        secrets: &BTreeMap<Fingerprint, SecretText>,
    ) -> bool {
        let is = self.value(world, secrets);
        let text = is.as_str().unwrap_or_default();
        match self {
            Self::Value(path) => {
                let Some(value) = path.find_mut(&mut world.values) else { return false };
                *value = another(value, turn);
            }
            Self::Variable(name) => return world.set_variable(name, text),
            Self::Macro(name) => {
                let other = VariableValue::Plain(another_text(text, turn));
                world.composition.macros.insert(name.clone(), Some(other));
            }
            Self::Fact(fact) => return world.set_fact(fact, &is, turn),
            Self::KubernetesVersion { later } => return world.set_version(*later, turn),
            Self::Id => world.cluster.id = ClusterId::new(Uuid::from_u128(u128::MAX - 1)),
            Self::Project => world.cluster.project.push('x'),
            Self::ApiName | Self::ApiNamespace => {
                if let Infrastructure::ClusterApi { namespace, name, .. } = &mut world.cluster.infrastructure
                {
                    let of = if *self == Self::ApiName { name } else { namespace };
                    of.push('x');
                }
            }
            Self::Revision => return world.set_revision(),
            Self::Machines { pool, part } => world.set_machines(*pool, part, turn),
            Self::Seed => {
                for seed in world.seeds.values_mut() {
                    seed.seed.iter_mut().for_each(|byte| *byte = !*byte);
                    seed.instant = strata_model::Timestamp::UNIX_EPOCH;
                }
            }
        }
        true
    }
}
