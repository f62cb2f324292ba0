//! Kubernetes Secret objects: what in them is secret, and how they are shown.
//!
//! *Guarantees.* After [`Redactor::mask_secret_object`] no value of `data` or `stringData` is left in the object: not
//! there, not in the copy that kubectl keeps in an annotation, and, from [`SHORTEST_IN_TEXT`] bytes on, nowhere else.
//!
//! [`SHORTEST_IN_TEXT`]: crate::redact::SHORTEST_IN_TEXT

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use strata_model::secret::SecretText;

use crate::redact::Redactor;

/// Where `kubectl apply` keeps a copy of what it sent.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an object is a Secret of the core API.
#[must_use]
pub fn is_secret(object: &Value) -> bool {
    let field = |name| object.get(name).and_then(Value::as_str);
    field("kind") == Some("Secret") && field("apiVersion").is_none_or(|version| version == "v1")
}

/// The values of a Secret, or of the Secrets of a list, decoded; empty for any other object. Give those of all objects of
/// a render to one [`Redactor`], and their occurrences in the other objects are masked too.
#[must_use]
pub fn secret_values(object: &Value) -> Vec<SecretText> {
    let mut values = Vec::new();
    if is_secret(object) {
        for (field, encoded) in [("data", true), ("stringData", false)] {
            for value in
                object.get(field).and_then(Value::as_object).into_iter().flat_map(serde_json::Map::values)
            {
                let Some(text) = scalar_text(value) else { continue };
                let decoded = if encoded { decode(&text) } else { None };
                // Bytes that are no text, or no base64, are known by how they are written.
                values.push(SecretText::new(decoded.unwrap_or(text)));
            }
        }
        if let Some(copy) = last_applied(object).and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            values.extend(secret_values(&copy));
        }
    }
    for item in items(object) {
        values.extend(secret_values(item));
    }
    values
}

impl Redactor {
    /// An object as it may be shown: known secrets masked everywhere, and if it is a Secret (or a list with Secrets) all
    /// its values as well.
    #[must_use]
    pub fn mask_secret_object(&self, object: &Value) -> Value {
        let own = secret_values(object);
        if own.is_empty() {
            return self.mask_value(object);
        }
        self.with(own).mask_whole(object)
    }

    fn mask_whole(&self, object: &Value) -> Value {
        let mut masked = self.mask_value(object);
        if is_secret(object) {
            for field in ["data", "stringData"] {
                let Some(original) = object.get(field).and_then(Value::as_object) else { continue };
                let shown =
                    original.iter().map(|(key, value)| (self.mask_text(key), self.mask_entry(field, value)));
                if let Some(slot) = masked.get_mut(field) {
                    *slot = Value::Object(shown.collect());
                }
            }
            if let (Some(copy), Some(slot)) = (last_applied(object), last_applied_mut(&mut masked)) {
                let shown = match serde_json::from_str::<Value>(copy) {
                    Ok(copy) => self.mask_whole(&copy).to_string(),
                    // Not the JSON that it should be, so nobody can say what is in it.
                    Err(_) => self.mask_of(copy),
                };
                *slot = Value::String(shown);
            }
        }
        if let Some(list) = masked.get_mut("items").and_then(Value::as_array_mut) {
            for (slot, item) in list.iter_mut().zip(items(object)) {
                *slot = self.mask_whole(item);
            }
        }
        masked
    }

    fn mask_entry(&self, field: &str, value: &Value) -> Value {
        match scalar_text(value) {
            Some(text) if text.is_empty() => value.clone(),
            Some(text) if field == "data" => Value::String(self.mask_of(&decode(&text).unwrap_or(text))),
            Some(text) => Value::String(self.mask_of(&text)),
            None if value.is_null() => Value::Null,
            // The API takes texts only; whatever this is, it was meant to be secret.
            None => Value::String(self.mask_of(&value.to_string())),
        }
    }
}

fn items(object: &Value) -> impl Iterator<Item = &Value> {
    let is_list = object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    let items = object.get("items").and_then(Value::as_array).filter(|_| is_list);
    items.into_iter().flatten()
}

fn last_applied(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(LAST_APPLIED)?.as_str()
}

fn last_applied_mut(object: &mut Value) -> Option<&mut Value> {
    object.get_mut("metadata")?.get_mut("annotations")?.get_mut(LAST_APPLIED)
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn decode(text: &str) -> Option<String> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    String::from_utf8(STANDARD.decode(packed).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strata_model::digest::DigestKey;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new(&DigestKey::new([7; 32]), [])
    }

    #[test]
    fn nothing_of_a_secret_is_left() {
        let object = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "db", "annotations": {
                LAST_APPLIED: "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"pw\":\"b2xkLXNlY3JldA==\",\"pin\":\"MTI=\"}}",
                "note": "the password is hunter22",
            }},
            "data": {"pw": "aHVudGVyMjI=", "bin": "/wD/AP8A", "pin": "MTI="},
            "stringData": {"url": "postgres://u:hunter22@db", "flag": true, "none": null},
        });
        let masked = redactor().mask_secret_object(&object);
        let text = masked.to_string();
        for secret in ["hunter22", "aHVudGVyMjI", "/wD/AP8A", "MTI=", "b2xkLXNlY3JldA", "postgres", "true"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!(masked["data"]["pw"], json!(redactor().mask_of("hunter22")));
        assert_eq!(masked["metadata"]["name"], "db");
        assert_eq!(masked["stringData"]["none"], Value::Null);
    }

    #[test]
    fn secrets_are_masked_in_other_objects_too() {
        let secret = json!({"kind": "Secret", "apiVersion": "v1", "data": {"pw": "aHVudGVyMjI="}});
        let redactor = redactor().with(secret_values(&secret));
        let map =
            json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"conf": "pw = hunter22\n", "x": "1"}});
        let masked = redactor.mask_secret_object(&map);
        assert!(!masked.to_string().contains("hunter22"));
        assert_eq!(masked["data"]["x"], "1");
    }

    #[test]
    fn lists_of_secrets_are_secret() {
        let secret = json!({"kind": "Secret", "apiVersion": "v1", "data": {"pin": "MTI="}});
        let list =
            json!({"kind": "List", "apiVersion": "v1", "items": [secret, {"kind": "Pod", "n": "aHVu"}]});
        let masked = redactor().mask_secret_object(&list);
        assert!(!masked.to_string().contains("MTI="));
        assert_eq!(masked["items"][1]["n"], "aHVu");
    }

    #[test]
    fn a_secret_of_another_group_is_no_secret_of_ours() {
        let other = json!({"kind": "Secret", "apiVersion": "vault.io/v1", "data": {"a": "b"}});
        assert_eq!(redactor().mask_secret_object(&other), other);
    }
}
