//! Custom resources: from definition to deletion, scaling, schemas, versions.

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{MERGE, STRATEGIC, Target, holds, same},
};

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
