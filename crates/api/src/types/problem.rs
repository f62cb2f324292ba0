//! Problems of profiles.

use async_graphql::SimpleObject;
use strata_model::problem;

use super::state::ProblemSeverity;

/// One problem of a profile.
#[derive(Debug, SimpleObject)]
pub struct ProfileProblem {
    /// Whether it keeps the version from being published.
    pub severity: ProblemSeverity,
    /// Stable code.
    pub code: String,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// The layer concerned, if one is.
    pub layer: Option<String>,
    /// The file, or what stands for one.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
}

impl From<problem::Problem> for ProfileProblem {
    fn from(problem: problem::Problem) -> Self {
        let problem::Problem { severity, layer, diagnostic } = problem;
        Self {
            severity: severity.into(),
            code: diagnostic.code,
            message: diagnostic.message,
            help: diagnostic.help,
            layer: layer.map(Into::into),
            file: diagnostic.file,
            line: diagnostic.line,
            column: diagnostic.column,
        }
    }
}
