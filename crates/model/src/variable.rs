//! Profile variables: definitions in a profile version, values per cluster.

use serde::{Deserialize, Serialize};

use crate::secret::Fingerprint;

/// The form that a variable's text must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VariableFormat {
    /// Any text.
    #[default]
    String,
    /// A decimal number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An IPv4 address.
    Ipv4,
    /// An IPv4 network, `10.0.0.0/8`.
    Ipv4cidr,
    /// An IPv6 address.
    Ipv6,
    /// A SemVer version.
    Version,
    /// Base64.
    Base64,
}

/// A variable as a profile version defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableDefinition {
    /// The name used in references; unique in the profile.
    pub name: String,
    /// What people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The form of its text.
    #[serde(default)]
    pub format: VariableFormat,
    /// The value where a cluster gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// A regular expression that the whole text must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Whether a cluster must have a value.
    #[serde(default)]
    pub required: bool,
    /// Whether clusters may not change the default.
    #[serde(default)]
    pub immutable: bool,
    /// Whether forms leave it out.
    #[serde(default)]
    pub hidden: bool,
    /// Whether the value is a secret.
    #[serde(default)]
    pub sensitive: bool,
    /// Whether forms give room for several lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multiline: bool,
    /// The only values allowed, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<VariableOption>,
}

/// A value that can be chosen. Documents write one without label and description as a text alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OptionForm", into = "OptionForm")]
pub struct VariableOption {
    /// The value.
    pub value: String,
    /// What people see.
    pub label: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OptionForm {
    Plain(String),
    Labelled {
        value: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

impl From<OptionForm> for VariableOption {
    fn from(form: OptionForm) -> Self {
        match form {
            OptionForm::Plain(value) => Self { value, label: None, description: None },
            OptionForm::Labelled { value, label, description } => Self { value, label, description },
        }
    }
}

impl From<VariableOption> for OptionForm {
    fn from(option: VariableOption) -> Self {
        match option {
            VariableOption { value, label: None, description: None } => Self::Plain(value),
            VariableOption { value, label, description } => Self::Labelled { value, label, description },
        }
    }
}

impl From<&str> for VariableOption {
    fn from(value: &str) -> Self {
        Self { value: value.to_owned(), label: None, description: None }
    }
}

impl VariableDefinition {
    /// The values that can be chosen.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.options.iter().map(|option| option.value.as_str())
    }
}

/// The value of a variable or of a macro.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VariableValue {
    /// In the clear.
    Plain(String),
    /// A secret, by fingerprint; its text is sealed in the store.
    Sensitive(Fingerprint),
}

impl VariableValue {
    /// As it is shown: the text, or the mask of the secret.
    #[must_use]
    pub fn masked(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Sensitive(fingerprint) => fingerprint.mask(),
        }
    }

    /// The secret that it stands for, if it is one.
    #[must_use]
    pub const fn secret(&self) -> Option<&Fingerprint> {
        match self {
            Self::Plain(_) => None,
            Self::Sensitive(fingerprint) => Some(fingerprint),
        }
    }
}
