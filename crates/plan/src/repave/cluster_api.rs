//! Cluster API: fields whose change it answers with a rollout of machines.
//!
//! Version, bootstrap and infrastructure decide what a machine is: changing them makes new ones. Labels, annotations,
//! timeouts of draining and deleting, readiness gates, taints, replicas and strategies are carried over in place. A
//! template matters through the reference to it alone, and of a reference only group, kind, name and namespace. What is
//! not known to be carried over in place counts as a rollout: better one approval too many.

use std::collections::BTreeSet;

use serde_json::Value;
use strata_model::{plan::RepaveReason, render::RenderedObject};
use strata_values::Redactor;

use super::reason;
use crate::steps::is_pool;

/// Fields of a control plane's `spec` that it takes over without new machines.
const CONTROL_PLANE_IN_PLACE: [&str; 12] = [
    "replicas",
    "rolloutStrategy",
    "rolloutBefore",
    "rolloutAfter",
    "rollout",
    "remediationStrategy",
    "remediation",
    "machineNamingStrategy",
    "machineNaming",
    "machineTemplate",
    "version",
    "kubeadmConfigSpec",
];

/// Fields of a machine's `spec` that are carried over to living machines.
const MACHINE_IN_PLACE: [&str; 8] = [
    "nodeDrainTimeout",
    "nodeDeletionTimeout",
    "nodeVolumeDetachTimeout",
    "readinessGates",
    "minReadySeconds",
    "deletion",
    "taints",
    "clusterName",
];

pub(super) fn reasons(
    before: &Value,
    after: &RenderedObject,
    pool: Option<&str>,
    redactor: &Redactor,
) -> Vec<RepaveReason> {
    let mut watch = Watch { before, after, redactor, reasons: Vec::new() };
    match after.key.group.as_str() {
        "controlplane.cluster.x-k8s.io" if !after.key.kind.ends_with("Template") => watch.control_plane(),
        "cluster.x-k8s.io" if is_pool(&after.key) || after.key.kind == "MachineSet" => {
            watch.machines(pool.unwrap_or(&after.key.name));
        }
        "cluster.x-k8s.io" if after.key.kind == "Cluster" => watch.topology(),
        // Pools of machines that a provider runs itself, e.g. as a scaling group.
        "infrastructure.cluster.x-k8s.io" if after.key.kind.ends_with("MachinePool") => {
            if let Some(pool) = pool {
                watch.below(
                    "spec",
                    &["replicas", "minSize", "maxSize", "providerIDList"],
                    "MACHINE_TEMPLATE",
                    Some(pool),
                );
            }
        }
        _ => {}
    }
    watch.reasons
}

struct Watch<'a> {
    before: &'a Value,
    after: &'a RenderedObject,
    redactor: &'a Redactor,
    reasons: Vec<RepaveReason>,
}

impl Watch<'_> {
    fn control_plane(&mut self) {
        self.field("spec.version", "KUBERNETES_VERSION", None);
        self.below("spec.kubeadmConfigSpec", &[], "BOOTSTRAP_CONFIG", None);
        for path in ["spec.machineTemplate.infrastructureRef", "spec.machineTemplate.spec.infrastructureRef"]
        {
            self.reference(path, "MACHINE_TEMPLATE", None);
        }
        self.below(
            "spec.machineTemplate.spec",
            &[&MACHINE_IN_PLACE[..], &["infrastructureRef"]].concat(),
            "MACHINE_TEMPLATE",
            None,
        );
        for path in ["spec.rolloutAfter", "spec.rollout.after"] {
            self.asked(path, None);
        }
        self.below("spec", &CONTROL_PLANE_IN_PLACE, "BOOTSTRAP_CONFIG", None);
    }

    fn machines(&mut self, pool: &str) {
        let pool = Some(pool);
        self.field("spec.template.spec.version", "KUBERNETES_VERSION", pool);
        self.reference("spec.template.spec.bootstrap.configRef", "BOOTSTRAP_CONFIG", pool);
        self.field("spec.template.spec.bootstrap.dataSecretName", "BOOTSTRAP_CONFIG", pool);
        self.reference("spec.template.spec.infrastructureRef", "MACHINE_TEMPLATE", pool);
        self.field("spec.template.spec.failureDomain", "FAILURE_DOMAIN", pool);
        let told = ["version", "bootstrap", "infrastructureRef", "failureDomain"];
        self.below("spec.template.spec", &[&MACHINE_IN_PLACE[..], &told].concat(), "MACHINE_SPEC", pool);
        for path in ["spec.rolloutAfter", "spec.rollout.after"] {
            self.asked(path, pool);
        }
    }

    /// A cluster that is described as a whole.
    fn topology(&mut self) {
        self.field("spec.topology.version", "KUBERNETES_VERSION_EVERYWHERE", None);
        for path in ["spec.topology.class", "spec.topology.classRef", "spec.topology.variables"] {
            self.field(path, "TOPOLOGY_EVERYWHERE", None);
        }
        let in_place =
            [&MACHINE_IN_PLACE[..], &["replicas", "metadata", "machineHealthCheck", "healthCheck"]].concat();
        self.below("spec.topology.controlPlane", &in_place, "TOPOLOGY", None);
        for list in ["machineDeployments", "machinePools"] {
            let path = format!("spec.topology.workers.{list}");
            let items =
                |object: &Value| at(object, &path).and_then(Value::as_array).cloned().unwrap_or_default();
            let (old, new) = (items(self.before), items(&self.after.body));
            for item in new {
                let Some(name) = item.get("name").and_then(Value::as_str) else { continue };
                let Some(former) = old.iter().find(|other| other.get("name") == item.get("name")) else {
                    continue;
                };
                let fields: BTreeSet<&String> = [former, &item]
                    .iter()
                    .filter_map(|value| value.as_object())
                    .flat_map(|map| map.keys())
                    .collect();
                let in_place =
                    |field: &&&String| in_place.contains(&field.as_str()) || field.as_str() == "strategy";
                for field in fields.iter().filter(|field| !in_place(field)) {
                    let path = format!("{path}[name={name}].{field}");
                    self.differ(former.get(*field), item.get(*field), &path, "TOPOLOGY", Some(name));
                }
            }
        }
    }

    fn field(&mut self, path: &str, code: &str, pool: Option<&str>) {
        self.differ(at(self.before, path), at(&self.after.body, path), path, code, pool);
    }

    /// Of a reference the version of its API does not count.
    fn reference(&mut self, path: &str, code: &str, pool: Option<&str>) {
        let normal = |object: &Value| {
            let mut reference = at(object, path)?.clone();
            let map = reference.as_object_mut()?;
            let group = map
                .shift_remove("apiVersion")
                .and_then(|version| Some(version.as_str()?.split_once('/')?.0.to_owned()));
            if let Some(group) = group {
                map.insert("apiGroup".to_owned(), Value::String(group));
            }
            Some(reference)
        };
        let (old, new) = (normal(self.before), normal(&self.after.body));
        if old == new {
            return;
        }
        let name =
            |reference: &Option<Value>| reference.as_ref().and_then(|value| value.get("name")).cloned();
        let (old_name, new_name) = (name(&old), name(&new));
        if old_name == new_name {
            self.differ(old.as_ref(), new.as_ref(), path, code, pool);
        } else {
            self.differ(old_name.as_ref(), new_name.as_ref(), &format!("{path}.name"), code, pool);
        }
    }

    /// An instant after which all machines are replaced; taking it away does nothing.
    fn asked(&mut self, path: &str, pool: Option<&str>) {
        if at(&self.after.body, path).is_some_and(|value| !value.is_null()) {
            self.field(path, "ROLLOUT_ASKED_FOR", pool);
        }
    }

    /// Each field directly below a path but some.
    fn below(&mut self, root: &str, but: &[&str], code: &str, pool: Option<&str>) {
        let fields = |object| at(object, root).and_then(Value::as_object).cloned().unwrap_or_default();
        let (old, new) = (fields(self.before), fields(&self.after.body));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names.into_iter().filter(|name| !but.contains(&name.as_str())) {
            self.differ(old.get(name), new.get(name), &format!("{root}.{name}"), code, pool);
        }
    }

    fn differ(
        &mut self,
        old: Option<&Value>,
        new: Option<&Value>,
        path: &str,
        code: &str,
        pool: Option<&str>,
    ) {
        let there = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
        let (old, new) = (there(old), there(new));
        if old == new {
            return;
        }
        let message = format!("{path}: {} → {}", self.shown(old.as_ref()), self.shown(new.as_ref()));
        self.reasons.push(reason(code, &self.after.key, path, message, pool));
    }

    fn shown(&self, value: Option<&Value>) -> String {
        match value {
            None => "none".to_owned(),
            Some(Value::String(text)) => self.redactor.mask_text(text),
            Some(value @ (Value::Object(_) | Value::Array(_))) => {
                let text = self.redactor.mask_value(value).to_string();
                if text.chars().count() > 80 { "…".to_owned() } else { text }
            }
            Some(value) => self.redactor.mask_value(value).to_string(),
        }
    }
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strata_model::{
        object::{Destination, ObjectKey},
        profile::{ConflictPolicy, ImmutablePolicy, LayerKind, OrphanPolicy},
    };

    use super::*;

    fn codes(before: &Value, after: &Value) -> Vec<(String, String, Option<String>)> {
        let object = RenderedObject {
            key: ObjectKey::of(after).unwrap(),
            api_version: after["apiVersion"].as_str().unwrap().to_owned(),
            layers: vec!["k8s".parse().unwrap()],
            layer_kind: LayerKind::Kubernetes,
            revision: strata_model::profile::RevisionReference {
                profile: "infra".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
                revision: 1,
            },
            source: "manifests/cluster.yaml".to_owned(),
            destination: Destination::Management,
            install_priority: 0,
            on_conflict: ConflictPolicy::Fail,
            on_immutable: ImmutablePolicy::Block,
            orphan_policy: OrphanPolicy::Keep,
            body: after.clone(),
        };
        let redactor = Redactor::new(&strata_model::digest::DigestKey::new([1; 32]), []);
        let pool = crate::steps::pool_name(&object.key, after);
        reasons(before, &object, pool.as_deref(), &redactor)
            .into_iter()
            .map(|reason| (reason.code, reason.path, reason.pool))
            .collect()
    }

    fn control_plane(spec: &Value) -> Value {
        json!({"apiVersion": "controlplane.cluster.x-k8s.io/v1beta1", "kind": "KubeadmControlPlane",
            "metadata": {"name": "c", "namespace": "n"}, "spec": spec})
    }

    fn pool(spec: &Value) -> Value {
        json!({"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "MachineDeployment",
            "metadata": {"name": "c-blue", "namespace": "n", "labels": {"strata.dev/pool": "blue"}},
            "spec": {"template": {"spec": spec}, "replicas": spec["n"]}})
    }

    #[test]
    fn what_replaces_control_plane_machines() {
        let before = control_plane(&json!({"version": "v1.32.0", "replicas": 1,
            "kubeadmConfigSpec": {"files": []},
            "machineTemplate": {"nodeDrainTimeout": "1m", "infrastructureRef": {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "name": "a"}}}));
        let in_place = control_plane(&json!({"version": "v1.32.0", "replicas": 3,
            "kubeadmConfigSpec": {"files": []}, "rolloutStrategy": {"type": "RollingUpdate"},
            "machineTemplate": {"nodeDrainTimeout": "2m", "metadata": {"labels": {"a": "b"}},
                "infrastructureRef": {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "name": "a"}}}));
        assert_eq!(codes(&before, &in_place), []);
        let replaced = control_plane(&json!({"version": "v1.33.0", "replicas": 1,
            "kubeadmConfigSpec": {"files": [1]}, "rolloutAfter": "2026-01-01T00:00:00Z",
            "machineTemplate": {"infrastructureRef": {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "name": "b"}}}));
        let paths: Vec<String> = codes(&before, &replaced).into_iter().map(|(_, path, _)| path).collect();
        assert_eq!(
            paths,
            [
                "spec.version",
                "spec.kubeadmConfigSpec.files",
                "spec.machineTemplate.infrastructureRef.name",
                "spec.rolloutAfter"
            ]
        );
    }

    #[test]
    fn what_replaces_machines_of_a_pool() {
        let before = pool(
            &json!({"version": "v1.32.0", "n": 1, "infrastructureRef": {"name": "a"}, "nodeDrainTimeout": "1m"}),
        );
        let in_place = pool(
            &json!({"version": "v1.32.0", "n": 1, "infrastructureRef": {"name": "a"}, "nodeDrainTimeout": "9m"}),
        );
        assert_eq!(codes(&before, &in_place), []);
        let replaced = pool(
            &json!({"version": "v1.33.0", "n": 1, "infrastructureRef": {"name": "a"}, "failureDomain": "z"}),
        );
        let expected = [
            ("KUBERNETES_VERSION", "spec.template.spec.version"),
            ("FAILURE_DOMAIN", "spec.template.spec.failureDomain"),
        ];
        let expected =
            expected.map(|(code, path)| (code.to_owned(), path.to_owned(), Some("blue".to_owned())));
        assert_eq!(codes(&before, &replaced), expected);
    }

    #[test]
    fn a_topology_version_replaces_all() {
        let cluster = |version: &str, replicas: u32| {
            json!({"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster", "metadata": {"name": "c"},
                "spec": {"topology": {"version": version, "workers": {"machineDeployments": [{"name": "a", "replicas": replicas}]}}}})
        };
        assert_eq!(codes(&cluster("v1.32.0", 1), &cluster("v1.32.0", 2)), []);
        assert_eq!(
            codes(&cluster("v1.32.0", 1), &cluster("v1.33.0", 1))[0].0,
            "KUBERNETES_VERSION_EVERYWHERE"
        );
    }
}
