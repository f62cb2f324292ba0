//! One row a situation: what lives, and the verdict.

use serde_json::{Value, json};

use super::*;

/// `R` ready, `P` progressing, `F` failed, with a part of the reason.
fn check(rows: &[(&str, char, &str, Value)]) {
    for (name, verdict, part, object) in rows {
        let found = health(object);
        let letter = match found {
            Health::Ready => 'R',
            Health::Progressing(_) => 'P',
            Health::Failed(_) => 'F',
        };
        assert_eq!(letter, *verdict, "{name}: {found:?}");
        assert!(found.reason().contains(part), "{name}: {found:?}");
    }
}

fn object(api_version: &str, kind: &str, spec: Value, status: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": spec, "status": status})
}

fn condition(name: &str, status: &str, reason: &str) -> Value {
    json!([{"type": name, "status": status, "reason": reason, "message": "because"}])
}

#[test]
fn deployments() {
    let of = |spec: Value, status: Value| object("apps/v1", "Deployment", spec, status);
    let counts = |observed: i64, all: i64, updated: i64, available: i64| json!({"observedGeneration": observed, "replicas": all, "updatedReplicas": updated, "availableReplicas": available});
    let mut late = counts(2, 2, 1, 2);
    late["conditions"] = condition("Progressing", "False", "ProgressDeadlineExceeded");
    let mut old_failure = late.clone();
    old_failure["observedGeneration"] = json!(1);
    let mut blocked = counts(2, 0, 0, 0);
    blocked["conditions"] = condition("ReplicaFailure", "True", "FailedCreate");
    check(&[
        ("settled", 'R', "", of(json!({"replicas": 3}), counts(2, 3, 3, 3))),
        ("old evidence", 'P', "seen generation 1", of(json!({"replicas": 3}), counts(1, 3, 3, 3))),
        ("old failure", 'P', "seen generation 1", of(json!({"replicas": 2}), old_failure)),
        ("unseen", 'P', "has not seen it", of(json!({}), json!({}))),
        ("updating", 'P', "1 of 3 replicas updated", of(json!({"replicas": 3}), counts(2, 3, 1, 3))),
        ("old ones left", 'P', "1 old replicas", of(json!({"replicas": 3}), counts(2, 4, 3, 3))),
        ("starting", 'P', "2 of 3 replicas available", of(json!({"replicas": 3}), counts(2, 3, 3, 2))),
        ("late", 'F', "did not progress in time: because", of(json!({"replicas": 2}), late)),
        ("quota", 'P', "cannot be created: because", of(json!({"replicas": 2}), blocked)),
        ("paused", 'P', "paused", of(json!({"replicas": 1, "paused": true}), counts(2, 1, 1, 1))),
        ("scaled to zero", 'R', "", of(json!({"replicas": 0}), json!({"observedGeneration": 2}))),
        ("one by default", 'P', "0 of 1", of(json!({}), json!({"observedGeneration": 2}))),
    ]);
}

#[test]
fn stateful_sets() {
    let of = |spec: Value, status: Value| object("apps/v1", "StatefulSet", spec, status);
    let status = |ready: i64, updated: i64, current: &str, update: &str| {
        json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": ready, "updatedReplicas": updated,
            "currentRevision": current, "updateRevision": update})
    };
    let partition = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
    let on_delete = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
    check(&[
        ("settled", 'R', "", of(json!({"replicas": 3}), status(3, 3, "b", "b"))),
        ("not ready", 'P', "2 of 3 replicas ready", of(json!({"replicas": 3}), status(2, 3, "b", "b"))),
        ("updating", 'P', "1 of 3 replicas updated", of(json!({"replicas": 3}), status(3, 1, "a", "b"))),
        ("last one", 'P', "last replicas", of(json!({"replicas": 3}), status(3, 3, "a", "b"))),
        ("partition reached", 'R', "", of(partition.clone(), status(3, 1, "a", "b"))),
        ("partition not reached", 'P', "0 of 1", of(partition, status(3, 0, "a", "b"))),
        ("on delete", 'R', "", of(on_delete, status(3, 0, "a", "b"))),
        ("shrinking", 'P', "1 replicas too many", of(json!({"replicas": 2}), status(3, 3, "b", "b"))),
        ("unseen", 'P', "has not seen", of(json!({"replicas": 1}), Value::Null)),
    ]);
}

#[test]
fn other_workloads() {
    let daemon = |updated: i64, available: i64| json!({"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": available});
    let pod = |status: Value| object("v1", "Pod", json!({}), status);
    let job = |spec: Value, status: Value| object("batch/v1", "Job", spec, status);
    check(&[
        ("daemons settled", 'R', "", object("apps/v1", "DaemonSet", json!({}), daemon(3, 3))),
        (
            "daemons updating",
            'P',
            "1 of 3 nodes updated",
            object("apps/v1", "DaemonSet", json!({}), daemon(1, 3)),
        ),
        (
            "daemons starting",
            'P',
            "2 of 3 nodes available",
            object("apps/v1", "DaemonSet", json!({}), daemon(3, 2)),
        ),
        (
            "no nodes",
            'R',
            "",
            object(
                "apps/v1",
                "DaemonSet",
                json!({}),
                json!({"observedGeneration": 2, "desiredNumberScheduled": 0}),
            ),
        ),
        (
            "replica set",
            'P',
            "1 of 2",
            object(
                "apps/v1",
                "ReplicaSet",
                json!({"replicas": 2}),
                json!({"observedGeneration": 2, "replicas": 2, "availableReplicas": 1}),
            ),
        ),
        (
            "pod ready",
            'R',
            "",
            pod(json!({"phase": "Running", "conditions": condition("Ready", "True", "")})),
        ),
        (
            "pod not ready",
            'P',
            "Running and not ready",
            pod(json!({"phase": "Running", "conditions": condition("Ready", "False", "")})),
        ),
        (
            "pod pulling",
            'P',
            "container `c` waits: ImagePullBackOff",
            pod(
                json!({"phase": "Pending", "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
            ),
        ),
        ("pod done", 'R', "", pod(json!({"phase": "Succeeded"}))),
        ("pod failed", 'F', "Evicted", pod(json!({"phase": "Failed", "reason": "Evicted"}))),
        ("job done", 'R', "", job(json!({}), json!({"conditions": condition("Complete", "True", "")}))),
        (
            "job failed",
            'F',
            "because",
            job(json!({}), json!({"conditions": condition("Failed", "True", "")})),
        ),
        (
            "job running",
            'P',
            "1 of 3 completions, 2 pods failed",
            job(json!({"completions": 3}), json!({"succeeded": 1, "failed": 2})),
        ),
        ("job suspended", 'R', "", job(json!({"suspend": true}), json!({}))),
        ("cron job", 'R', "", object("batch/v1", "CronJob", json!({}), json!({}))),
        ("claim bound", 'R', "", object("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Bound"}))),
        (
            "claim pending",
            'P',
            "first consumer",
            object("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Pending"})),
        ),
        (
            "claim lost",
            'F',
            "lost",
            object("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Lost"})),
        ),
    ]);
}

#[test]
fn definitions_services_and_the_rest() {
    let crd = |conditions: Value| {
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({}),
            json!({"conditions": conditions}),
        )
    };
    let custom = |status: Value| object("example.com/v1", "Widget", json!({}), status);
    let stale = json!([{"type": "Ready", "status": "True", "observedGeneration": 1}]);
    let mut deleting = object("v1", "ConfigMap", json!({}), json!({}));
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    check(&[
        ("crd established", 'R', "", crd(condition("Established", "True", ""))),
        ("crd new", 'P', "not Established yet", crd(json!([]))),
        ("crd name taken", 'F', "NamesAccepted", crd(condition("NamesAccepted", "False", "Conflict"))),
        (
            "api service up",
            'R',
            "",
            object(
                "apiregistration.k8s.io/v1",
                "APIService",
                json!({}),
                json!({"conditions": condition("Available", "True", "")}),
            ),
        ),
        (
            "api service down",
            'P',
            "MissingEndpoints",
            object(
                "apiregistration.k8s.io/v1",
                "APIService",
                json!({}),
                json!({"conditions": condition("Available", "False", "MissingEndpoints")}),
            ),
        ),
        ("namespace", 'R', "", object("v1", "Namespace", json!({}), json!({"phase": "Active"}))),
        (
            "namespace going",
            'P',
            "deleted",
            object("v1", "Namespace", json!({}), json!({"phase": "Terminating"})),
        ),
        ("load balancer", 'R', "", object("v1", "Service", json!({"type": "LoadBalancer"}), json!({}))),
        ("ingress", 'R', "", object("networking.k8s.io/v1", "Ingress", json!({}), json!({}))),
        (
            "autoscaler",
            'R',
            "",
            object(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                json!({}),
                json!({"conditions": condition("ScalingActive", "False", "x")}),
            ),
        ),
        ("no status", 'R', "", custom(Value::Null)),
        ("ready", 'R', "", custom(json!({"conditions": condition("Ready", "True", "")}))),
        (
            "not ready",
            'P',
            "Waiting: because",
            custom(json!({"conditions": condition("Ready", "False", "Waiting")})),
        ),
        (
            "ready unknown",
            'P',
            "not Ready yet",
            custom(json!({"conditions": condition("Ready", "Unknown", "")})),
        ),
        ("ready of an older generation", 'P', "not Ready yet", custom(json!({"conditions": stale}))),
        (
            "not observed",
            'P',
            "seen generation 1",
            custom(json!({"observedGeneration": 1, "conditions": condition("Ready", "True", "")})),
        ),
        ("available", 'R', "", custom(json!({"conditions": condition("Available", "True", "")}))),
        ("stalled", 'F', "stalled", custom(json!({"conditions": condition("Stalled", "True", "")}))),
        (
            "reconciling",
            'P',
            "reconciled",
            custom(json!({"conditions": condition("Reconciling", "True", "")})),
        ),
        ("other conditions", 'R', "", custom(json!({"conditions": condition("Synced", "False", "")}))),
        ("deleting", 'P', "being deleted", deleting),
        ("nonsense", 'R', "", json!({"status": 3})),
    ]);
}

#[test]
fn cluster_api_in_both_forms() {
    const OLD: &str = "cluster.x-k8s.io/v1beta1";
    const NEW: &str = "cluster.x-k8s.io/v1beta2";
    let plane = |version: &str, status: Value| {
        object(
            &format!("controlplane.cluster.x-k8s.io/{version}"),
            "KubeadmControlPlane",
            json!({"replicas": 3, "version": "v1.33.1"}),
            status,
        )
    };
    let counts = |updated_name: &str, all: i64, updated: i64, ready: i64, version: &str| json!({"observedGeneration": 2, "replicas": all, updated_name: updated, "readyReplicas": ready, "version": version});
    let pool = |api: &str, status: Value| object(api, "MachineDeployment", json!({"replicas": 2}), status);
    check(&[
        (
            "old cluster",
            'R',
            "",
            object(
                OLD,
                "Cluster",
                json!({}),
                json!({"phase": "Provisioned", "conditions": condition("Ready", "True", "")}),
            ),
        ),
        (
            "old cluster waits",
            'P',
            "Provisioning",
            object(OLD, "Cluster", json!({}), json!({"phase": "Provisioning"})),
        ),
        (
            "old cluster failed",
            'F',
            "no credentials",
            object(OLD, "Cluster", json!({}), json!({"phase": "Failed", "failureMessage": "no credentials"})),
        ),
        (
            "new cluster",
            'R',
            "",
            object(NEW, "Cluster", json!({}), json!({"conditions": condition("Available", "True", "")})),
        ),
        (
            "new cluster waits",
            'P',
            "because",
            object(
                NEW,
                "Cluster",
                json!({}),
                json!({"conditions": condition("Available", "False", "NotAvailable")}),
            ),
        ),
        ("cluster unseen", 'P', "not seen", object(NEW, "Cluster", json!({}), Value::Null)),
        ("old plane", 'R', "", plane("v1beta1", counts("updatedReplicas", 3, 3, 3, "v1.33.1"))),
        ("new plane", 'R', "", plane("v1beta2", counts("upToDateReplicas", 3, 3, 3, "v1.33.1"))),
        (
            "old plane rolls",
            'P',
            "1 of 3 machines replaced",
            plane("v1beta1", counts("updatedReplicas", 4, 1, 3, "v1.32.0")),
        ),
        (
            "new plane rolls",
            'P',
            "1 of 3 machines replaced",
            plane("v1beta2", counts("upToDateReplicas", 4, 1, 3, "v1.32.0")),
        ),
        (
            "old machine left",
            'P',
            "1 old machines",
            plane("v1beta2", counts("upToDateReplicas", 4, 3, 3, "v1.33.1")),
        ),
        (
            "machine starts",
            'P',
            "2 of 3 machines ready",
            plane("v1beta2", counts("upToDateReplicas", 3, 3, 2, "v1.33.1")),
        ),
        ("version behind", 'P', "v1.32.0", plane("v1beta2", counts("upToDateReplicas", 3, 3, 3, "v1.32.0"))),
        (
            "before the roll begins",
            'P',
            "seen generation",
            plane(
                "v1beta2",
                json!({"observedGeneration": 1, "replicas": 3, "upToDateReplicas": 3, "readyReplicas": 3, "version": "v1.33.1"}),
            ),
        ),
        ("pool", 'R', "", pool(OLD, counts("updatedReplicas", 2, 2, 2, ""))),
        ("pool rolls", 'P', "0 of 2 machines replaced", pool(NEW, counts("upToDateReplicas", 2, 0, 2, ""))),
        ("pool unseen", 'P', "not seen", pool(NEW, Value::Null)),
        ("machine", 'R', "", object(NEW, "Machine", json!({}), json!({"phase": "Running"}))),
        (
            "machine comes",
            'P',
            "Provisioning",
            object(NEW, "Machine", json!({}), json!({"phase": "Provisioning"})),
        ),
        ("machine failed", 'F', "", object(OLD, "Machine", json!({}), json!({"phase": "Failed"}))),
    ]);
}

#[test]
fn what_is_older_than_the_apply_proves_nothing() {
    let live = object("v1", "ConfigMap", json!({}), json!({}));
    assert_eq!(health_since(&live, None), Health::Ready);
    assert_eq!(health_since(&live, Some(2)), Health::Ready);
    assert!(health_since(&live, Some(3)).reason().contains("generation 2"));
}

#[test]
fn only_jobs_with_a_time_to_live_go_by_themselves() {
    let job = |spec: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "spec": spec});
    assert!(goes_when_done(&job(json!({"ttlSecondsAfterFinished": 0}))));
    assert!(!goes_when_done(&job(json!({}))));
    assert!(!goes_when_done(
        &json!({"apiVersion": "x.io/v1", "kind": "Job", "spec": {"ttlSecondsAfterFinished": 5}})
    ));
}
