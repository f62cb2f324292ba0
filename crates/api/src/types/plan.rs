//! Plans.

use async_graphql::{Context, Description, ID, Json, Object, SimpleObject};
use strata_engine::{PlanRecord, Session};
use strata_model::{finding, plan};

use crate::error::answer;

use super::{
    evidence::Evidence,
    field_change::FieldChange,
    field_trace::FieldTrace,
    global_id,
    scalar::{DateTime, DigestText, KubernetesObject},
    state::{Action, ChangeKind, Destination, LayerKind, RepaveScope, RequirementKind, Role, Severity},
};

/// What going from what a cluster runs to what is wanted does. Stored, with an expiry.
#[derive(Debug, Clone, Description)]
pub struct Plan {
    session: Session,
    record: PlanRecord,
}

impl Plan {
    /// Shows a stored plan.
    pub fn new(session: Session, record: PlanRecord) -> Self {
        Self { session, record }
    }

    fn plan(&self) -> &plan::Plan {
        &self.record.plan
    }
}

#[Object(use_type_description)]
impl Plan {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("plan", self.record.id.uuid())
    }

    /// What an approval is bound to.
    async fn plan_digest(&self) -> DigestText {
        (&self.plan().digest).into()
    }

    /// What kind of change carries it out.
    async fn kind(&self) -> ChangeKind {
        self.plan().kind.into()
    }

    /// The cluster's name.
    async fn cluster(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        super::known::cluster_name(ctx, &self.session, self.plan().cluster).await
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.record.created_at.into()
    }

    /// When it is forgotten, unless a change holds it.
    async fn expires_at(&self) -> DateTime {
        self.record.expires_at.into()
    }

    /// Whether there is nothing to do.
    async fn is_empty(&self) -> bool {
        self.plan().is_empty()
    }

    /// How many objects stay as they are.
    async fn unchanged(&self) -> u32 {
        self.plan().unchanged
    }

    /// Whether all of it can be taken back by a later change.
    async fn reversible(&self) -> bool {
        self.plan().reversible
    }

    /// Values before and after, by layer.
    #[graphql(complexity = "20 + child_complexity")]
    async fn layers(&self) -> Vec<LayerPreview> {
        self.plan().layers.iter().map(LayerPreview::from).collect()
    }

    /// What happens to each object that changes, in the order in which it happens.
    #[graphql(complexity = "20 + child_complexity")]
    async fn actions(&self) -> Vec<PlannedAction> {
        self.plan().actions.iter().map(PlannedAction::from).collect()
    }

    /// The objects that would be left behind.
    async fn orphans(&self) -> Vec<PlannedAction> {
        let orphan = |action: &&plan::PlannedAction| action.action == plan::Action::Orphan;
        self.plan().actions.iter().filter(orphan).map(PlannedAction::from).collect()
    }

    /// The actions in steps; each waits for the one before to be healthy.
    async fn steps(&self) -> Vec<PlannedStep> {
        let step = |step: &plan::PlannedStep| PlannedStep {
            title: step.kind.title(),
            repaves: step.repaves,
            objects: u32::try_from(step.actions.len()).unwrap_or(u32::MAX),
        };
        self.plan().steps.iter().map(step).collect()
    }

    /// Which nodes would be replaced, and why.
    async fn repave(&self) -> Repave {
        let repave = &self.plan().repave;
        Repave {
            required: repave.required(),
            scope: repave.scope.clone().into(),
            pools: repave.pools.clone(),
            reasons: repave
                .reasons
                .iter()
                .map(|reason| RepaveReason {
                    code: reason.code.clone(),
                    message: reason.message.clone(),
                    object: (&reason.object).into(),
                    path: reason.path.clone(),
                    pool: reason.pool.clone(),
                })
                .collect(),
        }
    }

    /// The workloads whose Pods are replaced, and why.
    async fn restarts(&self) -> Vec<Restart> {
        let restart = |restart: strata_engine::Restart| Restart {
            object: (&restart.object).into(),
            layer: restart.layer.to_string(),
            paths: restart.paths,
        };
        strata_engine::restarts(self.plan()).into_iter().map(restart).collect()
    }

    /// What the plan says about itself.
    async fn findings(&self) -> Vec<Finding> {
        self.plan().findings.iter().map(Finding::from).collect()
    }

    /// Disagreements between overrides and the new revision.
    async fn conflicts(&self) -> Vec<MergeConflict> {
        self.plan()
            .conflicts
            .iter()
            .map(|conflict| MergeConflict {
                layer: conflict.layer.to_string(),
                path: conflict.path.clone(),
                base: conflict.base.clone().map(Json),
                ours: conflict.ours.clone().map(Json),
                theirs: conflict.theirs.clone().map(Json),
                base_origin: origin(conflict.base_origin.as_ref()),
                ours_origin: origin(conflict.ours_origin.as_ref()),
                theirs_origin: origin(conflict.theirs_origin.as_ref()),
                message: conflict.message.clone(),
            })
            .collect()
    }

    /// What a change of this plan would need.
    async fn requirements(&self) -> Vec<PlannedRequirement> {
        strata_engine::requirements(self.plan())
            .into_iter()
            .map(|requirement| PlannedRequirement {
                kind: requirement.kind.into(),
                scope: requirement.scope,
                role: requirement.role.into(),
                quorum: requirement.quorum,
            })
            .collect()
    }

    /// Where a field of an object comes from: the values that give it another value when they are other ones.
    #[graphql(complexity = "20000 + child_complexity")]
    async fn field_trace(
        &self,
        #[graphql(
            desc = "The object as plans write it, `Deployment.apps shop/web`; group and namespace may be left out where that \
                    leaves one object."
        )]
        object: String,
        #[graphql(desc = "The field, as plans write it: `spec.replicas`.")] path: String,
    ) -> async_graphql::Result<FieldTrace> {
        let trace = Box::pin(self.session.trace_field(self.record.id, &object, &path)).await;
        trace.map(FieldTrace::from).map_err(answer)
    }

    /// An object as it is sent, secrets masked: what a `CREATE` creates.
    #[graphql(complexity = "2000 + child_complexity")]
    async fn manifest(
        &self,
        #[graphql(desc = "The object, as for `fieldTrace`.")] object: String,
    ) -> async_graphql::Result<Json<serde_json::Value>> {
        Box::pin(self.session.manifest(self.record.id, &object)).await.map(Json).map_err(answer)
    }

    /// What the living cluster said to it, if it was asked: `previewUpgrade` with `live: true`.
    #[graphql(complexity = "20 + child_complexity")]
    async fn evidence(&self) -> Option<Evidence> {
        self.record.evidence.as_ref().map(Evidence::from)
    }

    /// What the renders asked of the cluster, and the answers they got.
    async fn facts_read(&self) -> Vec<FactRead> {
        self.plan()
            .facts_read
            .iter()
            .map(|(key, answer)| FactRead { key: key.to_string(), value: Json(answer.clone()) })
            .collect()
    }
}

/// A fact that a render read.
#[derive(Debug, SimpleObject)]
pub struct FactRead {
    /// Which.
    pub key: String,
    /// The answer.
    pub value: Json<serde_json::Value>,
}

/// Something that must be approved before the change may start.
#[derive(Debug, SimpleObject)]
pub struct PlannedRequirement {
    /// What it protects against.
    pub kind: RequirementKind,
    /// What it is about.
    pub scope: String,
    /// Who may satisfy it.
    pub role: Role,
    /// How many different people must.
    pub quorum: u32,
}

/// Values of one layer before and after.
#[derive(Debug, SimpleObject)]
pub struct LayerPreview {
    /// Which layer.
    pub layer: String,
    /// What people call it, where its values say so (`pack.displayName`).
    pub display_name: Option<String>,
    /// Its kind.
    pub kind: LayerKind,
    /// Pack before; none for a new layer.
    pub current_pack: Option<String>,
    /// Pack after; none for a layer that goes.
    pub pending_pack: Option<String>,
    /// Revision before.
    pub current_revision: Option<String>,
    /// Revision after.
    pub pending_revision: Option<String>,
    /// Text before, with comments; secrets masked.
    pub current: String,
    /// Text after, with the merged override; secrets masked.
    pub pending: String,
    /// Unified diff of the two texts.
    pub diff: String,
    /// Path by path.
    pub changes: Vec<FieldChange>,
    /// Where the pending values come from.
    pub provenance: Vec<ValueOrigin>,
    /// The override that survives, as a list of operations.
    pub override_patch: Option<Json<serde_json::Value>>,
    /// Paths whose override now says what the profile says.
    pub redundant: Vec<String>,
}

impl From<&plan::LayerPreview> for LayerPreview {
    fn from(layer: &plan::LayerPreview) -> Self {
        Self {
            layer: layer.layer.to_string(),
            display_name: layer.display_name.clone(),
            kind: layer.kind.into(),
            current_pack: layer.current_pack.clone(),
            pending_pack: layer.pending_pack.clone(),
            current_revision: layer.current_revision.as_ref().map(ToString::to_string),
            pending_revision: layer.pending_revision.as_ref().map(ToString::to_string),
            current: layer.current.clone(),
            pending: layer.pending.clone(),
            diff: layer.diff.clone(),
            changes: layer.changes.iter().map(FieldChange::from).collect(),
            provenance: layer
                .provenance
                .iter()
                .map(|origin| ValueOrigin {
                    path: origin.path.clone(),
                    origin: Json(serde_json::to_value(&origin.origin).unwrap_or_default()),
                })
                .collect(),
            override_patch: (!layer.override_patch.is_empty())
                .then(|| Json(serde_json::to_value(&layer.override_patch).unwrap_or_default())),
            redundant: layer.redundant.clone(),
        }
    }
}

fn origin(origin: Option<&strata_model::render::Origin>) -> Option<Json<serde_json::Value>> {
    origin.map(|origin| Json(serde_json::to_value(origin).unwrap_or_default()))
}

/// Where one value comes from.
#[derive(Debug, SimpleObject)]
pub struct ValueOrigin {
    /// Where it stands.
    pub path: String,
    /// `origin` (pack, preset, profile, override, variable, macro, cluster, generated, several) and what belongs to it.
    pub origin: Json<serde_json::Value>,
}

/// One workload whose Pods are replaced.
#[derive(Debug, Clone, SimpleObject)]
pub struct Restart {
    /// The workload.
    pub object: KubernetesObject,
    /// Its layer.
    pub layer: String,
    /// The fields of its Pods that change; empty where all of it is replaced.
    pub paths: Vec<String>,
}

/// One object and what happens to it.
#[derive(Debug, SimpleObject)]
pub struct PlannedAction {
    /// What happens.
    pub action: Action,
    /// Where.
    pub destination: Destination,
    /// To which object.
    pub object: KubernetesObject,
    /// The API version it is sent or was last sent in.
    pub api_version: String,
    /// The layer it belongs to.
    pub layer: String,
    /// The revision that renders or last rendered it.
    pub revision: String,
    /// Field by field.
    pub changes: Vec<FieldChange>,
    /// What the action cannot reach, or what else to know.
    pub note: Option<String>,
}

impl From<&plan::PlannedAction> for PlannedAction {
    fn from(action: &plan::PlannedAction) -> Self {
        Self {
            action: action.action.into(),
            destination: action.destination.into(),
            object: (&action.key).into(),
            api_version: action.api_version.clone(),
            layer: action.layer.to_string(),
            revision: action.revision.to_string(),
            changes: action.changes.iter().map(FieldChange::from).collect(),
            note: action.note.clone(),
        }
    }
}

/// One step.
#[derive(Debug, SimpleObject)]
pub struct PlannedStep {
    /// For people.
    pub title: String,
    /// Whether nodes are replaced in it.
    pub repaves: bool,
    /// How many objects it touches.
    pub objects: u32,
}

/// The impact on nodes.
#[derive(Debug, SimpleObject)]
pub struct Repave {
    /// Whether any node is replaced.
    pub required: bool,
    /// Which.
    pub scope: RepaveScope,
    /// Names of the pools concerned.
    pub pools: Vec<String>,
    /// Why.
    pub reasons: Vec<RepaveReason>,
}

/// One field whose change replaces nodes.
#[derive(Debug, SimpleObject)]
pub struct RepaveReason {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The object.
    pub object: KubernetesObject,
    /// The field.
    pub path: String,
    /// The pool, none for the control plane.
    pub pool: Option<String>,
}

/// One finding.
#[derive(Debug, SimpleObject)]
pub struct Finding {
    /// Stable code.
    pub code: String,
    /// What it asks for.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The way out.
    pub help: String,
    /// The layer concerned.
    pub layer: Option<String>,
    /// The object concerned, as `Kind.group namespace/name`.
    pub object: Option<String>,
    /// The path concerned.
    pub path: Option<String>,
}

impl From<&finding::Finding> for Finding {
    fn from(finding: &finding::Finding) -> Self {
        Self {
            code: finding.code.to_string(),
            severity: finding.severity.into(),
            message: finding.message.clone(),
            help: finding.help.clone(),
            layer: finding.layer.as_ref().map(ToString::to_string),
            object: finding.object.as_ref().map(ToString::to_string),
            path: finding.path.clone(),
        }
    }
}

/// A disagreement between an override and the new revision.
#[derive(Debug, SimpleObject)]
pub struct MergeConflict {
    /// Which layer.
    pub layer: String,
    /// Which path.
    pub path: String,
    /// In the running revision.
    pub base: Option<Json<serde_json::Value>>,
    /// In the override.
    pub ours: Option<Json<serde_json::Value>>,
    /// In the new revision.
    pub theirs: Option<Json<serde_json::Value>>,
    /// Where the value of the running revision comes from: `origin` and what belongs to it.
    pub base_origin: Option<Json<serde_json::Value>>,
    /// Whose the override is.
    pub ours_origin: Option<Json<serde_json::Value>>,
    /// Where the value of the new revision comes from.
    pub theirs_origin: Option<Json<serde_json::Value>>,
    /// One sentence.
    pub message: String,
}
