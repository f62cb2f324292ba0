//! Functions of Helm that reach beyond plain values: `toToml`, `.Files`, `tpl`, `lookup`.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::{Value as Json, json};
use strata_render::{
    functions::objects,
    template::{
        Budget, Context, Engine, ErrorKind, Exhausted, FactReader, KubeVersion, Numbers, SeededGenerator,
        TemplateError, Value,
    },
};

/// Answers `lookup` from a table, and keeps what it was asked.
#[derive(Debug, Default)]
struct Cluster {
    objects: BTreeMap<String, Json>,
    asked: RefCell<Vec<String>>,
}

impl FactReader for Cluster {
    fn api_versions_has(&self, _: &str) -> bool {
        false
    }
    fn api_versions(&self) -> Vec<String> {
        Vec::new()
    }
    fn kube_version(&self) -> KubeVersion {
        KubeVersion { version: "v1.33.0".into(), major: "1".into(), minor: "33".into() }
    }
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Json {
        let question = format!("{api_version} {kind} {namespace}/{name}");
        let answer = self.objects.get(&question).cloned().unwrap_or_else(|| json!({}));
        self.asked.borrow_mut().push(question);
        answer
    }
}

fn execute_with(
    facts: Rc<Cluster>,
    texts: &[(&str, &str)],
    root: &Value,
    budget: Budget,
) -> Result<String, TemplateError> {
    let mut engine = Engine::new();
    for (name, text) in texts {
        engine.parse(name, text)?;
    }
    let generator = SeededGenerator::new([1; 32], jiff::Timestamp::UNIX_EPOCH);
    let context = Context::new(facts, Rc::new(generator)).with_budget(budget);
    engine.execute(texts.first().map_or("", |(name, _)| name), root, &context)
}

fn execute(template: &str, root: &Json) -> Result<String, TemplateError> {
    let root = Value::from_json(root, Numbers::Float);
    execute_with(Rc::default(), &[("t.yaml", template)], &root, Budget::default())
}

#[test]
fn toml_is_written_as_by_go() {
    // Recorded from the encoder that Helm uses.
    let recorded = [
        (
            r#"{"title":"x","n":1,"f":1.5,"t":true,"list":["a","b"],"nums":[1,2],"server":{"host":"h","port":80,"tls":{"on":true}}}"#,
            "f = 1.5\nlist = [\"a\", \"b\"]\nn = 1.0\nnums = [1.0, 2.0]\nt = true\ntitle = \"x\"\n\n[server]\n  host = \"h\"\n  port = 80.0\n  [server.tls]\n    on = true\n",
        ),
        (
            r#"{"items":[{"name":"a","n":1},{"name":"b","sub":{"k":"v"}}],"top":"y"}"#,
            "top = \"y\"\n\n[[items]]\n  n = 1.0\n  name = \"a\"\n\n[[items]]\n  name = \"b\"\n  [items.sub]\n    k = \"v\"\n",
        ),
        (
            r#"{"a b":1,"q\"x":"line\nbreak \"q\" \\ tab\t","empty":{},"elist":[],"nil":null}"#,
            "\"a b\" = 1.0\nelist = []\n\"q\\\"x\" = \"line\\nbreak \\\"q\\\" \\\\ tab\\t\"\n\n[empty]\n",
        ),
        (
            r#"{"mix":[1,"a",true],"nest":[["a"],["b","c"]],"big":1000000,"huge":1e21,"neg":-3}"#,
            "big = 1e+06\nhuge = 1e+21\nmix = [1.0, \"a\", true]\nneg = -3.0\nnest = [[\"a\"], [\"b\", \"c\"]]\n",
        ),
        (r#"{"deep":{"x":{"y":{"z":1}}}}"#, "[deep]\n  [deep.x]\n    [deep.x.y]\n      z = 1.0\n"),
        (
            r#"{"a":{"b":[{"c":{"d":1}},{"c":{"d":2}}]},"list":[{"x":[1,{"y":2}]}]}"#,
            "[a]\n\n  [[a.b]]\n    [a.b.c]\n      d = 1.0\n\n  [[a.b]]\n    [a.b.c]\n      d = 2.0\n\n[[list]]\n  x = [1.0, {y = 2.0}]\n",
        ),
        (r#"{"nilin":[null]}"#, "toml: cannot encode array with nil element"),
        (r#"{"u":"héllo \u0001 \u007f"}"#, "u = \"héllo \\u0001 \\u007f\"\n"),
        (r#""text""#, "\"text\""),
        (r#"[1,2]"#, "[1.0, 2.0]"),
        (r#"5"#, "5.0"),
    ];
    for (value, expected) in recorded {
        let root: Json = serde_json::from_str(value).unwrap();
        assert_eq!(execute("{{ toToml . }}", &root).unwrap(), expected, "{value}");
    }
    assert_eq!(
        execute("{{ dict \"n\" 5 \"at\" 0.0000001 | toToml }}", &json!({})).unwrap(),
        "at = 1e-07\nn = 5\n"
    );
}

#[test]
fn toml_ends_within_its_budget() {
    let deep = "{{ $m := dict }}{{ range 300 }}{{ $m = dict \"a\" $m }}{{ end }}{{ toToml $m }}";
    let error = execute(deep, &json!({})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Budget(Exhausted::Nesting));
    let circle = "{{ $m := dict }}{{ $_ := set $m \"m\" (list 1 $m) }}{{ toToml $m }}";
    assert!(matches!(execute(circle, &json!({})).unwrap_err().kind, ErrorKind::Budget(_)));
    let shared = "{{ $l := list 1 }}{{ range 40 }}{{ $l = list $l $l }}{{ end }}{{ toToml (dict \"l\" $l) }}";
    let budget = Budget { memory: 1 << 16, ..Budget::default() };
    let error = execute_with(Rc::default(), &[("t.yaml", shared)], &Value::Nil, budget).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Budget(Exhausted::Memory));
}

fn with_files(template: &str) -> Result<String, TemplateError> {
    let files = [
        ("config/a.toml", &b"x = 1\n"[..]),
        ("config/b.txt", b"one\ntwo\n"),
        ("config/sub/c.txt", b"deep"),
        ("logo.bin", &[0xff, 0x00]),
        ("empty.txt", b""),
    ];
    let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    let root = Value::map([("Files", objects::files(files))]);
    execute_with(Rc::default(), &[("t.yaml", template)], &root, Budget::default())
}

#[test]
fn files_are_read_by_path_and_pattern() {
    for (template, expected) in [
        ("{{ .Files.Get \"config/b.txt\" }}", "one\ntwo\n"),
        ("[{{ .Files.Get \"none\" }}]", "[]"),
        ("{{ .Files.GetBytes \"logo.bin\" }}", "[255 0]"),
        ("{{ range .Files.Lines \"config/b.txt\" }}<{{ . }}>{{ end }}", "<one><two>"),
        ("{{ .Files.Lines \"empty.txt\" | len }}{{ .Files.Lines \"none\" | len }}", "00"),
        (
            "{{ range $path, $_ := .Files.Glob \"config/*\" }}{{ $path }} {{ end }}",
            "config/a.toml config/b.txt ",
        ),
        (
            "{{ range $path, $_ := .Files.Glob \"**.txt\" }}{{ $path }} {{ end }}",
            "config/b.txt config/sub/c.txt empty.txt ",
        ),
        ("{{ range $path, $_ := .Files.Glob \"{logo,none}.[!a]*\" }}{{ $path }}{{ end }}", "logo.bin"),
        ("{{ range $path, $bytes := .Files.Glob \"config/a*\" }}{{ toString $bytes }}{{ end }}", "x = 1\n"),
        ("{{ (.Files.Glob \"config/*\").AsConfig }}", "a.toml: |\n  x = 1\nb.txt: |\n  one\n  two"),
        ("{{ (.Files.Glob \"config/*\").AsSecrets }}", "a.toml: eCA9IDEK\nb.txt: b25lCnR3bwo="),
        ("[{{ (.Files.Glob \"none/*\").AsConfig }}]", "[]"),
        ("{{ if .Files.Glob \"none\" }}yes{{ else }}no{{ end }}", "no"),
    ] {
        assert_eq!(with_files(template).unwrap(), expected, "{template}");
    }
    assert!(with_files("{{ .Files.Get 5 }}").is_err());
    assert!(with_files("{{ .Files.Get }}").is_err());
}

#[test]
fn tpl_sees_the_templates_around_it_and_leaves_none_behind() {
    let helpers = ("_helpers.tpl", "{{ define \"name\" }}<{{ .n }}>{{ end }}");
    let run = |text: &str, root: Json| {
        let root = Value::from_json(&root, Numbers::Float);
        execute_with(Rc::default(), &[("t.yaml", text), helpers], &root, Budget::default())
    };
    let root = json!({"n": "web", "t": "{{ include \"name\" . }} {{ .n | upper }}"});
    assert_eq!(run("{{ tpl .t . }}", root.clone()).unwrap(), "<web> WEB");
    // Its own defines and variables end with it.
    let leaves = "{{ tpl \"{{ define \\\"own\\\" }}x{{ end }}{{ $v := 1 }}{{ template \\\"own\\\" }}\" . }}{{ include \"own\" . }}";
    let error = run(leaves, root.clone()).unwrap_err();
    assert_eq!((error.kind, error.place.file.as_str()), (ErrorKind::UnknownTemplate, "t.yaml"));
    assert!(run("{{ $v := 1 }}{{ tpl \"{{ $v }}\" . }}", root.clone()).is_err());
    // What it redefines, it redefines for itself.
    let shadows = "{{ tpl \"{{ define \\\"name\\\" }}mine{{ end }}{{ include \\\"name\\\" . }}\" . }} {{ include \"name\" . }}";
    assert_eq!(run(shadows, root.clone()).unwrap(), "mine <web>");
    // Missing values vanish in it, as in a file.
    assert_eq!(run("[{{ tpl \"{{ .none }}\" . }}] [{{ tpl \"\" . }}]", root.clone()).unwrap(), "[] []");
    // `$` is its own root; values that it sets stay set.
    assert_eq!(run("{{ tpl \"{{ $.x }}\" (dict \"x\" 1) }}", root.clone()).unwrap(), "1");
    assert_eq!(run("{{ $_ := tpl \"{{ set . \\\"n\\\" 2 | len }}\" . }}{{ .n }}", root).unwrap(), "2");
}

#[test]
fn errors_within_tpl_name_both_places() {
    let root = json!({"t": "line\n{{ fail \"no way\" }}"});
    let error = execute("a\n{{ tpl .t . }}", &root).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!((error.place.file.as_str(), error.place.line), ("gotpl", 2));
    let outer: Vec<_> = error.included_from.iter().map(|place| (place.file.as_str(), place.line)).collect();
    assert_eq!(outer, [("t.yaml", 2)]);
    let error = execute("{{ tpl \"{{ if }}\" . }}", &json!({})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Parse);
}

#[test]
fn lookup_asks_what_is_reached_and_answers_empty_for_the_rest() {
    let facts = Rc::new(Cluster {
        objects: BTreeMap::from([
            (
                "v1 Secret apps/db".to_owned(),
                json!({"metadata": {"name": "db", "generation": 1_000_000}, "data": {"p": "eA=="}}),
            ),
            (
                "v1 Pod apps/".to_owned(),
                json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}),
            ),
            ("v1 Node /".to_owned(), json!(null)),
        ]),
        asked: RefCell::default(),
    });
    let template = "{{ with lookup \"v1\" \"Secret\" \"apps\" \"db\" }}{{ .data.p | b64dec }} {{ .metadata.generation }}{{ end }} \
        {{ range (lookup \"v1\" \"Pod\" \"apps\" \"\").items }}{{ .metadata.name }}{{ end }} \
        {{ with lookup \"v1\" \"Secret\" \"apps\" \"none\" }}found{{ else }}none{{ end }} \
        {{ lookup \"v1\" \"Node\" \"\" \"\" | len }} {{ kindOf (lookup \"v1\" \"Node\" \"\" \"\") }}\
        {{ if false }}{{ lookup \"v1\" \"Never\" \"\" \"\" }}{{ end }}";
    let text =
        execute_with(Rc::clone(&facts), &[("t.yaml", template)], &Value::Nil, Budget::default()).unwrap();
    assert_eq!(text, "x 1000000 ab none 0 map");
    let asked = facts.asked.borrow();
    assert_eq!(asked[..3], ["v1 Secret apps/db", "v1 Pod apps/", "v1 Secret apps/none"]);
    assert!(!asked.iter().any(|question| question.contains("Never")), "what is not reached is not asked");
    // An answer is the template's own: changing it does not change the next one.
    let changes = "{{ $a := lookup \"v1\" \"Secret\" \"apps\" \"db\" }}{{ $_ := set $a \"data\" 1 }}\
        {{ (lookup \"v1\" \"Secret\" \"apps\" \"db\").data.p }}";
    drop(asked);
    assert_eq!(execute_with(facts, &[("t.yaml", changes)], &Value::Nil, Budget::default()).unwrap(), "eA==");
}
