use serde_json::json;

use super::builtin;
use crate::fieldset::FieldSet;

#[test]
fn an_applied_deployment_owns_its_fields_by_path() {
    let schema = builtin("apps", "deployments");
    let set = schema.field_set(&json!({
        "metadata": {"labels": {"app": "x"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"spec": {"containers": [
                {"name": "c", "image": "i", "args": ["a"], "ports": [{"containerPort": 80}], "resources": {}}
            ]}}
        }
    }));
    assert_eq!(
        set.to_value(),
        json!({
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {
                    ".": {}, "f:args": {}, "f:image": {}, "f:name": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                    "f:resources": {}
                }}}}
            }
        })
    );
    assert_eq!(FieldSet::from_value(&set.to_value()), set);
}

#[test]
fn added_maps_are_owned_themselves_by_an_update() {
    let schema = builtin("", "configmaps");
    let out = schema
        .compare(&json!({"metadata": {}}), &json!({"metadata": {"labels": {"a": "b"}}, "data": {"k": "v"}}));
    assert_eq!(
        out.added.to_value(),
        json!({"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:a": {}}}})
    );
    assert!(out.removed.is_empty() && out.modified.is_empty());
}

#[test]
fn keyed_lists_merge_by_key_and_keep_what_is_not_applied() {
    let schema = builtin("apps", "deployments");
    let live = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "side", "image": "s"}, {"name": "c", "image": "old", "imagePullPolicy": "Always"}
    ]}}}});
    let config = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "new"}, {"name": "n", "image": "n"}]}}}});
    assert_eq!(
        schema.merge(Some(&live), &config),
        json!({"spec": {"template": {"spec": {"containers": [
            {"name": "side", "image": "s"},
            {"name": "c", "image": "new", "imagePullPolicy": "Always"},
            {"name": "n", "image": "n"}
        ]}}}})
    );
}

#[test]
fn paths_read_as_the_api_server_says_them() {
    let schema = builtin("apps", "deployments");
    let set = schema
        .field_set(&json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}));
    assert_eq!(
        set.paths(),
        [
            ".spec.template.spec.containers[name=\"c\"]",
            ".spec.template.spec.containers[name=\"c\"].image",
            ".spec.template.spec.containers[name=\"c\"].name",
        ]
    );
}
