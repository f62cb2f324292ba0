//! Which fields a kind declares, and of what type: what a typed API server refuses or drops.
//!
//! For built-in kinds the types of `k8s-openapi` are the source: an object is read into its type by a deserializer that notes
//! what does not fit, instead of failing or passing over it. Custom resources have their schemas.
//!
//! Caveats: fields are those of the Kubernetes version that `k8s-openapi` is built for, whatever version the cluster claims.
//! Where a message quotes how Go prints a value, only scalars are printed as Go would.

mod custom;
mod kinds;
mod walk;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::{
    api_error::{ApiError, Cause},
    resource::Resource,
    schema::{Schema, item_element},
};

/// One step from an object's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A declared field of a struct.
    Field(Box<str>),
    /// An entry of a map.
    Entry(Box<str>),
    /// An item of a list.
    Item(usize),
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The type has no such field.
    Undeclared,
    /// The value has another form than the type's.
    Mistyped {
        expected: Form,
        /// Name of the struct that declares the field.
        owner: &'static str,
    },
}

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Boolean,
    /// With the name of the Go type.
    Number(&'static str),
    String,
    List,
    Map,
}

/// Something that does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: Vec<Step>,
    pub(crate) problem: Problem,
}

/// All that does not fit in an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// In the order of the document.
    list: Vec<Finding>,
    /// A value of the right form that cannot be read: a time, a number too large, base64.
    unreadable: Option<String>,
}

/// What `fieldValidation` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Undeclared fields are dropped.
    Lenient,
    /// Undeclared fields are refused.
    Strict,
}

impl Strictness {
    pub(crate) fn of(parameter: Option<&str>) -> Self {
        if parameter == Some("Strict") { Self::Strict } else { Self::Lenient }
    }
}

/// Looks an object through.
fn findings(resource: &Resource, version: &str, object: &Value) -> Findings {
    match resource.crd_version(version) {
        Some(version) => custom::look(object, &version.openapi),
        None => kinds::look(&resource.group, &resource.plural, object),
    }
}

/// Refuses an applied configuration with fields that its kind does not declare.
///
/// # Errors
/// 500, as from a server that cannot make a typed object of it.
pub(crate) fn check_applied(
    resource: &Resource,
    version: &str,
    name: &str,
    config: &Value,
) -> Result<(), ApiError> {
    let found = findings(resource, version, config);
    let object = typed_name(resource, version, name, config);
    let schema = resource.schema_for(version);
    let mut said: Vec<String> = found.list.iter().map(|finding| finding.applied(schema, config)).collect();
    let problems = match said.len() {
        0 => {
            let Some(problem) = found.unreadable else { return Ok(()) };
            let kind = format!("{}, Kind={}", resource.api_version(version), resource.kind);
            let message = format!(
                "failed to convert new object ({object}) to proper version: unable to convert unstructured object to {kind}: {problem}"
            );
            return Err(ApiError::new(500, "", message));
        }
        1 => said.remove(0),
        _ => format!("errors:\n  {}", said.join("\n  ")),
    };
    Err(ApiError::new(500, "", format!("failed to create typed patch object ({object}): {problems}")))
}

/// `namespace/name; group/version, Kind=Kind`.
pub(crate) fn typed_name(resource: &Resource, version: &str, name: &str, config: &Value) -> String {
    let namespace = crate::value::text(config, "/metadata/namespace");
    let group = &resource.group;
    format!("{namespace}/{name}; {group}/{version}, Kind={}", resource.kind)
}

/// Drops from a built-in object what its kind does not declare. Custom resources are pruned elsewhere.
///
/// # Errors
/// 400 for values of a wrong type, and for undeclared fields where they are refused.
pub(crate) fn settle(
    resource: &Resource,
    version: &str,
    object: &mut Value,
    strictness: Strictness,
) -> Result<(), ApiError> {
    if let Some(problem) = settled(resource, version, object, strictness) {
        let kind = &resource.kind;
        let message = format!("{kind} in version {version:?} cannot be handled as a {kind}: {problem}");
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

/// As `settle`, for the outcome of a patch.
///
/// # Errors
/// 422 about the patch.
pub(crate) fn settle_patched(
    resource: &Resource,
    version: &str,
    object: &mut Value,
    strictness: Strictness,
) -> Result<(), ApiError> {
    let Some(problem) = settled(resource, version, object, strictness) else { return Ok(()) };
    let cause = Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {:?}: {problem}", object.to_string()),
        field: "patch".into(),
    };
    Err(ApiError::invalid("", "", "", vec![cause]))
}

fn settled(resource: &Resource, version: &str, object: &mut Value, strictness: Strictness) -> Option<String> {
    if resource.crd_version(version).is_some() {
        return None;
    }
    let found = findings(resource, version, object);
    let mistyped = found.list.iter().find_map(|finding| finding.decoded(object));
    if mistyped.is_some() || found.unreadable.is_some() {
        return mistyped.or(found.unreadable);
    }
    if strictness == Strictness::Strict && !found.list.is_empty() {
        let fields: Vec<String> =
            found.list.iter().map(|finding| format!("unknown field {:?}", indexed(&finding.path))).collect();
        return Some(format!("strict decoding error: {}", fields.join(", ")));
    }
    for finding in &found.list {
        drop_at(object, &finding.path);
    }
    None
}

impl Finding {
    /// As server-side apply says it.
    fn applied(&self, schema: &Schema, config: &Value) -> String {
        let place = keyed(&self.path, schema, config);
        match self.problem {
            Problem::Undeclared => format!("{place}: field not declared in schema"),
            Problem::Mistyped { expected, .. } => {
                let value = at(config, &self.path).unwrap_or(&Value::Null);
                let have = printed(value);
                match expected {
                    Form::Boolean => format!("{place}: expected boolean, got &{{{have}}}"),
                    Form::Number(_) => {
                        format!("{place}: expected numeric (int or float), got {}", go_type(value))
                    }
                    Form::String => {
                        format!("{place}: expected string, got &value.valueUnstructured{{Value:{have}}}")
                    }
                    Form::List => format!("{place}: expected list, got &{{{have}}}"),
                    Form::Map => format!("{place}: expected map, got &{{{have}}}"),
                }
            }
        }
    }

    /// As reading the JSON of the object says it; `None` for undeclared fields.
    fn decoded(&self, object: &Value) -> Option<String> {
        let Problem::Mistyped { expected, owner } = self.problem else { return None };
        let value = at(object, &self.path)?;
        let target = match expected {
            Form::Boolean => "bool",
            Form::Number(name) => name,
            Form::String => "string",
            Form::List => "slice",
            Form::Map => "map",
        };
        let fields: Vec<&str> = self
            .path
            .iter()
            .filter_map(|step| match step {
                Step::Field(name) => Some(&**name),
                Step::Entry(_) | Step::Item(_) => None,
            })
            .collect();
        let (have, fields) = (json_type(value), fields.join("."));
        Some(format!("json: cannot unmarshal {have} into Go struct field {owner}.{fields} of type {target}"))
    }
}

fn at<'a>(object: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, step| match step {
        Step::Field(name) | Step::Entry(name) => value.get(&**name),
        Step::Item(index) => value.get(*index),
    })
}

fn drop_at(object: &mut Value, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(object, |value, step| match step {
        Step::Field(name) | Step::Entry(name) => value.get_mut(&**name),
        Step::Item(index) => value.get_mut(*index),
    });
    if let (Some(Value::Object(map)), Step::Field(name) | Step::Entry(name)) = (parent, last) {
        map.shift_remove(&**name);
    }
}

/// `spec.containers[0].image`.
fn indexed(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Field(name) | Step::Entry(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Item(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

/// `.spec.containers[name="c"].image`.
fn keyed(path: &[Step], schema: &Schema, config: &Value) -> String {
    let mut out = String::new();
    let (mut schema, mut value) = (schema, config);
    for step in path {
        match step {
            Step::Field(name) | Step::Entry(name) => {
                out.push('.');
                out.push_str(name);
                schema = schema.child(name).0;
                value = value.get(&**name).unwrap_or(&Value::Null);
            }
            Step::Item(index) => {
                value = value.get(*index).unwrap_or(&Value::Null);
                match schema.keys() {
                    Some(keys) => out.push_str(&crate::fieldset::spoken(&item_element(keys, value))),
                    None => out.push_str(&format!("[{index}]")),
                }
                schema = schema.item();
            }
        }
    }
    out
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" "))
        }
        Value::Object(map) => {
            let mut entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}:{}", printed(value))).collect();
            entries.sort();
            format!("map[{}]", entries.join(" "))
        }
        scalar => scalar.to_string(),
    }
}
