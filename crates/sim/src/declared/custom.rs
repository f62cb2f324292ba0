//! Custom resources, by the schema of their definition.

use serde_json::Value;

use super::{Finding, Findings, Form, Problem, Step, kinds};

/// Looks a custom resource through.
pub(super) fn look(object: &Value, openapi: &Value) -> Findings {
    let mut out = Findings::default();
    if let Some(metadata) = object.get("metadata") {
        let found = kinds::look_at_metadata(metadata);
        out.unreadable = found.unreadable;
        out.list.extend(found.list.into_iter().map(|mut finding| {
            finding.path.insert(0, Step::Field("metadata".into()));
            finding
        }));
    }
    walk(object, openapi, &mut Vec::new(), &mut out.list);
    out
}

fn flag(openapi: &Value, key: &str) -> bool {
    openapi.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn form(openapi: &Value) -> Option<Form> {
    match openapi.get("type").and_then(Value::as_str)? {
        "boolean" => Some(Form::Boolean),
        "integer" => Some(Form::Number("int64")),
        "number" => Some(Form::Number("float64")),
        "string" => Some(Form::String),
        "array" => Some(Form::List),
        "object" => Some(Form::Map),
        _ => None,
    }
}

fn fits(value: &Value, form: Form) -> bool {
    match form {
        Form::Boolean => value.is_boolean(),
        Form::Number(_) => value.is_number(),
        Form::String => value.is_string(),
        Form::List => value.is_array(),
        Form::Map => value.is_object(),
    }
}

fn walk(value: &Value, openapi: &Value, path: &mut Vec<Step>, out: &mut Vec<Finding>) {
    if value.is_null() || flag(openapi, "x-kubernetes-int-or-string") {
        return;
    }
    if let Some(expected) = form(openapi)
        && !fits(value, expected)
    {
        let problem = Problem::Mistyped { expected, owner: "" };
        out.push(Finding { path: path.clone(), problem });
        return;
    }
    match value {
        Value::Object(map) => {
            let properties = openapi.get("properties").and_then(Value::as_object);
            let additional =
                openapi.get("additionalProperties").filter(|schema| **schema != Value::Bool(false));
            let open = flag(openapi, "x-kubernetes-preserve-unknown-fields") || openapi.get("type").is_none();
            let typed = path.is_empty() || flag(openapi, "x-kubernetes-embedded-resource");
            for (key, below) in map {
                if typed && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                let declared = properties.and_then(|properties| properties.get(key));
                path.push(if additional.is_some() && declared.is_none() {
                    Step::Entry(key.as_str().into())
                } else {
                    Step::Field(key.as_str().into())
                });
                match declared.or(additional) {
                    Some(schema) => walk(below, schema, path, out),
                    None if open => {}
                    None => out.push(Finding { path: path.clone(), problem: Problem::Undeclared }),
                }
                path.pop();
            }
        }
        Value::Array(list) => {
            if let Some(items) = openapi.get("items") {
                for (index, item) in list.iter().enumerate() {
                    path.push(Step::Item(index));
                    walk(item, items, path, out);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}
