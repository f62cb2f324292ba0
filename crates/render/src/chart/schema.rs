//! `values.schema.json`: what the values of a chart and of each subchart must look like.
//!
//! *Idea.* JSON Schema itself is the work of the crate `jsonschema`: the draft that `$schema` names, or 2020-12. Here it
//! is kept within bounds: references only inside the schema, no recursion that does not get on (`schema_depth`),
//! patterns that match in linear time.
//!
//! *Guarantees.* Messages name paths and never quote values.

use serde_json::Value;
use strata_model::diagnostic::Diagnostic;

use super::{schema_depth, tree::Node};

/// Largest schema, in bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Most problems that are told of one chart.
const MAX_PROBLEMS: usize = 50;
/// Most memory of one compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1024 * 1024;

/// Checks the values of a chart and its subcharts. All problems of all charts are told.
pub(super) fn check(root: &Node<'_>, values: &Value) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut pending = vec![(root, root.name.clone(), values)];
    while let Some((node, path, values)) = pending.pop() {
        if let Some(schema) = &node.chart.schema {
            check_one(schema, values, &format!("{path}/values.schema.json"), &mut problems);
        }
        for child in node.children.iter().rev() {
            if let Some(values) = values.get(&child.name) {
                pending.push((child, format!("{path}/charts/{}", child.name), values));
            }
        }
    }
    problems
}

fn check_one(schema: &[u8], values: &Value, file: &str, problems: &mut Vec<Diagnostic>) {
    let broken = |message: String, help: &str| {
        Diagnostic::new("CHART_SCHEMA_INVALID", message).in_file(file).with_help(help)
    };
    if schema.len() > MAX_BYTES {
        let message = format!("the schema has more than {MAX_BYTES} bytes");
        return problems.push(broken(message, "shorten the schema"));
    }
    let schema: Value = match serde_json::from_slice(schema) {
        Ok(schema) => schema,
        Err(error) => {
            return problems.push(broken(format!("the schema is not JSON: {error}"), "correct the file"));
        }
    };
    if let Err(message) = schema_depth::check(&schema) {
        return problems
            .push(broken(message, "put what is referred to below `$defs`, and refer to it by `#/$defs/…`"));
    }
    let validator = jsonschema::options()
        .offline()
        .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES))
        .build(&schema);
    let validator = match validator {
        Ok(validator) => validator,
        Err(error) => {
            let place = error.instance_path();
            return problems.push(broken(
                format!("the schema cannot be used, at `{place}`: {error}"),
                "correct the schema",
            ));
        }
    };
    for error in validator.iter_errors(values).take(MAX_PROBLEMS) {
        let path = error.instance_path().to_string();
        let path = if path.is_empty() { "the values".to_owned() } else { format!("`{path}`") };
        problems.push(
            Diagnostic::new("CHART_VALUES_REFUSED", format!("{path}: {}", error.masked()))
                .in_file(file)
                .with_help("change the values so that they fit the chart's schema"),
        );
    }
}
