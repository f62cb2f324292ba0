//! Refusals: code, reason, message, causes.

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{JSON_PATCH, MERGE, STRATEGIC, Target, deployment, holds, same, version},
};

pub(super) async fn not_found(t: Target) -> Outcome {
    let answer = t.get(&t.group("apps/v1", "deployments/none")).await?;
    answer.expect_status(404, "NotFound", "deployments.apps \"none\" not found")?;
    same(
        "details",
        &answer.body["details"],
        &json!({"name": "none", "group": "apps", "kind": "deployments"}),
    )?;
    t.get(&t.core("configmaps/none")).await?.expect_status(
        404,
        "NotFound",
        "configmaps \"none\" not found",
    )?;
    t.delete(&t.core("configmaps/none"), &json!({})).await?.expect_status(
        404,
        "NotFound",
        "configmaps \"none\" not found",
    )?;
    t.patch(MERGE, &t.core("configmaps/none"), &json!({})).await?.expect_status(
        404,
        "NotFound",
        "configmaps \"none\" not found",
    )
}

pub(super) async fn already_exists(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({})).await?;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    t.post(&t.core("configmaps"), &map).await?.expect_status(
        409,
        "AlreadyExists",
        "configmaps \"a\" already exists",
    )
}

pub(super) async fn stale_update(t: Target) -> Outcome {
    let mut map = t.config_map("a", json!({}), json!({})).await?;
    t.patch(MERGE, &t.core("configmaps/a"), &json!({"data": {"k": "v"}})).await?.expect_code(200)?;
    map["data"] = json!({"other": "x"});
    let said = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again";
    t.put(&t.core("configmaps/a"), &map).await?.expect_status(409, "Conflict", said)?;
    let patch = json!({"metadata": {"resourceVersion": version(&map)}, "data": {"k": "w"}});
    t.patch(MERGE, &t.core("configmaps/a"), &patch).await?.expect_status(409, "Conflict", said)
}

pub(super) async fn missing_namespace(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let gone = format!("{}-none", t.namespace);
    let answer = t.post(&format!("/api/v1/namespaces/{gone}/configmaps"), &map).await?;
    answer.expect_status(404, "NotFound", &format!("namespaces \"{gone}\" not found"))?;
    let list = t.get(&format!("/api/v1/namespaces/{gone}/configmaps")).await?.expect_code(200)?;
    same("a list there is empty", &list["items"], &json!([]))
}

pub(super) async fn no_such_path(t: Target) -> Outcome {
    let answer = t.get("/apis/apps/v1/nonsenses").await?;
    same("code", &json!(answer.code), &json!(404))?;
    t.get("/apis/apps/v9/deployments").await?.expect_code(404)?;
    t.get(&t.core("deployments")).await?.expect_code(404).map(drop)
}

pub(super) async fn method_not_allowed(t: Target) -> Outcome {
    let answer =
        t.send("PUT", &t.core("configmaps"), &[("content-type", "application/json")], b"{}".to_vec()).await?;
    answer.expect_status(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )
}

pub(super) async fn unsupported_media_type(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({})).await?;
    let answer = t.patch("text/plain", &t.core("configmaps/a"), &json!({})).await?;
    same("reason", &answer.body["reason"], &json!("UnsupportedMediaType"))?;
    same("code", &json!(answer.code), &json!(415))
}

pub(super) async fn name_required(t: Target) -> Outcome {
    let answer = t
        .post(&t.core("configmaps"), &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}))
        .await?;
    answer.expect_status(
        422,
        "Invalid",
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
    )?;
    answer.expect_causes(&[(
        "FieldValueRequired",
        "Required value: name or generateName is required",
        "metadata.name",
    )])
}

pub(super) async fn bad_name(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not_Good"}});
    let answer = t.post(&t.core("configmaps"), &map).await?;
    same("code", &json!(answer.code), &json!(422))?;
    let causes = answer.causes();
    holds("one cause", causes.len() == 1)?;
    holds(
        "about the name",
        causes[0].2 == "metadata.name"
            && causes[0].1.contains("a lowercase RFC 1123 subdomain must consist of"),
    )
}

pub(super) async fn bad_label(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "not good"}}});
    let answer = t.post(&t.core("configmaps"), &map).await?;
    same("code", &json!(answer.code), &json!(422))?;
    let causes = answer.causes();
    same("field", &json!(causes.first().map(|c| c.2.clone())), &json!("metadata.labels"))
}

pub(super) async fn selector_mismatch(t: Target) -> Outcome {
    let mut object = deployment("d", "i:1");
    object["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    let answer = t.post(&t.group("apps/v1", "deployments"), &object).await?;
    same("code", &json!(answer.code), &json!(422))?;
    answer.expect_causes(&[(
        "FieldValueInvalid",
        "Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`",
        "spec.template.metadata.labels",
    )])
}

pub(super) async fn containers_required(t: Target) -> Outcome {
    let mut object = deployment("d", "i:1");
    object["spec"]["template"]["spec"]["containers"] = json!([]);
    let answer = t.post(&t.group("apps/v1", "deployments"), &object).await?;
    answer.expect_status(
        422,
        "Invalid",
        "Deployment.apps \"d\" is invalid: spec.template.spec.containers: Required value",
    )?;
    object["spec"]["template"]["spec"]["containers"] = json!([{"name": "c"}]);
    let answer = t.post(&t.group("apps/v1", "deployments"), &object).await?;
    answer.expect_causes(&[(
        "FieldValueRequired",
        "Required value",
        "spec.template.spec.containers[0].image",
    )])
}

async fn refused_change(t: &Target, path: &str, patch: &Value) -> Result<super::target::Answer, String> {
    let answer = t.patch(MERGE, path, patch).await?;
    if answer.code == 422 {
        Ok(answer)
    } else {
        Err(format!("{path}: expected 422, got {} {}", answer.code, answer.body))
    }
}

pub(super) async fn selector_immutable(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments");
    let mut object = deployment("d", "i:1");
    object["spec"]["replicas"] = json!(0);
    t.post(&path, &object).await?.expect_code(201)?;
    let labels = json!({"app": "d", "more": "x"});
    let patch =
        json!({"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}});
    let answer = refused_change(&t, &format!("{path}/d"), &patch).await?;
    answer.expect_causes(&[(
        "FieldValueInvalid",
        "Invalid value: {\"matchLabels\":{\"app\":\"d\",\"more\":\"x\"}}: field is immutable",
        "spec.selector",
    )])
}

pub(super) async fn config_map_immutable(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}, "immutable": true});
    t.post(&t.core("configmaps"), &map).await?.expect_code(201)?;
    let answer = refused_change(&t, &t.core("configmaps/a"), &json!({"data": {"k": "w"}})).await?;
    answer.expect_status(
        422,
        "Invalid",
        "ConfigMap \"a\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
    )?;
    t.patch(MERGE, &t.core("configmaps/a"), &json!({"metadata": {"labels": {"a": "b"}}}))
        .await?
        .expect_code(200)
        .map(drop)
}

pub(super) async fn secret_type_immutable(t: Target) -> Outcome {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "type": "example.com/a"});
    t.post(&t.core("secrets"), &secret).await?.expect_code(201)?;
    let answer = refused_change(&t, &t.core("secrets/a"), &json!({"type": "example.com/b"})).await?;
    answer.expect_causes(&[(
        "FieldValueInvalid",
        "Invalid value: \"example.com/b\": field is immutable",
        "type",
    )])
}

pub(super) async fn role_ref_immutable(t: Target) -> Outcome {
    let path = t.group("rbac.authorization.k8s.io/v1", "rolebindings");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": t.namespace}],
    });
    t.post(&path, &binding).await?.expect_code(201)?;
    let answer = refused_change(&t, &format!("{path}/b"), &json!({"roleRef": {"name": "edit"}})).await?;
    let causes = answer.causes();
    holds(
        "cannot change roleRef",
        causes.len() == 1 && causes[0].1.ends_with("cannot change roleRef") && causes[0].2 == "roleRef",
    )
}

pub(super) async fn job_template_immutable(t: Target) -> Outcome {
    let path = t.group("batch/v1", "jobs");
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"suspend": true,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}}});
    t.post(&path, &job).await?.expect_code(201)?;
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}});
    let answer = t.patch(STRATEGIC, &format!("{path}/j"), &patch).await?;
    same("code", &json!(answer.code), &json!(422))?;
    let causes = answer.causes();
    holds(
        "field is immutable",
        causes.len() == 1 && causes[0].1.ends_with(": field is immutable") && causes[0].2 == "spec.template",
    )?;
    let bad = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "k"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let answer = t.post(&path, &bad).await?;
    answer.expect_causes(&[(
        "FieldValueRequired",
        "Required value: valid values: \"OnFailure\", \"Never\"",
        "spec.template.spec.restartPolicy",
    )])
}

pub(super) async fn claim_immutable(t: Target) -> Outcome {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "x", "resources": {"requests": {"storage": "1Gi"}}}});
    t.post(&t.core("persistentvolumeclaims"), &claim).await?.expect_code(201)?;
    let answer = refused_change(
        &t,
        &t.core("persistentvolumeclaims/c"),
        &json!({"spec": {"accessModes": ["ReadWriteMany"]}}),
    )
    .await?;
    let causes = answer.causes();
    holds(
        "spec is closed",
        causes.iter().any(|c| c.2 == "spec" && c.1.starts_with("Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims")),
    )
}

pub(super) async fn stateful_set_spec_closed(t: Target) -> Outcome {
    let path = t.group("apps/v1", "statefulsets");
    let mut object = deployment("s", "i:1");
    object["kind"] = json!("StatefulSet");
    object["spec"]["serviceName"] = json!("s");
    object["spec"]["replicas"] = json!(0);
    t.post(&path, &object).await?.expect_code(201)?;
    let answer = refused_change(&t, &format!("{path}/s"), &json!({"spec": {"serviceName": "other"}})).await?;
    let causes = answer.causes();
    holds("one cause on spec", causes.len() == 1 && causes[0].2 == "spec")?;
    holds(
        "says which may",
        causes[0].1.starts_with(
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'",
        ),
    )
}

pub(super) async fn wrong_api_version(t: Target) -> Outcome {
    let map = json!({"apiVersion": "apps/v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let answer = t.post(&t.core("configmaps"), &map).await?;
    same("code", &json!(answer.code), &json!(400))?;
    same("reason", &answer.body["reason"], &json!("BadRequest"))
}

pub(super) async fn name_mismatch(t: Target) -> Outcome {
    let mut map = t.config_map("a", json!({}), json!({})).await?;
    map["metadata"]["name"] = json!("b");
    let answer = t.put(&t.core("configmaps/a"), &map).await?;
    answer.expect_status(
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
    )
}

pub(super) async fn uid_mismatch(t: Target) -> Outcome {
    let mut map = t.config_map("a", json!({}), json!({})).await?;
    let uid = map["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let wrong = "00000000-0000-4000-8000-000000000000";
    map["metadata"]["uid"] = json!(wrong);
    let answer = t.put(&t.core("configmaps/a"), &map).await?;
    answer.expect_status(
        409,
        "Conflict",
        &format!(
            "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid object, Code: 4, Key: /registry/configmaps/{}/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wrong}, UID in object meta: {uid}",
            t.namespace
        ),
    )
}

pub(super) async fn json_patch_test_fails(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({"k": "v"})).await?;
    let operations = json!([{"op": "test", "path": "/data/k", "value": "other"}]);
    let answer = t.patch(JSON_PATCH, &t.core("configmaps/a"), &operations).await?;
    answer.expect_status(422, "Invalid", "the server rejected our request due to an error in our request")
}

pub(super) async fn version_on_create(t: Target) -> Outcome {
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}});
    let answer = t.post(&t.core("configmaps"), &map).await?;
    answer.expect_status(500, "", "resourceVersion should not be set on objects to be created")
}

pub(super) async fn malformed_json(t: Target) -> Outcome {
    let answer = t
        .send("POST", &t.core("configmaps"), &[("content-type", "application/json")], b"{\"a\":".to_vec())
        .await?;
    same("code", &json!(answer.code), &json!(400))?;
    same("reason", &answer.body["reason"], &json!("BadRequest"))
}

pub(super) async fn bad_propagation(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({})).await?;
    let answer = t.delete(&t.core("configmaps/a"), &json!({"propagationPolicy": "Sideways"})).await?;
    same("code", &json!(answer.code), &json!(422))?;
    t.get(&t.core("configmaps/a")).await?.expect_code(200).map(drop)
}

pub(super) async fn watch_too_old_or_bad(t: Target) -> Outcome {
    let answer = t.get(&t.core("configmaps?watch=1&resourceVersion=nonsense&timeoutSeconds=1")).await?;
    answer.expect_status(
        500,
        "",
        "resourceVersion: Invalid value: \"nonsense\": strconv.ParseUint: parsing \"nonsense\": invalid syntax",
    )?;
    let events = t.watch(&t.core("configmaps?watch=1&resourceVersion=1&timeoutSeconds=1")).await?;
    // A server may still know version 1; if it does not, it says so in the stream.
    match events.first() {
        Some(event) if event["type"] == "ERROR" => {
            same("code", &event["object"]["code"], &json!(410))?;
            same("reason", &event["object"]["reason"], &json!("Expired"))
        }
        _ => Ok(()),
    }
}

pub(super) async fn uncreated_namespace_of_body(t: Target) -> Outcome {
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}});
    t.post(&t.core("configmaps"), &map).await?.expect_status(
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    )
}
