//! Macros: named values of a project that the values of any profile may refer to, `{{.spectro.macro.NAME}}`.
//!
//! *Idea.* A project has macros, and reads those of the shared project; its own win. A composition holds the values that
//! it was made with: a macro that changes reaches a cluster by a change like any other, never by itself.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a macro, unique in its project: what a reference can spell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacroName(String);

/// A text that cannot name a macro.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` cannot name a macro: use 1 to 63 letters, digits, `-` and `_`, beginning and ending with a letter or digit"
)]
pub struct InvalidMacroName {
    /// The text as given, cut short.
    pub text: String,
}

impl MacroName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MacroName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MacroName {
    type Err = InvalidMacroName;

    fn from_str(text: &str) -> Result<Self, InvalidMacroName> {
        let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = text.len() <= 63
            && text.bytes().all(inner)
            && ends(text.bytes().next())
            && ends(text.bytes().next_back());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidMacroName { text: text.chars().take(100).collect() })
        }
    }
}

impl TryFrom<String> for MacroName {
    type Error = InvalidMacroName;

    fn try_from(text: String) -> Result<Self, InvalidMacroName> {
        text.parse()
    }
}

impl From<MacroName> for String {
    fn from(name: MacroName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_a_reference_can_spell() {
        for text in ["a", "team", "DB_host-1", &"x".repeat(63)] {
            assert!(text.parse::<MacroName>().is_ok(), "{text}");
        }
        for text in ["", "-a", "a-", "_", "a.b", "a b", "é", &"x".repeat(64)] {
            assert!(text.parse::<MacroName>().is_err(), "{text}");
        }
    }
}
