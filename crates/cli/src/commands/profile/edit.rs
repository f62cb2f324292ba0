//! `strata profile edit`: an editor round trip that loses nothing.
//!
//! What is wrong is shown at the head of the text, and the editor opens again. Who leaves the text as it is gives up, and
//! what was typed stays in a file that is named.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::{
    super::Outcome,
    VERSION_LINES, content, files, found,
    problems::{self, Source},
};
use crate::{
    client::Client,
    exit::{CliError, Code},
    operations,
    output::{Output, tell},
};

/// How lines begin that are ours and are taken out again.
const OURS: &str = "# strata: ";

pub(super) async fn edit(
    client: &Client,
    output: &Output,
    name: &str,
    version: &str,
    reason: Option<&str>,
) -> Outcome {
    let key = json!({ "profile": name, "version": version });
    let data = client.query(operations::PROFILE_VERSION_SHOW, key).await?;
    let there = found(data.get("profileVersion"), "profile version", &format!("{name}@{version}"))?;
    let state = there.get("state").and_then(Value::as_str).unwrap_or_default();
    let draft = state == "DRAFT";
    if state == "DELETED" {
        return Err(CliError::Usage(format!("{name}@{version} was deleted; choose another version")));
    }
    if !draft && reason.is_none() {
        return Err(CliError::Usage(format!(
            "{name}@{version} is published: make a new version with `strata profile draft {name} NEW --from {version}`, \
             or edit it in place with --reason"
        )));
    }
    let exported = files::fetch(client, name, version, None).await?;
    let original = exported.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    // What is typed may be secret: the folder is the user's alone.
    let unmade = |error: std::io::Error| CliError::File {
        path: std::env::temp_dir().display().to_string(),
        reason: error.to_string(),
    };
    let mut folder = tempfile::Builder::new().prefix("strata-edit-").tempdir().map_err(unmade)?;
    let file = folder.path().join(format!("{name}-{version}.yaml"));
    let failed = |error: std::io::Error| CliError::File {
        path: file.display().to_string(),
        reason: error.to_string(),
    };
    let mut last = original.clone();
    let mut heading = vec![format!("{name}@{version}; leave this text as it is to give up")];
    loop {
        fs::write(&file, headed(&heading, &last)).map_err(failed)?;
        let opened = open_editor(&file);
        let typed = opened.and_then(|()| fs::read_to_string(&file).map_err(failed));
        let typed = match typed {
            Ok(typed) => without_heading(&typed),
            Err(error) => {
                folder.disable_cleanup(true);
                tell!("the text is kept in {}", file.display());
                return Err(error);
            }
        };
        if typed == original {
            output.say("nothing was changed");
            return Ok(Code::Ok);
        }
        let gave_up = typed == last;
        let shown_name = file.display().to_string();
        let source = Source { file: &shown_name, text: &typed };
        let saved = match strata_document::read_text(&typed, &shown_name) {
            Err(unread) => Err(problems::unread(unread)),
            Ok(document) => match reason {
                Some(reason) if !draft => {
                    content::revised(client, name, version, &document, reason, there.get("revision")).await
                }
                _ => content::update(client, name, version, there.get("generation"), &document).await,
            },
        };
        match saved {
            Ok(shown) => {
                output.record(&shown, &VERSION_LINES);
                content::warn_of_clusters(output, name, version, &shown);
                problems::show(output, &problems::of(&shown, None)?);
                return Ok(Code::Ok);
            }
            Err(CliError::Refused(errors)) if !gave_up && is_about_text(&errors) => {
                let error = source.placed(CliError::Refused(errors));
                heading = told(&error);
                last = typed;
            }
            Err(error) => {
                folder.disable_cleanup(true);
                tell!("what you typed is kept in {shown_name}");
                return Err(source.placed(error));
            }
        }
    }
}

/// Whether editing the text can mend it.
fn is_about_text(errors: &[crate::exit::UserError]) -> bool {
    errors.iter().all(|error| error.code == "INVALID_PROFILE")
}

/// What is wrong, one line each, with the line numbers that the text has below these lines.
fn told(error: &CliError) -> Vec<String> {
    let CliError::Refused(errors) = error else { return vec![error.to_string()] };
    let problems: Vec<_> = errors.iter().flat_map(|error| &error.diagnostics).collect();
    // One more for the line that says what to do.
    let shift = u32::try_from(problems.len() + 1).unwrap_or(u32::MAX);
    let mut lines = vec!["this could not be saved; leave this text as it is to give up".to_owned()];
    lines.extend(problems.into_iter().map(|problem| {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("line {}, column {column}: ", line.saturating_add(shift)),
            _ => String::new(),
        };
        let help = problem.help.as_deref().map_or_else(String::new, |help| format!(" ({help})"));
        format!("{place}{} [{}]{help}", problem.message, problem.code).replace('\n', " ")
    }));
    lines
}

fn headed(heading: &[String], text: &str) -> String {
    let mut headed: String = heading.iter().map(|line| format!("{OURS}{line}\n")).collect();
    headed.push_str(text);
    headed
}

fn without_heading(text: &str) -> String {
    let ours = text.split_inclusive('\n').take_while(|line| line.starts_with(OURS)).map(str::len).sum();
    text.get(ours..).unwrap_or_default().to_owned()
}

/// Opens the user's editor and waits until it is closed. What it is called with may hold arguments.
fn open_editor(file: &Path) -> Result<(), CliError> {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$0\"")).arg(file).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(CliError::Usage(format!("the editor `{editor}` ended with {status}; set $EDITOR to another")))
        }
        Err(error) => Err(CliError::Usage(format!("the editor `{editor}` cannot be started: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_taken_out_again() {
        let text = "name: web\n# strata: of the author\n";
        let headed = headed(&["one".to_owned(), "two".to_owned()], text);
        assert!(headed.starts_with("# strata: one\n# strata: two\nname"));
        assert_eq!(without_heading(&headed), text);
        assert_eq!(without_heading(text), text);
    }
}
