//! Problems of a profile: read from answers, put at places of a file, and shown.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{super::Outcome, found};
use crate::{
    client::Client,
    exit::{CliError, Code, Diagnostic, UserError},
    operations,
    output::{Output, tell},
};

/// One problem of a profile.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Problem {
    severity: String,
    #[serde(flatten)]
    diagnostic: Diagnostic,
}

impl Problem {
    pub(super) fn is_error(&self) -> bool {
        self.severity == "ERROR"
    }
}

/// A text that content came from, to put problems at its places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The same problem where it stands in this text, if it does.
    pub(super) fn place(&self, problem: &mut Diagnostic) {
        let Some(file) = &problem.file else { return };
        if let Some((line, column)) = strata_document::place_of(self.text, file, problem.line, problem.column)
        {
            problem.message = format!("{file}: {}", problem.message);
            problem.file = Some(self.file.to_owned());
            (problem.line, problem.column) = (Some(line), Some(column));
        }
    }

    /// The refusal with its problems where they stand in this text.
    pub(super) fn placed(&self, error: CliError) -> CliError {
        let CliError::Refused(mut errors) = error else { return error };
        for problem in errors.iter_mut().flat_map(|error| &mut error.diagnostics) {
            self.place(problem);
        }
        CliError::Refused(errors)
    }
}

/// The problems of an answer's `profileVersion`.
pub(super) fn of(version: &Value, source: Option<Source<'_>>) -> Result<Vec<Problem>, CliError> {
    let told = version.get("problems").cloned().unwrap_or_else(|| json!([]));
    let mut problems: Vec<Problem> =
        serde_json::from_value(told).map_err(|error| CliError::Answer(error.to_string()))?;
    if let Some(source) = source {
        problems.iter_mut().for_each(|problem| source.place(&mut problem.diagnostic));
    }
    Ok(problems)
}

/// Shows problems on standard error.
pub(super) fn show(output: &Output, problems: &[Problem]) {
    for problem in problems {
        let word = match problem.severity.as_str() {
            "ERROR" => output.paint("error:", "31;1"),
            "NOTE" => output.paint("note:", "36;1"),
            _ => output.paint("warning:", "33;1"),
        };
        tell!("{word} {}", problem.diagnostic);
        if let Some(help) = &problem.diagnostic.help {
            tell!("  help: {help}");
        }
    }
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    if errors > 0 {
        let what =
            if errors == 1 { "one problem keeps".to_owned() } else { format!("{errors} problems keep") };
        tell!("{what} this version from being published");
    }
}

/// What a file says that cannot be read.
pub(super) fn unread(problems: Vec<strata_model::diagnostic::Diagnostic>) -> CliError {
    let shown = |problem: strata_model::diagnostic::Diagnostic| Diagnostic {
        code: problem.code,
        message: problem.message,
        file: problem.file,
        line: problem.line,
        column: problem.column,
        help: problem.help,
    };
    CliError::Refused(vec![UserError {
        code: "INVALID_PROFILE".to_owned(),
        message: "the profile cannot be read".to_owned(),
        help: "mend the places named and try again".to_owned(),
        path: Vec::new(),
        diagnostics: problems.into_iter().map(shown).collect(),
        moved: Vec::new(),
    }])
}

pub(super) async fn validate(
    client: &Client,
    output: &Output,
    name: &str,
    version: &str,
    revision: Option<u32>,
) -> Outcome {
    let variables = json!({ "profile": name, "version": version, "revision": revision });
    let data = client.query(operations::PROFILE_PROBLEMS, variables).await?;
    let shown = found(data.get("profileVersion"), "profile version", &format!("{name}@{version}"))?;
    let problems = of(&shown, None)?;
    if output.is_for_people() {
        show(output, &problems);
        if problems.is_empty() {
            output.say("no problems");
        }
    } else {
        output.document(shown.get("problems").unwrap_or(&Value::Null));
    }
    Ok(if problems.iter().any(Problem::is_error) { Code::Blocked } else { Code::Ok })
}
