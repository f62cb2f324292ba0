//! The values of a chart, its subcharts and its user, brought together.
//!
//! *Idea.* The outer chart wins over the inner, the user over all. Mappings are merged, everything else is replaced. What
//! stands below `global` is copied down into every subchart first. A null takes away what the chart says:
//!
//! - on a top-level key of the chart's values the key goes, whatever the chart has there;
//! - further in it goes where the chart has a value, and stays a null where the chart has a null, too;
//! - where the chart has no such key the null stays;
//! - below the key of a subchart nulls stay until the subchart's own values are filled in, which takes them away.
//!
//! *Guarantees.* Mappings are shared exactly where Helm shares them: a subchart's values *are* the mapping below its name
//! in its parent's values, and nested mappings of globals are the parent's own. Templates that change values can tell.
//!
//! *Caveats.* Because of this sharing a subchart's default three levels below `global` shows in the parent, too.

use crate::template::{List, Map, Value};

use super::tree::Node;

/// The key of what all charts share.
const GLOBAL: &[u8] = b"global";
/// Most warnings that are kept.
const MAX_WARNINGS: usize = 50;

/// What a null in a mapping means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// It takes away the value of less weight.
    Remove,
    /// It stays, for a later pass to look at.
    Keep,
}

/// Sentences about values that do not fit each other.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<String>);

impl Notes {
    fn add(&mut self, path: &str, what: &str) {
        if self.0.len() < MAX_WARNINGS {
            self.0.push(format!("`{path}`: {what}"));
        }
    }
}

/// Puts values over others, as Helm does with several values files: mappings are merged, all else is replaced, nulls stay.
pub fn overlay_values(
    into: &mut serde_json::Map<String, serde_json::Value>,
    over: serde_json::Map<String, serde_json::Value>,
) {
    use serde_json::Value as Json;
    for (key, value) in over {
        match (into.get_mut(&key), value) {
            (Some(Json::Object(there)), Json::Object(inner)) => overlay_values(there, inner),
            (Some(there), value) => *there = value,
            (None, value) => drop(into.insert(key, value)),
        }
    }
}

/// A copy that shares no mapping with the original.
pub(super) fn copy(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(copy_map(map)),
        Value::List(list) => Value::List(List::new(list.kind(), list.items().iter().map(copy).collect())),
        other => other.clone(),
    }
}

/// [`copy`] of a mapping.
pub(super) fn copy_map(map: &Map) -> Map {
    Map::new(map.kind(), map.entries().into_iter().map(|(key, value)| (key, copy(&value))).collect())
}

/// The user's values filled up with those of a chart and its subcharts; `values` itself is not changed.
///
/// # Errors
/// When the values of a subchart are no mapping.
pub(super) fn coalesce(
    node: &Node<'_>,
    values: &Map,
    nulls: Nulls,
    notes: &mut Notes,
) -> Result<Map, String> {
    let values = copy_map(values);
    fill(node, &values, "", nulls, notes)?;
    Ok(values)
}

fn fill(node: &Node<'_>, values: &Map, path: &str, nulls: Nulls, notes: &mut Notes) -> Result<(), String> {
    own_values(node, values, path, nulls, notes);
    for child in &node.children {
        let key = child.name.as_bytes();
        let table = match values.get(key) {
            None => {
                let table = Map::empty();
                values.set(child.name.as_str(), Value::Map(table.clone()));
                table
            }
            Some(Value::Map(table)) => table,
            Some(_) => {
                let path = below(path, &child.name);
                return Err(format!("`{path}` holds the values of a subchart and must be a mapping"));
            }
        };
        let path = below(path, &child.name);
        globals(&table, values, &path, notes);
        fill(child, &table, &path, nulls, notes)?;
    }
    Ok(())
}

/// Fills in what the chart itself says.
fn own_values(node: &Node<'_>, values: &Map, path: &str, nulls: Nulls, notes: &mut Notes) {
    for (key, value) in copy_map(&node.values).entries() {
        match (values.get(key.as_bytes()), value) {
            (None, value) => values.set(key, value),
            (Some(Value::Nil), _) => {
                if nulls == Nulls::Remove {
                    values.remove(key.as_bytes());
                }
            }
            (Some(Value::Map(there)), Value::Map(own)) => {
                let name = key.to_str();
                let is_subchart = node.children.iter().any(|child| child.name == name);
                let nulls = if is_subchart { Nulls::Keep } else { nulls };
                merge(&there, &own, &below(path, &name), nulls, notes);
            }
            (Some(Value::Map(_)), Value::Nil) => {}
            (Some(Value::Map(_)), _) => {
                notes.add(
                    &below(path, &key.to_str()),
                    "the chart has no mapping there; its value is left out",
                );
            }
            (Some(_), _) => {}
        }
    }
}

/// Fills up a mapping with one of less weight. Inner mappings that were missing become those of `from` itself.
pub(super) fn merge(into: &Map, from: &Map, path: &str, nulls: Nulls, notes: &mut Notes) {
    if nulls == Nulls::Keep {
        // As in Helm, a null that stays is written into the mapping of less weight, too: where that is seen elsewhere
        // (values that are imported twice), it takes effect there.
        for (key, _) in into.entries().into_iter().filter(|(_, value)| value.is_nil()) {
            from.set(key, Value::Nil);
        }
    }
    for (key, value) in from.entries() {
        match (into.get(key.as_bytes()), value) {
            (None, value) => into.set(key, value),
            (Some(Value::Nil), value) => {
                if nulls == Nulls::Remove && !value.is_nil() {
                    into.remove(key.as_bytes());
                }
            }
            (Some(Value::Map(there)), Value::Map(own)) => {
                merge(&there, &own, &below(path, &key.to_str()), nulls, notes);
            }
            (Some(Value::Map(_)), Value::Nil) => {}
            (Some(Value::Map(_)), _) => {
                notes.add(
                    &below(path, &key.to_str()),
                    "a mapping stays; a plain value of less weight is left out",
                );
            }
            (Some(_), Value::Map(_)) => {
                notes.add(&below(path, &key.to_str()), "a plain value stays where less weight has a mapping");
            }
            (Some(_), _) => {}
        }
    }
}

/// Copies what is below `global` down into the values of a subchart; the parent wins.
fn globals(child: &Map, parent: &Map, path: &str, notes: &mut Notes) {
    let own = match child.get(GLOBAL) {
        None => Map::empty(),
        Some(Value::Map(own)) => own,
        Some(_) => {
            return notes.add(&below(path, "global"), "it is no mapping, so globals are not passed on");
        }
    };
    let passed = match parent.get(GLOBAL) {
        None => Map::empty(),
        Some(Value::Map(passed)) => passed,
        Some(_) => return notes.add("global", "it is no mapping, so globals are not passed on"),
    };
    for (key, value) in passed.entries() {
        match (value, own.get(key.as_bytes())) {
            (Value::Map(table), there) => {
                let table = Map::new(table.kind(), table.entries().into_iter().collect());
                match there {
                    None => own.set(key, Value::Map(table)),
                    Some(Value::Map(there)) => {
                        merge(&table, &there, &below(path, "global"), Nulls::Keep, notes);
                        own.set(key, Value::Map(table));
                    }
                    Some(_) => {
                        notes.add(
                            &below(path, &format!("global.{}", key.to_str())),
                            "the parent has a mapping there",
                        );
                    }
                }
            }
            (_, Some(Value::Map(_))) => {
                notes.add(&below(path, &format!("global.{}", key.to_str())), "a mapping stays");
            }
            (value, _) => own.set(key, value),
        }
    }
    child.set("global", Value::Map(own));
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The mapping at a path with dots.
pub(super) fn table(values: &Map, path: &str) -> Option<Map> {
    path.split('.').try_fold(values.clone(), |map, key| match map.get(key.as_bytes()) {
        Some(Value::Map(inner)) => Some(inner),
        _ => None,
    })
}

/// What is at a path with dots, if it is no mapping.
pub(super) fn leaf(values: &Map, path: &str) -> Option<Value> {
    let (map, key) = match path.rsplit_once('.') {
        Some((front, key)) => (table(values, front)?, key),
        None => (values.clone(), path),
    };
    map.get(key.as_bytes()).filter(|value| value.as_map().is_none())
}
