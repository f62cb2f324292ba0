//! Kinds: defaults, subresources, custom resources, and what controllers make of workloads.

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{MERGE, STRATEGIC, Target, deployment, holds, same, version},
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

fn job(name: &str) -> Value {
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

/// Defines a custom resource with this singular name, and waits until it is served; answers its group.
pub(super) async fn define(t: &Target, singular: &str, schema: Value) -> Result<String, String> {
    let versions = json!([{
        "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }]);
    define_versions(t, singular, versions).await
}

async fn define_versions(t: &Target, singular: &str, versions: Value) -> Result<String, String> {
    let group = format!("{}.example.com", t.namespace);
    let plural = format!("{singular}s");
    let kind = format!("{}{}", singular[..1].to_uppercase(), &singular[1..]);
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "singular": singular, "kind": kind}, "versions": versions},
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    t.post(path, &definition).await?.expect_code(201)?;
    t.until(&format!("{path}/{plural}.{group}"), "Established", |answer| {
        answer.body["status"]["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|c| c["type"] == "Established" && c["status"] == "True"))
    })
    .await?;
    t.until(&t.group(&format!("{group}/v1"), &plural), "the resource", |answer| answer.code == 200).await?;
    Ok(group)
}

fn open_schema() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

pub(super) async fn custom_resource_life(t: Target) -> Outcome {
    let group = define(&t, "widget", open_schema()).await?;
    let path = t.group(&format!("{group}/v1"), "widgets");
    let list = t.get(&format!("/apis/{group}/v1")).await?.expect_code(200)?;
    same("in discovery", &list["resources"][0]["name"], &json!("widgets"))?;
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": 1}, "status": {"b": 2}});
    let made = t.post(&path, &widget).await?.expect_code(201)?;
    same("status is dropped on creation", &made["status"], &Value::Null)?;
    same("generation", &made["metadata"]["generation"], &json!(1))?;
    let status = t
        .patch(MERGE, &format!("{path}/w/status"), &json!({"status": {"ok": true}, "spec": {"a": 9}}))
        .await?
        .expect_code(200)?;
    same("status", &status["status"], &json!({"ok": true}))?;
    same("spec stays", &status["spec"], &json!({"a": 1}))?;
    same("generation stays", &status["metadata"]["generation"], &json!(1))?;
    let changed = t.patch(MERGE, &format!("{path}/w"), &json!({"spec": {"a": 2}})).await?.expect_code(200)?;
    same("generation moves", &changed["metadata"]["generation"], &json!(2))?;
    let mut blind = changed.clone();
    blind["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
    let answer = t.put(&format!("{path}/w"), &blind).await?;
    same("an update must say its version", &json!(answer.code), &json!(422))?;
    holds(
        "as the API says it",
        answer.causes().first().is_some_and(|c| c.1.ends_with("must be specified for an update")),
    )?;
    let answer = t.patch(STRATEGIC, &format!("{path}/w"), &json!({})).await?;
    same("no strategic patch", &json!(answer.code), &json!(415))?;
    let list = t.get(&path).await?.expect_code(200)?;
    same("list kind", &list["kind"], &json!("WidgetList"))?;
    same("items say their kind", &list["items"][0]["kind"], &json!("Widget"))?;
    let gone = t.delete(&format!("{path}/w"), &json!({})).await?.expect_code(200)?;
    same("delete", &gone["status"], &json!("Success"))?;
    let definition = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
    t.delete(&definition, &json!({})).await?.expect_code(200)?;
    t.until(&path, "the resource to go", |answer| answer.code == 404).await.map(drop)
}

pub(super) async fn custom_resource_scale(t: Target) -> Outcome {
    let versions = json!([{
        "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
            "type": "object",
            "properties": {
                "spec": {"type": "object", "properties": {"count": {"type": "integer"}}},
                "status": {"type": "object", "properties": {"count": {"type": "integer"}, "selector": {"type": "string"}}},
            },
        }},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.count", "statusReplicasPath": ".status.count", "labelSelectorPath": ".status.selector"}},
    }]);
    let group = define_versions(&t, "pool", versions).await?;
    let path = t.group(&format!("{group}/v1"), "pools");
    let pool = json!({"apiVersion": format!("{group}/v1"), "kind": "Pool", "metadata": {"name": "p"}, "spec": {"count": 3}});
    t.post(&path, &pool).await?.expect_code(201)?;
    t.patch(MERGE, &format!("{path}/p/status"), &json!({"status": {"count": 2, "selector": "a=b"}}))
        .await?
        .expect_code(200)?;
    let scale = t.get(&format!("{path}/p/scale")).await?.expect_code(200)?;
    same("spec", &scale["spec"]["replicas"], &json!(3))?;
    same("status", &scale["status"], &json!({"replicas": 2, "selector": "a=b"}))?;
    t.patch(MERGE, &format!("{path}/p/scale"), &json!({"spec": {"replicas": 0}})).await?.expect_code(200)?;
    same("count", &t.get(&format!("{path}/p")).await?.expect_code(200)?["spec"]["count"], &json!(0))
}

pub(super) async fn custom_resource_validation(t: Target) -> Outcome {
    let group = define(&t, "checked", json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1}, "mode": {"type": "string", "enum": ["a", "b"]},
    }}}})).await?;
    let path = t.group(&format!("{group}/v1"), "checkeds");
    let object = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Checked", "metadata": {"name": "c"}, "spec": spec});
    t.post(&path, &object(json!({}))).await?.expect_causes(&[(
        "FieldValueRequired",
        "Required value",
        "spec.size",
    )])?;
    t.post(&path, &object(json!({"size": 0}))).await?.expect_causes(&[(
        "FieldValueInvalid",
        "Invalid value: 0: spec.size in body should be greater than or equal to 1",
        "spec.size",
    )])?;
    t.post(&path, &object(json!({"size": 1, "mode": "c"}))).await?.expect_causes(&[(
        "FieldValueNotSupported",
        "Unsupported value: \"c\": supported values: \"a\", \"b\"",
        "spec.mode",
    )])?;
    t.post(&path, &object(json!({"size": "x"}))).await?.expect_causes(&[(
        "FieldValueTypeInvalid",
        "Invalid value: \"string\": spec.size in body must be of type integer: \"string\"",
        "spec.size",
    )])?;
    t.post(&path, &object(json!({"size": 1}))).await?.expect_code(201).map(drop)
}

pub(super) async fn custom_resource_pruning(t: Target) -> Outcome {
    let group = define(&t, "pruned", json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "known": {"type": "string", "default": "filled"}, "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }}}})).await?;
    let path = t.group(&format!("{group}/v1"), "pruneds");
    let object = json!({"apiVersion": format!("{group}/v1"), "kind": "Pruned", "metadata": {"name": "c"}, "spec": {"unknown": 1, "free": {"x": 1}}, "top": 1});
    let out = t.post(&path, &object).await?.expect_code(201)?;
    same("spec", &out["spec"], &json!({"known": "filled", "free": {"x": 1}}))?;
    same("top", &out["top"], &Value::Null)
}

pub(super) async fn custom_resource_two_versions(t: Target) -> Outcome {
    let version = |name: &str, storage: bool| json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": open_schema()}});
    let group = define_versions(&t, "dual", json!([version("v1beta1", false), version("v1", true)])).await?;
    let made = json!({"apiVersion": format!("{group}/v1"), "kind": "Dual", "metadata": {"name": "x"}, "spec": {"a": 1}});
    t.post(&t.group(&format!("{group}/v1"), "duals"), &made).await?.expect_code(201)?;
    let old = t.get(&t.group(&format!("{group}/v1beta1"), "duals/x")).await?.expect_code(200)?;
    same("apiVersion", &old["apiVersion"], &json!(format!("{group}/v1beta1")))?;
    same("spec", &old["spec"], &json!({"a": 1}))?;
    t.until(&format!("/apis/{group}"), "the preferred version", |answer| {
        answer.body["preferredVersion"]["version"] == "v1"
    })
    .await
    .map(drop)
}

fn condition(object: &Value, kind: &str) -> bool {
    object["status"]["conditions"]
        .as_array()
        .is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
}

async fn available(t: &Target, path: &str, replicas: i64) -> Result<Value, String> {
    let answer = t
        .until(path, "availability", |answer| {
            let body = &answer.body;
            body["status"]["observedGeneration"] == body["metadata"]["generation"]
                && body["status"]["availableReplicas"].as_i64().unwrap_or(0) == replicas
                && body["status"]["updatedReplicas"].as_i64().unwrap_or(0) == replicas
                && body["status"]["replicas"].as_i64().unwrap_or(0) == replicas
        })
        .await?;
    Ok(answer.body)
}

pub(super) async fn deployment_becomes_available(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments");
    let mut object = deployment("d", "i:1");
    object["spec"]["replicas"] = json!(2);
    t.post(&path, &object).await?.expect_code(201)?;
    let live = available(&t, &format!("{path}/d"), 2).await?;
    holds("Available", condition(&live, "Available"))?;
    holds("Progressing", condition(&live, "Progressing"))?;
    same("revision", &live["metadata"]["annotations"]["deployment.kubernetes.io/revision"], &json!("1"))?;
    let sets = t.get(&t.group("apps/v1", "replicasets?labelSelector=app%3Dd")).await?.expect_code(200)?;
    let owner = &sets["items"][0]["metadata"]["ownerReferences"][0];
    same("owner", &owner["uid"], &live["metadata"]["uid"])?;
    let pods = t.get(&t.core("pods?labelSelector=app%3Dd")).await?.expect_code(200)?;
    same("pods", &json!(pods["items"].as_array().map(Vec::len)), &json!(2))
}

pub(super) async fn deployment_rolls(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &deployment("d", "i:1")).await?.expect_code(201)?;
    available(&t, &path, 1).await?;
    t.apply(&path, "one", &deployment("d", "i:2")).await?.expect_code(200)?;
    let live = available(&t, &path, 1).await?;
    same("revision", &live["metadata"]["annotations"]["deployment.kubernetes.io/revision"], &json!("2"))?;
    let settled = version(&t.get(&path).await?.expect_code(200)?);
    let again = t.apply(&path, "one", &deployment("d", "i:2")).await?.expect_code(200)?;
    same("applying again is quiet", &json!(version(&again)), &json!(settled))?;
    let sets = t.get(&t.group("apps/v1", "replicasets?labelSelector=app%3Dd")).await?.expect_code(200)?;
    let mut replicas: Vec<i64> = sets["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|s| s["spec"]["replicas"].as_i64())
        .collect();
    replicas.sort_unstable();
    same("one set at 0, one at 1", &json!(replicas), &json!([0, 1]))
}

pub(super) async fn deletion_cascades(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &deployment("d", "i:1")).await?.expect_code(201)?;
    available(&t, &path, 1).await?;
    t.delete(&path, &json!({"propagationPolicy": "Foreground"})).await?.expect_code(200)?;
    t.until(&path, "the deployment to go", |answer| answer.code == 404).await?;
    let empty = |answer: &super::target::Answer| answer.body["items"] == json!([]);
    t.until(&t.group("apps/v1", "replicasets"), "its sets to go", empty).await?;
    t.until(&t.core("pods"), "its pods to go", empty).await.map(drop)
}

pub(super) async fn orphans_stay(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &deployment("d", "i:1")).await?.expect_code(201)?;
    available(&t, &path, 1).await?;
    t.delete(&path, &json!({"propagationPolicy": "Orphan"})).await?.expect_code(200)?;
    t.until(&path, "the deployment to go", |answer| answer.code == 404).await?;
    let sets = t.get(&t.group("apps/v1", "replicasets")).await?.expect_code(200)?;
    same("the set stays", &json!(sets["items"].as_array().map(Vec::len)), &json!(1))?;
    same("without an owner", &sets["items"][0]["metadata"]["ownerReferences"], &Value::Null)
}

pub(super) async fn namespace_deletion(t: Target) -> Outcome {
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
    t.post(&t.core("configmaps"), &held).await?.expect_code(201)?;
    let path = format!("/api/v1/namespaces/{}", t.namespace);
    let answer = t.delete(&path, &json!({})).await?.expect_code(200)?;
    same("phase", &answer["status"]["phase"], &json!("Terminating"))?;
    let answer = t
        .post(
            &t.core("configmaps"),
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}),
        )
        .await?;
    answer.expect_status(
        403,
        "Forbidden",
        &format!("configmaps \"x\" is forbidden: unable to create new content in namespace {} because it is being terminated", t.namespace),
    )?;
    t.until(&t.core("configmaps/held"), "the mark", |answer| {
        answer.body["metadata"]["deletionTimestamp"].is_string()
    })
    .await?;
    t.patch(MERGE, &t.core("configmaps/held"), &json!({"metadata": {"finalizers": null}}))
        .await?
        .expect_code(200)?;
    t.until(&path, "the namespace to go", |answer| answer.code == 404).await.map(drop)
}

pub(super) async fn job_completes(t: Target) -> Outcome {
    let path = t.group("batch/v1", "jobs");
    t.post(&path, &job("j")).await?.expect_code(201)?;
    let live =
        t.until(&format!("{path}/j"), "completion", |answer| condition(&answer.body, "Complete")).await?.body;
    same("succeeded", &live["status"]["succeeded"], &json!(1))?;
    holds("completionTime", live["status"]["completionTime"].is_string())
}

pub(super) async fn stateful_set_runs(t: Target) -> Outcome {
    let path = t.group("apps/v1", "statefulsets");
    let mut object = deployment("s", "i:1");
    object["kind"] = json!("StatefulSet");
    object["spec"]["serviceName"] = json!("s");
    object["spec"]["replicas"] = json!(2);
    t.post(&path, &object).await?.expect_code(201)?;
    let live = t
        .until(&format!("{path}/s"), "readiness", |answer| answer.body["status"]["readyReplicas"] == 2)
        .await?
        .body;
    same("revisions agree", &live["status"]["currentRevision"], &live["status"]["updateRevision"])?;
    for name in ["s-0", "s-1"] {
        t.get(&t.core(&format!("pods/{name}"))).await?.expect_code(200)?;
    }
    Ok(())
}

pub(super) async fn daemon_set_runs(t: Target) -> Outcome {
    let path = t.group("apps/v1", "daemonsets");
    let mut object = deployment("ds", "i:1");
    object["kind"] = json!("DaemonSet");
    t.post(&path, &object).await?.expect_code(201)?;
    let path = format!("{path}/ds");
    let ready = |answer: &super::target::Answer| {
        let status = &answer.body["status"];
        status["observedGeneration"] == answer.body["metadata"]["generation"]
            && status["desiredNumberScheduled"].as_i64().unwrap_or(0) > 0
            && status["numberReady"] == status["desiredNumberScheduled"]
    };
    t.until(&path, "readiness", ready).await?;
    let parked = json!({"spec": {"template": {"spec": {"nodeSelector": {"example.com/parked": "yes"}}}}});
    t.patch(MERGE, &path, &parked).await?.expect_code(200)?;
    let none = |answer: &super::target::Answer| {
        let status = &answer.body["status"];
        status["observedGeneration"] == answer.body["metadata"]["generation"]
            && status["desiredNumberScheduled"] == 0
            && status["currentNumberScheduled"] == 0
    };
    t.until(&path, "no pods", none).await.map(drop)
}

pub(super) async fn eviction_respects_budget(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &deployment("d", "i:1")).await?.expect_code(201)?;
    available(&t, &path, 1).await?;
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "d"}}}});
    let budgets = t.group("policy/v1", "poddisruptionbudgets");
    t.post(&budgets, &budget).await?.expect_code(201)?;
    t.until(&format!("{budgets}/b"), "the budget's status", |answer| {
        answer.body["status"]["currentHealthy"] == 1
    })
    .await?;
    let pods = t.get(&t.core("pods?labelSelector=app%3Dd")).await?.expect_code(200)?;
    let name = pods["items"][0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": t.namespace}});
    let refused = t.post(&t.core(&format!("pods/{name}/eviction")), &eviction).await?;
    refused.expect_status(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
    )?;
    refused.expect_causes(&[(
        "DisruptionBudget",
        "The disruption budget b needs 1 healthy pods and has 1 currently",
        "",
    )])?;
    t.delete(&format!("{budgets}/b"), &json!({})).await?.expect_code(200)?;
    let answer = t.post(&t.core(&format!("pods/{name}/eviction")), &eviction).await?.expect_code(201)?;
    same("answer", &answer["status"], &json!("Success"))?;
    t.until(&t.core(&format!("pods/{name}")), "the pod to go", |answer| answer.code == 404).await.map(drop)
}

pub(super) async fn default_service_account(t: Target) -> Outcome {
    t.until(&t.core("serviceaccounts/default"), "the account", |answer| answer.code == 200).await?;
    t.until(&t.core("configmaps/kube-root-ca.crt"), "the CA", |answer| answer.code == 200).await.map(drop)
}

pub(super) async fn job_deletion_orphans_by_default(t: Target) -> Outcome {
    let path = t.group("batch/v1", "jobs");
    t.post(&path, &job("j")).await?.expect_code(201)?;
    t.until(&format!("{path}/j"), "completion", |answer| condition(&answer.body, "Complete")).await?;
    t.delete(&format!("{path}/j"), &json!({})).await?.expect_code(200)?;
    t.until(&format!("{path}/j"), "the job to go", |answer| answer.code == 404).await?;
    let pods = t.get(&t.core("pods")).await?.expect_code(200)?;
    holds("its pods stay", pods["items"].as_array().is_some_and(|items| !items.is_empty()))
}
