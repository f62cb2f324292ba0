//! Applying a patch.

use serde_json::{Map, Value};
use strata_model::{
    overrides::{ItemKey, Patch, PatchOperation},
    value_path::{Segment, ValuePath},
};

use crate::{keyed, parse::kind_of};

/// An operation that does not fit the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchConflict {
    /// A step of the path leads through something that has no such parts.
    #[error("`{path}` is {found}, not {expected}")]
    WrongKind {
        /// The place that is of another kind.
        path: ValuePath,
        /// What the path needs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// An item or a position that the path names is not in its list.
    #[error("`{path}` does not exist")]
    Missing {
        /// The place that does not exist.
        path: ValuePath,
    },
    /// An inserted item's key is taken by an item that differs.
    #[error("`{path}` exists already")]
    Exists {
        /// The item.
        path: ValuePath,
    },
    /// No field tells the items of the list, and the new one, apart.
    #[error("the items of `{path}` cannot be told apart by a key")]
    NotKeyed {
        /// The list.
        path: ValuePath,
    },
}

impl PatchConflict {
    /// The place that does not fit.
    #[must_use]
    pub fn path(&self) -> &ValuePath {
        match self {
            Self::WrongKind { path, .. }
            | Self::Missing { path }
            | Self::Exists { path }
            | Self::NotKeyed { path } => path,
        }
    }
}

/// Applies all operations in order to a copy of `value`.
///
/// # Errors
/// The first [`PatchConflict`].
pub fn apply(patch: &Patch, value: &Value) -> Result<Value, PatchConflict> {
    let mut patched = value.clone();
    for operation in &patch.0 {
        apply_operation(operation, &mut patched)?;
    }
    Ok(patched)
}

/// Applies one operation in place.
///
/// `set` makes missing parent mappings, and takes a null parent for an empty mapping. `remove` of what is not there
/// is done already, and so is `insert` of an item that is there as it should be.
///
/// # Errors
/// [`PatchConflict`]; the value is unchanged then.
pub fn apply_operation(operation: &PatchOperation, value: &mut Value) -> Result<(), PatchConflict> {
    match operation {
        PatchOperation::Set { path, value: new } => set(value, path, new),
        PatchOperation::Remove { path } => remove(value, path),
        PatchOperation::Insert { list, value: item, key, before } => {
            insert(value, list, item, key.as_deref(), before.as_ref())
        }
        PatchOperation::RemoveItem { list, item } => {
            if list.find(value).is_none() {
                return Ok(());
            }
            // All of that key: where it is there twice, what is left would still be what was to go.
            list_at(value, list)?.retain(|other| other.get(&item.field) != Some(&item.value));
            Ok(())
        }
        PatchOperation::Move { list, item, before } => {
            let items = list_at(value, list)?;
            let from = keyed::position(items, item).ok_or_else(|| missing(list, item))?;
            if before.as_ref() == Some(item) {
                return Ok(());
            }
            if let Some(anchor) = before {
                keyed::position(items, anchor).ok_or_else(|| missing(list, anchor))?;
            }
            let moved = items.remove(from);
            let to = before.as_ref().and_then(|anchor| keyed::position(items, anchor)).unwrap_or(items.len());
            items.insert(to, moved);
            Ok(())
        }
    }
}

fn set(root: &mut Value, path: &ValuePath, new: &Value) -> Result<(), PatchConflict> {
    check_way(root, path)?;
    let mut here = root;
    for segment in &path.0 {
        here = match segment {
            Segment::Key(key) => {
                if here.is_null() {
                    *here = Value::Object(Map::new());
                }
                let found = kind_of(here);
                let Value::Object(map) = here else {
                    return Err(PatchConflict::WrongKind {
                        path: path.clone(),
                        expected: "a mapping",
                        found,
                    });
                };
                map.entry(key.clone()).or_insert(Value::Null)
            }
            other => {
                let missing = || PatchConflict::Missing { path: path.clone() };
                other.find_mut(here).ok_or_else(missing)?
            }
        };
    }
    *here = new.clone();
    Ok(())
}

/// Refuses a path before anything is changed on the way.
fn check_way(root: &Value, path: &ValuePath) -> Result<(), PatchConflict> {
    let mut here = Some(root);
    for (depth, segment) in path.0.iter().enumerate() {
        let prefix = |length: usize| ValuePath(path.0.iter().take(length).cloned().collect());
        here = match (segment, here) {
            (Segment::Key(_), None | Some(Value::Null)) => None,
            (Segment::Key(key), Some(Value::Object(map))) => map.get(key),
            (Segment::Key(_), Some(other)) => {
                return Err(PatchConflict::WrongKind {
                    path: prefix(depth),
                    expected: "a mapping",
                    found: kind_of(other),
                });
            }
            (_, Some(list @ Value::Array(_))) => match segment.find(list) {
                Some(item) => Some(item),
                None => return Err(PatchConflict::Missing { path: prefix(depth + 1) }),
            },
            (_, None) => return Err(PatchConflict::Missing { path: prefix(depth) }),
            (_, Some(other)) => {
                return Err(PatchConflict::WrongKind {
                    path: prefix(depth),
                    expected: "a list",
                    found: kind_of(other),
                });
            }
        };
    }
    Ok(())
}

fn remove(root: &mut Value, path: &ValuePath) -> Result<(), PatchConflict> {
    let Some((last, way)) = path.0.split_last() else {
        *root = Value::Null;
        return Ok(());
    };
    let Some(parent) = ValuePath(way.to_vec()).find_mut(root) else { return Ok(()) };
    match (last, parent) {
        (Segment::Key(key), Value::Object(map)) => {
            // `remove` would put the last key into the hole.
            map.shift_remove(key);
        }
        (Segment::Index(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
        }
        (Segment::Item(fields), Value::Array(items)) => {
            items.retain(|item| !strata_model::value_path::matches_fields(item, fields));
        }
        _ => {}
    }
    Ok(())
}

fn insert(
    root: &mut Value,
    list: &ValuePath,
    item: &Value,
    field: Option<&str>,
    before: Option<&ItemKey>,
) -> Result<(), PatchConflict> {
    let items = list_at(root, list)?;
    let not_keyed = || PatchConflict::NotKeyed { path: list.clone() };
    let field = match (field, before) {
        (Some(field), _) => field,
        (None, Some(anchor)) => anchor.field.as_str(),
        (None, None) => keyed::KEY_FIELDS
            .into_iter()
            .find(|field| keyed::key_of(item, field).is_some() && keyed::is_key(items, field))
            .ok_or_else(not_keyed)?,
    };
    let key = keyed::key_of(item, field).ok_or_else(not_keyed)?;
    if let Some(index) = keyed::position(items, &key) {
        return match items.get(index) {
            Some(existing) if existing == item => Ok(()),
            _ => Err(PatchConflict::Exists { path: list.child(key.segment()) }),
        };
    }
    let to = match before {
        Some(anchor) => keyed::position(items, anchor).ok_or_else(|| missing(list, anchor))?,
        None => items.len(),
    };
    items.insert(to, item.clone());
    Ok(())
}

fn list_at<'a>(root: &'a mut Value, path: &ValuePath) -> Result<&'a mut Vec<Value>, PatchConflict> {
    match path.find_mut(root) {
        Some(Value::Array(items)) => Ok(items),
        Some(other) => {
            Err(PatchConflict::WrongKind { path: path.clone(), expected: "a list", found: kind_of(other) })
        }
        None => Err(PatchConflict::Missing { path: path.clone() }),
    }
}

fn missing(list: &ValuePath, item: &ItemKey) -> PatchConflict {
    PatchConflict::Missing { path: list.child(item.segment()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> ValuePath {
        text.parse().unwrap()
    }

    fn key(name: &str) -> ItemKey {
        ItemKey { field: "name".to_owned(), value: json!(name) }
    }

    fn set_op(at: &str, value: Value) -> PatchOperation {
        PatchOperation::Set { path: path(at), value }
    }

    #[test]
    fn set_makes_parents_and_takes_null_for_empty() {
        let patch = Patch(vec![set_op("a.b.c", json!(null)), set_op("n.x", json!(1))]);
        assert_eq!(
            apply(&patch, &json!({"n": null})).unwrap(),
            json!({"a": {"b": {"c": null}}, "n": {"x": 1}})
        );
    }

    #[test]
    fn a_path_that_does_not_fit_changes_nothing() {
        let mut value = json!({"a": 5, "l": [{"name": "x"}], "z": null});
        for (at, message) in [
            ("a.b", "`a` is a number, not a mapping"),
            ("l.b", "`l` is a list, not a mapping"),
            ("l[name=y].b", "`l[name=y]` does not exist"),
            ("l[3]", "`l[3]` does not exist"),
            ("a[0]", "`a` is a number, not a list"),
            ("z.q[0]", "`z.q` does not exist"),
        ] {
            let before = value.clone();
            let error = apply_operation(&set_op(at, json!(1)), &mut value).unwrap_err();
            assert_eq!((error.to_string().as_str(), &value), (message, &before), "{at}");
        }
    }

    #[test]
    fn keyed_lists_are_patched_by_item() {
        let value = json!({"c": [{"name": "a", "v": 1}, {"name": "b"}]});
        let list = path("c");
        let patch = Patch(vec![
            set_op("c[name=a].v", json!(2)),
            PatchOperation::Insert {
                list: list.clone(),
                value: json!({"name": "n"}),
                key: None,
                before: Some(key("b")),
            },
            PatchOperation::Move { list: list.clone(), item: key("a"), before: None },
            PatchOperation::RemoveItem { list: list.clone(), item: key("b") },
            PatchOperation::RemoveItem { list: path("nowhere"), item: key("b") },
        ]);
        let once = apply(&patch, &value).unwrap();
        assert_eq!(once, json!({"c": [{"name": "n"}, {"name": "a", "v": 2}]}));
        let taken = PatchOperation::Insert { list, value: json!({"name": "a"}), key: None, before: None };
        assert_eq!(
            apply(&Patch(vec![taken]), &value).unwrap_err(),
            PatchConflict::Exists { path: path("c[name=a]") }
        );
    }

    #[test]
    fn an_item_that_is_there_twice_goes_as_a_whole() {
        let item = PatchOperation::RemoveItem { list: path("c"), item: key("a") };
        let value = json!({"c": [{"name": "a"}, {"name": "b"}, {"name": "a", "v": 1}]});
        assert_eq!(apply(&Patch(vec![item]), &value).unwrap(), json!({"c": [{"name": "b"}]}));
    }

    #[test]
    fn removing_keeps_the_order_of_the_rest() {
        let patch = Patch(vec![
            PatchOperation::Remove { path: path("b") },
            PatchOperation::Remove { path: path("q.r") },
        ]);
        let value = apply(&patch, &json!({"a": 1, "b": 2, "c": 3, "d": 4})).unwrap();
        assert_eq!(value.to_string(), r#"{"a":1,"c":3,"d":4}"#);
    }
}
