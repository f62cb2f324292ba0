//! Judging one operation of an override against a new version of its base.

use serde_json::Value;
use strata_model::{
    overrides::PatchOperation,
    value_path::{Segment, ValuePath, matches_fields},
};

use super::ConflictKind;
use crate::keyed;

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fits,
    Redundant,
    Conflict(ConflictKind),
}

pub(super) fn judge(operation: &PatchOperation, place: &ValuePath, base: &Value, theirs: &Value) -> Verdict {
    let was = place.find(base);
    let is = place.find(theirs);
    let way = changed_way(place, base, theirs);
    let left_alone = || match way {
        Some(kind) => Verdict::Conflict(kind),
        None if was == is => Verdict::Fits,
        None => Verdict::Conflict(ConflictKind::BothChanged),
    };
    match operation {
        PatchOperation::Set { value, .. } | PatchOperation::Insert { value, .. } => {
            if is == Some(value) {
                Verdict::Redundant
            } else {
                left_alone()
            }
        }
        // Both took it away, be it with all that was around it.
        PatchOperation::Remove { .. } | PatchOperation::RemoveItem { .. } => match (is, way) {
            (None, None | Some(ConflictKind::ParentRemoved)) => Verdict::Redundant,
            // All items of a key go, also those that theirs added behind the first.
            (_, None) if all_at(place, base) != all_at(place, theirs) => {
                Verdict::Conflict(ConflictKind::BothChanged)
            }
            _ => left_alone(),
        },
        PatchOperation::Move { list, item, .. } => match (is, way) {
            (_, Some(kind)) => Verdict::Conflict(kind),
            (None, None) => Verdict::Conflict(ConflictKind::ParentRemoved),
            (Some(_), None) if reordered(list, &item.field, base, theirs) => {
                Verdict::Conflict(ConflictKind::Reordered)
            }
            (Some(_), None) => Verdict::Fits,
        },
    }
}

/// What is at a place, as a list where several items have the key that it names.
pub(super) fn all_at(place: &ValuePath, value: &Value) -> Option<Value> {
    if let (Some(Segment::Item(fields)), Some(list)) = (place.0.last(), place.parent()) {
        let items = list.find(value).and_then(Value::as_array).into_iter().flatten();
        let items: Vec<Value> = items.filter(|item| matches_fields(item, fields)).cloned().collect();
        if items.len() > 1 {
            return Some(Value::Array(items));
        }
    }
    place.find(value).cloned()
}

/// What happened to the parents of a place between two versions, if it matters to who changes that place.
fn changed_way(place: &ValuePath, base: &Value, theirs: &Value) -> Option<ConflictKind> {
    let (mut was, mut is) = (Some(base), Some(theirs));
    for segment in &place.0 {
        let is_key = matches!(segment, Segment::Key(_));
        let fits = |value: &Value| if is_key { value.is_object() } else { value.is_array() };
        match (was, is) {
            (Some(Value::Object(_) | Value::Array(_)), None) => return Some(ConflictKind::ParentRemoved),
            (Some(before), Some(now)) if fits(before) && !fits(now) => {
                return Some(ConflictKind::ParentReplaced);
            }
            // Nothing was there before; a null may become a mapping.
            (None | Some(Value::Null), Some(now)) if !(fits(now) || is_key && now.is_null()) => {
                return Some(ConflictKind::ParentReplaced);
            }
            // A position means another item once the list has changed.
            (was, is) if matches!(segment, Segment::Index(_)) && was != is => {
                return Some(ConflictKind::ParentReplaced);
            }
            _ => {}
        }
        was = was.and_then(|value| segment.find(value));
        is = is.and_then(|value| segment.find(value));
    }
    None
}

/// Whether the items that both versions of a list have stand in another order.
fn reordered(list: &ValuePath, field: &str, base: &Value, theirs: &Value) -> bool {
    let items = |value| list.find(value).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (was, is) = (items(base), items(theirs));
    let (before, after) = (keyed::positions(was, field), keyed::positions(is, field));
    let order =
        |items: &[Value], other: &std::collections::HashMap<String, (usize, &Value)>| -> Vec<String> {
            items
                .iter()
                .filter_map(|item| keyed::key_text(item, field))
                .filter(|key| other.contains_key(key))
                .collect()
        };
    order(was, &after) != order(is, &before)
}
