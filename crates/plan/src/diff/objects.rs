//! Object by object: created, changed, replaced, left behind, brought back.
//!
//! Objects are compared with the inventory, by keyed digest of the body: what was last sent decides, not the living
//! cluster and not the applied composition, so that a failed change is taken into account. Where nobody knows whether
//! the last sending arrived, the object is sent again, and what any of its possible bodies would cost counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use strata_model::{
    finding::{Finding, FindingCode, Severity},
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    orphan::{Orphan, OrphanState},
    plan::{Action, PlannedAction},
    profile::{ImmutablePolicy, LayerName, OrphanPolicy},
    render::RenderedObject,
    value_path::ValuePath,
};

use super::{differing, object_changes};
use crate::{
    digest,
    finding::finding,
    immutable,
    plan::{PlanInput, about_object, is_listed},
    reach,
};

/// The outcome for all objects.
#[derive(Debug)]
pub(crate) struct ObjectDiff<'a> {
    pub(crate) actions: Vec<PlannedAction>,
    pub(crate) unchanged: u32,
    pub(crate) findings: Vec<Finding>,
    /// Rendered objects with what was sent before them, in render order.
    pub(crate) pairs: Vec<Pair<'a>>,
}

/// A rendered object and what was last sent of it, if it is still Strata's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) before: Option<&'a InventoryEntry>,
    pub(crate) after: &'a RenderedObject,
}

type Place<'a> = (Destination, &'a ObjectKey);

pub(crate) fn objects<'a>(input: &PlanInput<'a>) -> ObjectDiff<'a> {
    let sent: BTreeMap<Place<'_>, &'a InventoryEntry> =
        input.inventory.iter().map(|entry| ((entry.destination, &entry.key), entry)).collect();
    let orphans: BTreeMap<Place<'_>, &'a Orphan> = input
        .orphans
        .iter()
        .filter(|orphan| is_listed(orphan))
        .map(|orphan| ((orphan.destination, &orphan.key), orphan))
        .collect();
    let mut outcome =
        ObjectDiff { actions: Vec::new(), unchanged: 0, findings: Vec::new(), pairs: Vec::new() };
    let mut rendered: BTreeSet<Place<'_>> = BTreeSet::new();
    for object in &input.render.objects {
        let place = (object.destination, &object.key);
        if !rendered.insert(place) {
            // The render reports it as a duplicate.
            continue;
        }
        let pair = Pair { before: sent.get(&place).copied(), after: object };
        outcome.pairs.push(pair);
        match (pair.before, orphans.get(&place)) {
            (before, Some(orphan)) => outcome.bring_back(input, object, before, orphan),
            (Some(before), None) => outcome.compare(input, object, before),
            (None, None) => outcome.actions.push(action(input, Action::Create, object)),
        }
    }
    outcome.leave_behind(input, &rendered, &orphans);
    outcome.findings.extend(input.render.duplicates.iter().map(|duplicate| {
        let layers: Vec<&str> = duplicate.layers.iter().map(LayerName::as_str).collect();
        let mut told = finding(
            FindingCode::DuplicateObject,
            Severity::Block,
            format!("{} is rendered by several layers: {}", duplicate.key, layers.join(", ")),
            "let one layer render it: rename it, or turn it off in the values of the others",
        );
        told.object = Some(duplicate.key.clone());
        told
    }));
    outcome
}

/// The fields that Kubernetes refuses to change in place and that come to say something else.
fn refused(before: &Value, after: &Value) -> Vec<String> {
    let mut fixed = immutable::violations(before, after);
    if fixed.is_empty() {
        return fixed;
    }
    let differing = differing(before, after);
    fixed.retain(|path| {
        let path = ValuePath::of_keys(path.split('.'));
        differing.iter().any(|other| other.starts_with(&path) || path.starts_with(other))
    });
    fixed
}

impl ObjectDiff<'_> {
    fn compare(&mut self, input: &PlanInput<'_>, object: &RenderedObject, before: &InventoryEntry) {
        if digest::object(input.key, &object.body) == before.digest {
            self.unchanged = self.unchanged.saturating_add(1);
            return;
        }
        let layer = first_layer(object);
        let mut planned = action(input, Action::Change, object);
        // Of what it may be now, what differs most.
        let changes = before.possible_bodies().map(|body| object_changes(body, &object.body, input.redactor));
        planned.changes = changes.max_by_key(Vec::len).unwrap_or_default();
        if !before.earlier.is_empty() {
            planned.note = Some(
                "whether its last sending arrived is not known: all is told that may change; it is sent again".to_owned(),
            );
        }
        let mut fixed: Vec<String> = Vec::new();
        for body in before.possible_bodies() {
            for path in refused(body, &object.body) {
                if !fixed.contains(&path) {
                    fixed.push(path);
                }
            }
        }
        if !fixed.is_empty() {
            let paths: Vec<String> = fixed.iter().map(|path| input.redactor.mask_text(path)).collect();
            let paths = paths.join(", ");
            if object.on_immutable == ImmutablePolicy::Replace {
                planned.action = Action::Replace;
                planned.note =
                    Some(format!("deleted and created anew: Kubernetes refuses to change {paths} in place"));
            } else {
                let told = finding(
                    FindingCode::ImmutableField,
                    Severity::Block,
                    format!("Kubernetes refuses to change {paths} of {} in place", object.key),
                    "take the change back, give the object another name, or let the layer say onImmutable: REPLACE",
                );
                let mut told = about_object(told, &layer, &object.key);
                told.path = Some(paths);
                self.findings.push(told);
            }
        }
        self.actions.push(planned);
    }

    /// An orphan is rendered again.
    fn bring_back(
        &mut self,
        input: &PlanInput<'_>,
        object: &RenderedObject,
        before: Option<&InventoryEntry>,
        orphan: &Orphan,
    ) {
        let scaled = orphan.state == OrphanState::ScaledToZero;
        let mut planned = action(input, if scaled { Action::Restore } else { Action::Change }, object);
        if let Some(before) = before {
            planned.changes = object_changes(before.known_body(), &object.body, input.redactor);
        }
        planned.note = Some(if scaled {
            "it was scaled to zero; its former state comes back before it is sent".to_owned()
        } else {
            format!("left behind by {}; it belongs to the composition again", orphan.revision)
        });
        self.actions.push(planned);
        if scaled {
            let told = finding(
                FindingCode::OrphanRestored,
                Severity::Info,
                format!("{} was scaled to zero and would run again", object.key),
                "leave its layer out if it shall stay down",
            );
            self.findings.push(about_object(told, &first_layer(object), &object.key));
        }
    }

    /// What was sent and is rendered no more.
    fn leave_behind(
        &mut self,
        input: &PlanInput<'_>,
        rendered: &BTreeSet<Place<'_>>,
        orphans: &BTreeMap<Place<'_>, &Orphan>,
    ) {
        let mut left: Vec<&InventoryEntry> = input
            .inventory
            .iter()
            .filter(|entry| {
                let place = (entry.destination, &entry.key);
                !rendered.contains(&place) && !orphans.contains_key(&place)
            })
            .collect();
        left.sort_by_key(|entry| (entry.destination, &entry.layer, &entry.key));
        for entry in left {
            let then = match entry.orphan_policy {
                OrphanPolicy::Keep => "it runs on and waits for a decision".to_owned(),
                OrphanPolicy::ScaleToZero => {
                    "its layer asks to scale it to zero; that is a change of its own".to_owned()
                }
                OrphanPolicy::Delete => "its layer asks to delete it; that is a change of its own".to_owned(),
            };
            let (_, cannot) = reach::of(&entry.key, &entry.body);
            self.actions.push(PlannedAction {
                action: Action::Orphan,
                destination: entry.destination,
                key: entry.key.clone(),
                api_version: entry.api_version.clone(),
                layer: entry.layer.clone(),
                revision: entry.revision.clone(),
                body: entry.digest.clone(),
                changes: Vec::new(),
                note: Some(if cannot.is_empty() { then } else { format!("{then}; {cannot}") }),
            });
            let told = finding(
                FindingCode::LeftBehind,
                Severity::Info,
                format!("{} from {} is no longer rendered and stays behind", entry.key, entry.revision),
                "decide about it once the change is done: scale it to zero, delete it, or keep it",
            );
            self.findings.push(about_object(told, &entry.layer, &entry.key));
        }
    }
}

fn action(input: &PlanInput<'_>, action: Action, object: &RenderedObject) -> PlannedAction {
    PlannedAction {
        action,
        destination: object.destination,
        key: object.key.clone(),
        api_version: object.api_version.clone(),
        layer: first_layer(object),
        revision: object.revision.clone(),
        body: digest::object(input.key, &object.body),
        changes: Vec::new(),
        note: None,
    }
}

/// The layer that an object counts for.
pub(crate) fn first_layer(object: &RenderedObject) -> LayerName {
    // A render always names the layer; a broken one is still planned, under a name that cannot be missed.
    object.layers.first().cloned().unwrap_or_else(|| "unknown".parse().expect("a constant that is a name"))
}
