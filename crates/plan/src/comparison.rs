//! Comparing two contents of profiles: layers, packs, values, variables, and the objects that they render for a stand-in of a
//! cluster.
//!
//! *Guarantees.* Pure. Equal contents have an empty comparison. Secrets are masked: what schemas call passwords, and what
//! rendered Secrets hold.
//!
//! *Caveats.* Objects are compared where both sides render; where one does not, it is said why.

use std::{borrow::Borrow, collections::BTreeMap};

use serde_json::{Value, json};
use strata_model::{
    diagnostic::Diagnostic,
    digest::{Digest, DigestKey},
    object::{Destination, ObjectKey},
    pack::Pack,
    plan::FieldChange,
    profile::{Layer, LayerName, ProfileContent},
    render::{Render, RenderedObject},
    secret::SecretText,
    variable::VariableDefinition,
};
use strata_render::{Given, layer_base, layer_secrets, render_profile, unpublished};
use strata_values::{Labels, Redactor, unified};

use crate::{
    diff::{field_changes, first_layer, object_changes},
    validate::tried,
};

/// One content, and what it is called.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What it is called, e.g. `web@1.1.0`.
    pub name: &'a str,
    /// What it says.
    pub content: &'a ProfileContent,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

/// What is different about a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerComparison {
    /// Which.
    pub layer: LayerName,
    /// What became of it.
    pub difference: Difference,
    /// Name and version of its pack before.
    pub pack_before: Option<String>,
    /// Name and version of its pack after.
    pub pack_after: Option<String>,
    /// Its place among the layers of both sides before and after, from 0, where it stands elsewhere among them.
    pub moved: Option<(usize, usize)>,
    /// What it says besides its values: presets, namespace, priority, policies.
    pub settings: Vec<FieldChange>,
    /// Its values, merged over the pack's, path by path.
    pub values: Vec<FieldChange>,
    /// The same as a unified diff of the texts, with their comments.
    pub diff: String,
}

/// What is different about a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableComparison {
    /// Which.
    pub name: String,
    /// What became of it.
    pub difference: Difference,
    /// Field by field.
    pub changes: Vec<FieldChange>,
}

/// What is different about a rendered object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectComparison {
    /// Which.
    pub key: ObjectKey,
    /// Where it is sent.
    pub destination: Destination,
    /// The layer that it counts for.
    pub layer: LayerName,
    /// What became of it.
    pub difference: Difference,
    /// Field by field.
    pub changes: Vec<FieldChange>,
}

/// What is different about two contents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// What the one before is called.
    pub from: String,
    /// What the one after is called.
    pub to: String,
    /// Layers that differ, in the order of the second side, and then those that are gone.
    pub layers: Vec<LayerComparison>,
    /// Variables that differ, likewise.
    pub variables: Vec<VariableComparison>,
    /// Objects that differ, by destination and key.
    pub objects: Vec<ObjectComparison>,
    /// Why a side does not render, so that objects are not compared.
    pub not_rendered: Vec<Diagnostic>,
}

impl Comparison {
    /// Whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.layers.is_empty() && self.variables.is_empty() && self.objects.is_empty()
    }
}

/// Compares two contents. `packs` has the packs of all layers of both by digest; `given` says for which clusters they are
/// rendered.
#[must_use]
pub fn compare<P: Borrow<Pack>>(
    before: Side<'_>,
    after: Side<'_>,
    packs: &BTreeMap<Digest, P>,
    given: &Given,
    key: &DigestKey,
) -> Comparison {
    let mut secrets: Vec<SecretText> = given.secrets.values().cloned().collect();
    for layer in before.content.layers.iter().chain(&after.content.layers) {
        if let Some(pack) = packs.get(&layer.pack.digest) {
            secrets.extend(layer_secrets(layer, pack.borrow()));
        }
    }
    let mut comparison =
        Comparison { from: before.name.to_owned(), to: after.name.to_owned(), ..Comparison::default() };
    let rendered = |side: Side<'_>| {
        let given = tried(side.content, given).map_err(|untried| vec![untried.diagnostic])?;
        render_profile(side.content, packs, &given)
    };
    let renders = match (rendered(before), rendered(after)) {
        (Ok(before), Ok(after)) => {
            secrets.extend(before.secrets.iter().chain(&after.secrets).cloned());
            Some((before, after))
        }
        (before_side, after_side) => {
            for (name, side) in [(before.name, before_side), (after.name, after_side)] {
                comparison.not_rendered.extend(side.err().into_iter().flatten().map(|problem| Diagnostic {
                    message: format!("{name}: {}", problem.message),
                    ..problem
                }));
            }
            None
        }
    };
    let redactor = Redactor::new(key, secrets);
    comparison.layers = layers(before, after, packs, &redactor);
    comparison.variables = variables(before.content, after.content, &redactor);
    comparison.objects =
        renders.map(|(before, after)| objects(&before, &after, &redactor)).unwrap_or_default();
    comparison
}

fn layers<P: Borrow<Pack>>(
    before: Side<'_>,
    after: Side<'_>,
    packs: &BTreeMap<Digest, P>,
    redactor: &Redactor,
) -> Vec<LayerComparison> {
    let find = |side: Side<'_>, name: &LayerName| {
        side.content.layers.iter().find(|layer| layer.name == *name).cloned()
    };
    // Only what both have can stand elsewhere: a new layer at the head moves no other.
    let common = |side: Side<'_>, other: Side<'_>| -> Vec<LayerName> {
        let names = side.content.layers.iter().map(|layer| layer.name.clone());
        names.filter(|name| find(other, name).is_some()).collect()
    };
    let (old_order, new_order) = (common(before, after), common(after, before));
    let place = |order: &[LayerName], name: &LayerName| order.iter().position(|other| other == name);
    let stayed =
        longest_rise(&new_order.iter().filter_map(|name| place(&old_order, name)).collect::<Vec<_>>());
    let gone = before.content.layers.iter().filter(|layer| find(after, &layer.name).is_none());
    let names = after.content.layers.iter().chain(gone).map(|layer| layer.name.clone());
    let compared = names.filter_map(|name| {
        let (old, new) = (find(before, &name), find(after, &name));
        let moved = match (place(&old_order, &name), place(&new_order, &name)) {
            (Some(was), Some(is)) if !stayed.contains(&was) => Some((was, is)),
            _ => None,
        };
        let difference = match (&old, &new) {
            (None, _) => Difference::Added,
            (_, None) => Difference::Removed,
            (Some(old), Some(new)) if old == new && moved.is_none() => return None,
            _ => Difference::Changed,
        };
        let (old, new) = (old.as_ref(), new.as_ref());
        let label = |layer: Option<&Layer>, side: Side<'_>| match layer {
            Some(layer) => format!("{} ({})", layer.name, side.name),
            None => "none".to_owned(),
        };
        let (from, to) = (label(old, before), label(new, after));
        let ((old_text, old_value), (new_text, new_value)) = (values(old, packs), values(new, packs));
        let (old_text, new_text) = (redactor.mask_text(&old_text), redactor.mask_text(&new_text));
        Some(LayerComparison {
            difference,
            pack_before: old.map(pack_of),
            pack_after: new.map(pack_of),
            moved,
            settings: field_changes(&settings(old), &settings(new), redactor),
            values: field_changes(&old_value, &new_value, redactor),
            diff: unified(&old_text, &new_text, Labels { current: &from, pending: &to }),
            layer: name,
        })
    });
    compared.collect()
}

/// The longest part of a sequence of different numbers that rises: what stayed where it was, so that only what was taken
/// somewhere else counts as moved.
fn longest_rise(numbers: &[usize]) -> Vec<usize> {
    let mut best: Vec<Vec<usize>> = Vec::with_capacity(numbers.len());
    for number in numbers {
        let before = best.iter().filter(|rise| rise.last().is_some_and(|last| last < number));
        let mut rise = before.max_by_key(|rise| rise.len()).cloned().unwrap_or_default();
        rise.push(*number);
        best.push(rise);
    }
    best.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

fn pack_of(layer: &Layer) -> String {
    format!("{} {}", layer.pack.name, layer.pack.version)
}

/// What is shown of values that cannot be read: passwords in them cannot be found.
const UNREADABLE: &str = "# cannot be read, and is not shown\n";

/// The text and value of a layer, merged over its pack's.
fn values<P: Borrow<Pack>>(layer: Option<&Layer>, packs: &BTreeMap<Digest, P>) -> (String, Value) {
    let empty = || Value::Object(serde_json::Map::new());
    let Some(layer) = layer else { return (String::new(), empty()) };
    let pack = packs.get(&layer.pack.digest);
    let base = pack.and_then(|pack| layer_base(layer, pack.borrow(), &unpublished()).ok());
    match base {
        Some(base) => (base.text, base.value),
        None => (UNREADABLE.to_owned(), empty()),
    }
}

/// What a layer says besides its values and pack.
fn settings(layer: Option<&Layer>) -> Value {
    let Some(layer) = layer else { return json!({}) };
    let presets: BTreeMap<&str, &str> =
        layer.presets.iter().map(|choice| (choice.group.as_str(), choice.name.as_str())).collect();
    let manifests: BTreeMap<&str, &str> =
        layer.manifests.iter().map(|manifest| (manifest.name.as_str(), manifest.text.as_str())).collect();
    json!({
        "kind": layer.kind,
        "manifests": manifests,
        "packDigest": layer.pack.digest,
        "presets": presets,
        "installPriority": layer.install_priority,
        "namespace": layer.namespace,
        "onConflict": layer.on_conflict,
        "onImmutable": layer.on_immutable,
        "orphanPolicy": layer.orphan_policy,
    })
}

fn variables(
    before: &ProfileContent,
    after: &ProfileContent,
    redactor: &Redactor,
) -> Vec<VariableComparison> {
    let find = |content: &ProfileContent, name: &str| -> Option<VariableDefinition> {
        content.variables.iter().find(|variable| variable.name == name).cloned()
    };
    let document = |variable: Option<&VariableDefinition>| {
        variable.map_or_else(|| json!({}), |variable| serde_json::to_value(variable).unwrap_or_default())
    };
    let gone = before.variables.iter().filter(|variable| find(after, &variable.name).is_none());
    let compared = after.variables.iter().chain(gone).filter_map(|variable| {
        let (old, new) = (find(before, &variable.name), find(after, &variable.name));
        let difference = match (&old, &new) {
            (None, _) => Difference::Added,
            (_, None) => Difference::Removed,
            (old, new) if old == new => return None,
            _ => Difference::Changed,
        };
        let changes = field_changes(&document(old.as_ref()), &document(new.as_ref()), redactor);
        Some(VariableComparison { name: variable.name.clone(), difference, changes })
    });
    compared.collect()
}

fn objects(before: &Render, after: &Render, redactor: &Redactor) -> Vec<ObjectComparison> {
    type Place<'a> = (Destination, &'a ObjectKey);
    let by_place = |render: &'_ Render| -> BTreeMap<(Destination, ObjectKey), RenderedObject> {
        let all = render.objects.iter().chain(render.hooks.iter().map(|hook| &hook.object));
        all.map(|object| ((object.destination, object.key.clone()), object.clone())).collect()
    };
    let (old, new) = (by_place(before), by_place(after));
    let body =
        |object: Option<&RenderedObject>| object.map_or_else(|| json!({}), |object| object.body.clone());
    let places: std::collections::BTreeSet<Place<'_>> =
        old.keys().chain(new.keys()).map(|(destination, key)| (*destination, key)).collect();
    let compared = places.into_iter().filter_map(|(destination, key)| {
        let place = (destination, key.clone());
        let (old, new) = (old.get(&place), new.get(&place));
        let difference = match (old, new) {
            (None, _) => Difference::Added,
            (_, None) => Difference::Removed,
            (Some(old), Some(new)) if old.body == new.body => return None,
            _ => Difference::Changed,
        };
        let changes = match difference {
            Difference::Changed => object_changes(&body(old), &body(new), redactor),
            Difference::Added | Difference::Removed => Vec::new(),
        };
        let layer = first_layer(new.or(old)?);
        Some(ObjectComparison { key: key.clone(), destination, layer, difference, changes })
    });
    compared.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_taken_elsewhere_has_moved() {
        assert_eq!(longest_rise(&[1, 2, 3, 0]), [1, 2, 3]);
        assert_eq!(longest_rise(&[3, 0, 1, 2]), [0, 1, 2]);
        assert_eq!(longest_rise(&[]), [0; 0]);
    }
}
