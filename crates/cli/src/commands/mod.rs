//! One file a noun; each command sends operations and shows their answers.

mod change;
mod cluster;
mod macros;
mod orphans;
mod pack;
mod preview;
mod profile;
mod rollout;
mod token;
mod why;
mod wish;

use serde_json::{Value, json};

use crate::{
    arguments::ClientCommand,
    client::Client,
    exit::{CliError, Code},
    operations,
    output::Output,
};

type Outcome = Result<Code, CliError>;

pub(crate) async fn run(client: &Client, output: &Output, command: ClientCommand) -> Outcome {
    match command {
        ClientCommand::Pack(command) => pack::run(client, output, command).await,
        ClientCommand::Profile(command) => profile::run(client, output, command).await,
        ClientCommand::Macro(command) => macros::run(client, output, command).await,
        ClientCommand::Cluster(command) => cluster::run(client, output, command).await,
        ClientCommand::Preview(arguments) => preview::run(client, output, arguments).await,
        ClientCommand::Why(arguments) => why::run(client, output, arguments).await,
        ClientCommand::Apply(arguments) => change::apply(client, output, arguments).await,
        ClientCommand::Approve(arguments) => change::approve(client, output, arguments).await,
        ClientCommand::Change(command) => change::run(client, output, command).await,
        ClientCommand::Orphans(command) => orphans::run(client, output, command).await,
        ClientCommand::Rollout(command) => rollout::run(client, output, command).await,
        ClientCommand::Token(command) => token::run(client, output, command).await,
        ClientCommand::Audit => audit(client, output).await,
        ClientCommand::Whoami => whoami(client, output).await,
    }
}

async fn audit(client: &Client, output: &Output) -> Outcome {
    let rows = client.all(operations::AUDIT_LIST, json!({}), "/auditEvents").await?;
    let columns = [
        ("AT", "/at"),
        ("WHO", "/actor"),
        ("OPERATION", "/operation"),
        ("SUBJECT", "/subject"),
        ("OUTCOME", "/outcome"),
        ("REASON", "/reason"),
    ];
    output.rows(&rows, &columns, "Nothing was done yet.");
    Ok(Code::Ok)
}

async fn whoami(client: &Client, output: &Output) -> Outcome {
    let data = client.send(operations::VIEWER, json!({})).await?;
    let viewer = data.get("viewer").cloned().unwrap_or_default();
    output.record(&viewer, &[("principal", "/principal"), ("kind", "/kind"), ("roles", "/roles")]);
    Ok(Code::Ok)
}

/// A text of an answer; empty where there is none.
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A list of an answer; empty where there is none.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What must be approved: `REPAVE: control plane and pool "blue"`.
fn requirement_named(requirement: &Value) -> String {
    format!("{}: {}", text(requirement, "kind"), text(requirement, "scope"))
}

/// An origin in words.
fn origin(origin: &Value) -> String {
    let said = |key: &str| text(origin, key).to_owned();
    match text(origin, "origin") {
        "pack" => format!("the pack {}", said("pack")),
        "preset" => format!("the preset {}", said("preset")),
        "profile" => {
            let revision = origin.get("revision").cloned().unwrap_or_default();
            let number = revision.get("revision").map(|it| format!("#{it}")).unwrap_or_default();
            format!("the profile {}@{}{number}", text(&revision, "profile"), text(&revision, "version"))
        }
        "override" => match text(origin, "at") {
            "" => format!("an override of {}", said("author")),
            at => format!("an override of {}, {at}", said("author")),
        },
        "variable" if origin.get("default") == Some(&Value::Bool(true)) => {
            format!("the variable {}, as the profile has it", said("name"))
        }
        "variable" => format!("the variable {}, as the cluster has it", said("name")),
        "macro" => format!("the macro {}", said("name")),
        "cluster" => "what the cluster is".to_owned(),
        "generated" => "what is generated for the cluster".to_owned(),
        "several" => {
            let of = list(origin, "of").iter().map(self::origin);
            of.collect::<Vec<_>>().join(" and ")
        }
        other => other.to_owned(),
    }
}

/// `shop/web`, or the name alone of what has no namespace.
fn place(object: &Value) -> String {
    match text(object, "namespace") {
        "" => text(object, "name").to_owned(),
        namespace => format!("{namespace}/{}", text(object, "name")),
    }
}

/// One field that changes, in a line.
fn field_change(change: &Value) -> String {
    let value = |key: &str| change.get(key).filter(|value| !value.is_null()).map(Value::to_string);
    let path = text(change, "path");
    let same = match text(change, "same") {
        "AMOUNT" => "  (the same amount)",
        "DEFAULT" => "  (what Kubernetes fills in)",
        _ => "",
    };
    match (value("before"), value("after")) {
        (None, Some(after)) => format!("+ {path}: {after}{same}"),
        (Some(before), None) => format!("- {path}: {before}{same}"),
        (before, after) => {
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            format!("~ {path}: {before} → {after}{same}")
        }
    }
}

/// Reads a text file; `-` is standard input.
fn read_text(path: &std::path::Path) -> Result<String, CliError> {
    let result = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    result.map_err(|error| CliError::File { path: path.display().to_string(), reason: error.to_string() })
}

/// Reads a YAML text as JSON.
fn read_yaml(text: &str, what: &str) -> Result<Value, CliError> {
    strata_values::parse(text, what)
        .map_err(|problem| CliError::File { path: what.to_owned(), reason: problem.to_string() })
}

/// `key=value` pairs as the API wants labels and attributes.
fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
