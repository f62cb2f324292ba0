//! `strata pack …`

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use strata_model::pack::PackFiles;

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
        PackCommand::Add { path } => {
            let packs = read(&path).map_err(|error| CliError::File {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
            let mut added = Vec::new();
            for files in packs {
                let files: Vec<Value> = files
                    .iter()
                    .map(|(path, bytes)| json!({ "path": path, "contentBase64": STANDARD.encode(bytes) }))
                    .collect();
                let payload =
                    client.mutate(operations::PACK_PUBLISH, "publishPack", json!({ "files": files })).await?;
                for warning in payload.get("warnings").and_then(Value::as_array).into_iter().flatten() {
                    let text = |key: &str| warning.get(key).and_then(Value::as_str).unwrap_or_default();
                    eprintln!("warning: {} {} [{}]", text("file"), text("message"), text("code"));
                }
                added.extend(payload.get("pack").cloned());
            }
            output.rows(&added, &COLUMNS, "There was no pack in there.");
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
                ("presets", "/presets"),
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

/// The packs at a path: an archive is one, a folder one or many.
fn read(path: &std::path::Path) -> Result<Vec<PackFiles>, strata_registry::RegistryError> {
    if path.is_file() {
        let archive = std::fs::read(path)
            .map_err(|source| strata_registry::RegistryError::Read { path: path.to_owned(), source })?;
        return Ok(vec![strata_registry::read_archive(&archive)?]);
    }
    strata_registry::list_packs(path)?.iter().map(|pack| strata_registry::read_folder(&pack.path)).collect()
}
