//! Deriving the patch that leads from one value to another.

use serde_json::Value;
use strata_model::{
    overrides::{ItemKey, Patch, PatchOperation},
    value_path::ValuePath,
};

use crate::keyed;

/// A patch and what was coarse about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Derived {
    /// Leads from the base to the edited value.
    pub patch: Patch,
    /// Lists that changed and are replaced as a whole, since no field tells their items apart.
    pub whole_lists: Vec<ValuePath>,
}

/// The smallest reasonable patch from `base` to `edited`: keys of mappings and items of keyed lists one by one, other
/// values as a whole.
#[must_use]
pub fn derive(base: &Value, edited: &Value) -> Derived {
    let mut derived = Derived::default();
    derived.value(&ValuePath::root(), base, edited);
    derived
}

impl Derived {
    fn value(&mut self, path: &ValuePath, base: &Value, edited: &Value) {
        match (base, edited) {
            (Value::Object(old), Value::Object(new)) => {
                for key in old.keys().filter(|key| !new.contains_key(*key)) {
                    self.patch.0.push(PatchOperation::Remove { path: path.key(key) });
                }
                for (key, value) in new {
                    match old.get(key) {
                        Some(before) => self.value(&path.key(key), before, value),
                        None => self.set(path.key(key), value),
                    }
                }
            }
            _ if base == edited => {}
            (Value::Array(old), Value::Array(new)) => match keyed::key_field(&[old, new]) {
                // An emptied or filled list says something about the list, not about its items.
                Some(field) if !old.is_empty() && !new.is_empty() => self.keyed(path, field, old, new),
                _ => {
                    self.whole_lists.push(path.clone());
                    self.set(path.clone(), edited);
                }
            },
            _ => self.set(path.clone(), edited),
        }
    }

    fn set(&mut self, path: ValuePath, value: &Value) {
        self.patch.0.push(PatchOperation::Set { path, value: value.clone() });
    }

    fn keyed(&mut self, list: &ValuePath, field: &str, old: &[Value], new: &[Value]) {
        let before = keyed::positions(old, field);
        let after = keyed::positions(new, field);
        for item in old {
            let gone = keyed::key_text(item, field).is_none_or(|text| !after.contains_key(&text));
            if let (true, Some(item)) = (gone, keyed::key_of(item, field)) {
                self.patch.0.push(PatchOperation::RemoveItem { list: list.clone(), item });
            }
        }
        // Where each item of the new list was; those of a longest increasing run stay where they are.
        let was: Vec<Option<(usize, &Value)>> = new
            .iter()
            .map(|item| keyed::key_text(item, field).and_then(|text| before.get(&text).copied()))
            .collect();
        let stays = longest_increasing(&was.iter().map(|at| at.map(|(index, _)| index)).collect::<Vec<_>>());
        // From the end, so that the item each one goes before is in place already.
        let mut next: Option<ItemKey> = None;
        for (index, item) in new.iter().enumerate().rev() {
            let Some(key) = keyed::key_of(item, field) else { continue };
            match was.get(index).copied().flatten() {
                None => self.patch.0.push(PatchOperation::Insert {
                    list: list.clone(),
                    value: item.clone(),
                    key: Some(field.to_owned()),
                    before: next.take(),
                }),
                Some(_) if !stays.get(index).copied().unwrap_or(false) => {
                    self.patch.0.push(PatchOperation::Move {
                        list: list.clone(),
                        item: key.clone(),
                        before: next.take(),
                    });
                }
                Some(_) => {}
            }
            next = Some(key);
        }
        for (item, at) in new.iter().zip(&was) {
            if let (Some(key), Some((_, before))) = (keyed::key_of(item, field), at) {
                self.value(&list.child(key.segment()), before, item);
            }
        }
    }
}

/// Marks the members of one longest increasing subsequence of the numbers that are there. O(n log n).
fn longest_increasing(numbers: &[Option<usize>]) -> Vec<bool> {
    // `tails[k]` is the index of the smallest number that ends an increasing run of length k + 1.
    let mut tails: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = vec![None; numbers.len()];
    let number_at = |index: usize| numbers.get(index).copied().flatten();
    for (index, number) in numbers.iter().enumerate() {
        let Some(number) = number else { continue };
        let length = tails.partition_point(|&tail| number_at(tail).is_some_and(|other| other < *number));
        if let (Some(before), Some(slot)) = (length.checked_sub(1), previous.get_mut(index)) {
            *slot = tails.get(before).copied();
        }
        match tails.get_mut(length) {
            Some(tail) => *tail = index,
            None => tails.push(index),
        }
    }
    let mut members = vec![false; numbers.len()];
    let mut at = tails.last().copied();
    while let Some(index) = at {
        if let Some(member) = members.get_mut(index) {
            *member = true;
        }
        at = previous.get(index).copied().flatten();
    }
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::patch::apply;

    #[test]
    fn small_edits_give_small_patches() {
        let base =
            json!({"a": 1, "env": [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "C"}], "l": [1]});
        let edited = json!({"a": null, "env": [{"name": "C"}, {"name": "A", "value": "2"}, {"name": "N"}, {"name": "B"}], "l": [2]});
        let derived = derive(&base, &edited);
        assert_eq!(derived.patch.0.len(), 5, "{:#?}", derived.patch);
        assert_eq!(derived.whole_lists, ["l".parse().unwrap()]);
        assert_eq!(apply(&derived.patch, &base).unwrap(), edited);
        assert!(derive(&base, &base).patch.is_empty());
    }

    #[test]
    fn the_longest_run_stays() {
        assert_eq!(
            longest_increasing(&[Some(3), Some(0), None, Some(1), Some(2)]),
            [false, true, false, true, true]
        );
    }
}
