//! `strata macro …`

use std::io::IsTerminal as _;

use serde_json::{Value, json};

use super::{Outcome, profile::found, read_text};
use crate::{arguments::MacroCommand, client::Client, exit::Code, operations, output::Output};

const LINES: [crate::output::Column; 4] =
    [("name", "/name"), ("value", "/value"), ("sensitive", "/sensitive"), ("description", "/description")];

pub(super) async fn run(client: &Client, output: &Output, command: MacroCommand) -> Outcome {
    match command {
        MacroCommand::List => {
            let rows = client.all(operations::MACRO_LIST, json!({}), "/macros").await?;
            let columns = [
                ("NAME", "/name"),
                ("VALUE", "/value"),
                ("SHARED", "/shared"),
                ("UPDATED", "/updatedAt"),
                ("BY", "/updatedBy"),
                ("DESCRIPTION", "/description"),
            ];
            output.rows(
                &rows,
                &columns,
                "There are no macros yet. Make one with `strata macro set NAME VALUE`.",
            );
        }
        MacroCommand::Set { name, value, sensitive, plain, description } => {
            let value = match value {
                Some(value) => value,
                None if std::io::stdin().is_terminal() => {
                    rpassword::prompt_password(format!("value of {name}: ")).map_err(|error| {
                        crate::exit::CliError::File {
                            path: "the terminal".to_owned(),
                            reason: error.to_string(),
                        }
                    })?
                }
                // The newline is the terminal's or the editor's, not the value's.
                None => read_text(std::path::Path::new("-"))?.trim_end_matches(['\r', '\n']).to_owned(),
            };
            let sensitive = if sensitive { Some(true) } else { plain.then_some(false) };
            let input =
                json!({ "name": name, "value": value, "sensitive": sensitive, "description": description });
            let payload = client.mutate(operations::MACRO_SET, "setMacro", input).await?;
            output.record(payload.get("macro").unwrap_or(&Value::Null), &LINES);
        }
        MacroCommand::Show { name } => {
            let data = client.query(operations::MACRO_SHOW, json!({ "name": name })).await?;
            let mut shown = found(data.get("macro"), "macro", &name)?;
            let clusters: Vec<Value> = data
                .pointer("/clusters/nodes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|cluster| cluster.get("name").cloned())
                .collect();
            if let Some(map) = shown.as_object_mut() {
                map.insert("clusters".to_owned(), Value::Array(clusters));
            }
            let lines = [
                LINES.as_slice(),
                &[
                    ("shared", "/shared"),
                    ("updated", "/updatedAt"),
                    ("by", "/updatedBy"),
                    ("profiles", "/usedBy"),
                    ("clusters", "/clusters"),
                ],
            ]
            .concat();
            output.record(&shown, &lines);
        }
        MacroCommand::Delete { name } => {
            let payload =
                client.mutate(operations::MACRO_DELETE, "deleteMacro", json!({ "name": name })).await?;
            output.record(payload.get("macro").unwrap_or(&Value::Null), &[("name", "/name")]);
        }
    }
    Ok(Code::Ok)
}
