//! Findings: what a plan says about itself. Codes are stable API.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{object::ObjectKey, profile::LayerName};

/// What a finding asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Nothing: good to know. Not part of the plan's digest.
    Info,
    /// An entitled person must acknowledge it with a reason.
    Acknowledge,
    /// The change cannot be carried out.
    Block,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The kinds of findings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum FindingCode { $($(#[$doc])* $name,)* }

        impl FindingCode {
            /// All codes, for the page that lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The cluster is still being provisioned.
    ClusterProvisioning = "CLUSTER_PROVISIONING",
    /// Another change is under way.
    ChangeUnderWay = "CHANGE_UNDER_WAY",
    /// Kubernetes cannot go back.
    KubernetesDowngrade = "KUBERNETES_DOWNGRADE",
    /// A Kubernetes minor version would be skipped.
    KubernetesMinorSkipped = "KUBERNETES_MINOR_SKIPPED",
    /// The network pack of an edge cluster cannot change.
    EdgeCniChange = "EDGE_CNI_CHANGE",
    /// The network or storage pack of a running cluster would be swapped.
    InfrastructurePackSwap = "INFRASTRUCTURE_PACK_SWAP",
    /// The operating system or Kubernetes distribution would be swapped.
    DistributionSwap = "DISTRIBUTION_SWAP",
    /// Workers would be more than three minors behind.
    WorkerSkew = "WORKER_SKEW",
    /// A pack's constraint is not met.
    PackConstraint = "PACK_CONSTRAINT",
    /// Values do not fit the pack's schema.
    ValuesSchema = "VALUES_SCHEMA",
    /// A variable has no value, or one that is not valid.
    UnresolvedVariable = "UNRESOLVED_VARIABLE",
    /// A variable fell back to the profile's default.
    VariableDefaulted = "VARIABLE_DEFAULTED",
    /// A macro has another value than the cluster runs with.
    MacroChanged = "MACRO_CHANGED",
    /// An API version is no longer served by the target Kubernetes version.
    RemovedApi = "REMOVED_API",
    /// A CRD changes in a way that breaks stored objects or clients.
    CrdBreaking = "CRD_BREAKING",
    /// An override and the new revision disagree.
    MergeConflict = "MERGE_CONFLICT",
    /// A decision about a conflict that is none.
    ResolutionUnused = "RESOLUTION_UNUSED",
    /// An override says what the profile now says too.
    RedundantOverride = "REDUNDANT_OVERRIDE",
    /// An edited list is kept as a whole.
    ListReplaced = "LIST_REPLACED",
    /// Kubernetes refuses this change in place.
    ImmutableField = "IMMUTABLE_FIELD",
    /// An object exists and does not belong to Strata.
    NotOurs = "NOT_OURS",
    /// Two layers render the same object.
    DuplicateObject = "DUPLICATE_OBJECT",
    /// The render failed.
    RenderFailed = "RENDER_FAILED",
    /// A layer stays at another revision than its profile's.
    LayerHeld = "LAYER_HELD",
    /// Objects would be left behind.
    LeftBehind = "LEFT_BEHIND",
    /// Something scaled to zero would come back.
    OrphanRestored = "ORPHAN_RESTORED",
    /// This part cannot be taken back later.
    NotReversible = "NOT_REVERSIBLE",
    /// No executor can carry this out.
    NoExecutor = "NO_EXECUTOR",
    /// The infrastructure of an imported cluster is only described.
    InfrastructureOnImported = "INFRASTRUCTURE_ON_IMPORTED",
    /// A hook deletes what an earlier run of it left.
    HookDeletes = "HOOK_DELETES",
    /// What the cluster runs does not render now.
    CurrentNotRendered = "CURRENT_NOT_RENDERED",
    /// A note of the render.
    RenderWarning = "RENDER_WARNING",
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finding of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// What it asks for.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The way out.
    pub help: String,
    /// The layer concerned, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerName>,
    /// The object concerned, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectKey>,
    /// The path concerned, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Finding {
    /// Whether somebody must decide, so that it is part of the plan's digest.
    #[must_use]
    pub const fn needs_decision(&self) -> bool {
        !matches!(self.severity, Severity::Info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_serialisation_agree() {
        for code in FindingCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
