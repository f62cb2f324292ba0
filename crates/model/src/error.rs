//! Refusals: errors that are the caller's to mend. Codes are stable API.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The codes of refusals.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum RefusalCode { $($(#[$doc])* $name,)* }

        impl RefusalCode {
            /// All codes, for the page that lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// No valid token.
    Unauthenticated = "UNAUTHENTICATED",
    /// The token has expired.
    TokenExpired = "TOKEN_EXPIRED",
    /// The principal's role does not allow it.
    Forbidden = "FORBIDDEN",
    /// There is no such thing in this project.
    NotFound = "NOT_FOUND",
    /// The name is taken.
    DuplicateName = "DUPLICATE_NAME",
    /// A value cannot be read.
    InvalidInput = "INVALID_INPUT",
    /// Not a SemVer 2.0 version.
    InvalidVersion = "INVALID_VERSION",
    /// The pack cannot be read.
    InvalidPack = "INVALID_PACK",
    /// The profile's content has problems.
    InvalidProfile = "INVALID_PROFILE",
    /// A text is no YAML, or too large.
    InvalidYaml = "INVALID_YAML",
    /// A template does not render.
    RenderFailed = "RENDER_FAILED",
    /// No such layer.
    UnknownLayer = "UNKNOWN_LAYER",
    /// No such variable, or its value is not valid.
    InvalidVariable = "INVALID_VARIABLE",
    /// The kubeconfig cannot be used.
    InvalidKubeconfig = "INVALID_KUBECONFIG",
    /// The cluster does not answer.
    ClusterUnreachable = "CLUSTER_UNREACHABLE",
    /// The cluster at this address is another one.
    ClusterIdentityChanged = "CLUSTER_IDENTITY_CHANGED",
    /// The thing is frozen.
    Frozen = "FROZEN",
    /// The thing is in use.
    InUse = "IN_USE",
    /// Somebody else changed it meanwhile.
    Conflict = "CONFLICT",
    /// The plan is not the one that was shown.
    StalePlan = "STALE_PLAN",
    /// An approval is missing.
    ApprovalRequired = "APPROVAL_REQUIRED",
    /// The plan has findings that block it.
    Blocked = "BLOCKED",
    /// The state does not allow it.
    IllegalState = "ILLEGAL_STATE",
    /// Another change holds the cluster.
    ChangeUnderWay = "CHANGE_UNDER_WAY",
    /// The same idempotency key came with another input.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
    /// Too large, too many, too deep.
    LimitExceeded = "LIMIT_EXCEEDED",
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One error that is the caller's to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// What kind.
    pub code: RefusalCode,
    /// One sentence.
    pub message: String,
    /// The way out.
    pub help: String,
    /// The input field concerned, from the root of the input.
    #[serde(default)]
    pub path: Vec<String>,
    /// Problems in texts, each at its place.
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    /// What moved, for `STALE_PLAN`.
    #[serde(default)]
    pub moved: Vec<String>,
}

impl Refusal {
    /// A refusal with its way out.
    pub fn new(code: RefusalCode, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: help.into(),
            path: Vec::new(),
            diagnostics: Vec::new(),
            moved: Vec::new(),
        }
    }

    /// The same about an input field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.path.insert(0, field.into());
        self
    }

    /// The same with problems in texts.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// The same with what moved.
    #[must_use]
    pub fn with_moved(mut self, moved: Vec<String>) -> Self {
        self.moved = moved;
        self
    }

    /// There is no such thing in this project.
    pub fn not_found(noun: &str, name: impl fmt::Display) -> Self {
        let see = match noun {
            "cluster" | "profile" | "pack" | "macro" | "change" | "rollout" | "token" => {
                format!("list what there is with `strata {noun} list`")
            }
            "version" | "revision" | "profile version" | "draft" => {
                "see what there is with `strata profile show NAME`".to_owned()
            }
            "orphan" => "list what there is with `strata orphans list`".to_owned(),
            _ => "see how it is spelled".to_owned(),
        };
        Self::new(
            RefusalCode::NotFound,
            format!("there is no {noun} `{name}` in this project"),
            format!("{see}, or choose another project"),
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_serialisation_agree() {
        for code in RefusalCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
