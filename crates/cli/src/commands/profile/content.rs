//! Content of drafts and revisions, from files.

use std::path::Path;

use serde_json::{Value, json};
use strata_document::ProfileDocument;

use super::{
    super::Outcome,
    VERSION_LINES,
    problems::{self, Source},
    read_text, wish,
};
use crate::{
    arguments::ReviseArguments,
    client::Client,
    exit::{CliError, Code},
    operations,
    output::{Output, tell},
};

/// The content of a document, as the API takes it.
pub(super) fn input(document: &ProfileDocument) -> Value {
    let layers = document.layers.iter().map(|layer| {
        json!({
            "name": layer.name,
            "kind": layer.kind,
            "pack": { "name": layer.pack.name, "version": layer.pack.version },
            "values": layer.values,
            "presets": layer.presets,
            "manifests": layer.manifests,
            "installPriority": layer.install_priority,
            "namespace": layer.namespace,
            "onConflict": layer.on_conflict,
            "onImmutable": layer.on_immutable,
            "orphanPolicy": layer.orphan_policy,
        })
    });
    let variables = document.variables.iter().map(|variable| {
        let mut said = json!(variable);
        if let Some(Value::String(format)) = said.get_mut("format") {
            *format = format.to_uppercase();
        }
        let options = variable.options.iter().map(|option| {
            json!({ "value": option.value, "label": option.label, "description": option.description })
        });
        said["options"] = Value::Array(options.collect());
        said
    });
    json!({ "layers": layers.collect::<Vec<_>>(), "variables": variables.collect::<Vec<_>>() })
}

/// Reads a file of content.
fn read(file: &Path) -> Result<(String, String, ProfileDocument), CliError> {
    let (name, text) = (file.display().to_string(), read_text(file)?);
    let document = strata_document::read_text(&text, &name).map_err(problems::unread)?;
    Ok((name, text, document))
}

/// Makes the version when it is not there, then writes the content when a file is given.
pub(super) async fn draft(
    client: &Client,
    output: &Output,
    name: &str,
    version: &str,
    file: Option<&Path>,
    from: Option<&str>,
) -> Outcome {
    let content = file.map(read).transpose()?;
    let key = json!({ "profile": name, "version": version });
    let existing = client.query(operations::PROFILE_VERSION_SHOW, key).await?;
    let existing = existing.get("profileVersion").filter(|value| !value.is_null()).cloned();
    let mut shown = match existing {
        Some(_) if from.is_some() => {
            return Err(CliError::Usage(format!(
                "{name}@{version} is there already: --from is for a version that is not; leave it out to change the draft"
            )));
        }
        Some(existing) => existing,
        None => {
            let input = json!({ "profile": name, "version": version, "fromVersion": from });
            let payload =
                client.mutate(operations::PROFILE_VERSION_CREATE, "createProfileVersion", input).await?;
            payload.get("profileVersion").cloned().unwrap_or_default()
        }
    };
    if let Some((file, text, document)) = content {
        let source = Source { file: &file, text: &text };
        shown = update(client, name, version, shown.get("generation"), &document)
            .await
            .map_err(|error| source.placed(error))?;
        output.record(&shown, &VERSION_LINES);
        problems::show(output, &problems::of(&shown, Some(source))?);
        return Ok(Code::Ok);
    }
    output.record(&shown, &VERSION_LINES);
    Ok(Code::Ok)
}

/// Replaces the content of a draft.
pub(super) async fn update(
    client: &Client,
    name: &str,
    version: &str,
    generation: Option<&Value>,
    document: &ProfileDocument,
) -> Result<Value, CliError> {
    let input = json!({
        "profile": name, "version": version, "expectedGeneration": generation, "content": input(document),
    });
    let payload = client.mutate(operations::PROFILE_DRAFT_UPDATE, "updateDraft", input).await?;
    Ok(payload.get("profileVersion").cloned().unwrap_or_default())
}

pub(super) async fn revise(client: &Client, output: &Output, arguments: ReviseArguments) -> Outcome {
    let ReviseArguments { name, version, file, reason, rollout } = arguments;
    let (file, text, document) = read(&file)?;
    let source = Source { file: &file, text: &text };
    let shown = revised(client, &name, &version, &document, &reason, None)
        .await
        .map_err(|error| source.placed(error))?;
    output.record(&shown, &VERSION_LINES);
    warn_of_clusters(output, &name, &version, &shown);
    let Some(rollout) = rollout else { return Ok(Code::Ok) };
    let target = format!("{name}@{version}");
    let input = json!({
        "name": rollout,
        "target": wish::revision(&target)?,
        "stages": [{ "name": "all", "selector": [], "maxConcurrency": 10 }],
        "failureBudget": 0,
    });
    let payload = client.mutate(operations::ROLLOUT_CREATE, "createRollout", input).await?;
    let made = payload.get("rollout").cloned().unwrap_or_default();
    output.record(&made, &[("rollout", "/id"), ("name", "/name"), ("state", "/state")]);
    Ok(Code::Ok)
}

/// Adds a revision to a published version.
pub(super) async fn revised(
    client: &Client,
    name: &str,
    version: &str,
    document: &ProfileDocument,
    reason: &str,
    expected: Option<&Value>,
) -> Result<Value, CliError> {
    let input = json!({
        "profile": name, "version": version, "content": input(document), "reason": reason, "expectedRevision": expected,
    });
    let payload = client.mutate(operations::PROFILE_REVISE, "reviseProfileVersion", input).await?;
    Ok(payload.get("profileVersion").cloned().unwrap_or_default())
}

/// Says on which clusters a former revision runs on.
pub(super) fn warn_of_clusters(output: &Output, name: &str, version: &str, shown: &Value) {
    let count = shown.pointer("/clusters/totalCount").and_then(Value::as_u64).unwrap_or_default();
    if count == 0 {
        return;
    }
    let nodes = shown.pointer("/clusters/nodes").and_then(Value::as_array).cloned().unwrap_or_default();
    let named: Vec<&str> = nodes.iter().filter_map(|cluster| cluster.get("name")?.as_str()).collect();
    let more = if u64::try_from(named.len()).unwrap_or(u64::MAX) < count { ", …" } else { "" };
    tell!(
        "{} {name}@{version} was in use: {count} clusters keep the former revision as a pending update ({}{more})",
        output.paint("warning:", "33;1"),
        named.join(", ")
    );
    tell!(
        "  help: bring each to it with `strata apply CLUSTER --updates`, or all with a rollout; next time make a new version"
    );
}
