//! What is asked for: the objects of a plan, and those that it leaves as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use strata_model::{
    evidence::{LiveOutcome, ObjectEvidence},
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    plan::{Action, Plan},
    profile::LayerName,
    render::{Render, RenderedHook, RenderedObject},
};

use crate::order::rank;

/// How many objects are asked for; the rest is counted.
pub const MOST_OBJECTS: usize = 1000;

/// One object that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its place in the order in which the change goes.
    pub place: usize,
    /// Where.
    pub destination: Destination,
    /// Which object.
    pub key: &'a ObjectKey,
    /// The API version it is sent or was last sent in.
    pub api_version: &'a str,
    /// Its layer.
    pub layer: &'a LayerName,
    /// What the plan does to it; none when it leaves it as it is.
    pub action: Option<Action>,
    /// What would be sent; none for what is left behind.
    pub object: Option<&'a RenderedObject>,
    /// The hook that it is.
    pub hook: Option<&'a RenderedHook>,
    /// What Strata last sent.
    pub known: Option<&'a InventoryEntry>,
}

impl Question<'_> {
    /// Whether others depend on it, so that it is asked for before them.
    #[must_use]
    pub fn is_foundation(&self) -> bool {
        rank(self.key) <= 100
            || matches!(self.key.group.as_str(), "admissionregistration.k8s.io" | "apiregistration.k8s.io")
    }

    /// What was last sent of it and certainly arrived. Drift is judged by it.
    #[must_use]
    pub fn sent(&self) -> Option<&Value> {
        let known = self.known.filter(|known| known.earlier.is_empty())?;
        let judged = matches!(self.action, None | Some(Action::Change));
        judged.then_some(&known.body)
    }

    /// Evidence about it with nothing more to say.
    pub(super) fn says(&self, outcome: LiveOutcome) -> ObjectEvidence {
        ObjectEvidence {
            destination: self.destination,
            key: self.key.clone(),
            layer: self.layer.clone(),
            action: self.action,
            outcome,
            changes: Vec::new(),
            conflicts: Vec::new(),
            yielded: Vec::new(),
            drift: Vec::new(),
            code: None,
            message: None,
            waits_for: None,
        }
    }
}

/// What is asked for, in the order of the plan, then what it leaves as it is in the order of the render; and how many objects
/// are left out.
#[must_use]
pub fn questions<'a>(
    plan: &'a Plan,
    render: &'a Render,
    inventory: &'a [InventoryEntry],
    most: usize,
) -> (Vec<Question<'a>>, u32) {
    let known: BTreeMap<(Destination, &ObjectKey), &InventoryEntry> =
        inventory.iter().map(|entry| ((entry.destination, &entry.key), entry)).collect();
    let mut seen = BTreeSet::new();
    let mut questions: Vec<Question<'a>> = Vec::new();
    for action in &plan.actions {
        let at = (action.destination, &action.key);
        let hook = render.hook(action.destination, &action.key).filter(|_| action.action == Action::RunHook);
        let object = match action.action {
            Action::RunHook => hook.map(|hook| &hook.object),
            _ => {
                seen.insert(at);
                render.object(action.destination, &action.key)
            }
        };
        questions.push(Question {
            place: questions.len(),
            destination: action.destination,
            key: &action.key,
            api_version: &action.api_version,
            layer: &action.layer,
            action: Some(action.action),
            object,
            hook,
            known: known.get(&at).copied().filter(|_| hook.is_none()),
        });
    }
    for object in &render.objects {
        let at = (object.destination, &object.key);
        let Some(layer) = object.layers.first() else { continue };
        // A plan that does nothing because it is blocked leaves also those as they are that were never sent.
        let Some(known) = known.get(&at).copied() else { continue };
        if seen.insert(at) {
            questions.push(Question {
                place: questions.len(),
                destination: object.destination,
                key: &object.key,
                api_version: &object.api_version,
                layer,
                action: None,
                object: Some(object),
                hook: None,
                known: Some(known),
            });
        }
    }
    let left_out = u32::try_from(questions.len().saturating_sub(most)).unwrap_or(u32::MAX);
    questions.truncate(most);
    (questions, left_out)
}
