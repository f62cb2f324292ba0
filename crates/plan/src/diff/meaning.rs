//! What says the same in other words.
//!
//! *Idea.* `1000m` of a processor is `1`, and a port without a protocol is a port with `TCP`: such a change is sent, because the
//! manifest is another one, and does nothing. A preview marks it, and replaces no Pods for it.
//!
//! *Guarantees.* Only of kinds of Kubernetes itself; [`FILLED_IN`] is checked against the real API server.
//!
//! *Caveats.* What is not in the tables counts as saying something else. So do replicas: whether saying nothing is the same as
//! saying one depends on who else scales.

use serde_json::{Value, json};
use strata_model::{
    plan::SameMeaning,
    quantity::Quantity,
    value_path::{Segment, ValuePath},
};
use strata_values::{Change, diff_values};

/// A field that Kubernetes fills in where nothing is said: the kinds, the last keys of its path, and the value as JSON.
/// See <https://kubernetes.io/docs/reference/kubernetes-api/>, at each field.
pub const FILLED_IN: &[(&[&str], &[&str], &str)] = &[
    (PODS, &["spec", "restartPolicy"], r#""Always""#),
    (PODS, &["spec", "dnsPolicy"], r#""ClusterFirst""#),
    (PODS, &["spec", "schedulerName"], r#""default-scheduler""#),
    (PODS, &["spec", "terminationGracePeriodSeconds"], "30"),
    (WORKLOADS, &["containers", "terminationMessagePath"], r#""/dev/termination-log""#),
    (WORKLOADS, &["containers", "terminationMessagePolicy"], r#""File""#),
    (WORKLOADS, &["containers", "ports", "protocol"], r#""TCP""#),
    (WORKLOADS, &["httpGet", "scheme"], r#""HTTP""#),
    (WORKLOADS, &["livenessProbe", "timeoutSeconds"], "1"),
    (WORKLOADS, &["livenessProbe", "periodSeconds"], "10"),
    (WORKLOADS, &["livenessProbe", "successThreshold"], "1"),
    (WORKLOADS, &["livenessProbe", "failureThreshold"], "3"),
    (WORKLOADS, &["readinessProbe", "timeoutSeconds"], "1"),
    (WORKLOADS, &["readinessProbe", "periodSeconds"], "10"),
    (WORKLOADS, &["readinessProbe", "successThreshold"], "1"),
    (WORKLOADS, &["readinessProbe", "failureThreshold"], "3"),
    (WORKLOADS, &["fieldRef", "apiVersion"], r#""v1""#),
    (WORKLOADS, &["volumes", "configMap", "defaultMode"], "420"),
    (WORKLOADS, &["volumes", "secret", "defaultMode"], "420"),
    (WORKLOADS, &["volumes", "projected", "defaultMode"], "420"),
    (&["Deployment", "StatefulSet", "DaemonSet"], &["spec", "revisionHistoryLimit"], "10"),
    (&["Deployment"], &["spec", "progressDeadlineSeconds"], "600"),
    (&["Deployment"], &["spec", "strategy", "type"], r#""RollingUpdate""#),
    (&["Deployment"], &["rollingUpdate", "maxSurge"], r#""25%""#),
    (&["Deployment"], &["rollingUpdate", "maxUnavailable"], r#""25%""#),
    (&["StatefulSet"], &["spec", "podManagementPolicy"], r#""OrderedReady""#),
    (&["StatefulSet", "DaemonSet"], &["updateStrategy", "type"], r#""RollingUpdate""#),
    (&["Job"], &["spec", "backoffLimit"], "6"),
    (&["Job"], &["spec", "completionMode"], r#""NonIndexed""#),
    (&["Job"], &["spec", "suspend"], "false"),
    (&["CronJob"], &["spec", "concurrencyPolicy"], r#""Allow""#),
    (&["CronJob"], &["spec", "failedJobsHistoryLimit"], "1"),
    (&["CronJob"], &["spec", "successfulJobsHistoryLimit"], "3"),
    (&["Service"], &["spec", "type"], r#""ClusterIP""#),
    (&["Service"], &["spec", "sessionAffinity"], r#""None""#),
    (&["Service"], &["spec", "ports", "protocol"], r#""TCP""#),
    (&["Service"], &["spec", "internalTrafficPolicy"], r#""Cluster""#),
    (&["PersistentVolumeClaim"], &["spec", "volumeMode"], r#""Filesystem""#),
    (&["StorageClass"], &["reclaimPolicy"], r#""Delete""#),
    (&["StorageClass"], &["volumeBindingMode"], r#""Immediate""#),
];

/// Those that hold Pods to be kept running.
const PODS: &[&str] = &["Deployment", "StatefulSet", "DaemonSet", "Pod"];
/// Those that hold Pods.
const WORKLOADS: &[&str] = &["Deployment", "StatefulSet", "DaemonSet", "Pod", "Job", "CronJob"];

/// Where quantities stand, by the keys before the last one.
const AMOUNTS: &[(&[&str], &[&str])] = &[
    (WORKLOADS, &["resources", "requests"]),
    (WORKLOADS, &["resources", "limits"]),
    (WORKLOADS, &["spec", "overhead"]),
    (&["StatefulSet", "PersistentVolumeClaim"], &["resources", "requests"]),
    (&["PersistentVolume"], &["spec", "capacity"]),
    (&["ResourceQuota"], &["spec", "hard"]),
    (&["LimitRange"], &["limits", "max"]),
    (&["LimitRange"], &["limits", "min"]),
    (&["LimitRange"], &["limits", "default"]),
    (&["LimitRange"], &["limits", "defaultRequest"]),
];

/// Quantities with a name of their own.
const NAMED_AMOUNTS: &[(&[&str], &[&str])] = &[
    (WORKLOADS, &["emptyDir", "sizeLimit"]),
    (WORKLOADS, &["resourceFieldRef", "divisor"]),
    (&["HorizontalPodAutoscaler"], &["target", "value"]),
    (&["HorizontalPodAutoscaler"], &["target", "averageValue"]),
];

/// Groups of Kubernetes itself that the tables speak of.
const GROUPS: &[&str] = &["", "apps", "batch", "autoscaling", "storage.k8s.io"];

/// Why a change between two bodies of an object does nothing.
pub(super) fn same_meaning(before: &Value, after: &Value, change: &Change) -> Option<SameMeaning> {
    let api_version = after.get("apiVersion")?.as_str()?;
    let (group, _) = strata_model::object::split_api_version(api_version);
    let kind = after.get("kind")?.as_str()?;
    if !GROUPS.contains(&group) {
        return None;
    }
    let keys = keys(&change.path);
    match (&change.before, &change.after) {
        // A list without keys changes as a whole, and may still say the same item by item.
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            let mut same = None;
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                for inner in diff_values(one, other) {
                    let mut path = change.path.child(Segment::Index(index));
                    path.0.extend(inner.path.0.iter().cloned());
                    let inner = Change { path, ..inner };
                    same = Some(same_meaning(before, after, &inner)?);
                }
            }
            same
        }
        (Some(one), Some(other)) => {
            let said = AMOUNTS.iter().any(|(kinds, around)| {
                kinds.contains(&kind) && keys.split_last().is_some_and(|(_, rest)| rest.ends_with(around))
            });
            let named =
                NAMED_AMOUNTS.iter().any(|(kinds, last)| kinds.contains(&kind) && keys.ends_with(last));
            let (one, other) = (Quantity::of_value(one)?, Quantity::of_value(other)?);
            // These compare revisions of their template as they are written, with amounts in the form that Kubernetes gives them.
            let by_text = matches!(kind, "StatefulSet" | "DaemonSet")
                && keys.starts_with(&["spec", "template"])
                && one.to_string() != other.to_string();
            ((said || named) && one == other && !by_text).then_some(SameMeaning::Amount)
        }
        (None, Some(value)) | (Some(value), None) => {
            let body = if change.after.is_some() { after } else { before };
            (is_filled_in(kind, &keys, value) || is_pull_policy(body, &change.path, value))
                .then_some(SameMeaning::Default)
        }
        (None, None) => None,
    }
}

/// The keys of a path; which item of a list does not matter.
fn keys(path: &ValuePath) -> Vec<&str> {
    path.0
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) | Segment::Item(_) => None,
        })
        .collect()
}

fn is_filled_in(kind: &str, keys: &[&str], value: &Value) -> bool {
    FILLED_IN.iter().any(|(kinds, last, filled_in)| {
        // One key alone is a field of the object itself.
        let is_it = if last.len() == 1 { keys == *last } else { keys.ends_with(last) };
        kinds.contains(&kind)
            && is_it
            && serde_json::from_str::<Value>(filled_in).is_ok_and(|filled_in| filled_in == *value)
    })
}

/// What is pulled depends on the image: always where its tag is `latest` or not said, else if it is not there.
fn is_pull_policy(body: &Value, path: &ValuePath, value: &Value) -> bool {
    let is_policy = matches!(path.0.last(), Some(Segment::Key(key)) if key == "imagePullPolicy");
    let container = path.parent().filter(|_| is_policy);
    let image = container.as_ref().and_then(|container| container.find(body)?.get("image")?.as_str());
    image.is_some_and(|image| {
        let name = image.rsplit('/').next().unwrap_or(image);
        let latest = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
        *value == json!(if latest { "Always" } else { "IfNotPresent" })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(spec: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
    }

    fn container(container: &Value) -> Value {
        deployment(&json!({"template": {"spec": {"containers": [container]}}}))
    }

    fn same(before: &Value, after: &Value) -> Vec<(String, Option<SameMeaning>)> {
        let changes = diff_values(before, after);
        changes.iter().map(|it| (it.path.to_string(), same_meaning(before, after, it))).collect()
    }

    #[test]
    fn amounts_are_compared_as_such() {
        let of = |cpu: Value, memory: &str| {
            container(&json!({"name": "a", "resources": {"limits": {"cpu": cpu, "memory": memory}}}))
        };
        let told = same(&of(json!("1000m"), "1Gi"), &of(json!(1), "1024Mi"));
        assert!(told.len() == 2 && told.iter().all(|(_, it)| *it == Some(SameMeaning::Amount)), "{told:?}");
        let told = same(&of(json!("1"), "1Gi"), &of(json!("1100m"), "1G"));
        assert!(told.len() == 2 && told.iter().all(|(_, it)| it.is_none()), "{told:?}");
        // A DaemonSet compares what is written, in the form that Kubernetes gives it.
        let set = |memory: &str| {
            let container = json!({"name": "a", "resources": {"limits": {"memory": memory}}});
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"template": {"spec": {"containers": [container]}}}})
        };
        assert_eq!(same(&set("1Gi"), &set("1073741824"))[0].1, None);
        assert_eq!(
            same(&set("1Gi"), &set("1024Mi"))[0].1,
            Some(SameMeaning::Amount),
            "Kubernetes writes both alike"
        );
        // Elsewhere a text is a text.
        let told = same(
            &container(&json!({"name": "a", "args": ["1"], "workingDir": "1"})),
            &container(&json!({"name": "a", "args": ["1000m"], "workingDir": "1000m"})),
        );
        assert!(told.iter().all(|(_, it)| it.is_none()), "{told:?}");
    }

    #[test]
    fn what_is_filled_in_says_nothing() {
        let bare = json!({"name": "a", "image": "web:1", "ports": [{"containerPort": 80, "name": "http"}]});
        let full = json!({"name": "a", "image": "web:1", "imagePullPolicy": "IfNotPresent",
            "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}]});
        for (before, after) in [(&bare, &full), (&full, &bare)] {
            let told = same(&container(before), &container(after));
            assert!(
                told.len() == 2 && told.iter().all(|(_, it)| *it == Some(SameMeaning::Default)),
                "{told:?}"
            );
        }
        let other = json!({"name": "a", "image": "web:1", "imagePullPolicy": "Always",
            "ports": [{"containerPort": 80, "name": "http", "protocol": "UDP"}]});
        assert!(same(&container(&bare), &container(&other)).iter().all(|(_, it)| it.is_none()));
        let history = |limit: &Value| deployment(&json!({"revisionHistoryLimit": limit, "paused": true}));
        let none = deployment(&json!({"paused": true}));
        assert_eq!(same(&none, &history(&json!(10)))[0].1, Some(SameMeaning::Default));
        assert_eq!(same(&none, &history(&json!(2)))[0].1, None);
        let class = |more: &Value| json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "parameters": more});
        let told = same(&class(&json!({"a": "b"})), &class(&json!({"a": "b", "reclaimPolicy": "Delete"})));
        assert_eq!(told[0].1, None, "a parameter of that name is none of Kubernetes' fields");
        // A definition's object may mean anything by it.
        let own = |extra: &Value| json!({"apiVersion": "acme.io/v1", "kind": "Deployment", "spec": extra});
        assert_eq!(same(&own(&json!({})), &own(&json!({"revisionHistoryLimit": 10})))[0].1, None);
    }

    #[test]
    fn the_pull_policy_follows_the_image() {
        for (image, policy) in [
            ("web", "Always"),
            ("web:latest", "Always"),
            ("host:5000/web", "Always"),
            ("host:5000/web:1.0", "IfNotPresent"),
            ("web@sha256:00", "IfNotPresent"),
        ] {
            let bare = container(&json!({"name": "a", "image": image}));
            let full = container(&json!({"name": "a", "image": image, "imagePullPolicy": policy}));
            assert_eq!(same(&bare, &full)[0].1, Some(SameMeaning::Default), "{image}");
        }
    }
}
