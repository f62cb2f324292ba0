//! Workloads whose Pods are replaced by a plan, and why.
//!
//! *Idea.* A controller replaces its Pods when their template changes, whatever in it does; and when it is itself replaced. What
//! says the same in other words changes no template.
//!
//! *Caveats.* Jobs and `CronJobs` begin new Pods with their next run and are not told. A `ConfigMap` or Secret that changes
//! replaces no Pods unless the template names its content, by an annotation for example.

use strata_model::{
    object::{Destination, ObjectKey},
    plan::{Action, Plan},
    profile::LayerName,
};

/// One workload whose Pods are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The workload.
    pub object: ObjectKey,
    /// Its layer.
    pub layer: LayerName,
    /// The fields of its Pods that change; empty where all of it is replaced.
    pub paths: Vec<String>,
}

/// The workloads of the cluster itself whose Pods a plan replaces, in the order in which it happens.
#[must_use]
pub fn restarts(plan: &Plan) -> Vec<Restart> {
    let workloads = plan.actions.iter().filter(|action| {
        action.destination == Destination::Workload
            && matches!(
                (action.key.group.as_str(), action.key.kind.as_str()),
                ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
                    | ("", "ReplicationController")
            )
    });
    let restarts = workloads.filter_map(|action| {
        let real = action.changes.iter().filter(|change| change.same.is_none());
        let of_template = real.map(|change| change.path.as_str()).filter(|path| {
            path.strip_prefix("spec.template").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let paths: Vec<String> = of_template.map(str::to_owned).collect();
        let restarts = match action.action {
            Action::Change => !paths.is_empty(),
            Action::Replace => true,
            _ => false,
        };
        restarts.then(|| Restart { object: action.key.clone(), layer: action.layer.clone(), paths })
    });
    restarts.collect()
}
