//! Fleet previews: what one target would do to many clusters, grouped by effect.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Timestamp,
    digest::Digest,
    finding::{FindingCode, Severity},
    id::{ClusterId, FleetPreviewId, PlanId, ProjectId},
    plan::{Plan, RepaveScope},
    profile::{ClusterName, LayerName, RevisionReference},
};

/// What comes of a target on a cluster, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FleetOutcome {
    /// Nothing.
    Unchanged,
    /// It changes, and may be asked for.
    Changes,
    /// An override and the new revision disagree.
    Conflicts,
    /// A finding keeps the change from being carried out.
    Blocked,
    /// There is no plan: it does not render, or cannot be composed.
    Refused,
}

impl FleetOutcome {
    /// What comes of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let blocked = plan.findings.iter().filter(|finding| finding.severity == Severity::Block);
        let (conflicts, others): (Vec<_>, Vec<_>) =
            blocked.partition(|finding| finding.code == FindingCode::MergeConflict);
        if !others.is_empty() {
            Self::Blocked
        } else if !conflicts.is_empty() {
            Self::Conflicts
        } else if plan.is_empty() {
            Self::Unchanged
        } else {
            Self::Changes
        }
    }
}

/// Clusters to which the same happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetGroup {
    /// What comes of it.
    pub outcome: FleetOutcome,
    /// Names what happens, without what is a cluster's own.
    pub effect: Digest,
    /// How many clusters.
    pub clusters: u32,
    /// The plan of the first of them, by name; none where there is no plan, or where there are too many groups.
    pub example: Option<PlanId>,
    /// Why there is no plan, masked.
    pub reason: Option<String>,
    /// Which nodes are replaced.
    pub repave: RepaveScope,
    /// What the plans say about themselves.
    pub findings: Vec<(FindingCode, Severity)>,
}

/// One cluster of a group, with what is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetMember {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// The digest of its very plan, to be given with a request.
    pub plan_digest: Option<Digest>,
    /// Its values of variables, secrets masked, by name.
    pub variables: Vec<(String, String)>,
    /// The layers that it overrides.
    pub overridden: Vec<String>,
    /// What its overrides say where they disagree with the new revision, masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disagrees: Vec<OwnValue>,
}

/// What an override of a cluster says at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnValue {
    /// The layer.
    pub layer: LayerName,
    /// The path in its values.
    pub path: String,
    /// The value; none where it is taken away.
    pub value: Option<Value>,
}

/// What one target would do to many clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetPreview {
    /// Its id.
    pub id: FleetPreviewId,
    /// Its project.
    pub project: ProjectId,
    /// The target.
    pub to: RevisionReference,
    /// How many clusters were looked at.
    pub looked_at: u32,
    /// How many of them were planned by themselves: the plans of the others followed from theirs, their inputs being equal.
    #[serde(default)]
    pub planned: u32,
    /// How many were not, because time or the limit was over.
    pub left_out: u64,
    /// The gravest first, and of these the largest.
    pub groups: Vec<FleetGroup>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}
