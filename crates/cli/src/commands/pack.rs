//! `strata pack …`

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use strata_model::pack::ContentKind;
use strata_registry::RegistryError;

use super::Outcome;
use crate::{
    arguments::PackCommand,
    client::Client,
    exit::{CliError, Code, Diagnostic},
    operations,
    output::{Output, tell},
};

pub(super) async fn run(client: &Client, output: &Output, command: PackCommand) -> Outcome {
    match command {
        PackCommand::Add { path, name, version } => {
            let added = add(client, &path, name, version).await?;
            output.rows(&added, &COLUMNS, "");
        }
        PackCommand::List => {
            let rows = client.all(operations::PACK_LIST, json!({}), "/packs").await?;
            output.rows(&rows, &COLUMNS, "There are no packs yet. Add some with `strata pack add FOLDER`.");
        }
        PackCommand::Show { name, version } => {
            let data =
                client.query(operations::PACK_SHOW, json!({ "name": name, "version": version })).await?;
            let pack = data.get("pack").cloned().unwrap_or_default();
            let lines = [
                ("name", "/name"),
                ("version", "/version"),
                ("layer", "/layer"),
                ("digest", "/digest"),
                ("end of life", "/endOfLife"),
                ("clouds", "/cloudTypes"),
                ("annotations", "/annotations"),
                ("charts", "/charts"),
                ("manifests", "/manifests"),
                ("presets", "/presets"),
                ("asks of packs", "/constraints"),
                ("asks of machines", "/resources"),
                ("used by", "/usedBy"),
            ];
            output.record(&pack, &lines);
            if let Some(values) = pack.get("values").and_then(Value::as_str) {
                output.say(&format!("\n{values}"));
            }
        }
    }
    Ok(Code::Ok)
}

const COLUMNS: [crate::output::Column; 4] =
    [("NAME", "/name"), ("VERSION", "/version"), ("LAYER", "/layer"), ("DIGEST", "/digest")];

/// Publishes what there is at a path, pack by pack. All of it is read before anything is sent.
async fn add(
    client: &Client,
    path: &Path,
    name: Option<String>,
    version: Option<String>,
) -> Result<Vec<Value>, CliError> {
    let unread = |error: RegistryError| CliError::File {
        path: path.display().to_string(),
        reason: format!("{error}; {}", error.help()),
    };
    let strata_registry::Listing { packs: sources, passed_over } =
        strata_registry::list_packs(path).map_err(unread)?;
    if !passed_over.is_empty() {
        tell!("warning: {} lies beside packs and belongs to none: passed over", passed_over.join(", "));
        tell!("  help: add manifests by their own path, or from a folder that holds nothing else");
    }
    if sources.len() > 1 && (name.is_some() || version.is_some()) {
        return Err(CliError::Usage(format!(
            "{} holds {} packs, and --name and --version can name one only",
            path.display(),
            sources.len()
        )));
    }
    let mut packs = Vec::new();
    for source in sources {
        let files = strata_registry::read_pack(&source.path).map_err(unread)?;
        // Plain manifests are called as the folder or file that they lie in.
        let manifests = ContentKind::of(&files) == Some(ContentKind::Manifests);
        let name = name.clone().or_else(|| manifests.then_some(source.name));
        let files: Vec<Value> = files
            .iter()
            .map(|(path, bytes)| json!({ "path": path, "contentBase64": STANDARD.encode(bytes) }))
            .collect();
        packs.push(json!({ "files": files, "name": name, "version": version }));
    }
    let mut added = Vec::new();
    for input in packs {
        let payload = client.mutate(operations::PACK_PUBLISH, "publishPack", input).await?;
        let warnings = payload.get("warnings").cloned().unwrap_or_else(|| json!([]));
        let warnings: Vec<Diagnostic> =
            serde_json::from_value(warnings).map_err(|error| CliError::Answer(error.to_string()))?;
        for warning in warnings {
            tell!("warning: {warning}");
            if let Some(help) = &warning.help {
                tell!("  help: {help}");
            }
        }
        added.extend(payload.get("pack").cloned());
    }
    Ok(added)
}
