//! YAML as Helm reads it: the first document of a text, and texts where texts are wanted. For charts and for templates.

use serde_json::{Map, Value};
use strata_model::diagnostic::Diagnostic;
use strata_values::{ParseOptions, parse};

use crate::template::number;

/// The first document of a text; what comes after it is not looked at.
pub(crate) fn first_document(text: &str, file: &str, options: &ParseOptions) -> Result<Value, Diagnostic> {
    let options = ParseOptions { resolve_keys: true, ..*options };
    match parse::parse_with(text, file, &options) {
        Err(problem) if problem.code == "YAML_MULTIPLE_DOCUMENTS" => {
            let documents = parse::parse_documents_with(text, file, &options)?;
            Ok(documents.into_iter().next().map_or(Value::Null, |document| document.value))
        }
        read => read,
    }
}

/// The same where a mapping is wanted; nothing counts as an empty one.
pub(crate) fn first_mapping(
    text: &str,
    file: &str,
    options: &ParseOptions,
) -> Result<Map<String, Value>, Diagnostic> {
    match first_document(text, file, options)? {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        other => {
            let message = format!("expected a mapping at the top, found {}", parse::kind_of(&other));
            Err(Diagnostic::new("YAML_NOT_A_MAPPING", message)
                .in_file(file)
                .with_help("start the file with `key: value` lines"))
        }
    }
}

/// A scalar where a text is wanted: numbers and truths as Go writes them, so `1.10` is `1.1`.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(whole) if whole.is_i64() || whole.is_u64() => whole.to_string(),
        Value::Number(float) => number::print(float.as_f64()?),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    })
}
