//! Each template function against answers that were recorded from Helm's engine, odd arguments included.
//!
//! `tests/charts/helm/probe` records them: probes by hand, and a sweep that calls every steady function with the same
//! arguments. An error is an error here too; its words are not compared.

use std::{collections::BTreeSet, rc::Rc};

use serde_json::Value as Json;
use strata_render::{
    chart::DefaultFacts,
    template::{Context, Engine, Numbers, SeededGenerator, Value, with_large_stack},
};

/// Templates that differ, and why.
const KNOWN_DIFFERENCES: &[(&str, &str)] = &[
    (r#"{{ fromYaml "a: [" }}"#, YAML_WORDS),
    (r#"{{ fromYamlArray "a: [" }}"#, YAML_WORDS),
    (
        r#"{{ fromYaml "a: yes\nb: 010\nc: 1_000\nd: 1e3\ne: .inf\nf: 0x1f\ng: 2020-01-01\nh: ~\ni: 12:30" }}"#,
        YAML_WORDS,
    ),
    (r#"{{ fromYaml "\ta: 1" }}"#, "a tab before the first key is a blank, as YAML 1.2 has it"),
    (r#"{{ fromToml "x" }}"#, TOML_WORDS),
    (r#"{{ fromToml "a = 1\na = 2" }}"#, TOML_WORDS),
    ("{{ fromToml .s }}", TOML_WORDS),
    ("{{ fromToml .uni }}", TOML_WORDS),
];

const YAML_WORDS: &str = "the problem is told in the words of another reader";
const TOML_WORDS: &str = YAML_WORDS;

/// The text as it ends up in a file: without what stands for a missing value.
fn render(template: &str, values: &Json) -> Result<String, String> {
    let mut engine = Engine::new();
    engine.parse("probe", template).map_err(|error| error.to_string())?;
    // A moment in the present: some probes look at the clock.
    let now = jiff::Timestamp::from_second(1_760_000_000).map_err(|error| error.to_string())?;
    let context = Context::new(Rc::new(DefaultFacts::new()), Rc::new(SeededGenerator::new([1; 32], now)));
    let text = engine.execute("probe", &Value::from_json(values, Numbers::Float), &context);
    text.map(|text| text.replace("<no value>", "")).map_err(|error| error.to_string())
}

#[test]
fn functions_answer_as_recorded() {
    let data: Json = serde_json::from_str(include_str!("data/functions.json")).unwrap();
    let probes = data["probes"].as_array().unwrap();
    let mut recorded: Vec<(String, Option<&str>)> = probes
        .iter()
        .map(|probe| (probe["template"].as_str().unwrap().to_owned(), probe["output"].as_str()))
        .collect();
    let arguments = data["sweep"]["arguments"].as_array().unwrap();
    for (name, outputs) in data["sweep"]["outputs"].as_object().unwrap() {
        for (argument, output) in arguments.iter().zip(outputs.as_array().unwrap()) {
            recorded.push((format!("{{{{ {name} {} }}}}", argument.as_str().unwrap()), output.as_str()));
        }
    }
    let values = &data["values"];
    let total = recorded.len();
    let differences = with_large_stack(|| {
        let mut differences = Vec::new();
        for (template, expected) in recorded {
            let actual = render(&template, values);
            if actual.as_deref().ok() != expected {
                println!("{template}\n  recorded {expected:?}\n  here     {actual:?}");
                differences.push(template);
            }
        }
        differences
    })
    .unwrap();
    println!("{} of {total} as recorded", total - differences.len());
    let known = KNOWN_DIFFERENCES.iter().map(|(template, _)| *template).collect::<BTreeSet<_>>();
    let found = differences.iter().map(String::as_str).collect::<BTreeSet<_>>();
    let unknown = found.difference(&known).collect::<Vec<_>>();
    let stale = known.difference(&found).collect::<Vec<_>>();
    assert!(unknown.is_empty(), "functions that answer otherwise: {unknown:#?}");
    assert!(stale.is_empty(), "no differences any more: {stale:#?}");
}

#[test]
fn every_function_of_helm_is_there() {
    let data: Json = serde_json::from_str(include_str!("data/functions.json")).unwrap();
    for name in data["functions"].as_array().unwrap() {
        let template = format!("{{{{ if false }}}}{{{{ {} }}}}{{{{ end }}}}", name.as_str().unwrap());
        assert_eq!(render(&template, &data["values"]), Ok(String::new()), "{name}");
    }
}
