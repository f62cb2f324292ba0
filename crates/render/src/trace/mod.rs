//! Where a field of a rendered object comes from.
//!
//! *Idea.* A field comes from a value when another value there gives another field. So the layer is rendered again and again
//! with other values, half of them at a time, until the ones that matter are alone. That holds whatever templates do:
//! helpers, `tpl`, `toYaml`, loops. Beside the values of the layer (`charts`) all else is tried that a render depends on
//! (`leaf`, `world`): variables and macros that a manifest names, facts, machines, names, the seed.
//!
//! *Guarantees.* Pure, and bounded in renders. What is named as a source is one: the field did change. The renders are those of
//! the layer's real templates; nothing is guessed from their text.
//!
//! *Caveats.* Of two values of which either suffices (`or`), none matters alone, and none is named. What a schema or a
//! template refuses to have changed stays undecided. Values of another pack that a manifest refers to are not tried: then the
//! search is not complete.

mod charts;
mod leaf;
mod world;

use std::borrow::Cow;

use serde_json::Value;
use strata_model::{
    composition::Composition,
    diagnostic::Diagnostic,
    fact::FactsRead,
    field_trace::{FieldRole, FieldSource, FieldTrace},
    object::{Destination, ObjectKey},
    overrides::{LayerOverride, OverrideSource, Patch, PatchOperation},
    pack::Pack,
    profile::LayerName,
    render::{Origin, Render, RenderedObject},
    value_path::ValuePath,
    version::KubernetesVersion,
};

use self::{
    charts::with_chart_values,
    leaf::{Leaf, other_leaves, value_leaves},
    world::{World, apis_read},
};
use crate::{input::RenderInput, layers::ResolvedLayer, render};

/// How many renders one trace may take.
const MAX_RENDERS: usize = 400;
/// How many values of a layer are tried.
const MAX_LEAVES: usize = 20_000;

/// Which field of which object.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Where the object is.
    pub destination: Destination,
    /// The object.
    pub object: &'a ObjectKey,
    /// The field.
    pub path: &'a ValuePath,
}

/// Finds the values that a field depends on. `rendered` is what the input renders to. The search ends early, and says so, once
/// `goes_on` says no.
///
/// # Errors
/// `OBJECT_NOT_RENDERED`; what a render says, where the layer does not render with its own values written out.
pub fn trace(
    input: &RenderInput<'_>,
    rendered: &Render,
    field: Field<'_>,
    goes_on: &dyn Fn() -> bool,
) -> Result<FieldTrace, Vec<Diagnostic>> {
    let hook = rendered.hook(field.destination, field.object).map(|hook| &hook.object);
    let found = rendered.object(field.destination, field.object).or(hook).and_then(|object| {
        let name = object.layers.first()?;
        let layer = input.layers.iter().find(|layer| layer.layer.name == *name)?;
        let values = rendered.layers.iter().find(|values| values.layer == *name)?;
        Some((object, layer, values))
    });
    let Some((object, layer, values)) = found else {
        let message = format!("{} is not rendered", field.object);
        let problem = Diagnostic::new("OBJECT_NOT_RENDERED", message);
        return Err(vec![problem.with_help("name an object as the preview shows it")]);
    };
    let is = field.path.find(&object.body).cloned();
    // The other layers say what references ask them, and render nothing.
    let bare: Vec<Cow<'_, Pack>> = input
        .layers
        .iter()
        .map(|other| {
            if other.layer.name == layer.layer.name {
                return Cow::Borrowed(other.pack);
            }
            Cow::Owned(Pack { manifests: Vec::new(), charts: Vec::new(), ..other.pack.clone() })
        })
        .collect();
    let layers: Vec<ResolvedLayer<'_>> = input
        .layers
        .iter()
        .zip(&bare)
        .map(|(other, pack)| match pack {
            Cow::Borrowed(_) => *other,
            Cow::Owned(pack) => ResolvedLayer { pack, templates: None, charts: None, ..*other },
        })
        .collect();
    let world = World::new(input, layer, values.value.clone(), &rendered.layers);
    let trier = |layers| Trier {
        input: RenderInput { layers, ..*input },
        layer: &layer.layer.name,
        field,
        asked: world.asked.clone(),
    };
    // With the charts' own values written out they can be tried as well; not every chart renders so.
    let (with_charts, all_charts) = with_chart_values(&values.value, layer);
    let with_charts = World { values: with_charts, ..world.clone() };
    let names_packs = layer.layer.manifests.iter().any(|it| it.text.contains(".pack."));
    let mut complete = all_charts && !names_packs;
    // What other layers render may decide about this one: then they are rendered along.
    let tries = [
        (&with_charts, &layers[..]),
        (&world, &layers[..]),
        (&with_charts, input.layers),
        (&world, input.layers),
    ];
    let mut baseline = None;
    let (mut failure, mut rendered_otherwise) = (None, false);
    for (whole, layers) in tries {
        let trier = trier(layers);
        match trier.answer(whole) {
            Answer::Field(answer, read) if answer == is => {
                baseline = Some((trier, whole, read));
                break;
            }
            Answer::Failed(problems) => failure = Some(problems),
            Answer::Field(..) | Answer::NoObject => rendered_otherwise = true,
        }
    }
    let traced = |sources, undecided, complete| FieldTrace {
        layer: layer.layer.name.clone(),
        revision: object.revision.clone(),
        file: object.source.clone(),
        value: is.clone(),
        sources,
        undecided,
        complete,
    };
    let Some((trier, whole, read)) = baseline else {
        // Written out as an override the values make something else: then nothing that is tried tells anything.
        return match failure.filter(|_| !rendered_otherwise) {
            Some(problems) => Err(problems),
            None => Ok(traced(Vec::new(), Vec::new(), false)),
        };
    };
    complete &= whole.values == with_charts.values;
    let whole = &World { apis_read: apis_read(&read), ..whole.clone() };
    let mut leaves = value_leaves(&whole.values);
    complete &= leaves.len() <= MAX_LEAVES;
    leaves.truncate(MAX_LEAVES);
    let others = other_leaves(input, layer, &read);
    let mut search = Search {
        trier,
        whole,
        is: &is,
        left: MAX_RENDERS,
        sources: Vec::new(),
        undecided: Vec::new(),
        complete,
        goes_on,
    };
    // Of two values that are only compared with each other nothing shows when both change: so halves are looked at in any case.
    let (first, second) = leaves.split_at(leaves.len() / 2);
    search.narrow(first);
    search.narrow(second);
    search.narrow(&others);
    // As a later and as an earlier one: one hides the other where both are tried.
    for later in [true, false].into_iter().filter(|_| whole.version().is_some()) {
        search.narrow(&[Leaf::KubernetesVersion { later }]);
    }
    if is.is_none() {
        search.switches(&leaves);
    }
    let Search { mut sources, undecided, complete, .. } = search;
    sources.sort_by_key(|(role, _)| *role);
    let rest = Origin::Pack { pack: format!("{} {}", layer.pack.name, layer.pack.version) };
    let source = |(role, leaf): &(FieldRole, Leaf)| FieldSource {
        value: leaf.value(whole, input.secrets),
        origin: leaf.origin(whole, values, &rest),
        path: leaf.name(whole),
        role: *role,
    };
    // A later and an earlier version are one.
    let mut named: Vec<FieldSource> = Vec::new();
    for found in sources.iter().map(source) {
        if named.iter().all(|other| other.path != found.path) {
            named.push(found);
        }
    }
    let mut open: Vec<String> = undecided.iter().map(|leaf| leaf.name(whole)).collect();
    open.dedup();
    open.retain(|path| named.iter().all(|source| source.path != *path));
    Ok(traced(named, open, complete))
}

/// What becomes of the field.
enum Answer {
    /// It is this, or not there; and what was asked of the cluster.
    Field(Option<Value>, FactsRead),
    /// The object is not there.
    NoObject,
    /// Nothing renders.
    Failed(Vec<Diagnostic>),
}

/// Renders the layer with something else.
struct Trier<'a> {
    input: RenderInput<'a>,
    layer: &'a LayerName,
    field: Field<'a>,
    /// The version that is asked for as it is.
    asked: Option<(LayerName, KubernetesVersion)>,
}

impl Trier<'_> {
    fn answer(&self, world: &World) -> Answer {
        let Value::Object(map) = &world.values else { return Answer::Failed(Vec::new()) };
        let set = |(key, value): (&String, &Value)| PatchOperation::Set {
            path: ValuePath::of_keys([key.as_str()]),
            value: value.clone(),
        };
        let said = |layer: &LayerName, operations: Vec<PatchOperation>| LayerOverride {
            layer: layer.clone(),
            patch: Patch(operations),
            author: String::new(),
            at: strata_model::Timestamp::UNIX_EPOCH,
        };
        let mut own = vec![said(self.layer, map.iter().map(set).collect())];
        if let Some((layer, version)) = world.asked.as_ref().filter(|_| world.asked != self.asked) {
            let path = ValuePath::of_keys(["pack", "kubernetesVersion"]);
            own.push(said(layer, vec![PatchOperation::Set { path, value: version.to_string().into() }]));
        }
        let mut composition: Composition = world.composition.clone();
        composition.overrides.push(OverrideSource::Cluster { layers: own });
        let layers: Vec<ResolvedLayer<'_>> = self
            .input
            .layers
            .iter()
            .map(|layer| match layer.layer.name == *self.layer {
                true => ResolvedLayer { revision: &world.revision, variables: &world.variables, ..*layer },
                false => *layer,
            })
            .collect();
        let input = RenderInput {
            cluster: &world.cluster,
            composition: &composition,
            layers: &layers,
            secrets: self.input.secrets,
            facts: &world.facts,
            seeds: &world.seeds,
        };
        let rendered = match render(&input) {
            Ok(rendered) => rendered,
            Err(problems) => return Answer::Failed(problems),
        };
        let Field { destination, object, path } = self.field;
        let hook = || rendered.hook(destination, object).map(|hook| &hook.object);
        match rendered.object(destination, object).or_else(hook) {
            Some(RenderedObject { body, .. }) => {
                Answer::Field(path.find(body).cloned(), rendered.facts_read.clone())
            }
            None => Answer::NoObject,
        }
    }
}

/// Halves what a field may come from until what matters is alone.
struct Search<'a> {
    trier: Trier<'a>,
    whole: &'a World,
    /// What the field is.
    is: &'a Option<Value>,
    left: usize,
    sources: Vec<(FieldRole, Leaf)>,
    undecided: Vec<Leaf>,
    complete: bool,
    goes_on: &'a dyn Fn() -> bool,
}

/// What becomes of a field when something is another.
enum Effect {
    /// Nothing.
    None,
    /// It is another, or not there.
    Role(FieldRole),
    /// The object is not there, and the field was not there before.
    Gone,
    /// Nothing renders, or there is no other value.
    Unknown,
}

impl Search<'_> {
    /// What all these together do to the field when each is another.
    fn effect(&mut self, leaves: &[Leaf], turn: usize) -> Effect {
        let mut world = self.whole.clone();
        let mut altered = false;
        for leaf in leaves {
            altered |= leaf.alter(&mut world, turn, self.trier.input.secrets);
        }
        if !altered {
            return Effect::Unknown;
        }
        self.left = self.left.saturating_sub(1);
        match self.trier.answer(&world) {
            Answer::Field(answer, _) if answer == *self.is => Effect::None,
            // What brings a field where there is none decided against it.
            Answer::Field(Some(_), _) if self.is.is_some() => Effect::Role(FieldRole::Gives),
            Answer::Field(..) => Effect::Role(FieldRole::Decides),
            Answer::NoObject if self.is.is_some() => Effect::Role(FieldRole::Decides),
            Answer::NoObject => Effect::Gone,
            Answer::Failed(_) => Effect::Unknown,
        }
    }

    /// A field that is not there may need one switch turned and another left as it is, so that nothing shows when halves are
    /// turned: each is turned alone, while renders are left.
    fn switches(&mut self, leaves: &[Leaf]) {
        let sources = self.sources.iter().map(|(_, leaf)| leaf);
        let found: Vec<Leaf> = sources.chain(&self.undecided).cloned().collect();
        let switches = leaves.iter().filter(|leaf| leaf.is_switch(self.whole) && !found.contains(leaf));
        for leaf in switches.cloned().collect::<Vec<_>>() {
            self.narrow(&[leaf]);
        }
    }

    fn narrow(&mut self, leaves: &[Leaf]) {
        if leaves.is_empty() {
            return;
        }
        if self.left == 0 || !(self.goes_on)() {
            self.complete = false;
            return;
        }
        let effect = self.effect(leaves, 0);
        match (leaves, effect) {
            (_, Effect::None) => {}
            ([leaf], Effect::Role(role)) => self.sources.push((role, leaf.clone())),
            ([_], Effect::Gone) => {}
            ([leaf], Effect::Unknown) => match self.effect(leaves, 1) {
                Effect::None | Effect::Gone => {}
                Effect::Role(role) => self.sources.push((role, leaf.clone())),
                Effect::Unknown => self.undecided.push(leaf.clone()),
            },
            _ => {
                let (first, second) = leaves.split_at(leaves.len() / 2);
                self.narrow(first);
                self.narrow(second);
            }
        }
    }
}
