//! Types: conversions that templates ask for, and questions about types.

use super::{
    Arguments, Function,
    Parameter::{Any, Text},
    convert::{to_float64, to_int64},
    fixed,
};
use crate::template::{FunctionError, Value, format::MAX_NESTING, number::parse_decimal};

/// As Go's, whose error sprig leaves aside: too large a number is the largest.
fn atoi(text: &str) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let overflow = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let limit = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    parse_decimal(text).unwrap_or(if overflow { limit } else { 0 })
}

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("int", &[Any], |_, a| Ok(Value::int(to_int64(a.at(0))))),
    fixed("int64", &[Any], |_, a| Ok(Value::int64(to_int64(a.at(0))))),
    fixed("float64", &[Any], |_, a| Ok(Value::Float(to_float64(a.at(0))))),
    fixed("atoi", &[Text], |_, a| Ok(Value::int(atoi(&a.string(0))))),
    fixed("toDecimal", &[Any], |call, a| {
        let text = call.display(a.at(0))?;
        let digits = String::from_utf8_lossy(&text).into_owned();
        Ok(Value::int64(i64::from_str_radix(&digits, 8).unwrap_or(0)))
    }),
    fixed("typeOf", &[Any], |_, a| Ok(Value::from(a.at(0).type_name()))),
    fixed("typeIs", &[Text, Any], |_, a| Ok(Value::Bool(a.at(1).type_name().as_bytes() == a.bytes(0)))),
    fixed("typeIsLike", &[Text, Any], |_, a| {
        let name = a.at(1).type_name();
        Ok(Value::Bool(name.as_bytes() == a.bytes(0) || format!("*{}", a.string(0)) == name))
    }),
    fixed("kindOf", &[Any], |_, a| Ok(Value::from(a.at(0).kind_name()))),
    fixed("kindIs", &[Text, Any], |_, a| Ok(Value::Bool(a.at(1).kind_name().as_bytes() == a.bytes(0)))),
    fixed("deepEqual", &[Any, Any], |call, a| {
        Ok(Value::Bool(deep_equal(a.at(0), a.at(1), MAX_NESTING, &|| Ok(call.meter().step(1)?))?))
    }),
];

/// Whether two values are of the same types and content throughout. `step` is called once per value compared.
pub(super) fn deep_equal(
    a: &Value,
    b: &Value,
    depth: usize,
    step: &dyn Fn() -> Result<(), FunctionError>,
) -> Result<bool, FunctionError> {
    step()?;
    if depth == 0 {
        return Err(crate::template::Exhausted::Nesting.into());
    }
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(kind_a, a), Value::Int(kind_b, b)) => kind_a == kind_b && a == b,
        #[expect(clippy::float_cmp, reason = "Go compares floats alike")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) | (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            if a.kind() != b.kind() || a.items().len() != b.items().len() {
                return Ok(false);
            }
            for (a, b) in a.items().iter().zip(b.items()) {
                if !deep_equal(a, b, depth - 1, step)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.kind() != b.kind() || a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.entries() {
                match b.get(key.as_bytes()) {
                    Some(b) if deep_equal(&a, &b, depth - 1, step)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Object(a), Value::Object(b)) => a.type_name() == b.type_name() && a.text() == b.text(),
        (a, b) => a.is_nil() && b.is_nil(),
    })
}
