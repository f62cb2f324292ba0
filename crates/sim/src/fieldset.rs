//! Sets of field paths, as `managedFields` keeps them (`FieldsV1`).
//!
//! Path elements stay in their written form (`f:name`, `k:{"name":"x"}`, `v:"x"`), which orders them, compares them and
//! needs no conversion on the wire.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of paths below one point of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    pub(crate) entries: BTreeMap<Box<str>, Entry>,
}

/// One path element: whether the path ending here is in the set, and what is below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) member: bool,
    pub(crate) children: FieldSet,
}

/// The element of a named field.
pub(crate) fn field(name: &str) -> Box<str> {
    format!("f:{name}").into_boxed_str()
}

impl FieldSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the path of these elements.
    pub(crate) fn insert(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let entry = self.entries.entry((*first).into()).or_default();
        if rest.is_empty() {
            entry.member = true;
        } else {
            entry.children.insert(rest);
        }
    }

    /// Removes the path of these elements and everything below it.
    pub(crate) fn remove_tree(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            self.entries.remove(*first);
        } else if let Some(entry) = self.entries.get_mut(*first) {
            entry.children.remove_tree(rest);
            if !entry.member && entry.children.is_empty() {
                self.entries.remove(*first);
            }
        }
    }

    /// Removes the very path of these elements, not what is below.
    pub(crate) fn remove_member(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        if let Some(entry) = self.entries.get_mut(*first) {
            if rest.is_empty() {
                entry.member = false;
            } else {
                entry.children.remove_member(rest);
            }
            if !entry.member && entry.children.is_empty() {
                self.entries.remove(*first);
            }
        }
    }

    /// Keeps only what is at or below this element.
    pub(crate) fn retain_only(&mut self, element: &str) {
        self.entries.retain(|key, _| &**key == element);
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.absorb(other);
        out
    }

    fn absorb(&mut self, other: &Self) {
        for (key, theirs) in &other.entries {
            let mine = self.entries.entry(key.clone()).or_default();
            mine.member |= theirs.member;
            mine.children.absorb(&theirs.children);
        }
    }

    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut out = Self::default();
        for (key, mine) in &self.entries {
            match other.entries.get(key) {
                None => {
                    out.entries.insert(key.clone(), mine.clone());
                }
                Some(theirs) => {
                    let entry = Entry {
                        member: mine.member && !theirs.member,
                        children: mine.children.difference(&theirs.children),
                    };
                    if entry.member || !entry.children.is_empty() {
                        out.entries.insert(key.clone(), entry);
                    }
                }
            }
        }
        out
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::default();
        for (key, mine) in &self.entries {
            if let Some(theirs) = other.entries.get(key) {
                let entry = Entry {
                    member: mine.member && theirs.member,
                    children: mine.children.intersection(&theirs.children),
                };
                if entry.member || !entry.children.is_empty() {
                    out.entries.insert(key.clone(), entry);
                }
            }
        }
        out
    }

    /// The `FieldsV1` form.
    pub(crate) fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (key, entry) in &self.entries {
            let mut below = match entry.children.to_value() {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            if entry.member && !below.is_empty() {
                let mut with_dot = Map::new();
                with_dot.insert(".".into(), Value::Object(Map::new()));
                with_dot.append(&mut below);
                below = with_dot;
            }
            map.insert(key.to_string(), Value::Object(below));
        }
        Value::Object(map)
    }

    /// Reads the `FieldsV1` form; what is not of that form is left out.
    pub(crate) fn from_value(value: &Value) -> Self {
        let mut out = Self::default();
        let Some(map) = value.as_object() else { return out };
        for (key, below) in map {
            if key == "." {
                continue;
            }
            let member = below.as_object().is_none_or(|map| map.is_empty() || map.contains_key("."));
            out.entries.insert(key.as_str().into(), Entry { member, children: Self::from_value(below) });
        }
        out
    }

    /// Every path in the set, as people read it: `.spec.containers[name="x"].image`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect(&mut String::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut String, out: &mut Vec<String>) {
        // Members of one level come before what is below them.
        let length = prefix.len();
        for (key, entry) in self.entries.iter().filter(|(_, entry)| entry.member) {
            let _ = entry;
            prefix.push_str(&spoken(key));
            out.push(prefix.clone());
            prefix.truncate(length);
        }
        for (key, entry) in &self.entries {
            prefix.push_str(&spoken(key));
            entry.children.collect(prefix, out);
            prefix.truncate(length);
        }
    }
}

/// A path element as people read it.
pub(crate) fn spoken(element: &str) -> String {
    match element.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("v:", value)) => format!("[={value}]"),
        Some(("k:", keys)) => match serde_json::from_str::<Map<String, Value>>(keys) {
            Ok(keys) => {
                let keys: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("[{}]", keys.join(","))
            }
            Err(_) => format!("[{keys}]"),
        },
        Some(("i:", index)) => format!("[{index}]"),
        _ => format!(".{element}"),
    }
}
