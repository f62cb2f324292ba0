//! Which resources a cluster serves: the built-in ones, shared by all clusters, and those of its CRDs.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use serde_json::Value;

use crate::{crd::CrdVersion, schema::Schema};

/// One resource (a plural name in a group), with all its served versions.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Stable within a cluster; built-in ones have the same in all.
    pub(crate) id: u32,
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Served versions, preferred first.
    pub(crate) versions: Vec<String>,
    pub(crate) traits: Traits,
    /// Shape for built-in resources; CRDs have one per version.
    pub(crate) schema: Arc<Schema>,
    /// Per served version, for CRDs; empty for built-in resources.
    pub(crate) crd: Vec<CrdVersion>,
}

/// How a resource behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traits {
    pub(crate) status: bool,
    pub(crate) scale: bool,
    pub(crate) generation: bool,
    /// DELETE answers with the object instead of a Status.
    pub(crate) returns_deleted: bool,
    /// PUT without a resourceVersion is refused.
    pub(crate) strict_update: bool,
    /// PUT on a missing name creates.
    pub(crate) create_on_update: bool,
    pub(crate) builtin: bool,
}

impl Resource {
    /// `deployments.apps`, `pods`.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(crate) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    pub(crate) fn preferred(&self) -> &str {
        self.versions.first().map_or("", String::as_str)
    }

    /// `apps/v1`, `v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The CRD's definition of a version.
    pub(crate) fn crd_version(&self, version: &str) -> Option<&CrdVersion> {
        self.crd.iter().find(|v| v.name == version)
    }

    pub(crate) fn schema_for(&self, version: &str) -> &Schema {
        self.crd_version(version).map_or(&*self.schema, |v| &*v.schema)
    }

    pub(crate) fn has_status(&self, version: &str) -> bool {
        self.crd_version(version).map_or(self.traits.status, |v| v.status)
    }

    pub(crate) fn has_scale(&self, version: &str) -> bool {
        self.crd_version(version).map_or(self.traits.scale, |v| v.scale.is_some())
    }
}

/// First id given to resources of CRDs.
pub(crate) const FIRST_DYNAMIC: u32 = 1000;

struct Row(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    bool,
    &'static str,
    &'static str,
);

// group, version, kind, plural, short names, namespaced, categories, traits
// traits: s status, c scale, g generation, d returns deleted, r resourceVersion required, u create on update
const ROWS: &[Row] = &[
    Row("", "v1", "Namespace", "namespaces", "ns", false, "", "sd"),
    Row("", "v1", "Node", "nodes", "no", false, "", "s"),
    Row("", "v1", "PersistentVolume", "persistentvolumes", "pv", false, "", "sd"),
    Row("", "v1", "ConfigMap", "configmaps", "cm", true, "", ""),
    Row("", "v1", "Endpoints", "endpoints", "ep", true, "", "u"),
    Row("", "v1", "Event", "events", "ev", true, "", "u"),
    Row("", "v1", "LimitRange", "limitranges", "limits", true, "", "u"),
    Row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", true, "", "sd"),
    Row("", "v1", "Pod", "pods", "po", true, "all", "sgd"),
    Row("", "v1", "ReplicationController", "replicationcontrollers", "rc", true, "all", "scg"),
    Row("", "v1", "ResourceQuota", "resourcequotas", "quota", true, "", "sd"),
    Row("", "v1", "Secret", "secrets", "", true, "", ""),
    Row("", "v1", "ServiceAccount", "serviceaccounts", "sa", true, "", "d"),
    Row("", "v1", "Service", "services", "svc", true, "all", "sd"),
    Row("apps", "v1", "ControllerRevision", "controllerrevisions", "", true, "", ""),
    Row("apps", "v1", "DaemonSet", "daemonsets", "ds", true, "all", "sg"),
    Row("apps", "v1", "Deployment", "deployments", "deploy", true, "all", "scg"),
    Row("apps", "v1", "ReplicaSet", "replicasets", "rs", true, "all", "scg"),
    Row("apps", "v1", "StatefulSet", "statefulsets", "sts", true, "all", "scg"),
    Row("events.k8s.io", "v1", "Event", "events", "ev", true, "", "u"),
    Row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", true, "all", "s"),
    Row("batch", "v1", "CronJob", "cronjobs", "cj", true, "all", "sg"),
    Row("batch", "v1", "Job", "jobs", "", true, "all", "sg"),
    Row("networking.k8s.io", "v1", "IngressClass", "ingressclasses", "", false, "", "g"),
    Row("networking.k8s.io", "v1", "Ingress", "ingresses", "ing", true, "", "sg"),
    Row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", true, "", "g"),
    Row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", true, "", "sg"),
    Row("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", false, "", "u"),
    Row("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", false, "", "u"),
    Row("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", true, "", "u"),
    Row("rbac.authorization.k8s.io", "v1", "Role", "roles", "", true, "", "u"),
    Row("storage.k8s.io", "v1", "CSIDriver", "csidrivers", "", false, "", "d"),
    Row("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", false, "", "d"),
    Row("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "", false, "", "sd"),
    Row(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "",
        false,
        "api-extensions",
        "g",
    ),
    Row(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "",
        false,
        "api-extensions",
        "g",
    ),
    Row(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd,crds",
        false,
        "api-extensions",
        "sgrd",
    ),
    Row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", false, "", "g"),
    Row("coordination.k8s.io", "v1", "Lease", "leases", "", true, "", "ru"),
    Row("apiregistration.k8s.io", "v1", "APIService", "apiservices", "", false, "api-extensions", "sr"),
];

/// The resources every cluster serves.
#[derive(Debug)]
pub(crate) struct Builtins {
    pub(crate) list: Vec<Arc<Resource>>,
    by_name: HashMap<&'static str, HashMap<&'static str, Arc<Resource>>>,
}

pub(crate) static BUILTINS: LazyLock<Builtins> = LazyLock::new(|| {
    let mut list = Vec::with_capacity(ROWS.len());
    let mut by_name: HashMap<_, HashMap<_, _>> = HashMap::new();
    for (id, row) in (0u32..).zip(ROWS) {
        let Row(group, version, kind, plural, short, namespaced, categories, traits) = row;
        let split =
            |text: &str| text.split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let resource = Arc::new(Resource {
            id,
            group: (*group).into(),
            plural: (*plural).into(),
            singular: kind.to_lowercase(),
            kind: (*kind).into(),
            list_kind: format!("{kind}List"),
            short_names: split(short),
            categories: split(categories),
            namespaced: *namespaced,
            versions: vec![(*version).to_owned()],
            traits: Traits {
                status: traits.contains('s'),
                scale: traits.contains('c'),
                generation: traits.contains('g'),
                returns_deleted: traits.contains('d'),
                strict_update: traits.contains('r'),
                create_on_update: traits.contains('u'),
                builtin: true,
            },
            schema: crate::schema::builtin(group, plural),
            crd: Vec::new(),
        });
        by_name.entry(*group).or_default().insert(*plural, resource.clone());
        list.push(resource);
    }
    Builtins { list, by_name }
});

impl Builtins {
    pub(crate) fn get(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_name.get(group)?.get(plural)
    }
}

/// The resources of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) dynamic: Vec<Arc<Resource>>,
}

impl Catalog {
    pub(crate) fn find(&self, group: &str, plural: &str) -> Option<Arc<Resource>> {
        BUILTINS.get(group, plural).or_else(|| self.dynamic.iter().find(|r| r.is(group, plural))).cloned()
    }

    pub(crate) fn find_kind(&self, group: &str, kind: &str) -> Option<Arc<Resource>> {
        self.all().find(|r| r.group == group && r.kind == kind).cloned()
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<Arc<Resource>> {
        if id < FIRST_DYNAMIC {
            usize::try_from(id).ok().and_then(|index| BUILTINS.list.get(index)).cloned()
        } else {
            self.dynamic.iter().find(|r| r.id == id).cloned()
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        BUILTINS.list.iter().chain(self.dynamic.iter())
    }
}

/// What a new object of a built-in kind looks like before anything is set: fields without which the typed form cannot be
/// written. They are never *added* by anyone, so nobody owns them.
pub(crate) fn skeleton(resource: &Resource) -> Value {
    use serde_json::json;
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("apps", "deployments") => {
            json!({"metadata": {}, "spec": {"selector": null, "template": {"metadata": {}, "spec": {"containers": null}}, "strategy": {}}, "status": {}})
        }
        ("apps", "statefulsets") => {
            json!({"metadata": {}, "spec": {"selector": null, "template": {"metadata": {}, "spec": {"containers": null}}, "updateStrategy": {}}, "status": {}})
        }
        ("apps", "daemonsets") => {
            json!({"metadata": {}, "spec": {"selector": null, "template": {"metadata": {}, "spec": {"containers": null}}, "updateStrategy": {}}, "status": {}})
        }
        ("apps", "replicasets") => {
            json!({"metadata": {}, "spec": {"selector": null, "template": {"metadata": {}, "spec": {"containers": null}}}, "status": {}})
        }
        ("batch", "jobs") => {
            json!({"metadata": {}, "spec": {"template": {"metadata": {}, "spec": {"containers": null}}}, "status": {}})
        }
        ("batch", "cronjobs") => {
            json!({"metadata": {}, "spec": {"schedule": "", "jobTemplate": {"metadata": {}, "spec": {"template": {"metadata": {}, "spec": {"containers": null}}}}}, "status": {}})
        }
        ("", "pods") => json!({"metadata": {}, "spec": {"containers": null}, "status": {}}),
        ("", "services") => json!({"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}}),
        ("networking.k8s.io", "ingresses") => {
            json!({"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}})
        }
        ("", "persistentvolumeclaims") => json!({"metadata": {}, "spec": {"resources": {}}, "status": {}}),
        ("", "persistentvolumes") => json!({"metadata": {}, "spec": {}, "status": {}}),
        ("", "namespaces" | "nodes" | "resourcequotas" | "replicationcontrollers") => {
            json!({"metadata": {}, "spec": {}, "status": {}})
        }
        ("autoscaling", "horizontalpodautoscalers") => {
            json!({"metadata": {}, "spec": {"scaleTargetRef": {"kind": "", "name": ""}, "maxReplicas": 0}, "status": {"currentMetrics": null, "desiredReplicas": 0}})
        }
        ("policy", "poddisruptionbudgets") => {
            json!({"metadata": {}, "spec": {}, "status": {}})
        }
        ("networking.k8s.io", "networkpolicies") => json!({"metadata": {}, "spec": {}}),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            json!({"metadata": {}, "roleRef": {"apiGroup": "", "kind": "", "name": ""}})
        }
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => json!({"metadata": {}, "rules": null}),
        ("apiextensions.k8s.io", "customresourcedefinitions") => {
            json!({"metadata": {}, "spec": {"group": "", "names": {"plural": "", "kind": ""}, "scope": "", "versions": null}, "status": {"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": null}})
        }
        ("coordination.k8s.io", "leases") => json!({"metadata": {}, "spec": {}}),
        ("apiregistration.k8s.io", "apiservices") => json!({"metadata": {}, "spec": {}, "status": {}}),
        ("storage.k8s.io", "csidrivers") => json!({"metadata": {}, "spec": {}}),
        _ => json!({"metadata": {}}),
    }
}
