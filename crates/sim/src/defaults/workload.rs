//! Defaults of the kinds that make pods.

use serde_json::{Value, json};

use super::pod;
use crate::{
    resource::Resource,
    value::{child, default, set, text},
};

pub(super) fn fill(resource: &Resource, object: &mut Value, fresh: bool) {
    let uid = text(object, "/metadata/uid").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    match resource.plural.as_str() {
        "deployments" => deployment(child(object, "spec")),
        "replicasets" => {
            let spec = child(object, "spec");
            default(spec, "replicas", 1);
            template(spec);
        }
        "statefulsets" => stateful_set(child(object, "spec")),
        "daemonsets" => {
            let spec = child(object, "spec");
            default(spec, "revisionHistoryLimit", 10);
            let strategy = child(spec, "updateStrategy");
            default(strategy, "type", "RollingUpdate");
            if text(strategy, "/type") == "RollingUpdate" {
                let rolling = child(strategy, "rollingUpdate");
                default(rolling, "maxUnavailable", 1);
                default(rolling, "maxSurge", 0);
            }
            template(spec);
        }
        "jobs" => {
            job(child(object, "spec"));
            if fresh {
                job_identity(object, &name, &uid);
            }
        }
        "cronjobs" => {
            let spec = child(object, "spec");
            default(spec, "concurrencyPolicy", "Allow");
            default(spec, "suspend", false);
            default(spec, "successfulJobsHistoryLimit", 3);
            default(spec, "failedJobsHistoryLimit", 1);
            let inner = child(child(spec, "jobTemplate"), "spec");
            template(inner);
        }
        _ => {}
    }
}

fn template(spec: &mut Value) {
    pod::spec(child(child(spec, "template"), "spec"), false);
}

fn deployment(spec: &mut Value) {
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    let strategy = child(spec, "strategy");
    default(strategy, "type", "RollingUpdate");
    if text(strategy, "/type") == "RollingUpdate" {
        let rolling = child(strategy, "rollingUpdate");
        default(rolling, "maxUnavailable", "25%");
        default(rolling, "maxSurge", "25%");
    }
    template(spec);
}

fn stateful_set(spec: &mut Value) {
    default(spec, "replicas", 1);
    default(spec, "podManagementPolicy", "OrderedReady");
    default(spec, "revisionHistoryLimit", 10);
    default(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    let strategy = child(spec, "updateStrategy");
    default(strategy, "type", "RollingUpdate");
    if text(strategy, "/type") == "RollingUpdate" {
        default(child(strategy, "rollingUpdate"), "partition", 0);
    }
    for claim in spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut).into_iter().flatten() {
        default(claim, "kind", "PersistentVolumeClaim");
        default(claim, "apiVersion", "v1");
        default(child(claim, "spec"), "volumeMode", "Filesystem");
        default(claim, "status", json!({"phase": "Pending"}));
    }
    template(spec);
}

fn job(spec: &mut Value) {
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        default(spec, "completions", 1);
    }
    default(spec, "parallelism", 1);
    default(spec, "backoffLimit", 6);
    default(spec, "completionMode", "NonIndexed");
    default(spec, "suspend", false);
    default(spec, "podReplacementPolicy", "TerminatingOrFailed");
    default(spec, "manualSelector", false);
    template(spec);
}

fn job_identity(object: &mut Value, name: &str, uid: &str) {
    if object.pointer("/spec/manualSelector").and_then(Value::as_bool).unwrap_or(false) {
        return;
    }
    set(object, &["spec", "selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}));
    let labels = child(child(child(child(object, "spec"), "template"), "metadata"), "labels");
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("controller-uid", uid),
        ("job-name", name),
    ] {
        set(labels, &[key], value);
    }
    // Jobs carry the labels of their template unless they have their own.
    if object.pointer("/metadata/labels").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty)
        && let Some(labels) = object.pointer("/spec/template/metadata/labels").cloned()
    {
        set(object, &["metadata", "labels"], labels);
    }
}
