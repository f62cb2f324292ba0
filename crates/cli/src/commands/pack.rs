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
    exit::{CliError, Code},
    operations,
    output::Output,
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
    let sources = strata_registry::list_packs(path).map_err(unread)?;
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
        for warning in payload.get("warnings").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| warning.get(key).and_then(Value::as_str).unwrap_or_default();
            eprintln!("warning: {}{} [{}]", place(warning), text("message"), text("code"));
        }
        added.extend(payload.get("pack").cloned());
    }
    Ok(added)
}

/// `file:line:column: ` of a diagnostic, as far as it has them.
fn place(diagnostic: &Value) -> String {
    let Some(file) = diagnostic.get("file").and_then(Value::as_str) else { return String::new() };
    let numbers = ["line", "column"].map(|key| diagnostic.get(key).and_then(Value::as_u64));
    let numbers = numbers.into_iter().map_while(|number| number.map(|number| format!(":{number}")));
    format!("{file}{}: ", numbers.collect::<String>())
}
