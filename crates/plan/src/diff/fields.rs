//! Field by field, masked.

use serde_json::Value;
use strata_model::{
    plan::{FieldChange, SameMeaning},
    secret::masks_in,
    value_path::ValuePath,
};
use strata_values::{Change, Redactor, diff_values, secret_object::secret_values};

use super::meaning::same_meaning;

/// The differences between two objects or values as people may see them. Values of Secrets are masked as a whole, known
/// secrets everywhere.
pub(crate) fn field_changes(before: &Value, after: &Value, redactor: &Redactor) -> Vec<FieldChange> {
    changes(before, after, redactor, |_| None)
}

/// The same between two bodies of one object: what says the same in other words is marked so.
pub(crate) fn object_changes(before: &Value, after: &Value, redactor: &Redactor) -> Vec<FieldChange> {
    changes(before, after, redactor, |change| same_meaning(before, after, change))
}

fn holds_mask(value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(text)) => !masks_in(text).is_empty(),
        Some(Value::Array(items)) => items.iter().any(|item| holds_mask(Some(item))),
        Some(Value::Object(map)) => map.values().any(|value| holds_mask(Some(value))),
        _ => false,
    }
}

/// A value with all its texts masked as a whole.
fn masked_whole(value: &Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(text) => Value::String(redactor.mask_of(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| masked_whole(item, redactor)).collect()),
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, value)| (key.clone(), masked_whole(value, redactor))).collect(),
        ),
        other => other.clone(),
    }
}

/// Where two bodies of one object say something else.
pub(crate) fn differing(before: &Value, after: &Value) -> Vec<ValuePath> {
    let changes = diff_values(before, after).into_iter();
    changes.filter(|change| same_meaning(before, after, change).is_none()).map(|change| change.path).collect()
}

fn changes(
    before: &Value,
    after: &Value,
    redactor: &Redactor,
    same: impl Fn(&Change) -> Option<SameMeaning>,
) -> Vec<FieldChange> {
    if before == after {
        return Vec::new();
    }
    let mut own = secret_values(before);
    own.extend(secret_values(after));
    let own_redactor;
    let (masked_before, masked_after, redactor) = if own.is_empty() {
        (redactor.mask_value(before), redactor.mask_value(after), redactor)
    } else {
        own_redactor = redactor.with(own);
        let redactor = &own_redactor;
        (redactor.mask_secret_object(before), redactor.mask_secret_object(after), redactor)
    };
    diff_values(before, after)
        .into_iter()
        .map(|change| {
            let shown = |value: Option<Value>, masked: &Value, path: &ValuePath| {
                // The masked object knows more about its place than the bare value does.
                value.map(|value| {
                    let in_place = path.find(masked).cloned();
                    redactor.mask_value(&in_place.unwrap_or(value))
                })
            };
            let same = same(&change);
            let path = redactor.mask_text(&change.path.to_string());
            let mut before = shown(change.before, &masked_before, &change.path);
            let mut after = shown(change.after, &masked_after, &change.path);
            // Where one side holds a secret, the other does, too: one that was rotated is known to nobody any more.
            match (holds_mask(before.as_ref()), holds_mask(after.as_ref())) {
                (true, false) => after = after.map(|value| masked_whole(&value, redactor)),
                (false, true) => before = before.map(|value| masked_whole(&value, redactor)),
                _ => {}
            }
            FieldChange { same, before, after, path }
        })
        .collect()
}
