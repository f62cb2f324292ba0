//! Defaults of pod specs.

use serde_json::{Value, json};

use crate::value::{default, set, text};

/// Fills a pod spec; `alone` for a Pod, as against a template.
pub(super) fn spec(spec: &mut Value, alone: bool) {
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", "default-scheduler");
    let account = text(spec, "/serviceAccountName").to_owned();
    if !account.is_empty() {
        set(spec, &["serviceAccount"], account);
    } else if let Some(old) = spec.get("serviceAccount").cloned() {
        set(spec, &["serviceAccountName"], old);
    }
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    for key in ["containers", "initContainers"] {
        for container in spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            container_defaults(container, host_network);
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        volume_defaults(volume);
    }
    if alone {
        default(spec, "enableServiceLinks", true);
        default(spec, "preemptionPolicy", "PreemptLowerPriority");
        default(spec, "priority", 0);
        default(spec, "serviceAccountName", "default");
        default(spec, "serviceAccount", "default");
        default(
            spec,
            "tolerations",
            json!([
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            ]),
        );
    }
}

fn container_defaults(container: &mut Value, host_network: bool) {
    let image = text(container, "/image");
    let tag = image.rsplit('/').next().unwrap_or(image);
    let latest = !image.contains('@') && (!tag.contains(':') || tag.ends_with(":latest"));
    default(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "resources", json!({}));
    // A limit without a request is the request too.
    if let Some(limits) = container.pointer("/resources/limits").cloned()
        && let Some(limits) = limits.as_object()
    {
        for (name, quantity) in limits {
            if container.pointer("/resources/requests").and_then(|r| r.get(name)).is_none() {
                set(container, &["resources", "requests", name], quantity.clone());
            }
        }
    }
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", "TCP");
        if host_network && let Some(number) = port.get("containerPort").cloned() {
            default(port, "hostPort", number);
        }
    }
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            default(field, "apiVersion", "v1");
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).filter(|probe| probe.is_object()) {
            default(probe, "timeoutSeconds", 1);
            default(probe, "periodSeconds", 10);
            default(probe, "successThreshold", 1);
            default(probe, "failureThreshold", 3);
            if let Some(get) = probe.get_mut("httpGet") {
                default(get, "path", "/");
                default(get, "scheme", "HTTP");
            }
        }
    }
}

fn volume_defaults(volume: &mut Value) {
    let sources = ["configMap", "secret", "projected", "downwardAPI"];
    let mut known = false;
    for source in sources {
        if let Some(source) = volume.get_mut(source).filter(|source| source.is_object()) {
            default(source, "defaultMode", 420);
            known = true;
        }
    }
    if let Some(host) = volume.get_mut("hostPath").filter(|host| host.is_object()) {
        default(host, "type", "");
    }
    for projection in
        volume.pointer_mut("/projected/sources").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(token) = projection.get_mut("serviceAccountToken") {
            default(token, "expirationSeconds", 3600);
        }
        for item in
            projection.pointer_mut("/downwardAPI/items").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let Some(field) = item.get_mut("fieldRef") {
                default(field, "apiVersion", "v1");
            }
        }
    }
    if !known && volume.as_object().is_some_and(|map| map.len() == 1) {
        set(volume, &["emptyDir"], json!({}));
    }
}
