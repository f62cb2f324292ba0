//! Walks over a value along its schema: which fields it sets, how two values differ, merging and removing.

use serde_json::{Map, Value};

use super::{Schema, Shape, item_element, set_element};
use crate::fieldset::{Entry, FieldSet, field};

/// How one value differs from another.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) added: FieldSet,
    pub(crate) modified: FieldSet,
    pub(crate) removed: FieldSet,
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    }
}

impl Schema {
    /// The fields an applied configuration sets.
    pub(crate) fn field_set(&self, value: &Value) -> FieldSet {
        self.entry_of(value).children
    }

    fn entry_of(&self, value: &Value) -> Entry {
        let mut out = Entry::default();
        match self.shape(value) {
            Shape::Leaf => out.member = true,
            Shape::Map => {
                for (key, below) in value.as_object().into_iter().flatten() {
                    let (schema, declared) = self.child(key);
                    let mut entry = schema.entry_of(below);
                    let hollow = below.is_null() || below.as_object().is_some_and(Map::is_empty);
                    entry.member |= hollow || !declared;
                    if entry.member || !entry.children.is_empty() {
                        out.children.entries.insert(field(key), entry);
                    }
                }
            }
            Shape::Keyed(keys, item_schema) => {
                for item in value.as_array().into_iter().flatten() {
                    let mut entry = item_schema.entry_of(item);
                    entry.member = true;
                    out.children.entries.insert(item_element(keys, item), entry);
                }
            }
            Shape::Set => {
                for item in value.as_array().into_iter().flatten() {
                    out.children
                        .entries
                        .insert(set_element(item), Entry { member: true, ..Entry::default() });
                }
            }
        }
        out
    }

    /// What changed between two objects.
    pub(crate) fn compare(&self, old: &Value, new: &Value) -> Comparison {
        let mut out = Comparison::default();
        self.compare_at(Some(old), Some(new), &mut Vec::new(), &mut out);
        out
    }

    fn compare_at(
        &self,
        old: Option<&Value>,
        new: Option<&Value>,
        path: &mut Vec<Box<str>>,
        out: &mut Comparison,
    ) {
        if old.is_some() && old == new {
            return;
        }
        let old_shape = old.map(|value| self.shape(value));
        let new_shape = new.map(|value| self.shape(value));
        let same = match (&old_shape, &new_shape) {
            (Some(a), Some(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
            _ => true,
        };
        let in_leaf = if same {
            self.compare_as(new_shape.as_ref().or(old_shape.as_ref()), old, new, path, out)
        } else {
            // Two unlike forms: all of the one goes, all of the other comes.
            self.compare_as(old_shape.as_ref(), old, None, path, out);
            self.compare_as(new_shape.as_ref(), None, new, path, out);
            mark(&mut out.modified, path);
            return;
        };
        if !in_leaf {
            if old.is_none() {
                mark(&mut out.added, path);
            } else if new.is_none() {
                mark(&mut out.removed, path);
            }
        }
    }

    /// Answers whether the place was treated as one value.
    fn compare_as(
        &self,
        shape: Option<&Shape<'_>>,
        old: Option<&Value>,
        new: Option<&Value>,
        path: &mut Vec<Box<str>>,
        out: &mut Comparison,
    ) -> bool {
        let leaf = matches!(shape, Some(Shape::Leaf) | None) || (is_empty(old) && is_empty(new));
        if leaf {
            match (old, new) {
                (None, Some(_)) => mark(&mut out.added, path),
                (Some(_), None) => mark(&mut out.removed, path),
                (Some(a), Some(b)) if a != b => mark(&mut out.modified, path),
                _ => {}
            }
            return true;
        }
        match shape {
            Some(Shape::Map) => {
                let empty = Map::new();
                let before = old.and_then(Value::as_object).unwrap_or(&empty);
                let after = new.and_then(Value::as_object).unwrap_or(&empty);
                for (key, value) in before {
                    path.push(field(key));
                    self.child(key).0.compare_at(Some(value), after.get(key), path, out);
                    path.pop();
                }
                for (key, value) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                    path.push(field(key));
                    self.child(key).0.compare_at(None, Some(value), path, out);
                    path.pop();
                }
            }
            Some(Shape::Keyed(keys, item_schema)) => {
                let before = elements(old, |item| item_element(keys, item));
                let after = elements(new, |item| item_element(keys, item));
                compare_items(Some(item_schema), &before, &after, path, out);
            }
            Some(Shape::Set) => {
                let before = elements(old, set_element);
                let after = elements(new, set_element);
                compare_items(None, &before, &after, path, out);
            }
            Some(Shape::Leaf) | None => {}
        }
        false
    }

    /// `config` laid over `live`: maps merge, keyed lists merge by key, the rest is replaced.
    pub(crate) fn merge(&self, live: Option<&Value>, config: &Value) -> Value {
        let Some(live) = live else { return config.clone() };
        match self.shape(config) {
            Shape::Leaf => config.clone(),
            _ if config.is_null() => Value::Null,
            Shape::Map => {
                let Some(before) = live.as_object() else { return config.clone() };
                let mut out = before.clone();
                for (key, value) in config.as_object().into_iter().flatten() {
                    let merged = self.child(key).0.merge(before.get(key), value);
                    out.insert(key.clone(), merged);
                }
                Value::Object(out)
            }
            Shape::Keyed(keys, item_schema) => {
                let before = elements(Some(live), |item| item_element(keys, item));
                let after = elements(Some(config), |item| item_element(keys, item));
                merge_items(Some(item_schema), &before, &after)
            }
            Shape::Set => {
                let before = elements(Some(live), set_element);
                let after = elements(Some(config), set_element);
                merge_items(None, &before, &after)
            }
        }
    }

    /// `value` without the fields and items in `set`; `None` if nothing is left of a container.
    pub(crate) fn without(&self, value: &Value, set: &FieldSet) -> Value {
        match self.shape(value) {
            Shape::Leaf => value.clone(),
            Shape::Map => {
                let mut out = Map::new();
                for (key, below) in value.as_object().into_iter().flatten() {
                    match set.entries.get(&field(key)) {
                        Some(entry) if entry.member => {}
                        Some(entry) => {
                            out.insert(key.clone(), self.child(key).0.without(below, &entry.children));
                        }
                        None => {
                            out.insert(key.clone(), below.clone());
                        }
                    }
                }
                Value::Object(out)
            }
            Shape::Keyed(keys, item_schema) => value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| match set.entries.get(&item_element(keys, item)) {
                    Some(entry) if entry.member => None,
                    Some(entry) => Some(item_schema.without(item, &entry.children)),
                    None => Some(item.clone()),
                })
                .collect(),
            Shape::Set => value
                .as_array()
                .into_iter()
                .flatten()
                .filter(|item| !set.entries.get(&set_element(item)).is_some_and(|entry| entry.member))
                .cloned()
                .collect(),
        }
    }

    /// Drops empty maps and keyed lists, which typed objects do not write.
    pub(crate) fn drop_empty(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, below| {
                    let gone = match self.child(key).0 {
                        Self::Struct { fields, rest: super::Rest::Map(_) } if fields.is_empty() => {
                            below.as_object().is_some_and(Map::is_empty)
                        }
                        Self::Keyed { .. } | Self::Set => below.as_array().is_some_and(Vec::is_empty),
                        _ => false,
                    };
                    !gone
                });
                for (key, below) in map.iter_mut() {
                    self.child(key).0.drop_empty(below);
                }
            }
            Value::Array(list) if self.keys().is_some() => {
                list.iter_mut().for_each(|item| self.item().drop_empty(item))
            }
            _ => {}
        }
    }

    /// The set, with every declared field that leads to a member made a member too.
    pub(crate) fn with_named_parents(&self, set: &FieldSet) -> FieldSet {
        let mut out = set.clone();
        for (element, entry) in &mut out.entries {
            if let Some(name) = element.strip_prefix("f:") {
                let (schema, declared) = self.child(name);
                entry.member |= declared && !entry.children.is_empty();
                entry.children = schema.with_named_parents(&entry.children);
            } else {
                entry.children = self.item().with_named_parents(&entry.children);
            }
        }
        out
    }
}

fn elements(list: Option<&Value>, element: impl Fn(&Value) -> Box<str>) -> Vec<(Box<str>, &Value)> {
    list.and_then(Value::as_array).into_iter().flatten().map(|item| (element(item), item)).collect()
}

fn find<'a>(items: &[(Box<str>, &'a Value)], element: &str) -> Option<&'a Value> {
    items.iter().find(|(other, _)| &**other == element).map(|(_, value)| *value)
}

fn compare_items(
    item_schema: Option<&Schema>,
    before: &[(Box<str>, &Value)],
    after: &[(Box<str>, &Value)],
    path: &mut Vec<Box<str>>,
    out: &mut Comparison,
) {
    let schema = item_schema.unwrap_or(&Schema::Atomic);
    for (element, value) in before {
        path.push(element.clone());
        schema.compare_at(Some(value), find(after, element), path, out);
        path.pop();
    }
    for (element, value) in after.iter().filter(|(element, _)| find(before, element).is_none()) {
        path.push(element.clone());
        schema.compare_at(None, Some(value), path, out);
        path.pop();
    }
}

/// The order of `after` holds for what both have; what only `before` has keeps its place relative to that.
fn merge_items(
    item_schema: Option<&Schema>,
    before: &[(Box<str>, &Value)],
    after: &[(Box<str>, &Value)],
) -> Value {
    let mut out = Vec::with_capacity(before.len().max(after.len()));
    let (mut left, mut right) = (0, 0);
    while left < before.len() || right < after.len() {
        if let Some((element, value)) = before.get(left) {
            if find(after, element).is_none() {
                out.push((*value).clone());
                left += 1;
                continue;
            }
            let emitted = after[..right].iter().any(|(other, _)| other == element);
            if emitted {
                left += 1;
                continue;
            }
        }
        let Some((element, value)) = after.get(right) else { break };
        let merged = match (item_schema, find(before, element)) {
            (Some(schema), Some(old)) => schema.merge(Some(old), value),
            _ => (*value).clone(),
        };
        out.push(merged);
        right += 1;
    }
    Value::Array(out)
}

fn mark(set: &mut FieldSet, path: &[Box<str>]) {
    let path: Vec<&str> = path.iter().map(|element| &**element).collect();
    set.insert(&path);
}
