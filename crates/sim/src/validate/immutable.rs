//! Fields that may not change.

use serde_json::{Value, json};

use crate::{api_error::FieldErrors, resource::Resource, value::text};

const IMMUTABLE: &str = "field is immutable";

fn same(old: &Value, new: &Value, pointer: &str) -> bool {
    old.pointer(pointer).unwrap_or(&Value::Null) == new.pointer(pointer).unwrap_or(&Value::Null)
}

fn frozen(old: &Value, new: &Value, pointer: &str, errors: &mut FieldErrors) {
    if !same(old, new, pointer) {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        errors.invalid(field, new.pointer(pointer).unwrap_or(&Value::Null), IMMUTABLE);
    }
}

fn only(old: &Value, new: &Value, allowed: &[&str]) -> bool {
    let strip = |object: &Value| {
        let mut spec = object.get("spec").cloned().unwrap_or_default();
        for key in allowed {
            crate::value::remove(&mut spec, &key.split('.').collect::<Vec<_>>());
        }
        spec
    };
    strip(old) == strip(new)
}

/// Compares an object with what it replaces.
pub(super) fn check(resource: &Resource, old: &Value, new: &Value, errors: &mut FieldErrors) {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("apps", "deployments" | "replicasets" | "daemonsets") => frozen(old, new, "/spec/selector", errors),
        ("apps", "statefulsets") => {
            let allowed = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
                "revisionHistoryLimit",
            ];
            if !only(old, new, &allowed) {
                errors.forbidden(
                    "spec",
                    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
                );
            }
        }
        ("batch", "jobs") => {
            for pointer in ["/spec/completions", "/spec/selector", "/spec/template", "/spec/completionMode"] {
                frozen(old, new, pointer, errors);
            }
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings")
            if !same(old, new, "/roleRef") =>
        {
            errors.invalid("roleRef", new.get("roleRef").unwrap_or(&Value::Null), "cannot change roleRef");
        }
        ("", "configmaps" | "secrets") => {
            if old.get("immutable") == Some(&json!(true)) {
                if new.get("immutable") != Some(&json!(true)) {
                    errors.forbidden("immutable", "field is immutable when `immutable` is set");
                }
                for field in ["data", "binaryData"] {
                    if !same(old, new, &format!("/{field}")) {
                        errors.forbidden(field, "field is immutable when `immutable` is set");
                    }
                }
            }
            if resource.plural == "secrets" {
                frozen(old, new, "/type", errors);
            }
        }
        ("", "persistentvolumeclaims")
            if !only(
                old,
                new,
                &["resources.requests.storage", "volumeAttributesClassName", "volumeName"],
            ) =>
        {
            errors.forbidden(
                    "spec",
                    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
                );
        }
        ("", "services") => {
            let had = text(old, "/spec/clusterIP");
            let typed = |object: &Value| text(object, "/spec/type") != "ExternalName";
            if typed(old) && typed(new) && !had.is_empty() && had != text(new, "/spec/clusterIP") {
                errors.invalid(
                    "spec.clusterIPs[0]",
                    &json!([text(new, "/spec/clusterIP")]),
                    "may not change once set",
                );
            }
        }
        ("", "pods") => {
            let images = |object: &Value| {
                let mut spec = object.get("spec").cloned().unwrap_or_default();
                for key in ["containers", "initContainers"] {
                    for container in spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                        crate::value::remove(container, &["image"]);
                        crate::value::remove(container, &["resources"]);
                    }
                }
                for key in
                    ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"]
                {
                    crate::value::remove(&mut spec, &[key]);
                }
                spec
            };
            if images(old) != images(new) {
                errors.forbidden(
                    "spec",
                    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
                );
            }
        }
        ("storage.k8s.io", "storageclasses") => {
            for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
                if !same(old, new, &format!("/{field}")) {
                    errors.forbidden(field, &format!("updates to {field} are forbidden."));
                }
            }
        }
        ("scheduling.k8s.io", "priorityclasses") if !same(old, new, "/value") => {
            errors.forbidden("value", "may not be changed in an update.");
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            for pointer in ["/spec/group", "/spec/scope", "/spec/names/plural", "/spec/names/kind"] {
                frozen(old, new, pointer, errors);
            }
        }
        _ => {}
    }
}
