//! What is noticed, and what is not.

use serde_json::{Value, json};

use super::{Strictness, check_applied, settle};
use crate::resource::{BUILTINS, Resource, skeleton};

fn resource(group: &str, plural: &str) -> std::sync::Arc<Resource> {
    BUILTINS.get(group, plural).unwrap().clone()
}

fn refusal(group: &str, plural: &str, config: &Value) -> String {
    let resource = resource(group, plural);
    let error = check_applied(&resource, resource.preferred(), "x", config).unwrap_err();
    assert_eq!(error.code, 500);
    error.message
}

#[test]
fn every_kind_reads_its_own_skeleton() {
    for resource in &BUILTINS.list {
        let mut empty = skeleton(resource);
        settle(resource, resource.preferred(), &mut empty, Strictness::Strict).unwrap();
        // And is described at all: a field nobody has is noticed.
        let mut strange = empty.clone();
        strange["strange"] = json!(1);
        settle(resource, resource.preferred(), &mut strange, Strictness::Strict).unwrap_err();
        settle(resource, resource.preferred(), &mut strange, Strictness::Lenient).unwrap();
        assert_eq!(strange, empty, "{}", resource.kind);
    }
}

#[test]
fn places_are_named_as_the_api_server_names_them() {
    let mut pod = json!({"metadata": {"name": "x"}, "spec": {
        "containers": [{"name": "c", "image": "i", "imag": 1, "ports": [{"containerPort": 80, "port": 1}]}],
        "tolerations": [{}, {"for": "ever"}],
    }});
    let said = refusal("", "pods", &pod);
    assert_eq!(
        said,
        "failed to create typed patch object (/x; /v1, Kind=Pod): errors:\n  \
         .spec.containers[name=\"c\"].imag: field not declared in schema\n  \
         .spec.containers[name=\"c\"].ports[containerPort=80,protocol=\"TCP\"].port: field not declared in schema\n  \
         .spec.tolerations[1].for: field not declared in schema"
    );
    let pods = resource("", "pods");
    let error = settle(&pods, "v1", &mut pod.clone(), Strictness::Strict).unwrap_err();
    assert!(error.message.ends_with(
        "strict decoding error: unknown field \"spec.containers[0].imag\", \
         unknown field \"spec.containers[0].ports[0].port\", unknown field \"spec.tolerations[1].for\""
    ));
    settle(&pods, "v1", &mut pod, Strictness::Lenient).unwrap();
    assert_eq!(
        pod["spec"],
        json!({"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}], "tolerations": [{}, {}]})
    );
}

#[test]
fn forms_that_do_not_fit_are_all_found() {
    let config = json!({"metadata": {"labels": {"a": true}}, "spec": {
        "replicas": "x", "paused": 1, "template": {"spec": {"containers": {}}},
    }});
    let said = refusal("apps", "deployments", &config);
    for expected in [
        ".metadata.labels.a: expected string, got &value.valueUnstructured{Value:true}",
        ".spec.replicas: expected numeric (int or float), got string",
        ".spec.paused: expected boolean, got &{1}",
        ".spec.template.spec.containers: expected list, got &{map[]}",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    let mut object = json!({"spec": {"replicas": "x"}});
    let error = settle(&resource("apps", "deployments"), "v1", &mut object, Strictness::Lenient).unwrap_err();
    assert_eq!(
        error.message,
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    );
}

#[test]
fn what_a_type_reads_in_several_forms_passes() {
    let mut object = json!({"metadata": {"creationTimestamp": null, "labels": null}, "spec": {
        "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
        "template": {"spec": {"containers": [{
            "name": "c", "command": null, "env": [{"name": "e", "value": null}],
            "resources": {"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": 0.5}},
            "livenessProbe": {"httpGet": {"port": "http"}},
        }]}},
    }});
    let before = object.clone();
    let deployments = resource("apps", "deployments");
    settle(&deployments, "v1", &mut object, Strictness::Strict).unwrap();
    assert_eq!(object, before);
    object["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = json!(true);
    let said = refusal("apps", "deployments", &object);
    assert!(
        said.starts_with("failed to convert new object (/x; apps/v1, Kind=Deployment) to proper version")
    );
    let said = refusal("", "secrets", &json!({"data": {"a": "***"}}));
    assert!(said.starts_with("failed to convert new object (/x; /v1, Kind=Secret)"), "{said}");
    let schema = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"a": {"type": "array", "items": {"type": "string", "default": {"any": 1}}}},
    }}}]}});
    let definitions = resource("apiextensions.k8s.io", "customresourcedefinitions");
    settle(&definitions, "v1", &mut schema.clone(), Strictness::Strict).unwrap();
}
