//! Sending the objects of one step.

use std::collections::BTreeMap;

use strata_cluster::{ApplyOptions, Expectation, Marks, ObjectReference};
use strata_model::{
    change::{ChangeEvent, Failure},
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    plan::{Action, PlannedAction},
    render::RenderedObject,
};
use strata_store::Tx;

use super::{Run, Stop, failed};
use crate::{error::EngineError, reach::ReachError};

/// How many objects are recorded in one transaction: what a crash makes the next run send again, at most.
const RECORD_EVERY: usize = 25;

/// What the inventory knew before a step, by place.
type Known = BTreeMap<(Destination, ObjectKey), InventoryEntry>;

/// What a step sent, for waiting.
pub(super) type Sent = BTreeMap<Destination, Vec<Expectation>>;

impl Run {
    /// Sends what a step holds. First the intent is made durable, then object by object.
    pub(super) async fn send_step(&mut self, number: u32) -> Result<Sent, Stop> {
        let actions = self.actions_of(number);
        let known = self.record_intents(number, &actions).await?;
        let mut sent = Sent::new();
        let mut done: Vec<(ChangeEvent, Option<InventoryEntry>)> = Vec::new();
        for (index, action) in actions.iter().enumerate() {
            let (outcome, attempted) = match self.check_stop() {
                Ok(()) => (self.send(number, action, known.get(&place(action)), &mut sent).await, 1),
                Err(stop) => (Err(stop), 0),
            };
            match outcome {
                Ok(entry) => done.push((
                    ChangeEvent::ObjectDone {
                        step: number,
                        destination: action.destination,
                        key: action.key.clone(),
                        action: action.action,
                    },
                    entry,
                )),
                Err(stop) => {
                    let from = if refused_unsent(&stop) { index } else { index + attempted };
                    let unsent = actions.get(from..).unwrap_or_default();
                    self.record_stopped(std::mem::take(&mut done), unsent, &known).await?;
                    return Err(stop);
                }
            }
            if done.len() >= RECORD_EVERY {
                self.record_done(std::mem::take(&mut done), None).await?;
            }
        }
        self.record_done(done, Some(ChangeEvent::StepSettling { step: number })).await?;
        Ok(sent)
    }

    /// Records what was done before a step stopped, and takes back the intents of what was certainly not sent: the
    /// inventory tells what was sent, and nothing of it is anybody else's.
    async fn record_stopped(
        &mut self,
        done: Vec<(ChangeEvent, Option<InventoryEntry>)>,
        unsent: &[PlannedAction],
        known: &Known,
    ) -> Result<(), EngineError> {
        let mut former = Vec::new();
        let mut never = Vec::new();
        for action in unsent.iter().filter(|action| sends(action.action)) {
            match known.get(&place(action)) {
                None => never.push(place(action)),
                // An intent of an earlier run of this change may have been sent then.
                Some(entry) if entry.change == self.change.id => {}
                Some(entry) => former.push(entry.clone()),
            }
        }
        let (events, entries): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        former.extend(entries.into_iter().flatten());
        let (project, cluster) = (self.session.project, self.cluster.id);
        self.record_with(events, move |tx: &Tx, _| {
            Box::pin(async move {
                tx.inventory_put(project, cluster, &former).await?;
                for (destination, key) in never {
                    tx.inventory_remove(project, cluster, destination, &key).await?;
                }
                Ok(())
            })
        })
        .await
    }

    pub(super) fn actions_of(&self, number: u32) -> Vec<PlannedAction> {
        let step = usize::try_from(number).ok().and_then(|index| self.plan.steps.get(index));
        let indices = step.map(|step| step.actions.as_slice()).unwrap_or_default();
        let actions = indices.iter().filter_map(|index| self.plan.actions.get(usize::try_from(*index).ok()?));
        actions.cloned().collect()
    }

    /// Makes the intent durable: the step has begun, and what it is about to send is in the inventory, beside what the
    /// cluster may hold until it arrives. An intent has a digest that no plan renders, so that a later plan sends the
    /// object again. Answers what was known before.
    async fn record_intents(&mut self, number: u32, actions: &[PlannedAction]) -> Result<Known, Stop> {
        let known = self.session.rows().inventory_list(self.cluster.id).await?;
        let mut intents = Vec::new();
        for action in actions.iter().filter(|action| sends(action.action)) {
            let Some(object) = self.render.object(action.destination, &action.key) else { continue };
            let former =
                known.iter().find(|entry| entry.destination == action.destination && entry.key == action.key);
            // An entry with just this content was confirmed before a restart: it stays so.
            if former.is_some_and(|entry| entry.digest == action.body) {
                continue;
            }
            let digest =
                self.session.engine.store().digest_key().bytes("intent", action.body.as_str().as_bytes());
            let uid = former.and_then(|entry| entry.uid.clone());
            let entry = self.entry(action, object, uid, former.is_some_and(|entry| entry.adopted));
            intents.push(InventoryEntry { digest, ..entry }.in_doubt_after(former));
        }
        let known = known.into_iter().map(|entry| ((entry.destination, entry.key.clone()), entry)).collect();
        let (project, cluster) = (self.session.project, self.cluster.id);
        self.record_with(vec![ChangeEvent::StepStarted { step: number }], move |tx: &Tx, _| {
            Box::pin(async move { Ok(tx.inventory_put(project, cluster, &intents).await?) })
        })
        .await?;
        Ok(known)
    }

    async fn record_done(
        &mut self,
        done: Vec<(ChangeEvent, Option<InventoryEntry>)>,
        last: Option<ChangeEvent>,
    ) -> Result<(), EngineError> {
        let (mut events, entries): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        events.extend(last);
        if events.is_empty() {
            return Ok(());
        }
        let entries: Vec<InventoryEntry> = entries.into_iter().flatten().collect();
        let (project, cluster) = (self.session.project, self.cluster.id);
        self.record_with(events, move |tx: &Tx, _| {
            Box::pin(async move { Ok(tx.inventory_put(project, cluster, &entries).await?) })
        })
        .await
    }

    fn entry(
        &self,
        action: &PlannedAction,
        object: &RenderedObject,
        uid: Option<String>,
        adopted: bool,
    ) -> InventoryEntry {
        InventoryEntry {
            destination: object.destination,
            key: object.key.clone(),
            api_version: object.api_version.clone(),
            layer: action.layer.clone(),
            revision: object.revision.clone(),
            orphan_policy: object.orphan_policy,
            digest: action.body.clone(),
            body: object.body.clone(),
            earlier: Vec::new(),
            uid,
            adopted,
            change: self.change.id,
            applied_at: self.session.now(),
        }
    }

    /// Deals with one object. Answers what the inventory shall know of it.
    async fn send(
        &self,
        number: u32,
        action: &PlannedAction,
        known: Option<&InventoryEntry>,
        sent: &mut Sent,
    ) -> Result<Option<InventoryEntry>, Stop> {
        let rendered = self.render.object(action.destination, &action.key).is_some();
        match action.action {
            // Nothing is sent: it is put on the list of orphans when the change succeeds. Hooks have steps of their own.
            Action::Orphan | Action::RunHook => Ok(None),
            Action::Create | Action::Change | Action::Replace => {
                self.send_object(number, action, known, sent).await.map(Some)
            }
            Action::Restore if rendered => self.send_object(number, action, known, sent).await.map(Some),
            Action::Restore | Action::ScaleToZero | Action::Delete | Action::Keep => {
                self.decide_orphan(number, action, sent).await?;
                Ok(None)
            }
        }
    }

    async fn send_object(
        &self,
        number: u32,
        action: &PlannedAction,
        known: Option<&InventoryEntry>,
        sent: &mut Sent,
    ) -> Result<InventoryEntry, Stop> {
        let render = std::sync::Arc::clone(&self.render);
        let Some(object) = render.object(action.destination, &action.key) else {
            let message = format!("{} is planned but not rendered", action.key);
            return Err(Stop::Error(EngineError::internal(message)));
        };
        let reach = |error: ReachError| failed(number, error);
        let client = self.client_when_there(number, action.destination).await?;
        // What was confirmed before a restart or a retry is only sent again: it is neither started nor replaced twice.
        let confirmed =
            known.is_some_and(|entry| entry.digest == action.body && entry.change == self.change.id);
        let uid = known.and_then(|entry| entry.uid.as_deref());
        if action.action == Action::Restore && !confirmed {
            self.restart_orphan(number, action).await?;
        }
        let options = options(object, action.action, uid, self.marks());
        let applied = match uid {
            Some(uid) if action.action == Action::Replace && !confirmed => {
                let patience = self.session.engine.options().step_deadline;
                client.replace(&object.body, uid, &options, patience).await
            }
            _ => client.apply(&object.body, &options).await,
        };
        let applied = applied.map_err(|error| reach(error.into()))?;
        let reference = ObjectReference::new(action.key.clone(), object.api_version.clone());
        sent.entry(action.destination).or_default().push(Expectation::ready(reference, applied.generation));
        Ok(self.entry(action, object, Some(applied.uid), false))
    }
}

fn place(action: &PlannedAction) -> (Destination, ObjectKey) {
    (action.destination, action.key.clone())
}

/// How an object is sent, also when it is only asked what that would do. `uid` is what it had when it was last sent.
pub(crate) fn options(
    object: &RenderedObject,
    action: Action,
    uid: Option<&str>,
    marks: Marks,
) -> ApplyOptions {
    ApplyOptions {
        on_conflict: object.on_conflict,
        check: Some(marks).filter(|_| !is_shared(&object.key)),
        // What is replaced is another object afterwards.
        uid: uid.filter(|_| action != Action::Replace).map(str::to_owned),
        ..ApplyOptions::default()
    }
}

/// Whether an object that exists may be sent though it is not ours: a Namespace that is there already is shared, not
/// taken over. Marks are added and nothing else is touched.
fn is_shared(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Namespace"
}

/// Whether the object at which a step stopped was refused before anything of it was sent.
fn refused_unsent(stop: &Stop) -> bool {
    matches!(stop, Stop::Failed { failure, .. } if failure.code == "NOT_OURS")
}

/// Whether an action sends a rendered object.
pub(super) const fn sends(action: Action) -> bool {
    matches!(action, Action::Create | Action::Change | Action::Replace | Action::Restore)
}

/// A failure about one object.
pub(super) fn about(number: u32, code: &str, message: String, help: &str, key: &ObjectKey) -> Stop {
    let failure =
        Failure { code: code.to_owned(), message, help: help.to_owned(), object: Some(key.clone()) };
    Stop::Failed { step: Some(number), failure }
}
