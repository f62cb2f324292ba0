//! Errors of the engine: what is the caller's to mend, and what is not.

use strata_cluster::ClusterError;
use strata_model::{
    diagnostic::Diagnostic,
    error::{Refusal, RefusalCode},
    finding::Finding,
};
use strata_store::StoreError;

/// Why a verb did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller can mend it.
    #[error("{}", .0.first().map_or_else(|| "refused".to_owned(), ToString::to_string))]
    Refused(Vec<Refusal>),
    /// Nobody's input: logged where it is answered, never shown with its inner text.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    /// A refusal with its way out.
    pub fn refuse(code: RefusalCode, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused(vec![Refusal::new(code, message, help)])
    }

    /// Something that cannot happen with data that Strata wrote itself.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// A refusal about texts.
    pub fn diagnostics(code: RefusalCode, message: &str, diagnostics: Vec<Diagnostic>) -> Self {
        let help = "mend the places named and try again";
        Self::Refused(vec![Refusal::new(code, message, help).with_diagnostics(diagnostics)])
    }

    /// A refusal for each finding that blocks.
    pub fn findings(findings: Vec<Finding>) -> Self {
        let refusal = |finding: Finding| {
            Refusal::new(RefusalCode::Blocked, format!("{}: {}", finding.code, finding.message), finding.help)
        };
        Self::Refused(findings.into_iter().map(refusal).collect())
    }

    /// The code to audit.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusals) => refusals.first().map_or("REFUSED", |refusal| refusal.code.as_str()),
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// Whether a compare-and-set lost, so that trying again on fresh data may succeed.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(refusals) if refusals.iter().any(|r| r.code == RefusalCode::Conflict))
    }
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        let again = "read it again and repeat what you wanted on what it is now";
        match &error {
            StoreError::NotFound { noun, name } => Refusal::not_found(noun, name).into(),
            StoreError::Duplicate { noun, name } => Self::refuse(
                RefusalCode::DuplicateName,
                format!("there is already a {noun} `{name}`"),
                "choose another name",
            ),
            StoreError::Stale { .. } => Self::refuse(RefusalCode::Conflict, error.to_string(), again),
            StoreError::InUse { .. } => {
                Self::refuse(RefusalCode::InUse, error.to_string(), "let go of what uses it first")
            }
            StoreError::InvalidCursor => Self::refuse(
                RefusalCode::InvalidInput,
                error.to_string(),
                "take `endCursor` of the page before as it is, with the same filter and order",
            ),
            _ => Self::Internal(Box::new(error)),
        }
    }
}

impl From<ClusterError> for EngineError {
    fn from(error: ClusterError) -> Self {
        Self::refuse(RefusalCode::ClusterUnreachable, error.to_string(), error.help())
    }
}

impl From<serde_json::Error> for EngineError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}
