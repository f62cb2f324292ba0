//! The pack format: what loads, and what every mistake gives.

mod support;

use strata_model::{
    diagnostic::Diagnostic,
    pack::{ConstraintKind, ResourceKind, ScheduleType},
    profile::LayerKind,
};
use strata_render::{Adopted, Alone, LoadedPack, adopt, load_pack, render_alone, report};

use support::{example, examples, files};

#[test]
fn every_example_pack_loads() {
    let mut folders: Vec<String> = std::fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let names: Vec<String> = folders
        .iter()
        .map(|folder| {
            let pack = example(folder);
            format!("{} {} {}", pack.layer, pack.name, pack.version)
        })
        .collect();
    assert_eq!(
        names,
        [
            "CNI cni-demo 1.0.0",
            "CSI csi-demo 1.0.0",
            "ADDON hello-universe 1.2.0",
            "KUBERNETES kubernetes 1.33.4",
            "KUBERNETES kubernetes 1.34.1",
            "OS ubuntu 22.4.1"
        ]
    );
}

#[test]
fn a_whole_pack_is_read() {
    let loaded = load_pack(&files(&[
        (
            "pack.json",
            r#"{"name":"app","version":"2.0.0","layer":"cni","cloudTypes":["aws"],"kubeManifests":["b.yaml","manifests/a.yaml"],
                "constraints":{"dependencies":[{"packName":"k","layer":"k8s","minVersion":"1.0","maxVersion":"","type":"notSupported"}],
                "resources":[{"type":"memory","minLimit":"","components":[{"scheduleType":"worker","resourceRequestParamRef":"a.memory",
                    "replicaCountParamRef":"a.replicas"}]},{"type":"cpu","minLimit":2000}]},
                "eol":"2030-01-01","annotations":{"system_state":"deprecated"},"flavour":"sweet"}"#,
        ),
        ("values.yaml", "# words\na: 1\n"),
        ("manifests/a.yaml", "a: {{ .Values.a }}"),
        ("manifests/b.yaml", ""),
        ("manifests/c.yaml", ""),
        ("manifests/_names.tpl", "{{ define \"x\" }}{{ end }}"),
    ]))
    .unwrap();
    let pack = loaded.pack;
    assert_eq!((pack.display_name.as_str(), pack.layer), ("app", LayerKind::Cni));
    assert_eq!(pack.cloud_types, ["aws"]);
    let constraint = &pack.constraints[0];
    assert_eq!(
        (
            constraint.kind,
            constraint.layer,
            constraint.min_version.as_deref(),
            constraint.max_version.as_deref()
        ),
        (ConstraintKind::NotSupported, Some(LayerKind::Kubernetes), Some("1.0"), None)
    );
    let paths: Vec<&str> = pack.manifests.iter().map(|manifest| manifest.path.as_str()).collect();
    assert_eq!(paths, ["manifests/_names.tpl", "manifests/b.yaml", "manifests/a.yaml"]);
    let machines = &pack.resources;
    assert_eq!((machines[0].kind, machines[0].min_limit.as_deref()), (ResourceKind::Memory, None));
    let component = &machines[0].components[0];
    assert_eq!(
        (
            component.schedule_type,
            component.resource_request_param_ref.as_deref(),
            component.replica_count_param_ref.as_deref()
        ),
        (ScheduleType::Worker, Some("a.memory"), Some("a.replicas"))
    );
    assert_eq!((machines[1].kind, machines[1].min_limit.as_deref()), (ResourceKind::Cpu, Some("2000")));
    assert_eq!(pack.end_of_life.as_deref(), Some("2030-01-01"));
    assert_eq!(pack.annotations["system_state"], "deprecated");
    assert_eq!(pack.unknown["flavour"], "sweet");
    let codes: Vec<&str> = loaded.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["PACK_CONSTRAINT_NOT_CHECKED", "PACK_UNKNOWN_KEY", "MANIFEST_NOT_LISTED"]);
    assert!(loaded.warnings[1].line.is_some());
    assert_ne!(pack.digest(), load_pack(&files(&[])).unwrap().pack.digest());
}

#[test]
fn every_mistake_has_a_place_and_a_way_out() {
    let cases: Vec<(&str, &str, &str, &str)> = vec![
        ("pack.json", "{\n  \"name\": \"a\",\n}", "PACK_JSON_SYNTAX", "pack.json:3:1"),
        ("pack.json", "[]", "PACK_JSON_SYNTAX", "pack.json:1:1"),
        ("pack.json", "{\"name\":\"a\",\"version\":\"1.0.0\"}", "PACK_FIELD_MISSING", "pack.json:1:1"),
        (
            "pack.json",
            "{\"name\":\"A b\",\"version\":\"1.0.0\",\"layer\":\"os\"}",
            "PACK_FIELD_INVALID",
            "pack.json:1:2",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\n\"version\":\"v1.0.0\",\"layer\":\"os\"}",
            "PACK_FIELD_INVALID",
            "pack.json:2:1",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\"version\":\"1.0.0\",\n\"layer\":\"kernel\"}",
            "PACK_FIELD_INVALID",
            "pack.json:2:1",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\"version\":\"1.0.0\",\"layer\":\"os\",\n\"charts\":[\"x.tgz\"]}",
            "PACK_FILE_MISSING",
            "pack.json",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\"version\":\"1.0.0\",\"layer\":\"os\",\n\"constraints\":{\"dependencies\":[\n{\"packName\":\"x\",\"type\":\"maybe\"}]}}",
            "PACK_FIELD_INVALID",
            "pack.json:3:17",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\"version\":\"1.0.0\",\"layer\":\"os\",\n\"constraints\":{\"resources\":[\n{\"type\":\"luck\"}]}}",
            "PACK_FIELD_INVALID",
            "pack.json:3:2",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\"version\":\"1.0.0\",\"layer\":\"os\",\n\"annotations\":{\"a\":[]}}",
            "PACK_FIELD_INVALID",
            "pack.json:2:16",
        ),
        (
            "pack.json",
            "{\"name\":\"a\",\"version\":\"1.0.0\",\"layer\":\"os\",\"kubeManifests\":[\"no.yaml\"]}",
            "PACK_FILE_MISSING",
            "pack.json",
        ),
        ("charts/x-1.0.0.tgz", "x", "CHART_ARCHIVE_INVALID", "charts/x-1.0.0.tgz"),
        ("charts/x/Chart.yaml", "x", "YAML_NOT_A_MAPPING", "charts/x/Chart.yaml"),
        ("charts/README.md", "x", "CHART_ARCHIVE_INVALID", "charts/README.md"),
        ("values.yaml", "a: 1\nb: *x\n", "YAML_SYNTAX", "values.yaml:2:4"),
        ("values.yaml", "- a\n", "YAML_NOT_A_MAPPING", "values.yaml"),
        ("presets.yaml", "presets:\n  - name: x\n", "PRESET_INVALID", "presets.yaml:2:5"),
        (
            "presets.yaml",
            "presets:\n  - name: x\n    group: g\n    remove: [a..b]\n",
            "PRESET_PATH_INVALID",
            "presets.yaml:4:14",
        ),
        (
            "presets.yaml",
            "presets:\n  - name: x\n    group: g\n    add: |\n      a: 1\n      b: {\n",
            "YAML_SYNTAX",
            "presets.yaml:6:10",
        ),
        (
            "presets.yaml",
            "presets:\n  - {name: x, group: g}\n  - {name: x, group: g}\n",
            "PRESET_DUPLICATE",
            "presets.yaml:3:5",
        ),
        ("schema.yaml", "a.b:\n  schema: nonsense\n", "SCHEMA_INVALID", "schema.yaml:1:1"),
        ("manifests/app.yaml", "a: 1\nb: {{ if }}\n", "TEMPLATE_SYNTAX", "manifests/app.yaml:2:1"),
        (
            "manifests/app.yaml",
            "a: 1\nb: {{ .x | nosuchfunction }}\n",
            "TEMPLATE_SYNTAX",
            "manifests/app.yaml:2:1",
        ),
    ];
    for (path, text, code, place) in cases {
        let problems = load_pack(&files(&[(path, text)])).unwrap_err();
        let problem = problems
            .iter()
            .find(|problem| problem.code == code)
            .unwrap_or_else(|| panic!("no {code} for {path} {text:?}: {problems:#?}"));
        assert_eq!(problem.place(), place, "{path} {text:?}: {problem:?}");
        assert!(problem.help.as_deref().is_some_and(|help| !help.is_empty()), "{problem:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let problems = load_pack(&files(&[
        ("pack.json", "{\"name\":\"A\",\"layer\":\"x\"}"),
        ("values.yaml", "- a"),
        ("presets.yaml", "presets: 1"),
        ("schema.yaml", "a: b"),
        ("manifests/a.yaml", "{{"),
        ("manifests/b.yaml", "{{ end }}"),
    ]))
    .unwrap_err();
    let mut files: Vec<String> = problems.iter().filter_map(|problem| problem.file.clone()).collect();
    files.dedup();
    assert_eq!(
        files,
        ["pack.json", "values.yaml", "presets.yaml", "schema.yaml", "manifests/a.yaml", "manifests/b.yaml"]
    );
    assert_eq!(problems.len(), 8, "{problems:#?}");
}

#[test]
fn what_is_no_text_is_placed() {
    let mut broken = files(&[]);
    broken.insert("values.yaml".to_owned(), b"a: 1\nb: \xff\n".to_vec());
    let problems = load_pack(&broken).unwrap_err();
    assert_eq!(
        (problems[0].code.as_str(), problems[0].place().as_str()),
        ("PACK_NOT_TEXT", "values.yaml:2:4")
    );
}

#[test]
fn an_alias_bomb_is_refused_where_it_goes_off() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    for file in ["values.yaml", "presets.yaml", "schema.yaml"] {
        let problems = load_pack(&files(&[(file, &text)])).unwrap_err();
        assert_eq!((problems[0].code.as_str(), problems[0].file.as_deref()), ("YAML_TOO_LARGE", Some(file)));
        assert!(problems[0].line.is_some());
    }
}

fn adopted(entries: &[(&str, &str)], said: &Adopted) -> Result<LoadedPack, Vec<Diagnostic>> {
    let files = entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    load_pack(&adopt(files, said)?)
}

const CHART: &[(&str, &str)] = &[
    ("Chart.yaml", "apiVersion: v2\nname: web\nversion: v1.2.0\n"),
    ("values.yaml", "# how many\nreplicas: 2\n\nempty: null\n"),
    (
        "templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {count: \"{{ .Values.replicas }}\"}\n",
    ),
    (".helmignore", "*.md\n"),
    ("notes.md", "not part of it"),
];

#[test]
fn a_chart_becomes_a_pack() {
    let loaded = adopted(CHART, &Adopted::default()).unwrap();
    let pack = loaded.pack;
    assert_eq!((pack.name.as_str(), pack.version.as_str(), pack.layer), ("web", "1.2.0", LayerKind::Addon));
    // Its values are shown and left to it.
    assert!(pack.values.contains("charts:\n  web: {}\n"), "{}", pack.values);
    assert!(pack.values.ends_with("# # how many\n# replicas: 2\n#\n# empty: null\n"), "{}", pack.values);
    let render = render_alone(pack.clone(), &Alone::default()).unwrap();
    let body = &render.objects[0].body;
    assert_eq!((&body["metadata"]["name"], &body["data"]["count"]), (&"web-web".into(), &"2".into()));
    // The same files give the same pack, and what is ignored does not count.
    let others: Vec<(&str, &str)> = CHART.iter().copied().filter(|(path, _)| *path != "notes.md").collect();
    assert_eq!(adopted(&others, &Adopted::default()).unwrap().pack.digest(), pack.digest());
    let said = Adopted { name: Some("shop".into()), version: Some("9.0.0".into()) };
    let named = adopted(CHART, &said).unwrap().pack;
    assert_eq!((named.name.as_str(), named.version.as_str()), ("shop", "9.0.0"));
    let library = [("Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n")];
    assert_eq!(adopted(&library, &Adopted::default()).unwrap_err()[0].code, "CHART_IS_LIBRARY");
}

#[test]
fn a_chart_in_a_pack_may_be_a_folder() {
    let mut entries: Vec<(String, &str)> =
        CHART.iter().map(|(path, text)| (format!("charts/web/{path}"), *text)).collect();
    entries.push(("values.yaml".to_owned(), "charts:\n  web:\n    replicas: 5\n"));
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let pack = load_pack(&files(&entries)).unwrap().pack;
    assert_eq!((pack.charts[0].name.as_str(), pack.charts[0].path.as_str()), ("web", "charts/web"));
    let render = render_alone(pack, &Alone::default()).unwrap();
    assert_eq!(render.objects[0].body["data"]["count"], "5");
}

#[test]
fn plain_manifests_become_a_pack() {
    let said = Adopted { name: Some("rules".into()), version: Some("1.0.0".into()) };
    let text =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: alert}\ndata: {text: 'on {{ $labels.node }}'}\n";
    let json = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two"}}"#;
    let entries = [("_alert.yaml", text), ("more/two.json", json), ("README.md", "")];
    let pack = adopted(&entries, &said).unwrap().pack;
    let paths: Vec<&str> = pack.manifests.iter().map(|manifest| manifest.path.as_str()).collect();
    assert_eq!(paths, ["manifests/alert.yaml", "manifests/more/two.json.yaml"]);
    let render = render_alone(pack, &Alone::default()).unwrap();
    let alert = render.objects.iter().find(|object| object.key.name == "alert").unwrap();
    assert_eq!(alert.body["data"]["text"], "on {{ $labels.node }}", "it is no template");
    assert_eq!(render.objects.len(), 2);

    let codes = |entries: &[(&str, &str)], said: &Adopted| -> Vec<String> {
        adopted(entries, said).unwrap_err().into_iter().map(|problem| problem.code).collect()
    };
    assert_eq!(codes(&entries, &Adopted::default()), ["PACK_FIELD_MISSING", "PACK_FIELD_MISSING"]);
    assert_eq!(codes(&[("a.yaml", "a: 1\n"), ("b.yaml", text)], &said), ["OBJECT_INVALID"]);
    assert_eq!(codes(&[("kustomization.yaml", "resources: []\n")], &said), ["MANIFESTS_NOT_PLAIN"]);
    assert_eq!(codes(&[("README.md", "")], &said), ["PACK_FILE_MISSING"]);
    let pack = [("pack.json", "{}")];
    assert_eq!(codes(&pack, &said), ["PACK_FIELD_INVALID"], "it names itself");
}

#[test]
fn what_will_fail_is_reported_and_no_reason_to_refuse() {
    let broken = files(&[
        ("values.yaml", ""),
        (
            "manifests/a.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {key: '{{ .Values.key }}!'}\n",
        ),
        ("manifests/b.yaml", "metadata: {name: b}\n"),
    ]);
    let pack = load_pack(&broken).unwrap().pack;
    let told: Vec<(String, Option<String>)> =
        report(&pack).into_iter().map(|problem| (problem.code, problem.file)).collect();
    let codes: Vec<&str> = told.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["SECRET_DATA_NOT_BASE64", "OBJECT_INVALID"], "{told:#?}");
    assert!(
        told.iter().all(|(_, file)| file.as_deref().is_some_and(|file| file.contains("manifests/"))),
        "{told:#?}"
    );
    let sound = load_pack(&files(&[("manifests/a.yaml", "")])).unwrap().pack;
    assert_eq!(report(&sound), []);
}

#[test]
fn keys_that_nothing_reads_are_reported() {
    let values = "pack:\n  namespace: a\n  spectrocloud.com/install-priority: \"3\"\n  namspace: b\ncharts:\n  wbe: {}\nmanifests:\n  a: {}\n  b: {}\n";
    let loaded = load_pack(&files(&[("values.yaml", values), ("manifests/a.yaml", "")])).unwrap();
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "values.yaml:4:3: `pack.namspace` is not known; it is kept [PACK_UNKNOWN_KEY]",
            "values.yaml:6:3: `charts.wbe` is no chart of the pack; it is kept [PACK_UNKNOWN_KEY]",
            "values.yaml:9:3: `manifests.b` is no manifest of the pack; it is kept [PACK_UNKNOWN_KEY]",
        ]
    );
}

#[test]
fn a_release_is_named_as_helm_takes_it() {
    for (name, fits) in
        [("storefront", true), ("a.b-c", true), ("--post-renderer=/bin/sh", false), ("A", false)]
    {
        let values = format!("pack:\n  releaseNameOverride: \"{name}\"\n");
        let pack = load_pack(&files(&[("values.yaml", &values), ("manifests/a.yaml", "")])).unwrap().pack;
        let codes: Vec<String> = report(&pack).into_iter().map(|problem| problem.code).collect();
        let expected: &[&str] = if fits { &[] } else { &["INVALID_RELEASE_NAME"] };
        assert_eq!(codes, expected, "{name}");
    }
}
