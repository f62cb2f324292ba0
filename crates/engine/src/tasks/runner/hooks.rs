//! Running hooks: one after the other, each created, waited for, and deleted as its policy says.
//!
//! *Guarantees.* A hook is started once for each attempt of a change: its object carries the attempt as a mark, so that
//! after a restart what runs already is waited for, and what is done is not run again. A deletion is bound to the UID of
//! an object that carries our marks.
//!
//! *Caveats.* A retry of a failed change runs the hooks of the failed step again, as Helm does.

use std::time::Duration;

use serde_json::Value;
use strata_cluster::{
    ApplyOptions, ClusterClient, Expectation, Marks, Metadata, ObjectReference, Ownership, Preconditions,
    ownership,
};
use strata_model::{
    change::ChangeEvent,
    object::marks,
    plan::PlannedAction,
    render::{HookDeletePolicy, RenderedHook},
};

use super::{Run, Stop, failed, send::about};
use crate::error::EngineError;

/// How long a deleted hook may take to go: its pods end first.
const GOING: Duration = Duration::from_secs(120);

impl Run {
    /// Runs the hooks of one step.
    pub(super) async fn run_hooks(&mut self, number: u32) -> Result<(), Stop> {
        let actions = self.actions_of(number);
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let done =
            self.change.steps.get(index).map_or(0, |step| usize::try_from(step.done).unwrap_or(usize::MAX));
        let done = done.min(actions.len());
        // Beginning a step anew forgets how far it was; what was done stays done.
        let mut events = vec![ChangeEvent::StepStarted { step: number }];
        events.extend(actions.iter().take(done).map(|action| hook_done(number, action)));
        self.record(events).await?;
        let attempt = self.attempt(index);
        for (position, action) in actions.iter().enumerate() {
            self.check_stop()?;
            let render = std::sync::Arc::clone(&self.render);
            let Some(hook) = render.hook(action.destination, &action.key) else {
                let message = format!("the hook {} is planned but not rendered", action.key);
                return Err(Stop::Error(EngineError::internal(message)));
            };
            if position < done {
                continue;
            }
            if let Err(stop) = self.run_hook(number, action, hook, &attempt).await {
                if matches!(stop, Stop::Failed { .. }) {
                    let earlier = actions.get(..position).unwrap_or_default();
                    // Why the hook failed matters more than why another could not be deleted.
                    if let Err(Stop::Failed { failure, .. }) =
                        self.delete_succeeded(number, earlier, &attempt).await
                    {
                        tracing::warn!(change = %self.change.id, "a hook could not be deleted: {}", failure.code);
                    }
                }
                return Err(stop);
            }
            self.record(vec![hook_done(number, action)]).await?;
        }
        self.delete_succeeded(number, &actions, &attempt).await?;
        self.record(vec![
            ChangeEvent::StepSettling { step: number },
            ChangeEvent::StepSucceeded { step: number },
        ])
        .await?;
        Ok(())
    }

    /// Deletes hooks whose policy says so, the last first. As with Helm only when all have run: the account and the roles of
    /// a Job are hooks before it.
    async fn delete_succeeded(
        &self,
        number: u32,
        actions: &[PlannedAction],
        attempt: &str,
    ) -> Result<(), Stop> {
        for action in actions.iter().rev() {
            let hook = self.render.hook(action.destination, &action.key);
            if hook.is_some_and(|hook| hook.delete.contains(&HookDeletePolicy::HookSucceeded)) {
                self.delete_run(number, action, attempt).await?;
            }
        }
        Ok(())
    }

    /// Names this attempt at a step: a retry is another one, a restart of the server is not.
    fn attempt(&self, step: usize) -> String {
        let started = self.change.steps.get(step).and_then(|step| step.started_at);
        let instant = started.map_or(0, jiff::Timestamp::as_microsecond);
        format!("{}-{step}-{instant}", self.change.id)
    }

    async fn run_hook(
        &mut self,
        number: u32,
        action: &PlannedAction,
        hook: &RenderedHook,
        attempt: &str,
    ) -> Result<(), Stop> {
        let client = self.client_when_there(number, action.destination).await?.clone();
        let reference = ObjectReference::new(action.key.clone(), action.api_version.clone());
        let live = self.live_hook(number, action, &client, &reference).await?;
        let running = match &live {
            Some(live) if is_of(live, attempt) => true,
            // One that goes when it succeeded is left over only where its step was stopped before all had run.
            Some(live)
                if hook.delete.contains(&HookDeletePolicy::BeforeHookCreation)
                    || hook.delete.contains(&HookDeletePolicy::HookSucceeded) =>
            {
                delete(number, &client, &reference, live).await?;
                let gone = Expectation::gone(reference.clone(), Some(&live.uid));
                self.wait(Some(number), &client, vec![gone], GOING).await?;
                false
            }
            Some(_) => {
                return Err(about(
                    number,
                    "HOOK_EXISTS",
                    format!(
                        "the hook {} is there from an earlier run, and its policy does not delete it",
                        action.key
                    ),
                    "delete it, or give it the delete policy before-hook-creation",
                    &action.key,
                ));
            }
            None => false,
        };
        if !running {
            let body = marked(&hook.object.body, attempt);
            client
                .apply(&body, &options(hook, self.marks()))
                .await
                .map_err(|error| failed(number, error.into()))?;
        }
        let deadline = self.session.engine.options().step_deadline;
        let ready = Expectation::completed(reference);
        match self.wait(Some(number), &client, vec![ready], deadline).await {
            Err(stop @ Stop::Failed { .. }) if hook.delete.contains(&HookDeletePolicy::HookFailed) => {
                // Why the hook failed matters more than why it could not be deleted.
                if let Err(Stop::Failed { failure, .. }) = self.delete_run(number, action, attempt).await {
                    tracing::warn!(change = %self.change.id, "a failed hook could not be deleted: {}", failure.code);
                }
                Err(stop)
            }
            outcome => outcome,
        }
    }

    /// What is there under the hook's name, if it is ours.
    async fn live_hook(
        &self,
        number: u32,
        action: &PlannedAction,
        client: &ClusterClient,
        reference: &ObjectReference,
    ) -> Result<Option<Metadata>, Stop> {
        let live = client.metadata(reference).await.map_err(|error| failed(number, error.into()))?;
        match ownership(live.as_ref(), &self.marks()) {
            Ownership::Absent | Ownership::Ours => Ok(live),
            Ownership::OtherCluster { .. } | Ownership::NotOurs { .. } => Err(about(
                number,
                "NOT_OURS",
                format!("{} exists and was not applied by Strata for this cluster", action.key),
                "delete it or rename it, if nothing needs it; then retry the change",
                &action.key,
            )),
        }
    }

    /// Deletes what this attempt has run, if it is still there.
    async fn delete_run(&self, number: u32, action: &PlannedAction, attempt: &str) -> Result<(), Stop> {
        let client = self.client_when_there(number, action.destination).await?;
        let reference = ObjectReference::new(action.key.clone(), action.api_version.clone());
        match self.live_hook(number, action, client, &reference).await? {
            Some(live) if is_of(&live, attempt) => delete(number, client, &reference, &live).await,
            _ => Ok(()),
        }
    }
}

fn is_of(live: &Metadata, attempt: &str) -> bool {
    live.annotations.get(marks::RUN).is_some_and(|run| run == attempt)
}

async fn delete(
    number: u32,
    client: &ClusterClient,
    reference: &ObjectReference,
    live: &Metadata,
) -> Result<(), Stop> {
    let preconditions = Preconditions { uid: Some(live.uid.clone()), resource_version: None };
    client.delete(reference, &preconditions).await.map_err(|error| failed(number, error.into()))?;
    Ok(())
}

/// How a hook is created, also when it is only asked what that would do.
pub(crate) fn options(hook: &RenderedHook, marks: Marks) -> ApplyOptions {
    ApplyOptions { on_conflict: hook.object.on_conflict, check: Some(marks), ..ApplyOptions::default() }
}

/// The hook's object with the attempt that runs it.
pub(crate) fn marked(body: &Value, attempt: &str) -> Value {
    let mut body = body.clone();
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        if !annotations.is_object() {
            *annotations = Value::Object(serde_json::Map::new());
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(marks::RUN.to_owned(), attempt.into());
        }
    }
    body
}

fn hook_done(step: u32, action: &PlannedAction) -> ChangeEvent {
    ChangeEvent::ObjectDone {
        step,
        destination: action.destination,
        key: action.key.clone(),
        action: action.action,
    }
}
