//! Whatever a template asks for, it ends with a result or a typed error.

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use strata_render::{
    functions::objects,
    template::{
        Budget, Context, Engine, ErrorKind, Exhausted, FactReader, KubeVersion, Numbers, SeededGenerator,
        TemplateError, Value, with_large_stack,
    },
};

#[derive(Debug)]
struct Facts;

impl FactReader for Facts {
    fn api_versions_has(&self, api: &str) -> bool {
        api == "apps/v1"
    }
    fn api_versions(&self) -> Vec<String> {
        vec!["apps/v1".into()]
    }
    fn kube_version(&self) -> KubeVersion {
        KubeVersion { version: "v1.33.0".into(), major: "1".into(), minor: "33".into() }
    }
    fn lookup(&self, _: &str, kind: &str, _: &str, name: &str) -> Json {
        if kind == "Secret" { json!({"metadata": {"name": name, "generation": 2}}) } else { json!({}) }
    }
}

fn execute(template: &str, root: &Json, budget: Budget) -> Result<String, TemplateError> {
    let mut engine = Engine::new();
    engine.parse("t.yaml", template)?;
    let generator = SeededGenerator::new([1; 32], jiff::Timestamp::UNIX_EPOCH);
    let context = Context::new(Rc::new(Facts), Rc::new(generator)).with_budget(budget);
    let root = Value::from_json(root, Numbers::Float);
    if let Some(map) = root.as_map() {
        map.set("Capabilities", objects::capabilities(Rc::clone(&context.facts)));
    }
    engine.execute("t.yaml", &root, &context)
}

fn small() -> Budget {
    Budget { steps: 200_000, output: 1 << 20, memory: 1 << 20, depth: 1000 }
}

/// The budget that a template uses up, if it does.
fn exhausted(template: &str) -> Option<Exhausted> {
    match execute(template, &json!({}), small()).err()?.kind {
        ErrorKind::Budget(exhausted) => Some(exhausted),
        _ => None,
    }
}

#[test]
fn every_budget_ends_in_a_typed_error() {
    assert_eq!(exhausted("{{ range 1000000000 }}{{ end }}"), Some(Exhausted::Steps));
    assert_eq!(exhausted("{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}"), Some(Exhausted::Steps));
    assert_eq!(
        exhausted("{{ $x := repeat 1000 \"x\" }}{{ range 10000 }}{{ $x }}{{ end }}"),
        Some(Exhausted::Output)
    );
    for template in [
        "{{ repeat 1000000000 \"x\" }}",
        "{{ until 1000000000 }}",
        "{{ printf \"%1000000d\" 1 | repeat 100 }}",
        "{{ $x := \"x\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range 100 }}{{ $x = concat $x $x }}{{ end }}",
        "{{ indent 1000000000 \"x\" }}",
        "{{ replace \"\" (repeat 1000 \"x\") (repeat 10000 \"y\") }}",
        "{{ randAlphaNum 1000000000 }}",
        "{{ $d := dict }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toYaml $d }}",
        "{{ $d := dict }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toJson $d }}",
    ] {
        assert_eq!(exhausted(template), Some(Exhausted::Memory), "{template}");
    }
}

#[test]
fn values_that_hold_themselves_are_refused_when_shown() {
    for function in ["toYaml $d", "toJson $d", "print $d", "deepCopy $d", "toPrettyJson $d"] {
        let template = format!("{{{{ $d := dict }}}}{{{{ $_ := set $d \"d\" $d }}}}{{{{ {function} }}}}");
        assert_eq!(exhausted(&template), Some(Exhausted::Nesting), "{function}");
    }
}

#[test]
fn endless_recursion_ends_on_any_stack() {
    let nested = format!(
        "{{{{ define \"a\" }}}}{}{{{{ include \"a\" . }}}}{}{{{{ end }}}}{{{{ include \"a\" . }}}}",
        "{{ if true }}".repeat(90),
        "{{ end }}".repeat(90)
    );
    let templates = [
        "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}".to_owned(),
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}".to_owned(),
        "{{ $t := \"{{ tpl .t . }}\" }}{{ tpl $t (dict \"t\" $t) }}".to_owned(),
        nested,
    ];
    for template in &templates {
        assert_eq!(exhausted(template), Some(Exhausted::Depth));
        assert_eq!(with_large_stack(|| exhausted(template)).unwrap(), Some(Exhausted::Depth));
    }
}

#[test]
fn a_large_stack_allows_deep_includes() {
    let template = "{{ define \"a\" }}{{ if gt . 0 }}{{ include \"a\" (sub . 1) }}{{ else }}done{{ end }}{{ end }}{{ include \"a\" 900 }}";
    let budget = Budget::default();
    assert_eq!(with_large_stack(|| execute(template, &json!({}), budget)).unwrap().unwrap(), "done");
}

#[test]
fn nesting_of_templates_is_bounded() {
    for (open, close) in
        [("{{ if . }}", "{{ end }}"), ("{{ range . }}", "{{ end }}"), ("{{ with . }}", "{{ end }}")]
    {
        let template = format!("{}{}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(execute(&template, &json!({}), small()).unwrap_err().kind, ErrorKind::Parse);
    }
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(execute(&parens, &json!({}), small()).unwrap_err().kind, ErrorKind::Parse);
    let chain =
        format!("{{{{ if false }}}}{}{{{{ else }}}}x{{{{ end }}}}", "{{ else if false }}".repeat(5000));
    assert_eq!(execute(&chain, &json!({}), small()).unwrap(), "x");
}

#[test]
fn errors_say_where_and_through_what() {
    let template = "line\n{{ define \"a\" }}\n  {{ .x.y.z }}{{ end }}\n{{ include \"a\" . }}";
    let error = execute(template, &json!({}), small()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.yaml:3:5: executing \"a\" at <.x.y.z>: nil pointer evaluating interface {}.y"
    );
    assert_eq!(error.included_from.len(), 1);
    assert_eq!(error.included_from[0].line, 4);
    let error = execute("a\n{{ if }}", &json!({}), small()).unwrap_err();
    assert_eq!(error.to_string(), "t.yaml:2: missing value for if");
    assert_eq!(execute("{{ fail \"no\" }}", &json!({}), small()).unwrap_err().kind, ErrorKind::Refused);
}

#[test]
fn facts_and_generated_values_come_from_the_caller() {
    let template = "{{ .Capabilities.APIVersions.Has \"apps/v1\" }} {{ \"x/v1\" | .Capabilities.APIVersions.Has }} \
        {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }} {{ printf \"%v\" .Capabilities.KubeVersion }} \
        {{ (lookup \"v1\" \"Secret\" \"\" \"s\").metadata.generation }} {{ lookup \"v1\" \"Pod\" \"\" \"p\" }} \
        {{ now | date \"2006-01-02\" }}";
    assert_eq!(
        execute(template, &json!({}), small()).unwrap(),
        "true false v1.33.0 33 {v1.33.0 1 33} 2 map[] 1970-01-01"
    );
    let twice =
        execute("{{ randAlphaNum 12 }} {{ randAlphaNum 12 }} {{ uuidv4 }}", &json!({}), small()).unwrap();
    assert_eq!(
        twice,
        execute("{{ randAlphaNum 12 }} {{ randAlphaNum 12 }} {{ uuidv4 }}", &json!({}), small()).unwrap()
    );
    let parts: Vec<&str> = twice.split(' ').collect();
    assert_ne!(parts[0], parts[1]);
}

/// Pieces that make valid, nearly valid and broken templates.
fn template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{",
        "}}",
        "{{-",
        " -}}",
        "{{ if .a }}",
        "{{ else }}",
        "{{ end }}",
        "{{ range .b }}",
        "{{ range 3 }}",
        "{{ with .c }}",
        "{{ $x := . }}",
        "{{ $x = 1 }}",
        "{{ .a.b }}",
        "{{ . | toYaml | nindent 2 }}",
        "{{ printf \"%5.2f%[9]d%*x\" . 1 }}",
        "{{ define \"d\" }}",
        "{{ template \"d\" . }}",
        "{{ include \"d\" . }}",
        "{{ set . \"a\" . }}",
        "{{ tpl .s . }}",
        "{{ index .b 1 }}",
        "{{ slice .s 1 2 }}",
        "{{ merge . .c }}",
        "{{ break }}",
        "{{/* c */}}",
        "text",
        "\n",
        "é",
        "(",
        ")",
        "|",
        "\"",
        "`",
        "'",
        ".",
        "$",
        ":=",
        "1e9",
        "0x",
        "nil",
        "{{ regexFind .s .s }}",
        "{{ trunc -1 .s }}",
        "{{ wrap 1 .s }}",
        "{{ semverCompare .s \"1.2\" }}",
        "{{ date .s now }}",
        "{{ b32dec .s }}",
        "{{ fromYaml .s }}",
        "{{ split \"\" .s }}",
        "{{ abbrevboth 9 8 .s }}",
        "{{ round 1.5 400 }}",
        "{{ untilStep 0 9 2 }}",
        "{{ snakecase .s }}",
        "{{ urlParse .s }}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Engine::new().parse("t", &text);
        let _ = Engine::new().parse("t", &format!("{{{{ {text} }}}}"));
    }

    #[test]
    fn executing_ends(text in template(), s in any::<String>()) {
        let root = json!({"a": {"b": 1}, "b": [1, "x", null], "c": {"d": true}, "s": s});
        let _ = execute(&text, &root, small());
    }
}

/// Found by fuzzing: beyond 65,535 digits the standard library panics.
#[test]
fn a_float_is_written_with_as_many_digits_as_are_asked_for() {
    let budget = Budget { memory: 16 << 20, ..small() };
    for (verb, length) in [("%.70000f", 70_002), ("%.70000e", 70_006), ("%#.70000g", 70_001)] {
        let text = execute(&format!("{{{{ printf \"{verb}\" 2.5 }}}}"), &json!({}), budget).unwrap();
        assert_eq!((text.len(), text.get(..4)), (length, Some("2.50")), "{verb}");
    }
}
