//! Composing: attaching, swapping, overrides and variables on the way to another revision.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that stops says why")]

mod common;

use std::collections::BTreeMap;

use common::{Library, at, key, layer};
use serde_json::json;
use strata_model::{
    cluster::Infrastructure,
    composition::{Attachment, Composition, ControlPlaneWish, NodePool, NodePoolWish},
    error::RefusalCode,
    finding::{FindingCode, Severity},
    id::ClusterId,
    overrides::{ConflictResolution, OverrideSource, Patch, PatchOperation, ResolutionChoice},
    profile::{LayerKind, ProfileContent, ProfileType},
    secret::SecretText,
    variable::{VariableDefinition, VariableFormat, VariableValue},
};
use strata_plan::{
    Composed, CompositionRequest,
    compose::{OverrideChange, OverrideRequest, Surroundings, compose, layers, roll_back},
};
use strata_render::judge_value;
use strata_values::Redactor;
use uuid::Uuid;

fn variable(name: &str, format: VariableFormat) -> VariableDefinition {
    VariableDefinition {
        name: name.to_owned(),
        display_name: None,
        description: None,
        format,
        default_value: None,
        regex: None,
        required: false,
        immutable: false,
        hidden: false,
        sensitive: false,
        multiline: false,
        options: Vec::new(),
    }
}

struct Shelf {
    library: Library,
    infra: Attachment,
    newer_infra: Attachment,
    web: Attachment,
    newer: Attachment,
    other: Attachment,
}

/// `infra` 1.0.0 and 1.1.0; `web` 1.0.0 and 1.1.0 with a layer `app`; `other` 1.0.0 with a layer `app` too.
fn shelf() -> Shelf {
    let mut library = Library::default();
    let kubernetes = library.pack("kubernetes", "1.32.4", LayerKind::Kubernetes, "version: 1.32.4\n");
    let next = library.pack("kubernetes", "1.33.2", LayerKind::Kubernetes, "version: 1.33.2\n");
    let app = library.pack(
        "app",
        "1.0.0",
        LayerKind::Addon,
        "# web\nreplicas: 1\nimage:\n  tag: '1.0'\n  pull: Always\n",
    );
    let newer_app =
        library.pack("app", "1.1.0", LayerKind::Addon, "# web\nreplicas: 2\nimage:\n  tag: '1.1'\n");
    let content = |layers, variables| ProfileContent { layers, variables };
    let infra = |pack| content(vec![layer("kubernetes", LayerKind::Kubernetes, pack, "")], vec![]);
    let old_infra = library.publish("infra@1.0.0", ProfileType::Infra, 1, infra(kubernetes));
    let newer_infra = library.publish("infra@1.1.0", ProfileType::Infra, 1, infra(next));
    let old_variables =
        vec![variable("size", VariableFormat::String), variable("old", VariableFormat::String)];
    let new_variables = vec![
        VariableDefinition {
            default_value: Some("3".to_owned()),
            ..variable("size", VariableFormat::Number)
        },
        VariableDefinition { required: true, ..variable("host", VariableFormat::String) },
    ];
    let web = library.publish(
        "web@1.0.0",
        ProfileType::Addon,
        2,
        content(vec![layer("app", LayerKind::Addon, app.clone(), "log: info\n")], old_variables),
    );
    let newer = library.publish(
        "web@1.1.0",
        ProfileType::Addon,
        2,
        content(vec![layer("app", LayerKind::Addon, newer_app, "log: info\n")], new_variables),
    );
    let other = library.publish(
        "other@1.0.0",
        ProfileType::Addon,
        3,
        content(vec![layer("app", LayerKind::Addon, app, "")], vec![]),
    );
    Shelf { library, infra: old_infra, newer_infra, web, newer, other }
}

fn request() -> CompositionRequest {
    CompositionRequest::new("ada", at(0))
}

fn run(
    shelf: &Shelf,
    applied: Option<&Composition>,
    request: &CompositionRequest,
) -> Result<Composed, Vec<RefusalCode>> {
    run_on(shelf, applied, request, &Infrastructure::Edge, &[])
}

fn run_on(
    shelf: &Shelf,
    applied: Option<&Composition>,
    request: &CompositionRequest,
    infrastructure: &Infrastructure,
    secrets: &[&str],
) -> Result<Composed, Vec<RefusalCode>> {
    let redactor = Redactor::new(&key(), secrets.iter().map(|secret| SecretText::new(*secret)));
    let surroundings = Surroundings { infrastructure, macros: &BTreeMap::new(), redactor: &redactor };
    compose(applied, request, &shelf.library, surroundings)
        .map_err(|refusals| refusals.into_iter().map(|refusal| refusal.code).collect())
}

/// On a project with these macros.
fn run_with(
    shelf: &Shelf,
    applied: &Composition,
    request: &CompositionRequest,
    macros: &[(&str, &str)],
) -> Composed {
    let plain = |text: &str| VariableValue::Plain(text.to_owned());
    let macros = macros.iter().map(|(name, value)| (name.parse().unwrap(), plain(value))).collect();
    let surroundings = Surroundings {
        infrastructure: &Infrastructure::Edge,
        macros: &macros,
        redactor: &Redactor::new(&key(), []),
    };
    compose(Some(applied), request, &shelf.library, surroundings).unwrap()
}

fn attached(shelf: &Shelf) -> Composition {
    let wish = CompositionRequest { attach: vec![shelf.web.clone(), shelf.infra.clone()], ..request() };
    run(shelf, None, &wish).unwrap().composition
}

fn set(path: &str, value: serde_json::Value) -> PatchOperation {
    PatchOperation::Set { path: path.parse().unwrap(), value }
}

fn overridden(shelf: &Shelf, operations: Vec<PatchOperation>) -> Composition {
    let wish =
        OverrideRequest { layer: "app".parse().unwrap(), change: OverrideChange::Patch(Patch(operations)) };
    let wish = CompositionRequest { overrides: vec![wish], ..request() };
    run(shelf, Some(&attached(shelf)), &wish).unwrap().composition
}

fn patch(composition: &Composition) -> Vec<PatchOperation> {
    composition
        .overrides
        .iter()
        .flat_map(OverrideSource::layers)
        .flat_map(|layer| layer.patch.0.clone())
        .collect()
}

fn codes(composed: &Composed) -> Vec<(FindingCode, Severity)> {
    composed.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn infrastructure_comes_first_and_versions_are_swapped() {
    let shelf = shelf();
    let applied = attached(&shelf);
    assert_eq!(applied.attachments, [shelf.infra.clone(), shelf.web.clone()]);
    let wish = CompositionRequest { attach: vec![shelf.newer_infra.clone()], ..request() };
    let wanted = run(&shelf, Some(&applied), &wish).unwrap().composition;
    assert_eq!(wanted.attachments, [shelf.newer_infra.clone(), shelf.web.clone()]);
    let wish = CompositionRequest { detach: vec!["web".parse().unwrap()], ..request() };
    assert_eq!(
        run(&shelf, Some(&applied), &wish).unwrap().composition.attachments,
        vec![shelf.infra.clone()]
    );
    let wish = CompositionRequest { detach: vec!["infra".parse().unwrap()], ..request() };
    assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [RefusalCode::InvalidInput]);
    let wish = CompositionRequest { attach: vec![shelf.other.clone()], ..request() };
    assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [RefusalCode::DuplicateName]);
    let wish = CompositionRequest { detach: vec!["nothing".parse().unwrap()], ..request() };
    assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [RefusalCode::NotFound]);
}

#[test]
fn an_imported_cluster_brings_its_own_infrastructure() {
    let shelf = shelf();
    let wish = CompositionRequest { attach: vec![shelf.infra.clone()], ..request() };
    let composed = run_on(&shelf, None, &wish, &Infrastructure::None, &[]).unwrap();
    assert_eq!(codes(&composed), [(FindingCode::InfrastructureOnImported, Severity::Block)]);
    let cluster_api = Infrastructure::ClusterApi {
        management_cluster: ClusterId::new(Uuid::from_u128(1)),
        namespace: "a".to_owned(),
        name: "b".to_owned(),
    };
    assert_eq!(codes(&run_on(&shelf, None, &wish, &cluster_api, &[]).unwrap()), []);
}

#[test]
fn an_override_goes_along_to_the_new_revision() {
    let shelf = shelf();
    let applied = overridden(&shelf, vec![set("log", json!("debug"))]);
    let wish = CompositionRequest {
        attach: vec![shelf.newer.clone()],
        variables: BTreeMap::from([("host".to_owned(), Some(VariableValue::Plain("h".to_owned())))]),
        ..request()
    };
    let composed = run(&shelf, Some(&applied), &wish).unwrap();
    assert_eq!(patch(&composed.composition), [set("log", json!("debug"))]);
    assert!(composed.conflicts.is_empty() && composed.findings.is_empty(), "{:?}", composed.findings);
}

#[test]
fn a_conflict_blocks_until_it_is_decided() {
    let shelf = shelf();
    let applied = overridden(&shelf, vec![set("replicas", json!(5)), set("image.tag", json!("1.1"))]);
    let host = BTreeMap::from([("host".to_owned(), Some(VariableValue::Plain("h".to_owned())))]);
    let wish = CompositionRequest { attach: vec![shelf.newer.clone()], variables: host, ..request() };
    let composed = run(&shelf, Some(&applied), &wish).unwrap();
    let expected =
        [(FindingCode::MergeConflict, Severity::Block), (FindingCode::RedundantOverride, Severity::Info)];
    assert_eq!(codes(&composed), expected);
    let conflict = &composed.conflicts[0];
    let sides = [&conflict.base, &conflict.ours, &conflict.theirs].map(|side| side.clone().unwrap());
    assert_eq!((conflict.path.as_str(), sides), ("replicas", [json!(1), json!(5), json!(2)]));
    assert_eq!(composed.redundant[&"app".parse().unwrap()], ["image.tag"]);
    for (choice, expected) in [
        (ResolutionChoice::KeepOverride, Some(json!(5))),
        (ResolutionChoice::TakeProfile, None),
        (ResolutionChoice::Edit { value: json!(4) }, Some(json!(4))),
    ] {
        let resolution =
            ConflictResolution { layer: "app".parse().unwrap(), path: "replicas".parse().unwrap(), choice };
        // One that decides nothing is told, and does no harm.
        let other = ConflictResolution { path: "image.tag".parse().unwrap(), ..resolution.clone() };
        let wish = CompositionRequest { resolutions: vec![resolution.clone(), other], ..wish.clone() };
        let composed = run(&shelf, Some(&applied), &wish).unwrap();
        assert!(composed.conflicts.is_empty());
        assert_eq!(composed.resolutions, [resolution]);
        assert!(codes(&composed).contains(&(FindingCode::ResolutionUnused, Severity::Info)));
        let value = patch(&composed.composition).into_iter().find_map(|operation| match operation {
            PatchOperation::Set { path, value } if path.to_string() == "replicas" => Some(value),
            _ => None,
        });
        assert_eq!(value, expected);
    }
}

#[test]
fn an_override_of_a_layer_that_goes_is_told() {
    let shelf = shelf();
    let applied = overridden(&shelf, vec![set("log", json!("debug"))]);
    let wish = CompositionRequest { detach: vec!["web".parse().unwrap()], ..request() };
    let composed = run(&shelf, Some(&applied), &wish).unwrap();
    assert!(composed.composition.overrides.is_empty());
    assert_eq!(codes(&composed), [(FindingCode::MergeConflict, Severity::Acknowledge)]);
}

#[test]
fn an_edited_text_becomes_a_patch_and_masks_stay_what_they_are() {
    let shelf = shelf();
    let applied = overridden(&shelf, vec![set("password", json!("hunter2"))]);
    let redactor = Redactor::new(&key(), [SecretText::new("hunter2")]);
    let mask = redactor.mask_of("hunter2");
    let text = format!("replicas: 3\nimage:\n  tag: '1.0'\n  pull: Always\nlog: info\npassword: {mask}\n");
    let wish = OverrideRequest { layer: "app".parse().unwrap(), change: OverrideChange::Text(text) };
    let wish = CompositionRequest { overrides: vec![wish], ..request() };
    let composed = run_on(&shelf, Some(&applied), &wish, &Infrastructure::Edge, &["hunter2"]).unwrap();
    assert_eq!(patch(&composed.composition), [set("replicas", json!(3)), set("password", json!("hunter2"))]);
    assert_eq!(codes(&composed), []);
}

/// Where nothing tells the items of a list apart, all of it is the override, and that is said.
#[test]
fn a_list_that_is_kept_as_a_whole_is_told() {
    let mut shelf = shelf();
    let values = "args: [a, b]\nenv:\n- {name: A, value: '1'}\n";
    let pack = shelf.library.pack("listed", "1.0.0", LayerKind::Addon, values);
    let layers = vec![layer("listed", LayerKind::Addon, pack, "")];
    let content = ProfileContent { layers, variables: vec![] };
    let listed = shelf.library.publish("listed@1.0.0", ProfileType::Addon, 9, content);
    let wish = CompositionRequest { attach: vec![listed], ..request() };
    let running = run(&shelf, None, &wish).unwrap().composition;
    let text = "args: [a, c]\nenv:\n- {name: A, value: '2'}\n".to_owned();
    let wish = OverrideRequest { layer: "listed".parse().unwrap(), change: OverrideChange::Text(text) };
    let wish = CompositionRequest { overrides: vec![wish], ..request() };
    let composed = run(&shelf, Some(&running), &wish).unwrap();
    assert_eq!(codes(&composed), [(FindingCode::ListReplaced, Severity::Info)]);
    assert_eq!(composed.findings[0].path.as_deref(), Some("args"), "the others have names");
}

#[test]
fn what_does_not_fit_is_refused() {
    let shelf = shelf();
    let applied = attached(&shelf);
    for (change, expected) in [
        (OverrideChange::Patch(Patch(vec![set("replicas.x", json!(1))])), RefusalCode::InvalidInput),
        (OverrideChange::Text("a: [".to_owned()), RefusalCode::InvalidYaml),
    ] {
        let wish = OverrideRequest { layer: "app".parse().unwrap(), change };
        let wish = CompositionRequest { overrides: vec![wish], ..request() };
        assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [expected]);
    }
    let wish = OverrideRequest { layer: "none".parse().unwrap(), change: OverrideChange::Clear };
    let wish = CompositionRequest { overrides: vec![wish], ..request() };
    assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [RefusalCode::UnknownLayer]);
    let pool = |name: &str| NodePoolWish { name: name.to_owned(), replicas: 1, attributes: None };
    let wish = CompositionRequest {
        control_plane: Some(ControlPlaneWish { replicas: 2, attributes: None }),
        node_pools: Some(vec![pool("a"), pool("a")]),
        ..request()
    };
    assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [RefusalCode::InvalidInput; 2]);
}

/// Who asks for another number of machines does not ask for other machines.
#[test]
fn machines_stay_what_they_are_where_nothing_else_is_said() {
    let shelf = shelf();
    let large = || BTreeMap::from([("instanceType".to_owned(), "m5.large".to_owned())]);
    let asked = |replicas, attributes: Option<BTreeMap<String, String>>| CompositionRequest {
        control_plane: Some(ControlPlaneWish { replicas, attributes: attributes.clone() }),
        node_pools: Some(vec![NodePoolWish { name: "workers".to_owned(), replicas, attributes }]),
        ..request()
    };
    let first = run(&shelf, Some(&attached(&shelf)), &asked(1, Some(large()))).unwrap().composition;
    let more = run(&shelf, Some(&first), &asked(3, None)).unwrap().composition;
    let workers = |replicas, attributes| NodePool { name: "workers".to_owned(), replicas, attributes };
    assert_eq!(more.node_pools, [workers(3, large())]);
    assert_eq!(more.control_plane.map(|plane| plane.attributes), Some(large()));
    let bare = run(&shelf, Some(&first), &asked(3, Some(BTreeMap::new()))).unwrap().composition;
    assert_eq!(bare.node_pools, [workers(3, BTreeMap::new())]);
}

#[test]
fn one_rule_for_variables() {
    let shelf = shelf();
    let plain = |text: &str| Some(VariableValue::Plain(text.to_owned()));
    let wish = CompositionRequest {
        variables: BTreeMap::from([("size".to_owned(), plain("large")), ("old".to_owned(), plain("x"))]),
        ..request()
    };
    let applied = run(&shelf, Some(&attached(&shelf)), &wish).unwrap().composition;
    let wish = CompositionRequest { attach: vec![shelf.newer.clone()], ..request() };
    let composed = run(&shelf, Some(&applied), &wish).unwrap();
    let told: Vec<_> = composed
        .findings
        .iter()
        .map(|finding| (finding.code, finding.severity, finding.path.clone().unwrap()))
        .collect();
    let expected = [
        (FindingCode::VariableDefaulted, Severity::Info, "old".to_owned()),
        (FindingCode::VariableDefaulted, Severity::Acknowledge, "size".to_owned()),
        (FindingCode::UnresolvedVariable, Severity::Block, "host".to_owned()),
    ];
    assert_eq!(told, expected);
    assert!(composed.composition.variables.is_empty());
    for (name, value) in [("size", "7 "), ("nothing", "x")] {
        let wish = CompositionRequest {
            variables: BTreeMap::from([(name.to_owned(), plain(value))]),
            ..wish.clone()
        };
        assert_eq!(run(&shelf, Some(&applied), &wish).unwrap_err(), [RefusalCode::InvalidVariable], "{name}");
    }
}

#[test]
fn macros_are_taken_as_they_are_when_a_composition_is_made() {
    let shelf = shelf();
    let patch: Patch = serde_json::from_value(json!([
        {"op": "set", "path": "team", "value": "{{ .spectro.macro.team }}-{{.strata.macro.tier | default \"none\"}}"}
    ]))
    .unwrap();
    let wish = CompositionRequest {
        overrides: vec![OverrideRequest {
            layer: "app".parse().unwrap(),
            change: OverrideChange::Patch(patch),
        }],
        ..request()
    };
    let first = run_with(&shelf, &attached(&shelf), &wish, &[("team", "blue"), ("unused", "x")]);
    let macros = &first.composition.macros;
    let shown: Vec<_> = macros.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let plain = |text: &str| Some(VariableValue::Plain(text.to_owned()));
    assert_eq!(shown, [("team", plain("blue")), ("tier", None)]);
    assert!(first.findings.is_empty(), "what comes in with the values is no news");

    let applied = first.composition;
    let same = run_with(&shelf, &applied, &request(), &[("team", "blue"), ("unused", "y")]);
    assert_eq!((same.composition, same.findings.len()), (applied.clone(), 0));

    let moved = run_with(&shelf, &applied, &request(), &[("team", "red"), ("tier", "gold")]);
    let told: Vec<_> = moved.findings.iter().map(|finding| (finding.code, finding.path.as_deref())).collect();
    assert_eq!(told, [(FindingCode::MacroChanged, Some("team")), (FindingCode::MacroChanged, Some("tier"))]);
    assert_ne!(moved.composition.digest(&key()), applied.digest(&key()));

    let cleared = CompositionRequest {
        overrides: vec![OverrideRequest { layer: "app".parse().unwrap(), change: OverrideChange::Clear }],
        ..request()
    };
    let without = run_with(&shelf, &applied, &cleared, &[("team", "red")]);
    assert!(without.composition.macros.is_empty(), "what nothing names any more is not held");
}

#[test]
fn formats_of_variables() {
    use VariableFormat as F;
    for (format, good, bad) in [
        (F::Number, vec!["0", "-1.5", "10"], vec!["", "1e3", ".5", "1.", "--1", "+1"]),
        (F::Boolean, vec!["true", "false"], vec!["True", "yes", "1"]),
        (F::Ipv4, vec!["10.0.0.1"], vec!["10.0.0", "10.0.0.256", "10.0.0.1/8"]),
        (F::Ipv4cidr, vec!["10.0.0.0/8", "0.0.0.0/0"], vec!["10.0.0.0", "10.0.0.0/33", "10.0.0.0/08"]),
        (F::Ipv6, vec!["::1", "fe80::1"], vec!["10.0.0.1", ":::"]),
        (F::Version, vec!["1.2.3", "1.2.3-rc.1"], vec!["1.2", "v1.2.3"]),
        (F::Base64, vec!["", "YQ==", "YWJj"], vec!["YQ", "Y===", "Y Q="]),
    ] {
        for text in good {
            assert!(judge_value(&variable("v", format), text).is_ok(), "{format:?} {text}");
        }
        for text in bad {
            assert!(judge_value(&variable("v", format), text).is_err(), "{format:?} {text}");
        }
    }
    let matching = VariableDefinition { regex: Some("a|b+".to_owned()), ..variable("v", F::String) };
    assert!(judge_value(&matching, "bb").is_ok());
    for text in ["ax", "xa", "bb\n"] {
        let error = judge_value(&matching, text).unwrap_err().to_string();
        assert_eq!(error, "the value of `v` does not match `a|b+`");
    }
    let chosen = VariableDefinition { options: vec!["s".into(), "m".into()], ..variable("v", F::String) };
    assert!(judge_value(&chosen, "m").is_ok() && judge_value(&chosen, "l").is_err());
}

#[test]
fn a_rollback_holds_what_cannot_go_back() {
    let shelf = shelf();
    let earlier = attached(&shelf);
    let wish = CompositionRequest {
        attach: vec![shelf.newer_infra.clone(), shelf.newer.clone()],
        variables: BTreeMap::from([("host".to_owned(), Some(VariableValue::Plain("h".to_owned())))]),
        ..request()
    };
    let applied = run(&shelf, Some(&earlier), &wish).unwrap().composition;
    let version = |text: &str| text.parse().unwrap();
    let back =
        roll_back(&applied, &earlier, Some(&version("1.33.2")), Some(&version("1.32.4")), &shelf.library)
            .unwrap();
    assert_eq!(back.attachments, earlier.attachments);
    assert_eq!(back.held[0].revision, shelf.newer_infra.revision);
    let resolved = layers(&back, &shelf.library).unwrap();
    let packs: Vec<_> = resolved.iter().map(|layer| (layer.pack.version.as_str(), layer.held)).collect();
    assert_eq!(packs, [("1.33.2", true), ("1.0.0", false)]);
    // Its version came from a macro: that is held with it, also where only the macro moved.
    let named = |value: &str| Some(VariableValue::Plain(value.to_owned()));
    let k8s: strata_model::macros::MacroName = "k8s".parse().unwrap();
    let mut shelf_with = self::shelf();
    let pack = shelf_with.library.pack(
        "kubernetes",
        "1.33.2",
        LayerKind::Kubernetes,
        "version: '{{.strata.macro.k8s}}'\n",
    );
    let content = ProfileContent {
        layers: vec![layer("kubernetes", LayerKind::Kubernetes, pack, "")],
        variables: vec![],
    };
    let by_macro = shelf_with.library.publish("infra@1.2.0", ProfileType::Infra, 1, content);
    let running = Composition {
        attachments: vec![by_macro],
        macros: [(k8s.clone(), named("1.33.2"))].into(),
        ..Composition::default()
    };
    let before = Composition { macros: [(k8s.clone(), named("1.32.4"))].into(), ..running.clone() };
    for (earlier, held) in [(&before, 0), (&earlier, 1)] {
        let versions = (version("1.33.2"), version("1.32.4"));
        let back =
            roll_back(&running, earlier, Some(&versions.0), Some(&versions.1), &shelf_with.library).unwrap();
        assert_eq!(back.macros[&k8s], named("1.33.2"));
        assert_eq!(back.held.len(), held);
    }
    // The next version of that profile goes on from there.
    let wish = CompositionRequest { attach: vec![shelf.newer_infra.clone()], ..request() };
    assert!(run(&shelf, Some(&back), &wish).unwrap().composition.held.is_empty());
}
