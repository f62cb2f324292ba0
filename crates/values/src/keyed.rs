//! Keyed lists: lists of mappings whose items are told apart by one field, such as containers by `name`.
//!
//! A list that is keyed is compared, patched and merged item by item; any other list counts as one value.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use strata_model::overrides::ItemKey;

/// Fields that tell items apart, the first that fits is taken. From the merge keys of Kubernetes and the habits of charts.
pub const KEY_FIELDS: [&str; 10] =
    ["name", "id", "key", "containerPort", "port", "mountPath", "topologyKey", "host", "path", "type"];

/// The field that tells the items of all these lists apart: every item has it, as a text or an integer, and no
/// list has a value twice. `None` if there is none, or no item at all.
#[must_use]
pub fn key_field(lists: &[&[Value]]) -> Option<&'static str> {
    if lists.iter().all(|items| items.is_empty()) {
        return None;
    }
    KEY_FIELDS.into_iter().find(|field| lists.iter().all(|items| is_key(items, field)))
}

/// Whether `field` tells the items of this list apart.
#[must_use]
pub fn is_key(items: &[Value], field: &str) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| key_text(item, field).is_some_and(|text| seen.insert(text)))
}

/// The key of an item, if it has one.
#[must_use]
pub fn key_of(item: &Value, field: &str) -> Option<ItemKey> {
    key_text(item, field)?;
    Some(ItemKey { field: field.to_owned(), value: item.get(field)?.clone() })
}

/// Where the item with this key is.
#[must_use]
pub fn position(items: &[Value], key: &ItemKey) -> Option<usize> {
    items.iter().position(|item| item.get(&key.field) == Some(&key.value))
}

/// The positions of all items by the text of their key.
pub(crate) fn positions<'a>(items: &'a [Value], field: &str) -> HashMap<String, (usize, &'a Value)> {
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| Some((key_text(item, field)?, (index, item))))
        .collect()
}

/// A hashable form of an item's key: the JSON of its value, so that `1` and `"1"` differ.
pub(crate) fn key_text(item: &Value, field: &str) -> Option<String> {
    match item.as_object()?.get(field)? {
        Value::Number(number) if number.is_f64() => None,
        value @ (Value::String(_) | Value::Number(_)) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field_of(list: &Value) -> Option<&'static str> {
        key_field(&[list.as_array()?])
    }

    #[test]
    fn the_first_field_that_is_unique_counts() {
        assert_eq!(field_of(&json!([{"name": "a"}, {"name": "b"}])), Some("name"));
        assert_eq!(field_of(&json!([{"name": "a", "port": 1}, {"name": "a", "port": 2}])), Some("port"));
        assert_eq!(field_of(&json!([{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}])), None);
        assert_eq!(field_of(&json!([{"name": "a"}, {"x": 1}])), None);
        assert_eq!(field_of(&json!([{"name": 1.5}])), None);
        assert_eq!(field_of(&json!([{"name": 1}, {"name": "1"}])), Some("name"));
        assert_eq!(field_of(&json!(["a"])), None);
        assert_eq!(field_of(&json!([])), None);
    }
}
