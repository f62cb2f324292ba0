//! The template engine: any text is parsed and executed within its budget, twice with the same outcome.

#![no_main]

use std::{rc::Rc, str};

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strata_render::{
    chart::DefaultFacts,
    template::{Budget, Context, Engine, Numbers, SeededGenerator, Value},
};

/// So small that an input that uses all of it takes no longer than some milliseconds.
const BUDGET: Budget = Budget { steps: 50_000, output: 1 << 20, memory: 16 << 20, depth: 50 };

fn execute(text: &str) -> Result<String, String> {
    let mut engine = Engine::new();
    engine.parse("fuzz.yaml", text).map_err(|error| error.to_string())?;
    let root = Value::from_json(
        &json!({
        "Values": {
            "text": "Straße", "number": 42, "big": 9_007_199_254_740_993_i64, "fraction": 0.1, "yes": true, "nothing": null,
            "list": [3, "two", {"name": "one"}], "map": {"a": {"b": {"c": "deep"}}, "": "empty"},
        },
        "s": "hello", "uni": "héllo wörld ✓", "empty": "", "n": 3, "f": 1.5, "t": true, "nil": null, "list": ["a", "b", "c"],
        "nums": [3, 1, 2], "mixed": [1, "a", null, true, 1.5], "map": {"b": 1, "a": 2}}),
        Numbers::Float,
    );
    let generator = SeededGenerator::new([7; 32], jiff::Timestamp::UNIX_EPOCH);
    let context = Context::new(Rc::new(DefaultFacts::new()), Rc::new(generator)).with_budget(BUDGET);
    engine.execute("fuzz.yaml", &root, &context).map_err(|error| error.to_string())
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let outcome = execute(text);
    if let Ok(output) = &outcome {
        assert!(output.len() <= BUDGET.output, "more output than the budget has");
    }
    assert_eq!(execute(text), outcome, "executing twice gives two outcomes");
});
