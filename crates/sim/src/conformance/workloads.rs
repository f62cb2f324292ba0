//! What controllers make of workloads, and what follows a deletion.

use serde_json::{Value, json};

use super::{
    Outcome,
    kinds::job,
    target::{MERGE, Target, deployment, holds, same, version},
};

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
