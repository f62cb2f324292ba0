//! The built-in kinds, as far as they differ from "objects are structs, lists are atomic".

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use serde_json::json;

use super::{Key, Rest, Schema};

type Node = Arc<Schema>;

fn structure(fields: &[(&str, Node)]) -> Node {
    Arc::new(Schema::Struct {
        fields: fields
            .iter()
            .map(|(name, schema)| (Box::from(*name), schema.clone()))
            .collect::<BTreeMap<_, _>>(),
        rest: Rest::Declared,
    })
}

fn auto() -> Node {
    Arc::new(Schema::Auto)
}

fn atomic() -> Node {
    Arc::new(Schema::Atomic)
}

fn map() -> Node {
    Arc::new(Schema::Struct { fields: BTreeMap::new(), rest: Rest::Map(Arc::new(Schema::Atomic)) })
}

fn set() -> Node {
    Arc::new(Schema::Set)
}

fn keyed(keys: &[&str], item: Node) -> Node {
    let keys = keys
        .iter()
        .map(|name| Key {
            name: (*name).into(),
            // The one key with a default: ports of containers and Services.
            default: (*name == "protocol").then(|| json!("TCP")),
        })
        .collect();
    Arc::new(Schema::Keyed { keys, item })
}

/// `metadata` of any object.
pub(crate) fn metadata() -> Node {
    structure(&[
        ("labels", map()),
        ("annotations", map()),
        ("finalizers", set()),
        ("ownerReferences", keyed(&["uid"], atomic())),
        ("managedFields", atomic()),
    ])
}

fn resources() -> Node {
    structure(&[("limits", map()), ("requests", map()), ("claims", keyed(&["name"], auto()))])
}

fn value_from() -> Node {
    structure(&[
        ("configMapKeyRef", atomic()),
        ("secretKeyRef", atomic()),
        ("fieldRef", atomic()),
        ("resourceFieldRef", atomic()),
    ])
}

fn container() -> Node {
    let probe = structure(&[("httpGet", structure(&[("httpHeaders", atomic())]))]);
    structure(&[
        ("env", keyed(&["name"], structure(&[("valueFrom", value_from())]))),
        ("envFrom", atomic()),
        ("ports", keyed(&["containerPort", "protocol"], auto())),
        ("volumeMounts", keyed(&["mountPath"], auto())),
        ("volumeDevices", keyed(&["devicePath"], auto())),
        ("resources", resources()),
        ("livenessProbe", probe.clone()),
        ("readinessProbe", probe.clone()),
        ("startupProbe", probe),
    ])
}

fn label_selector() -> Node {
    atomic()
}

fn pod_spec() -> Node {
    let local_reference = atomic();
    let volume = structure(&[
        ("projected", structure(&[("sources", atomic())])),
        (
            "ephemeral",
            structure(&[(
                "volumeClaimTemplate",
                structure(&[("metadata", metadata()), ("spec", claim_spec())]),
            )]),
        ),
        ("csi", structure(&[("volumeAttributes", map()), ("nodePublishSecretRef", local_reference.clone())])),
    ]);
    structure(&[
        ("containers", keyed(&["name"], container())),
        ("initContainers", keyed(&["name"], container())),
        ("ephemeralContainers", keyed(&["name"], container())),
        ("volumes", keyed(&["name"], volume)),
        ("imagePullSecrets", keyed(&["name"], atomic())),
        ("hostAliases", keyed(&["ip"], auto())),
        (
            "topologySpreadConstraints",
            keyed(&["topologyKey", "whenUnsatisfiable"], structure(&[("labelSelector", label_selector())])),
        ),
        ("schedulingGates", keyed(&["name"], auto())),
        ("resourceClaims", keyed(&["name"], auto())),
        ("nodeSelector", atomic()),
        ("overhead", map()),
        ("resources", resources()),
        (
            "affinity",
            structure(&[(
                "nodeAffinity",
                structure(&[("requiredDuringSchedulingIgnoredDuringExecution", atomic())]),
            )]),
        ),
    ])
}

fn pod_template() -> Node {
    structure(&[("metadata", metadata()), ("spec", pod_spec())])
}

fn conditions() -> Node {
    keyed(&["type"], auto())
}

fn claim_spec() -> Node {
    structure(&[
        ("selector", label_selector()),
        ("resources", structure(&[("limits", map()), ("requests", map())])),
        ("dataSource", atomic()),
    ])
}

fn claim() -> Node {
    structure(&[
        ("metadata", metadata()),
        ("spec", claim_spec()),
        (
            "status",
            structure(&[("conditions", conditions()), ("capacity", map()), ("allocatedResources", map())]),
        ),
    ])
}

fn object(fields: &[(&str, Node)]) -> Node {
    let mut all = vec![("metadata", metadata())];
    all.extend(fields.iter().cloned());
    structure(&all)
}

fn workload() -> Node {
    object(&[
        (
            "spec",
            structure(&[
                ("selector", label_selector()),
                ("template", pod_template()),
                ("volumeClaimTemplates", atomic()),
            ]),
        ),
        ("status", structure(&[("conditions", conditions())])),
    ])
}

static PLAIN: LazyLock<Node> =
    LazyLock::new(|| object(&[("status", structure(&[("conditions", conditions())]))]));

static BY_KIND: LazyLock<BTreeMap<(&'static str, &'static str), Node>> = LazyLock::new(|| {
    let apps = workload();
    let job_spec = structure(&[("selector", label_selector()), ("template", pod_template())]);
    let configuration = object(&[("data", map()), ("binaryData", map()), ("stringData", map())]);
    let load_balancer =
        structure(&[("loadBalancer", structure(&[("ingress", atomic())])), ("conditions", conditions())]);
    let mut kinds: BTreeMap<(&'static str, &'static str), Node> = BTreeMap::new();
    for plural in ["deployments", "replicasets", "statefulsets", "daemonsets"] {
        kinds.insert(("apps", plural), apps.clone());
    }
    kinds.insert(("apps", "controllerrevisions"), object(&[("data", atomic())]));
    kinds.insert(
        ("batch", "jobs"),
        object(&[
            ("spec", job_spec.clone()),
            ("status", structure(&[("conditions", atomic()), ("active", auto())])),
        ]),
    );
    kinds.insert(
        ("batch", "cronjobs"),
        object(&[(
            "spec",
            structure(&[("jobTemplate", structure(&[("metadata", metadata()), ("spec", job_spec)]))]),
        )]),
    );
    kinds.insert(("", "configmaps"), configuration.clone());
    kinds.insert(("", "secrets"), configuration);
    kinds.insert(
        ("", "pods"),
        object(&[
            ("spec", pod_spec()),
            (
                "status",
                structure(&[
                    ("conditions", conditions()),
                    ("podIPs", keyed(&["ip"], auto())),
                    ("hostIPs", atomic()),
                ]),
            ),
        ]),
    );
    kinds.insert(
        ("", "services"),
        object(&[
            ("spec", structure(&[("ports", keyed(&["port", "protocol"], auto())), ("selector", atomic())])),
            ("status", load_balancer.clone()),
        ]),
    );
    kinds.insert(
        ("", "serviceaccounts"),
        object(&[("secrets", keyed(&["name"], atomic())), ("imagePullSecrets", atomic())]),
    );
    kinds.insert(("", "persistentvolumeclaims"), claim());
    kinds.insert(
        ("", "persistentvolumes"),
        object(&[(
            "spec",
            structure(&[("capacity", map()), ("claimRef", atomic()), ("accessModes", atomic())]),
        )]),
    );
    kinds.insert(
        ("", "nodes"),
        object(&[
            ("spec", structure(&[("podCIDRs", set()), ("taints", atomic())])),
            (
                "status",
                structure(&[
                    ("conditions", conditions()),
                    ("addresses", keyed(&["type"], auto())),
                    ("capacity", map()),
                    ("allocatable", map()),
                ]),
            ),
        ]),
    );
    kinds.insert(("", "namespaces"), object(&[("status", structure(&[("conditions", conditions())]))]));
    kinds.insert(
        ("", "replicationcontrollers"),
        object(&[
            ("spec", structure(&[("selector", atomic()), ("template", pod_template())])),
            ("status", structure(&[("conditions", conditions())])),
        ]),
    );
    for plural in ["roles", "clusterroles", "rolebindings", "clusterrolebindings"] {
        kinds.insert(
            ("rbac.authorization.k8s.io", plural),
            object(&[("roleRef", atomic()), ("aggregationRule", auto())]),
        );
    }
    kinds.insert(
        ("networking.k8s.io", "ingresses"),
        object(&[
            ("spec", structure(&[("defaultBackend", structure(&[("resource", atomic())]))])),
            ("status", load_balancer),
        ]),
    );
    kinds.insert(
        ("networking.k8s.io", "networkpolicies"),
        object(&[("spec", structure(&[("podSelector", label_selector())]))]),
    );
    kinds.insert(
        ("policy", "poddisruptionbudgets"),
        object(&[
            ("spec", structure(&[("selector", label_selector())])),
            ("status", structure(&[("conditions", conditions()), ("disruptedPods", map())])),
        ]),
    );
    kinds.insert(
        ("autoscaling", "horizontalpodautoscalers"),
        object(&[
            ("spec", structure(&[("metrics", atomic())])),
            ("status", structure(&[("conditions", conditions())])),
        ]),
    );
    kinds.insert(
        ("storage.k8s.io", "storageclasses"),
        object(&[("parameters", map()), ("allowedTopologies", atomic()), ("mountOptions", atomic())]),
    );
    kinds.insert(
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        object(&[
            ("spec", structure(&[("versions", atomic())])),
            ("status", structure(&[("conditions", conditions()), ("storedVersions", atomic())])),
        ]),
    );
    for plural in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        let webhook = structure(&[
            ("namespaceSelector", label_selector()),
            ("objectSelector", label_selector()),
            ("matchConditions", keyed(&["name"], auto())),
        ]);
        kinds.insert(
            ("admissionregistration.k8s.io", plural),
            object(&[("webhooks", keyed(&["name"], webhook))]),
        );
    }
    kinds.insert(("", "events"), object(&[("involvedObject", atomic()), ("related", atomic())]));
    kinds.insert(("events.k8s.io", "events"), object(&[("regarding", atomic()), ("related", atomic())]));
    kinds.insert(("", "endpoints"), object(&[("subsets", atomic())]));
    kinds
});

/// The schema of a built-in resource.
pub(crate) fn builtin(group: &str, plural: &str) -> Node {
    BY_KIND.get(&(group, plural)).unwrap_or(&PLAIN).clone()
}
