//! Exit codes and errors of the command line.

use std::fmt;

use serde::Deserialize;

/// What a command ends with; fit for CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done; a preview found nothing to do.
    Ok = 0,
    /// Something went wrong that is nobody's input.
    Failure = 1,
    /// A preview found changes.
    Changes = 2,
    /// A preview found conflicts or blocking findings.
    Blocked = 3,
    /// The server refused: a typed error with a way out was printed.
    Refused = 4,
    /// No valid token, or one without the needed role.
    Forbidden = 5,
    /// The server does not answer.
    Unreachable = 6,
    /// The change or rollout that was waited for did not succeed.
    NotSucceeded = 7,
    /// The command line itself is wrong.
    Usage = 64,
}

impl Code {
    /// The number given to the operating system.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// One user error of the API.
#[derive(Debug, Clone, Deserialize)]
pub struct UserError {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The way out.
    #[serde(default)]
    pub help: String,
    /// The input field concerned.
    #[serde(default)]
    pub path: Vec<String>,
    /// Problems in texts.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    /// What moved, for `STALE_PLAN`.
    #[serde(default)]
    pub moved: Vec<String>,
}

/// A problem in a text.
#[derive(Debug, Clone, Deserialize)]
pub struct Diagnostic {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The file.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// The way out.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: message [CODE]`, as far as there is a place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [self.line, self.column].into_iter().flatten().map(|number| number.to_string());
        let place: Vec<String> = self.file.clone().into_iter().chain(numbers).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(":"))?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The server refused.
    #[error("{}", .0.first().map_or("refused", |error| error.message.as_str()))]
    Refused(Vec<UserError>),
    /// The server does not answer.
    #[error("the server at {url} does not answer: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server answered something that is no answer.
    #[error("the server's answer cannot be read: {0}")]
    Answer(String),
    /// A file cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// Nobody reads what is watched any more.
    #[error("the output goes nowhere any more; what is watched goes on")]
    Unread,
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// The exit code that goes with it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(errors) => match errors.first().map(|error| error.code.as_str()) {
                Some("UNAUTHENTICATED" | "TOKEN_EXPIRED" | "FORBIDDEN") => Code::Forbidden,
                Some("BLOCKED") => Code::Blocked,
                _ => Code::Refused,
            },
            Self::Unreachable { .. } => Code::Unreachable,
            Self::Answer(_) => Code::Failure,
            Self::Unread => Code::NotSucceeded,
            Self::File { .. } | Self::Usage(_) => Code::Usage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_codes_of_their_own() {
        let refused = |code: &str| {
            CliError::Refused(vec![UserError {
                code: code.into(),
                message: String::new(),
                help: String::new(),
                path: vec![],
                diagnostics: vec![],
                moved: vec![],
            }])
            .code()
        };
        assert_eq!(refused("FORBIDDEN"), Code::Forbidden);
        assert_eq!(refused("STALE_PLAN"), Code::Refused);
        assert_eq!(refused("BLOCKED"), Code::Blocked);
        assert_eq!(Code::Usage.number(), 64);
    }
}
