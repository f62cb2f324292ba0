//! Where a field of a rendered object comes from.
//!
//! *Idea.* A field comes from a value when another value there gives another field. So the layer is rendered again and again
//! with other values, half of them at a time, until the ones that matter are alone. That holds whatever templates do:
//! helpers, `tpl`, `toYaml`, loops.
//!
//! *Guarantees.* Pure, and bounded in renders. What is named as a source is one: the field did change. The renders are those of
//! the layer's real templates; nothing is guessed from their text.
//!
//! *Caveats.* Of two values of which either suffices (`or`), none matters alone, and none is named; nor are variables, macros and
//! facts that a manifest itself refers to: then the search is not complete. A value that a schema or a
//! template refuses to have changed stays undecided.

use std::borrow::Cow;

use serde_json::{Map, Value};
use strata_model::{
    composition::Composition,
    diagnostic::Diagnostic,
    field_trace::{FieldRole, FieldSource, FieldTrace},
    object::{Destination, ObjectKey},
    overrides::{LayerOverride, OverrideSource, Patch, PatchOperation},
    pack::Pack,
    profile::LayerName,
    render::{Origin, Render, RenderedObject, origin_of},
    value_path::{Segment, ValuePath},
};

use crate::{
    chart::Chart, input::RenderInput, layers::ResolvedLayer, pack_charts, references::has_reference, render,
};

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
    let trier = Trier { input: RenderInput { layers: &layers, ..*input }, layer: &layer.layer.name, field };
    // With the charts' own values written out they can be tried as well; not every chart renders so.
    let with_defaults = with_chart_values(&values.value, layer);
    let mut complete = !nests_charts(layer);
    let whole = match trier.answer(&with_defaults) {
        Answer::Field(answer) if answer == is => with_defaults,
        _ => {
            complete &= with_defaults == values.value;
            values.value.clone()
        }
    };
    // What a manifest of the layer itself refers to is none of the layer's values.
    complete &= !layer.layer.manifests.iter().any(|manifest| has_reference(&manifest.text));
    if let Answer::Failed(problems) = trier.answer(&whole) {
        return Err(problems);
    }
    let mut leaves = Vec::new();
    collect(&whole, &mut ValuePath(Vec::new()), &mut leaves);
    let mut search = Search {
        trier,
        whole: &whole,
        is: &is,
        left: MAX_RENDERS,
        sources: Vec::new(),
        undecided: Vec::new(),
        complete: complete && leaves.len() <= MAX_LEAVES,
        goes_on,
    };
    leaves.truncate(MAX_LEAVES);
    // Of two values that are only compared with each other nothing shows when both change: so halves are looked at in any case.
    let (first, second) = leaves.split_at(leaves.len() / 2);
    search.narrow(first);
    search.narrow(second);
    let Search { mut sources, undecided, complete, .. } = search;
    sources.sort_by_key(|(role, _)| *role);
    let source = |(role, path): (FieldRole, ValuePath)| FieldSource {
        value: path.find(&whole).cloned().unwrap_or_default(),
        origin: origin_of(&path, &values.origins)
            .cloned()
            .unwrap_or_else(|| Origin::Pack { pack: format!("{} {}", layer.pack.name, layer.pack.version) }),
        path: path.to_string(),
        role,
    };
    Ok(FieldTrace {
        layer: layer.layer.name.clone(),
        revision: object.revision.clone(),
        file: object.source.clone(),
        value: is,
        sources: sources.into_iter().map(source).collect(),
        undecided: undecided.iter().map(ToString::to_string).collect(),
        complete,
    })
}

/// What becomes of the field.
enum Answer {
    /// It is this, or not there.
    Field(Option<Value>),
    /// The object is not there.
    NoObject,
    /// Nothing renders.
    Failed(Vec<Diagnostic>),
}

/// Renders the layer with other values.
struct Trier<'a> {
    input: RenderInput<'a>,
    layer: &'a LayerName,
    field: Field<'a>,
}

impl Trier<'_> {
    fn answer(&self, values: &Value) -> Answer {
        let Value::Object(map) = values else { return Answer::Failed(Vec::new()) };
        let set = |(key, value): (&String, &Value)| PatchOperation::Set {
            path: ValuePath::of_keys([key.as_str()]),
            value: value.clone(),
        };
        let own = LayerOverride {
            layer: self.layer.clone(),
            patch: Patch(map.iter().map(set).collect()),
            author: String::new(),
            at: strata_model::Timestamp::UNIX_EPOCH,
        };
        let mut composition: Composition = self.input.composition.clone();
        composition.overrides.push(OverrideSource::Cluster { layers: vec![own] });
        let rendered = match render(&RenderInput { composition: &composition, ..self.input }) {
            Ok(rendered) => rendered,
            Err(problems) => return Answer::Failed(problems),
        };
        let Field { destination, object, path } = self.field;
        let hook = || rendered.hook(destination, object).map(|hook| &hook.object);
        match rendered.object(destination, object).or_else(hook) {
            Some(RenderedObject { body, .. }) => Answer::Field(path.find(body).cloned()),
            None => Answer::NoObject,
        }
    }
}

/// Halves the values until those that matter are alone.
struct Search<'a> {
    trier: Trier<'a>,
    whole: &'a Value,
    /// What the field is.
    is: &'a Option<Value>,
    left: usize,
    sources: Vec<(FieldRole, ValuePath)>,
    undecided: Vec<ValuePath>,
    complete: bool,
    goes_on: &'a dyn Fn() -> bool,
}

impl Search<'_> {
    /// What all these values together do to the field when each is another; `None` for nothing.
    fn role(&mut self, leaves: &[ValuePath], turn: usize) -> Option<Result<FieldRole, ()>> {
        self.left = self.left.saturating_sub(1);
        let mut values = self.whole.clone();
        for leaf in leaves {
            if let Some(value) = leaf.find_mut(&mut values) {
                *value = another(value, turn);
            }
        }
        match self.trier.answer(&values) {
            Answer::Field(answer) if answer == *self.is => None,
            Answer::Field(Some(_)) => Some(Ok(FieldRole::Gives)),
            // Where there is no such field, what brings one is what decided against it.
            Answer::Field(None) | Answer::NoObject => Some(Ok(FieldRole::Decides)),
            Answer::Failed(_) => Some(Err(())),
        }
    }

    fn narrow(&mut self, leaves: &[ValuePath]) {
        if leaves.is_empty() {
            return;
        }
        if self.left == 0 || !(self.goes_on)() {
            self.complete = false;
            return;
        }
        let Some(role) = self.role(leaves, 0) else { return };
        match (leaves, role) {
            ([leaf], Ok(role)) => self.sources.push((role, leaf.clone())),
            ([leaf], Err(())) => match self.role(leaves, 1) {
                None => {}
                Some(Ok(role)) => self.sources.push((role, leaf.clone())),
                Some(Err(())) => self.undecided.push(leaf.clone()),
            },
            _ => {
                let (first, second) = leaves.split_at(leaves.len() / 2);
                self.narrow(first);
                self.narrow(second);
            }
        }
    }
}

/// A value of the same kind that is another one. At the second turn one of another form, for what is read rather than passed on.
fn another(value: &Value, turn: usize) -> Value {
    match value {
        Value::Null => Value::String("x".to_owned()),
        Value::Bool(is) => Value::Bool(!is),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Value::from(if turn == 0 { number.saturating_add(1) } else { 1 }),
            None => Value::from(1),
        },
        // A digit before it keeps numbers, quantities, versions and addresses what they are.
        Value::String(text) if text.starts_with(|first: char| first.is_ascii_digit()) => {
            Value::String(if turn == 0 { format!("1{text}") } else { "1".to_owned() })
        }
        Value::String(text) => Value::String(if turn == 0 { format!("{text}x") } else { String::new() }),
        Value::Array(_) => Value::Array(vec![Value::String("x".to_owned())]),
        Value::Object(_) => Value::Object(Map::from_iter([("x".to_owned(), Value::String("x".to_owned()))])),
    }
}

/// Scalars, and mappings and lists with nothing in them.
fn collect(value: &Value, path: &mut ValuePath, leaves: &mut Vec<ValuePath>) {
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
        _ => leaves.push(path.clone()),
    }
}

/// The values of a layer, with those of its charts where it says nothing.
fn with_chart_values(values: &Value, layer: &ResolvedLayer<'_>) -> Value {
    let charts = match layer.charts {
        Some(charts) => Cow::Borrowed(charts),
        None => match pack_charts(layer.pack) {
            Ok(charts) => Cow::Owned(charts),
            Err(_) => return values.clone(),
        },
    };
    let mut whole = values.clone();
    for (chart, source) in charts.iter().zip(&layer.pack.charts) {
        let Value::Object(map) = &mut whole else { continue };
        let all = map.entry("charts").or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(all) = all else { continue };
        let own = all.entry(source.name.clone()).or_insert_with(|| Value::Object(Map::new()));
        if own.is_null() {
            *own = Value::Object(Map::new());
        }
        let mut defaults = Value::Object(chart.values.clone());
        for inner in &chart.subcharts {
            fill(&mut defaults, &Value::Object(Map::from_iter([(name(inner), inner.values.clone().into())])));
        }
        fill(own, &defaults);
    }
    whole
}

/// Whether charts stand in charts deeper, or under other names, than their values are written out.
fn nests_charts(layer: &ResolvedLayer<'_>) -> bool {
    let inner = layer.charts.into_iter().flatten().flat_map(|chart| &chart.subcharts);
    inner.into_iter().any(|chart| !chart.subcharts.is_empty())
        || layer
            .charts
            .into_iter()
            .flatten()
            .flat_map(|chart| chart.metadata.dependencies.iter().flatten())
            .any(|dependency| !dependency.alias.is_empty())
}

fn name(chart: &Chart) -> String {
    chart.metadata.name.clone()
}

/// Puts in what is not there; what is null was taken out by somebody.
fn fill(values: &mut Value, defaults: &Value) {
    let (Value::Object(values), Value::Object(defaults)) = (values, defaults) else { return };
    for (key, default) in defaults {
        match values.get_mut(key) {
            Some(value) => fill(value, default),
            None => {
                values.insert(key.clone(), default.clone());
            }
        }
    }
}
