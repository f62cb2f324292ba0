//! Renders: a composition turned into Kubernetes objects, each knowing its layer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    diagnostic::Diagnostic,
    fact::FactsRead,
    object::{Destination, ObjectKey},
    profile::{ConflictPolicy, ImmutablePolicy, LayerKind, LayerName, OrphanPolicy, RevisionReference},
    secret::SecretText,
    value_path::ValuePath,
    version::KubernetesVersion,
};

/// One rendered object. `body` is in the clear: a render is stored sealed and never shown unmasked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedObject {
    /// Which object.
    pub key: ObjectKey,
    /// The API version it is sent in.
    pub api_version: String,
    /// The layers that render it; one, except for a Namespace that several share.
    pub layers: Vec<LayerName>,
    /// The kind of the first layer.
    pub layer_kind: LayerKind,
    /// The revision that the first layer comes from.
    pub revision: RevisionReference,
    /// The file of the pack that it comes from.
    pub source: String,
    /// Where it is applied.
    pub destination: Destination,
    /// Lowest first; infrastructure goes before all add-ons.
    pub install_priority: i32,
    /// Policy of its layer.
    pub on_conflict: ConflictPolicy,
    /// Policy of its layer.
    pub on_immutable: ImmutablePolicy,
    /// Policy of its layer.
    pub orphan_policy: OrphanPolicy,
    /// The manifest with Strata's marks, ready to be sent.
    pub body: Value,
}

/// The values of one layer on one cluster, as text for people and as the value that was rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerValues {
    /// Which layer.
    pub layer: LayerName,
    /// Its kind.
    pub kind: LayerKind,
    /// Pack name and version, for display.
    pub pack: String,
    /// The revision it comes from.
    pub revision: RevisionReference,
    /// Comments and key order of the author kept, overrides applied, variables not yet resolved.
    pub text: String,
    /// Merged and resolved: what the templates saw.
    pub value: Value,
    /// Where each value comes from: path → origin.
    pub origins: BTreeMap<String, Origin>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "camelCase")]
pub enum Origin {
    /// The pack's defaults.
    Pack {
        /// Name and version.
        pack: String,
    },
    /// A preset.
    Preset {
        /// Its group and name.
        preset: String,
    },
    /// The profile's own values.
    Profile {
        /// Which revision.
        revision: RevisionReference,
    },
    /// An override of the cluster.
    Override {
        /// Who set it.
        author: String,
        /// When.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// Whether the profile's default was used.
        default: bool,
    },
    /// A macro.
    Macro {
        /// Its name.
        name: String,
    },
    /// What the cluster itself is: its name, its machines, a fact.
    Cluster,
    /// What is generated for the cluster.
    Generated,
    /// Several references in one text.
    Several {
        /// What they refer to, each once.
        of: Vec<Self>,
    },
}

/// What is said of the value at a path, or of what it is in; else of the first value in it.
#[must_use]
pub fn origin_of<'a>(path: &ValuePath, origins: &'a BTreeMap<String, Origin>) -> Option<&'a Origin> {
    let said = || origins.iter().filter_map(|(at, origin)| Some((at.parse::<ValuePath>().ok()?, origin)));
    let around = said().filter(|(at, _)| path.starts_with(at)).max_by_key(|(at, _)| at.0.len());
    around.or_else(|| said().find(|(at, _)| at.starts_with(path))).map(|(_, origin)| origin)
}

/// The result of a render.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Render {
    /// In the order in which they are applied.
    pub objects: Vec<RenderedObject>,
    /// What runs before and after the objects of a layer; by layer, then in the order in which they run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<RenderedHook>,
    /// By layer, in layer order.
    pub layers: Vec<LayerValues>,
    /// What was asked of the cluster.
    pub facts_read: FactsRead,
    /// The Kubernetes version that the composition asks for, where a layer says so.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// What the author should know but what does not stop the render.
    pub warnings: Vec<Diagnostic>,
    /// The same object rendered by two layers that may not share it.
    pub duplicates: Vec<DuplicateObject>,
    /// Whether it took something that no other cluster has: an id, generated values, the whole list of served APIs. One
    /// that did not is that of every cluster with the same composition and the same answers in `facts_seen`.
    #[serde(skip)]
    pub is_own: bool,
    /// What was asked, and what was asked to find out which definitions the composition brings: that moves with its being
    /// applied, so it is no part of what is approved, but another cluster with other answers may get something else.
    #[serde(skip)]
    pub facts_seen: FactsRead,
    /// All secrets that occur in it, for masking. Not serialised: whoever opens a stored render collects them anew.
    #[serde(skip)]
    pub secrets: Vec<SecretText>,
}

/// A moment in the life of a release at which a hook runs, as Helm names them. Those of other moments (tests, deletions,
/// rollbacks) are not rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookEvent {
    /// Before the first objects of a layer that is new on the cluster.
    PreInstall,
    /// After them.
    PostInstall,
    /// Before the objects of a layer that was there and changes.
    PreUpgrade,
    /// After them.
    PostUpgrade,
}

/// When a hook's object is deleted, as Helm names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookDeletePolicy {
    /// What an earlier run left, before it runs anew.
    BeforeHookCreation,
    /// After it has succeeded.
    HookSucceeded,
    /// After it has failed.
    HookFailed,
}

/// An object that is run at a moment of an apply rather than kept: it is not in the inventory and never an orphan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedHook {
    /// What is sent.
    pub object: RenderedObject,
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// Lower goes first, among hooks of one layer and moment.
    pub weight: i64,
    /// When it is deleted.
    pub delete: Vec<HookDeletePolicy>,
}

/// One object that two layers render.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateObject {
    /// Which object.
    pub key: ObjectKey,
    /// Who renders it.
    pub layers: Vec<LayerName>,
}

impl Render {
    /// The object with this key at this destination.
    #[must_use]
    pub fn object(&self, destination: Destination, key: &ObjectKey) -> Option<&RenderedObject> {
        self.objects.iter().find(|object| object.destination == destination && object.key == *key)
    }

    /// The hook with this key at this destination.
    #[must_use]
    pub fn hook(&self, destination: Destination, key: &ObjectKey) -> Option<&RenderedHook> {
        self.hooks.iter().find(|hook| hook.object.destination == destination && hook.object.key == *key)
    }
}
