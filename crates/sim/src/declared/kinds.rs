//! Which type each built-in resource is of.

use k8s_openapi::{
    api::{
        admissionregistration::v1 as admission, apps::v1 as apps, autoscaling::v2 as autoscaling,
        batch::v1 as batch, coordination::v1 as coordination, core::v1 as core, events::v1 as events,
        networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling,
        storage::v1 as storage,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1 as extensions,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    kube_aggregator::pkg::apis::apiregistration::v1 as registration,
};
use serde_json::Value;

use super::{Findings, walk::look as read};

/// Looks an object of a built-in resource through; an unknown resource is not looked at.
pub(super) fn look(group: &str, plural: &str, object: &Value) -> Findings {
    let look = match (group, plural) {
        ("", "namespaces") => read::<core::Namespace>,
        ("", "nodes") => read::<core::Node>,
        ("", "persistentvolumes") => read::<core::PersistentVolume>,
        ("", "configmaps") => read::<core::ConfigMap>,
        ("", "endpoints") => read::<core::Endpoints>,
        ("", "events") => read::<core::Event>,
        ("", "limitranges") => read::<core::LimitRange>,
        ("", "persistentvolumeclaims") => read::<core::PersistentVolumeClaim>,
        ("", "pods") => read::<core::Pod>,
        ("", "replicationcontrollers") => read::<core::ReplicationController>,
        ("", "resourcequotas") => read::<core::ResourceQuota>,
        ("", "secrets") => read::<core::Secret>,
        ("", "serviceaccounts") => read::<core::ServiceAccount>,
        ("", "services") => read::<core::Service>,
        ("apps", "controllerrevisions") => read::<apps::ControllerRevision>,
        ("apps", "daemonsets") => read::<apps::DaemonSet>,
        ("apps", "deployments") => read::<apps::Deployment>,
        ("apps", "replicasets") => read::<apps::ReplicaSet>,
        ("apps", "statefulsets") => read::<apps::StatefulSet>,
        ("events.k8s.io", "events") => read::<events::Event>,
        ("autoscaling", "horizontalpodautoscalers") => read::<autoscaling::HorizontalPodAutoscaler>,
        ("batch", "cronjobs") => read::<batch::CronJob>,
        ("batch", "jobs") => read::<batch::Job>,
        ("networking.k8s.io", "ingressclasses") => read::<networking::IngressClass>,
        ("networking.k8s.io", "ingresses") => read::<networking::Ingress>,
        ("networking.k8s.io", "networkpolicies") => read::<networking::NetworkPolicy>,
        ("policy", "poddisruptionbudgets") => read::<policy::PodDisruptionBudget>,
        ("rbac.authorization.k8s.io", "clusterrolebindings") => read::<rbac::ClusterRoleBinding>,
        ("rbac.authorization.k8s.io", "clusterroles") => read::<rbac::ClusterRole>,
        ("rbac.authorization.k8s.io", "rolebindings") => read::<rbac::RoleBinding>,
        ("rbac.authorization.k8s.io", "roles") => read::<rbac::Role>,
        ("storage.k8s.io", "csidrivers") => read::<storage::CSIDriver>,
        ("storage.k8s.io", "storageclasses") => read::<storage::StorageClass>,
        ("storage.k8s.io", "volumeattachments") => read::<storage::VolumeAttachment>,
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations") => {
            read::<admission::MutatingWebhookConfiguration>
        }
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations") => {
            read::<admission::ValidatingWebhookConfiguration>
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => read::<extensions::CustomResourceDefinition>,
        ("scheduling.k8s.io", "priorityclasses") => read::<scheduling::PriorityClass>,
        ("coordination.k8s.io", "leases") => read::<coordination::Lease>,
        ("apiregistration.k8s.io", "apiservices") => read::<registration::APIService>,
        _ => return Findings::default(),
    };
    look(object)
}

/// Looks metadata through, which every kind has.
pub(super) fn look_at_metadata(metadata: &Value) -> Findings {
    read::<ObjectMeta>(metadata)
}
