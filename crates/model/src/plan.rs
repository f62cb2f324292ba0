//! Plans: what going from the applied composition to a wanted one does.
//!
//! A plan is a function of stored things and of the facts that the renders read. It holds no clear secret: bodies live
//! in the sealed render beside it, and every text in here is masked. Its digest covers what a person decides about;
//! see `strata-plan` for the table of what moves it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    change::ChangeKind,
    digest::Digest,
    fact::FactsRead,
    finding::Finding,
    id::ClusterId,
    object::{Destination, ObjectKey},
    overrides::{ConflictResolution, Patch},
    profile::{LayerKind, LayerName, RevisionReference},
    render::Origin,
};

/// The scheme of stored plans and of their digests; see rule 12 of the design.
pub const PLAN_SCHEME: u32 = 1;

/// What going from one composition to another does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// [`PLAN_SCHEME`].
    pub scheme: u32,
    /// The cluster.
    pub cluster: ClusterId,
    /// What kind of change carries it out.
    pub kind: ChangeKind,
    /// Digest of the applied composition; none on a cluster that runs nothing yet.
    pub from: Option<Digest>,
    /// Digest of the wanted composition.
    pub to: Digest,
    /// Keyed digest of the wanted render.
    pub render: Digest,
    /// What the renders asked of the cluster.
    pub facts_read: FactsRead,
    /// What happens to each object that changes, in the order in which it happens.
    pub actions: Vec<PlannedAction>,
    /// How many objects stay as they are.
    pub unchanged: u32,
    /// The actions in steps; each waits for the one before to be healthy.
    pub steps: Vec<PlannedStep>,
    /// Which nodes would be replaced, and why.
    pub repave: Repave,
    /// What the plan says about itself.
    pub findings: Vec<Finding>,
    /// Values before and after, by layer.
    pub layers: Vec<LayerPreview>,
    /// Disagreements between overrides and the new revision.
    pub conflicts: Vec<MergeConflict>,
    /// The decisions about them that went into this plan.
    pub resolutions: Vec<ConflictResolution>,
    /// Whether the whole can be taken back by a later change.
    pub reversible: bool,
    /// Keyed digest of all that a person decides about.
    pub digest: Digest,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

/// What happens to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// It is sent for the first time.
    Create,
    /// It is sent with other content.
    Change,
    /// It is deleted and created anew.
    Replace,
    /// It is no longer rendered and stays behind.
    Orphan,
    /// It is scaled to zero; the former state is recorded first.
    ScaleToZero,
    /// It gets its recorded state back.
    Restore,
    /// It is deleted.
    Delete,
    /// It is taken off the list of orphans and left alone.
    Keep,
    /// It is a hook: created, waited for, and deleted as its policy says.
    RunHook,
}

/// One object and what happens to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAction {
    /// What happens.
    pub action: Action,
    /// Where.
    pub destination: Destination,
    /// To which object.
    pub key: ObjectKey,
    /// The API version it is sent or was last sent in.
    pub api_version: String,
    /// The layer it belongs to.
    pub layer: LayerName,
    /// The revision that renders or last rendered it.
    pub revision: RevisionReference,
    /// Keyed digest of the body to be sent; of the last sent one for orphans.
    pub body: Digest,
    /// Field by field, masked; empty for CREATE and for orphans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// What the action cannot reach or what else to know, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One field that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Where, as a `ValuePath`.
    pub path: String,
    /// Before, masked; absent when the field is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// After, masked; absent when the field goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Why it says the same in other words; none where it says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<SameMeaning>,
}

/// Why a field that is written otherwise says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SameMeaning {
    /// It is the same amount: `1000m` and `1`.
    Amount,
    /// It is what Kubernetes fills in where nothing is said.
    Default,
}

/// The kind of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepKind {
    /// Cluster API objects other than those of pools.
    ControlPlane,
    /// The Cluster API objects of one pool.
    WorkerPool {
        /// The pool.
        pool: String,
    },
    /// Namespaces and definitions of one install priority, where hooks run before the other objects.
    Foundations {
        /// The priority.
        priority: i32,
    },
    /// Hooks that run before the objects of one install priority.
    HooksBefore {
        /// The priority.
        priority: i32,
    },
    /// Objects of one install priority.
    AddOns {
        /// The priority.
        priority: i32,
    },
    /// Hooks that run after the objects of one install priority.
    HooksAfter {
        /// The priority.
        priority: i32,
    },
    /// Decisions about orphans.
    Orphans,
}

impl StepKind {
    /// Whether it runs hooks.
    #[must_use]
    pub const fn runs_hooks(&self) -> bool {
        matches!(self, Self::HooksBefore { .. } | Self::HooksAfter { .. })
    }

    /// The step's name for people: `control plane`, `pool "blue"`, `add-ons, priority 10`.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::ControlPlane => "control plane".to_owned(),
            Self::WorkerPool { pool } => format!("pool \"{pool}\""),
            Self::Foundations { priority } => format!("namespaces and definitions, {}", stage(*priority)),
            Self::HooksBefore { priority } => format!("hooks before {}", stage(*priority)),
            Self::AddOns { priority } => stage(*priority),
            Self::HooksAfter { priority } => format!("hooks after {}", stage(*priority)),
            Self::Orphans => "orphans".to_owned(),
        }
    }
}

fn stage(priority: i32) -> String {
    match priority {
        // What infrastructure layers put into the cluster itself goes before all add-ons.
        i32::MIN => "infrastructure in the cluster".to_owned(),
        priority => format!("add-ons, priority {priority}"),
    }
}

/// One step: actions that go together and are waited for together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// What kind.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Indices into [`Plan::actions`], in order.
    pub actions: Vec<u32>,
    /// Whether nodes are replaced in it.
    pub repaves: bool,
    /// The later step that is sent before this one is waited for; none when it is waited for at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_with: Option<u32>,
}

/// Which nodes are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RepaveScope {
    /// None.
    None,
    /// Those of the control plane.
    ControlPlane,
    /// Those of pools only.
    WorkerPools,
    /// All.
    Full,
}

/// The impact on nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repave {
    /// Which.
    #[serde(flatten)]
    pub scope: RepaveScope,
    /// Names of the pools concerned.
    pub pools: Vec<String>,
    /// Why.
    pub reasons: Vec<RepaveReason>,
}

impl Default for Repave {
    fn default() -> Self {
        Self { scope: RepaveScope::None, pools: Vec::new(), reasons: Vec::new() }
    }
}

impl Repave {
    /// Whether any node is replaced.
    #[must_use]
    pub fn required(&self) -> bool {
        self.scope != RepaveScope::None
    }
}

/// One field whose change replaces nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepaveReason {
    /// Stable code, e.g. `KUBERNETES_VERSION`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The object.
    pub object: ObjectKey,
    /// The field.
    pub path: String,
    /// The pool, none for the control plane.
    pub pool: Option<String>,
}

/// Values of one layer before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerPreview {
    /// Which layer.
    pub layer: LayerName,
    /// What people call it, where its values say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its kind.
    pub kind: LayerKind,
    /// Pack before; none for a new layer.
    pub current_pack: Option<String>,
    /// Pack after; none for a layer that goes.
    pub pending_pack: Option<String>,
    /// Revision before.
    pub current_revision: Option<RevisionReference>,
    /// Revision after.
    pub pending_revision: Option<RevisionReference>,
    /// Text before, masked.
    pub current: String,
    /// Text after, masked, with the merged override.
    pub pending: String,
    /// Unified diff of the two texts.
    pub diff: String,
    /// Path by path, masked.
    pub changes: Vec<FieldChange>,
    /// Where the pending values come from.
    pub provenance: Vec<ValueOrigin>,
    /// The override that survives, masked.
    #[serde(default, skip_serializing_if = "Patch::is_empty")]
    pub override_patch: Patch,
    /// Paths whose override now says what the profile says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redundant: Vec<String>,
}

/// Where one value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueOrigin {
    /// Where it stands.
    pub path: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// A disagreement between an override and the new revision, with all three values, masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MergeConflict {
    /// Which layer.
    pub layer: LayerName,
    /// Which path.
    pub path: String,
    /// In the running revision.
    pub base: Option<Value>,
    /// In the override.
    pub ours: Option<Value>,
    /// In the new revision.
    pub theirs: Option<Value>,
    /// Where the value of the running revision comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_origin: Option<Origin>,
    /// Whose the override is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours_origin: Option<Origin>,
    /// Where the value of the new revision comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs_origin: Option<Origin>,
    /// One sentence.
    pub message: String,
}
