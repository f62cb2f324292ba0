//! The law of validation: what it has nothing against renders for a cluster. And comparisons: of equals empty, of others
//! complete.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "helpers of tests fail them")]

mod common;

use std::collections::BTreeMap;

use common::{Library, at, key, layer};
use proptest::prelude::*;
use serde_json::json;
use strata_model::{
    cluster::Infrastructure,
    fact::Facts,
    id::{ClusterId, InstallationId},
    macros::MacroName,
    pack::{PackManifest, PackReference},
    problem::Problem,
    profile::{AttachedManifest, Layer, LayerKind, ProfileContent, ProfileType},
    variable::{VariableDefinition, VariableFormat, VariableValue},
};
use strata_plan::{
    CompositionRequest,
    comparison::{Comparison, Difference, Side, compare},
    compose::{Surroundings, compose},
    validate,
};
use strata_render::{ClusterIdentity, Given, LayerSeed, RenderInput, render, resolve_layers};
use strata_values::Redactor;
use uuid::Uuid;

const SCHEMA: &str = "port: {schema: '{{ format \"${number:[1-65535]}\" }}'}\nsecret: {schema: '{{ format \"${password:.*}\" }}'}\n";
const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n\
    data: {port: \"{{ .Values.port }}\", title: {{ .Values.page.title | upper | quote }}}\n";

/// A library with one pack that has a schema and a template, and asks for a title.
fn library() -> (Library, PackReference) {
    let mut library = Library::default();
    let plain =
        library.pack("web", "1.0.0", LayerKind::Addon, "# The page.\nport: 80\npage: {title: hello}\n");
    let mut pack = library.packs.remove(&plain.digest).unwrap();
    pack.schema = Some(SCHEMA.to_owned());
    pack.manifests = vec![PackManifest { path: "manifests/web.yaml".to_owned(), text: MANIFEST.to_owned() }];
    let reference = library.put(pack);
    (library, reference)
}

fn variable(
    name: &str,
    format: VariableFormat,
    default_value: Option<&str>,
    required: bool,
) -> VariableDefinition {
    VariableDefinition {
        name: name.to_owned(),
        display_name: None,
        description: None,
        format,
        default_value: default_value.map(str::to_owned),
        regex: None,
        required,
        immutable: false,
        hidden: false,
        sensitive: false,
        multiline: false,
        options: Vec::new(),
    }
}

/// Lines of values: good ones, and those that go wrong in each of the ways there are.
fn line() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "port: 8080",
        "port: 70000",
        "port: '{{.strata.var.port}}'",
        "port: \"{{.spectro.var.port | fromYaml}}\"",
        "page: {title: '{{.strata.macro.team}}'}",
        "page: {title: '{{.strata.macro.nobody | default \"x\"}}'}",
        "page: {title: '{{.strata.macro.nobody}}'}",
        "page: ~",
        "page: {title: [1]}",
        "page: {title: '{{.strata.cluster.name}}'}",
        "page: {title: x{{.strata.var.free}}}",
        "extra: '{{ if }}'",
        "extra: '{{ .strata.var.port | nothing }}'",
        "pack: {namespace: Not_A_Name}",
        "secret: hunter22",
        "pack: {installPriority: many}",
    ])
}

fn contents(reference: PackReference) -> impl Strategy<Value = ProfileContent> {
    let text = prop::collection::btree_map("[a-z]", line(), 0..4).prop_map(|lines| {
        // One line of a key: the last one that was drawn.
        let by_key: BTreeMap<&str, &str> =
            lines.into_values().map(|line| (line.split(':').next().unwrap_or_default(), line)).collect();
        by_key.into_values().map(|line| format!("{line}\n")).collect::<String>()
    });
    let own = prop::option::of(prop::sample::select(vec![
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {team: '{{.strata.macro.team}}'}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
        "kind: ConfigMap\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{.strata.var.free}}}\n",
    ]));
    let variables = prop::sample::subsequence(
        vec![
            variable("port", VariableFormat::Number, Some("81"), false),
            variable("port", VariableFormat::Number, None, true),
            variable("free", VariableFormat::String, Some(": ["), false),
            variable("free", VariableFormat::String, None, false),
        ],
        0..3,
    );
    let layers = prop::collection::vec((text, own), 1..3);
    (layers, variables).prop_map(move |(layers, variables)| ProfileContent {
        layers: layers
            .into_iter()
            .enumerate()
            .map(|(index, (values, own))| Layer {
                manifests: own
                    .into_iter()
                    .map(|text| AttachedManifest { name: "own".to_owned(), text: text.to_owned() })
                    .collect(),
                namespace: Some(format!("space-{index}")),
                ..layer(&format!("app-{index}"), LayerKind::Addon, reference.clone(), &values)
            })
            .collect(),
        variables,
    })
}

fn macros() -> BTreeMap<MacroName, VariableValue> {
    [("team".parse().unwrap(), VariableValue::Plain("blue".to_owned()))].into()
}

/// Composes the profile for a cluster as anybody would, and renders it.
fn on_a_cluster(library: &mut Library, content: &ProfileContent) -> Result<(), String> {
    let attachment = library.publish("web@1.0.0", ProfileType::Addon, 1, content.clone());
    let request = CompositionRequest {
        attach: vec![attachment],
        variables: content
            .variables
            .iter()
            .filter(|variable| variable.required)
            .map(|variable| (variable.name.clone(), Some(VariableValue::Plain("1".to_owned()))))
            .collect(),
        ..CompositionRequest::new("ada", at(0))
    };
    let surroundings = Surroundings {
        infrastructure: &Infrastructure::None,
        macros: &macros(),
        redactor: &Redactor::new(&key(), []),
    };
    let composed =
        compose(None, &request, library, surroundings).map_err(|refusals| format!("{refusals:?}"))?;
    let layers = resolve_layers(&composed.composition, &library.profiles, &library.packs)
        .map_err(|problems| format!("{problems:?}"))?;
    let identity = ClusterIdentity {
        id: ClusterId::new(Uuid::from_u128(9)),
        name: "edge-1".parse().unwrap(),
        project: "default".to_owned(),
        installation: InstallationId::new(Uuid::nil()),
        infrastructure: Infrastructure::None,
    };
    let seed = || LayerSeed { seed: [3; 32], instant: at(0) };
    let seeds = content.layers.iter().map(|layer| (layer.name.clone(), seed())).collect();
    let facts = Facts {
        kubernetes_version: Some("1.34.1".parse().unwrap()),
        cluster_name: "edge-1".to_owned(),
        ..Facts::default()
    };
    let input = RenderInput {
        cluster: &identity,
        composition: &composed.composition,
        layers: &layers,
        secrets: &BTreeMap::new(),
        facts: &facts,
        seeds: &seeds,
    };
    render(&input).map(drop).map_err(|problems| format!("{problems:?}"))
}

fn given() -> Given {
    Given { macros: macros(), ..Given::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_validation_has_nothing_against_renders(content in contents(library().1)) {
        let (mut library, _) = library();
        let problems = validate(ProfileType::Addon, &content, &library.packs, &given(), &key());
        let allowed = !problems.iter().any(Problem::is_error);
        let rendered = on_a_cluster(&mut library, &content);
        if allowed {
            prop_assert!(rendered.is_ok(), "{rendered:?}\n{content:#?}");
        }
    }

    #[test]
    fn equals_have_no_differences(content in contents(library().1), other in contents(library().1)) {
        let (library, _) = library();
        let side = |content| Side { name: "web@1.0.0", content };
        let same = compare(side(&content), side(&content), &library.packs, &given(), &key());
        prop_assert!(same.is_empty(), "{same:#?}");
        let comparison = compare(side(&content), side(&other), &library.packs, &given(), &key());
        prop_assert_eq!(comparison.is_empty(), content == other, "{:#?}", comparison);
        prop_assert!(!format!("{comparison:?}").contains("hunter22"), "a password is masked: {:#?}", comparison);
    }
}

#[test]
fn validation_says_yes_to_something() {
    let (mut library, reference) = library();
    let app = layer("app", LayerKind::Addon, reference, "port: \"{{.strata.var.port | fromYaml}}\"\n");
    let content = ProfileContent {
        layers: vec![app],
        variables: vec![variable("port", VariableFormat::Number, None, true)],
    };
    assert_eq!(validate(ProfileType::Addon, &content, &library.packs, &given(), &key()), []);
    assert_eq!(on_a_cluster(&mut library, &content), Ok(()));
}

#[test]
fn a_comparison_names_all_that_differs() {
    let (mut library, reference) = library();
    let other = library.pack("net", "1.0.0", LayerKind::Addon, "a: 1\n");
    let app = |values: &str| layer("app", LayerKind::Addon, reference.clone(), values);
    let net = layer("net", LayerKind::Addon, other.clone(), "");
    let gone = layer("gone", LayerKind::Addon, other.clone(), "");
    let fresh = layer("fresh", LayerKind::Addon, other, "");
    let before = ProfileContent {
        layers: vec![app("# mine\nport: 81 # why\n"), net.clone(), gone],
        variables: vec![
            variable("size", VariableFormat::Number, Some("1"), false),
            variable("old", VariableFormat::String, None, false),
        ],
    };
    let after = ProfileContent {
        layers: vec![net, Layer { install_priority: Some(5), ..app("# mine\nport: 82 # why\n") }, fresh],
        variables: vec![variable("size", VariableFormat::Number, Some("2"), false)],
    };
    let side = |name, content| Side { name, content };
    let Comparison { from, to, layers, variables, objects, not_rendered } = compare(
        side("web@1.0.0", &before),
        side("web@1.1.0", &after),
        &library.packs,
        &Given { secrets: BTreeMap::new(), ..given() },
        &key(),
    );
    assert_eq!((from.as_str(), to.as_str()), ("web@1.0.0", "web@1.1.0"));
    let told: Vec<_> =
        layers.iter().map(|it| (it.layer.as_str(), it.difference, it.moved.is_some())).collect();
    assert_eq!(
        told,
        [
            ("net", Difference::Changed, true),
            ("app", Difference::Changed, false),
            ("fresh", Difference::Added, false),
            ("gone", Difference::Removed, false)
        ]
    );
    let values: Vec<_> =
        layers[1].values.iter().map(|change| (change.path.as_str(), &change.after)).collect();
    assert_eq!(values, [("port", &Some(json!(82)))]);
    let settings: Vec<&str> = layers[1].settings.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(settings, ["installPriority"]);
    assert!(
        layers[1].diff.contains("-port: 81") && layers[1].diff.contains("+port: 82"),
        "{}",
        layers[1].diff
    );
    let told: Vec<_> = variables.iter().map(|it| (it.name.as_str(), it.difference)).collect();
    assert_eq!(told, [("size", Difference::Changed), ("old", Difference::Removed)]);
    let told: Vec<_> = objects.iter().map(|it| (it.key.to_string(), it.difference)).collect();
    assert_eq!(told, [("ConfigMap default/web".to_owned(), Difference::Changed)]);
    assert_eq!(not_rendered, []);

    let broken = ProfileContent { layers: vec![app("port: 70000\n")], variables: vec![] };
    let comparison = compare(side("a", &before), side("b", &broken), &library.packs, &given(), &key());
    assert!(comparison.objects.is_empty() && comparison.not_rendered[0].message.starts_with("b: "));
}
