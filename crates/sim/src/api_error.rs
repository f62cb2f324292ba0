//! Refusals, in the words of a Kubernetes API server: the `Status` object.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::resource::Resource;

/// One cause inside a `Status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) field: String,
}

/// Collects what is wrong with the fields of an object.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors(pub(crate) Vec<Cause>);

impl FieldErrors {
    pub(crate) fn required(&mut self, field: impl Into<String>, detail: &str) {
        let message =
            if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        self.push("FieldValueRequired", message, field);
    }

    pub(crate) fn invalid(&mut self, field: impl Into<String>, value: &Value, detail: &str) {
        self.push("FieldValueInvalid", format!("Invalid value: {value}: {detail}"), field);
    }

    pub(crate) fn unsupported(&mut self, field: impl Into<String>, value: &Value, supported: &[&str]) {
        let list = supported.iter().map(|s| format!("\"{s}\"")).collect::<Vec<_>>().join(", ");
        self.push(
            "FieldValueNotSupported",
            format!("Unsupported value: {value}: supported values: {list}"),
            field,
        );
    }

    pub(crate) fn forbidden(&mut self, field: impl Into<String>, detail: &str) {
        self.push("FieldValueForbidden", format!("Forbidden: {detail}"), field);
    }

    pub(crate) fn duplicate(&mut self, field: impl Into<String>, value: &Value) {
        self.push("FieldValueDuplicate", format!("Duplicate value: {value}"), field);
    }

    pub(crate) fn push(&mut self, reason: &'static str, message: String, field: impl Into<String>) {
        self.0.push(Cause { reason, message, field: field.into() });
    }

    /// `Err` with 422 if anything was collected.
    pub(crate) fn into_result(self, resource: &Resource, name: &str) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(&resource.group, &resource.kind, name, self.0))
        }
    }
}

/// A refusal: HTTP code and `Status` body.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// No such path at all (as opposed to no such object).
    pub(crate) fn no_path() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(404, "NotFound", "the server could not find the requested resource")
        }
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )
        }
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        Self {
            details: Some(details(&resource.group, &resource.plural, name)),
            ..Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
        }
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        Self {
            details: Some(details(&resource.group, &resource.plural, name)),
            ..Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
        }
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        Self {
            details: Some(details(&resource.group, &resource.plural, name)),
            ..Self::new(
                409,
                "Conflict",
                format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified()),
            )
        }
    }

    /// A deletion's precondition does not hold; unlike other conflicts this one speaks of the kind.
    pub(crate) fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let kind = if resource.group.is_empty() {
            resource.kind.clone()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        Self {
            details: Some(details(&resource.group, &resource.kind, name)),
            ..Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {kind} \"{name}\": {why}"))
        }
    }

    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(crate) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        Self {
            details: Some(details(&resource.group, &resource.plural, name)),
            ..Self::new(403, "Forbidden", format!("{} \"{name}\" is forbidden: {why}", resource.qualified()))
        }
    }

    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let mut each: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        // The same words are said once; the causes stay.
        each.dedup();
        let summary = match each.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut details = details(group, kind, name);
        if let Some(details) = details.as_object_mut() {
            details.insert("causes".into(), causes_value(&causes));
        }
        Self {
            details: Some(details),
            ..Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {summary}"))
        }
    }

    /// Server-side apply met fields of others.
    pub(crate) fn apply_conflict(message: String, causes: &[Cause]) -> Self {
        Self {
            details: Some(json!({ "causes": causes_value(causes) })),
            ..Self::new(409, "Conflict", message)
        }
    }

    pub(crate) fn unsupported_media_type(accepted: &[&str]) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {}",
                accepted.join(", ")
            ),
        )
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn with_causes(mut self, causes: &[Cause]) -> Self {
        let details = self.details.get_or_insert_with(|| Value::Object(Map::new()));
        if let Some(map) = details.as_object_mut() {
            map.insert("causes".into(), causes_value(causes));
        }
        self
    }

    pub(crate) fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        });
        if let Some(map) = status.as_object_mut() {
            if !self.reason.is_empty() {
                map.insert("reason".into(), json!(self.reason));
            }
            if let Some(details) = &self.details {
                map.insert("details".into(), details.clone());
            }
            map.insert("code".into(), json!(self.code));
        }
        status
    }
}

fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut map = Map::new();
    if !name.is_empty() {
        map.insert("name".into(), json!(name));
    }
    if !group.is_empty() {
        map.insert("group".into(), json!(group));
    }
    map.insert("kind".into(), json!(kind));
    Value::Object(map)
}

fn causes_value(causes: &[Cause]) -> Value {
    causes.iter().map(|c| json!({ "reason": c.reason, "message": c.message, "field": c.field })).collect()
}
