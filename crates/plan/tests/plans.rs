//! Plans: what they say, what moves their digest, and that applying one leaves nothing to do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that stops says why")]

mod common;

use std::collections::BTreeMap;

use common::{World, change_id, composed, key, layer, machinery, manifest, object, values};
use proptest::prelude::*;
use serde_json::{Value, json};
use strata_model::{
    change::RequirementKind,
    cluster::Infrastructure,
    composition::{Composition, HeldLayer},
    diagnostic::Diagnostic,
    fact::FactKey,
    finding::{Finding, FindingCode, Severity},
    inventory::InventoryEntry,
    overrides::{ConflictResolution, LayerOverride, OverrideSource, Patch, PatchOperation, ResolutionChoice},
    pack::{ConstraintKind, PackConstraint},
    plan::{Action, Plan, RepaveScope, StepKind},
    profile::{ImmutablePolicy, LayerKind, OrphanPolicy},
    render::{DuplicateObject, Render, RenderedObject},
    secret::SecretText,
};
use strata_plan::{
    Applied, Composed, PlanInput, ResolvedLayer, check, digest, plan_of_failed_render, report, requirements,
    requirements::blockers, restarts,
};

fn codes(plan: &Plan) -> Vec<(FindingCode, Severity)> {
    plan.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn has(plan: &Plan, code: FindingCode, severity: Severity) -> bool {
    codes(plan).contains(&(code, severity))
}

fn deployment(name: &str, replicas: u32) -> Value {
    let selector = json!({"matchLabels": {"app": name}});
    manifest("apps/v1", "Deployment", name, &json!({"spec": {"replicas": replicas, "selector": selector}}))
}

fn control_plane(version: &str, template: &str) -> RenderedObject {
    machinery(manifest(
        "controlplane.cluster.x-k8s.io/v1beta1",
        "KubeadmControlPlane",
        "eu-1-control-plane",
        &json!({"spec": {"version": version, "replicas": 3,
            "machineTemplate": {"infrastructureRef": {"kind": "DockerMachineTemplate", "name": template}}}}),
    ))
}

fn pool(name: &str, version: &str, template: &str) -> RenderedObject {
    let mut body = manifest(
        "cluster.x-k8s.io/v1beta1",
        "MachineDeployment",
        &format!("eu-1-{name}"),
        &json!({"spec": {"clusterName": "eu-1", "replicas": 2, "template": {"spec": {"version": version,
            "infrastructureRef": {"kind": "DockerMachineTemplate", "name": template}}}}}),
    );
    body["metadata"]["labels"] = json!({"strata.dev/pool": name});
    machinery(body)
}

fn template(name: &str) -> RenderedObject {
    machinery(manifest(
        "infrastructure.cluster.x-k8s.io/v1beta1",
        "DockerMachineTemplate",
        name,
        &json!({"spec": {"template": {"spec": {"customImage": name}}}}),
    ))
}

/// One version of Hello Universe: with the API it is three services, without it is one.
fn app(api: bool) -> Vec<RenderedObject> {
    let secret =
        |data: &str| object(manifest("v1", "Secret", "postgres", &json!({"stringData": {"password": data}})));
    if api {
        let role =
            manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "hello-universe", &json!({"rules": []}));
        vec![
            object(manifest("v1", "Service", "ui", &json!({"spec": {"type": "LoadBalancer"}}))),
            object(deployment("ui", 1)),
            object(deployment("api", 1)),
            object(deployment("postgres", 1)),
            secret("pa55word"),
            object(role),
            object(manifest("v1", "Namespace", "shop", &json!({}))),
        ]
    } else {
        vec![
            object(manifest(
                "v1",
                "Service",
                "hello-universe-service",
                &json!({"spec": {"type": "LoadBalancer"}}),
            )),
            object(deployment("hello-universe-deployment", 1)),
            object(manifest("v1", "Namespace", "shop", &json!({}))),
        ]
    }
}

fn of_release(mut objects: Vec<RenderedObject>, version: &str) -> Vec<RenderedObject> {
    for object in &mut objects {
        object.revision = common::revision(&format!("hello@{version}"));
    }
    objects
}

/// The story: 1.0.0 runs with the API off; 1.1.0 turns it on and goes one Kubernetes minor up.
fn story() -> (World, Composed, Render, Composed, Render) {
    let mut world = World::new();
    world.secrets.push(SecretText::new("pa55word"));
    let mut infrastructure = vec![
        machinery(manifest("cluster.x-k8s.io/v1beta1", "Cluster", "eu-1", &json!({"spec": {}}))),
        template("small"),
        control_plane("v1.32.4", "small"),
        pool("blue", "v1.32.4", "small"),
    ];
    let mut cni =
        object(manifest("apps/v1", "DaemonSet", "calico-node", &json!({"spec": {"selector": {"a": "b"}}})));
    cni.layers = vec!["network".parse().unwrap()];
    cni.layer_kind = LayerKind::Cni;
    let kubernetes = |version: &str, of: &str| {
        values(
            "kubernetes",
            LayerKind::Kubernetes,
            &format!("kubernetes {version}"),
            of,
            &format!("version: {version}\n"),
        )
    };
    let hello = |api: bool, of: &str| {
        let text = format!("# Serve the API too.\napiEnabled: {api}\nreplicas: 2 # of the cluster\n");
        values("app", LayerKind::Addon, "hello-universe 1.3.1", of, &text)
    };
    let before = Render {
        objects: of_release([infrastructure.clone(), vec![cni.clone()], app(false)].concat(), "1.0.0"),
        layers: vec![kubernetes("1.32.4", "hello@1.0.0"), hello(false, "hello@1.0.0")],
        kubernetes_version: Some("1.32.4".parse().unwrap()),
        ..Render::default()
    };
    infrastructure[2] = control_plane("v1.33.2", "large");
    infrastructure[3] = pool("blue", "v1.33.2", "small");
    infrastructure.push(template("large"));
    let after = Render {
        objects: of_release([infrastructure, vec![cni], app(true)].concat(), "1.1.0"),
        layers: vec![kubernetes("1.33.2", "hello@1.1.0"), hello(true, "hello@1.1.0")],
        kubernetes_version: Some("1.33.2".parse().unwrap()),
        ..Render::default()
    };
    let overridden = LayerOverride {
        layer: "app".parse().unwrap(),
        patch: Patch(vec![PatchOperation::Set { path: "replicas".parse().unwrap(), value: json!(2) }]),
        author: "ada".to_owned(),
        at: common::at(0),
    };
    let composition = Composition {
        overrides: vec![OverrideSource::Cluster { layers: vec![overridden] }],
        ..Composition::default()
    };
    let first = composed(composition.clone());
    let second = composed(Composition { generation: 1, ..composition });
    let plan = world.plan(&first, &before);
    world.apply(&first, &before, &plan);
    (world, first, before, second, after)
}

#[test]
fn the_story_reads_like_a_document() {
    let (world, _, _, wanted, render) = story();
    let plan = world.plan(&wanted, &render);
    assert_eq!(check(&plan, &render, &key()), []);
    insta::assert_snapshot!("upgrade", report(&plan));
    assert_eq!(plan.digest.short(), "f092f6d67bf7", "the same inputs and the same key on any machine");
    assert_eq!(plan.repave.scope, RepaveScope::Full);
    let kinds: Vec<RequirementKind> = requirements(&plan).into_iter().map(|r| r.kind).collect();
    assert_eq!(kinds, [RequirementKind::Repave]);
}

#[test]
fn planning_again_right_after_an_apply_gives_an_empty_plan() {
    let (mut world, _, _, wanted, render) = story();
    let plan = world.plan(&wanted, &render);
    world.apply(&wanted, &render, &plan);
    let again = world.plan(&wanted, &render);
    assert!(again.is_empty(), "{:?}", again.actions);
    assert_eq!(again.repave.scope, RepaveScope::None);
    assert!(requirements(&again).is_empty());
    assert_eq!(report(&again).lines().nth(1), Some("Nothing changes: 13 objects are as they should be."));
}

/// Pods are replaced where their template changes, and nowhere else.
#[test]
fn workloads_whose_pods_are_replaced_are_told() {
    let mut world = World::new();
    let workload = |kind: &str, name: &str, replicas: u32, image: &str| {
        let spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]},
        }});
        object(manifest("apps/v1", kind, name, &json!({ "spec": spec })))
    };
    let render = |objects: Vec<RenderedObject>| Render { objects, ..Render::default() };
    let before = render(vec![
        workload("Deployment", "scaled", 1, "a:1"),
        workload("DaemonSet", "rolled", 1, "a:1"),
        workload("StatefulSet", "same", 1, "a:1"),
    ]);
    let after = render(vec![
        workload("Deployment", "scaled", 2, "a:1"),
        workload("DaemonSet", "rolled", 1, "a:2"),
        workload("StatefulSet", "same", 1, "a:1"),
        workload("Deployment", "new", 1, "a:1"),
    ]);
    let composed = composed(Composition::default());
    let plan = world.plan(&composed, &before);
    assert_eq!(restarts(&plan), [], "what is new replaces nothing");
    world.apply(&composed, &before, &plan);
    let told = restarts(&world.plan(&composed, &after));
    let told: Vec<(String, Vec<String>)> =
        told.into_iter().map(|restart| (restart.object.name, restart.paths)).collect();
    let image = "spec.template.spec.containers[name=main].image".to_owned();
    assert_eq!(told, [("rolled".to_owned(), vec![image])]);
}

/// A change was about to send `render`, and nobody knows what arrived.
fn in_doubt(world: &mut World, render: &Render) {
    let inventory = std::mem::take(&mut world.inventory);
    world.inventory = inventory
        .into_iter()
        .map(|former| {
            let Some(object) = render.object(former.destination, &former.key) else { return former };
            let digest = key().bytes("intent", b"sent or not");
            InventoryEntry { digest, body: object.body.clone(), ..former.clone() }
                .in_doubt_after(Some(&former))
        })
        .collect();
}

#[test]
fn what_may_not_have_arrived_is_approved_again() {
    let (mut world, first, before, wanted, render) = story();
    let clear = world.plan(&wanted, &render);
    in_doubt(&mut world, &render);
    let forward = world.plan(&wanted, &render);
    assert_eq!(forward.repave, clear.repave);
    assert_eq!(requirements(&forward).first().map(|r| r.kind), Some(RequirementKind::Repave));
    // It may have arrived as well: the way back replaces nodes then.
    let back = world.plan(&first, &before);
    assert_eq!(requirements(&back).first().map(|r| r.kind), Some(RequirementKind::Repave));
    let of = |plan: &Plan, kind: &str| {
        plan.actions.iter().find(|action| action.key.kind == kind).map(|action| action.action)
    };
    assert_eq!(of(&back, "KubeadmControlPlane"), Some(Action::Change), "it is sent again");
    // Once a sending is confirmed there is no doubt left.
    world.apply(&wanted, &render, &forward);
    assert!(world.plan(&wanted, &render).is_empty());
}

#[test]
fn steps_come_in_the_order_of_the_design() {
    let (world, _, _, wanted, mut render) = story();
    for object in render.objects.iter_mut().filter(|object| object.key.name == "ui") {
        object.install_priority = -5;
    }
    let world = World { inventory: Vec::new(), ..world };
    let plan = world.plan(&wanted, &render);
    assert_eq!(check(&plan, &render, &key()), []);
    let steps: Vec<StepKind> = plan.steps.iter().map(|step| step.kind.clone()).collect();
    let expected = [
        StepKind::ControlPlane,
        StepKind::WorkerPool { pool: "blue".to_owned() },
        StepKind::AddOns { priority: i32::MIN },
        StepKind::AddOns { priority: -5 },
        StepKind::AddOns { priority: 0 },
    ];
    assert_eq!(steps, expected);
    let names: Vec<String> =
        plan.steps[4].actions.iter().map(|index| plan.actions[*index as usize].key.kind.clone()).collect();
    assert_eq!(names, ["Namespace", "Secret", "ClusterRole", "Deployment", "Deployment"]);
    // The nodes of a new cluster wait for its network; those of one that runs have it.
    let settled: Vec<Option<u32>> = plan.steps.iter().map(|step| step.settled_with).collect();
    assert_eq!(settled, [None; 5], "it runs something");
    let new = World { applied: None, ..world };
    let plan = new.plan(&wanted, &render);
    assert_eq!(check(&plan, &render, &key()), []);
    let settled: Vec<Option<u32>> = plan.steps.iter().map(|step| step.settled_with).collect();
    assert_eq!(settled, [Some(2), Some(2), None, None, None]);
}

#[test]
fn no_secret_is_left_in_a_plan() {
    let (world, _, _, wanted, render) = story();
    let mut changed = render.clone();
    let plan = world.plan(&wanted, &render);
    let mut world = world;
    world.apply(&wanted, &render, &plan);
    world.secrets.clear();
    for object in changed.objects.iter_mut().filter(|object| object.key.kind == "Secret") {
        object.body["stringData"]["password"] = json!("n3wpassword");
        object.body["metadata"]["annotations"] = json!({"copy": "n3wpassword"});
    }
    let plan = world.plan(&wanted, &changed);
    let text = serde_json::to_string(&plan).unwrap() + &report(&plan);
    for secret in ["pa55word", "n3wpassword"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("‹secret:"));
}

#[test]
fn what_kubernetes_refuses_in_place_blocks_or_is_replaced() {
    let job = |image: &str| {
        object(manifest("batch/v1", "Job", "migrate", &json!({"spec": {"template": {"image": image}}})))
    };
    let wanted = composed(Composition::default());
    let mut world = World::new();
    let before = Render { objects: vec![job("a")], ..Render::default() };
    let plan = world.plan(&wanted, &before);
    world.apply(&wanted, &before, &plan);
    let mut after = Render { objects: vec![job("b")], ..Render::default() };
    let plan = world.plan(&wanted, &after);
    assert!(has(&plan, FindingCode::ImmutableField, Severity::Block));
    after.objects[0].on_immutable = ImmutablePolicy::Replace;
    let plan = world.plan(&wanted, &after);
    assert_eq!((plan.actions[0].action, plan.findings.len()), (Action::Replace, 0));
    assert_eq!(requirements(&plan)[0].scope, "deletes and creates anew Job.batch shop/migrate");
}

/// An amount that is written otherwise, or a default that is written out, is no change to what cannot change.
#[test]
fn what_says_the_same_is_no_change_to_what_cannot_change() {
    let set = |storage: &Value, policy: Option<&str>| {
        let claim =
            json!({"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": storage}}}});
        let mut spec = json!({"serviceName": "db", "volumeClaimTemplates": [claim]});
        if let Some(policy) = policy {
            spec["podManagementPolicy"] = policy.into();
        }
        Render {
            objects: vec![object(manifest("apps/v1", "StatefulSet", "db", &json!({"spec": spec})))],
            ..Render::default()
        }
    };
    let wanted = composed(Composition::default());
    let mut world = World::new();
    let before = set(&json!("1Gi"), None);
    let plan = world.plan(&wanted, &before);
    world.apply(&wanted, &before, &plan);
    for (after, refused) in [
        (set(&json!("1024Mi"), None), false),
        (set(&json!(1_073_741_824), None), false),
        (set(&json!("1Gi"), Some("OrderedReady")), false),
        (set(&json!("1Gi"), Some("Parallel")), true),
        (set(&json!("2Gi"), None), true),
    ] {
        let plan = world.plan(&wanted, &after);
        assert_eq!(plan.actions[0].action, Action::Change, "{plan:#?}");
        assert_eq!(has(&plan, FindingCode::ImmutableField, Severity::Block), refused, "{plan:#?}");
    }
}

#[test]
fn what_the_plan_is_made_for_does_not_stand_in_its_way() {
    let (mut world, _, _, wanted, render) = story();
    world.cluster.change = Some(change_id(5));
    let other = world.plan(&wanted, &render);
    assert!(has(&other, FindingCode::ChangeUnderWay, Severity::Block));
    let own = world.plan_with(&wanted, &render, Some(change_id(5)), &[], &[]);
    world.cluster.change = None;
    assert_eq!(own.digest, world.plan(&wanted, &render).digest);
}

#[test]
fn versions_of_kubernetes() {
    let (world, _, _, wanted, render) = story();
    for (version, code, severity) in [
        ("1.31.0", Some(FindingCode::KubernetesDowngrade), Severity::Block),
        ("1.32.3", Some(FindingCode::KubernetesDowngrade), Severity::Block),
        ("1.34.0", Some(FindingCode::KubernetesMinorSkipped), Severity::Block),
        ("1.33.0", Some(FindingCode::NotReversible), Severity::Info),
        ("1.32.9", Some(FindingCode::NotReversible), Severity::Info),
        ("1.32.4", None, Severity::Info),
    ] {
        let render = Render { kubernetes_version: Some(version.parse().unwrap()), ..render.clone() };
        let plan = world.plan(&wanted, &render);
        let found = codes(&plan)
            .into_iter()
            .find(|(code, _)| code.as_str().contains("KUBERNETES") || *code == FindingCode::NotReversible);
        assert_eq!(found, code.map(|code| (code, severity)), "{version}");
        assert_eq!(plan.reversible, !has(&plan, FindingCode::NotReversible, Severity::Info));
    }
    let mut render = render;
    render.objects.push(pool("old", "v1.29.0", "small"));
    assert!(has(&world.plan(&wanted, &render), FindingCode::WorkerSkew, Severity::Block));
}

#[test]
fn removed_apis_duplicates_and_definitions() {
    let wanted = composed(Composition::default());
    let definition = |versions: &Value| {
        object(manifest(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "things.example.org",
            &json!({"spec": {"group": "example.org", "names": {"kind": "Thing", "plural": "things"}, "versions": versions}}),
        ))
    };
    let mut world = World::new();
    let before = Render {
        objects: vec![definition(
            &json!([{"name": "v1", "served": true, "storage": true}, {"name": "v1alpha1", "served": true}]),
        )],
        ..Render::default()
    };
    let plan = world.plan(&wanted, &before);
    world.apply(&wanted, &before, &plan);
    let budget = object(manifest("policy/v1beta1", "PodDisruptionBudget", "web", &json!({})));
    let after = Render {
        objects: vec![
            definition(&json!([{"name": "v1", "served": true, "storage": true}])),
            budget.clone(),
            budget.clone(),
        ],
        duplicates: vec![DuplicateObject {
            key: budget.key.clone(),
            layers: vec!["app".parse().unwrap(), "b".parse().unwrap()],
        }],
        kubernetes_version: Some("1.33.0".parse().unwrap()),
        ..Render::default()
    };
    let plan = world.plan(&wanted, &after);
    assert_eq!(check(&plan, &after, &key()), []);
    assert!(has(&plan, FindingCode::RemovedApi, Severity::Acknowledge));
    assert!(has(&plan, FindingCode::CrdBreaking, Severity::Acknowledge));
    assert!(has(&plan, FindingCode::DuplicateObject, Severity::Block));
    assert!(requirements(&plan).iter().all(|r| r.kind == RequirementKind::BreakingApi));
}

#[test]
fn packs_are_guarded() {
    let mut library = common::Library::default();
    let calico = library.pack("cni-calico", "3.29.0", LayerKind::Cni, "");
    let cilium = library.pack("cni-cilium", "1.17.0", LayerKind::Cni, "");
    let plain = library.pack("app", "1.0.0", LayerKind::Addon, "");
    let mut app = library.packs[&plain.digest].clone();
    let constraint = |pack: &str, min: Option<&str>, max: Option<&str>, kind| PackConstraint {
        pack_name: pack.to_owned(),
        layer: None,
        min_version: min.map(str::to_owned),
        max_version: max.map(str::to_owned),
        kind,
    };
    app.constraints = vec![
        constraint("cni-cilium", Some("1.18.0"), None, ConstraintKind::Optional),
        constraint("cni-calico", None, None, ConstraintKind::Required),
        constraint("app", None, Some("1.5.0"), ConstraintKind::Upgrade),
    ];
    let mut newer = app.clone();
    newer.version = "2.0.0".to_owned();
    newer.constraints.clear();
    let (app, newer) = (library.put(app), library.put(newer));
    let (old_cni, new_cni) =
        (layer("network", LayerKind::Cni, calico, ""), layer("network", LayerKind::Cni, cilium, ""));
    let (old_app, new_app) =
        (layer("app", LayerKind::Addon, app, ""), layer("app", LayerKind::Addon, newer, ""));
    let before = [resolve(&library, &old_cni), resolve(&library, &old_app)];
    let after = [resolve(&library, &new_cni), resolve(&library, &new_app)];
    let mixed = [resolve(&library, &new_cni), resolve(&library, &old_app)];
    let (mut world, _, _, wanted, render) = story();
    let plan_of = |world: &World, layers: &[ResolvedLayer<'_>]| {
        world.plan_with(&wanted, &render, None, &before, layers)
    };
    let plan = plan_of(&world, &after);
    assert!(has(&plan, FindingCode::InfrastructurePackSwap, Severity::Acknowledge));
    let told: Vec<&str> = plan
        .findings
        .iter()
        .filter(|finding| finding.code == FindingCode::PackConstraint)
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(told, ["pack app 1.0.0 may move only to versions up to 1.5.0, not to 2.0.0"]);
    let plan = plan_of(&world, &mixed);
    let told = plan.findings.iter().filter(|finding| finding.code == FindingCode::PackConstraint).count();
    assert_eq!(told, 2);
    world.cluster.infrastructure = Infrastructure::Edge;
    let plan = plan_of(&world, &after);
    assert!(has(&plan, FindingCode::EdgeCniChange, Severity::Block));
    assert!(has(&plan, FindingCode::NoExecutor, Severity::Info));
}

fn resolve<'a>(library: &'a common::Library, layer: &'a strata_model::profile::Layer) -> ResolvedLayer<'a> {
    ResolvedLayer {
        layer,
        pack: &library.packs[&layer.pack.digest],
        revision: common::revision("web@1.0.0"),
        held: false,
    }
}

#[test]
fn what_does_not_render_is_planned_as_blocked() {
    let (world, _, _, wanted, _) = story();
    let redactor = strata_values::Redactor::new(&key(), world.secrets.clone());
    let (composition, applied) = world.applied.as_ref().unwrap();
    let key = key();
    let input = PlanInput {
        cluster: &world.cluster,
        kind: strata_model::change::ChangeKind::Apply,
        change: None,
        key: &key,
        applied: Some(Applied {
            composition,
            values: &applied.layers,
            layers: &[],
            hooks: Some(&[]),
            kubernetes_version: None,
            problems: &[],
        }),
        composed: &wanted,
        layers: &[],
        render: applied,
        inventory: &world.inventory,
        orphans: &world.orphans,
        redactor: &redactor,
    };
    let problems = [
        Diagnostic::new("TEMPLATE_FAILED", "nil pointer near pa55word")
            .in_file("manifests/app.yaml")
            .at(3, 1),
        Diagnostic::new("VALUES_SCHEMA", "`replicas` must be a number"),
    ];
    let plan = plan_of_failed_render(&input, &problems);
    assert!(plan.is_empty() && requirements(&plan).is_empty());
    assert_eq!(blockers(&plan), [FindingCode::ValuesSchema, FindingCode::RenderFailed]);
    assert!(!report(&plan).contains("pa55word"));
    assert!(check(&plan, &Render::default(), &key).is_empty());
    assert_ne!(plan.digest, plan_of_failed_render(&input, &problems[..1]).digest);
}

/// What a rollback could not take back is told, whatever else the plan does.
#[test]
fn a_layer_that_is_held_is_told() {
    let (world, _, _, mut wanted, render) = story();
    wanted.composition.held = vec![HeldLayer {
        layer: "kubernetes".parse().unwrap(),
        revision: common::revision("infra@1.1.0"),
        reason: "Kubernetes cannot go back to an earlier version".to_owned(),
    }];
    let plan = world.plan(&wanted, &render);
    let told: Vec<&Finding> = plan.findings.iter().filter(|it| it.code == FindingCode::LayerHeld).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].message,
        "the layer `kubernetes` stays at infra@1.1.0: Kubernetes cannot go back to an earlier version"
    );
    assert!(!told[0].needs_decision());
}

/// One thing moves at a time: does the approval survive?
#[test]
fn what_moves_the_digest_and_what_does_not() {
    let (world, _, _, wanted, mut render) = story();
    render.facts_read = BTreeMap::from([(FactKey::Region, json!("eu"))]);
    let base = world.plan(&wanted, &render);
    type Move<'a> = (&'a str, bool, Box<dyn Fn(&mut World, &mut Composed, &mut Render)>);
    let moves: Vec<Move<'_>> = vec![
        ("an override", true, Box::new(|_, wanted, _| wanted.composition.overrides.clear())),
        (
            "the author of an override",
            false,
            Box::new(|_, wanted, _| {
                let OverrideSource::Cluster { layers } = &mut wanted.composition.overrides[0];
                layers[0].author = "grace".to_owned();
            }),
        ),
        (
            "a variable",
            true,
            Box::new(|_, wanted, _| {
                let value = strata_model::variable::VariableValue::Plain("x".to_owned());
                wanted.composition.variables.insert("region".to_owned(), value);
            }),
        ),
        (
            "a rendered body",
            true,
            Box::new(|_, _, render| render.objects[9].body["spec"]["replicas"] = json!(9)),
        ),
        (
            "an apply policy",
            true,
            Box::new(|_, _, render| render.objects[5].orphan_policy = OrphanPolicy::Delete),
        ),
        ("an install priority", true, Box::new(|_, _, render| render.objects[9].install_priority = 3)),
        (
            "a fact that was read",
            true,
            Box::new(|_, _, render| {
                render.facts_read.insert(FactKey::Region, json!("us"));
            }),
        ),
        (
            "what was sent",
            true,
            Box::new(|world, _, _| world.inventory.retain(|entry| entry.key.kind != "Namespace")),
        ),
        (
            "a decision about a conflict",
            true,
            Box::new(|_, wanted, _| {
                wanted.resolutions.push(ConflictResolution {
                    layer: "app".parse().unwrap(),
                    path: "a".parse().unwrap(),
                    choice: ResolutionChoice::TakeProfile,
                })
            }),
        ),
        (
            "a finding to acknowledge",
            true,
            Box::new(|_, wanted, _| {
                wanted.findings.push(Finding {
                    code: FindingCode::VariableDefaulted,
                    severity: Severity::Acknowledge,
                    message: "x".to_owned(),
                    help: String::new(),
                    layer: None,
                    object: None,
                    path: None,
                })
            }),
        ),
        (
            "an informational finding",
            false,
            Box::new(|_, wanted, _| {
                wanted.findings.push(Finding {
                    code: FindingCode::RedundantOverride,
                    severity: Severity::Info,
                    message: "x".to_owned(),
                    help: String::new(),
                    layer: None,
                    object: None,
                    path: None,
                })
            }),
        ),
        (
            "a note of the render",
            false,
            Box::new(|_, _, render| render.warnings.push(Diagnostic::new("NOTE", "x"))),
        ),
        ("a text shown", false, Box::new(|_, _, render| render.layers[1].text.push_str("# more\n"))),
        (
            "where a value comes from",
            false,
            Box::new(|_, _, render| {
                let origin = strata_model::render::Origin::Pack { pack: "x".to_owned() };
                render.layers[1].origins.insert("apiEnabled".to_owned(), origin);
            }),
        ),
        (
            "the cluster's health",
            false,
            Box::new(|world, _, _| {
                world.cluster.health.moved(strata_model::cluster::Health::Degraded, common::at(9), "x");
            }),
        ),
        (
            "the cluster's reach",
            false,
            Box::new(|world, _, _| {
                world.cluster.connectivity.moved(
                    strata_model::cluster::Connectivity::Offline,
                    common::at(9),
                    "x",
                );
            }),
        ),
        (
            "the patch version that the cluster reports",
            false,
            Box::new(|world, _, _| {
                world.cluster.kubernetes_version = Some("1.32.5".parse().unwrap());
            }),
        ),
        (
            "a label that nobody read",
            false,
            Box::new(|world, _, _| {
                world.cluster.labels.insert("team".to_owned(), "a".to_owned());
            }),
        ),
    ];
    for (what, expected, change) in moves {
        let (mut world, mut wanted, mut render) = (world.clone(), wanted.clone(), render.clone());
        change(&mut world, &mut wanted, &mut render);
        let plan = world.plan(&wanted, &render);
        assert_eq!(plan.digest != base.digest, expected, "{what}");
        assert_eq!(
            !digest::moved(&base, &plan).is_empty(),
            expected,
            "{what}: {:?}",
            digest::moved(&base, &plan)
        );
        assert_eq!(check(&plan, &render, &key()), [], "{what}");
    }
    // The scheme counts, and so does the installation's key.
    let other = Plan { scheme: 2, ..base.clone() };
    assert_ne!(digest::plan(&key(), &other), base.digest);
    assert_ne!(digest::plan(&strata_model::digest::DigestKey::new([8; 32]), &base), base.digest);
}

/// Any small set of objects of different kinds.
fn objects() -> impl Strategy<Value = Vec<RenderedObject>> {
    let kind = prop_oneof![
        Just(("v1", "ConfigMap")),
        Just(("apps/v1", "Deployment")),
        Just(("v1", "Service")),
        Just(("v1", "Namespace")),
        Just(("example.org/v1", "Thing")),
        Just(("cluster.x-k8s.io/v1beta1", "MachineDeployment")),
    ];
    let one = (kind, 0..6_u8, 0..3_u8, -2..3_i32).prop_map(|((api_version, kind), name, data, priority)| {
        let body = manifest(
            api_version,
            kind,
            &format!("o{name}"),
            &json!({"data": {"value": data}, "spec": {"paused": data}}),
        );
        let made = if kind == "MachineDeployment" { machinery(body) } else { object(body) };
        RenderedObject { install_priority: priority, ..made }
    });
    proptest::collection::vec(one, 0..12).prop_map(|mut objects| {
        let mut seen = std::collections::BTreeSet::new();
        objects.retain(|object| seen.insert((object.destination, object.key.clone())));
        objects
    })
}

/// The same value with the keys of all mappings the other way round.
fn turned(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().rev().map(|(key, value)| (key.clone(), turned(value))).collect(),
        Value::Array(items) => items.iter().map(turned).collect(),
        other => other.clone(),
    }
}

proptest! {
    /// From any state to any other, and on: every plan is sound, and applying it leaves nothing to do.
    #[test]
    fn applying_a_plan_leaves_nothing_to_do(renders in proptest::collection::vec(objects(), 1..5)) {
        let mut world = World::new();
        for (generation, objects) in (0_u32..).zip(renders) {
            let wanted = composed(Composition { generation, ..Composition::default() });
            let render = Render { objects, ..Render::default() };
            let plan = world.plan(&wanted, &render);
            prop_assert_eq!(check(&plan, &render, &key()), vec![]);
            let shuffled = Render { objects: render.objects.clone(), ..Render::default() };
            prop_assert_eq!(&world.plan(&wanted, &shuffled), &plan, "the same input, the same plan");
            world.apply(&wanted, &render, &plan);
            let again = world.plan(&wanted, &render);
            prop_assert!(again.is_empty(), "{:?}", again.actions);
            prop_assert_eq!(check(&again, &render, &key()), vec![]);
        }
    }

    /// In whatever order keys come, and through whatever text a plan and its objects went, the digest is the same.
    #[test]
    fn the_digest_does_not_depend_on_the_order_of_keys(
        before in objects(), after in objects(), generation in 0..3_u32, facts in proptest::collection::btree_map("[a-z]{1,4}", any::<bool>(), 0..4),
    ) {
        let facts_read: BTreeMap<FactKey, Value> =
            facts.into_iter().map(|(name, served)| (FactKey::ApiVersion(name), json!(served))).collect();
        let mut world = World::new();
        let running = composed(Composition::default());
        let render = Render { objects: before, ..Render::default() };
        let plan = world.plan(&running, &render);
        world.apply(&running, &render, &plan);
        let wanted = composed(Composition { generation, ..Composition::default() });
        let render = Render { objects: after, facts_read, ..Render::default() };
        let plan = world.plan(&wanted, &render);

        let mut other = render.clone();
        for object in &mut other.objects {
            object.body = turned(&object.body);
        }
        prop_assert_eq!(&world.plan(&wanted, &other).digest, &plan.digest);
        let through_text: Render = serde_json::from_str(&serde_json::to_string_pretty(&other).unwrap()).unwrap();
        prop_assert_eq!(&world.plan(&wanted, &through_text).digest, &plan.digest);
        let kept = serde_json::to_value(&plan).unwrap();
        let read: Plan = serde_json::from_value(turned(&kept)).unwrap();
        prop_assert_eq!(digest::plan(&key(), &read), plan.digest);
    }
}
