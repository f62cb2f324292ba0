//! Errors: the one place that turns what the engine says into answers.
//!
//! *Idea.* A query answers a refusal as a top-level error with `extensions { code, help, path, diagnostics }`; a mutation
//! answers it in its payload. Whatever is not the caller's to mend is logged here, once, and answered as `INTERNAL` with
//! the id of the request and nothing of its inner text.

use async_graphql::{ErrorExtensions as _, Interface, ServerError, SimpleObject, Value};
use strata_engine::EngineError;
use strata_model::{
    diagnostic,
    error::{Refusal, RefusalCode},
};

use crate::types::scalar::DigestText;

tokio::task_local! {
    /// The id of the request that is being answered.
    pub(crate) static REQUEST_ID: String;
}

/// The id of the request that is being answered; empty outside of one.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// An error as queries and subscriptions answer it.
pub(crate) fn answer(error: EngineError) -> async_graphql::Error {
    match error {
        EngineError::Refused(refusals) => {
            let mut refusals = refusals.into_iter();
            let Some(first) = refusals.next() else { return internal("a refusal without a reason") };
            let more: Vec<Value> = refusals.map(|refusal| Value::from(refusal.to_string())).collect();
            async_graphql::Error::new(first.message.clone()).extend_with(|_, extensions| {
                extensions.set("code", first.code.as_str());
                extensions.set("help", first.help.clone());
                extensions.set("path", strings(&first.path));
                extensions.set("diagnostics", diagnostics(&first.diagnostics));
                if !first.moved.is_empty() {
                    extensions.set("moved", strings(&first.moved));
                }
                if !more.is_empty() {
                    extensions.set("more", Value::List(more));
                }
            })
        }
        EngineError::Internal(source) => internal(&*source),
    }
}

/// A refusal as queries and subscriptions answer it.
pub(crate) fn refused(refusal: Refusal) -> async_graphql::Error {
    answer(refusal.into())
}

/// Logs what is nobody's input, and answers without its inner text.
fn internal(source: impl IntoReport) -> async_graphql::Error {
    let request = request_id();
    tracing::error!(error = %source.report(), request, "a request failed inside");
    let message = "something went wrong on the server; it is not your input";
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", "INTERNAL");
        extensions
            .set("help", format!("try again; if it stays, give your operator the request id {request}"));
        extensions.set("requestId", request.clone());
    })
}

/// What can be written to the log with all its causes.
trait IntoReport {
    fn report(&self) -> String;
}

impl IntoReport for &str {
    fn report(&self) -> String {
        (*self).to_owned()
    }
}

impl IntoReport for &(dyn std::error::Error + Send + Sync + 'static) {
    fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}

/// An error that is found before any resolver runs.
pub(crate) fn server_error(code: &str, message: &str, help: &str) -> ServerError {
    let mut error = ServerError::new(message, None);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code);
    extensions.set("help", help);
    error
}

fn strings(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(text.clone())).collect())
}

fn diagnostics(list: &[diagnostic::Diagnostic]) -> Value {
    serde_json::to_value(list).ok().and_then(|json| Value::from_json(json).ok()).unwrap_or_default()
}

/// Something that the caller can mend.
#[expect(clippy::duplicated_attributes, reason = "each field of the interface names its own type")]
#[derive(Debug, Clone, Interface)]
#[graphql(
    field(name = "code", ty = "&String", desc = "Stable code."),
    field(name = "message", ty = "&String", desc = "One sentence that says what is wrong."),
    field(
        name = "path",
        ty = "&Vec<String>",
        desc = "The input field concerned, from the root of the input."
    ),
    field(name = "help", ty = "&String", desc = "The way out.")
)]
pub enum UserError {
    /// Any error without data of its own kind.
    InputError(InputError),
    /// The plan is not the one that was shown.
    StalePlan(StalePlan),
}

/// Any error without data of its own kind.
#[derive(Debug, Clone, SimpleObject)]
pub struct InputError {
    /// Stable code.
    pub code: String,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The input field concerned, from the root of the input.
    pub path: Vec<String>,
    /// The way out.
    pub help: String,
    /// Problems in texts, each at its place.
    pub diagnostics: Vec<Diagnostic>,
}

/// The plan is not the one that was shown: look at it again.
#[derive(Debug, Clone, SimpleObject)]
pub struct StalePlan {
    /// Stable code: `STALE_PLAN`.
    pub code: String,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The input field concerned, from the root of the input.
    pub path: Vec<String>,
    /// The way out.
    pub help: String,
    /// What moved.
    pub moved: Vec<String>,
    /// The digest of the plan as it would be now, where it is known.
    pub current_plan_digest: Option<DigestText>,
}

/// A problem in a text that somebody wrote.
#[derive(Debug, Clone, SimpleObject)]
pub struct Diagnostic {
    /// Stable code.
    pub code: String,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The file, or what stands for one.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
    /// The way out.
    pub help: Option<String>,
}

impl From<diagnostic::Diagnostic> for Diagnostic {
    fn from(diagnostic: diagnostic::Diagnostic) -> Self {
        let diagnostic::Diagnostic { code, message, file, line, column, help } = diagnostic;
        Self { code, message, file, line, column, help }
    }
}

impl UserError {
    fn of(refusal: Refusal, current: Option<&DigestText>) -> Self {
        let Refusal { code, message, help, path, diagnostics, moved } = refusal;
        let code_text = code.as_str().to_owned();
        if code == RefusalCode::StalePlan {
            let current_plan_digest = current.cloned();
            return Self::StalePlan(StalePlan {
                code: code_text,
                message,
                path,
                help,
                moved,
                current_plan_digest,
            });
        }
        let diagnostics = diagnostics.into_iter().map(Diagnostic::from).collect();
        Self::InputError(InputError { code: code_text, message, path, help, diagnostics })
    }
}

/// The errors of a mutation's payload. `current` is the digest of the plan as it is now, for `StalePlan`.
///
/// # Errors
/// What is nobody's input is a top-level error.
pub(crate) fn user_errors(
    error: EngineError,
    current: Option<&DigestText>,
) -> async_graphql::Result<Vec<UserError>> {
    match error {
        EngineError::Refused(refusals) if !refusals.is_empty() => {
            Ok(refusals.into_iter().map(|refusal| UserError::of(refusal, current)).collect())
        }
        other => Err(answer(other)),
    }
}

/// Whether the plan was refused because it is not the one that was shown.
pub(crate) fn is_stale(error: &EngineError) -> bool {
    matches!(error, EngineError::Refused(refusals) if refusals.iter().any(|r| r.code == RefusalCode::StalePlan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(error: &async_graphql::Error, name: &str) -> String {
        error.extensions.as_ref().and_then(|map| map.get(name)).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn inner_texts_do_not_get_out() {
        let error = answer(EngineError::internal("password=hunter2 at 10.0.0.1"));
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(extension(&error, "code"), "\"INTERNAL\"");
    }

    #[test]
    fn refusals_keep_their_code_help_and_place() {
        let refusal = Refusal::new(RefusalCode::InvalidYaml, "no YAML", "mend it")
            .at("values")
            .with_diagnostics(vec![diagnostic::Diagnostic::new("YAML_SYNTAX", "x").at(3, 7)]);
        let error = refused(refusal.clone());
        assert_eq!(extension(&error, "code"), "\"INVALID_YAML\"");
        assert_eq!(extension(&error, "path"), "[\"values\"]");
        assert!(extension(&error, "diagnostics").contains("line: 3"));
        let errors = user_errors(refusal.into(), None).unwrap();
        assert!(matches!(&errors[0], UserError::InputError(error) if error.diagnostics[0].column == Some(7)));
    }

    #[test]
    fn a_stale_plan_says_what_moved() {
        let refusal =
            Refusal::new(RefusalCode::StalePlan, "moved", "look again").with_moved(vec!["x".into()]);
        let current = DigestText("hmac-v1:1".into());
        let errors = user_errors(refusal.into(), Some(&current)).unwrap();
        assert!(
            matches!(&errors[0], UserError::StalePlan(e) if e.moved == ["x"] && e.current_plan_digest.is_some())
        );
    }
}
