//! `strata profile export` and `import`

use std::{
    collections::BTreeMap,
    fs,
    io::IsTerminal as _,
    path::{Component, Path, PathBuf},
};

use serde_json::{Value, json};

use super::{super::Outcome, VERSION_LINES, problems, read_text, read_yaml};
use crate::{
    client::Client,
    exit::{CliError, Code},
    operations,
    output::{Output, tell, write_raw},
};

pub(super) async fn export(
    client: &Client,
    output: &Output,
    name: &str,
    version: &str,
    revision: Option<u32>,
    folder: Option<&Path>,
) -> Outcome {
    let exported = fetch(client, name, version, revision).await?;
    match folder {
        Some(folder) => {
            for file in exported.get("files").and_then(Value::as_array).into_iter().flatten() {
                let part = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
                let inner = Path::new(part("path"));
                if !inner.components().all(|part| matches!(part, Component::Normal(_))) {
                    return Err(CliError::Answer(format!("`{}` leads out of the folder", inner.display())));
                }
                write(&folder.join(inner), part("content"))?;
            }
            output.say(&format!("written to {}", folder.display()));
        }
        None => {
            let text = exported.get("text").and_then(Value::as_str).unwrap_or_default();
            write_raw(format_args!("{}", text.trim_end_matches('\n')), "\n");
        }
    }
    let masks = exported.get("masks").and_then(Value::as_array).map_or(0, Vec::len);
    if masks > 0 {
        tell!("{} {masks} secrets are masked; an import asks for them", output.paint("note:", "36"));
    }
    Ok(Code::Ok)
}

/// What the server exports.
pub(super) async fn fetch(
    client: &Client,
    name: &str,
    version: &str,
    revision: Option<u32>,
) -> Result<Value, CliError> {
    let variables = json!({ "profile": name, "version": version, "revision": revision });
    let data = client.query(operations::PROFILE_EXPORT, variables).await?;
    Ok(data.get("exportProfile").cloned().unwrap_or_default())
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::File { path: path.display().to_string(), reason: error.to_string() }
}

fn write(path: &Path, content: &str) -> Result<(), CliError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
    }
    fs::write(path, content).map_err(|error| failed(path, &error))
}

pub(super) async fn import(
    client: &Client,
    output: &Output,
    path: &Path,
    name: Option<String>,
    version: Option<String>,
    publish: bool,
    secrets_file: Option<&Path>,
) -> Outcome {
    let mut input = json!({ "name": name, "version": version, "publish": publish });
    let mut texts = Vec::new();
    let (key, value) = if path.is_dir() {
        let files = folder(path)?;
        texts.extend(files.values().cloned());
        let files: Vec<Value> =
            files.into_iter().map(|(path, content)| json!({ "path": path, "content": content })).collect();
        ("files", json!(files))
    } else {
        let text = read_text(path)?;
        texts.push(text.clone());
        ("text", json!(text))
    };
    input[key] = value;
    input["secrets"] = json!(secrets(&texts, secrets_file)?);
    let payload = client.mutate(operations::PROFILE_IMPORT, "importProfile", input).await?;
    let shown = payload.get("profileVersion").cloned().unwrap_or_default();
    output.record(&shown, &VERSION_LINES);
    problems::show(output, &problems::of(&shown, None)?);
    Ok(Code::Ok)
}

/// The files of an exported folder: `profile.yaml`, and what lies in `layers` and `manifests`.
fn folder(path: &Path) -> Result<BTreeMap<String, String>, CliError> {
    let read = |file: PathBuf| fs::read_to_string(&file).map_err(|error| failed(&file, &error));
    let profile = strata_document::PROFILE_FILE;
    let mut files = BTreeMap::from([(profile.to_owned(), read(path.join(profile))?)]);
    // As deep as `manifests/LAYER/NAME.yaml`.
    let mut folders = vec![("layers".to_owned(), 1), ("manifests".to_owned(), 2)];
    while let Some((name, depth)) = folders.pop() {
        let folder = path.join(&name);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
            let entry = entry.map_err(|error| failed(&folder, &error))?;
            let inner = format!("{name}/{}", entry.file_name().to_string_lossy());
            if depth > 1 && entry.path().is_dir() {
                folders.push((inner, depth - 1));
            } else if inner.ends_with(".yaml") {
                files.insert(inner, read(entry.path())?);
            }
        }
    }
    Ok(files)
}

/// What stands behind each mask: from a file of `mask: secret`, else asked for where somebody can be asked. The server names what
/// is missing.
fn secrets(texts: &[String], file: Option<&Path>) -> Result<Vec<Value>, CliError> {
    let mut masks: Vec<String> = texts.iter().flat_map(|text| strata_model::secret::masks_in(text)).collect();
    masks.sort_unstable();
    masks.dedup();
    let known = match file {
        Some(file) => read_yaml(&read_text(file)?, &file.display().to_string())?,
        None => Value::Null,
    };
    let mut secrets = Vec::new();
    for mask in masks {
        let value = match known.get(&mask).and_then(Value::as_str) {
            Some(secret) => secret.to_owned(),
            None if std::io::stdin().is_terminal() => {
                rpassword::prompt_password(format!("secret for {mask}: ")).map_err(|error| {
                    CliError::File { path: "the terminal".to_owned(), reason: error.to_string() }
                })?
            }
            None => continue,
        };
        secrets.push(json!({ "mask": mask, "value": value }));
    }
    Ok(secrets)
}
