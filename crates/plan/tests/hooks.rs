//! Hooks in plans: when they run, in which order, and what somebody must agree to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that stops says why")]

mod common;

use common::{Library, World, composed, key, layer, manifest, object};
use serde_json::json;
use strata_model::{
    change::RequirementKind,
    composition::Composition,
    diagnostic::Diagnostic,
    finding::FindingCode,
    plan::{Action, Plan, StepKind},
    profile::LayerKind,
    render::{HookDeletePolicy as Policy, HookEvent as Event, Render, RenderedHook},
};
use strata_plan::{Composed, ResolvedLayer, check, requirements};

fn hook(name: &str, image: &str, events: &[Event], weight: i64, delete: &[Policy]) -> RenderedHook {
    let spec = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}});
    RenderedHook {
        object: object(manifest("batch/v1", "Job", name, &spec)),
        events: events.to_vec(),
        weight,
        delete: delete.to_vec(),
    }
}

fn render(replicas: u32, hooks: Vec<RenderedHook>) -> Render {
    let deployment = manifest("apps/v1", "Deployment", "web", &json!({"spec": {"replicas": replicas}}));
    let namespace = manifest("v1", "Namespace", "shop", &json!({}));
    Render { objects: vec![object(namespace), object(deployment)], hooks, ..Render::default() }
}

/// A world whose applied composition has the layer `app`, or is about to.
struct Bench {
    world: World,
    library: Library,
    layer: strata_model::profile::Layer,
}

impl Bench {
    fn new() -> Self {
        let mut library = Library::default();
        let pack = library.pack("app", "1.0.0", LayerKind::Addon, "");
        let layer = layer("app", LayerKind::Addon, pack, "");
        Self { world: World::new(), library, layer }
    }

    fn plan(&self, wanted: &Composed, render: &Render) -> Plan {
        let pack = self.library.packs.values().next().unwrap();
        let revision = common::revision("web@1.0.0");
        let resolved = [ResolvedLayer { layer: &self.layer, pack, revision, held: false }];
        let before = if self.world.applied.is_some() { &resolved[..] } else { &[] };
        let plan = self.world.plan_with(wanted, render, None, before, &resolved);
        assert_eq!(check(&plan, render, &key()), [], "{plan:#?}");
        plan
    }
}

fn wanted(generation: u32) -> Composed {
    composed(Composition { generation, ..Composition::default() })
}

fn run(plan: &Plan) -> Vec<&str> {
    let hooks = plan.actions.iter().filter(|action| action.action == Action::RunHook);
    hooks.map(|action| action.key.name.as_str()).collect()
}

#[test]
fn install_hooks_run_around_the_objects_and_stand_on_namespaces() {
    let bench = Bench::new();
    let hooks = vec![
        hook("migrate", "a", &[Event::PreInstall, Event::PreUpgrade], 0, &[Policy::BeforeHookCreation]),
        hook("greet", "a", &[Event::PostInstall], 0, &[]),
        hook("only-upgrades", "a", &[Event::PreUpgrade, Event::PostUpgrade], 0, &[]),
    ];
    let plan = bench.plan(&wanted(0), &render(1, hooks));
    let kinds: Vec<StepKind> = plan.steps.iter().map(|step| step.kind.clone()).collect();
    let priority = 0;
    assert_eq!(
        kinds,
        [
            StepKind::Foundations { priority },
            StepKind::HooksBefore { priority },
            StepKind::AddOns { priority },
            StepKind::HooksAfter { priority },
        ]
    );
    assert_eq!(run(&plan), ["migrate", "greet"]);
    assert!(requirements(&plan).is_empty(), "nothing that was there is deleted");
}

#[test]
fn upgrade_hooks_run_only_when_something_of_their_layer_happens() {
    let mut bench = Bench::new();
    let hooks = |image: &str| {
        vec![
            hook("migrate", image, &[Event::PreInstall, Event::PreUpgrade], 0, &[Policy::HookSucceeded]),
            hook("install-only", "a", &[Event::PreInstall], 1, &[]),
        ]
    };
    let first = render(1, hooks("a"));
    let plan = bench.plan(&wanted(0), &first);
    assert_eq!(run(&plan), ["migrate", "install-only"]);
    bench.world.apply(&wanted(0), &first, &plan);
    assert!(bench.plan(&wanted(0), &first).is_empty(), "planning again runs nothing");

    let plan = bench.plan(&wanted(1), &render(2, hooks("a")));
    assert_eq!(run(&plan), ["migrate"], "an object changes");
    let plan = bench.plan(&wanted(1), &render(1, hooks("b")));
    assert_eq!(run(&plan), ["migrate"], "the hook itself is another one");
    assert_eq!(plan.actions.len(), 1);
}

#[test]
fn deleting_what_an_earlier_run_left_must_be_agreed_to() {
    for (former, asked) in [(vec![Policy::BeforeHookCreation], true), (vec![Policy::HookSucceeded], false)] {
        let mut bench = Bench::new();
        let events = [Event::PostInstall, Event::PostUpgrade];
        let first = render(1, vec![hook("migrate", "a", &events, 0, &former)]);
        let plan = bench.plan(&wanted(0), &first);
        bench.world.apply(&wanted(0), &first, &plan);
        let second = render(2, vec![hook("migrate", "a", &events, 0, &[Policy::BeforeHookCreation])]);
        let plan = bench.plan(&wanted(1), &second);
        assert_eq!(run(&plan), ["migrate"]);
        let kinds: Vec<_> = requirements(&plan).into_iter().map(|r| (r.kind, r.findings)).collect();
        let expected = vec![(RequirementKind::Guard, vec![FindingCode::HookDeletes])];
        assert_eq!(kinds, if asked { expected } else { vec![] });
    }
}

/// Where nobody can say what hooks there were, those of a layer that stays as it is do not run, and those of one that changes do,
/// with the deletion of what a run may have left.
#[test]
fn of_what_does_not_render_now_only_hooks_of_changed_layers_run() {
    let mut bench = Bench::new();
    let events = [Event::PostInstall, Event::PostUpgrade];
    let hooks = || vec![hook("migrate", "a", &events, 0, &[Policy::BeforeHookCreation])];
    let first = render(1, hooks());
    let plan = bench.plan(&wanted(0), &first);
    bench.world.apply(&wanted(0), &first, &plan);
    bench.world.unrendered = vec![Diagnostic::new("TEMPLATE_FAILED", "not with this Kubernetes")];
    let plan = bench.plan(&wanted(0), &first);
    assert!(plan.is_empty(), "{plan:#?}");
    let told = plan.findings.iter().find(|it| it.code == FindingCode::CurrentNotRendered).unwrap();
    assert!(told.message.contains("not with this Kubernetes"), "{told:?}");
    let plan = bench.plan(&wanted(1), &render(2, hooks()));
    assert_eq!(run(&plan), ["migrate"]);
    assert_eq!(requirements(&plan)[0].findings, [FindingCode::HookDeletes]);
}

#[test]
fn what_a_hook_does_moves_the_digest() {
    let bench = Bench::new();
    let events = [Event::PreInstall];
    let of = |hook| bench.plan(&wanted(0), &render(1, vec![hook])).digest;
    let plain = of(hook("migrate", "a", &events, 0, &[]));
    assert_ne!(plain, of(hook("migrate", "b", &events, 0, &[])));
    assert_ne!(plain, of(hook("migrate", "a", &events, 5, &[])));
    assert_ne!(plain, of(hook("migrate", "a", &events, 0, &[Policy::HookFailed])));
}
