//! `strata profile …`

mod compare;
mod content;
mod edit;
mod files;
mod problems;

use serde_json::{Value, json};

use super::{Outcome, read_text, read_yaml, wish};
use crate::{
    arguments::ProfileCommand,
    client::Client,
    exit::{CliError, Code},
    operations,
    output::Output,
};

pub(super) async fn run(client: &Client, output: &Output, command: ProfileCommand) -> Outcome {
    match command {
        ProfileCommand::Create { name, kind } => {
            let input = json!({ "name": name, "type": kind.as_str() });
            let payload = client.mutate(operations::PROFILE_CREATE, "createProfile", input).await?;
            output.record(
                payload.get("profile").unwrap_or(&Value::Null),
                &[("name", "/name"), ("type", "/type")],
            );
        }
        ProfileCommand::Draft { name, version, file, from } => {
            return content::draft(client, output, &name, &version, file.as_deref(), from.as_deref()).await;
        }
        ProfileCommand::Edit { name, version, reason } => {
            return edit::edit(client, output, &name, &version, reason.as_deref()).await;
        }
        ProfileCommand::Validate { name, version, revision } => {
            return problems::validate(client, output, &name, &version, revision).await;
        }
        ProfileCommand::Revise(arguments) => return content::revise(client, output, arguments).await,
        ProfileCommand::Diff { from, to, kube_version, api_versions } => {
            return compare::compare(client, output, &from, &to, kube_version, api_versions).await;
        }
        ProfileCommand::Export { name, version, revision, folder } => {
            return files::export(client, output, &name, &version, revision, folder.as_deref()).await;
        }
        ProfileCommand::Import { path, name, version, publish, secrets } => {
            return files::import(client, output, &path, name, version, publish, secrets.as_deref()).await;
        }
        ProfileCommand::Publish { name, version } => {
            let input = json!({ "profile": name, "version": version });
            let payload = client.mutate(operations::PROFILE_PUBLISH, "publishProfileVersion", input).await?;
            output.record(payload.get("profileVersion").unwrap_or(&Value::Null), &VERSION_LINES);
        }
        ProfileCommand::Deprecate { name, version, successor, sunset, reason } => {
            let input = json!({
                "profile": name, "version": version, "successor": successor, "sunset": sunset, "reason": reason,
            });
            let payload =
                client.mutate(operations::PROFILE_DEPRECATE, "deprecateProfileVersion", input).await?;
            output.record(payload.get("profileVersion").unwrap_or(&Value::Null), &VERSION_LINES);
        }
        ProfileCommand::Delete { name, version, reason } => {
            let input = json!({ "profile": name, "version": version, "reason": reason });
            let payload = client.mutate(operations::PROFILE_DELETE, "deleteProfileVersion", input).await?;
            output.record(payload.get("profileVersion").unwrap_or(&Value::Null), &VERSION_LINES);
        }
        ProfileCommand::List => {
            let rows = client.all(operations::PROFILE_LIST, json!({}), "/profiles").await?;
            let columns = [
                ("NAME", "/name"),
                ("TYPE", "/type"),
                ("LATEST", "/latest/version"),
                ("STATE", "/latest/state"),
            ];
            output.rows(
                &rows,
                &columns,
                "There are no profiles yet. Make one with `strata profile create NAME`.",
            );
        }
        ProfileCommand::Show { name, version: None, .. } => {
            let data = client.query(operations::PROFILE_SHOW, json!({ "name": name })).await?;
            let profile = found(data.get("profile"), "profile", &name)?;
            if output.is_for_people() {
                output.record(&profile, &[("name", "/name"), ("type", "/type")]);
                let versions =
                    profile.pointer("/versions/nodes").and_then(Value::as_array).cloned().unwrap_or_default();
                let columns = [
                    ("VERSION", "/version"),
                    ("REVISION", "/revision"),
                    ("STATE", "/state"),
                    ("CONTENT", "/contentDigest"),
                ];
                output.rows(&versions, &columns, "It has no versions yet.");
            } else {
                output.document(&profile);
            }
        }
        ProfileCommand::Show { name, version: Some(version), revision } => {
            let variables = json!({ "profile": name, "version": version, "revision": revision });
            let data = client.query(operations::PROFILE_VERSION_SHOW, variables).await?;
            let shown = found(data.get("profileVersion"), "profile version", &format!("{name}@{version}"))?;
            output.record(&shown, &[&VERSION_LINES[..], &USE_LINES].concat());
            if output.is_for_people() {
                let layers = shown.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
                let columns = [
                    ("LAYER", "/name"),
                    ("KIND", "/kind"),
                    ("PACK", "/pack/name"),
                    ("VERSION", "/pack/version"),
                    ("PRESETS", "/presets"),
                ];
                output.rows(&layers, &columns, "It has no layers.");
            }
        }
    }
    Ok(Code::Ok)
}

const VERSION_LINES: [crate::output::Column; 6] = [
    ("profile", "/profile"),
    ("version", "/version"),
    ("revision", "/revision"),
    ("state", "/state"),
    ("generation", "/generation"),
    ("content", "/contentDigest"),
];

const USE_LINES: [crate::output::Column; 3] = [
    ("clusters", "/clusters/totalCount"),
    ("changes", "/changes/totalCount"),
    ("rollouts", "/rollouts/totalCount"),
];

/// The thing, or the refusal that it is not there.
pub(super) fn found(value: Option<&Value>, noun: &str, name: &str) -> Result<Value, CliError> {
    value.filter(|value| !value.is_null()).cloned().ok_or_else(|| {
        CliError::Refused(vec![crate::exit::UserError {
            code: "NOT_FOUND".to_owned(),
            message: format!("there is no {noun} `{name}` in this project"),
            help: "list what there is, or choose another project with --project".to_owned(),
            path: Vec::new(),
            diagnostics: Vec::new(),
            moved: Vec::new(),
        }])
    })
}
