//! The pack format: what loads, and what every mistake gives.

mod support;

use strata_model::{pack::ConstraintKind, profile::LayerKind};
use strata_render::{load_pack, pack_digest};

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
                "resources":[]},"eol":"2030-01-01","flavour":"sweet"}"#,
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
    assert_eq!(pack.unknown["eol"], "2030-01-01");
    assert_eq!(pack.unknown["flavour"], "sweet");
    let codes: Vec<&str> = loaded.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["PACK_CONSTRAINT_NOT_CHECKED", "PACK_UNKNOWN_KEY", "MANIFEST_NOT_LISTED"]);
    assert!(loaded.warnings[1].line.is_some());
    assert_ne!(pack_digest(&pack), pack_digest(&load_pack(&files(&[])).unwrap().pack));
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
            "{\"name\":\"a\",\"version\":\"1.0.0\",\"layer\":\"os\",\"kubeManifests\":[\"no.yaml\"]}",
            "PACK_FILE_MISSING",
            "pack.json",
        ),
        ("charts/x-1.0.0.tgz", "x", "CHART_ARCHIVE_INVALID", "charts/x-1.0.0.tgz"),
        ("charts/x/Chart.yaml", "x", "CHART_ARCHIVE_INVALID", "charts/x/Chart.yaml"),
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
