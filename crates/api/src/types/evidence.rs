//! What a living cluster says to a plan.

use async_graphql::{Json, SimpleObject};
use strata_model::evidence;

use super::{
    field_change::FieldChange,
    scalar::{DateTime, KubernetesObject},
    state::{Action, Destination, LiveOutcome},
};

/// What the living cluster said to a plan, at one moment. It is no part of the plan's digest.
#[derive(Debug, SimpleObject)]
pub struct Evidence {
    /// When the cluster was asked.
    pub taken_at: DateTime,
    /// Whether the cluster answered.
    pub reached: bool,
    /// Why it did not.
    pub reason: Option<String>,
    /// Why its management cluster did not answer; none if it did, or was not asked.
    pub management_reason: Option<String>,
    /// What would become of each object of the plan, in its order; then objects that it leaves as they are and about which
    /// there is something to say.
    pub objects: Vec<ObjectEvidence>,
    /// How many objects that the plan leaves as they are were found as they were last sent.
    pub as_sent: u32,
    /// How many objects were left out because there are too many.
    pub left_out: u32,
    /// The cluster's nodes; none when it did not tell.
    pub nodes: Option<NodeEvidence>,
    /// Machines of the control plane and of pools, when the plan replaces nodes and Cluster API tells.
    pub machines: Option<Vec<MachineEvidence>>,
    /// How much room there is, and how much more is asked for; none when the cluster did not tell.
    pub capacity: Option<Vec<CapacityEvidence>>,
    /// APIs in use that the plan's Kubernetes version does not have any more; none when it is not a higher one, or the cluster
    /// did not tell.
    pub removed_apis: Option<Vec<ApiInUse>>,
    /// What the cluster did not tell, and why.
    pub unknown: Vec<UnknownEvidence>,
}

impl From<&evidence::Evidence> for Evidence {
    fn from(evidence: &evidence::Evidence) -> Self {
        let unknown = [
            ("nodes", evidence.nodes.reason()),
            ("machines", evidence.machines.as_ref().and_then(evidence::Known::reason)),
            ("capacity", evidence.capacity.reason()),
            ("removedApis", evidence.removed_apis.as_ref().and_then(evidence::Known::reason)),
        ];
        let unknown = unknown.into_iter().filter_map(|(field, reason)| {
            Some(UnknownEvidence { field: field.to_owned(), reason: reason?.to_owned() })
        });
        let listed = |value: Option<&Vec<evidence::MachineCount>>| {
            value.map(|machines| machines.iter().map(MachineEvidence::from).collect())
        };
        Self {
            taken_at: evidence.taken_at.into(),
            reached: evidence.cluster.reached,
            reason: evidence.cluster.reason.clone(),
            management_reason: evidence.management.as_ref().and_then(|reached| reached.reason.clone()),
            objects: evidence.objects.iter().map(ObjectEvidence::from).collect(),
            as_sent: evidence.as_sent,
            left_out: evidence.left_out,
            nodes: evidence.nodes.value().map(|count| NodeEvidence {
                nodes: count.nodes,
                ready: count.ready,
                schedulable: count.schedulable,
            }),
            machines: listed(evidence.machines.as_ref().and_then(evidence::Known::value)),
            capacity: evidence
                .capacity
                .value()
                .map(|resources| resources.iter().map(CapacityEvidence::from).collect()),
            removed_apis: evidence
                .removed_apis
                .as_ref()
                .and_then(evidence::Known::value)
                .map(|apis| apis.iter().map(ApiInUse::from).collect()),
            unknown: unknown.collect(),
        }
    }
}

/// Something that a cluster did not tell.
#[derive(Debug, SimpleObject)]
pub struct UnknownEvidence {
    /// Which field of the evidence is missing.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// What the living cluster says to one object.
#[derive(Debug, SimpleObject)]
pub struct ObjectEvidence {
    /// Where.
    pub destination: Destination,
    /// Which object.
    pub object: KubernetesObject,
    /// The layer it belongs to.
    pub layer: String,
    /// What the plan does to it; none when it leaves it as it is.
    pub action: Option<Action>,
    /// What would become of it.
    pub outcome: LiveOutcome,
    /// Whether the change would stop at it.
    pub stops: bool,
    /// Field by field, from what is there to what the API server would make of it.
    pub changes: Vec<FieldChange>,
    /// Fields that other managers hold and that stop the change.
    pub conflicts: Vec<HeldField>,
    /// Fields that would be left to other managers.
    pub yielded: Vec<String>,
    /// Where it is not as it was last sent.
    pub drift: Vec<FieldDrift>,
    /// Stable code, for what would not be done.
    pub code: Option<String>,
    /// Why it would not be done, is not known, or what else to know.
    pub message: Option<String>,
    /// What comes with the same change and decides about it.
    pub waits_for: Option<KubernetesObject>,
}

impl From<&evidence::ObjectEvidence> for ObjectEvidence {
    fn from(found: &evidence::ObjectEvidence) -> Self {
        let held = |held: &evidence::HeldField| HeldField {
            field: held.field.clone(),
            manager: held.manager.clone(),
        };
        let drift = |drift: &evidence::FieldDrift| FieldDrift {
            path: drift.path.clone(),
            sent: Json(drift.sent.clone()),
            live: drift.live.clone().map(Json),
        };
        Self {
            destination: found.destination.into(),
            object: (&found.key).into(),
            layer: found.layer.to_string(),
            action: found.action.map(Into::into),
            outcome: found.outcome.into(),
            stops: found.stops(),
            changes: found.changes.iter().map(FieldChange::from).collect(),
            conflicts: found.conflicts.iter().map(held).collect(),
            yielded: found.yielded.clone(),
            drift: found.drift.iter().map(drift).collect(),
            code: found.code.clone(),
            message: found.message.clone(),
            waits_for: found.waits_for.as_ref().map(Into::into),
        }
    }
}

/// One field that another manager holds.
#[derive(Debug, SimpleObject)]
pub struct HeldField {
    /// The field, as Kubernetes writes it.
    pub field: String,
    /// The manager.
    pub manager: String,
}

/// One field that is not as it was last sent.
#[derive(Debug, SimpleObject)]
pub struct FieldDrift {
    /// Where.
    pub path: String,
    /// What was sent.
    pub sent: Json<serde_json::Value>,
    /// What is there; absent when it was taken away.
    pub live: Option<Json<serde_json::Value>>,
}

/// How many nodes there are.
#[derive(Debug, SimpleObject)]
pub struct NodeEvidence {
    /// All of them.
    pub nodes: u32,
    /// Those that are ready.
    pub ready: u32,
    /// Those that are ready, not cordoned, and not kept for some Pods by a taint.
    pub schedulable: u32,
}

/// How many machines the control plane or a pool has.
#[derive(Debug, SimpleObject)]
pub struct MachineEvidence {
    /// The pool; none for the control plane.
    pub pool: Option<String>,
    /// How many there should be.
    pub wanted: u32,
    /// How many there are, old and new.
    pub present: u32,
    /// How many are ready.
    pub ready: u32,
    /// Whether the plan replaces them.
    pub repaved: bool,
}

impl From<&evidence::MachineCount> for MachineEvidence {
    fn from(count: &evidence::MachineCount) -> Self {
        Self {
            pool: count.pool.clone(),
            wanted: count.wanted,
            present: count.present,
            ready: count.ready,
            repaved: count.repaved,
        }
    }
}

/// How much of a resource there is. Amounts are quantities as Kubernetes writes them.
#[derive(Debug, SimpleObject)]
pub struct CapacityEvidence {
    /// `cpu`, `memory` or `pods`.
    pub resource: String,
    /// What schedulable nodes have for Pods.
    pub allocatable: String,
    /// What Pods on them, and Pods that wait for a node, ask for.
    pub requested: String,
    /// What the workloads of the plan ask for more than was last sent; negative when it is less.
    pub additional: String,
    /// Whether there is room in sum. A Pod may still fit on no single node.
    pub fits: bool,
}

impl From<&evidence::Capacity> for CapacityEvidence {
    fn from(capacity: &evidence::Capacity) -> Self {
        Self {
            resource: capacity.resource.clone(),
            allocatable: capacity.allocatable.to_string(),
            requested: capacity.requested.to_string(),
            additional: capacity.additional.to_string(),
            fits: capacity.fits(),
        }
    }
}

/// A deprecated API that somebody has asked the API server for since it started.
#[derive(Debug, SimpleObject)]
pub struct ApiInUse {
    /// API group, empty for the core one.
    pub group: String,
    /// Version in the group.
    pub version: String,
    /// The resource.
    pub resource: String,
    /// The Kubernetes minor that does not have it any more.
    pub removed_in: String,
}

impl From<&evidence::ApiInUse> for ApiInUse {
    fn from(api: &evidence::ApiInUse) -> Self {
        Self {
            group: api.group.clone(),
            version: api.version.clone(),
            resource: api.resource.clone(),
            removed_in: api.removed_in.clone(),
        }
    }
}
