//! Fields that a kind does not declare, and values of another form than it declares.

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{JSON_PATCH, MERGE, STRATEGIC, Target, deployment, holds, same},
};

/// A Deployment with a change to it.
fn changed(pointer: &str, value: Value) -> Value {
    let mut object = deployment("d", "i:1");
    object["spec"]["replicas"] = json!(0);
    let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(map)) = object.pointer_mut(parent) {
        map.insert(field.into(), value);
    }
    object
}

pub(super) async fn undeclared_applied(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    for (pointer, place) in [
        ("/bogus", ".bogus"),
        ("/metadata/bogus", ".metadata.bogus"),
        ("/spec/bogus", ".spec.bogus"),
        ("/spec/selector/bogus", ".spec.selector.bogus"),
        ("/spec/template/spec/containers/0/bogus", ".spec.template.spec.containers[name=\"c\"].bogus"),
    ] {
        let answer = t.apply(&path, "one", &changed(pointer, json!(1))).await?;
        let said = format!(
            "failed to create typed patch object (/d; apps/v1, Kind=Deployment): {place}: field not declared in schema"
        );
        answer.expect_status(500, "", &said)?;
    }
    let lenient = format!("{path}?fieldManager=one&fieldValidation=Ignore");
    let answer = t.patch(super::target::APPLY, &lenient, &changed("/spec/bogus", json!(1))).await?;
    same("whatever is asked for", &json!(answer.code), &json!(500))
}

pub(super) async fn mistyped_applied(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    for (pointer, value, problem) in [
        ("/spec/replicas", json!("x"), ".spec.replicas: expected numeric (int or float), got string"),
        ("/spec/paused", json!(1), ".spec.paused: expected boolean, got &{1}"),
        (
            "/spec/template/spec/containers",
            json!({}),
            ".spec.template.spec.containers: expected list, got &{map[]}",
        ),
        ("/spec", json!([]), ".spec: expected map, got &{[]}"),
        (
            "/spec/template/spec/containers/0/image",
            json!(5),
            ".spec.template.spec.containers[name=\"c\"].image: expected string, got &value.valueUnstructured{Value:5}",
        ),
    ] {
        let answer = t.apply(&path, "one", &changed(pointer, value)).await?;
        let said = format!("failed to create typed patch object (/d; apps/v1, Kind=Deployment): {problem}");
        answer.expect_status(500, "", &said)?;
    }
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "***"}});
    let answer = t.apply(&t.core("secrets/s"), "one", &secret).await?;
    same("code", &json!(answer.code), &json!(500))?;
    let said = answer.body["message"].as_str().unwrap_or_default();
    holds(
        "it could not be converted",
        said.starts_with("failed to convert new object (/s; /v1, Kind=Secret) to proper version"),
    )
}

pub(super) async fn several_forms_pass(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments/d");
    let mut object =
        changed("/spec/strategy", json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}}));
    t.apply(&path, "one", &object).await?.expect_code(201)?;
    object["metadata"]["creationTimestamp"] = Value::Null;
    let container = &mut object["spec"]["template"]["spec"]["containers"][0];
    container["resources"] = json!({"limits": {"cpu": 1}});
    container["command"] = Value::Null;
    t.apply(&path, "one", &object).await?.expect_code(200).map(drop)
}

pub(super) async fn undeclared_sent(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments");
    let mut object = changed("/spec/template/spec/containers/0/bogus", json!(1));
    object["bogus"] = json!(1);
    let answer = t.post(&format!("{path}?fieldValidation=Strict"), &object).await?;
    answer.expect_status(
        400,
        "BadRequest",
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.template.spec.containers[0].bogus\", unknown field \"bogus\"",
    )?;
    let made = t.post(&path, &object).await?.expect_code(201)?;
    same("dropped", &made["bogus"], &Value::Null)?;
    same("dropped below", &made["spec"]["template"]["spec"]["containers"][0]["bogus"], &Value::Null)?;
    let path = format!("{path}/d");
    for kind in [MERGE, STRATEGIC] {
        let out = t.patch(kind, &path, &json!({"spec": {"bogus": 1}})).await?.expect_code(200)?;
        same("dropped from a patch", &out["spec"]["bogus"], &Value::Null)?;
    }
    let add = json!([{"op": "add", "path": "/spec/bogus", "value": 1}]);
    t.patch(JSON_PATCH, &path, &add).await?.expect_code(200)?;
    let strict =
        t.patch(MERGE, &format!("{path}?fieldValidation=Strict"), &json!({"spec": {"bogus": 1}})).await?;
    same("strict", &json!(strict.code), &json!(422))?;
    let said = strict.body["message"].as_str().unwrap_or_default();
    holds("says which", said.ends_with("strict decoding error: unknown field \"spec.bogus\""))
}

pub(super) async fn mistyped_sent(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments");
    for (pointer, value, problem) in [
        (
            "/spec/replicas",
            json!("x"),
            "string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        ("/spec/paused", json!(1), "number into Go struct field DeploymentSpec.spec.paused of type bool"),
    ] {
        let answer = t.post(&path, &changed(pointer, value)).await?;
        let said = format!(
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal {problem}"
        );
        answer.expect_status(400, "BadRequest", &said)?;
    }
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "z"}, "data": {"a": 1}});
    t.post(&t.core("configmaps"), &map).await?.expect_status(
        400,
        "BadRequest",
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    )?;
    t.config_map("a", json!({}), json!({})).await?;
    let answer = t.patch(MERGE, &t.core("configmaps/a"), &json!({"data": {"a": 1}})).await?;
    same("patched", &json!(answer.code), &json!(422))?;
    same("reason", &answer.body["reason"], &json!("Invalid"))
}

pub(super) async fn undeclared_custom(t: Target) -> Outcome {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "known": {"type": "boolean"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
    }}}});
    let group = super::custom::define(&t, "strict", schema).await?;
    let path = t.group(&format!("{group}/v1"), "stricts/x");
    let object = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Strict", "metadata": {"name": "x"}, "spec": spec});
    let typed = format!("failed to create typed patch object (/x; {group}/v1, Kind=Strict): ");
    // The schema may reach the place where applied objects are typed a little after the resource is served.
    t.until_applied(&path, &object(json!({"bogus": 1})), 500).await?;
    for (spec, problem) in [
        (json!({"bogus": 1}), ".spec.bogus: field not declared in schema"),
        (json!({"known": "x"}), ".spec.known: expected boolean, got &{x}"),
        (json!({"map": {"a": 1}}), ".spec.map.a: expected string, got &value.valueUnstructured{Value:1}"),
    ] {
        let answer = t.apply(&path, "one", &object(spec)).await?;
        answer.expect_status(500, "", &format!("{typed}{problem}"))?;
    }
    let free = object(json!({"known": true, "free": {"any": {"thing": 1}}, "map": {"any": "thing"}}));
    t.apply(&path, "one", &free).await?.expect_code(201).map(drop)
}
