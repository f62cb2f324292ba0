//! From templates to objects: errors with places, namespaces, scopes, shared objects, facts.

mod support;

use serde_json::json;
use strata_model::{composition::HeldLayer, fact::FactKey};

use support::{Scene, body, keys, layer, pack, revision, single, with_values};

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: parts.acme.io}\n\
    spec: {group: acme.io, scope: Cluster, names: {kind: Part}, versions: [{name: v1, served: true}]}\n";

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

#[test]
fn template_errors_name_layer_file_line_and_column() {
    let scene = single(
        &[
            ("values.yaml", "a: {}\n"),
            ("manifests/app.yaml", "apiVersion: v1\nkind: X\nname: {{ .Values.a.b.c }}\n"),
            ("manifests/other.yaml", "# one\n{{ fail \"no good\" }}\n"),
        ],
        "",
    );
    let problems = scene.render().unwrap_err();
    let told: Vec<String> =
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.place())).collect();
    assert_eq!(
        told,
        [
            "TEMPLATE_FAILED layer `app` manifests/app.yaml:3:10",
            "TEMPLATE_FAILED layer `app` manifests/other.yaml:2:4"
        ]
    );
    assert!(problems[1].message.contains("no good"), "{}", problems[1].message);
}

#[test]
fn what_is_no_object_is_refused_with_its_line() {
    for (text, code, line) in [
        ("- a\n", "OBJECT_INVALID", 1),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "OBJECT_INVALID", 1),
        ("apiVersion: v1\nkind: ConfigMap\n---\n", "OBJECT_INVALID", 1),
        ("# words\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "OBJECT_INVALID", 3),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n", "OBJECT_INVALID", 1),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: 1}}\n", "OBJECT_INVALID", 1),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a/b}\n", "OBJECT_INVALID", 1),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {k: '!'}\n", "SECRET_DATA_NOT_BASE64", 1),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {k: 1}\n", "OBJECT_INVALID", 1),
        ("a: 1\nb: *x\n", "YAML_SYNTAX", 2),
    ] {
        let problems = single(&[("manifests/app.yaml", text)], "").render().unwrap_err();
        let problem = &problems[0];
        assert_eq!((problem.code.as_str(), problem.line), (code, Some(line)), "{text}: {problem:?}");
        assert_eq!(problem.file.as_deref(), Some("layer `app` manifests/app.yaml (rendered)"));
        assert!(problem.help.is_some());
    }
    let twice = format!("{0}---\n{0}", config("x"));
    let problems = single(&[("manifests/app.yaml", &twice)], "").render().unwrap_err();
    assert_eq!(problems[0].code, "OBJECT_RENDERED_TWICE");
}

#[test]
fn lists_are_flattened_and_empty_documents_left_out() {
    let text = "---\n---\n# nothing\n---\n{}\n---\napiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n  \
        - apiVersion: v1\n    kind: ConfigMapList\n    items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]\n";
    let render = single(&[("manifests/app.yaml", text)], "").rendered();
    assert_eq!(keys(&render), ["W ConfigMap default/a", "W ConfigMap default/b"]);
}

#[test]
fn namespaces_are_given_taken_and_made() {
    let text = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: b, namespace: other}}\n---\napiVersion: rbac.authorization.k8s.io/v1\n\
         kind: ClusterRole\nmetadata: {{name: r, namespace: oops}}\n",
        config("a")
    );
    let values = "pack:\n  namespace: shop\n  additionalNamespaces: [other]\n  namespaceLabels:\n    shop: \"team=blue,tier=1\"\n  \
        namespaceAnnotations:\n    other: {note: x}\n";
    let render = single(&[("manifests/app.yaml", &text)], values).rendered();
    assert_eq!(
        keys(&render),
        [
            "W Namespace shop",
            "W Namespace other",
            "W ConfigMap shop/a",
            "W ConfigMap other/b",
            "W ClusterRole.rbac.authorization.k8s.io r"
        ]
    );
    assert_eq!(body(&render, "Namespace shop")["metadata"]["labels"]["tier"], "1");
    assert_eq!(body(&render, "Namespace other")["metadata"]["annotations"], json!({"note": "x"}));
    assert!(body(&render, "ClusterRole.rbac.authorization.k8s.io r")["metadata"].get("namespace").is_none());
    let problems =
        single(&[("manifests/app.yaml", &text)], "pack: {namespace: No_Good}").render().unwrap_err();
    assert_eq!(problems[0].code, "INVALID_NAMESPACE");
}

#[test]
fn a_namespace_belongs_to_all_who_render_it_and_nothing_else_does() {
    let one = pack(&[
        ("values.yaml", "pack: {namespace: shop, namespaceLabels: {shop: \"a=1\"}}\n"),
        ("manifests/m.yaml", &config("x")),
    ]);
    let two = pack(&[
        ("pack.json", r#"{"name":"two","version":"1.0.0","layer":"addon"}"#),
        ("values.yaml", "pack: {namespace: shop}\n"),
        (
            "manifests/m.yaml",
            &format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{b: '2'}}}}\n---\n{}",
                config("other")
            ),
        ),
    ]);
    let scene = |second: &str| {
        let mut scene = Scene::imported();
        let layers =
            vec![(layer("one", &one), one.clone()), (with_values(layer("two", &two), second), two.clone())];
        scene.attach("apps", "1.0.0", layers);
        scene
    };
    let render = scene("").rendered();
    assert_eq!(keys(&render), ["W Namespace shop", "W ConfigMap shop/x", "W ConfigMap shop/other"]);
    let shared = &render.objects[0];
    assert_eq!(shared.layers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["one", "two"]);
    let labels = &shared.body["metadata"]["labels"];
    assert_eq!((&labels["a"], &labels["b"]), (&json!("1"), &json!("2")));
    assert_eq!(render.duplicates, []);
    // Two words for one label.
    let render = scene("pack: {namespaceLabels: {shop: \"a=2\"}}").rendered();
    assert_eq!(render.duplicates.len(), 1);
    assert_eq!(render.duplicates[0].key.to_string(), "Namespace shop");
    assert_eq!(render.objects.len(), 3);
}

#[test]
fn one_object_of_two_layers_is_a_duplicate() {
    let manifests = [("manifests/m.yaml", config("same"))];
    let one = pack(&[("manifests/m.yaml", &manifests[0].1)]);
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(layer("one", &one), one.clone()), (layer("two", &one), one)]);
    let render = scene.rendered();
    assert_eq!(render.duplicates.len(), 1);
    let layers: Vec<&str> = render.duplicates[0].layers.iter().map(|layer| layer.as_str()).collect();
    assert_eq!(layers, ["one", "two"]);
}

#[test]
fn scopes_and_capabilities_include_what_the_composition_defines() {
    let user = "{{ if .Capabilities.APIVersions.Has \"acme.io/v1\" }}\napiVersion: acme.io/v1\nkind: Part\nmetadata: {name: p}\n{{ end }}\n";
    let one = pack(&[("manifests/m.yaml", user)]);
    let two = pack(&[
        ("pack.json", r#"{"name":"two","version":"1.0.0","layer":"addon"}"#),
        ("manifests/m.yaml", CRD),
    ]);
    let mut scene = Scene::imported();
    scene.attach("apps", "1.0.0", vec![(layer("one", &one), one), (layer("two", &two), two)]);
    let before = scene.rendered();
    assert_eq!(
        keys(&before),
        ["W CustomResourceDefinition.apiextensions.k8s.io parts.acme.io", "W Part.acme.io p"]
    );
    // The law: once applied, the cluster serves what was defined, and the same render comes out.
    scene.facts.api_versions.extend(["acme.io/v1".to_owned(), "acme.io/v1/Part".to_owned()]);
    scene.facts.cluster_scoped.insert("acme.io/Part".to_owned());
    let after = scene.rendered();
    assert_eq!((before.objects, before.facts_read), (after.objects, after.facts_read));
}

#[test]
fn facts_are_recorded_when_they_are_read() {
    let text = "{{ if .Capabilities.APIVersions.Has \"monitoring.coreos.com/v1\" }}\napiVersion: monitoring.coreos.com/v1\n\
        kind: ServiceMonitor\nmetadata: {name: m}\n{{ end }}\n---\napiVersion: acme.io/v1\nkind: Thing\nmetadata: {name: t}\n\
        stage: {{ .Strata.Cluster.Labels.stage }}\nteam: {{ .Strata.Cluster.Labels.Get \"acme.io/team\" | default \"none\" }}\n\
        minor: {{ .Capabilities.KubeVersion.Minor | quote }}\n\
        found: {{ (lookup \"v1\" \"ConfigMap\" \"a\" \"b\").data | default \"no\" }}\n";
    let mut scene = single(&[("manifests/m.yaml", text)], "");
    scene.facts.labels.insert("stage".to_owned(), "prod".to_owned());
    scene.facts.labels.insert("unread".to_owned(), "x".to_owned());
    let render = scene.rendered();
    let thing = body(&render, "Thing.acme.io default/t");
    assert_eq!(
        (&thing["stage"], &thing["team"], &thing["minor"]),
        (&json!("prod"), &json!("none"), &json!("33"))
    );
    let read: Vec<String> = render.facts_read.keys().map(ToString::to_string).collect();
    assert_eq!(
        read,
        [
            "kubernetesVersion",
            "apiVersion monitoring.coreos.com/v1",
            "clusterScoped acme.io/Thing",
            "label acme.io/team",
            "label stage",
            "lookup v1 ConfigMap a/b"
        ]
    );
    assert_eq!(render.facts_read[&FactKey::ApiVersion("monitoring.coreos.com/v1".to_owned())], json!(false));
    assert_eq!(render.warnings[0].code, "LOOKUP_UNANSWERED");
    scene.facts.api_versions.insert("monitoring.coreos.com/v1".to_owned());
    scene.facts.cluster_scoped.insert("acme.io/Thing".to_owned());
    assert_eq!(
        keys(&scene.rendered()),
        ["W ServiceMonitor.monitoring.coreos.com default/m", "W Thing.acme.io t"]
    );
}

/// What decides whether a definition is there at all is asked once, before it is there.
#[test]
fn facts_are_seen_in_every_round() {
    let text = format!(
        "{{{{ if .Capabilities.APIVersions.Has \"acme.io/v1\" }}}}\n{CRD}{{{{ else if eq .Strata.Cluster.Labels.crds \"yes\" }}}}\n{CRD}{{{{ end }}}}\n"
    );
    let mut scene = single(&[("manifests/m.yaml", &text)], "");
    let seen = |scene: &Scene| {
        let render = scene.rendered();
        (render.objects.len(), render.facts_seen.keys().map(ToString::to_string).collect::<Vec<_>>())
    };
    let both = || vec!["apiVersion acme.io/v1".to_owned(), "label crds".to_owned()];
    scene.facts.labels.insert("crds".to_owned(), "yes".to_owned());
    assert_eq!(seen(&scene), (1, both()));
    scene.facts.labels.insert("crds".to_owned(), "no".to_owned());
    assert_eq!(seen(&scene), (0, both()));
}

/// What a looked-up Secret holds is a secret wherever a template puts it.
#[test]
fn what_was_looked_up_is_known_as_a_secret() {
    let text = "{{ $login := lookup \"v1\" \"Secret\" \"shop\" \"login\" }}\napiVersion: v1\nkind: ConfigMap\n\
        metadata: {name: copied}\ndata: {word: 'is {{ $login.data.word | b64dec }}'}\n";
    let mut scene = single(&[("manifests/m.yaml", text)], "");
    let login = json!({"kind": "Secret", "apiVersion": "v1", "data": {"word": "Y29ycmVjdC1ob3JzZQ=="}});
    scene.facts.lookups.insert("lookup v1 Secret shop/login".to_owned(), login);
    let render = scene.rendered();
    assert_eq!(body(&render, "ConfigMap default/copied")["data"]["word"], json!("is correct-horse"));
    assert!(render.secrets.iter().any(|secret| secret.expose() == "correct-horse"));
}

#[test]
fn templates_that_contradict_themselves_come_to_an_end() {
    let text =
        format!("{{{{ if not (.Capabilities.APIVersions.Has \"acme.io/v1\") }}}}\n{CRD}{{{{ end }}}}\n");
    let problems = single(&[("manifests/m.yaml", &text)], "").render().unwrap_err();
    assert_eq!(problems[0].code, "CAPABILITIES_DO_NOT_SETTLE");
}

#[test]
fn add_ons_come_in_the_order_of_their_priority() {
    let one = pack(&[
        ("values.yaml", "pack: {\"spectrocloud.com/install-priority\": \"20\"}"),
        ("manifests/m.yaml", &config("late")),
    ]);
    let two = pack(&[
        ("pack.json", r#"{"name":"two","version":"1.0.0","layer":"addon"}"#),
        ("values.yaml", "pack: {installPriority: -5}"),
        ("manifests/m.yaml", &config("early")),
    ]);
    let three = pack(&[
        ("pack.json", r#"{"name":"three","version":"1.0.0","layer":"addon"}"#),
        ("manifests/m.yaml", &config("middle")),
    ]);
    let mut scene = Scene::imported();
    scene.attach(
        "apps",
        "1.0.0",
        vec![(layer("one", &one), one), (layer("two", &two), two), (layer("three", &three), three)],
    );
    assert_eq!(
        keys(&scene.rendered()),
        ["W ConfigMap default/early", "W ConfigMap default/middle", "W ConfigMap default/late"]
    );
}

#[test]
fn held_layers_stay_at_their_revision() {
    let old = pack(&[("values.yaml", "v: old\n")]);
    let new = pack(&[("values.yaml", "v: new\n")]);
    let mut scene = Scene::imported();
    scene.attach(
        "apps",
        "1.1.0",
        vec![(layer("app", &new), new.clone()), (layer("gone", &new), new.clone())],
    );
    scene.attach("apps", "1.0.0", vec![(layer("other", &old), old)]);
    scene.composition.attachments.remove(0);
    let hold = |name: &str| HeldLayer {
        layer: name.parse().unwrap(),
        revision: revision("apps", "1.1.0"),
        reason: "it cannot go back".to_owned(),
    };
    scene.composition.held = vec![hold("app")];
    let render = scene.rendered();
    let layers: Vec<String> =
        render.layers.iter().map(|own| format!("{} {} {}", own.layer, own.revision, own.value)).collect();
    assert_eq!(layers, ["other apps@1.0.0 {\"v\":\"old\"}", "app apps@1.1.0 {\"v\":\"new\"}"]);
    scene.composition.held = vec![hold("nothing")];
    assert_eq!(scene.render().unwrap_err()[0].code, "UNKNOWN_LAYER");
}

#[test]
fn what_a_composition_names_must_be_there() {
    let mut scene = single(&[], "");
    scene.packs.clear();
    assert_eq!(scene.render().unwrap_err()[0].code, "UNKNOWN_PACK");
    scene.contents.clear();
    assert_eq!(scene.render().unwrap_err()[0].code, "UNKNOWN_REVISION");
    let one = pack(&[]);
    let mut scene = single(&[], "");
    scene.attach("more", "1.0.0", vec![(layer("app", &one), one)]);
    assert_eq!(scene.render().unwrap_err()[0].code, "DUPLICATE_LAYER");
}

#[test]
fn a_template_without_end_stops() {
    let text = "{{ range $i := until 100000 }}{{ range $j := until 100000 }}x{{ end }}{{ end }}";
    let problems = single(&[("manifests/m.yaml", text)], "").render().unwrap_err();
    assert_eq!(problems[0].code, "TEMPLATE_BUDGET");
    let text = "apiVersion: v1\nkind: List\nitems:\n{{- range until 6000 }}\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: c{{ . }}}}\n{{- end }}";
    let problems = single(&[("manifests/m.yaml", text)], "").render().unwrap_err();
    assert_eq!(problems[0].code, "RENDER_TOO_LARGE");
}

#[test]
fn a_version_that_nobody_knows_is_told() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {v: {{ .Strata.KubernetesVersion | quote }}}\n";
    let mut scene = single(&[("manifests/m.yaml", text)], "");
    assert_eq!(body(&scene.rendered(), "ConfigMap default/c")["data"]["v"], "v1.33.2");
    scene.facts.kubernetes_version = None;
    assert_eq!(scene.rendered().warnings[0].code, "KUBERNETES_VERSION_UNKNOWN");
}
