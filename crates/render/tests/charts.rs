//! Helm charts, small ones written here. What is expected was recorded from Helm 3.21 on the same charts.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::{collections::BTreeMap, rc::Rc};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use strata_model::{Timestamp, diagnostic::Diagnostic};
use strata_render::{
    chart::{
        Chart, ChartInput, ChartRelease, DefaultFacts, DeletePolicy, HookEvent, RenderedChart, parse_values,
        render_chart,
    },
    template::{SeededGenerator, with_large_stack},
};

type Files = BTreeMap<String, Vec<u8>>;

/// Shows the values that a chart's templates see.
const SHOW: &str = "kind: Shown\nname: {{ .Template.Name }}\nv: {{ toJson .Values }}\n";

fn files(entries: &[(&str, &str)]) -> Files {
    entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn described(name: &str, more: &str) -> String {
    format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n{more}")
}

fn chart(entries: &[(&str, &str)]) -> Chart {
    Chart::from_files(&files(entries)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn try_render(chart: &Chart, values: &str) -> Result<RenderedChart, Vec<Diagnostic>> {
    let values = Value::Object(parse_values(values, "values").unwrap());
    let release = ChartRelease::install("rel", "ns");
    with_large_stack(|| {
        render_chart(&ChartInput {
            chart,
            values: &values,
            release: &release,
            facts: Rc::new(
                DefaultFacts::new().with_kube_version("1.33.2").with_api_versions(["x.io/v1/Foo"]),
            ),
            generator: Rc::new(SeededGenerator::new([0; 32], Timestamp::UNIX_EPOCH)),
        })
    })
    .unwrap()
}

fn render(chart: &Chart, values: &str) -> RenderedChart {
    try_render(chart, values).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The values that each chart of a tree saw, by the path of its template.
fn seen(chart: &Chart, values: &str) -> BTreeMap<String, Value> {
    let shown = render(chart, values).manifests.into_iter();
    shown.map(|shown| (shown.value["name"].as_str().unwrap().to_owned(), shown.value["v"].clone())).collect()
}

/// The first problem: its code and file.
fn refused(chart: &Chart, values: &str) -> (String, String) {
    let problem = try_render(chart, values).unwrap_err().swap_remove(0);
    (problem.code, problem.file.unwrap_or_default())
}

/// A chart with one subchart `s`.
fn parent(dependencies: &str, values: &str, inner: &str) -> Chart {
    chart(&[
        ("Chart.yaml", &described("p", dependencies)),
        ("values.yaml", values),
        ("templates/v.yaml", SHOW),
        ("charts/s/Chart.yaml", &described("s", "")),
        ("charts/s/values.yaml", inner),
        ("charts/s/templates/v.yaml", SHOW),
    ])
}

const S: &str = "p/charts/s/templates/v.yaml";
const P: &str = "p/templates/v.yaml";

#[test]
fn nulls_take_away_what_the_chart_says() {
    let values = "a: 1\nb: {x: 1, i: {z: 1, w: null}, o: null}\nc: null\nm: {k: 1}\n";
    let chart = parent("", values, values);
    let user = "a: null\nb: {x: null, i: {z: null, w: null, q: null}, o: null}\nc: null\nd: null\nm: null\n";
    let indented: String = user.lines().map(|line| format!("  {line}\n")).collect();
    let seen = seen(&chart, &format!("{user}s:\n{indented}"));
    let left = json!({"b": {"i": {"q": null, "w": null}, "o": null}, "d": null});
    let mut inner = left.clone();
    inner["global"] = json!({});
    assert_eq!(seen[S], inner);
    let mut outer = left;
    outer["s"] = inner;
    assert_eq!(seen[P], outer);
}

#[test]
fn plain_keys_are_what_yaml_makes_of_them() {
    let chart = parent("", "on: 1\n010: 2\n'yes': 3\n", "");
    let mut own = seen(&chart, "off: 4\nTrue: 5\n").remove(P).unwrap();
    own.as_object_mut().unwrap().shift_remove("s");
    assert_eq!(own, json!({"true": 5, "8": 2, "yes": 3, "false": 4}));
}

#[test]
fn globals_come_down_and_the_parent_wins() {
    let chart = parent(
        "",
        "global: {g: 1, h: {i: 1, d: {f: 1}}}\n",
        "global: {g: 2, h: {i: 5, j: 1, d: {e: 5}}, k: 1}\n",
    );
    let seen = seen(&chart, "s: {global: {g: 7, h: {i: 4}}}\n");
    assert_eq!(seen[S]["global"], json!({"g": 1, "h": {"i": 1, "j": 1, "d": {"f": 1, "e": 5}}, "k": 1}));
    // Three levels down the mapping is one and the same in both charts, as in Helm.
    assert_eq!(seen[P]["global"], json!({"g": 1, "h": {"i": 1, "d": {"f": 1, "e": 5}}}));
}

#[test]
fn one_chart_under_several_names() {
    let dependencies = "dependencies:
- {name: s, version: '*', alias: one}
- {name: s, version: 0.1.x, alias: two, condition: two.act}
- {name: s, version: '>9', alias: three}
";
    let chart = parent(dependencies, "one: {a: 2}\ntwo: {act: true}\n", "a: 1\n");
    let seen_all = seen(&chart, "");
    assert_eq!(seen_all["p/charts/one/templates/v.yaml"]["a"], json!(2));
    assert_eq!(seen_all["p/charts/two/templates/v.yaml"]["a"], json!(1));
    assert_eq!(seen_all.len(), 3);
    assert_eq!(seen(&chart, "two: {act: false}\n").len(), 2);
}

#[test]
fn conditions_decide_before_tags() {
    let dependencies = "dependencies: [{name: s, version: '*', condition: 'x.act,s.act', tags: [t1, t2]}]\n";
    let chart = parent(dependencies, "tags: {t1: false}\n", "a: 1\n");
    let cases = [
        ("", false),
        ("tags: {t2: true}\n", true),
        ("s: {act: true}\n", true),
        ("x: {act: false}\ns: {act: true}\n", false),
        ("x: {act: 'no'}\ns: {act: true}\n", true),
        ("tags: {t1: null}\n", true),
    ];
    for (values, on) in cases {
        assert_eq!(seen(&chart, values).contains_key(S), on, "{values}");
    }
}

#[test]
fn values_are_imported_in_both_forms() {
    let dependencies = "dependencies:
- name: s
  version: '*'
  import-values:
  - data
  - {child: default.x, parent: mine}
  - {child: i.m, parent: a.b}
  - {child: nowhere, parent: q}
";
    let chart = parent(
        dependencies,
        "k: 3\nmine: {w: 2}\n",
        "exports: {data: {k: 1, t: {u: 1}}}\ndefault: {x: {w: 1, o: 5}}\ni: {m: {l: [1]}}\n",
    );
    let mut own = seen(&chart, "mine: {o: 6}\n").remove(P).unwrap();
    own.as_object_mut().unwrap().shift_remove("s");
    own.as_object_mut().unwrap().shift_remove("global");
    assert_eq!(own, json!({"k": 3, "t": {"u": 1}, "mine": {"w": 2, "o": 6}, "a": {"b": {"l": [1]}}}));
    let warnings = render(&chart, "").warnings;
    assert!(warnings.iter().any(|warning| warning.message.contains("s.nowhere")), "{warnings:?}");
}

#[test]
fn dependencies_that_are_not_there_are_named() {
    let chart = parent("dependencies: [{name: s, version: '*'}, {name: gone, version: 1.x}]\n", "", "");
    assert_eq!(refused(&chart, ""), ("CHART_DEPENDENCY_MISSING".to_owned(), "Chart.yaml".to_owned()));
}

#[test]
fn a_library_only_lends_its_templates() {
    let library = described("lib", "type: library\n");
    let chart = chart(&[
        ("Chart.yaml", &described("p", "dependencies: [{name: lib, version: '*'}]\n")),
        ("templates/a.yaml", "kind: A\nname: {{ include \"lib.name\" . }}\n"),
        ("charts/lib/Chart.yaml", &library),
        ("charts/lib/templates/_l.tpl", "{{ define \"lib.name\" }}lent{{ end }}"),
        ("charts/lib/templates/x.yaml", "{{ fail \"never\" }}"),
    ]);
    assert_eq!(render(&chart, "").manifests[0].value["name"], "lent");
    let alone = self::chart(&[("Chart.yaml", &library)]);
    assert_eq!(refused(&alone, "").0, "CHART_IS_LIBRARY");
}

#[test]
fn templates_run_deepest_first_and_from_z_to_a() {
    let log = |name: &str| {
        format!(
            "{{{{ $_ := set .Values \"log\" (print .Values.log \"{name}\") }}}}kind: A\nlog: '{{{{ .Values.log }}}}'\nx: '{{{{ .X }}}}'\n"
        )
    };
    let with_x = format!("{{{{ $_ := set . \"X\" \"left\" }}}}{}", log("z"));
    let chart = chart(&[
        ("Chart.yaml", &described("p", "")),
        ("values.yaml", "log: ''\n"),
        (
            "templates/a.yaml",
            &format!("{}h: {{{{ include \"h\" . }}}}\ns: {{{{ toJson .Values.s }}}}\n", log("a")),
        ),
        ("templates/z.yaml", &with_x),
        ("templates/d/b.yaml", &log("b")),
        ("templates/_h.tpl", "{{ define \"h\" }}parent{{ end }}"),
        ("charts/s/Chart.yaml", &described("s", "")),
        ("charts/s/values.yaml", "x: 1\n"),
        ("charts/s/templates/_h.tpl", "{{ define \"h\" }}child{{ end }}"),
        (
            "charts/s/templates/s.yaml",
            "{{ $_ := set .Values \"x\" 2 }}kind: S\nt: {{ typeOf .Values }} {{ .Chart.IsRoot }} {{ include \"h\" . }}\n",
        ),
    ]);
    let rendered = render(&chart, "");
    let paths: Vec<&str> = rendered.texts.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        ["p/charts/s/templates/s.yaml", "p/templates/d/b.yaml", "p/templates/z.yaml", "p/templates/a.yaml"]
    );
    let first = &rendered.manifests[0].value;
    assert_eq!((&first["log"], &first["x"]), (&json!("bza"), &json!("left")));
    assert_eq!(first["h"], "parent");
    assert_eq!(first["s"], json!({"global": {}, "x": 2}));
    assert_eq!(rendered.manifests[3].value["t"], "chartutil.Values false parent");
}

#[test]
fn texts_become_manifests_and_hooks_in_helms_order() {
    let chart = chart(&[
        ("Chart.yaml", &described("p", "")),
        ("templates/NOTES.txt", "notes of {{ .Release.Name }}"),
        ("templates/a.yaml", "---\n# only a comment\n---\nkind: Service\n---\n\n---\nkind: Widget\n--- # x\nkind: Namespace\n"),
        (
            "templates/b.yaml",
            "kind: Job\nmetadata: {annotations: {helm.sh/hook: 'pre-install, Post-Upgrade', helm.sh/hook-weight: '-5', helm.sh/hook-delete-policy: 'hook-succeeded,before-hook-creation'}}
---
kind: ConfigMap
metadata: {annotations: {helm.sh/hook: test-success, other: true, helm.sh/hook-weight: 3}}
---
kind: Pod
metadata: {annotations: {helm.sh/hook: nonsense}}
---
kind: Abc
---
kind: Deployment
metadata: {annotations: {a: 1}}
",
        ),
        ("templates/empty.yaml", "{{ if false }}x{{ end }}\n \n"),
        ("templates/c.json", "{\"kind\": \"J\"}"),
        ("templates/_x.yaml", "kind: Never\n"),
        ("crds/b.yaml", "kind: CustomResourceDefinition\nname: '{{ not templated }}'\n---\nkind: CustomResourceDefinition\n"),
        ("crds/README.md", "x"),
    ]);
    let rendered = render(&chart, "");
    let kinds = |all: &[strata_render::chart::ChartManifest]| -> Vec<String> {
        all.iter().map(|manifest| manifest.value["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&rendered.manifests), ["Namespace", "Service", "Deployment", "Abc", "J", "Widget"]);
    assert_eq!(kinds(&rendered.hooks), ["ConfigMap", "Job"]);
    let job = rendered.hooks[1].hook.as_ref().unwrap();
    assert_eq!(job.events, [HookEvent::PreInstall, HookEvent::PostUpgrade]);
    assert_eq!(job.weight, -5);
    assert_eq!(job.delete_policies, [DeletePolicy::HookSucceeded, DeletePolicy::BeforeHookCreation]);
    assert_eq!(rendered.hooks[0].hook.as_ref().unwrap().weight, 3);
    assert_eq!(
        rendered.warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>(),
        ["CHART_HOOK_UNKNOWN"]
    );
    assert_eq!(rendered.crds.len(), 1);
    assert_eq!(rendered.objects().unwrap().len(), 10);
    assert!(rendered.texts.iter().any(|file| file.text == "notes of rel"));
}

#[test]
fn files_are_read_by_templates() {
    let template = "kind: A
get: {{ .Files.Get \"files/a.txt\" | quote }}
missing: {{ .Files.Get \"nope\" | quote }}
glob: {{ range $path, $_ := .Files.Glob \"files/*\" }}{{ $path }} {{ end }}
all: {{ range $path, $_ := .Files }}{{ $path }} {{ end }}
config:
  {{- (.Files.Glob \"files/*\").AsConfig | nindent 2 }}
secrets:
  {{- (.Files.Glob \"files/*\").AsSecrets | nindent 2 }}
";
    let mut all = files(&[
        ("Chart.yaml", &described("p", "")),
        ("files/a.txt", "line1\nline2\n"),
        ("files/b.conf", "k=v"),
        ("files/sub/c.txt", "c"),
        ("notes.bak", "x"),
        (".helmignore", "*.bak\n.helmignore\n"),
        ("templates/.hidden", "{{ fail \"hidden\" }}"),
        ("templates/a.yaml", template),
    ]);
    all.insert("binary".to_owned(), vec![0, 255]);
    let shown = render(&Chart::from_files(&all).unwrap(), "").manifests.swap_remove(0).value;
    assert_eq!(
        shown,
        json!({
            "kind": "A",
            "get": "line1\nline2\n",
            "missing": "",
            "glob": "files/a.txt files/b.conf",
            "all": "binary files/a.txt files/b.conf files/sub/c.txt",
            "config": {"a.txt": "line1\nline2\n", "b.conf": "k=v"},
            "secrets": {"a.txt": "bGluZTEKbGluZTIK", "b.conf": "az12"},
        })
    );
}

#[test]
fn templates_see_release_chart_capabilities_and_texts_as_templates() {
    let chart = chart(&[
        ("Chart.yaml", "apiVersion: v2\nname: p\nversion: 0.1.0\nappVersion: 1.10\nannotations: {k: 1}\nkeywords: [x, y]\n"),
        ("values.yaml", "t: 'name {{ .Release.Name }} {{ include \"x\" . }}'\nd: '{{ define \"y\" }}Y{{ end }}{{ include \"y\" . }}'\nnumber: 1000000\n"),
        ("templates/_h.tpl", "{{ define \"x\" }}X{{ .Chart.Name }}{{ end }}"),
        (
            "templates/a.yaml",
            "kind: A
t: {{ tpl .Values.t . }} {{ tpl .Values.d . }} {{ .Values.number }}
none: '{{ .Values.nothing }}{{ tpl \"{{ .Values.nothing }}\" . }}'
lookup: {{ toJson (lookup \"v1\" \"Secret\" \"x\" \"y\") }}
release: {{ .Release.Name }} {{ .Release.Namespace }} {{ .Release.IsInstall }} {{ .Release.Revision }} {{ .Release.Service }}
cluster: {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.APIVersions.Has \"apps/v1\" }} {{ .Capabilities.APIVersions.Has \"apps/v1/Deployment\" }} {{ .Capabilities.APIVersions.Has \"x.io/v1/Foo\" }}
chart: {{ toJson .Chart }}
",
        ),
    ]);
    assert_eq!(
        render(&chart, "").manifests[0].value,
        json!({
            "kind": "A",
            "t": "name rel Xp Y 1e+06",
            "none": "",
            "lookup": {},
            "release": "rel ns true 1 Helm",
            "cluster": "v1.33.2 true false true",
            "chart": {"IsRoot": true, "annotations": {"k": "1"}, "apiVersion": "v2", "appVersion": "1.1",
                "keywords": ["x", "true"], "name": "p", "version": "0.1.0"},
        })
    );
}

#[test]
fn schemas_of_all_charts_are_held_and_values_not_quoted() {
    let schema = r#"{"$schema": "http://json-schema.org/draft-07/schema#", "required": ["a"],
        "properties": {"a": {"type": "integer"}, "p": {"type": "string", "maxLength": 3}}}"#;
    let inner = r#"{"properties": {"a": {"maximum": 5}}}"#;
    let chart = chart(&[
        ("Chart.yaml", &described("p", "")),
        ("values.yaml", "a: 1\n"),
        ("values.schema.json", schema),
        ("charts/s/Chart.yaml", &described("s", "")),
        ("charts/s/values.schema.json", inner),
    ]);
    assert!(try_render(&chart, "").is_ok());
    let problems = try_render(&chart, "a: x\np: hunter2\ns: {a: 9}\n").unwrap_err();
    let places: Vec<&str> = problems.iter().map(|problem| problem.file.as_deref().unwrap()).collect();
    assert_eq!(places, ["p/values.schema.json", "p/values.schema.json", "p/charts/s/values.schema.json"]);
    assert!(problems.iter().all(|problem| problem.code == "CHART_VALUES_REFUSED"), "{problems:?}");
    assert!(!format!("{problems:?}").contains("hunter2"));
    assert!(try_render(&chart, "a: null\n").unwrap_err()[0].message.contains("required"));
    for schema in [r##"{"$ref": "#"}"##, r#"{"$ref": "https://example.com/x.json"}"#, "{", r#"{"type": 3}"#] {
        let broken = self::chart(&[("Chart.yaml", &described("p", "")), ("values.schema.json", schema)]);
        assert_eq!(refused(&broken, "").0, "CHART_SCHEMA_INVALID", "{schema}");
    }
}

#[test]
fn versions_of_kubernetes_are_checked() {
    let chart = |constraint: &str| {
        self::chart(&[("Chart.yaml", &described("p", &format!("kubeVersion: '{constraint}'\n")))])
    };
    assert!(try_render(&chart(">=1.20.0-0"), "").is_ok());
    assert_eq!(refused(&chart(">=1.40.0-0"), "").0, "CHART_KUBE_VERSION");
}

#[test]
fn failures_name_chart_file_line_and_function() {
    let inner = |text: &str| {
        chart(&[
            ("Chart.yaml", &described("p", "")),
            ("charts/s/Chart.yaml", &described("s", "")),
            ("charts/s/templates/x.yaml", text),
        ])
    };
    let problem = |text: &str| try_render(&inner(text), "").unwrap_err().swap_remove(0);
    let file = Some("p/charts/s/templates/x.yaml");
    let failed = problem("kind: A\nx: {{ required \"give me x\" .Values.x }}\n");
    assert_eq!(
        (failed.code.as_str(), failed.file.as_deref(), failed.line),
        ("TEMPLATE_FAILED", file, Some(2))
    );
    assert!(failed.message.contains("required") && failed.message.contains("give me x"), "{failed}");
    let broken = problem("\n\n{{ if }}");
    assert_eq!(
        (broken.code.as_str(), broken.file.as_deref(), broken.line),
        ("TEMPLATE_SYNTAX", file, Some(3))
    );
    for endless in [
        "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}",
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        "{{ $x := list 1 }}{{ range until 64 }}{{ $x = concat $x $x }}{{ end }}",
    ] {
        assert_eq!(problem(endless).code, "TEMPLATE_BUDGET", "{endless}");
    }
    assert_eq!(problem("just text\n").code, "CHART_MANIFEST_INVALID");
    assert_eq!(problem("a: [\n").code, "YAML_SYNTAX");
}

#[test]
fn all_templates_share_one_budget() {
    let loops = "{{ range until 4000 }}{{ range until 1000 }}{{ $x := 1 }}{{ end }}{{ end }}";
    let mut entries = vec![("Chart.yaml".to_owned(), described("p", ""))];
    entries.extend((0..20).map(|number| (format!("templates/{number}.yaml"), loops.to_owned())));
    let all = entries.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    assert_eq!(refused(&Chart::from_files(&all).unwrap(), "").0, "TEMPLATE_BUDGET");
}

fn archive(folder: &str, files: &Files) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{folder}/{path}"), bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn archives_inside_archives() {
    let inner =
        files(&[("Chart.yaml", &described("s", "")), ("values.yaml", "a: 1\n"), ("templates/v.yaml", SHOW)]);
    let mut outer = files(&[("Chart.yaml", &described("p", "")), ("templates/v.yaml", SHOW)]);
    outer.insert("charts/s-0.1.0.tgz".to_owned(), archive("s", &inner));
    let chart = Chart::from_archive(&archive("p", &outer)).unwrap();
    assert_eq!(seen(&chart, "")[S], json!({"a": 1, "global": {}}));
    assert_eq!(chart, Chart::from_files(&outer).unwrap());
    // All archives together have one budget.
    let mut large = inner;
    large.insert("big".to_owned(), vec![0; 8 * 1024 * 1024]);
    for number in 0..9 {
        outer.insert(format!("charts/s{number}.tgz"), archive("s", &large));
    }
    let problems = Chart::from_archive(&archive("p", &outer)).unwrap_err();
    assert!(problems.iter().all(|problem| problem.code == "CHART_ARCHIVE_INVALID"), "{problems:?}");
}

#[test]
fn broken_charts_are_told_at_once() {
    let broken = files(&[
        ("Chart.yaml", "name: a/b\ntype: other\nmaintainers: 3\n"),
        ("values.yaml", "- a\n"),
        ("charts/README.md", "x"),
    ]);
    let problems = Chart::from_files(&broken).unwrap_err();
    let found: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.code.as_str(), problem.file.as_deref().unwrap())).collect();
    let metadata = ("CHART_METADATA_INVALID", "Chart.yaml");
    assert_eq!(
        found,
        [
            metadata,
            metadata,
            metadata,
            metadata,
            ("YAML_NOT_A_MAPPING", "values.yaml"),
            ("CHART_FILE_MISSING", "charts/README.md/Chart.yaml")
        ]
    );
}

#[test]
fn a_render_repeats() {
    let chart = parent("", "a: 1\n", "b: 1\n");
    assert_eq!(render(&chart, "c: 1\n"), render(&chart, "c: 1\n"));
}
