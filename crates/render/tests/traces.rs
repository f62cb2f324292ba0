//! Fields of objects are traced back to the values that they come from.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

mod support;

use proptest::prelude::*;
use serde_json::json;
use strata_model::{
    field_trace::{FieldRole, FieldTrace},
    object::ObjectKey,
    overrides::{Patch, PatchOperation},
    profile::{AttachedManifest, ProfileContent},
    render::Origin,
    variable::{VariableDefinition, VariableValue},
};
use support::{Scene, layer, pack, single, with_values};

const VALUES: &str = "\
pack: {namespace: shop}
web: {enabled: true, name: web}
replicas: 2
image: {repository: acme/web, tag: '1.9'}
title: '{{.spectro.var.title}}'
args: [--one, --two]
labels: {tier: gold}
either: {first: 'yes', second: 'yes'}
unused: {a: 1, b: [2, 3]}
";

const MANIFEST: &str = r#"
{{- define "image" }}{{ printf "%s:%s" .repository (.tag | default "latest") }}{{ end }}
{{- if .Values.web.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Values.web.name }}", labels: {{ toJson .Values.labels }}}
spec:
  replicas: {{ max (int .Values.replicas) 1 }}
  paused: false
  either: {{ if or (eq .Values.either.first "yes") (eq .Values.either.second "yes") }}1{{ else }}2{{ end }}
  template:
    spec:
      containers:
      - name: main
        image: {{ include "image" .Values.image | quote }}
        args: {{ toJson .Values.args }}
        env: [{name: TITLE, value: "{{ .Values.title }}"}]
{{- end }}
"#;

fn title() -> VariableDefinition {
    VariableDefinition {
        name: "title".to_owned(),
        display_name: None,
        description: None,
        format: strata_model::variable::VariableFormat::String,
        default_value: Some("hello".to_owned()),
        regex: None,
        required: false,
        immutable: false,
        hidden: false,
        sensitive: false,
        multiline: false,
        options: Vec::new(),
    }
}

fn scene() -> Scene {
    let pack = pack(&[("values.yaml", VALUES), ("manifests/web.yaml", MANIFEST)]);
    let mut scene = Scene::imported();
    let content = ProfileContent { variables: vec![title()], ..ProfileContent::default() };
    let layers = vec![(with_values(layer("app", &pack), "labels: {tier: silver}\n"), pack)];
    scene.attach_content("apps", "1.0.0", layers, content);
    let set = PatchOperation::Set { path: "image.tag".parse().unwrap(), value: json!("2.0") };
    scene.override_layer("app", Patch(vec![set]));
    scene
}

fn config_map(name: &str) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: Some("default".to_owned()),
        name: name.to_owned(),
    }
}

fn deployment() -> ObjectKey {
    ObjectKey {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    }
}

fn traced(scene: &Scene, object: &ObjectKey, path: &str) -> FieldTrace {
    let path = path.parse().unwrap();
    scene.trace(object, &path).unwrap_or_else(|problems| panic!("{path}: {problems:#?}"))
}

fn sources(trace: &FieldTrace) -> Vec<(FieldRole, &str)> {
    trace.sources.iter().map(|source| (source.role, source.path.as_str())).collect()
}

#[test]
fn a_field_is_traced_through_whatever_templates_do() {
    use FieldRole::{Decides, Gives};
    let scene = scene();
    let container = "spec.template.spec.containers[name=main]";
    // The switch and the name decide whether there is such an object at all.
    let there = [(Decides, "pack.namespace"), (Decides, "web.enabled"), (Decides, "web.name")];
    for (path, value, given) in [
        ("spec.replicas".to_owned(), json!(2), vec!["replicas"]),
        (format!("{container}.image"), json!("acme/web:2.0"), vec!["image.repository", "image.tag"]),
        (format!("{container}.args"), json!(["--one", "--two"]), vec!["args[0]", "args[1]"]),
        (format!("{container}.env[name=TITLE].value"), json!("hello"), vec!["title"]),
        ("metadata.labels.tier".to_owned(), json!("silver"), vec!["labels.tier"]),
        ("spec.paused".to_owned(), json!(false), vec![]),
        // Either value suffices, so that neither matters alone.
        ("spec.either".to_owned(), json!(1), vec![]),
    ] {
        let trace = traced(&scene, &deployment(), &path);
        let mut expected: Vec<(FieldRole, &str)> = given.into_iter().map(|given| (Gives, given)).collect();
        expected.extend(there);
        assert_eq!(sources(&trace), expected, "{path}");
        assert_eq!((trace.value, trace.file.as_str()), (Some(value), "manifests/web.yaml"), "{path}");
        assert!(trace.complete && trace.undecided.is_empty(), "{path}: {:?}", trace.undecided);
    }
    assert_eq!(traced(&scene, &deployment(), "spec.nothing").value, None);
}

#[test]
fn a_source_says_where_it_comes_from() {
    let mut scene = scene();
    scene.composition.variables.insert("title".to_owned(), VariableValue::Plain("hello".to_owned()));
    let container = "spec.template.spec.containers[name=main]";
    let origin = |path: String| traced(&scene, &deployment(), &path).sources.remove(0).origin;
    assert!(matches!(origin("spec.replicas".to_owned()), Origin::Pack { .. }));
    assert!(matches!(origin("metadata.labels.tier".to_owned()), Origin::Profile { .. }));
    assert_eq!(
        origin(format!("{container}.env[name=TITLE].value")),
        Origin::Variable { name: "title".to_owned(), default: false }
    );
    let image = traced(&scene, &deployment(), &format!("{container}.image"));
    let tag = image.sources.iter().find(|source| source.path == "image.tag").unwrap();
    assert_eq!(tag.value, json!("2.0"));
    assert!(
        matches!(&tag.origin, Origin::Override { author, at: Some(_) } if author == "ada"),
        "{:?}",
        tag.origin
    );
}

/// A value that cannot be another one stays undecided, and says so.
#[test]
fn what_a_template_refuses_stays_undecided() {
    let scene = single(
        &[
            ("values.yaml", "mode: plain\nsize: 3\n"),
            (
                "manifests/a.yaml",
                "{{ if ne .Values.mode \"plain\" }}{{ fail \"no such mode\" }}{{ end }}\n\
                 apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {size: '{{ .Values.size }}'}\n",
            ),
        ],
        "",
    );
    let key = config_map("a");
    let trace = traced(&scene, &key, "data.size");
    assert_eq!(sources(&trace), [(FieldRole::Gives, "size")]);
    assert_eq!(trace.undecided, ["mode"]);
    let problems = scene.trace(&config_map("b"), &"data.size".parse().unwrap()).unwrap_err();
    assert_eq!(problems[0].code, "OBJECT_NOT_RENDERED");
}

/// Asks for all that is no value of its layer.
const ASKING: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: asking}
data:
  name: "{{ .Strata.Cluster.Name }}"
  stage: '{{ .Strata.Cluster.Labels.stage | default "none" }}'
  recent: '{{ semverCompare ">=1.30" .Strata.KubernetesVersion }}'
  coming: '{{ semverCompare ">=1.35" .Strata.KubernetesVersion }}'
  pools: '{{ range .Strata.NodePools }}{{ .Name }}{{ if eq .Name "small" }} {{ .Replicas }} {{ .Attributes.instanceType }}{{ end }},{{ end }}'
  plane: '{{ .Strata.ControlPlane.Replicas }}'
  token: '{{ randAlphaNum 8 }}'
  parts: '{{ .Capabilities.APIVersions.Has "acme.io/v1" }}'
  other: '{{ (lookup "v1" "Secret" "shop" "other") | empty }}'
"#;

/// Of the layer's own, where references are replaced and nothing is a template.
const ATTACHED: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: attached, namespace: default}
data:
  title: '{{.strata.var.title}} on {{.spectro.system.cluster.name}}'
  tier: '{{.strata.macro.tier}}'
  profile: '{{.strata.profile.version}}'
  fixed: hello
";

/// What is none of the layer's values is found too: variables, macros, facts, machines, versions, what is generated.
#[test]
fn what_is_no_value_of_the_layer_is_traced_too() {
    let pack = pack(&[("values.yaml", ""), ("manifests/asking.yaml", ASKING)]);
    let mut app = layer("app", &pack);
    app.manifests.push(AttachedManifest { name: "own".to_owned(), text: ATTACHED.to_owned() });
    let content = ProfileContent { variables: vec![title()], ..ProfileContent::default() };
    let mut scene = Scene::provisioned();
    scene.composition.node_pools[0].attributes.insert("instanceType".to_owned(), "m5.large".to_owned());
    scene.composition.macros.insert("tier".parse().unwrap(), Some(VariableValue::Plain("gold".to_owned())));
    scene.facts.kubernetes_version = Some("v1.33.2".parse().unwrap());
    scene.facts.labels.insert("stage".to_owned(), "prod".to_owned());
    scene.attach_content("apps", "1.0.0", vec![(app, pack)], content);
    let variable = || Origin::Variable { name: "title".to_owned(), default: true };
    let small = "nodePools[name=small]";
    let pools = [
        format!("{small}.name"),
        format!("{small}.replicas"),
        format!("{small}.attributes.instanceType"),
        "nodePools[name=large].name".to_owned(),
    ];
    for (object, path, expected) in [
        ("asking", "data.name", vec![("strata.cluster.name", json!("edge-1"), Origin::Cluster)]),
        ("asking", "data.stage", vec![("label stage", json!("prod"), Origin::Cluster)]),
        ("asking", "data.recent", vec![("strata.kubernetes.version", json!("v1.33.2"), Origin::Cluster)]),
        ("asking", "data.coming", vec![("strata.kubernetes.version", json!("v1.33.2"), Origin::Cluster)]),
        (
            "asking",
            "data.pools",
            vec![
                (&*pools[0], json!("small"), Origin::Cluster),
                (&*pools[1], json!(2), Origin::Cluster),
                (&*pools[2], json!("m5.large"), Origin::Cluster),
                (&*pools[3], json!("large"), Origin::Cluster),
            ],
        ),
        ("asking", "data.plane", vec![("controlPlane.replicas", json!(3), Origin::Cluster)]),
        ("asking", "data.token", vec![("generated", json!(null), Origin::Generated)]),
        ("asking", "data.parts", vec![("apiVersion acme.io/v1", json!(false), Origin::Cluster)]),
        ("asking", "data.other", vec![("lookup v1 Secret shop/other", json!(null), Origin::Cluster)]),
        (
            "attached",
            "data.title",
            vec![
                ("strata.var.title", json!("hello"), variable()),
                ("strata.cluster.name", json!("edge-1"), Origin::Cluster),
            ],
        ),
        (
            "attached",
            "data.tier",
            vec![("strata.macro.tier", json!("gold"), Origin::Macro { name: "tier".to_owned() })],
        ),
        (
            "attached",
            "data.profile",
            vec![(
                "strata.profile",
                json!("apps@1.0.0"),
                Origin::Profile { revision: support::revision("apps", "1.0.0") },
            )],
        ),
        ("attached", "data.fixed", vec![]),
    ] {
        let trace = traced(&scene, &config_map(object), path);
        let found: Vec<_> = trace
            .sources
            .iter()
            .filter(|source| source.role == FieldRole::Gives)
            .map(|source| (source.path.as_str(), source.value.clone(), source.origin.clone()))
            .collect();
        assert_eq!(found, expected, "{object} {path}");
        assert!(trace.complete && trace.undecided.is_empty(), "{path}: {:?}", trace.undecided);
    }
}

/// Whether there is an object decides nothing about a field that it does not have.
#[test]
fn a_field_that_is_not_there_is_decided_by_what_would_bring_it() {
    let manifest = "{{ if .Values.on }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
        data: {size: '1'{{ if .Values.color }}, color: red{{ end }}}\n{{ end }}";
    let scene =
        single(&[("values.yaml", "on: true\ncolor: false\nsize: 1\n"), ("manifests/a.yaml", manifest)], "");
    let key = config_map("a");
    let trace = traced(&scene, &key, "data.color");
    assert_eq!(sources(&trace), [(FieldRole::Decides, "color")]);
    assert_eq!(trace.value, None);
    // One switch must be turned while another stays: together they hide each other.
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
        data: {size: '1'{{ if and .Values.web.on .Values.web.tls }}, tls: 'yes'{{ end }}}\n";
    let scene =
        single(&[("values.yaml", "web: {on: true, tls: false}\n"), ("manifests/a.yaml", manifest)], "");
    assert_eq!(sources(&traced(&scene, &key, "data.tls")), [(FieldRole::Decides, "web.tls")]);
}

/// What another layer brings may decide about a field: then that layer is rendered along.
#[test]
fn what_another_layer_defines_is_looked_at() {
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: parts.acme.io}\n\
        spec: {group: acme.io, scope: Namespaced, names: {kind: Part, plural: parts}, versions: [{name: v1, served: true, storage: true}]}\n";
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
        data: {parts: '{{ .Capabilities.APIVersions.Has \"acme.io/v1\" }} {{ .Values.word }}'}\n";
    let first = pack(&[
        ("pack.json", r#"{"name":"crds","displayName":"C","version":"1.0.0","layer":"addon"}"#),
        ("manifests/crd.yaml", definition),
    ]);
    let second = pack(&[("values.yaml", "word: x\nother: y\n"), ("manifests/a.yaml", manifest)]);
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(layer("crds", &first), first), (layer("app", &second), second)]);
    let key = config_map("a");
    let trace = traced(&scene, &key, "data.parts");
    assert_eq!(
        (trace.value.clone(), sources(&trace)),
        (Some(json!("true x")), vec![(FieldRole::Gives, "word")])
    );
}

/// A cluster that nobody has reached serves what every Kubernetes does, and that is found as well.
#[test]
fn an_api_of_a_cluster_that_was_never_reached_is_found() {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
        data: {budget: '{{ .Capabilities.APIVersions.Has \"policy/v1/PodDisruptionBudget\" }}', \
        other: '{{ .Capabilities.APIVersions.Has \"acme.io/v1\" }}'}\n";
    let mut scene = single(&[("manifests/a.yaml", manifest)], "");
    scene.facts.kubernetes_version = None;
    let key = config_map("a");
    for (path, api) in
        [("data.budget", "apiVersion policy/v1/PodDisruptionBudget"), ("data.other", "apiVersion acme.io/v1")]
    {
        let trace = traced(&scene, &key, path);
        assert_eq!(sources(&trace), [(FieldRole::Gives, api)], "{:?}", trace.undecided);
        assert!(trace.complete && trace.undecided.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whichever value a template shows, that one is found among the others.
    #[test]
    fn the_one_value_that_is_shown_is_found(
        numbers in prop::collection::vec(0_i64..1000, 2..40), shown in any::<prop::sample::Index>(),
    ) {
        let shown = shown.index(numbers.len());
        let mut values = String::new();
        for (index, number) in numbers.iter().enumerate() {
            values.push_str(&format!("key{index}: {{of: {number}}}\n"));
        }
        let manifest = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{it: 'about {{{{ .Values.key{shown}.of }}}}'}}\n"
        );
        let scene = single(&[("values.yaml", &values), ("manifests/a.yaml", &manifest)], "");
        let key = config_map("a");
        let trace = traced(&scene, &key, "data.it");
        let expected = format!("key{shown}.of");
        prop_assert_eq!(sources(&trace), vec![(FieldRole::Gives, expected.as_str())]);
    }
}
