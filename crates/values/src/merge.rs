//! Merging layers of values, and knowing afterwards where each value came from.
//!
//! *Idea.* Mappings merge key by key; everything else (texts, numbers, lists, null) replaces what was there. An
//! explicit null is a value: it replaces, it does not delete. That is neither RFC 7396 nor Helm's deletion by null;
//! taking something away is an override's `remove`.
//!
//! *Guarantees.* `merge(x, {})` is `x` for mappings; merging twice changes nothing more; where no layer turns a
//! mapping into something else, how calls are grouped does not matter.
//!
//! *Caveats.* Layers are folded from left to right. A mapping replaced by a text and then by a mapping again starts
//! empty, so grouping matters there and nowhere else.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use strata_model::{
    overrides::{Patch, PatchOperation},
    value_path::{Segment, ValuePath, matches_fields},
};

use crate::{keyed, patch::PatchConflict};

/// Puts `over` on top of `base`.
pub fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                match below.get_mut(key) {
                    Some(existing) => merge(existing, value),
                    None => {
                        below.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// Layers folded into one value, each part of which knows the layer that set it last.
///
/// The origin of a mapping is that of the layer that introduced it; the origin of what lies in a list is that of the
/// layer that set the list, or, after a patch, the item.
#[derive(Debug, Clone, PartialEq)]
pub struct Layered<O> {
    value: Value,
    origins: Option<Origins<O>>,
}

/// Mirrors the shape of a value.
#[derive(Debug, Clone, PartialEq)]
struct Origins<O> {
    origin: O,
    children: Children<Self>,
}

/// The parts below a node, by key or by position.
#[derive(Debug, Clone, PartialEq)]
enum Children<T> {
    None,
    Keys(BTreeMap<String, T>),
    Items(Vec<T>),
}

impl<O: Clone> Default for Layered<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Clone> Layered<O> {
    /// No layer yet: the empty mapping.
    #[must_use]
    pub fn new() -> Self {
        Self { value: Value::Object(Map::new()), origins: None }
    }

    /// Folds layers, the lowest first.
    pub fn of<'a>(layers: impl IntoIterator<Item = (O, &'a Value)>) -> Self {
        let mut layered = Self::new();
        for (origin, value) in layers {
            layered.push(origin, value);
        }
        layered
    }

    /// Merges one more layer on top.
    pub fn push(&mut self, origin: O, over: &Value) {
        match &mut self.origins {
            Some(origins) => merge_with_origins(&mut self.value, origins, over, &origin),
            None => {
                merge(&mut self.value, over);
                self.origins = Some(Origins::uniform(&self.value, &origin));
            }
        }
    }

    /// Applies a patch on top.
    ///
    /// # Errors
    /// [`PatchConflict`] if the patch does not fit; nothing has changed then.
    pub fn push_patch(&mut self, origin: &O, patch: &Patch) -> Result<(), PatchConflict> {
        let patched = crate::patch::apply(patch, &self.value)?;
        let mut origins = match &self.origins {
            Some(origins) => origins.realigned(&self.value, &patched, origin),
            None => Origins::uniform(&patched, origin),
        };
        // What a patch sets is the patch's, also where it sets what was there already.
        for operation in &patch.0 {
            if let PatchOperation::Set { path, .. } = operation {
                origins.mark(&patched, &path.0, origin);
            }
        }
        self.value = patched;
        self.origins = Some(origins);
        Ok(())
    }

    /// The merged value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The merged value, without its origins.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// The layer that set what is at this path; `None` if nothing is there.
    #[must_use]
    pub fn origin_of(&self, path: &ValuePath) -> Option<&O> {
        let mut node = self.origins.as_ref()?;
        let mut value = &self.value;
        for segment in &path.0 {
            node = node.child(value, segment)?;
            value = segment.find(value)?;
        }
        Some(&node.origin)
    }

    /// Every scalar, empty mapping and empty list, with its path and origin, in the order of the value. Items of keyed
    /// lists are named by their key.
    #[must_use]
    pub fn leaves(&self) -> Vec<(ValuePath, &O)> {
        let mut leaves = Vec::new();
        if let Some(origins) = &self.origins {
            origins.collect(&self.value, &ValuePath::root(), &mut leaves);
        }
        leaves
    }
}

fn merge_with_origins<O: Clone>(base: &mut Value, origins: &mut Origins<O>, over: &Value, origin: &O) {
    match (&mut *base, over) {
        (Value::Object(below), Value::Object(above)) => {
            let mut children = match std::mem::replace(&mut origins.children, Children::None) {
                Children::Keys(keys) => keys,
                Children::None | Children::Items(_) => BTreeMap::new(),
            };
            for (key, value) in above {
                match (below.get_mut(key), children.get_mut(key)) {
                    (Some(existing), Some(node)) => merge_with_origins(existing, node, value, origin),
                    _ => {
                        below.insert(key.clone(), value.clone());
                        children.insert(key.clone(), Origins::uniform(value, origin));
                    }
                }
            }
            origins.children = Children::Keys(children);
        }
        _ => {
            *base = over.clone();
            *origins = Origins::uniform(over, origin);
        }
    }
}

impl<O: Clone> Origins<O> {
    fn uniform(value: &Value, origin: &O) -> Self {
        let children = match value {
            Value::Object(map) => Children::Keys(
                map.iter().map(|(key, value)| (key.clone(), Self::uniform(value, origin))).collect(),
            ),
            Value::Array(items) => {
                Children::Items(items.iter().map(|item| Self::uniform(item, origin)).collect())
            }
            _ => Children::None,
        };
        Self { origin: origin.clone(), children }
    }

    fn child(&self, value: &Value, segment: &Segment) -> Option<&Self> {
        match (&self.children, segment) {
            (Children::Keys(keys), Segment::Key(key)) => keys.get(key),
            (Children::Items(items), segment) => items.get(index_of(value, segment)?),
            _ => None,
        }
    }

    /// The origins of `after`, where what is as in `before` keeps its own and the rest is from `origin`.
    fn realigned(&self, before: &Value, after: &Value, origin: &O) -> Self {
        if before == after {
            return self.clone();
        }
        let children = match (before, after, &self.children) {
            (Value::Object(old), Value::Object(new), Children::Keys(keys)) => Children::Keys(
                new.iter()
                    .map(|(key, value)| {
                        let node = match (old.get(key), keys.get(key)) {
                            (Some(old), Some(node)) => node.realigned(old, value, origin),
                            _ => Self::uniform(value, origin),
                        };
                        (key.clone(), node)
                    })
                    .collect(),
            ),
            (Value::Array(old), Value::Array(new), Children::Items(items)) => {
                let field = keyed::key_field(&[old, new]);
                let positions = field.map(|field| keyed::positions(old, field)).unwrap_or_default();
                Children::Items(
                    new.iter()
                        .map(|item| {
                            let key = field.and_then(|field| keyed::key_text(item, field));
                            match key.and_then(|key| positions.get(&key)) {
                                Some((index, old)) => items.get(*index).map_or_else(
                                    || Self::uniform(item, origin),
                                    |node| node.realigned(old, item, origin),
                                ),
                                None => Self::uniform(item, origin),
                            }
                        })
                        .collect(),
                )
            }
            _ => return Self::uniform(after, origin),
        };
        Self { origin: self.origin.clone(), children }
    }

    fn mark(&mut self, value: &Value, path: &[Segment], origin: &O) {
        let Some((segment, rest)) = path.split_first() else {
            *self = Self::uniform(value, origin);
            return;
        };
        let Some(below) = segment.find(value) else { return };
        let child = match (&mut self.children, segment) {
            (Children::Keys(keys), Segment::Key(key)) => keys.get_mut(key),
            (Children::Items(items), segment) => {
                index_of(value, segment).and_then(|index| items.get_mut(index))
            }
            _ => None,
        };
        if let Some(child) = child {
            child.mark(below, rest, origin);
        }
    }

    fn collect<'a>(&'a self, value: &Value, path: &ValuePath, leaves: &mut Vec<(ValuePath, &'a O)>) {
        match (value, &self.children) {
            (Value::Object(map), Children::Keys(keys)) if !map.is_empty() => {
                for (key, value) in map {
                    if let Some(node) = keys.get(key) {
                        node.collect(value, &path.key(key), leaves);
                    }
                }
            }
            (Value::Array(items), Children::Items(nodes)) if !items.is_empty() => {
                let field = keyed::key_field(&[items]);
                for (index, (item, node)) in items.iter().zip(nodes).enumerate() {
                    let segment = field
                        .and_then(|field| keyed::key_of(item, field))
                        .map_or(Segment::Index(index), |key| key.segment());
                    node.collect(item, &path.child(segment), leaves);
                }
            }
            _ => leaves.push((path.clone(), &self.origin)),
        }
    }
}

fn index_of(list: &Value, segment: &Segment) -> Option<usize> {
    match segment {
        Segment::Index(index) => Some(*index),
        Segment::Item(fields) => list.as_array()?.iter().position(|item| matches_fields(item, fields)),
        Segment::Key(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(base: &Value, over: &Value) -> Value {
        let mut value = base.clone();
        merge(&mut value, over);
        value
    }

    fn path(text: &str) -> ValuePath {
        text.parse().unwrap()
    }

    #[test]
    fn null_and_lists_replace() {
        let base = json!({"a": {"x": 1, "y": 2}, "l": [1, 2]});
        let over = json!({"a": {"x": null}, "l": [3]});
        assert_eq!(merged(&base, &over), json!({"a": {"x": null, "y": 2}, "l": [3]}));
    }

    #[test]
    fn grouping_matters_only_where_a_mapping_is_replaced() {
        let (a, b, c) = (json!({"x": {"p": 1}}), json!({"x": 5}), json!({"x": {"q": 2}}));
        assert_eq!(merged(&merged(&a, &b), &c), json!({"x": {"q": 2}}));
        assert_eq!(merged(&a, &merged(&b, &c)), json!({"x": {"p": 1, "q": 2}}));
        assert_eq!(Layered::of([(0, &a), (1, &b), (2, &c)]).into_value(), json!({"x": {"q": 2}}));
    }

    #[test]
    fn every_part_knows_its_layer() {
        let pack = json!({"image": {"repo": "a", "tag": "1"}, "ports": [80], "same": 1});
        let preset = json!({"image": {"tag": "2"}, "extra": {"on": true}, "same": 1});
        let mut layered = Layered::of([("pack", &pack), ("preset", &preset)]);
        for (at, origin) in [
            ("image", "pack"),
            ("image.repo", "pack"),
            ("image.tag", "preset"),
            ("ports[0]", "pack"),
            ("extra.on", "preset"),
            ("same", "preset"),
        ] {
            assert_eq!(layered.origin_of(&path(at)), Some(&origin), "{at}");
        }
        assert_eq!(layered.origin_of(&path("image.nothing")), None);
        let patch = Patch(vec![
            PatchOperation::Set { path: path("image.repo"), value: json!("a") },
            PatchOperation::Remove { path: path("extra.on") },
        ]);
        layered.push_patch(&"override", &patch).unwrap();
        assert_eq!(layered.origin_of(&path("image.repo")), Some(&"override"));
        assert_eq!(layered.origin_of(&path("image.tag")), Some(&"preset"));
        assert_eq!(layered.origin_of(&path("extra.on")), None);
        assert_eq!(layered.value()["extra"], json!({}));
    }

    #[test]
    fn items_of_keyed_lists_keep_their_layer() {
        let pack = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]});
        let mut layered = Layered::of([("pack", &pack)]);
        let patch = Patch(vec![PatchOperation::Set { path: path("env[name=B].value"), value: json!("3") }]);
        layered.push_patch(&"override", &patch).unwrap();
        let leaves: Vec<_> =
            layered.leaves().into_iter().map(|(path, origin)| (path.to_string(), *origin)).collect();
        let expected = [
            ("env[name=A].name", "pack"),
            ("env[name=A].value", "pack"),
            ("env[name=B].name", "pack"),
            ("env[name=B].value", "override"),
        ];
        assert_eq!(leaves, expected.map(|(path, origin)| (path.to_owned(), origin)));
    }
}
