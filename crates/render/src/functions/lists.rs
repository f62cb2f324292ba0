//! Lists: making, cutting, searching.
//!
//! Sprig's functions take slices of any type and mostly answer `[]interface {}`.

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Any, Int},
    fixed, open,
    types::deep_equal,
};
use crate::template::{FunctionError, List, ListType, Value, format::MAX_NESTING, value::length};

pub(super) const FUNCTIONS: &[Function] = &[
    open("list", &[], Any, |_, a| Ok(Value::list(a.to_vec()))),
    open("tuple", &[], Any, |_, a| Ok(Value::list(a.to_vec()))),
    fixed("first", &[Any], |_, a| {
        nil_or_items("first", a.at(0), |items| Ok(items.first().cloned().unwrap_or(Value::Nil)))
    }),
    fixed("mustFirst", &[Any], |_, a| {
        nil_or_items("first", a.at(0), |items| Ok(items.first().cloned().unwrap_or(Value::Nil)))
    }),
    fixed("last", &[Any], |_, a| {
        nil_or_items("last", a.at(0), |items| Ok(items.last().cloned().unwrap_or(Value::Nil)))
    }),
    fixed("mustLast", &[Any], |_, a| {
        nil_or_items("last", a.at(0), |items| Ok(items.last().cloned().unwrap_or(Value::Nil)))
    }),
    fixed("rest", &[Any], |_, a| rest(a)),
    fixed("mustRest", &[Any], |_, a| rest(a)),
    fixed("initial", &[Any], |_, a| initial(a)),
    fixed("mustInitial", &[Any], |_, a| initial(a)),
    fixed("append", &[Any, Any], |call, a| append(call, a)),
    fixed("mustAppend", &[Any, Any], |call, a| append(call, a)),
    fixed("push", &[Any, Any], |call, a| append(call, a)),
    fixed("mustPush", &[Any, Any], |call, a| append(call, a)),
    fixed("prepend", &[Any, Any], |call, a| prepend(call, a)),
    fixed("mustPrepend", &[Any, Any], |call, a| prepend(call, a)),
    open("concat", &[], Any, concat),
    fixed("reverse", &[Any], |_, a| reverse(a)),
    fixed("mustReverse", &[Any], |_, a| reverse(a)),
    fixed("has", &[Any, Any], has),
    fixed("mustHas", &[Any, Any], has),
    open("without", &[Any], Any, without),
    open("mustWithout", &[Any], Any, without),
    fixed("uniq", &[Any], uniq),
    fixed("mustUniq", &[Any], uniq),
    fixed("compact", &[Any], |_, a| compact(a)),
    fixed("mustCompact", &[Any], |_, a| compact(a)),
    open("slice", &[Any], Any, slice),
    open("mustSlice", &[Any], Any, slice),
    fixed("chunk", &[Int, Any], chunk),
    fixed("mustChunk", &[Int, Any], chunk),
    fixed("until", &[Int], |call, a| {
        let count = a.integer(0);
        steps(call, 0, count, if count < 0 { -1 } else { 1 })
    }),
    fixed("untilStep", &[Int, Int, Int], |call, a| steps(call, a.integer(0), a.integer(1), a.integer(2))),
    open("seq", &[], Int, sequence),
];

/// The items of a list; any other type is refused with a sentence about a verb.
fn items<'v>(verb: &str, value: &'v Value) -> Result<std::borrow::Cow<'v, [Value]>, FunctionError> {
    match value {
        Value::List(list) => Ok(list.items().into()),
        Value::Bytes(bytes) => Ok(bytes
            .as_bytes()
            .iter()
            .map(|byte| Value::Int(crate::template::IntType::Uint8, i64::from(*byte)))
            .collect::<Vec<_>>()
            .into()),
        Value::Object(object) if object.kind_name() == "slice" => match object.encoded() {
            Value::List(list) => Ok(list.items().to_vec().into()),
            _ => Err(format!("Cannot {verb} on type slice").into()),
        },
        other if other.is_nil() => Err(format!(
            "Cannot {verb} on type nil: runtime error: invalid memory address or nil pointer dereference"
        )
        .into()),
        other => Err(format!("Cannot {verb} on type {}", other.kind_name()).into()),
    }
}

fn nil_or_items(verb: &str, value: &Value, pick: impl FnOnce(&[Value]) -> Answer) -> Answer {
    pick(&items(&format!("find {verb}"), value)?)
}

fn rest(arguments: &[Value]) -> Answer {
    nil_or_items("rest", arguments.at(0), |items| {
        Ok(match items.split_first() {
            Some((_, tail)) => Value::list(tail.to_vec()),
            None => Value::list(Vec::new()),
        })
    })
}

fn initial(arguments: &[Value]) -> Answer {
    nil_or_items("initial", arguments.at(0), |items| {
        Ok(match items.split_last() {
            Some((_, head)) => Value::list(head.to_vec()),
            None => Value::list(Vec::new()),
        })
    })
}

fn append(call: &Call<'_>, arguments: &[Value]) -> Answer {
    let mut items = items("push", arguments.at(0))?.into_owned();
    call.charge(items.len().saturating_mul(16))?;
    items.push(arguments.at(1).clone());
    Ok(Value::list(items))
}

fn prepend(call: &Call<'_>, arguments: &[Value]) -> Answer {
    let items = items("prepend", arguments.at(0))?;
    call.charge(items.len().saturating_mul(16))?;
    let mut all = vec![arguments.at(1).clone()];
    all.extend(items.iter().cloned());
    Ok(Value::list(all))
}

fn concat(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let mut all = Vec::new();
    for list in arguments {
        let items = items("concat type", list)
            .map_err(|_| format!("Cannot concat type {} as list", list.kind_name()))?;
        call.charge(items.len().saturating_mul(32))?;
        all.extend(items.iter().cloned());
    }
    Ok(Value::list(all))
}

fn reverse(arguments: &[Value]) -> Answer {
    let items = items("find reverse", arguments.at(0))?;
    Ok(Value::list(items.iter().rev().cloned().collect()))
}

fn same(call: &Call<'_>, a: &Value, b: &Value) -> Result<bool, FunctionError> {
    deep_equal(a, b, MAX_NESTING, &|| Ok(call.meter().step(1)?))
}

fn contains(call: &Call<'_>, items: &[Value], wanted: &Value) -> Result<bool, FunctionError> {
    for item in items {
        if same(call, item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    if arguments.at(1).is_nil() {
        return Ok(Value::Bool(false));
    }
    let items = items("find has", arguments.at(1))?;
    Ok(Value::Bool(contains(call, &items, arguments.at(0))?))
}

fn without(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let items = items("find without", arguments.at(0))?;
    let mut kept = Vec::new();
    for item in items.iter() {
        if !contains(call, arguments.after(1), item)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn uniq(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let items = items("find uniq", arguments.at(0))?;
    let mut kept: Vec<Value> = Vec::new();
    for item in items.iter() {
        if !contains(call, &kept, item)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn compact(arguments: &[Value]) -> Answer {
    let items = items("compact", arguments.at(0))?;
    Ok(Value::list(items.iter().filter(|item| !super::flow::is_empty(item)).cloned().collect()))
}

/// `slice` of sprig: over lists of any type; it takes the place of Go's own function, as in Helm.
fn slice(_: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let value = arguments.at(0);
    let all = items("list should be type of slice or array but", value)
        .map_err(|_| format!("list should be type of slice or array but {}", value.kind_name()))?;
    if all.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, default: usize| match arguments.get(index) {
        Some(value) => usize::try_from(super::convert::to_int64(value)).unwrap_or(usize::MAX),
        None => default,
    };
    let (from, to) = (bound(1, 0), bound(2, all.len()));
    let part = all
        .get(from..to)
        .ok_or_else(|| format!("reflect.Value.Slice: slice index out of bounds [{from}:{to}]"))?;
    let kind = match value {
        Value::List(list) => list.kind(),
        _ => ListType::Interface,
    };
    Ok(Value::List(List::new(kind, part.to_vec())))
}

fn chunk(_: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let items = items("chunk", arguments.at(1))?;
    let Some(size) = usize::try_from(arguments.integer(0)).ok().filter(|size| *size > 0) else {
        return Err("runtime error: integer divide by zero".into());
    };
    Ok(Value::list(items.chunks(size).map(|part| Value::list(part.to_vec())).collect()))
}

/// `[]int` from start up or down to before stop; a step in the wrong direction gives none.
fn steps(call: &Call<'_>, start: i64, stop: i64, step: i64) -> Answer {
    let distance = i128::from(stop) - i128::from(start);
    let step_wide = i128::from(step);
    let count = if step != 0 && (distance > 0) == (step > 0) {
        (distance.abs() + step_wide.abs() - 1) / step_wide.abs()
    } else {
        0
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    call.charge(count.saturating_mul(32))?;
    let numbers =
        (0..length(count)).map(|index| Value::int(start.saturating_add(index.saturating_mul(step))));
    Ok(Value::List(List::new(ListType::Int, numbers.collect())))
}

/// `seq`: like the command of that name, both ends included.
fn sequence(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let (start, step, end) = match arguments.len() {
        1 => (1, if arguments.integer(0) < 1 { -1 } else { 1 }, arguments.integer(0)),
        2 => (
            arguments.integer(0),
            if arguments.integer(1) < arguments.integer(0) { -1 } else { 1 },
            arguments.integer(1),
        ),
        3 => (arguments.integer(0), arguments.integer(1), arguments.integer(2)),
        _ => return Ok(Value::from("")),
    };
    if step == 0 || (end > start && step < 0) || (end < start && step > 0) {
        return Ok(Value::from(""));
    }
    let numbers = steps(call, start, end.saturating_add(step.signum()), step)?;
    super::strings::join(call, b" ", &numbers)
}
