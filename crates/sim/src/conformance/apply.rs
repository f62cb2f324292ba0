//! Server-side apply: ownership, conflicts, removal.

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{APPLY, MERGE, Target, deployment, fields, holds, same, version},
};

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

/// A Deployment without pods, so that no controller writes in between.
fn parked(replicas: u32) -> Value {
    let mut object = deployment("d", "i:1");
    object["spec"]["replicas"] = json!(replicas);
    object
}

pub(super) async fn creates_with_201(t: Target) -> Outcome {
    t.apply(&t.core("configmaps/a"), "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    t.apply(&t.core("configmaps/a"), "one", &map(json!({"k": "w"}))).await?.expect_code(200).map(drop)
}

pub(super) async fn owns_what_it_applies(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    let out = t.apply(&path, "one", &parked(0)).await?.expect_code(201)?;
    same(
        "fields",
        &fields(&out, "one", "Apply", ""),
        &json!({"f:spec": {
            "f:replicas": {}, "f:selector": {},
            "f:template": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}}}}},
        }}),
    )?;
    let entry = &out["metadata"]["managedFields"][0];
    same("apiVersion", &entry["apiVersion"], &json!("apps/v1"))?;
    same("fieldsType", &entry["fieldsType"], &json!("FieldsV1"))
}

pub(super) async fn again_changes_nothing(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    let first = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    let again = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(200)?;
    same("the very object", &again, &first)?;
    let path = t.core("services/s");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let first = t.apply(&path, "one", &service).await?.expect_code(201)?;
    let again = t.apply(&path, "one", &service).await?.expect_code(200)?;
    same("a service with defaults too", &json!(version(&again)), &json!(version(&first)))
}

pub(super) async fn update_is_recorded(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v", "l": "w"}))).await?.expect_code(201)?;
    let out = t
        .patch(MERGE, &format!("{path}?fieldManager=two"), &json!({"data": {"l": "x"}}))
        .await?
        .expect_code(200)?;
    same("one keeps", &fields(&out, "one", "Apply", ""), &json!({"f:data": {"f:k": {}}}))?;
    same("two took", &fields(&out, "two", "Update", ""), &json!({"f:data": {"f:l": {}}}))
}

pub(super) async fn conflict_with_update(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &parked(0)).await?.expect_code(201)?;
    let patch = json!({"spec": {"progressDeadlineSeconds": 500}});
    t.patch(MERGE, &format!("{path}?fieldManager=two"), &patch).await?.expect_code(200)?;
    let mut config = parked(0);
    config["spec"]["progressDeadlineSeconds"] = json!(400);
    let answer = t.apply(&path, "one", &config).await?;
    answer.expect_status(
        409,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"two\" using apps/v1: .spec.progressDeadlineSeconds",
    )?;
    answer.expect_causes(&[(
        "FieldManagerConflict",
        "conflict with \"two\" using apps/v1",
        ".spec.progressDeadlineSeconds",
    )])
}

pub(super) async fn conflict_with_apply(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &parked(0)).await?.expect_code(201)?;
    let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}});
    let answer = t.apply(&path, "two", &config).await?;
    answer.expect_status(
        409,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"one\": .spec.template.spec.containers[name=\"c\"].image",
    )?;
    answer.expect_causes(&[(
        "FieldManagerConflict",
        "conflict with \"one\"",
        ".spec.template.spec.containers[name=\"c\"].image",
    )])
}

pub(super) async fn several_conflicts(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v", "l": "v"}))).await?.expect_code(201)?;
    let answer = t.apply(&path, "two", &map(json!({"k": "w", "l": "w"}))).await?;
    answer.expect_status(
        409,
        "Conflict",
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.k\n- .data.l",
    )?;
    answer.expect_causes(&[
        ("FieldManagerConflict", "conflict with \"one\"", ".data.k"),
        ("FieldManagerConflict", "conflict with \"one\"", ".data.l"),
    ])
}

pub(super) async fn force_takes(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v", "l": "v"}))).await?.expect_code(201)?;
    let out = t.apply(&path, "two&force=true", &map(json!({"k": "w"}))).await?.expect_code(200)?;
    same("value", &out["data"], &json!({"k": "w", "l": "v"}))?;
    same("one", &fields(&out, "one", "Apply", ""), &json!({"f:data": {"f:l": {}}}))?;
    same("two", &fields(&out, "two", "Apply", ""), &json!({"f:data": {"f:k": {}}}))
}

pub(super) async fn same_value_is_shared(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    let out = t.apply(&path, "two", &map(json!({"k": "v"}))).await?.expect_code(200)?;
    for manager in ["one", "two"] {
        same(manager, &fields(&out, manager, "Apply", ""), &json!({"f:data": {"f:k": {}}}))?;
    }
    Ok(())
}

pub(super) async fn dropped_field_goes(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v", "l": "v"}))).await?.expect_code(201)?;
    let out = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(200)?;
    same("data", &out["data"], &json!({"k": "v"}))?;
    let mut config = map(json!({"k": "v"}));
    config["metadata"]["labels"] = json!({"x": "y"});
    t.apply(&path, "one", &config).await?.expect_code(200)?;
    let out = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(200)?;
    same("labels", &out["metadata"]["labels"], &Value::Null)
}

pub(super) async fn dropped_field_owned_by_other_stays(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v", "l": "v"}))).await?.expect_code(201)?;
    t.apply(&path, "two", &map(json!({"l": "v"}))).await?.expect_code(200)?;
    let out = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(200)?;
    same("data", &out["data"], &json!({"k": "v", "l": "v"}))?;
    same("one", &fields(&out, "one", "Apply", ""), &json!({"f:data": {"f:k": {}}}))
}

pub(super) async fn dropped_item_goes(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    let mut two = parked(0);
    two["spec"]["template"]["spec"]["containers"] =
        json!([{"name": "c", "image": "i:1"}, {"name": "side", "image": "s:1"}]);
    t.apply(&path, "one", &two).await?.expect_code(201)?;
    let out = t.apply(&path, "one", &parked(0)).await?.expect_code(200)?;
    let containers = out["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    same("one container", &json!(containers.len()), &json!(1))?;
    same("its name", &containers[0]["name"], &json!("c"))
}

pub(super) async fn containers_merge_by_name(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    t.apply(&path, "one", &parked(0)).await?.expect_code(201)?;
    let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s:1", "env": [{"name": "A", "value": "1"}]}]}}}});
    let out = t.apply(&path, "two", &config).await?.expect_code(200)?;
    let containers = out["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
    same("two containers", &json!(containers.len()), &json!(2))?;
    same(
        "fields",
        &fields(&out, "two", "Apply", ""),
        &json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"side\"}": {
            ".": {}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}, "f:image": {}, "f:name": {}}}}}}}),
    )
}

pub(super) async fn ports_by_key(t: Target) -> Outcome {
    let path = t.core("services/s");
    let service = |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": ports, "selector": {"a": "b"}}});
    let out = t.apply(&path, "one", &service(json!([{"name": "a", "port": 80}]))).await?.expect_code(201)?;
    same(
        "fields",
        &fields(&out, "one", "Apply", ""),
        &json!({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}}, "f:selector": {}}}),
    )?;
    let out = t
        .apply(
            &path,
            "one",
            &service(json!([{"name": "a", "port": 80}, {"name": "b", "port": 81, "protocol": "UDP"}])),
        )
        .await?
        .expect_code(200)?;
    same("ports", &json!(out["spec"]["ports"].as_array().map(Vec::len)), &json!(2))
}

pub(super) async fn manager_required(t: Target) -> Outcome {
    let answer = t.patch(APPLY, &t.core("configmaps/a"), &map(json!({}))).await?;
    answer.expect_status(
        422,
        "Invalid",
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
    )
}

pub(super) async fn force_needs_apply(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({})).await?;
    let answer = t.patch(MERGE, &t.core("configmaps/a?force=true"), &json!({})).await?;
    answer.expect_status(
        422,
        "Invalid",
        "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
    )
}

pub(super) async fn managed_fields_refused(t: Target) -> Outcome {
    let mut config = map(json!({}));
    config["metadata"]["managedFields"] = json!([{"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}]);
    let answer = t.apply(&t.core("configmaps/a"), "one", &config).await?;
    answer.expect_status(400, "BadRequest", "metadata.managedFields must be nil")
}

pub(super) async fn stale_apply(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    let first = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    t.apply(&path, "one", &map(json!({"k": "w"}))).await?.expect_code(200)?;
    let mut config = map(json!({"k": "x"}));
    config["metadata"]["resourceVersion"] = json!(version(&first));
    let answer = t.apply(&path, "one", &config).await?;
    answer.expect_status(
        409,
        "Conflict",
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again",
    )
}

pub(super) async fn status_is_separate(t: Target) -> Outcome {
    let path = t.core(&format!("pods/{}", "p"));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": ["example.com/hold"]},
        "spec": {"nodeName": "no-such-node", "containers": [{"name": "c", "image": "i:1"}]}, "status": {"message": "ignored"}});
    let out = t.apply(&path, "one", &pod).await?.expect_code(201)?;
    holds("status is not applied by the main endpoint", out["status"]["message"] != "ignored")?;
    let status =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"message": "hello"}});
    let out = t.apply(&format!("{path}/status"), "two", &status).await?.expect_code(200)?;
    same("message", &out["status"]["message"], &json!("hello"))?;
    same("fields", &fields(&out, "two", "Apply", "status"), &json!({"f:status": {"f:message": {}}}))?;
    t.patch(MERGE, &path, &json!({"metadata": {"finalizers": null}})).await?.expect_code(200).map(drop)
}

pub(super) async fn yaml_body(t: Target) -> Outcome {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n";
    let path = format!("{}?fieldManager=one", t.core("configmaps/a"));
    let out = t.send("PATCH", &path, &[("content-type", APPLY)], text.into()).await?.expect_code(201)?;
    same("data", &out["data"], &json!({"k": "v"}))
}

pub(super) async fn apply_dry_run(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one&dryRun=All", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    t.get(&path).await?.expect_code(404)?;
    let made = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    let shown = t.apply(&path, "one&dryRun=All", &map(json!({"k": "w"}))).await?.expect_code(200)?;
    same("shown", &shown["data"], &json!({"k": "w"}))?;
    // It says which object it was reckoned from, and who would manage what.
    same("version", &json!(version(&shown)), &json!(version(&made)))?;
    same("uid", &shown["metadata"]["uid"], &made["metadata"]["uid"])?;
    let other = t.apply(&path, "two&dryRun=All", &map(json!({"k": "v"}))).await?.expect_code(200)?;
    same("shared", &fields(&other, "two", "Apply", ""), &json!({"f:data": {"f:k": {}}}))?;
    let taken =
        t.apply(&path, "two&dryRun=All&force=true", &map(json!({"k": "x"}))).await?.expect_code(200)?;
    same("taken", &taken["data"], &json!({"k": "x"}))?;
    same("kept", &t.get(&path).await?.expect_code(200)?, &made)
}

pub(super) async fn scale_owner(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    let mut config = parked(1);
    t.apply(&path, "one", &config).await?.expect_code(201)?;
    let scaled = t
        .patch(MERGE, &format!("{path}/scale?fieldManager=scaler"), &json!({"spec": {"replicas": 2}}))
        .await?
        .expect_code(200)?;
    same("kind", &scaled["kind"], &json!("Scale"))?;
    let out = t.get(&path).await?.expect_code(200)?;
    same("owner", &fields(&out, "scaler", "Update", "scale"), &json!({"f:spec": {"f:replicas": {}}}))?;
    config["spec"]["replicas"] = json!(1);
    let answer = t.apply(&path, "one", &config).await?;
    answer.expect_status(
        409,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" using apps/v1: .spec.replicas",
    )
}

pub(super) async fn labels_of_two(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    let labelled = |labels: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": labels}});
    t.apply(&path, "one", &labelled(json!({"a": "1"}))).await?.expect_code(201)?;
    t.apply(&path, "two", &labelled(json!({"b": "2"}))).await?.expect_code(200)?;
    let out = t.apply(&path, "two", &labelled(json!({"c": "3"}))).await?.expect_code(200)?;
    same("labels", &out["metadata"]["labels"], &json!({"a": "1", "c": "3"}))
}

pub(super) async fn custom_resource_apply(t: Target) -> Outcome {
    let group = super::custom::define(&t, "applied", json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {
                "mode": {"type": "string"},
                "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                    "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "size": {"type": "integer"}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "plain": {"type": "array", "items": {"type": "string"}},
            }},
        },
    })).await?;
    let path = t.group(&format!("{group}/v1"), "applieds/x");
    let object = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Applied", "metadata": {"name": "x"}, "spec": spec});
    let spec =
        json!({"mode": "m", "parts": [{"id": "a", "size": 1}], "free": {"deep": {"k": 1}}, "plain": ["p"]});
    let out = t.apply(&path, "one", &object(spec.clone())).await?.expect_code(201)?;
    same("generation", &out["metadata"]["generation"], &json!(1))?;
    same(
        "fields",
        &fields(&out, "one", "Apply", ""),
        &json!({"f:spec": {
            "f:free": {"f:deep": {".": {}, "f:k": {}}}, "f:mode": {},
            "f:parts": {"k:{\"id\":\"a\"}": {".": {}, "f:id": {}, "f:size": {}}}, "f:plain": {},
        }}),
    )?;
    let again = t.apply(&path, "one", &object(spec)).await?.expect_code(200)?;
    same("quiet", &json!(version(&again)), &json!(version(&out)))?;
    let out =
        t.apply(&path, "two", &object(json!({"parts": [{"id": "b", "size": 2}]}))).await?.expect_code(200)?;
    same("parts merge", &json!(out["spec"]["parts"].as_array().map(Vec::len)), &json!(2))?;
    let answer = t.apply(&path, "two", &object(json!({"plain": ["q"]}))).await?;
    answer.expect_causes(&[("FieldManagerConflict", "conflict with \"one\"", ".spec.plain")])
}

pub(super) async fn wrong_version_applied(t: Target) -> Outcome {
    let mut config = map(json!({}));
    config["apiVersion"] = json!("apps/v1");
    let answer = t.apply(&t.core("configmaps/a"), "one", &config).await?;
    same("code", &json!(answer.code), &json!(400))
}

pub(super) async fn env_duplicate_refused(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    let mut config = parked(0);
    config["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{"protocol": "TCP"}]);
    let answer = t.apply(&path, "one", &config).await?;
    answer.expect_causes(&[(
        "FieldValueRequired",
        "Required value",
        "spec.template.spec.containers[0].ports[0].containerPort",
    )])?;
    let mut config = parked(0);
    config["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A"}, {"name": "A"}]);
    let answer = t.apply(&path, "one", &config).await?;
    answer.expect_status(
        500,
        "",
        "failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.template.spec.containers[name=\"c\"].env: duplicate entries for key [name=\"A\"]",
    )
}

pub(super) async fn apply_defaults_back(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    let mut config = parked(0);
    config["spec"]["revisionHistoryLimit"] = json!(3);
    t.apply(&path, "one", &config).await?.expect_code(201)?;
    let out = t.apply(&path, "one", &parked(0)).await?.expect_code(200)?;
    same("back to the default", &out["spec"]["revisionHistoryLimit"], &json!(10))
}

pub(super) async fn bound_to_a_uid(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    let made = t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    let mut config = map(json!({"k": "w"}));
    config["metadata"]["uid"] = made["metadata"]["uid"].clone();
    let out = t.apply(&path, "one", &config).await?.expect_code(200)?;
    same("the UID is nobody's field", &fields(&out, "one", "Apply", ""), &json!({"f:data": {"f:k": {}}}))
}

pub(super) async fn bound_to_another_uid(t: Target) -> Outcome {
    let path = t.core("configmaps/a");
    t.apply(&path, "one", &map(json!({"k": "v"}))).await?.expect_code(201)?;
    let wrong = "00000000-0000-4000-8000-000000000000";
    let mut config = map(json!({"k": "w"}));
    config["metadata"]["uid"] = json!(wrong);
    let answer = t.apply(&path, "one", &config).await?;
    let message =
        format!("ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"{wrong}\": field is immutable");
    answer.expect_status(422, "Invalid", &message)?;
    // Two validations find it.
    let cause = format!("Invalid value: \"{wrong}\": field is immutable");
    let cause = ("FieldValueInvalid", cause.as_str(), "metadata.uid");
    answer.expect_causes(&[cause, cause])
}

pub(super) async fn bound_to_a_uid_that_is_gone(t: Target) -> Outcome {
    let wrong = "00000000-0000-4000-8000-000000000000";
    let mut config = map(json!({"k": "w"}));
    config["metadata"]["uid"] = json!(wrong);
    let answer = t.apply(&t.core("configmaps/a"), "one", &config).await?;
    answer.expect_status(
        409,
        "Conflict",
        &format!(
            "Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided object specified uid {wrong}, and no existing object was found"
        ),
    )
}
