//! Turns the options of `preview` and `apply` into the input of `previewUpgrade` and `requestUpgrade`.

use serde_json::{Map, Value, json};

use super::{pairs, read_text, read_yaml};
use crate::{arguments::Wish, exit::CliError};

/// The input, without the project.
pub(super) fn input(cluster: &str, wish: &Wish) -> Result<Value, CliError> {
    let mut input = match &wish.input {
        Some(path) => match read_yaml(&read_text(path)?, &path.display().to_string())? {
            Value::Object(map) => map,
            _ => return Err(CliError::Usage(format!("{} holds no mapping", path.display()))),
        },
        None => Map::new(),
    };
    if let Some(other) = input.insert("cluster".to_owned(), json!(cluster))
        && other != json!(cluster)
    {
        return Err(CliError::Usage(format!("the input is for the cluster {other}, not for `{cluster}`")));
    }
    add(&mut input, "attach", wish.profiles.iter().map(|text| revision(text)).collect::<Result<_, _>>()?);
    add(&mut input, "detach", wish.detach.iter().map(|name| json!(name)).collect());
    add(&mut input, "overrides", overrides(&wish.set)?);
    add(&mut input, "unsetOverrides", wish.unset.iter().map(|layer| json!(layer)).collect());
    let variables = wish.variables.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    add(&mut input, "variables", variables.collect());
    if let Some(replicas) = wish.control_plane {
        input.insert("controlPlane".to_owned(), json!({ "replicas": replicas }));
    }
    let pools = wish.pools.iter().map(|(name, machines)| pool(name, machines));
    add(&mut input, "nodePools", pools.collect::<Result<_, CliError>>()?);
    if wish.release_held {
        input.insert("releaseHeld".to_owned(), json!(true));
    }
    if wish.updates {
        input.insert("takeUpdates".to_owned(), json!(true));
    }
    if let Some(change) = &wish.roll_back {
        input.insert("rollBack".to_owned(), json!(change));
    }
    let resolutions = wish.resolve.iter().map(|text| resolution(text));
    add(&mut input, "resolutions", resolutions.collect::<Result<_, CliError>>()?);
    Ok(Value::Object(input))
}

/// `3` or `3,instanceType=m5.large`. Attributes that are not given stay as they are.
fn pool(name: &str, machines: &str) -> Result<Value, CliError> {
    let (replicas, rest) =
        machines.split_once(',').map_or((machines, None), |(replicas, rest)| (replicas, Some(rest)));
    let replicas: u32 = replicas.parse().map_err(|_| {
        CliError::Usage(format!("`{replicas}` is not a number of machines for pool `{name}`"))
    })?;
    let mut pool = json!({ "name": name, "replicas": replicas });
    if let Some(rest) = rest {
        let mut attributes = Vec::new();
        for text in rest.split(',').filter(|text| !text.is_empty()) {
            let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                CliError::Usage(format!(
                    "`{text}` is no attribute of pool `{name}`: write it like instanceType=m5.large"
                ))
            })?;
            attributes.push((key.to_owned(), value.to_owned()));
        }
        pool["attributes"] = pairs(&attributes);
    }
    Ok(pool)
}

fn add(input: &mut Map<String, Value>, field: &str, items: Vec<Value>) {
    if items.is_empty() {
        return;
    }
    match input.get_mut(field).and_then(Value::as_array_mut) {
        Some(list) => list.extend(items),
        None => {
            input.insert(field.to_owned(), Value::Array(items));
        }
    }
}

/// `web@1.1.0` or `web@1.1.0#2`.
pub(super) fn revision(text: &str) -> Result<Value, CliError> {
    let wrong = || CliError::Usage(format!("`{text}` names no profile version: write it like web@1.1.0"));
    let (profile, rest) = text.split_once('@').ok_or_else(wrong)?;
    let (version, revision) = match rest.split_once('#') {
        None => (rest, None),
        Some((version, revision)) => (version, Some(revision.parse::<u32>().map_err(|_| wrong())?)),
    };
    Ok(json!({ "profile": profile, "version": version, "revision": revision }))
}

/// `web`, `web@1.1.0` or `web@1.1.0#2`, as a filter of clusters.
pub(super) fn profile_filter(text: &str) -> Result<Value, CliError> {
    if !text.contains('@') {
        return Ok(json!({ "name": text }));
    }
    let revision = revision(text)?;
    Ok(
        json!({ "name": revision["profile"], "version": revision["version"], "revision": revision["revision"] }),
    )
}

/// All `layer:path=YAML` of one layer become one patch.
fn overrides(texts: &[String]) -> Result<Vec<Value>, CliError> {
    let mut layers: Vec<(String, Vec<Value>)> = Vec::new();
    for text in texts {
        let wrong =
            || CliError::Usage(format!("`{text}` sets nothing: write it like layer:path.to.value=YAML"));
        let (layer, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (path, value) = split_assignment(rest).ok_or_else(wrong)?;
        if path.is_empty() {
            return Err(wrong());
        }
        let value = read_yaml(value, &format!("--set {layer}:{path}"))?;
        let operation = json!({ "set": { "path": path, "value": value } });
        match layers.iter_mut().find(|(name, _)| name == layer) {
            Some((_, operations)) => operations.push(operation),
            None => layers.push((layer.to_owned(), vec![operation])),
        }
    }
    Ok(layers.into_iter().map(|(layer, patch)| json!({ "layer": layer, "patch": patch })).collect())
}

/// Splits at the first `=` outside brackets and quotes: `ports[name=web].port=80`.
fn split_assignment(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quoted) = (0_u32, false);
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            '=' if !quoted && depth == 0 => return Some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

fn resolution(text: &str) -> Result<Value, CliError> {
    let wrong = || {
        CliError::Usage(format!(
            "`{text}` decides nothing: write it like layer:path=keep-override, =take-profile or =edit:YAML"
        ))
    };
    let (layer, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (path, choice) = split_assignment(rest).ok_or_else(wrong)?;
    let (choice, value) = match choice {
        "keep-override" => ("KEEP_OVERRIDE", Value::Null),
        "take-profile" => ("TAKE_PROFILE", Value::Null),
        other => ("EDIT", read_yaml(other.strip_prefix("edit:").ok_or_else(wrong)?, "--resolve")?),
    };
    Ok(json!({ "layer": layer, "path": path, "choice": choice, "value": value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_split_outside_brackets() {
        assert_eq!(split_assignment("a[name=x].b=1=2"), Some(("a[name=x].b", "1=2")));
        assert_eq!(split_assignment("\"a=b\".c=d"), Some(("\"a=b\".c", "d")));
        assert_eq!(split_assignment("a"), None);
    }

    #[test]
    fn sets_of_one_layer_become_one_patch() {
        let layers = overrides(&["app:a=1".into(), "net:x=[1]".into(), "app:b=yes".into()]).unwrap();
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[0]["patch"][1], json!({ "set": { "path": "b", "value": true } }));
    }

    #[test]
    fn revisions() {
        assert_eq!(revision("web@1.1.0#2").unwrap()["revision"], 2);
        assert!(revision("web").is_err() && revision("web@1#x").is_err());
    }
}
