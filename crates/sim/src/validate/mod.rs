//! What the API server refuses of an object: names, required fields, references. What may not change is in `immutable`.

mod immutable;

use serde_json::{Value, json};

use crate::{
    api_error::{ApiError, FieldErrors},
    crd,
    resource::Resource,
    selector::LabelSelector,
    value::{list, text},
};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label_value(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && edge(text.chars().next())
        && edge(text.chars().last())
}

/// Checks an object that is about to be stored; `old` when it replaces one.
///
/// # Errors
/// 422 with a cause per field.
pub(crate) fn check(
    resource: &Resource,
    version: &str,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), ApiError> {
    let mut errors = FieldErrors::default();
    let name = text(new, "/metadata/name").to_owned();
    metadata(resource, old, new, &mut errors);
    if let Some(version) = resource.crd_version(version) {
        crd::validate(new, &version.openapi, &mut errors);
        return errors.into_result(resource, &name);
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("apps", "deployments" | "replicasets" | "daemonsets" | "statefulsets") => {
            workload(resource, new, &mut errors)
        }
        ("batch", "jobs") => job(new, &mut errors),
        ("batch", "cronjobs") => {
            if text(new, "/spec/schedule").is_empty() {
                errors.required("spec.schedule", "");
            }
            pod_spec(
                new.pointer("/spec/jobTemplate/spec/template/spec"),
                "spec.jobTemplate.spec.template.spec",
                &mut errors,
            );
        }
        ("", "pods") => pod_spec(new.pointer("/spec"), "spec", &mut errors),
        ("", "services") => {
            let kind = text(new, "/spec/type");
            let headless = text(new, "/spec/clusterIP") == "None";
            if list(new, "/spec/ports").is_empty() && kind != "ExternalName" && !headless {
                errors.required("spec.ports", "");
            }
            if !matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName") {
                errors.unsupported(
                    "spec.type",
                    &json!(kind),
                    &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
                );
            }
        }
        ("", "configmaps" | "secrets") => {
            for map in ["data", "binaryData"] {
                for key in new.get(map).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
                    let legal = !key.is_empty()
                        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
                    if !legal {
                        errors.invalid(format!("{map}[{key}]"), &json!(key), CONFIG_KEY);
                    }
                }
            }
        }
        ("", "persistentvolumeclaims") => {
            if list(new, "/spec/accessModes").is_empty() {
                errors.required("spec.accessModes", "at least 1 access mode is required");
            }
            if new.pointer("/spec/resources/requests/storage").is_none() {
                errors.required("spec.resources[storage]", "");
            }
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            let kind = text(new, "/roleRef/kind");
            let cluster = resource.plural == "clusterrolebindings";
            if (cluster && kind != "ClusterRole") || !matches!(kind, "Role" | "ClusterRole") {
                let supported: &[&str] = if cluster { &["ClusterRole"] } else { &["ClusterRole", "Role"] };
                errors.unsupported("roleRef.kind", &json!(kind), supported);
            }
            if text(new, "/roleRef/name").is_empty() {
                errors.required("roleRef.name", "");
            }
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition(new, &mut errors),
        _ => {}
    }
    if let Some(old) = old {
        immutable::check(resource, old, new, &mut errors);
    }
    errors.into_result(resource, &name)
}

fn metadata(resource: &Resource, old: Option<&Value>, new: &Value, errors: &mut FieldErrors) {
    let name = text(new, "/metadata/name");
    if name.is_empty() {
        errors.required("metadata.name", "name or generateName is required");
    } else if old.is_none() {
        let value = json!(name);
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "namespaces") if !is_label(name) => errors.invalid("metadata.name", &value, LABEL),
            ("", "services") if !is_label(name) || name.starts_with(|c: char| c.is_ascii_digit()) => {
                errors.invalid("metadata.name", &value, LABEL_1035);
            }
            ("rbac.authorization.k8s.io", _) => {}
            ("apps", "statefulsets") if !is_label(name) => errors.invalid("metadata.name", &value, LABEL),
            _ if !is_subdomain(name) => errors.invalid("metadata.name", &value, SUBDOMAIN),
            _ => {}
        }
    }
    for (_, value) in new.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten() {
        if let Some(content) = value.as_str()
            && !is_label_value(content)
        {
            errors.invalid("metadata.labels", value, VALUE);
        }
    }
    for (index, owner) in list(new, "/metadata/ownerReferences").iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(field).and_then(Value::as_str).unwrap_or_default().is_empty() {
                let detail =
                    format!("{} must not be empty", if field == "apiVersion" { "version" } else { field });
                errors.invalid(format!("metadata.ownerReferences[{index}].{field}"), &json!(""), &detail);
            }
        }
    }
    if let Some(old) = old
        && old.pointer("/metadata/deletionTimestamp").is_some()
    {
        let had = list(old, "/metadata/finalizers");
        let added: Vec<&Value> =
            list(new, "/metadata/finalizers").iter().filter(|f| !had.contains(f)).collect();
        if !added.is_empty() {
            errors.forbidden(
                "metadata.finalizers",
                &format!("no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"),
            );
        }
    }
}

fn workload(resource: &Resource, new: &Value, errors: &mut FieldErrors) {
    if let Some(replicas) = new.pointer("/spec/replicas").and_then(Value::as_i64)
        && replicas < 0
    {
        errors.invalid("spec.replicas", &json!(replicas), "must be greater than or equal to 0");
    }
    match new.pointer("/spec/selector") {
        None | Some(Value::Null) => {
            errors.required("spec.selector", "");
            let labels = new.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
            errors.invalid(
                "spec.template.metadata.labels",
                &labels,
                "`selector` does not match template `labels`",
            );
        }
        Some(selector) => {
            let parsed = LabelSelector::from_object(selector);
            if parsed.is_empty() {
                errors.invalid(
                    "spec.selector",
                    selector,
                    &format!("empty selector is invalid for {}", noun(resource)),
                );
            }
            let labels = new.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
            if !parsed.matches_labels(&labels) {
                errors.invalid(
                    "spec.template.metadata.labels",
                    &labels,
                    "`selector` does not match template `labels`",
                );
            }
        }
    }
    pod_spec(new.pointer("/spec/template/spec"), "spec.template.spec", errors);
    let policy = text(new, "/spec/template/spec/restartPolicy");
    if policy != "Always" {
        errors.unsupported("spec.template.spec.restartPolicy", &json!(policy), &["Always"]);
    }
}

fn noun(resource: &Resource) -> &'static str {
    match resource.plural.as_str() {
        "deployments" => "deployment",
        "daemonsets" => "daemonset",
        "statefulsets" => "statefulset",
        _ => "replicaset",
    }
}

fn job(new: &Value, errors: &mut FieldErrors) {
    pod_spec(new.pointer("/spec/template/spec"), "spec.template.spec", errors);
    let policy = text(new, "/spec/template/spec/restartPolicy");
    if policy == "Always" {
        errors.required("spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\"");
    }
}

fn pod_spec(spec: Option<&Value>, path: &str, errors: &mut FieldErrors) {
    let empty = json!({});
    let spec = spec.unwrap_or(&empty);
    let containers = list(spec, "/containers");
    if containers.is_empty() {
        errors.required(format!("{path}.containers"), "");
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let at = format!("{path}.containers[{index}]");
        let name = text(container, "/name");
        if name.is_empty() {
            errors.required(format!("{at}.name"), "");
        } else if !is_label(name) {
            errors.invalid(format!("{at}.name"), &json!(name), LABEL);
        } else if seen.contains(&name) {
            errors.duplicate(format!("{at}.name"), &json!(name));
        }
        seen.push(name);
        if text(container, "/image").is_empty() {
            errors.required(format!("{at}.image"), "");
        }
        for (number, port) in list(container, "/ports").iter().enumerate() {
            if port.get("containerPort").is_none_or(|port| port == &json!(0)) {
                errors.required(format!("{at}.ports[{number}].containerPort"), "");
            }
        }
        for (number, variable) in list(container, "/env").iter().enumerate() {
            if text(variable, "/name").is_empty() {
                errors.required(format!("{at}.env[{number}].name"), "");
            }
        }
        for (number, mount) in list(container, "/volumeMounts").iter().enumerate() {
            let volume = text(mount, "/name");
            let known = list(spec, "/volumes").iter().any(|v| text(v, "/name") == volume);
            if !known {
                let field = format!("{at}.volumeMounts[{number}].name");
                errors.push("FieldValueNotFound", format!("Not found: {}", json!(volume)), field);
            }
        }
    }
}

fn definition(new: &Value, errors: &mut FieldErrors) {
    let expected = format!("{}.{}", text(new, "/spec/names/plural"), text(new, "/spec/group"));
    if text(new, "/metadata/name") != expected {
        errors.invalid(
            "metadata.name",
            &json!(text(new, "/metadata/name")),
            "must be spec.names.plural+\".\"+spec.group",
        );
    }
    let versions = list(new, "/spec/versions");
    let storage = versions.iter().filter(|v| v.get("storage") == Some(&json!(true))).count();
    if storage != 1 {
        errors.invalid(
            "spec.versions",
            &json!(versions.iter().map(|v| v.get("name").cloned()).collect::<Vec<_>>()),
            "must have exactly one version marked as storage version",
        );
    }
    for (index, version) in versions.iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none() {
            errors.required(format!("spec.versions[{index}].schema.openAPIV3Schema"), "schemas are required");
        }
    }
}
