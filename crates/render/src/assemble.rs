//! From what each layer wrote to what is sent: destinations, namespaces, marks, shared objects, order.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use strata_model::{
    cluster::Infrastructure,
    diagnostic::Diagnostic,
    object::{Destination, ObjectKey},
    profile::LayerKind,
    render::{DuplicateObject, RenderedHook, RenderedObject},
};

use crate::{
    capabilities::Capabilities,
    input::RenderInput,
    layer_values::Prepared,
    objects::{Hook, Manifest, Marks, phase},
    scope,
    settings::WantedNamespace,
};

/// Where the body of an object that Strata makes itself comes from.
const OWN_SOURCE: &str = "values.yaml";

/// All objects of a render, in the order in which they are applied.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    pub(crate) objects: Vec<RenderedObject>,
    /// By layer, weight and name, as Helm runs them.
    pub(crate) hooks: Vec<RenderedHook>,
    pub(crate) duplicates: Vec<DuplicateObject>,
}

/// Sorts by what has to be there first.
type Order = (bool, u8, u8, i32, u8, usize, usize);

/// Puts the objects of all layers together.
pub(crate) fn assemble(
    input: &RenderInput<'_>,
    capabilities: &Capabilities,
    layers: Vec<(&Prepared<'_>, Vec<Manifest>)>,
) -> Result<Assembled, Vec<Diagnostic>> {
    let mut assembler = Assembler::empty(input, capabilities);
    for (position, (prepared, manifests)) in layers.into_iter().enumerate() {
        assembler.layer(position, prepared, manifests);
    }
    assembler.tell_hooks_that_are_objects();
    if !assembler.problems.is_empty() {
        return Err(assembler.problems);
    }
    assembler.entries.sort_by_key(|(order, _)| *order);
    let objects = assembler.entries.into_iter().map(|(_, object)| object).collect();
    assembler.hooks.sort_by(|(a, one), (b, other)| {
        (a, one.weight, &one.object.key.name).cmp(&(b, other.weight, &other.object.key.name))
    });
    let hooks = assembler.hooks.into_iter().map(|(_, hook)| hook).collect();
    Ok(Assembled { objects, hooks, duplicates: assembler.duplicates })
}

struct Assembler<'a> {
    input: &'a RenderInput<'a>,
    capabilities: &'a Capabilities,
    entries: Vec<(Order, RenderedObject)>,
    /// Each with the place of its layer.
    hooks: Vec<(usize, RenderedHook)>,
    index: HashMap<(Destination, ObjectKey), usize>,
    duplicates: Vec<DuplicateObject>,
    problems: Vec<Diagnostic>,
}

impl<'a> Assembler<'a> {
    fn empty(input: &'a RenderInput<'a>, capabilities: &'a Capabilities) -> Self {
        Self {
            input,
            capabilities,
            entries: Vec::new(),
            hooks: Vec::new(),
            index: HashMap::new(),
            duplicates: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn layer(&mut self, position: usize, prepared: &Prepared<'_>, manifests: Vec<Manifest>) {
        let mut workload = false;
        for (sequence, mut manifest) in manifests.into_iter().enumerate() {
            let destination = self.destination(prepared, &manifest);
            let namespace = self.namespace(prepared, destination);
            let key = manifest.place(&namespace, self.capabilities);
            workload |= destination == Destination::Workload;
            // A namespace's own labels come with what the template says about it.
            let wanted = prepared.settings.namespaces.iter().find(|wanted| wanted.name == key.name);
            if let (Destination::Workload, true, Some(wanted)) = (destination, is_namespace(&key), wanted) {
                add_pairs(&mut manifest.body, wanted);
            }
            let (line, hook) = (manifest.line, manifest.hook.take());
            let object = self.object(prepared, manifest, key, destination);
            match hook {
                Some(Hook { events, weight, delete }) => {
                    self.hooks.push((position, RenderedHook { object, events, weight, delete }));
                }
                None => self.put(position, sequence + 1, object, line),
            }
        }
        if !workload {
            return;
        }
        for wanted in &prepared.settings.namespaces {
            let key = ObjectKey {
                group: String::new(),
                kind: "Namespace".to_owned(),
                namespace: None,
                name: wanted.name.clone(),
            };
            let written = self.index.get(&(Destination::Workload, key.clone()));
            let own = written.and_then(|at| self.entries.get(*at));
            if own.is_some_and(|(_, object)| object.layers.contains(&prepared.layer.layer.name)) {
                continue;
            }
            let Value::Object(mut body) =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": wanted.name}})
            else {
                continue;
            };
            add_pairs(&mut body, wanted);
            let manifest = Manifest {
                body,
                api_version: "v1".to_owned(),
                kind: "Namespace".to_owned(),
                name: wanted.name.clone(),
                namespace: None,
                source: OWN_SOURCE.to_owned(),
                line: 1,
                hook: None,
            };
            let object = self.object(prepared, manifest, key, Destination::Workload);
            self.put(position, 0, object, 1);
        }
    }

    /// What is run cannot be kept at the same time: it would be deleted and sent in turns.
    fn tell_hooks_that_are_objects(&mut self) {
        for (_, hook) in &self.hooks {
            let place = (hook.object.destination, hook.object.key.clone());
            if self.index.contains_key(&place) {
                let message = format!("{} is an object and a hook as well", hook.object.key);
                self.problems.push(
                    Diagnostic::new("OBJECT_RENDERED_TWICE", message)
                        .in_file(hook.object.source.as_str())
                        .with_help("remove one of the two, or give it another name"),
                );
            }
        }
    }

    /// Cluster API's objects of infrastructure layers, and all that OS and Kubernetes layers render, are for the
    /// management cluster.
    fn destination(&self, prepared: &Prepared<'_>, manifest: &Manifest) -> Destination {
        if !matches!(self.input.cluster.infrastructure, Infrastructure::ClusterApi { .. }) {
            return Destination::Workload;
        }
        match prepared.layer.layer.kind {
            LayerKind::Os | LayerKind::Kubernetes => Destination::Management,
            LayerKind::Cni | LayerKind::Csi if scope::is_cluster_api(manifest.group()) => {
                Destination::Management
            }
            LayerKind::Cni | LayerKind::Csi | LayerKind::Addon => Destination::Workload,
        }
    }

    fn namespace(&self, prepared: &Prepared<'_>, destination: Destination) -> String {
        match (&self.input.cluster.infrastructure, destination) {
            (Infrastructure::ClusterApi { namespace, .. }, Destination::Management) => namespace.clone(),
            _ => prepared.settings.namespace.clone(),
        }
    }

    fn object(
        &self,
        prepared: &Prepared<'_>,
        manifest: Manifest,
        key: ObjectKey,
        destination: Destination,
    ) -> RenderedObject {
        let layer = prepared.layer.layer;
        let mut body = manifest.body;
        let marks = Marks {
            installation: self.input.cluster.installation.to_string(),
            cluster: self.input.cluster.id.to_string(),
            layer: layer.name.to_string(),
        };
        marks.put_on(&mut body);
        RenderedObject {
            key,
            api_version: manifest.api_version,
            layers: vec![layer.name.clone()],
            layer_kind: layer.kind,
            revision: prepared.layer.revision.clone(),
            source: manifest.source,
            destination,
            install_priority: prepared.settings.install_priority,
            on_conflict: layer.on_conflict,
            on_immutable: layer.on_immutable,
            orphan_policy: layer.orphan_policy,
            body: Value::Object(body),
        }
    }

    fn put(&mut self, position: usize, sequence: usize, object: RenderedObject, line: u32) {
        let order = (
            !object.layer_kind.is_infrastructure(),
            u8::from(object.destination == Destination::Workload),
            if object.layer_kind.is_infrastructure() { infrastructure_rank(object.layer_kind) } else { 0 },
            object.install_priority,
            phase(&object.key.group, &object.key.kind),
            position,
            sequence,
        );
        let place = (object.destination, object.key.clone());
        let Some(at) = self.index.get(&place).copied() else {
            self.index.insert(place, self.entries.len());
            self.entries.push((order, object));
            return;
        };
        let Some((first_order, first)) = self.entries.get_mut(at) else { return };
        let layer = object.layers.first();
        if layer.is_some_and(|layer| first.layers.contains(layer)) {
            let name = layer.map(ToString::to_string).unwrap_or_default();
            let message = format!("the layer `{name}` renders {} twice", object.key);
            self.problems.push(
                Diagnostic::new("OBJECT_RENDERED_TWICE", message)
                    .in_file(format!("layer `{name}` {} (rendered)", object.source))
                    .at(line, 1)
                    .with_help("remove one of the two, or give it another name"),
            );
            return;
        }
        let agreed = is_namespace(&object.key) && merge_namespace(&mut first.body, &object.body);
        if agreed || is_namespace(&object.key) {
            first.layers.extend(object.layers.iter().cloned());
            *first_order = (*first_order).min(order);
        }
        if !agreed {
            let mut layers = first.layers.clone();
            layers.extend(object.layers.into_iter().filter(|layer| !first.layers.contains(layer)));
            match self.duplicates.iter_mut().find(|duplicate| duplicate.key == object.key) {
                Some(duplicate) => duplicate.layers = layers,
                None => self.duplicates.push(DuplicateObject { key: object.key, layers }),
            }
        }
    }
}

const fn infrastructure_rank(kind: LayerKind) -> u8 {
    match kind {
        LayerKind::Os => 0,
        LayerKind::Kubernetes => 1,
        LayerKind::Cni => 2,
        LayerKind::Csi => 3,
        LayerKind::Addon => 4,
    }
}

fn is_namespace(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Namespace"
}

/// The namespace's labels and annotations from the values; what the template says wins.
fn add_pairs(body: &mut Map<String, Value>, wanted: &WantedNamespace) {
    let Some(Value::Object(metadata)) = body.get_mut("metadata") else { return };
    for (field, pairs) in [("labels", &wanted.labels), ("annotations", &wanted.annotations)] {
        if pairs.is_empty() {
            continue;
        }
        let slot = metadata.entry(field).or_insert_with(|| Value::Object(Map::new()));
        if slot.is_null() {
            *slot = Value::Object(Map::new());
        }
        if let Value::Object(map) = slot {
            for (name, value) in pairs {
                map.entry(name.clone()).or_insert_with(|| Value::String(value.clone()));
            }
        }
    }
}

/// Adds what another layer says about a namespace; false if they disagree. The first layer's words stay.
fn merge_namespace(first: &mut Value, other: &Value) -> bool {
    let mut agreed = true;
    for field in ["labels", "annotations"] {
        let Some(more) = other.pointer(&format!("/metadata/{field}")).and_then(Value::as_object) else {
            continue;
        };
        let Some(Value::Object(metadata)) = first.get_mut("metadata") else { return false };
        let slot = metadata.entry(field).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(own) = slot else { return false };
        for (name, value) in more {
            match own.get(name) {
                // Each layer's own mark: the first one's stays.
                Some(existing) if existing != value => agreed &= name == strata_model::object::marks::LAYER,
                Some(_) => {}
                None => drop(own.insert(name.clone(), value.clone())),
            }
        }
    }
    // Beyond its metadata a namespace has next to nothing; where it has, both must say the same.
    agreed && first.get("spec").unwrap_or(&Value::Null) == other.get("spec").unwrap_or(&Value::Null)
}
