//! Maps: making, changing in place, merging, picking.

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Any, Map as AMap, Text as AText},
    convert::to_text,
    fixed, open,
};
use crate::template::{Exhausted, FunctionError, List, Map, MapType, Text, Value, format::MAX_NESTING};

pub(super) const FUNCTIONS: &[Function] = &[
    open("dict", &[], Any, dict),
    fixed("get", &[AMap, AText], |_, a| {
        // A missing key reads as the empty text.
        Ok(map(a, 0).get(a.bytes(1)).unwrap_or_else(|| Value::from("")))
    }),
    fixed("set", &[AMap, AText, Any], |call, a| {
        let Some(map) = a.at(0).as_map() else { return Err("assignment to entry in nil map".into()) };
        call.set(map, a.bytes(1).into(), a.at(2).clone());
        Ok(a.at(0).clone())
    }),
    fixed("unset", &[AMap, AText], |_, a| {
        map(a, 0).remove(a.bytes(1));
        Ok(a.at(0).clone())
    }),
    fixed("hasKey", &[AMap, AText], |_, a| Ok(Value::Bool(map(a, 0).has(a.bytes(1))))),
    open("pluck", &[AText], AMap, |_, a| {
        let found = a.after(1).iter().filter_map(|map| map.as_map().and_then(|map| map.get(a.bytes(0))));
        Ok(Value::list(found.collect()))
    }),
    open("keys", &[], AMap, |_, a| {
        let keys = a.iter().filter_map(Value::as_map).flat_map(Map::entries).map(|(key, _)| key);
        Ok(Value::texts(keys.collect::<Vec<Text>>()))
    }),
    fixed("values", &[AMap], |_, a| {
        Ok(Value::list(map(a, 0).entries().into_iter().map(|(_, value)| value).collect()))
    }),
    open("pick", &[AMap], AText, |_, a| {
        let chosen = a.after(1).iter().filter_map(Value::as_text).cloned();
        let source = map(a, 0);
        Ok(Value::map(chosen.filter_map(|key| source.get(key.as_bytes()).map(|value| (key, value)))))
    }),
    open("omit", &[AMap], AText, |_, a| {
        let left_out: Vec<&Text> = a.after(1).iter().filter_map(Value::as_text).collect();
        Ok(Value::map(map(a, 0).entries().into_iter().filter(|(key, _)| !left_out.contains(&key))))
    }),
    open("merge", &[AMap], AMap, |call, a| merge_all(call, a, false)),
    open("mustMerge", &[AMap], AMap, |call, a| merge_all(call, a, false)),
    open("mergeOverwrite", &[AMap], AMap, |call, a| merge_all(call, a, true)),
    open("mustMergeOverwrite", &[AMap], AMap, |call, a| merge_all(call, a, true)),
    fixed("deepCopy", &[Any], |call, a| deep_copy(call, a.at(0), MAX_NESTING)),
    fixed("mustDeepCopy", &[Any], |call, a| deep_copy(call, a.at(0), MAX_NESTING)),
    open("dig", &[], Any, dig),
];

/// The map of an argument; a nil map reads as an empty one.
fn map(arguments: &[Value], index: usize) -> Map {
    arguments.at(index).as_map().cloned().unwrap_or_else(Map::empty)
}

fn dict(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    call.charge(arguments.len().saturating_mul(64))?;
    let map = Map::empty();
    for pair in arguments.chunks(2) {
        let key = to_text(call, pair.at(0))?;
        map.set(key, pair.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(Value::Map(map))
}

fn merge_all(call: &Call<'_>, arguments: &[Value], overwrite: bool) -> Answer {
    if arguments.iter().all(Value::is_nil) {
        return Ok(Value::Nil);
    }
    let made = Map::new(MapType::Interface, std::collections::BTreeMap::new());
    let target = arguments.at(0).as_map().unwrap_or(&made);
    for source in arguments.after(1).iter().filter_map(Value::as_map) {
        merge(call, target, source, overwrite, MAX_NESTING)?;
    }
    Ok(Value::Map(target.clone()))
}

/// Without `overwrite`: fills keys that are missing or empty. With it: the source wins, even with an empty value.
/// Maps on both sides are merged; inner maps of the source become shared.
fn merge(
    call: &Call<'_>,
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), FunctionError> {
    if depth == 0 {
        return Err(Exhausted::Nesting.into());
    }
    if target.is_same(source) {
        return Ok(());
    }
    for (key, value) in source.entries() {
        call.meter().step(1)?;
        let present = target.get(key.as_bytes());
        match (&present, &value) {
            (Some(Value::Map(inner)), Value::Map(other)) => merge(call, inner, other, overwrite, depth - 1)?,
            (None, value) if value.is_nil() && !overwrite => {}
            (None, _) => call.set(target, key, value),
            (Some(_), _) if overwrite => call.set(target, key, value),
            (Some(present), value) if !present.truth() && value.truth() => {
                call.set(target, key, value.clone())
            }
            _ => {}
        }
    }
    Ok(())
}

fn deep_copy(call: &Call<'_>, value: &Value, depth: usize) -> Answer {
    if value.is_nil() && depth == MAX_NESTING {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    if depth == 0 {
        return Err(Exhausted::Nesting.into());
    }
    call.meter().step(1)?;
    Ok(match value {
        Value::Map(map) => {
            let copy = Map::new(map.kind(), std::collections::BTreeMap::new());
            for (key, value) in map.entries() {
                call.charge(key.len() + 64)?;
                copy.set(key, deep_copy(call, &value, depth - 1)?);
            }
            Value::Map(copy)
        }
        Value::List(list) => {
            call.charge(list.items().len().saturating_mul(32))?;
            let items: Result<Vec<Value>, FunctionError> =
                list.items().iter().map(|item| deep_copy(call, item, depth - 1)).collect();
            Value::List(List::new(list.kind(), items?))
        }
        other => other.clone(),
    })
}

/// `dig "a" "b" default map`: the value at a path, or the default.
fn dig(_: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let Some((last, front)) = arguments.split_last().filter(|_| arguments.len() >= 3) else {
        return Err("dig needs at least three arguments".into());
    };
    let Some((default, keys)) = front.split_last() else { return Ok(Value::Nil) };
    // Go asserts the exact type here, which Helm's named type of `.Values` is not.
    let assert = |value: &Value| match value {
        Value::Map(map) if map.kind() == MapType::Interface => Ok(map.clone()),
        other => Err(FunctionError::from(format!(
            "interface conversion: interface {{}} is {}, not map[string]interface {{}}",
            if other.is_nil() { "nil" } else { other.type_name() }
        ))),
    };
    let mut map = assert(last)?;
    for (index, key) in keys.iter().enumerate() {
        let Some(key) = key.as_text() else {
            return Err(
                format!("interface conversion: interface {{}} is {}, not string", key.type_name()).into()
            );
        };
        match map.get(key.as_bytes()) {
            None => return Ok(default.clone()),
            Some(value) if index + 1 == keys.len() => return Ok(value),
            Some(value) => map = assert(&value)?,
        }
    }
    Ok(default.clone())
}
