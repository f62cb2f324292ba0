//! Problems of a profile: what its author has to mend, or should know.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{diagnostic::Diagnostic, profile::LayerName};

/// What a problem means for publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProblemSeverity {
    /// The version cannot be published.
    Error,
    /// It can, and the author should know.
    Warning,
    /// Nothing is wrong, but something could not be looked at.
    Note,
}

/// One problem of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What it means for publishing.
    pub severity: ProblemSeverity,
    /// The layer concerned, if one is.
    pub layer: Option<LayerName>,
    /// What, where, and the way out.
    #[serde(flatten)]
    pub diagnostic: Diagnostic,
}

impl Problem {
    /// What keeps a version from being published.
    #[must_use]
    pub const fn error(layer: Option<LayerName>, diagnostic: Diagnostic) -> Self {
        Self { severity: ProblemSeverity::Error, layer, diagnostic }
    }

    /// What an author should know.
    #[must_use]
    pub const fn warning(layer: Option<LayerName>, diagnostic: Diagnostic) -> Self {
        Self { severity: ProblemSeverity::Warning, layer, diagnostic }
    }

    /// What could not be looked at.
    #[must_use]
    pub const fn note(layer: Option<LayerName>, diagnostic: Diagnostic) -> Self {
        Self { severity: ProblemSeverity::Note, layer, diagnostic }
    }

    /// Whether it keeps a version from being published.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == ProblemSeverity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            ProblemSeverity::Error => "error",
            ProblemSeverity::Warning => "warning",
            ProblemSeverity::Note => "note",
        };
        write!(f, "{word}: {}", self.diagnostic)
    }
}
