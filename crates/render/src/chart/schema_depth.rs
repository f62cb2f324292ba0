//! Schemas that refer to themselves: allowed where every round goes deeper into the values, refused where it does not.
//!
//! *Idea.* A schema applies some of its parts to the same value as itself (`allOf`, `if`, `$ref` …) and others to parts of
//! the value (`properties`, `items` …). A validator that follows the first kind in a circle never comes back. So the
//! chains of the first kind are walked here before a validator sees the schema.
//!
//! *Guarantees.* After [`check`] no chain is longer than `MAX_CHAIN`, and every reference stays inside the schema.
//!
//! *Caveats.* References to an `$id` other than the schema's own are refused, although they could be inside.

use std::collections::BTreeMap;

use serde_json::Value;

/// Longest chain of schemas for one value.
const MAX_CHAIN: usize = 200;
/// Most schemas that are looked at.
const MAX_SCHEMAS: usize = 200_000;

/// Keywords whose schemas apply to the same value.
const SAME_VALUE: [&str; 11] = [
    "$ref",
    "$recursiveRef",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
];

/// Refuses references to elsewhere and recursion that does not get on.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut walk = Walk { root: schema, anchors: BTreeMap::new(), depths: BTreeMap::new() };
    let mut all = Vec::new();
    walk.collect(&mut all)?;
    for part in all {
        walk.depth(part, 0)?;
    }
    Ok(())
}

struct Walk<'s> {
    root: &'s Value,
    anchors: BTreeMap<&'s str, &'s Value>,
    /// Length of the longest chain from a schema, by its address; none while it is being walked.
    depths: BTreeMap<usize, Option<usize>>,
}

impl<'s> Walk<'s> {
    /// All objects of the schema; more than its schemas, which does no harm.
    fn collect(&mut self, all: &mut Vec<&'s Value>) -> Result<(), String> {
        let mut pending = vec![self.root];
        while let Some(value) = pending.pop() {
            match value {
                Value::Object(map) => {
                    if all.len() >= MAX_SCHEMAS {
                        return Err("the schema has too many parts".to_owned());
                    }
                    all.push(value);
                    for key in ["$anchor", "$dynamicAnchor"] {
                        if let Some(Value::String(name)) = map.get(key) {
                            self.anchors.insert(name, value);
                        }
                    }
                    for key in ["$id", "id"] {
                        if let Some(name) =
                            map.get(key).and_then(Value::as_str).and_then(|id| id.strip_prefix('#'))
                        {
                            self.anchors.insert(name, value);
                        }
                    }
                    pending.extend(map.values());
                }
                Value::Array(items) => pending.extend(items),
                _ => {}
            }
        }
        Ok(())
    }

    fn depth(&mut self, schema: &'s Value, above: usize) -> Result<usize, String> {
        let Value::Object(map) = schema else { return Ok(0) };
        let address = std::ptr::from_ref(schema).addr();
        match self.depths.get(&address) {
            Some(Some(depth)) => return Ok(*depth),
            Some(None) => return Err("the schema refers to itself without an end".to_owned()),
            None => {}
        }
        if above > MAX_CHAIN {
            return Err(format!("the schema has chains of more than {MAX_CHAIN} references"));
        }
        self.depths.insert(address, None);
        let mut deepest = 0;
        for key in SAME_VALUE {
            let Some(value) = map.get(key) else { continue };
            let parts: Vec<&'s Value> = match value {
                Value::String(reference) => self.target(reference)?.into_iter().collect(),
                Value::Array(items) => items.iter().collect(),
                Value::Object(inner) if key == "dependentSchemas" => inner.values().collect(),
                Value::Object(_) if !key.starts_with('$') => vec![value],
                _ => Vec::new(),
            };
            for part in parts {
                deepest = deepest.max(1 + self.depth(part, above + 1)?);
            }
        }
        if let Some(Value::Object(inner)) = map.get("dependencies") {
            for part in inner.values() {
                deepest = deepest.max(1 + self.depth(part, above + 1)?);
            }
        }
        if deepest > MAX_CHAIN {
            return Err(format!("the schema has chains of more than {MAX_CHAIN} references"));
        }
        self.depths.insert(address, Some(deepest));
        Ok(deepest)
    }

    /// What a reference means; none where the validator is to say that there is no such thing.
    fn target(&self, reference: &str) -> Result<Option<&'s Value>, String> {
        let own =
            self.root.get("$id").or_else(|| self.root.get("id")).and_then(Value::as_str).unwrap_or_default();
        let own = own.split('#').next().unwrap_or_default();
        let fragment = match reference.split_once('#') {
            Some((place, fragment)) if place.is_empty() || place == own => fragment,
            None if reference == own && !own.is_empty() => "",
            _ => {
                let shown: String = reference.chars().take(100).collect();
                return Err(format!("the schema refers to `{shown}`, which is not inside it"));
            }
        };
        let fragment = percent_decoded(fragment);
        Ok(if fragment.is_empty() || fragment.starts_with('/') {
            self.root.pointer(&fragment)
        } else {
            self.anchors.get(fragment.as_str()).copied()
        })
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded =
            digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn circles_that_get_nowhere_are_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}}),
            json!({"properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
            json!({"$defs": {"a": {"$anchor": "here", "$ref": "#here"}}}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "other.json#/a"}),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn recursion_that_goes_deeper_is_fine() {
        for schema in [
            json!({"properties": {"child": {"$ref": "#"}}}),
            json!({"$id": "https://example.com/s.json", "items": {"$ref": "https://example.com/s.json#/$defs/a%20b"},
                "$defs": {"a b": {"type": "string"}}}),
            json!({"properties": {"$ref": {"type": "string"}}}),
            json!(true),
        ] {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }
    }
}
