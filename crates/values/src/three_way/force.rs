//! Keeping an operation where it no longer fits.

use serde_json::{Map, Value};
use strata_model::{
    overrides::{ItemKey, PatchOperation},
    value_path::{Segment, ValuePath},
};

use super::Walk;
use crate::{
    keyed,
    patch::{self, apply_operation},
};

impl Walk<'_> {
    /// Makes the place of an operation what the override makes of it, whatever it takes.
    pub(super) fn force(&mut self, operation: &PatchOperation) {
        if let Some(list) = shifted_list(&operation.path(), self.base, self.theirs) {
            self.restore(&list);
            return;
        }
        match operation {
            PatchOperation::Set { path, value } => self.force_set(path, value),
            PatchOperation::Remove { .. } => {
                self.commit(operation.clone());
            }
            PatchOperation::Insert { list, value, .. } => {
                let item = self.place(operation);
                let replaced = item.find(&self.outcome.value).is_some() && item != *list;
                let set = PatchOperation::Set { path: item, value: value.clone() };
                let done = (replaced && self.commit(set)) || self.commit(operation.clone());
                if !done {
                    self.restore(list);
                }
            }
            PatchOperation::RemoveItem { list, .. } => {
                if !self.commit(operation.clone()) {
                    self.restore(list);
                }
            }
            PatchOperation::Move { list, item, .. } => {
                let back = self.insertion(list, item, &self.ours);
                if !self.commit(operation.clone()) && !back.is_some_and(|insertion| self.commit(insertion)) {
                    self.restore(list);
                }
            }
        }
    }

    /// Puts a value at a path, replacing what is in the way and bringing back items that went.
    pub(super) fn force_set(&mut self, path: &ValuePath, new: &Value) {
        let set = PatchOperation::Set { path: path.clone(), value: new.clone() };
        if self.commit(set.clone()) {
            return;
        }
        let mut wanted = self.ours.clone();
        let reachable = apply_operation(&set, &mut wanted).is_ok();
        for remedy in self.remedies(path, new, reachable.then_some(&wanted)) {
            if self.commit(remedy) {
                return;
            }
        }
    }

    /// What would put a value at a path at the first step that is blocked, the gentlest first. `wanted` is ours with the
    /// value, if ours can take it.
    fn remedies(&self, path: &ValuePath, new: &Value, wanted: Option<&Value>) -> Vec<PatchOperation> {
        let mut remedies = Vec::new();
        let mut here = Some(&self.outcome.value);
        for (depth, segment) in path.0.iter().enumerate() {
            let below = here.and_then(|value| segment.find(value));
            let open = match segment {
                Segment::Key(_) => here.is_some_and(Value::is_object),
                Segment::Item(_) | Segment::Index(_) => below.is_some(),
            };
            if open {
                here = below;
                continue;
            }
            let at = ValuePath(path.0.iter().take(depth).cloned().collect());
            if let (Segment::Item(fields), Some(wanted), Some(Value::Array(_))) = (segment, wanted, here)
                && let [(field, value)] = fields.as_slice()
            {
                let key = ItemKey { field: field.clone(), value: value.clone() };
                remedies.extend(self.insertion(&at, &key, wanted));
            }
            let rest = path.0.get(depth..).unwrap_or_default();
            if let Some(value) = nested(rest, new).or_else(|| at.find(wanted?).cloned()) {
                remedies.push(PatchOperation::Set { path: at, value });
            }
            break;
        }
        remedies
    }

    /// Puts back what the override makes of a whole list.
    fn restore(&mut self, list: &ValuePath) {
        if let Some(value) = list.find(&self.ours).cloned() {
            self.force_set(list, &value);
        }
    }

    /// The insertion that brings an item back, as it is in `from`.
    fn insertion(&self, list: &ValuePath, item: &ItemKey, from: &Value) -> Option<PatchOperation> {
        let place = list.child(item.segment());
        Some(PatchOperation::Insert {
            list: list.clone(),
            value: place.find(from)?.clone(),
            key: Some(item.field.clone()),
            before: self.next_neighbour(list, &place),
        })
    }

    /// The first item after this one, in the override's order, that the new list has too.
    pub(super) fn next_neighbour(&self, list: &ValuePath, item: &ValuePath) -> Option<ItemKey> {
        let Some(Segment::Item(fields)) = item.0.last() else { return None };
        let (field, value) = fields.first()?;
        let ours = list.find(&self.ours)?.as_array()?;
        let present = list.find(&self.outcome.value)?.as_array()?;
        let at = keyed::position(ours, &ItemKey { field: field.clone(), value: value.clone() })?;
        ours.iter()
            .skip(at + 1)
            .filter_map(|next| keyed::key_of(next, field))
            .find(|key| keyed::position(present, key).is_some())
    }
}

/// The first list on the way that is addressed by position and differs between the versions.
fn shifted_list(path: &ValuePath, base: &Value, theirs: &Value) -> Option<ValuePath> {
    path.0.iter().enumerate().find_map(|(depth, segment)| {
        let list = ValuePath(path.0.iter().take(depth).cloned().collect());
        (matches!(segment, Segment::Index(_)) && list.find(base) != list.find(theirs)).then_some(list)
    })
}

/// Mappings in mappings down a path of keys; `None` if the path goes through a list.
fn nested(path: &[Segment], value: &Value) -> Option<Value> {
    let root = ValuePath(path.to_vec());
    if root.0.iter().any(|segment| !matches!(segment, Segment::Key(_))) {
        return None;
    }
    let set = PatchOperation::Set { path: root, value: value.clone() };
    patch::apply(&strata_model::overrides::Patch(vec![set]), &Value::Object(Map::new())).ok()
}
