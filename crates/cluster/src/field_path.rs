//! Leaving out of a manifest what another manager holds.
//!
//! Server-side apply names fields like `.spec.template.spec.containers[name="web"].image`. Keys are written without
//! quotes even when they hold dots, so a path is read along the manifest that it belongs to.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Removes the field at a path, and mappings and lists that become empty by it, below the second level. Answers
/// whether the manifest had it.
pub(crate) fn remove(body: &mut Value, path: &str) -> bool {
    let Some(steps) = resolve(body, path) else { return false };
    let Some((last, parents)) = steps.split_last() else { return false };
    take(body, parents, last);
    // `spec: {}` says something else than no spec at all; deeper down, an emptied mapping would only claim itself.
    for length in (2..=parents.len()).rev() {
        let Some((last, parents)) = parents[..length].split_last() else { break };
        let emptied = find(body, parents).and_then(|parent| step(parent, last)).is_some_and(is_bare);
        if !emptied || matches!(last, Step::Index(_)) {
            break;
        }
        take(body, parents, last);
    }
    true
}

fn is_bare(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn step<'a>(value: &'a Value, step: &Step) -> Option<&'a Value> {
    match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(*index),
    }
}

fn find<'a>(root: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(root, step)
}

fn take(root: &mut Value, parents: &[Step], last: &Step) {
    let parent = parents.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(*index),
    });
    match (parent, last) {
        (Some(Value::Object(map)), Step::Key(key)) => {
            map.shift_remove(key);
        }
        (Some(Value::Array(items)), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

fn resolve(value: &Value, rest: &str) -> Option<Vec<Step>> {
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let (candidates, after): (Vec<Step>, Vec<&str>) = if let Some(rest) = rest.strip_prefix('.') {
        let mut keys: Vec<(&String, &str)> = value
            .as_object()?
            .keys()
            .filter_map(|key| {
                let after = rest.strip_prefix(key.as_str())?;
                (after.is_empty() || after.starts_with(['.', '['])).then_some((key, after))
            })
            .collect();
        // `a.b` before `a`: the longer key explains more.
        keys.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        keys.into_iter().map(|(key, after)| (Step::Key(key.clone()), after)).unzip()
    } else {
        let (index, after) = item(value.as_array()?, rest.strip_prefix('[')?)?;
        (vec![Step::Index(index)], vec![after])
    };
    for (candidate, after) in candidates.into_iter().zip(after) {
        let Some(below) = step(value, &candidate) else { continue };
        if let Some(mut steps) = resolve(below, after) {
            steps.insert(0, candidate);
            return Some(steps);
        }
    }
    None
}

/// Reads `0]`, `="x"]` or `containerPort=80,protocol="TCP"]`, and finds the item meant.
fn item<'a>(items: &[Value], text: &'a str) -> Option<(usize, &'a str)> {
    if let Some(rest) = text.strip_prefix('=') {
        let (wanted, rest) = scalar(rest)?;
        let index = items.iter().position(|item| *item == wanted)?;
        return Some((index, rest.strip_prefix(']')?));
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0
        && let Some(rest) = text[digits..].strip_prefix(']')
    {
        return Some((text[..digits].parse().ok()?, rest));
    }
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = scalar(after)?;
        keys.push((name, value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => {
                rest = after.strip_prefix(']')?;
                break;
            }
        }
    }
    let exact = |item: &Value| keys.iter().all(|(name, value)| item.get(name) == Some(value));
    // The server fills in defaults of key fields (`protocol: TCP`) that the manifest leaves out.
    let filled =
        |item: &Value| keys.iter().all(|(name, value)| item.get(name).is_none_or(|found| found == value));
    let index = items.iter().position(exact).or_else(|| items.iter().position(filled))?;
    Some((index, rest))
}

fn scalar(text: &str) -> Option<(Value, &str)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = stream.next()?.ok()?;
    let end = stream.byte_offset();
    Some((value, text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Value {
        json!({
            "metadata": {"name": "x", "annotations": {"a.b/c": "1", "a": "2"}, "finalizers": ["one", "two"]},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "web", "image": "i", "resources": {"limits": {"cpu": 1}},
                 "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]},
            ]}}},
        })
    }

    #[test]
    fn fields_of_all_shapes_are_found_and_removed() {
        for (path, gone) in [
            (".spec.replicas", "/spec/replicas"),
            (".metadata.annotations.a.b/c", "/metadata/annotations/a.b~1c"),
            (".metadata.annotations.a", "/metadata/annotations/a"),
            (r#".spec.template.spec.containers[name="web"].image"#, "/spec/template/spec/containers/0/image"),
            (r#".metadata.finalizers[="two"]"#, "/metadata/finalizers/1"),
            (".spec.template.spec.containers[0].image", "/spec/template/spec/containers/0/image"),
        ] {
            let mut body = deployment();
            assert!(body.pointer(gone).is_some(), "{path}");
            assert!(remove(&mut body, path), "{path}");
            assert_eq!(body.pointer(gone), None, "{path}");
            // Nothing else went.
            assert!(body.to_string().len() < deployment().to_string().len());
            assert_eq!(body.pointer("/metadata/name"), Some(&json!("x")));
        }
    }

    #[test]
    fn key_fields_that_the_server_fills_in_are_allowed_for() {
        let mut body = deployment();
        let path = r#".spec.template.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]"#;
        assert!(remove(&mut body, path));
        assert_eq!(
            body.pointer("/spec/template/spec/containers/0/ports"),
            Some(&json!([{"containerPort": 80, "protocol": "UDP"}]))
        );
    }

    #[test]
    fn emptied_mappings_go_too_but_not_the_items_of_lists_nor_the_spec() {
        let mut body = deployment();
        assert!(remove(&mut body, r#".spec.template.spec.containers[name="web"].resources.limits.cpu"#));
        let container = body.pointer("/spec/template/spec/containers/0").unwrap();
        assert_eq!(container.get("resources"), None);
        assert_eq!(container.get("name"), Some(&json!("web")));
        let mut small = json!({"metadata": {"name": "x"}, "spec": {"replicas": 1}});
        assert!(remove(&mut small, ".spec.replicas"));
        assert_eq!(small, json!({"metadata": {"name": "x"}, "spec": {}}));
    }

    #[test]
    fn what_is_not_there_is_not_removed() {
        for path in [
            "",
            ".",
            ".spec.x",
            ".spec[0]",
            ".spec.template.spec.containers[name=\"db\"].image",
            ".spec[",
            "x",
        ] {
            let mut body = deployment();
            assert!(!remove(&mut body, path), "{path}");
            assert_eq!(body, deployment());
        }
    }

    proptest::proptest! {
        /// Whatever a server writes, reading it neither panics nor touches the object's name.
        #[test]
        fn any_text_is_survived(path in r#"[.\[\]=a-z0-9",{}]{0,40}"#) {
            let mut body = deployment();
            remove(&mut body, &path);
        }
    }
}
