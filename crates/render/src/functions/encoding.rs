//! Texts from values and back: YAML, JSON, TOML, base64, base32.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use strata_values::ParseOptions;

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Any, Text},
    fixed,
    json_emit::{self, Layout},
    json_problem, toml_emit, toml_read, yaml_emit,
};
use crate::{
    template::{FunctionError, Numbers, Value},
    yaml::first_document,
};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("toYaml", &[Any], |call, a| match yaml_emit::emit(a.at(0), call.left()) {
        Ok(text) => Ok(Value::from(text.strip_suffix('\n').unwrap_or(&text))),
        // Helm swallows what cannot be written, but a budget is a budget.
        Err(yaml_emit::EmitError::Unsupported(_)) => Ok(Value::from("")),
        Err(yaml_emit::EmitError::Budget(exhausted)) => Err(exhausted.into()),
    }),
    fixed("mustToYaml", &[Any], |call, a| match yaml_emit::emit(a.at(0), call.left()) {
        Ok(text) => Ok(Value::from(text.strip_suffix('\n').unwrap_or(&text))),
        Err(yaml_emit::EmitError::Unsupported(message)) => Err(message.into()),
        Err(yaml_emit::EmitError::Budget(exhausted)) => Err(exhausted.into()),
    }),
    fixed("fromYaml", &[Text], |_, a| Ok(read_map(parse_yaml(&a.string(0)), YAML))),
    fixed("fromYamlArray", &[Text], |_, a| Ok(read_list(parse_yaml(&a.string(0)), YAML))),
    fixed("toJson", &[Any], |call, a| lenient(json(call, a, Layout::Compact))),
    fixed("mustToJson", &[Any], |call, a| json(call, a, Layout::Compact)),
    fixed("toPrettyJson", &[Any], |call, a| lenient(json(call, a, Layout::Indented))),
    fixed("mustToPrettyJson", &[Any], |call, a| json(call, a, Layout::Indented)),
    fixed("toRawJson", &[Any], |call, a| json(call, a, Layout::Raw)),
    fixed("mustToRawJson", &[Any], |call, a| json(call, a, Layout::Raw)),
    fixed("fromJson", &[Text], |_, a| Ok(read_map(parse_json(&a.string(0)), ""))),
    fixed("mustFromJson", &[Text], |_, a| {
        Ok(parse_json(&a.string(0)).map(|json| Value::from_json(&json, Numbers::Float))?)
    }),
    fixed("fromJsonArray", &[Text], |_, a| Ok(read_list(parse_json(&a.string(0)), ""))),
    fixed("toYamlPretty", &[Any], |call, a| match yaml_emit::emit_indented(a.at(0), call.left()) {
        Ok(text) => Ok(Value::from(text.strip_suffix('\n').unwrap_or(&text))),
        Err(yaml_emit::EmitError::Unsupported(_)) => Ok(Value::from("")),
        Err(yaml_emit::EmitError::Budget(exhausted)) => Err(exhausted.into()),
    }),
    fixed("toToml", &[Any], |call, a| match toml_emit::emit(a.at(0), call.left()) {
        // Go's writer fails outright where there is nothing at all.
        _ if a.at(0).is_nil() => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        // Helm answers with the problem instead of refusing.
        Err(FunctionError::Refused(problem)) => Ok(Value::from(problem)),
        written => Ok(Value::from(written?)),
    }),
    fixed("fromToml", &[Text], |_, a| {
        Ok(toml_read::read(&a.string(0))
            .unwrap_or_else(|problem| Value::map([("Error", Value::from(problem))])))
    }),
    fixed("b64enc", &[Text], |call, a| {
        call.charge(a.bytes(0).len().saturating_mul(2))?;
        Ok(Value::from(STANDARD.encode(a.bytes(0))))
    }),
    fixed("b64dec", &[Text], |_, a| b64dec(a.bytes(0))),
    fixed("b32enc", &[Text], |_, a| Ok(Value::from(base32_encode(a.bytes(0))))),
    fixed("b32dec", &[Text], |_, a| {
        Ok(base32_decode(a.bytes(0)).map_or_else(Value::from, |bytes| Value::Text(bytes.into())))
    }),
];

fn json(call: &Call<'_>, arguments: &[Value], layout: Layout) -> Answer {
    Ok(Value::from(json_emit::emit(arguments.at(0), layout, call.left())?))
}

/// Functions without `must` answer the empty text instead of refusing.
fn lenient(answer: Answer) -> Answer {
    match answer {
        Err(FunctionError::Refused(_)) => Ok(Value::from("")),
        other => other,
    }
}

fn parse_yaml(text: &str) -> Result<serde_json::Value, String> {
    let options = ParseOptions { resolve_keys: true, ..ParseOptions::VALUES };
    first_document(text, "fromYaml", &options).map_err(|diagnostic| diagnostic.to_string())
}

fn parse_json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text)
        .map_err(|error| json_problem::problem(text.as_bytes()).unwrap_or_else(|| error.to_string()))
}

/// YAML goes through JSON.
const YAML: &str = "error unmarshaling JSON: while decoding JSON: ";

fn mismatch(prefix: &str, value: &serde_json::Value, wanted: &str) -> String {
    let kind = match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Object(_) => "object",
    };
    format!("{prefix}json: cannot unmarshal {kind} into Go value of type {wanted}")
}

/// Helm answers a map with the key `Error` instead of refusing.
fn read_map(read: Result<serde_json::Value, String>, prefix: &str) -> Value {
    let problem = match read {
        Ok(json @ serde_json::Value::Object(_)) => return Value::from_json(&json, Numbers::Float),
        Ok(serde_json::Value::Null) => return Value::map([] as [(&str, Value); 0]),
        Ok(other) => mismatch(prefix, &other, "map[string]interface {}"),
        Err(problem) => problem,
    };
    Value::map([("Error", Value::from(problem))])
}

/// Helm answers a list that holds the problem instead of refusing.
fn read_list(read: Result<serde_json::Value, String>, prefix: &str) -> Value {
    match read {
        Ok(json @ serde_json::Value::Array(_)) => Value::from_json(&json, Numbers::Float),
        Ok(serde_json::Value::Null) => Value::list(Vec::new()),
        Ok(other) => Value::list(vec![Value::from(mismatch(prefix, &other, "[]interface {}"))]),
        Err(problem) => Value::list(vec![Value::from(problem)]),
    }
}

fn b64dec(text: &[u8]) -> Answer {
    // Line ends are skipped, padding is required; a broken text answers with the problem, as sprig does.
    let compact: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let reader = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
            .with_decode_allow_trailing_bits(true),
    );
    Ok(match reader.decode(&compact) {
        Ok(bytes) => Value::Text(bytes.into()),
        Err(_) => Value::from(format!("illegal base64 data at input byte {}", broken_base64(text))),
    })
}

/// Where Go's reader gives up.
fn broken_base64(text: &[u8]) -> usize {
    let mut digits = 0;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => digits += 1,
            b'=' if digits % 4 >= 2 => {
                let rest = text.get(index + 1..).unwrap_or_default();
                let padded = digits % 4 == 3 || rest.first() == Some(&b'=');
                return if padded { index + 1 } else { text.len() };
            }
            _ => return index,
        }
    }
    text.len() - digits % 4
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(5) {
        let number = (0..5)
            .fold(0_u64, |number, index| number << 8 | u64::from(group.get(index).copied().unwrap_or(0)));
        let digits = (group.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = usize::try_from(number >> (35 - 5 * index) & 31).unwrap_or(0);
            out.push(if index < digits {
                char::from(BASE32.get(digit).copied().unwrap_or(b'A'))
            } else {
                '='
            });
        }
    }
    out
}

fn base32_decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let mut out = Vec::new();
    for (number, group) in text.chunks(8).enumerate() {
        let last = (number + 1) * 8 >= text.len();
        let digits = group.iter().position(|byte| *byte == b'=').unwrap_or(group.len());
        let wrong = |at: usize| format!("illegal base32 data at input byte {}", number * 8 + at);
        if let Some(at) = group.iter().take(digits).position(|byte| !BASE32.contains(byte)) {
            return Err(wrong(at));
        }
        if group.len() < 8 || (digits < 8 && (!last || !matches!(digits, 2 | 4 | 5 | 7))) {
            return Err(wrong(digits.min(group.len())));
        }
        let mut value = 0_u64;
        for (index, byte) in group.iter().enumerate() {
            let digit = match BASE32.iter().position(|known| known == byte) {
                Some(digit) if index < digits => digit,
                None if index >= digits && *byte == b'=' => 0,
                _ => return Err(wrong(index)),
            };
            value = value << 5 | u64::try_from(digit).unwrap_or(0);
        }
        out.extend(value.to_be_bytes().iter().skip(3).take(digits * 5 / 8));
    }
    Ok(out)
}
