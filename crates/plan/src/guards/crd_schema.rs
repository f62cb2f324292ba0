//! Two schemas of one version of a custom resource.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::crd::Break;

/// Deepest nesting that is compared; structural schemas are far from it.
const MAX_DEPTH: usize = 64;

/// Limits that may only grow, or appear nowhere new.
const UPPER: [&str; 4] = ["maximum", "maxLength", "maxItems", "maxProperties"];
/// Limits that may only shrink.
const LOWER: [&str; 4] = ["minimum", "minLength", "minItems", "minProperties"];

pub(super) fn compare(version: &str, before: &Value, after: &Value, breaks: &mut Vec<Break>) {
    let mut walk = Walk { version, breaks };
    walk.schema("", before, after, 0);
}

struct Walk<'a> {
    version: &'a str,
    breaks: &'a mut Vec<Break>,
}

impl Walk<'_> {
    fn tell(&mut self, path: &str, what: &str) {
        let shown = if path.is_empty() { "the object" } else { path };
        self.breaks
            .push(Break::new(format!("{}{path}", self.version), format!("{}{shown} {what}", self.version)));
    }

    fn schema(&mut self, path: &str, before: &Value, after: &Value, depth: usize) {
        if before == after || depth > MAX_DEPTH {
            return;
        }
        let text = |schema: &Value, field: &str| {
            schema.get(field).and_then(Value::as_str).unwrap_or("any").to_owned()
        };
        let (old_type, new_type) = (text(before, "type"), text(after, "type"));
        if old_type != new_type && before.get("type").is_some() {
            self.tell(path, &format!("changes its type from {old_type} to {new_type}"));
            return;
        }
        self.required(path, before, after);
        self.allowed(path, before, after);
        self.limits(path, before, after);
        self.closed(path, before, after);
        if before.get("nullable") == Some(&Value::Bool(true))
            && after.get("nullable") != Some(&Value::Bool(true))
        {
            self.tell(path, "may no longer be null");
        }
        self.rules(path, before, after);
        let (old, new) = (properties(before), properties(after));
        for (name, former) in old {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match new.get(name) {
                Some(now) => self.schema(&inner, former, now, depth + 1),
                None if preserves(after) => {}
                None => {
                    self.tell(&inner, "is taken away");
                    if let Some(last) = self.breaks.last_mut() {
                        last.loses_data = true;
                    }
                }
            }
        }
        for (field, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let (Some(former @ Value::Object(_)), Some(now @ Value::Object(_))) =
                (before.get(field), after.get(field))
            {
                self.schema(&format!("{path}{suffix}"), former, now, depth + 1);
            }
        }
    }

    /// A field required in something that was there before; below a new optional parent nobody is hurt.
    fn required(&mut self, path: &str, before: &Value, after: &Value) {
        let required = |schema: &Value| -> BTreeSet<String> {
            let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let defaulted =
            |name: &String| properties(after).get(name).is_some_and(|field| field.get("default").is_some());
        for name in required(after).difference(&required(before)).filter(|name| !defaulted(name)) {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.tell(&inner, "is now required");
        }
    }

    fn allowed(&mut self, path: &str, before: &Value, after: &Value) {
        let values = |schema: &Value| schema.get("enum").and_then(Value::as_array).cloned();
        match (values(before), values(after)) {
            (None, Some(_)) => self.tell(path, "allows only some values now"),
            (Some(old), Some(new)) => {
                for gone in old.iter().filter(|value| !new.contains(value)) {
                    self.tell(path, &format!("no longer allows {gone}"));
                }
            }
            _ => {}
        }
    }

    fn limits(&mut self, path: &str, before: &Value, after: &Value) {
        let number = |schema: &Value, field: &str| schema.get(field).and_then(Value::as_f64);
        for field in UPPER {
            let (old, new) = (number(before, field), number(after, field));
            if new.is_some_and(|new| old.is_none_or(|old| new < old)) {
                self.tell(path, &format!("has a lower {field}"));
            }
        }
        for field in LOWER {
            let (old, new) = (number(before, field), number(after, field));
            if new.is_some_and(|new| old.is_none_or(|old| new > old)) {
                self.tell(path, &format!("has a higher {field}"));
            }
        }
        for field in ["pattern", "format", "multipleOf"] {
            if after.get(field).is_some() && before.get(field) != after.get(field) {
                self.tell(path, &format!("has another {field}"));
            }
        }
    }

    /// Unknown fields that were kept and would be no more.
    fn closed(&mut self, path: &str, before: &Value, after: &Value) {
        let open = |schema: &Value| {
            preserves(schema)
                || matches!(schema.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_)))
        };
        if open(before) && !open(after) {
            self.tell(path, "no longer keeps fields that are not named");
            if let Some(last) = self.breaks.last_mut() {
                last.loses_data = true;
            }
        }
    }

    fn rules(&mut self, path: &str, before: &Value, after: &Value) {
        let rules = |schema: &Value| -> Vec<String> {
            let rules =
                schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
            rules.filter_map(|rule| rule.get("rule")?.as_str().map(str::to_owned)).collect()
        };
        let old = rules(before);
        for rule in rules(after).iter().filter(|rule| !old.contains(rule)) {
            self.tell(path, &format!("must satisfy a new rule: {rule}"));
        }
        for field in ["x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"] {
            if before.get(field) != after.get(field) {
                self.tell(path, &format!("has another {field}"));
            }
        }
    }
}

fn properties(schema: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
    schema.get("properties").and_then(Value::as_object).unwrap_or_else(|| EMPTY.get_or_init(Map::new))
}

fn preserves(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}
