//! Overrides: a cluster's own changes to a layer's values, kept as structure and never as a whole text.
//!
//! A merge patch cannot say "null here" or "this item of the list"; these operations can. Merging, deriving and
//! applying them is the work of `strata-values`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    profile::LayerName,
    value_path::{Segment, ValuePath},
};

/// One step of a [`Patch`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum PatchOperation {
    /// Puts a value at a path, making parent mappings that are missing.
    Set {
        /// Where.
        path: ValuePath,
        /// What; null is a value like any other.
        value: Value,
    },
    /// Takes a key of a mapping, or a list by index, away.
    Remove {
        /// What.
        path: ValuePath,
    },
    /// Puts a new item into a keyed list.
    Insert {
        /// The list.
        list: ValuePath,
        /// The item.
        value: Value,
        /// The field that tells items of this list apart; found from the list when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Before which item; at the end when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<ItemKey>,
    },
    /// Takes an item of a keyed list away.
    RemoveItem {
        /// The list.
        list: ValuePath,
        /// Which item.
        item: ItemKey,
    },
    /// Moves an item of a keyed list.
    Move {
        /// The list.
        list: ValuePath,
        /// Which item.
        item: ItemKey,
        /// Before which item; to the end when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<ItemKey>,
    },
}

impl PatchOperation {
    /// The place this operation touches.
    #[must_use]
    pub fn path(&self) -> ValuePath {
        match self {
            Self::Set { path, .. } | Self::Remove { path } => path.clone(),
            Self::Insert { list, .. } => list.clone(),
            Self::RemoveItem { list, item } | Self::Move { list, item, .. } => list.child(item.segment()),
        }
    }
}

/// What identifies an item of a keyed list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemKey {
    /// The field, e.g. `name`.
    pub field: String,
    /// Its scalar value.
    pub value: Value,
}

impl ItemKey {
    /// The step that finds this item.
    #[must_use]
    pub fn segment(&self) -> Segment {
        Segment::Item(vec![(self.field.clone(), self.value.clone())])
    }
}

/// Operations, applied in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patch(pub Vec<PatchOperation>);

impl Patch {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One layer's override on one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerOverride {
    /// Which layer.
    pub layer: LayerName,
    /// Changes to its values, relative to the values of the profile revision that the cluster runs.
    pub patch: Patch,
    /// Who set it last (a principal's name).
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// A source of overrides. Today there is one kind; the list of sources is ordered, later ones win.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "camelCase")]
pub enum OverrideSource {
    /// The cluster's own.
    Cluster {
        /// By layer, each at most once.
        layers: Vec<LayerOverride>,
    },
}

impl OverrideSource {
    /// The overrides of this source.
    #[must_use]
    pub fn layers(&self) -> &[LayerOverride] {
        match self {
            Self::Cluster { layers } => layers,
        }
    }
}

/// What to do where an override and a new revision disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResolutionChoice {
    /// The cluster's value stays.
    KeepOverride,
    /// The profile's new value wins and the override is dropped at this path.
    TakeProfile,
    /// A third value.
    Edit {
        /// That value.
        value: Value,
    },
}

/// A decision about one conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictResolution {
    /// Which layer.
    pub layer: LayerName,
    /// Which path.
    pub path: ValuePath,
    /// What to do.
    #[serde(flatten)]
    pub choice: ResolutionChoice,
}
