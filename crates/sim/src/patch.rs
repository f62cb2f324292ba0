//! The three patch formats that are not server-side apply.

use serde_json::{Map, Value};

use crate::schema::{Schema, Shape};

/// RFC 7396.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Some(map) = target.as_object_mut() {
        for (key, value) in patch {
            if value.is_null() {
                map.remove(key);
            } else {
                merge(map.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// RFC 6902; the error is a sentence.
pub(crate) fn json(target: &mut Value, operations: &[Value]) -> Result<(), String> {
    for operation in operations {
        let text = |key: &str| operation.get(key).and_then(Value::as_str);
        let path = text("path").ok_or("missing path")?;
        match text("op") {
            Some("add") => add(target, path, operation.get("value").cloned().ok_or("missing value")?)?,
            Some("remove") => {
                remove(target, path)?;
            }
            Some("replace") => {
                let slot = target.pointer_mut(path).ok_or_else(|| missing("replace", path))?;
                *slot = operation.get("value").cloned().ok_or("missing value")?;
            }
            Some("move") => {
                let value = remove(target, text("from").ok_or("missing from")?)?;
                add(target, path, value)?;
            }
            Some("copy") => {
                let from = text("from").ok_or("missing from")?;
                let value = target.pointer(from).cloned().ok_or_else(|| missing("copy", from))?;
                add(target, path, value)?;
            }
            Some("test") => {
                let expected = operation.get("value").unwrap_or(&Value::Null);
                if target.pointer(path).unwrap_or(&Value::Null) != expected {
                    return Err(format!("testing path {path} value failed: test failed"));
                }
            }
            other => return Err(format!("unexpected kind: {}", other.unwrap_or("unknown"))),
        }
    }
    Ok(())
}

fn missing(operation: &str, path: &str) -> String {
    format!("{operation} operation does not apply: doc is missing path: {path}: missing value")
}

fn split(path: &str) -> Result<(&str, String), String> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(|| format!("bad path {path}"))?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    let (parent, last) = split(path)?;
    match target.pointer_mut(parent).ok_or_else(|| missing("add", path))? {
        Value::Object(map) => {
            map.insert(last, value);
            Ok(())
        }
        Value::Array(list) if last == "-" => {
            list.push(value);
            Ok(())
        }
        Value::Array(list) => {
            let index: usize = last.parse().map_err(|_| missing("add", path))?;
            if index > list.len() {
                return Err(format!(
                    "add operation does not apply: doc is missing index {index}: invalid index referenced"
                ));
            }
            list.insert(index, value);
            Ok(())
        }
        _ => Err(missing("add", path)),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = split(path)?;
    match target.pointer_mut(parent) {
        Some(Value::Object(map)) => map.shift_remove(&last).ok_or_else(|| missing("remove", path)),
        Some(Value::Array(list)) => match last.parse::<usize>() {
            Ok(index) if index < list.len() => Ok(list.remove(index)),
            _ => Err(missing("remove", path)),
        },
        _ => Err(missing("remove", path)),
    }
}

/// Strategic merge for built-in kinds: keyed lists merge by their first key; `$patch`, `$deleteFromPrimitiveList` and
/// `$retainKeys` directives hold, `$setElementOrder` orders.
pub(crate) fn strategic(target: &mut Value, patch: &Value, schema: &Schema) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let mut map = patch.clone();
            map.remove("$patch");
            *target = Value::Object(map);
            return;
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return;
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| keep.iter().any(|k| k.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(have), Some(gone)) =
                (map.get_mut(list).and_then(Value::as_array_mut), value.as_array())
            {
                have.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        if value.is_null() {
            map.remove(key);
            continue;
        }
        let (below, _) = schema.child(key);
        match (below.shape(value), value) {
            (Shape::Keyed(keys, item_schema), Value::Array(items)) => {
                let key_name = keys.first().map(|key| key.name.to_string()).unwrap_or_default();
                let slot = map.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                merge_keyed(slot, items, &key_name, item_schema);
            }
            (Shape::Set, Value::Array(items)) => {
                let slot = map.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if let Some(list) = slot.as_array_mut() {
                    for item in items {
                        if !list.contains(item) {
                            list.push(item.clone());
                        }
                    }
                }
            }
            (_, Value::Object(_)) => strategic(map.entry(key.clone()).or_insert(Value::Null), value, below),
            _ => {
                map.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, order) in patch {
        if let (Some(list), Some(order)) = (key.strip_prefix("$setElementOrder/"), order.as_array())
            && let Some(items) = map.get_mut(list).and_then(Value::as_array_mut)
        {
            let rank = |item: &Value| {
                order.iter().position(|wanted| match wanted.as_object() {
                    Some(keys) => keys.iter().all(|(k, v)| item.get(k) == Some(v)),
                    None => wanted == item,
                })
            };
            items.sort_by_key(|item| rank(item).unwrap_or(usize::MAX));
        }
    }
}

fn merge_keyed(target: &mut Value, items: &[Value], key: &str, schema: &Schema) {
    if items.iter().any(|item| item.get("$patch").and_then(Value::as_str) == Some("replace")) {
        *target = items.iter().filter(|item| item.get("$patch").is_none()).cloned().collect();
        return;
    }
    let Some(list) = target.as_array_mut() else { return };
    for item in items {
        let at = list.iter().position(|have| have.get(key).is_some() && have.get(key) == item.get(key));
        match (at, item.get("$patch").and_then(Value::as_str)) {
            (Some(index), Some("delete")) => {
                list.remove(index);
            }
            (None, Some("delete")) => {}
            (Some(index), _) => strategic(&mut list[index], item, schema),
            (None, _) => list.push(item.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::builtin;

    #[test]
    fn strategic_merges_containers_by_name() {
        let schema = builtin("apps", "deployments");
        let mut target = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "1", "env": [{"name": "K", "value": "v"}]}, {"name": "b", "image": "1"}]}}}});
        let patch = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "b", "$patch": "delete"}, {"name": "a", "image": "2", "env": [{"name": "L", "value": "w"}]}]}}}});
        strategic(&mut target, &patch, &schema);
        assert_eq!(
            target,
            json!({"spec": {"template": {"spec": {"containers": [
                {"name": "a", "image": "2", "env": [{"name": "K", "value": "v"}, {"name": "L", "value": "w"}]}]}}}})
        );
    }

    #[test]
    fn json_patch_speaks_of_missing_paths() {
        let mut target = json!({"a": [1, 2]});
        json(
            &mut target,
            &[json!({"op": "add", "path": "/a/1", "value": 9}), json!({"op": "remove", "path": "/a/0"})],
        )
        .unwrap();
        assert_eq!(target, json!({"a": [9, 2]}));
        assert!(json(&mut target, &[json!({"op": "remove", "path": "/b"})]).is_err());
        assert!(json(&mut target, &[json!({"op": "test", "path": "/a", "value": 1})]).is_err());
    }
}
