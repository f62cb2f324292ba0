//! From what a server or a connection says to a [`ClusterError`]: the one place where this is decided.

use std::error::Error as StdError;

use kube::core::Status;
use strata_model::object::ObjectKey;

use crate::error::{Call, ClusterError, FieldConflict, UnreachableReason};

/// Longest text of a server that is handed on, in characters.
const MAX_MESSAGE: usize = 2000;

/// What the API server refuses.
pub(crate) fn from_status(call: Call, http: u16, status: &Status) -> ClusterError {
    let fields = causes(status, |_| true);
    let message = telling(&call, status, &fields);
    match http {
        401 => ClusterError::Unauthenticated { call },
        404 => ClusterError::NotFound { call, message },
        409 => {
            let conflicts = field_conflicts(status);
            if conflicts.is_empty() {
                ClusterError::Stale { call, message }
            } else {
                ClusterError::FieldConflict { call, fields: conflicts }
            }
        }
        410 => ClusterError::Expired { call },
        413 => ClusterError::TooLarge { call },
        429 | 500 | 502 | 503 | 504 => ClusterError::Unavailable { call, status: http, message },
        // A webhook's word is taken only when it is plain: REPLACE deletes the object on it.
        _ if is_admission(&status.message) && !status.message.contains("is immutable") => {
            ClusterError::AdmissionDenied { call, message }
        }
        400 | 403 | 422 if is_immutable(http, &status.message) => {
            let fields = immutable_fields(status);
            ClusterError::ImmutableField { call, fields, message }
        }
        403 => ClusterError::Forbidden { call, message },
        400 | 422 => ClusterError::Invalid { call, fields, message },
        _ => ClusterError::Rejected { call, status: http, message },
    }
}

/// Whether a 404 means that the path, not the object, is unknown: the API is not served (any more).
pub(crate) fn is_unknown_path(status: &Status) -> bool {
    status.details.as_ref().is_none_or(|details| details.name.is_empty())
}

/// The server's words. Those about a Secret may quote its data, and are cut down to the fields.
fn telling(call: &Call, status: &Status, fields: &[String]) -> String {
    if call.object().is_some_and(ObjectKey::is_secret) {
        let reason = if status.reason.is_empty() { "refused" } else { &status.reason };
        return if fields.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason}: {}", fields.join(", "))
        };
    }
    if status.message.is_empty() { status.reason.clone() } else { shorten(&status.message) }
}

pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn causes(status: &Status, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut fields: Vec<String> = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .filter(|cause| !cause.field.is_empty() && wanted(&cause.message))
        .map(|cause| cause.field.clone())
        .collect();
    fields.dedup();
    fields
}

/// The fields of a server-side apply conflict, from the causes of its status.
pub(crate) fn field_conflicts(status: &Status) -> Vec<FieldConflict> {
    let mut conflicts: Vec<FieldConflict> = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| {
            let (manager, subresource) = manager(&cause.message);
            FieldConflict { manager, subresource, field: cause.field.clone() }
        })
        .collect();
    conflicts.sort();
    conflicts.dedup();
    conflicts
}

/// Reads `conflict with "kube-controller-manager" with subresource "scale" using apps/v1 at 2026-01-01T00:00:00Z`.
fn manager(message: &str) -> (String, Option<String>) {
    let rest = message.strip_prefix("conflict with ").unwrap_or(message);
    let Some((manager, rest)) = quoted(rest) else { return (rest.to_owned(), None) };
    let subresource = rest.strip_prefix(" with subresource ").and_then(quoted).map(|(name, _)| name);
    (manager, subresource)
}

/// A JSON-like quoted word and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match stream.next() {
        Some(Ok(word)) => {
            let end = stream.byte_offset();
            Some((word, text.get(end..)?))
        }
        _ => None,
    }
}

/// How the API server's validation says that something cannot be changed in place.
const IMMUTABLE: &[&str] = &[
    "is immutable",
    "may not change once set",
    "may not be changed",
    "cannot change roleref",
    "cannot be changed",
    "cannot be modified",
    "updates to statefulset spec for fields other than",
    "updates to parameters are forbidden",
    "updates to provisioner are forbidden",
    "updates to reclaimpolicy are forbidden",
    "updates to volumebindingmode are forbidden",
    "pod updates may not change fields other than",
    "updates to the spec are forbidden",
];

fn is_immutable(http: u16, message: &str) -> bool {
    if http == 422 {
        says_immutable(message)
    } else {
        is_admission(message) && message.contains("is immutable")
    }
}

fn says_immutable(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    IMMUTABLE.iter().any(|phrase| message.contains(phrase))
}

fn immutable_fields(status: &Status) -> Vec<String> {
    let fields = causes(status, says_immutable);
    if fields.is_empty() { causes(status, |_| true) } else { fields }
}

fn is_admission(message: &str) -> bool {
    ["admission webhook", "denied request", "denied the request", "violates PodSecurity", "exceeded quota"]
        .iter()
        .any(|phrase| message.contains(phrase))
}

/// What a failed connection or a broken stream means.
pub(crate) fn from_kube(call: Call, error: &kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) => from_status(call, status.code, status),
        kube::Error::Auth(_) => ClusterError::Setup { detail: chain(error) },
        _ => ClusterError::Unreachable { call, reason: reason(error), detail: chain(error) },
    }
}

fn reason(error: &(dyn StdError + 'static)) -> UnreachableReason {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    // Ten links are more than any chain of the stack has.
    for _ in 0..10 {
        let Some(link) = next else { break };
        if link.is::<rustls::Error>() {
            return UnreachableReason::Tls;
        }
        if let Some(reason) = link.downcast_ref::<std::io::Error>().and_then(io_reason) {
            return reason;
        }
        if link.to_string().starts_with("dns error") {
            let forbidden = link
                .source()
                .and_then(|source| source.downcast_ref::<std::io::Error>())
                .is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied);
            return if forbidden {
                UnreachableReason::ForbiddenAddress
            } else {
                UnreachableReason::UnknownName
            };
        }
        next = link.source();
    }
    UnreachableReason::Broken
}

/// An I/O error that wraps another hides it from `source`.
fn io_reason(error: &std::io::Error) -> Option<UnreachableReason> {
    use std::io::ErrorKind;
    if let Some(inner) = error.get_ref() {
        if inner.is::<rustls::Error>() {
            return Some(UnreachableReason::Tls);
        }
        if let Some(reason) = inner.downcast_ref::<std::io::Error>().and_then(io_reason) {
            return Some(reason);
        }
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Some(UnreachableReason::Refused),
        ErrorKind::TimedOut => Some(UnreachableReason::Timeout),
        ErrorKind::PermissionDenied => Some(UnreachableReason::ForbiddenAddress),
        _ => None,
    }
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(link) = next
        && parts.len() < 10
    {
        let text = link.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = link.source();
    }
    shorten(&parts.join(": "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(value: serde_json::Value) -> Status {
        serde_json::from_value(value).unwrap()
    }

    fn refusal(http: u16, kind: &str, message: &str, causes: serde_json::Value) -> ClusterError {
        let key = ObjectKey { group: String::new(), kind: kind.into(), namespace: None, name: "x".into() };
        let status = status(
            json!({"message": message, "reason": "Invalid", "details": {"name": "x", "causes": causes}}),
        );
        from_status(Call::on("apply", &key), http, &status)
    }

    #[test]
    fn the_manager_of_a_conflict_is_read_in_all_forms() {
        for (message, manager_name, subresource) in [
            (r#"conflict with "kubectl""#, "kubectl", None),
            (r#"conflict with "kubectl-edit" using apps/v1"#, "kubectl-edit", None),
            (r#"conflict with "a \"b\"" using v1 at 2026-01-01T00:00:00Z"#, "a \"b\"", None),
            (
                r#"conflict with "kube-controller-manager" with subresource "scale" using apps/v1 at 2026-01-01T00:00:00Z"#,
                "kube-controller-manager",
                Some("scale"),
            ),
            ("conflict with somebody", "somebody", None),
        ] {
            assert_eq!(
                manager(message),
                (manager_name.to_owned(), subresource.map(str::to_owned)),
                "{message}"
            );
        }
    }

    #[test]
    fn refusals_to_change_in_place_are_told_from_other_invalid_objects() {
        let immutable = [
            ("spec.selector", "Invalid value: {}: field is immutable"),
            ("spec.template", "Invalid value: core.PodTemplateSpec{}: field is immutable"),
            ("roleRef", "Invalid value: rbac.RoleRef{}: cannot change roleRef"),
            ("spec", "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden"),
            ("spec.clusterIPs[0]", "Invalid value: []string(nil): may not change once set"),
            ("parameters", "Forbidden: updates to parameters are forbidden."),
            ("data", "Forbidden: field is immutable when `immutable` is set"),
        ];
        for (field, text) in immutable {
            let causes = json!([{"reason": "FieldValueInvalid", "message": text, "field": field}]);
            match refusal(422, "Thing", &format!("Thing \"x\" is invalid: {field}: {text}"), causes) {
                ClusterError::ImmutableField { fields, .. } => assert_eq!(fields, [field]),
                other => panic!("{field}: {other:?}"),
            }
        }
        let causes = json!([{"reason": "FieldValueInvalid", "message": "Invalid value: -1", "field": "spec.replicas"}]);
        assert!(matches!(
            refusal(422, "Thing", "spec.replicas: Invalid value: -1: must be at least 0", causes),
            ClusterError::Invalid { fields, .. } if fields == ["spec.replicas"]
        ));
    }

    #[test]
    fn only_the_fields_that_cannot_change_are_named() {
        let causes = json!([
            {"reason": "FieldValueInvalid", "message": "Invalid value: -1", "field": "spec.replicas"},
            {"reason": "FieldValueInvalid", "message": "field is immutable", "field": "spec.selector"},
        ]);
        match refusal(422, "Thing", "spec.selector: field is immutable", causes) {
            ClusterError::ImmutableField { fields, .. } => assert_eq!(fields, ["spec.selector"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn admission_is_told_from_missing_permission() {
        let webhook = r#"admission webhook "policy.example.com" denied the request: no latest tags"#;
        assert!(matches!(refusal(403, "Pod", webhook, json!([])), ClusterError::AdmissionDenied { .. }));
        assert!(matches!(refusal(400, "Pod", webhook, json!([])), ClusterError::AdmissionDenied { .. }));
        let owner = r#"admission webhook "x" denied the request: the owner cannot be changed"#;
        assert!(matches!(refusal(403, "Pod", owner, json!([])), ClusterError::AdmissionDenied { .. }));
        let fixed = r#"admission webhook "x" denied the request: spec.providerID: field is immutable"#;
        assert!(matches!(refusal(403, "Pod", fixed, json!([])), ClusterError::ImmutableField { .. }));
        let rbac = r#"pods is forbidden: User "s" cannot create resource "pods""#;
        assert!(matches!(refusal(403, "Pod", rbac, json!([])), ClusterError::Forbidden { .. }));
    }

    #[test]
    fn words_about_a_secret_are_not_handed_on() {
        let causes = json!([{"reason": "FieldValueInvalid", "message": "Invalid value: \"hunter2\"", "field": "data[p]"}]);
        let error = refusal(422, "Secret", "data[p]: Invalid value: \"hunter2\"", causes);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(error.to_string().contains("data[p]"), "{error}");
    }
}
