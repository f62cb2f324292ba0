//! Built-in kinds: defaults and the scale subresource.

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{MERGE, Target, deployment, holds, same},
};

pub(super) async fn deployment_defaults(t: Target) -> Outcome {
    let mut object = deployment("d", "i");
    object["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{"containerPort": 80}]);
    object["spec"]["paused"] = json!(true);
    let out = t.post(&t.group("apps/v1", "deployments"), &object).await?.expect_code(201)?;
    let spec = &out["spec"];
    same("replicas", &spec["replicas"], &json!(1))?;
    same(
        "strategy",
        &spec["strategy"],
        &json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}),
    )?;
    same("revisionHistoryLimit", &spec["revisionHistoryLimit"], &json!(10))?;
    same("progressDeadlineSeconds", &spec["progressDeadlineSeconds"], &json!(600))?;
    let pod = &spec["template"]["spec"];
    same("restartPolicy", &pod["restartPolicy"], &json!("Always"))?;
    same("dnsPolicy", &pod["dnsPolicy"], &json!("ClusterFirst"))?;
    same("schedulerName", &pod["schedulerName"], &json!("default-scheduler"))?;
    same("securityContext", &pod["securityContext"], &json!({}))?;
    same("grace", &pod["terminationGracePeriodSeconds"], &json!(30))?;
    same(
        "container",
        &pod["containers"][0],
        &json!({
            "name": "c", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "Always",
        }),
    )?;
    same("generation", &out["metadata"]["generation"], &json!(1))?;
    same("status", &out["status"], &json!({}))
}

pub(super) async fn service_defaults(t: Target) -> Outcome {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let out = t.post(&t.core("services"), &service).await?.expect_code(201)?;
    let spec = &out["spec"];
    same("ports", &spec["ports"], &json!([{"protocol": "TCP", "port": 80, "targetPort": 80}]))?;
    same("type", &spec["type"], &json!("ClusterIP"))?;
    same("sessionAffinity", &spec["sessionAffinity"], &json!("None"))?;
    same("internalTrafficPolicy", &spec["internalTrafficPolicy"], &json!("Cluster"))?;
    same("ipFamilyPolicy", &spec["ipFamilyPolicy"], &json!("SingleStack"))?;
    holds("clusterIP", spec["clusterIP"].as_str().is_some_and(|ip| ip.starts_with("10.")))?;
    same("clusterIPs", &spec["clusterIPs"], &json!([spec["clusterIP"]]))?;
    same("status", &out["status"], &json!({"loadBalancer": {}}))?;
    let answer = t.patch(MERGE, &t.core("services/s"), &json!({"spec": {"clusterIP": "10.0.0.99"}})).await?;
    same("clusterIP does not change", &json!(answer.code), &json!(422))
}

pub(super) async fn secret_string_data(t: Target) -> Outcome {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}});
    let out = t.post(&t.core("secrets"), &secret).await?.expect_code(201)?;
    same("data", &out["data"], &json!({"k": "dg=="}))?;
    same("type", &out["type"], &json!("Opaque"))?;
    same("stringData", &out["stringData"], &Value::Null)
}

pub(super) fn job(name: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}}})
}

pub(super) async fn job_defaults(t: Target) -> Outcome {
    let mut object = job("j");
    object["spec"]["suspend"] = json!(true);
    let out = t.post(&t.group("batch/v1", "jobs"), &object).await?.expect_code(201)?;
    let spec = &out["spec"];
    let uid = &out["metadata"]["uid"];
    same(
        "selector",
        &spec["selector"],
        &json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
    )?;
    let labels = &spec["template"]["metadata"]["labels"];
    same("job-name", &labels["batch.kubernetes.io/job-name"], &json!("j"))?;
    same("old job-name", &labels["job-name"], &json!("j"))?;
    for (key, value) in [
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("manualSelector", json!(false)),
    ] {
        same(key, &spec[key], &value)?;
    }
    Ok(())
}

pub(super) async fn stateful_set_defaults(t: Target) -> Outcome {
    let mut object = deployment("s", "i:1");
    object["kind"] = json!("StatefulSet");
    object["spec"]["serviceName"] = json!("s");
    object["spec"]["replicas"] = json!(0);
    let out = t.post(&t.group("apps/v1", "statefulsets"), &object).await?.expect_code(201)?;
    let spec = &out["spec"];
    same("podManagementPolicy", &spec["podManagementPolicy"], &json!("OrderedReady"))?;
    same(
        "updateStrategy",
        &spec["updateStrategy"],
        &json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
    )?;
    same(
        "retention",
        &spec["persistentVolumeClaimRetentionPolicy"],
        &json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    )?;
    same("revisionHistoryLimit", &spec["revisionHistoryLimit"], &json!(10))
}

pub(super) async fn cron_job_defaults(t: Target) -> Outcome {
    let object = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": job("x")["spec"]}}});
    let out = t.post(&t.group("batch/v1", "cronjobs"), &object).await?.expect_code(201)?;
    same("concurrencyPolicy", &out["spec"]["concurrencyPolicy"], &json!("Allow"))?;
    same("successfulJobsHistoryLimit", &out["spec"]["successfulJobsHistoryLimit"], &json!(3))?;
    same("failedJobsHistoryLimit", &out["spec"]["failedJobsHistoryLimit"], &json!(1))
}

pub(super) async fn claim_defaults(t: Target) -> Outcome {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}});
    let out = t.post(&t.core("persistentvolumeclaims"), &claim).await?.expect_code(201)?;
    same("volumeMode", &out["spec"]["volumeMode"], &json!("Filesystem"))?;
    same("phase", &out["status"]["phase"], &json!("Pending"))
}

pub(super) async fn scale_get_and_put(t: Target) -> Outcome {
    let path = t.group("apps/v1", "replicasets");
    let mut object = deployment("r", "i:1");
    object["kind"] = json!("ReplicaSet");
    object["spec"]["replicas"] = json!(0);
    let made = t.post(&path, &object).await?.expect_code(201)?;
    let scale_path = format!("{path}/r/scale");
    let scale = t.get(&scale_path).await?.expect_code(200)?;
    same("kind", &scale["kind"], &json!("Scale"))?;
    same("apiVersion", &scale["apiVersion"], &json!("autoscaling/v1"))?;
    same("uid", &scale["metadata"]["uid"], &made["metadata"]["uid"])?;
    same("selector", &scale["status"]["selector"], &json!("app=r"))?;
    let mut wanted = scale;
    wanted["spec"]["replicas"] = json!(2);
    wanted["metadata"]["resourceVersion"] = Value::Null;
    let scaled = t.put(&scale_path, &wanted).await?.expect_code(200)?;
    same("answer", &scaled["spec"]["replicas"], &json!(2))?;
    let out = t.get(&format!("{path}/r")).await?.expect_code(200)?;
    same("replicas", &out["spec"]["replicas"], &json!(2))?;
    same("generation", &out["metadata"]["generation"], &json!(2))?;
    let negative = t.patch(MERGE, &scale_path, &json!({"spec": {"replicas": -1}})).await?;
    same("negative", &json!(negative.code), &json!(422))
}
