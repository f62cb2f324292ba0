//! `strata why …`: where a field of an object, or a value of a layer, comes from.

use serde_json::{Value, json};
use strata_model::value_path::ValuePath;

use super::{Outcome, list, origin, read_yaml, text, wish};
use crate::{
    arguments::WhyArguments,
    client::Client,
    exit::{CliError, Code},
    operations,
    output::{Output, out},
};

pub(super) async fn run(client: &Client, output: &Output, arguments: WhyArguments) -> Outcome {
    let mut input = wish::input(&arguments.cluster, &arguments.wish)?;
    if let (Some(project), Some(map)) = (&client.project, input.as_object_mut()) {
        map.insert("project".to_owned(), json!(project));
    }
    let WhyArguments { object, path, .. } = &arguments;
    // A kind and a name are two words, a layer is one.
    let Some(path) = path else {
        if !object.contains(' ') {
            let message = format!(
                "`{object}` is a layer: name one of its values, too; an object has a kind and a name"
            );
            return Err(CliError::Usage(message));
        }
        let data =
            client.send(operations::OBJECT_MANIFEST, json!({ "input": input, "object": object })).await?;
        let manifest = data.pointer("/previewUpgrade/manifest").cloned().unwrap_or_default();
        if output.is_for_people() {
            out!("{}", strata_values::emit(&manifest).trim_end());
        } else {
            output.document(&manifest);
        }
        return Ok(Code::Ok);
    };
    if object.contains(' ') {
        let variables = json!({ "input": input, "object": object, "path": path });
        let data = client.send(operations::FIELD_TRACE, variables).await?;
        let trace = data.pointer("/previewUpgrade/fieldTrace").cloned().unwrap_or_default();
        field(output, object, path, &trace);
    } else {
        let data = client.send(operations::VALUE_ORIGINS, json!({ "input": input })).await?;
        let preview = data.get("previewUpgrade").cloned().unwrap_or_default();
        value(output, object, path, &preview)?;
    }
    Ok(Code::Ok)
}

fn field(output: &Output, object: &str, path: &str, trace: &Value) {
    if !output.is_for_people() {
        output.document(trace);
        return;
    }
    let is = match trace.get("value") {
        None | Some(Value::Null) => "is not there".to_owned(),
        Some(value) => format!("= {value}"),
    };
    out!("{}", output.paint(&format!("{object}  {path} {is}"), "1"));
    let (layer, revision, file) = (text(trace, "layer"), text(trace, "revision"), text(trace, "file"));
    out!("  rendered by the layer `{layer}` of {revision}, from {file}");
    let sources = list(trace, "sources");
    for source in sources {
        let verb = if text(source, "role") == "GIVES" { "given by" } else { "decided by" };
        let value = source.get("value").cloned().unwrap_or_default();
        let origin = origin(source.get("origin").unwrap_or(&Value::Null));
        match text(source, "path") {
            "generated" => out!("  {verb:10}  {origin}"),
            path => out!("  {verb:10}  {path} = {value}, from {origin}"),
        }
    }
    if sources.is_empty() {
        let is_there = trace.get("value").is_some_and(|value| !value.is_null());
        out!(
            "  {}",
            if is_there { "no single value gives it: the file says it" } else { "no single value brings it" }
        );
    }
    let undecided: Vec<&str> = list(trace, "undecided").iter().filter_map(Value::as_str).collect();
    if !undecided.is_empty() {
        out!("  not known of {}: nothing renders with another value there", undecided.join(", "));
    }
    if trace.get("complete") == Some(&Value::Bool(false)) {
        out!("  not all that it may come from was tried");
    }
}

fn value(output: &Output, layer: &str, path: &str, preview: &Value) -> Result<(), CliError> {
    let layers = list(preview, "layers");
    let Some(found) = layers.iter().find(|it| text(it, "layer") == layer) else {
        let names: Vec<&str> = layers.iter().map(|it| text(it, "layer")).collect();
        return Err(CliError::Usage(format!(
            "`{layer}` is no layer of this cluster, and an object has a kind and a name: `Deployment web`; layers: {}",
            names.join(", ")
        )));
    };
    let wanted: ValuePath = path
        .parse()
        .map_err(|error: strata_model::value_path::InvalidPath| CliError::Usage(error.to_string()))?;
    let said = list(found, "provenance")
        .iter()
        .filter_map(|it| Some((text(it, "path").parse::<ValuePath>().ok()?, it.get("origin")?)));
    // What is said of the value, of what it is in, or of what is in it.
    let near = |(at, _): &(ValuePath, &Value)| wanted.starts_with(at) || at.starts_with(&wanted);
    let mut told: Vec<(ValuePath, &Value)> = said.filter(near).collect();
    let closest = told.iter().filter(|(at, _)| wanted.starts_with(at)).map(|(at, _)| at.0.len()).max();
    if let Some(closest) = closest {
        told.retain(|(at, _)| at.0.len() == closest && wanted.starts_with(at));
    }
    let pending = read_yaml(text(found, "pending"), "the values of the layer")?;
    if !output.is_for_people() {
        let origins = told.iter().map(|(at, origin)| json!({ "path": at.to_string(), "origin": origin }));
        output.document(&json!({ "layer": layer, "path": path, "value": wanted.find(&pending),
            "origins": origins.collect::<Vec<_>>() }));
        return Ok(());
    }
    let is = wanted.find(&pending).map_or_else(|| "is not there".to_owned(), |value| format!("= {value}"));
    out!("{}", output.paint(&format!("{layer}  {path} {is}"), "1"));
    for (at, from) in &told {
        if *at == wanted {
            out!("  from {}", origin(from));
        } else {
            out!("  {at} from {}", origin(from));
        }
    }
    if told.is_empty() {
        out!("  nobody says it: neither the pack nor the profile nor the cluster");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_read_as_sentences() {
        for (value, words) in [
            (json!({"origin": "pack", "pack": "web 1.0.0"}), "the pack web 1.0.0"),
            (
                json!({"origin": "profile", "revision": {"profile": "web", "version": "1.1.0", "revision": 2}}),
                "the profile web@1.1.0#2",
            ),
            (
                json!({"origin": "override", "author": "ada", "at": "2026-11-28T13:00:00Z"}),
                "an override of ada, 2026-11-28T13:00:00Z",
            ),
            (
                json!({"origin": "variable", "name": "title", "default": true}),
                "the variable title, as the profile has it",
            ),
            (json!({"origin": "macro", "name": "tier"}), "the macro tier"),
            (json!({"origin": "cluster"}), "what the cluster is"),
            (json!({"origin": "generated"}), "what is generated for the cluster"),
        ] {
            assert_eq!(origin(&value), words);
        }
    }
}
