//! Carrying an override over to a new version of the values it was made against.
//!
//! *Idea.* Base is what the cluster's profile revision said, ours is the override, theirs is what the new revision says.
//! Each operation of the override is judged by itself: it *fits* (theirs left the place alone), is *redundant* (theirs
//! came to the same value) or *conflicts* (theirs changed the place differently, or its parent went or became
//! something else). A conflict is settled by a [`Resolution`]; until then the override stays in force in
//! [`ThreeWay::value`], and [`ThreeWay::unresolved`] tells that there is something to decide.
//!
//! *Guarantees.* Nothing is dropped silently: every operation ends in the surviving patch or in a listed conflict.
//! `three_way(base, ours, base).value == apply(ours, base)`, `three_way(base, {}, theirs).value == theirs`, and
//! `apply(result.patch, theirs) == result.value`.
//!
//! *Caveats.* Keeping an override whose parent mapping went makes that mapping anew with nothing but the override in
//! it; keeping one inside an item that went brings the whole item back.

mod force;
mod judge;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strata_model::{
    overrides::{ConflictResolution, Patch, PatchOperation, ResolutionChoice},
    value_path::{Segment, ValuePath},
};

use self::judge::Verdict;
use crate::{keyed, patch::apply_operation};

/// Why an operation cannot simply be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConflictKind {
    /// The override and the new revision changed the same place differently.
    BothChanged,
    /// What the override changes a part of is gone.
    ParentRemoved,
    /// What the override changes a part of is something else now, or a list whose positions have shifted.
    ParentReplaced,
    /// Both changed the order of a list.
    Reordered,
    /// The override does not even fit the values that it is said to be made against.
    Stale,
}

/// One place to decide on.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Where.
    pub path: ValuePath,
    /// Why.
    pub kind: ConflictKind,
    /// What the running revision says there; `None` is nothing, as against a null. Several items of one key are a list.
    pub base: Option<Value>,
    /// What the override makes of it.
    pub ours: Option<Value>,
    /// What the new revision says there.
    pub theirs: Option<Value>,
    /// The decision that was given for it.
    pub resolution: Option<ResolutionChoice>,
}

/// A decision about the conflict at one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The path of the conflict.
    pub path: ValuePath,
    /// The decision.
    pub choice: ResolutionChoice,
}

impl From<&ConflictResolution> for Resolution {
    fn from(resolution: &ConflictResolution) -> Self {
        Self { path: resolution.path.clone(), choice: resolution.choice.clone() }
    }
}

/// The outcome for one layer.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "conflicts need a decision"]
pub struct ThreeWay {
    /// The new revision with what survives of the override.
    pub value: Value,
    /// The override relative to the new revision.
    pub patch: Patch,
    /// Places where both sides disagree, decided or not.
    pub conflicts: Vec<Conflict>,
    /// Places where the override says what the new revision says anyway. They stay in the patch.
    pub redundant: Vec<ValuePath>,
    /// Paths of resolutions that no conflict asked for.
    pub unused_resolutions: Vec<ValuePath>,
}

impl ThreeWay {
    /// Conflicts without a decision.
    pub fn unresolved(&self) -> impl Iterator<Item = &Conflict> {
        self.conflicts.iter().filter(|conflict| conflict.resolution.is_none())
    }
}

/// Carries `ours`, made against `base`, over to `theirs`.
pub fn three_way(base: &Value, ours: &Patch, theirs: &Value, resolutions: &[Resolution]) -> ThreeWay {
    let mut walk = Walk {
        base,
        theirs,
        resolutions,
        ours: base.clone(),
        covered: Vec::new(),
        outcome: ThreeWay {
            value: theirs.clone(),
            patch: Patch::default(),
            conflicts: Vec::new(),
            redundant: Vec::new(),
            unused_resolutions: Vec::new(),
        },
    };
    for operation in squashed(ours) {
        walk.carry(operation);
    }
    let mut outcome = walk.outcome;
    outcome.unused_resolutions = resolutions
        .iter()
        .map(|resolution| &resolution.path)
        .filter(|path| !outcome.conflicts.iter().any(|conflict| conflict.path == **path))
        .cloned()
        .collect();
    outcome
}

/// Whether what the override put at a place is still its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Settled,
}

struct Walk<'a> {
    base: &'a Value,
    theirs: &'a Value,
    resolutions: &'a [Resolution],
    /// The base with the operations walked so far.
    ours: Value,
    /// Places decided already; what follows below them belongs to them.
    covered: Vec<(ValuePath, Fate)>,
    outcome: ThreeWay,
}

impl Walk<'_> {
    fn carry(&mut self, operation: &PatchOperation) {
        let place = self.place(operation);
        let stale = apply_operation(operation, &mut self.ours).is_err();
        let cover =
            self.covered.iter().rev().find(|(path, _)| place.starts_with(path)).map(|(_, fate)| *fate);
        match cover {
            Some(Fate::Settled) => return,
            Some(Fate::Kept) if !stale => {
                self.keep(operation);
                return;
            }
            _ => {}
        }
        let verdict = if stale {
            Verdict::Conflict(ConflictKind::Stale)
        } else {
            judge::judge(operation, &place, self.base, self.theirs)
        };
        match verdict {
            Verdict::Fits => {
                let before = self.outcome.value.clone();
                self.keep(operation);
                if matches!(operation, PatchOperation::Move { .. }) && before == self.outcome.value {
                    self.outcome.redundant.push(place.clone());
                }
                self.cover(operation, place, Fate::Kept);
            }
            Verdict::Redundant => {
                self.keep(operation);
                if !self.outcome.redundant.contains(&place) {
                    self.outcome.redundant.push(place.clone());
                }
                self.cover(operation, place, Fate::Kept);
            }
            Verdict::Conflict(kind) => self.settle(operation, place, kind),
        }
    }

    fn settle(&mut self, operation: &PatchOperation, place: ValuePath, kind: ConflictKind) {
        let choice =
            self.resolutions.iter().find(|resolution| resolution.path == place).map(|found| &found.choice);
        let fate = match choice {
            None | Some(ResolutionChoice::KeepOverride) => {
                self.force(operation);
                Fate::Kept
            }
            Some(ResolutionChoice::TakeProfile) => Fate::Settled,
            Some(ResolutionChoice::Edit { value }) => {
                self.force_set(&place, value);
                Fate::Settled
            }
        };
        if !self.outcome.conflicts.iter().any(|conflict| conflict.path == place) {
            self.outcome.conflicts.push(Conflict {
                kind,
                base: judge::all_at(&place, self.base),
                ours: judge::all_at(&place, &self.ours),
                theirs: judge::all_at(&place, self.theirs),
                resolution: choice.cloned(),
                path: place.clone(),
            });
        }
        if kind != ConflictKind::Reordered {
            self.covered.push((place, fate));
        }
    }

    /// What follows below this place belongs to it; but a move says nothing about the inside of its item.
    fn cover(&mut self, operation: &PatchOperation, place: ValuePath, fate: Fate) {
        if !matches!(operation, PatchOperation::Move { .. }) {
            self.covered.push((place, fate));
        }
    }

    /// Carries an operation over as it is, next to another neighbour where its own went; by force if it does not fit.
    fn keep(&mut self, operation: &PatchOperation) {
        let mut operation = operation.clone();
        if let PatchOperation::Insert { list, before, .. } | PatchOperation::Move { list, before, .. } =
            &operation
        {
            let gone = before
                .as_ref()
                .is_some_and(|key| list.child(key.segment()).find(&self.outcome.value).is_none());
            if gone {
                let list = list.clone();
                let next = self.next_neighbour(&list, &self.place(&operation));
                if let PatchOperation::Insert { before, .. } | PatchOperation::Move { before, .. } =
                    &mut operation
                {
                    *before = next;
                }
            }
        }
        if !self.commit(operation.clone()) {
            self.force(&operation);
        }
    }

    /// Applies and records an operation; false, and nothing done, if it does not fit.
    fn commit(&mut self, operation: PatchOperation) -> bool {
        let fits = apply_operation(&operation, &mut self.outcome.value).is_ok();
        if fits {
            self.outcome.patch.0.push(operation);
        }
        fits
    }

    /// The place that an operation decides about: for an insertion, the item.
    fn place(&self, operation: &PatchOperation) -> ValuePath {
        let PatchOperation::Insert { list, value, key, before } = operation else { return operation.path() };
        let field = key.as_deref().or_else(|| before.as_ref().map(|anchor| anchor.field.as_str()));
        let field = field.or_else(|| {
            let items =
                list.find(&self.ours).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            keyed::key_field(&[items, std::slice::from_ref(value)])
        });
        match field.and_then(|field| keyed::key_of(value, field)) {
            Some(key) => list.child(key.segment()),
            None => list.clone(),
        }
    }
}

/// Leaves out what a later `set` at the same place or above overwrites.
fn squashed(patch: &Patch) -> impl Iterator<Item = &PatchOperation> {
    let by_position = |path: &ValuePath| path.0.iter().any(|segment| matches!(segment, Segment::Index(_)));
    patch.0.iter().enumerate().filter_map(move |(index, operation)| {
        let path = match operation {
            PatchOperation::Set { path, .. } | PatchOperation::Remove { path } => path,
            PatchOperation::Insert { list, .. }
            | PatchOperation::RemoveItem { list, .. }
            | PatchOperation::Move { list, .. } => list,
        };
        let overwritten = patch.0.iter().skip(index + 1).any(|later| match later {
            PatchOperation::Set { path: above, .. } => path.starts_with(above) && !by_position(path),
            _ => false,
        });
        (!overwritten).then_some(operation)
    })
}

#[cfg(test)]
mod tests;
