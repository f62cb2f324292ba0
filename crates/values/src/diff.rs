//! What changed between two values, by path.
//!
//! *Guarantees.* Applying the changes in order to the first value gives the second ([`apply_changes`]).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strata_model::{
    overrides::{ItemKey, Patch, PatchOperation},
    value_path::{Segment, ValuePath},
};

use crate::{
    keyed,
    patch::{self, PatchConflict},
};

/// What happened at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeKind {
    /// Was not there before.
    Added,
    /// Is there no more.
    Removed,
    /// Has another value.
    Changed,
    /// An item of a keyed list went to another place of it.
    Moved,
}

/// One difference. Items of keyed lists are addressed by key, other lists are one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub path: ValuePath,
    /// What.
    pub kind: ChangeKind,
    /// The value before; for a moved item the item. `Some(null)` is a null, `None` is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub before: Option<Value>,
    /// The value after; for a moved item none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub after: Option<Value>,
    /// Of an added or moved item of a keyed list: the item that it comes before; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ItemKey>,
}

impl Change {
    /// The operation that makes this change.
    #[must_use]
    pub fn operation(&self) -> PatchOperation {
        let item = match self.path.0.last() {
            Some(Segment::Item(fields)) => fields.first().map(|(field, value)| {
                let list = self.path.parent().unwrap_or_default();
                (list, ItemKey { field: field.clone(), value: value.clone() })
            }),
            _ => None,
        };
        let after = self.after.clone().unwrap_or_default();
        match (self.kind, item) {
            (ChangeKind::Added, Some((list, key))) => {
                PatchOperation::Insert { list, value: after, key: Some(key.field), before: self.next.clone() }
            }
            (ChangeKind::Removed, Some((list, item))) => PatchOperation::RemoveItem { list, item },
            (ChangeKind::Moved, Some((list, item))) => {
                PatchOperation::Move { list, item, before: self.next.clone() }
            }
            (ChangeKind::Removed, None) => PatchOperation::Remove { path: self.path.clone() },
            _ => PatchOperation::Set { path: self.path.clone(), value: after },
        }
    }
}

/// All differences between two values; empty when they are equal.
#[must_use]
pub fn diff_values(current: &Value, pending: &Value) -> Vec<Change> {
    let patch = patch::derive(current, pending).patch;
    patch.0.into_iter().map(|operation| change_of(operation, current)).collect()
}

/// Applies changes in order.
///
/// # Errors
/// [`PatchConflict`] if they were made from another value.
pub fn apply_changes(changes: &[Change], current: &Value) -> Result<Value, PatchConflict> {
    patch::apply(&Patch(changes.iter().map(Change::operation).collect()), current)
}

fn change_of(operation: PatchOperation, current: &Value) -> Change {
    let change = |path: ValuePath, kind, before, after, next| Change { path, kind, before, after, next };
    match operation {
        PatchOperation::Set { path, value } => match path.find(current).cloned() {
            Some(before) => change(path, ChangeKind::Changed, Some(before), Some(value), None),
            None => change(path, ChangeKind::Added, None, Some(value), None),
        },
        PatchOperation::Remove { path } => {
            let before = path.find(current).cloned();
            change(path, ChangeKind::Removed, before, None, None)
        }
        PatchOperation::Insert { list, value, key, before } => {
            let key = key.and_then(|field| keyed::key_of(&value, &field));
            let path = key.map_or_else(|| list.clone(), |key| list.child(key.segment()));
            change(path, ChangeKind::Added, None, Some(value), before)
        }
        PatchOperation::RemoveItem { list, item } => {
            let path = list.child(item.segment());
            let before = path.find(current).cloned();
            change(path, ChangeKind::Removed, before, None, None)
        }
        PatchOperation::Move { list, item, before: next } => {
            let path = list.child(item.segment());
            let before = path.find(current).cloned();
            change(path, ChangeKind::Moved, before, None, next)
        }
    }
}

mod present {
    //! Keeps a null that is there apart from nothing.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_told_by_path() {
        let current =
            json!({"a": null, "c": [{"name": "x", "v": 1}, {"name": "y"}, {"name": "z"}], "gone": 1});
        let pending =
            json!({"a": 0, "c": [{"name": "z"}, {"name": "x", "v": 2}, {"name": "n"}], "new": null});
        let changes = diff_values(&current, &pending);
        let told: Vec<String> =
            changes.iter().map(|change| format!("{:?} {}", change.kind, change.path)).collect();
        assert_eq!(
            told,
            [
                "Removed gone",
                "Changed a",
                "Removed c[name=y]",
                "Added c[name=n]",
                "Moved c[name=z]",
                "Changed c[name=x].v",
                "Added new"
            ]
        );
        assert_eq!(apply_changes(&changes, &current).unwrap(), pending);
        let stored = serde_json::to_string(&changes).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Change>>(&stored).unwrap(), changes);
    }
}
