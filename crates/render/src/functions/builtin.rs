//! Go's own functions: logic, comparison, indexing, printing, escaping. Go's `slice` is not here: sprig's takes its place.

use std::cmp::Ordering;

use super::{Answer, Arguments, Call, Function, Parameter::Any, fixed, open};
use crate::template::{FunctionError, IntType, MapType, Value, format, value::length};

pub(super) const FUNCTIONS: &[Function] = &[
    open("and", &[Any], Any, |_, arguments| Ok(arguments.at(0).clone())),
    open("or", &[Any], Any, |_, arguments| Ok(arguments.at(0).clone())),
    fixed("not", &[Any], |_, arguments| Ok(Value::Bool(!arguments.at(0).truth()))),
    open("eq", &[Any], Any, |_, arguments| equal(arguments).map(Value::Bool)),
    fixed("ne", &[Any, Any], |_, arguments| equal(arguments).map(|equal| Value::Bool(!equal))),
    fixed("lt", &[Any, Any], |_, arguments| ordered(arguments, Ordering::is_lt)),
    fixed("le", &[Any, Any], |_, arguments| ordered(arguments, Ordering::is_le)),
    fixed("gt", &[Any, Any], |_, arguments| ordered(arguments, Ordering::is_gt)),
    fixed("ge", &[Any, Any], |_, arguments| ordered(arguments, Ordering::is_ge)),
    fixed("len", &[Any], |_, arguments| len(arguments.at(0))),
    open("index", &[Any], Any, |_, arguments| index(arguments)),
    open("print", &[], Any, |call, arguments| text(format::sprint(arguments, call.left())?)),
    open("println", &[], Any, |call, arguments| text(format::sprintln(arguments, call.left())?)),
    open("printf", &[super::Parameter::Text], Any, |call, arguments| {
        text(format::sprintf(arguments.bytes(0), arguments.after(1), call.left())?)
    }),
    open("html", &[], Any, |call, arguments| escape(call, arguments, html)),
    open("js", &[], Any, |call, arguments| escape(call, arguments, js)),
    open("urlquery", &[], Any, |call, arguments| {
        escape(call, arguments, |text| super::urls::query_escape(text).into_bytes())
    }),
    open("call", &[Any], Any, |_, arguments| {
        let value = arguments.at(0);
        if value.is_nil() {
            return Err("call of nil".into());
        }
        Err(format!("non-function {} of type {}", shown(value), value.type_name()).into())
    }),
];

fn text(bytes: Vec<u8>) -> Answer {
    Ok(Value::Text(bytes.into()))
}

fn shown(value: &Value) -> String {
    String::from_utf8_lossy(&format::display(value, 4096).unwrap_or_default()).into_owned()
}

/// Go compares within a kind; integers with and without sign go together, all else does not.
#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Bool,
    Int,
    Float,
    Text,
    Other,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Bool,
        Value::Int(..) => Kind::Int,
        Value::Float(_) => Kind::Float,
        Value::Text(_) => Kind::Text,
        _ => Kind::Other,
    }
}

fn equal(arguments: &[Value]) -> Result<bool, FunctionError> {
    let first = arguments.at(0);
    if arguments.len() < 2 {
        return Err("missing argument for comparison".into());
    }
    for other in arguments.after(1) {
        let same = match (first, other) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(_, a), Value::Int(_, b)) => a == b,
            #[expect(clippy::float_cmp, reason = "Go compares floats alike")]
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (a, b) if a.is_nil() || b.is_nil() => a.is_nil() && b.is_nil(),
            (Value::Object(a), Value::Object(b)) if a.as_time().is_some() && b.as_time().is_some() => {
                a.as_time() == b.as_time()
            }
            (a, b) if kind(a) == Kind::Other && kind(b) == Kind::Other => {
                return Err(format!(
                    "non-comparable types {}: {}, {}: {}",
                    shown(a),
                    a.type_name(),
                    b.type_name(),
                    shown(b)
                )
                .into());
            }
            _ => return Err("incompatible types for comparison".into()),
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ordered(arguments: &[Value], holds: impl Fn(Ordering) -> bool) -> Answer {
    let (first, second) = (arguments.at(0), arguments.at(1));
    let ordering = match (first, second) {
        (Value::Int(_, a), Value::Int(_, b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (a, b) if kind(a) == Kind::Other || kind(b) == Kind::Other || kind(a) == kind(b) => {
            return Err("invalid type for comparison".into());
        }
        _ => return Err("incompatible types for comparison".into()),
    };
    // NaN is not less, equal or greater.
    Ok(Value::Bool(ordering.is_some_and(holds)))
}

fn len(value: &Value) -> Answer {
    let count = match value {
        Value::Text(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.len(),
        Value::Object(object) => match object.entries() {
            Some(entries) => entries.len(),
            None => return Err(format!("len of type {}", object.type_name()).into()),
        },
        other if other.is_nil() => return Err("len of nil pointer".into()),
        other => return Err(format!("len of type {}", other.type_name()).into()),
    };
    Ok(Value::int(length(count)))
}

/// An index argument as a position up to `most`.
fn position(value: &Value, most: usize) -> Result<usize, FunctionError> {
    match value {
        Value::Int(_, number) => match usize::try_from(*number) {
            Ok(position) if position <= most => Ok(position),
            _ => Err(format!("index out of range: {number}").into()),
        },
        other if other.is_nil() => Err("cannot index slice/array with nil".into()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name()).into()),
    }
}

fn index(arguments: &[Value]) -> Answer {
    let mut value = arguments.at(0).clone();
    if value.is_nil() {
        return Err("index of untyped nil".into());
    }
    for key in arguments.after(1) {
        if let Value::Object(object) = &value
            && object.kind_name() == "slice"
        {
            value = object.encoded();
        }
        value = match &value {
            Value::List(list) => {
                let found = list.items().get(position(key, list.items().len())?);
                found.cloned().ok_or_else(|| format!("index out of range: {}", shown(key)))?
            }
            Value::Text(text) | Value::Bytes(text) => {
                let found = text.as_bytes().get(position(key, text.len())?);
                let byte = found.copied().ok_or_else(|| format!("index out of range: {}", shown(key)))?;
                Value::Int(IntType::Uint8, i64::from(byte))
            }
            Value::Map(map) => match key {
                Value::Text(name) => match map.get(name.as_bytes()) {
                    Some(value) => value,
                    None if map.kind() == MapType::String => Value::from(""),
                    None => Value::Nil,
                },
                key if key.is_nil() => return Err("value is nil; should be of type string".into()),
                key => return Err(format!("value has type {}; should be string", key.type_name()).into()),
            },
            Value::Object(object) => match object.entries() {
                Some(entries) => {
                    let found = entries.into_iter().find(|(name, _)| name.as_text() == key.as_text());
                    found.map_or_else(|| Value::Bytes(Vec::new().into()), |(_, value)| value)
                }
                None => return Err(format!("can't index item of type {}", object.type_name()).into()),
            },
            other if other.is_nil() => return Err("index of nil pointer".into()),
            other => return Err(format!("can't index item of type {}", other.type_name()).into()),
        };
    }
    Ok(value)
}

/// Escapes the text of all arguments, printed as `print` does.
fn escape(call: &Call<'_>, arguments: &[Value], escape: impl Fn(&[u8]) -> Vec<u8>) -> Answer {
    let plain = match arguments {
        [Value::Text(only)] => only.as_bytes().to_vec(),
        // No value shows as such, as it does outside of functions.
        many => {
            let many: Vec<Value> = many
                .iter()
                .map(|value| if value.is_nil() { Value::from("<no value>") } else { value.clone() })
                .collect();
            format::sprint(&many, call.left())?
        }
    };
    call.charge(plain.len().saturating_mul(6))?;
    text(escape(&plain))
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend("\u{fffd}".as_bytes()),
            b'"' => out.extend(b"&#34;"),
            b'\'' => out.extend(b"&#39;"),
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            _ => out.push(*byte),
        }
    }
    out
}

fn js(text: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            _ if u32::from(character) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.into_bytes()
}
