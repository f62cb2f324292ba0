//! Sprig's conversions between types: lenient, never failing.

use super::Call;
use crate::template::{
    FunctionError, Text, Value,
    number::{parse_float, parse_int},
    value::{to_float, truncate},
};

/// A text for any value: texts and bytes as they are, all else as `%v` prints it.
pub(crate) fn to_text(call: &Call<'_>, value: &Value) -> Result<Text, FunctionError> {
    match value {
        Value::Text(text) | Value::Bytes(text) => Ok(text.clone()),
        Value::Object(object) => Ok(object.text().into()),
        other => Ok(call.display(other)?.into()),
    }
}

/// An integer for any value; 0 for what is none. Texts may have a base prefix and a fraction of zeros.
pub(crate) fn to_int64(value: &Value) -> i64 {
    match value {
        Value::Int(_, number) => *number,
        Value::Float(number) => truncated(*number),
        Value::Bool(truth) => i64::from(*truth),
        Value::Text(text) => parse_int(without_zero_fraction(&text.to_str()), true).unwrap_or(0),
        _ => 0,
    }
}

/// Go leaves it to the processor what becomes of a float that is too large; where Helm mostly runs it is the least integer.
fn truncated(number: f64) -> i64 {
    let limit = to_float(i64::MIN);
    if (limit..-limit).contains(&number) { truncate(number) } else { i64::MIN }
}

/// `5.00` as `5`; any other fraction stays.
fn without_zero_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    }
}

/// A float for any value; 0 for what is none.
pub(crate) fn to_float64(value: &Value) -> f64 {
    match value {
        Value::Int(_, number) => to_float(*number),
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Text(text) => parse_float(&text.to_str()).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// The texts of a list of any kind, nils left out; a single value is a list of one.
pub(crate) fn to_texts(call: &Call<'_>, value: &Value) -> Result<Vec<Text>, FunctionError> {
    match value {
        Value::List(list) => {
            list.items().iter().filter(|item| !item.is_nil()).map(|item| to_text(call, item)).collect()
        }
        value if value.is_nil() => Ok(Vec::new()),
        Value::Object(object) if object.kind_name() == "slice" => match object.encoded() {
            list @ Value::List(_) => to_texts(call, &list),
            _ => Ok(vec![to_text(call, value)?]),
        },
        other => Ok(vec![to_text(call, other)?]),
    }
}
