//! Hooks: what runs before and after the objects of a layer.
//!
//! *Idea.* A layer that is new on the cluster runs its install hooks, one that was there its upgrade hooks; but only when
//! something of the layer happens, or a hook itself is another one than the applied composition had. So planning again
//! right after an apply runs nothing.
//!
//! *Guarantees.* What a run deletes that an earlier change left is a finding that somebody acknowledges. What it deletes
//! of its own is told in the action's note.
//!
//! *Caveats.* Whether the earlier run's object is still there, a plan cannot know: it goes by the policy that it ran with.

use strata_model::{
    finding::{Finding, FindingCode, Severity},
    plan::{Action, PlannedAction},
    profile::LayerName,
    render::{HookDeletePolicy, HookEvent, LayerValues, RenderedHook},
};

use crate::{
    compose::ResolvedLayer,
    diff::first_layer,
    digest,
    finding::finding,
    plan::{PlanInput, about_object},
};

/// Whether hooks run before or after the objects of their priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Before,
    After,
}

/// One run of a hook.
#[derive(Debug)]
pub(crate) struct HookRun<'a> {
    pub(crate) hook: &'a RenderedHook,
    pub(crate) moment: Moment,
    pub(crate) action: PlannedAction,
}

/// Which hooks run, given what happens to objects: in render order, those before the objects first.
pub(crate) fn runs<'a>(input: &PlanInput<'a>, actions: &[PlannedAction]) -> Vec<HookRun<'a>> {
    let mut runs = Vec::new();
    for moment in [Moment::Before, Moment::After] {
        for hook in &input.render.hooks {
            let layer = first_layer(&hook.object);
            let was_there = input
                .applied
                .is_some_and(|applied| applied.layers.iter().any(|there| there.layer.name == layer));
            let event = match (moment, was_there) {
                (Moment::Before, false) => HookEvent::PreInstall,
                (Moment::Before, true) => HookEvent::PreUpgrade,
                (Moment::After, false) => HookEvent::PostInstall,
                (Moment::After, true) => HookEvent::PostUpgrade,
            };
            let moves = actions.iter().any(|action| action.layer == layer) || is_another(input, hook);
            if hook.events.contains(&event) && moves {
                runs.push(HookRun { hook, moment, action: action(input, hook) });
            }
        }
    }
    runs
}

/// Deletions of what earlier runs left.
pub(crate) fn findings(input: &PlanInput<'_>, runs: &[HookRun<'_>]) -> Vec<Finding> {
    let leaves = |run: &&HookRun<'_>| match former(input, run.hook) {
        Former::Is(former) => !former.delete.contains(&HookDeletePolicy::HookSucceeded),
        Former::Unknown => true,
        Former::None => false,
    };
    let deletes =
        |run: &&HookRun<'_>| run.hook.delete.contains(&HookDeletePolicy::BeforeHookCreation) && leaves(run);
    runs.iter()
        .filter(deletes)
        .map(|run| {
            let key = &run.hook.object.key;
            let told = finding(
                FindingCode::HookDeletes,
                Severity::Acknowledge,
                format!("{key}, left by an earlier run of the hook, is deleted before it runs anew"),
                "acknowledge it, or give the hook the delete policy hook-succeeded, so that no run leaves anything",
            );
            about_object(told, &first_layer(&run.hook.object), key)
        })
        .collect()
}

/// The hook of a name as the applied composition renders it.
enum Former<'a> {
    None,
    Is(&'a RenderedHook),
    /// It does not render any more.
    Unknown,
}

fn former<'a>(input: &PlanInput<'a>, hook: &RenderedHook) -> Former<'a> {
    let Some(applied) = input.applied else { return Former::None };
    let Some(hooks) = applied.hooks else { return Former::Unknown };
    let same = |former: &&RenderedHook| {
        former.object.destination == hook.object.destination && former.object.key == hook.object.key
    };
    hooks.iter().find(same).map_or(Former::None, Former::Is)
}

fn is_another(input: &PlanInput<'_>, hook: &RenderedHook) -> bool {
    match former(input, hook) {
        Former::Is(former) => former.object.body != hook.object.body,
        Former::None => true,
        Former::Unknown => !stays(input, &first_layer(&hook.object)),
    }
}

/// Whether a layer has the same content and values as it has now.
fn stays(input: &PlanInput<'_>, layer: &LayerName) -> bool {
    let Some(applied) = input.applied else { return false };
    let content = |layers: &[ResolvedLayer<'_>]| {
        layers.iter().find(|it| it.layer.name == *layer).map(|it| it.layer.clone())
    };
    let value =
        |values: &[LayerValues]| values.iter().find(|it| it.layer == *layer).map(|it| it.value.clone());
    content(applied.layers).is_some_and(|before| content(input.layers) == Some(before))
        && value(applied.values) == value(&input.render.layers)
}

fn action(input: &PlanInput<'_>, hook: &RenderedHook) -> PlannedAction {
    let object = &hook.object;
    let mut note = "run and waited for".to_owned();
    let policies = [
        (HookDeletePolicy::BeforeHookCreation, "what an earlier run left is deleted first"),
        (HookDeletePolicy::HookSucceeded, "deleted when it has succeeded"),
        (HookDeletePolicy::HookFailed, "deleted when it has failed"),
    ];
    for (_, words) in policies.iter().filter(|(policy, _)| hook.delete.contains(policy)) {
        note.push_str("; ");
        note.push_str(words);
    }
    PlannedAction {
        action: Action::RunHook,
        destination: object.destination,
        key: object.key.clone(),
        api_version: object.api_version.clone(),
        layer: first_layer(object),
        revision: object.revision.clone(),
        body: digest::object(input.key, &object.body),
        changes: Vec::new(),
        note: Some(note),
    }
}
