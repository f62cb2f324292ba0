//! Bases, overrides and references.

mod support;

use std::collections::BTreeMap;

use serde_json::json;
use strata_model::{
    digest::DigestKey,
    fact::FactKey,
    overrides::{Patch, PatchOperation},
    profile::{AttachedManifest, ProfileContent},
    secret::SecretText,
    variable::{VariableDefinition, VariableFormat, VariableValue},
};
use strata_render::layer_base;

use support::{Scene, body, layer, pack, revision, single, with_preset, with_values};

fn variable(name: &str, default: Option<&str>) -> VariableDefinition {
    VariableDefinition {
        name: name.to_owned(),
        display_name: None,
        description: None,
        format: VariableFormat::String,
        default_value: default.map(str::to_owned),
        regex: None,
        required: false,
        immutable: false,
        hidden: false,
        sensitive: false,
        multiline: false,
        options: Vec::new(),
    }
}

fn with_variables(values: &str, variables: Vec<VariableDefinition>) -> Scene {
    let pack = pack(&[("values.yaml", values)]);
    let mut scene = Scene::imported();
    let content = ProfileContent { variables, ..ProfileContent::default() };
    scene.attach_content("apps", "1.0.0", vec![(layer("app", &pack), pack)], content);
    scene
}

fn plain(entries: &[(&str, &str)]) -> BTreeMap<String, VariableValue> {
    entries
        .iter()
        .map(|(name, text)| ((*name).to_owned(), VariableValue::Plain((*text).to_owned())))
        .collect()
}

#[test]
fn the_base_is_pack_then_presets_then_layer() {
    let pack = pack(&[
        ("values.yaml", "# kept\na: 1 # one\nb: {p: 1, q: 2}\nc: 3\n"),
        (
            "presets.yaml",
            "presets:\n  - name: more\n    group: g\n    remove: [c, b.p]\n    add: |\n      a: 2\n      d: 4\n",
        ),
    ]);
    let own = with_values(with_preset(layer("app", &pack), "g", "more"), "d: 5\ne: {f: 6}\n");
    let base = layer_base(&own, &pack, &revision("apps", "1.0.0")).unwrap();
    assert_eq!(base.value, json!({"a": 2, "b": {"q": 2}, "d": 5, "e": {"f": 6}}));
    assert_eq!(strata_values::parse(&base.text, "v").unwrap(), base.value);
    assert!(base.text.contains("# kept") && base.comments_kept, "{}", base.text);
    let origins: BTreeMap<&str, String> = base
        .origins
        .iter()
        .map(|(path, origin)| {
            (path.as_str(), serde_json::to_value(origin).unwrap()["origin"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [("a", "preset"), ("b.q", "pack"), ("d", "profile"), ("e.f", "profile")];
    assert_eq!(origins, expected.map(|(path, origin)| (path, origin.to_owned())).into());
}

#[test]
fn without_values_of_the_pack_the_layers_own_text_stands() {
    let pack = pack(&[]);
    let own = with_values(layer("app", &pack), "# mine\na: 1 # one\n");
    let base = layer_base(&own, &pack, &revision("apps", "1.0.0")).unwrap();
    assert_eq!(base.text, own.values);
}

#[test]
fn broken_layers_are_placed() {
    let pack = pack(&[]);
    let own = with_preset(with_values(layer("app", &pack), "a: 1\nb: *x\n"), "g", "nothing");
    let problems = layer_base(&own, &pack, &revision("apps", "1.0.0")).unwrap_err();
    let told: Vec<String> =
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.place())).collect();
    assert_eq!(told, ["YAML_SYNTAX layer `app` values.yaml:2:4", "PRESET_UNKNOWN layer `app` presets"]);
}

#[test]
fn references_act_as_text_would() {
    let values = "quoted: \"{{.spectro.var.n}}\"\nplain: 1{{.spectro.var.n}}\nwords: size {{ .strata.var.n }}!\n\
        typed: '{{ .spectro.var.n | fromYaml }}'\nlist: \"{{ .spectro.var.l | fromYaml }}\"\n\
        block: |\n  n={{.spectro.var.n}}\nfunction: \"{{ .spectro.var.none | default \\\"small\\\" | upper }}\"\n\
        foreign: \"{{ $labels.instance }} {{ .Values.x }}\"\nmixed: \"{{ $x }}-{{.spectro.var.n}}\"\n\
        items:\n  - name: a\n    value: '{{.spectro.var.n}}'\n\"k{{.spectro.var.n}}\": 1\n";
    let mut scene = with_variables(
        values,
        vec![variable("n", Some("3")), variable("l", Some("[1, x]")), variable("none", None)],
    );
    let expected = json!({"quoted": "3", "plain": 13, "words": "size 3!", "typed": 3, "list": [1, "x"], "block": "n=3\n",
        "function": "SMALL", "foreign": "{{ $labels.instance }} {{ .Values.x }}", "mixed": "{{ $x }}-3",
        "items": [{"name": "a", "value": "3"}], "k3": 1});
    let render = scene.rendered();
    assert_eq!(render.layers[0].value, expected);
    let origin = |path: &str| serde_json::to_value(&render.layers[0].origins[path]).unwrap();
    assert_eq!(origin("items[name=a].value"), json!({"origin": "variable", "name": "n", "default": true}));
    assert_eq!(render.layers[0].text, values, "the text keeps its references");
    scene.composition.variables = plain(&[("n", "4")]);
    let render = scene.rendered();
    assert_eq!(render.layers[0].value["typed"], json!(4));
    assert_eq!(
        serde_json::to_value(&render.layers[0].origins["quoted"]).unwrap(),
        json!({"origin": "variable", "name": "n", "default": false})
    );
}

#[test]
fn a_reference_that_means_nothing_is_named_and_placed() {
    let required = VariableDefinition { required: true, ..variable("must", None) };
    let number = VariableDefinition { format: VariableFormat::Number, ..variable("number", Some("many")) };
    for (text, code, names) in [
        ("{{.spectro.var.nowhere}}", "UNRESOLVED_VARIABLE", ".spectro.var.nowhere"),
        ("{{.strata.var.must}}", "UNRESOLVED_VARIABLE", ".strata.var.must"),
        ("{{.spectro.macro.nowhere}}", "UNRESOLVED_VARIABLE", ".spectro.macro.nowhere"),
        ("{{ .spectro.macro.default | upper }}", "UNRESOLVED_VARIABLE", ".spectro.macro.default"),
        ("{{.spectro.system.cluster.colour}}", "UNRESOLVED_VARIABLE", ".spectro.system.cluster.colour"),
        ("{{.spectro.system.cloud.region}}", "UNRESOLVED_VARIABLE", ".spectro.system.cloud.region"),
        ("{{.spectro.other}}", "UNRESOLVED_VARIABLE", ".spectro.other"),
        ("{{.spectro.var.number}}", "INVALID_VARIABLE", "number"),
        ("{{ if .spectro.var.must }}", "UNRESOLVED_VARIABLE", ".spectro.var.must"),
        ("{{ if .spectro.var.fine }}", "TEMPLATE_SYNTAX", "b"),
        ("{{.spectro.var.loop}}", "NESTED_REFERENCE", ".spectro.var.loop"),
    ] {
        let variables = vec![
            required.clone(),
            number.clone(),
            variable("fine", Some("x")),
            variable("loop", Some("{{.spectro.var.fine}}")),
        ];
        let scene = with_variables(&format!("# head\na: 1\nb: \"{text}\"\n"), variables);
        let problems = scene.render().unwrap_err();
        let problem = &problems[0];
        assert_eq!(
            (problems.len(), problem.code.as_str(), problem.place().as_str()),
            (1, code, "layer `app` pack values.yaml:3:1"),
            "{text}: {problem:?}"
        );
        assert!(problem.message.contains(names) && problem.help.is_some(), "{text}: {problem:?}");
    }
}

#[test]
fn what_is_plain_must_be_yaml_again() {
    let scene = with_variables("a: x{{.spectro.var.v}}\n", vec![variable("v", Some(": ["))]);
    let problem = scene.render().unwrap_err().remove(0);
    assert_eq!((problem.code.as_str(), problem.line), ("YAML_SYNTAX", Some(1)));
}

#[test]
fn system_names_macros_and_other_packs() {
    let values = "a: '{{.spectro.system.cluster.name}}/{{.strata.cluster.id}}'\nb: '{{.spectro.system.kubernetes.version}}'\n\
        c: '{{.strata.profile.name}}@{{.spectro.system.clusterprofile.version}}'\nd: '{{.spectro.macro.team}}'\n\
        e: '{{.spectro.pack.base.net.cidr}}'\nf: '{{.spectro.pack.base.nothing}}'\n\
        g: '{{ .strata.cloud.type | default \"none\" }}'\nh: '{{.strata.project.name}}'\n";
    let app = pack(&[("values.yaml", values)]);
    let base = pack(&[
        ("pack.json", r#"{"name":"base","version":"1.0.0","layer":"addon"}"#),
        ("values.yaml", "net:\n  cidr: '{{.spectro.var.cidr}}'\n"),
    ]);
    let mut scene = Scene::imported();
    let content =
        ProfileContent { variables: vec![variable("cidr", Some("10.0.0.0/8"))], ..ProfileContent::default() };
    scene.attach_content(
        "apps",
        "1.2.0",
        vec![(layer("base", &base), base), (layer("app", &app), app)],
        content,
    );
    let team = VariableValue::Plain("blue".to_owned());
    scene.composition.macros.insert("team".parse().unwrap(), Some(team));
    let render = scene.rendered();
    let id = support::uuid(0xc1);
    assert_eq!(
        render.layers[1].value,
        json!({"a": format!("edge-1/{id}"), "b": "1.33.2", "c": "apps@1.2.0", "d": "blue", "e": "10.0.0.0/8", "f": "",
            "g": "none", "h": "default"})
    );
    let read: Vec<String> = render.facts_read.keys().map(ToString::to_string).collect();
    assert_eq!(read, ["kubernetesVersion", "clusterName", "cloud"]);
    assert_eq!(render.facts_read[&FactKey::KubernetesVersion], "v1.33.2");
}

#[test]
fn manifests_of_a_profile_are_sent_as_they_are_but_for_references() {
    let pack = pack(&[("values.yaml", "pack:\n  namespace: shop\na: 1\n")]);
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: own}\nstringData:\n  rule: \"{{ $labels.instance }}\"\n  \
        password: {{.strata.macro.password}}\n";
    let mut own = layer("app", &pack);
    own.manifests = vec![AttachedManifest { name: "own".to_owned(), text: text.to_owned() }];
    let mut scene = Scene::imported();
    scene.attach_content("apps", "1.0.0", vec![(own, pack)], ProfileContent::default());
    let problem = scene.render().unwrap_err().remove(0);
    assert_eq!(
        problem.to_string(),
        "layer `app` manifest `own`:6:13: `.strata.macro.password` of layer `app` cannot be resolved: no macro has this name \
         [UNRESOLVED_VARIABLE]"
    );
    let secret = SecretText::new("hunter22");
    let fingerprint = secret.fingerprint(&DigestKey::new([1; 32]));
    scene.secrets.insert(fingerprint.clone(), secret.clone());
    let value = VariableValue::Sensitive(fingerprint);
    scene.composition.macros.insert("password".parse().unwrap(), Some(value));
    let render = scene.rendered();
    let sent = render.objects.iter().find(|object| object.key.kind == "Secret").unwrap();
    assert_eq!(sent.body["stringData"], json!({"rule": "{{ $labels.instance }}", "password": "hunter22"}));
    assert_eq!(sent.body["metadata"]["namespace"], "shop");
    assert!(render.secrets.contains(&secret));
}

#[test]
fn braces_of_others_hide_no_reference() {
    let values = "a: |\n  {{/* don't look: {{.strata.macro.no}} */}} {{ it's }}\n  {{ open 'x\n  {{.strata.var.n}} {{ `raw\n  text` }}\n";
    let scene = with_variables(values, vec![variable("n", Some("3"))]);
    let value = scene.rendered().layers[0].value["a"].as_str().unwrap().to_owned();
    assert!(
        value.contains("\n3 {{ `raw") && value.contains("{{.strata.macro.no}} */}} {{ it's }}"),
        "{value}"
    );
}

#[test]
fn the_schema_of_a_pack_is_held() {
    let schema = "app.port:\n  schema: '{{ required | format \"${number:[1-100]}\" | hints \"a port\" }}'\n\
        app.name:\n  schema: '{{ readonly | format \"${string:/[a-z]+/}\" }}'\n";
    let values = "app:\n  port: '{{.spectro.var.port | fromYaml}}'\n  name: web\n";
    let pack = pack(&[("values.yaml", values), ("schema.yaml", schema)]);
    let with = |own: &str, port: Option<&str>| {
        let content = ProfileContent { variables: vec![variable("port", port)], ..ProfileContent::default() };
        let mut scene = Scene::imported();
        let layer = with_values(layer("app", &pack), own);
        scene.attach_content("apps", "1.0.0", vec![(layer, pack.clone())], content);
        scene
    };
    let told = |scene: &Scene| -> Vec<String> {
        scene.render().unwrap_err().iter().map(ToString::to_string).collect()
    };
    assert_eq!(with("", Some("80")).rendered().layers[0].value["app"]["port"], json!(80));
    assert_eq!(
        told(&with("", Some("101"))),
        [
            "layer `app` pack values.yaml:2:3: `app.port`: the value does not fit the range 1 to 100 [VALUES_SCHEMA]"
        ]
    );
    let wrong = "app:\n  port: ~\n  name: Web\n";
    assert_eq!(
        told(&with(wrong, None)),
        [
            "layer `app` values.yaml:2:3: `app.port`: a value is required [VALUES_SCHEMA]",
            "layer `app` values.yaml:3:3: `app.name`: the value does not fit the pattern `^(?:[a-z]+)$` [VALUES_SCHEMA]",
        ]
    );
    let mut scene = with("", Some("80"));
    let patch = Patch(vec![PatchOperation::Set { path: "app.name".parse().unwrap(), value: json!("other") }]);
    scene.override_layer("app", patch);
    assert_eq!(
        told(&scene),
        ["layer `app` override: `app.name`: only the profile may say it, not a cluster [VALUES_SCHEMA]"]
    );
}

#[test]
fn sensitive_values_are_remembered_in_every_form_they_take() {
    let sensitive = VariableDefinition { sensitive: true, ..variable("pw", None) };
    let values = "a: '{{.spectro.var.pw}}'\nb: 'x{{ .spectro.var.pw | upper }}'\n";
    let mut scene = with_variables(values, vec![sensitive]);
    let secret = SecretText::new("hunter22");
    let fingerprint = secret.fingerprint(&DigestKey::new([1; 32]));
    scene.composition.variables.insert("pw".to_owned(), VariableValue::Sensitive(fingerprint.clone()));
    let missing = scene.render().unwrap_err();
    assert_eq!(missing[0].code, "UNRESOLVED_VARIABLE");
    scene.secrets.insert(fingerprint, secret.clone());
    let render = scene.rendered();
    assert_eq!(render.layers[0].value, json!({"a": "hunter22", "b": "xHUNTER22"}));
    assert_eq!(render.secrets, [SecretText::new("HUNTER22"), secret]);
    assert!(!format!("{:?}", render.secrets).contains("unter"));
}

#[test]
fn a_secret_stays_one_in_another_layer() {
    let base = pack(&[
        ("pack.json", r#"{"name":"base","version":"1.0.0","layer":"addon"}"#),
        ("values.yaml", "url: 'db://{{.spectro.var.pw}}@host'\n"),
    ]);
    let app = pack(&[("values.yaml", "a: '{{ .strata.pack.base.url | upper }}'\n")]);
    let mut scene = Scene::imported();
    let sensitive = VariableDefinition { sensitive: true, ..variable("pw", Some("hunter22")) };
    let content = ProfileContent { variables: vec![sensitive], ..ProfileContent::default() };
    scene.attach_content(
        "apps",
        "1.0.0",
        vec![(layer("base", &base), base), (layer("app", &app), app)],
        content,
    );
    let render = scene.rendered();
    assert_eq!(render.layers[1].value, json!({"a": "DB://HUNTER22@HOST"}));
    assert!(render.secrets.contains(&SecretText::new("DB://HUNTER22@HOST")));
}

#[test]
fn an_error_does_not_quote_a_secret() {
    let manifest = "{{ fail (printf \"no %s, %s, %s\" .Values.a .Values.b (b64enc .Values.a)) }}";
    let app = pack(&[
        ("values.yaml", "a: '{{.spectro.var.pw}}'\nb: '{{ .spectro.var.pw | upper }}'\n"),
        ("manifests/m.yaml", manifest),
    ]);
    let mut scene = Scene::imported();
    let sensitive = VariableDefinition { sensitive: true, ..variable("pw", Some("hunter22")) };
    let content = ProfileContent { variables: vec![sensitive], ..ProfileContent::default() };
    scene.attach_content("apps", "1.0.0", vec![(layer("app", &app), app)], content);
    let problem = scene.render().unwrap_err().remove(0);
    assert!(problem.message.contains("no ‹secret›, ‹secret›, ‹secret›"), "{}", problem.message);
}

#[test]
fn passwords_of_the_schema_and_data_of_secrets_are_secrets() {
    let scene = single(
        &[
            ("values.yaml", "pw: longenough\nfree: word\n"),
            ("schema.yaml", "pw:\n  schema: '{{ format \"${password}\" }}'\n"),
            (
                "manifests/app.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: {{ b64enc \"decoded1\" }}}\nstringData: {j: clear-text}\n",
            ),
        ],
        "",
    );
    let secrets = scene.rendered().secrets;
    assert_eq!(secrets, ["clear-text", "decoded1", "longenough"].map(SecretText::new));
}

#[test]
fn an_override_wins_and_must_fit() {
    let mut scene = single(&[("values.yaml", "a: 1\nl: [1]\n")], "b: 2\n");
    let patch = |value: serde_json::Value| serde_json::from_value(value).unwrap();
    scene.override_layer(
        "app",
        patch(json!([{"op": "set", "path": "a", "value": null}, {"op": "remove", "path": "b"}])),
    );
    scene.override_layer("nobody", patch(json!([{"op": "set", "path": "a", "value": 1}])));
    let render = scene.rendered();
    assert_eq!(render.layers[0].value, json!({"a": null, "l": [1]}));
    assert_eq!(render.warnings[0].code, "OVERRIDE_WITHOUT_LAYER");
    scene.override_layer("app", patch(json!([{"op": "set", "path": "l.x", "value": 1}])));
    assert_eq!(scene.render().unwrap_err()[0].code, "OVERRIDE_DOES_NOT_FIT");
}

#[test]
fn a_section_of_the_manifests_is_its_values() {
    let manifest = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{v: {{{{ .Values | toJson | quote }}}}}}\n"
        )
    };
    let scene = single(
        &[
            ("values.yaml", "pack: {namespace: shop}\nmanifests:\n  one: {a: 1000000}\n"),
            ("manifests/one.yaml", &manifest("one")),
            ("manifests/two.yaml", &manifest("two")),
        ],
        "",
    );
    let render = scene.rendered();
    assert_eq!(body(&render, "ConfigMap shop/one")["data"]["v"], r#"{"a":1000000}"#);
    assert_eq!(body(&render, "ConfigMap shop/two")["data"]["v"], r#"{"manifests":{"one":{"a":1000000}}}"#);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    /// Whatever stands in values: a render ends, in an answer or in problems, and gives the same each time.
    #[test]
    fn any_text_of_values_is_survived(text in "([a-c]: )?[-{}\\[\\]'\"`|:.$a-d \\n]{0,40}(\\{\\{ ?[.$a-z|\" -]{0,20}spectro.var.n[ |a-zA-Z\"-]{0,12}\\}\\})?[ a-d\"'\\n]{0,10}") {
        let pack = pack(&[]);
        let mut scene = Scene::imported();
        let content = ProfileContent { variables: vec![variable("n", Some("3"))], ..ProfileContent::default() };
        scene.attach_content("apps", "1.0.0", vec![(with_values(layer("app", &pack), &text), pack)], content);
        let render = |scene: &Scene| scene.render().map(|render| render.layers[0].value.clone());
        proptest::prop_assert_eq!(render(&scene), render(&scene));
    }

    /// A variable in quotes stays the text that it is, whatever it holds.
    #[test]
    fn quoted_stays_text(value in "[^{}]{0,40}") {
        let scene = with_variables("a: \"{{.spectro.var.n}}\"\n", vec![variable("n", Some(&value))]);
        proptest::prop_assert_eq!(scene.rendered().layers[0].value.clone(), json!({"a": value}));
    }
}
