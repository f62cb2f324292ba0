//! Small templates, one rule each, whose outputs were recorded from Go's engine with its usual function library.

use std::rc::Rc;

use serde_json::Value as Json;
use strata_render::{
    chart::DefaultFacts,
    template::{Context, Engine, Numbers, SeededGenerator, Value, with_large_stack},
};

/// Probes that differ, and why.
const KNOWN_DIFFERENCES: &[(&str, &str)] = &[];

fn render(template: &str, values: &Json) -> Result<String, String> {
    let mut engine = Engine::new();
    engine.parse("probe", template).map_err(|error| error.to_string())?;
    let generator = SeededGenerator::new([1; 32], jiff::Timestamp::UNIX_EPOCH);
    let context = Context::new(Rc::new(DefaultFacts::new()), Rc::new(generator));
    engine
        .execute("probe", &Value::from_json(values, Numbers::Float), &context)
        .map_err(|error| error.to_string())
}

#[test]
fn probes_render_as_recorded() {
    let data: Json = serde_json::from_str(include_str!("data/probes.json")).unwrap();
    let probes = data["probes"].as_array().unwrap();
    let mut wrong = Vec::new();
    for probe in probes {
        let template = probe["template"].as_str().unwrap();
        let expected = probe["output"].as_str();
        let values = data["values"].clone();
        let actual = with_large_stack(|| render(template, &values)).unwrap();
        if actual.as_deref().ok() != expected {
            let name = probe["name"].as_str().unwrap();
            let known = KNOWN_DIFFERENCES.iter().any(|(known, _)| *known == template);
            let recorded = expected.or_else(|| probe["error"].as_str());
            println!("{name} {template:?}\n  recorded {recorded:?}\n  here     {actual:?}");
            if !known {
                wrong.push(name);
            }
        }
    }
    println!("{} of {} probes as recorded", probes.len() - wrong.len(), probes.len());
    assert!(wrong.is_empty(), "probes that differ: {wrong:?}");
}
