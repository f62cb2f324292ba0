//! Field by field, masked.

use serde_json::Value;
use strata_model::{
    plan::{FieldChange, SameMeaning},
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
            FieldChange {
                same: same(&change),
                before: shown(change.before, &masked_before, &change.path),
                after: shown(change.after, &masked_after, &change.path),
                path: redactor.mask_text(&change.path.to_string()),
            }
        })
        .collect()
}
