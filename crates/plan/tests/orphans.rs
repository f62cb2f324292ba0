//! The life of an orphan, and plans about orphans.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that stops says why")]

mod common;

use common::{World, at, change_id, composed, key, manifest, object};
use serde_json::json;
use strata_model::{
    access::Actor,
    composition::Composition,
    id::OrphanId,
    object::{Destination, ObjectKey},
    orphan::{OrphanEvent, OrphanState, Reach, RestoreRecord},
    plan::{Action, StepKind},
    profile::OrphanPolicy,
    render::Render,
};
use strata_plan::{Decision, clean_up, reduce, requirements};
use uuid::Uuid;

fn id() -> OrphanId {
    OrphanId::new(Uuid::from_u128(1))
}

fn left(kind: &str, reach: Reach) -> OrphanEvent {
    OrphanEvent::LeftBehind {
        project: common::project(),
        cluster: common::cluster_id(1),
        destination: Destination::Workload,
        key: ObjectKey {
            group: "apps".to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        },
        api_version: "apps/v1".to_owned(),
        layer: "app".parse().unwrap(),
        revision: common::revision("web@1.0.0"),
        policy: OrphanPolicy::Keep,
        reach,
        note: String::new(),
        change: change_id(1),
    }
}

#[test]
fn nothing_is_scaled_before_its_state_is_recorded() {
    let system = Actor::system();
    let orphan = reduce::orphan(None, id(), &left("Deployment", Reach::Scale), &system, at(0)).unwrap();
    let scaled = OrphanEvent::ScaledToZero { change: change_id(2) };
    let error = reduce::orphan(Some(orphan.clone()), id(), &scaled, &system, at(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the orphan is LEFT and does not allow `scaledToZero`: nothing is recorded to bring it back"
    );
    let record = RestoreRecord { uid: "u".to_owned(), reach: Reach::Scale, former: json!(3), at: at(1) };
    let recorded = OrphanEvent::RestoreRecorded { record };
    let orphan = reduce::orphan(Some(orphan), id(), &recorded, &system, at(1)).unwrap();
    let orphan = reduce::orphan(Some(orphan), id(), &scaled, &system, at(2)).unwrap();
    assert_eq!((orphan.state, orphan.state_since), (OrphanState::ScaledToZero, at(2)));
    let orphan =
        reduce::orphan(Some(orphan), id(), &OrphanEvent::Restored { change: change_id(3) }, &system, at(3))
            .unwrap();
    assert_eq!((orphan.state, orphan.restore), (OrphanState::Left, None));
}

/// A world in which an app was replaced: its deployment, service and namespace stay behind.
fn left_behind() -> World {
    let mut world = World::new();
    let wanted = composed(Composition::default());
    let before = Render {
        objects: vec![
            object(manifest("v1", "Namespace", "shop", &json!({}))),
            object(manifest("v1", "Service", "web", &json!({"spec": {"type": "LoadBalancer"}}))),
            object(manifest("apps/v1", "Deployment", "web", &json!({"spec": {"replicas": 3}}))),
            object(manifest("v1", "ConfigMap", "stays", &json!({}))),
        ],
        ..Render::default()
    };
    let plan = world.plan(&wanted, &before);
    world.apply(&wanted, &before, &plan);
    let after = Render { objects: vec![before.objects[3].clone()], ..Render::default() };
    let plan = world.plan(&wanted, &after);
    let left: Vec<Action> = plan.actions.iter().map(|action| action.action).collect();
    assert_eq!(left, [Action::Orphan; 3]);
    world.apply(&wanted, &after, &plan);
    world
}

#[test]
fn scaling_names_what_it_cannot_reach() {
    let world = left_behind();
    let plan =
        clean_up(&world.cluster, None, &world.orphans, Decision::ScaleToZero, &world.inventory, &key());
    let scaled: Vec<String> = plan.actions.iter().map(|action| action.key.to_string()).collect();
    assert_eq!(scaled, ["Deployment.apps shop/web"]);
    assert_eq!(plan.steps[0].kind, StepKind::Orphans);
    let told: Vec<&str> = plan.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(
        told.iter()
            .any(|text| text.starts_with("Service shop/web is left out: ") && text.contains("load balancer")),
        "{told:?}"
    );
    assert!(requirements(&plan).is_empty() && plan.reversible);
}

#[test]
fn deleting_asks_and_spares_what_is_in_use() {
    let world = left_behind();
    let plan = clean_up(&world.cluster, None, &world.orphans, Decision::Delete, &world.inventory, &key());
    let deleted: Vec<String> = plan.actions.iter().map(|action| action.key.to_string()).collect();
    // The namespace still holds a ConfigMap that is rendered.
    assert_eq!(deleted, ["Deployment.apps shop/web", "Service shop/web"]);
    assert!(plan.findings.iter().any(|finding| finding.message.contains("Namespace shop is left out")));
    assert_eq!(requirements(&plan).len(), 1);
    assert!(!plan.reversible);
}

#[test]
fn an_orphan_that_is_rendered_again_comes_back() {
    let mut world = left_behind();
    for orphan in &mut world.orphans {
        if orphan.reach == Reach::Scale {
            orphan.state = OrphanState::ScaledToZero;
        }
    }
    let wanted = composed(Composition::default());
    let again = Render {
        objects: vec![
            object(manifest("apps/v1", "Deployment", "web", &json!({"spec": {"replicas": 3}}))),
            object(manifest("v1", "ConfigMap", "stays", &json!({}))),
        ],
        ..Render::default()
    };
    let plan = world.plan(&wanted, &again);
    assert_eq!(plan.actions.iter().map(|action| action.action).collect::<Vec<_>>(), [Action::Restore]);
    assert!(plan.findings.iter().any(|finding| finding.code.as_str() == "ORPHAN_RESTORED"));
    world.apply(&wanted, &again, &plan);
    assert!(world.plan(&wanted, &again).is_empty());
}
