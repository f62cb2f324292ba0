//! Defaults, refusals, and templates that call templates.

use super::{
    Arguments, Function,
    Parameter::{Any, Bool, Text},
    fixed, open,
};
use crate::template::{FunctionError, Numbers, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    open("default", &[Any], Any, |_, a| {
        Ok(match a.get(1) {
            Some(given) if !is_empty(given) => given.clone(),
            _ => a.at(0).clone(),
        })
    }),
    fixed("empty", &[Any], |_, a| Ok(Value::Bool(is_empty(a.at(0))))),
    open("coalesce", &[], Any, |_, a| {
        Ok(a.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Value::Nil))
    }),
    open("all", &[], Any, |_, a| Ok(Value::Bool(!a.iter().any(is_empty)))),
    open("any", &[], Any, |_, a| Ok(Value::Bool(a.iter().any(|value| !is_empty(value))))),
    fixed("ternary", &[Any, Any, Bool], |_, a| Ok(if a.truth_of(2) { a.at(0) } else { a.at(1) }.clone())),
    fixed("required", &[Text, Any], |_, a| match a.at(1) {
        value if value.is_nil() => Err(FunctionError::Failed(a.string(0).into_owned())),
        Value::Text(text) if text.is_empty() => Err(FunctionError::Failed(a.string(0).into_owned())),
        value => Ok(value.clone()),
    }),
    fixed("fail", &[Text], |_, a| Err(FunctionError::Failed(a.string(0).into_owned()))),
    fixed("include", &[Text, Any], |call, a| call.include(&a.string(0), &entered(a.at(1)))),
    fixed("tpl", &[Text, Any], |call, a| call.tpl(&a.string(0), &entered(a.at(1)))),
    fixed("lookup", &[Text, Text, Text, Text], |call, a| {
        let facts = &call.execution.context.facts;
        let found = facts.lookup(&a.string(0), &a.string(1), &a.string(2), &a.string(3));
        Ok(match Value::from_json(&found, Numbers::Whole) {
            Value::Map(map) => Value::Map(map),
            _ => Value::map([] as [(&str, Value); 0]),
        })
    }),
    fixed("hello", &[], |_, _| Ok(Value::from("Hello!"))),
];

/// A template called with nil has no value at all as its dot.
fn entered(value: &Value) -> Value {
    if value.is_nil() { Value::Absent } else { value.clone() }
}

/// Sprig's emptiness: what `if` takes for false, but structs never are.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.entries().is_some_and(|entries| entries.is_empty()),
        other => !other.truth(),
    }
}
