//! Variables: one rule. The cluster's value stays if the variable is still there and the value still valid; else the
//! profile's default takes its place, to be acknowledged; required and without either blocks the change by name.

use std::collections::BTreeMap;

use regex::Regex;
use strata_model::{
    composition::Composition,
    error::{Refusal, RefusalCode},
    finding::{Finding, FindingCode, Severity},
    variable::{VariableDefinition, VariableFormat, VariableValue},
    version::Version,
};

use super::{CompositionRequest, Contents};

/// Largest value of a variable, in bytes.
const MAX_VALUE: usize = 64 * 1024;
/// Largest regular expression once compiled, in bytes.
const MAX_REGEX: usize = 256 * 1024;

/// What became of all variables.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) values: BTreeMap<String, VariableValue>,
    pub(super) findings: Vec<Finding>,
}

/// Why a text is no value of a variable. Never quotes the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVariableValue {
    /// Not of the format.
    #[error("the value of `{name}` is not {expected}")]
    Format {
        /// The variable.
        name: String,
        /// What it should be, in a sentence.
        expected: &'static str,
    },
    /// Not matched by the regular expression.
    #[error("the value of `{name}` does not match `{regex}`")]
    Pattern {
        /// The variable.
        name: String,
        /// The expression.
        regex: String,
    },
    /// None of the options.
    #[error("the value of `{name}` is none of: {options}")]
    Option {
        /// The variable.
        name: String,
        /// What is allowed.
        options: String,
    },
    /// The definition's own expression is broken.
    #[error("the regular expression of `{name}` cannot be used")]
    Expression {
        /// The variable.
        name: String,
    },
    /// Too long.
    #[error("the value of `{name}` has more than {MAX_VALUE} bytes")]
    TooLong {
        /// The variable.
        name: String,
    },
}

/// Checks a text against the definition of a variable: format, regular expression (the whole text must match), options.
///
/// # Errors
/// [`InvalidVariableValue`], which names the rule and not the value.
pub fn validate(definition: &VariableDefinition, text: &str) -> Result<(), InvalidVariableValue> {
    let name = || definition.name.clone();
    if text.len() > MAX_VALUE {
        return Err(InvalidVariableValue::TooLong { name: name() });
    }
    if let Some(expected) = wrong_format(definition.format, text) {
        return Err(InvalidVariableValue::Format { name: name(), expected });
    }
    if let Some(regex) = &definition.regex {
        let anchored = regex::RegexBuilder::new(&format!(r"\A(?:{regex})\z"))
            .size_limit(MAX_REGEX)
            .build()
            .map_err(|_| InvalidVariableValue::Expression { name: name() })?;
        if !Regex::is_match(&anchored, text) {
            return Err(InvalidVariableValue::Pattern { name: name(), regex: regex.clone() });
        }
    }
    if !definition.options.is_empty() && !definition.options.iter().any(|option| option == text) {
        return Err(InvalidVariableValue::Option { name: name(), options: definition.options.join(", ") });
    }
    Ok(())
}

/// What the text should have been, if it is not of this format.
fn wrong_format(format: VariableFormat, text: &str) -> Option<&'static str> {
    let (fits, expected) = match format {
        VariableFormat::String => (true, "a text"),
        VariableFormat::Number => (is_number(text), "a decimal number"),
        VariableFormat::Boolean => (matches!(text, "true" | "false"), "`true` or `false`"),
        VariableFormat::Ipv4 => (text.parse::<std::net::Ipv4Addr>().is_ok(), "an IPv4 address"),
        VariableFormat::Ipv4cidr => (is_ipv4_network(text), "an IPv4 network such as 10.0.0.0/8"),
        VariableFormat::Ipv6 => (text.parse::<std::net::Ipv6Addr>().is_ok(), "an IPv6 address"),
        VariableFormat::Version => (text.parse::<Version>().is_ok(), "a version such as 1.2.3"),
        VariableFormat::Base64 => (is_base64(text), "base64"),
    };
    (!fits).then_some(expected)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && all_digits(fraction)
}

fn is_ipv4_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        let canonical = length == "0" || !length.starts_with(['0', '+']);
        address.parse::<std::net::Ipv4Addr>().is_ok()
            && canonical
            && length.parse::<u8>().is_ok_and(|bits| bits <= 32)
    })
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4) && padding <= 2 && body.bytes().all(known)
}

pub(super) fn carry(
    before: &Composition,
    wanted: &Composition,
    request: &CompositionRequest,
    contents: &dyn Contents,
) -> Result<Carried, Vec<Refusal>> {
    let definitions: Vec<&VariableDefinition> = wanted
        .attachments
        .iter()
        .filter_map(|attachment| contents.profile(&attachment.revision))
        .flat_map(|profile| &profile.variables)
        .collect();
    let mut carried = Carried::default();
    let mut refusals = Vec::new();
    for name in request.variables.keys().filter(|name| !definitions.iter().any(|d| d.name == **name)) {
        refusals.push(invalid(format!("no attached profile has a variable `{name}`")));
    }
    for name in before.variables.keys() {
        let wished = request.variables.contains_key(name);
        if !wished && !definitions.iter().any(|definition| definition.name == *name) {
            carried.findings.push(finding(
                FindingCode::VariableDefaulted,
                Severity::Info,
                name,
                format!("no attached profile has the variable `{name}` any more; the cluster's value goes"),
                "nothing to do",
            ));
        }
    }
    for definition in definitions {
        match settle(definition, before, request, contents, &mut carried.findings) {
            Ok(Some(value)) => {
                carried.values.insert(definition.name.clone(), value);
            }
            Ok(None) => {}
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() { Ok(carried) } else { Err(refusals) }
}

/// The cluster's own value of one variable, if it has one.
fn settle(
    definition: &VariableDefinition,
    before: &Composition,
    request: &CompositionRequest,
    contents: &dyn Contents,
    findings: &mut Vec<Finding>,
) -> Result<Option<VariableValue>, Refusal> {
    let name = &definition.name;
    let check = |value: &VariableValue| match value {
        VariableValue::Plain(text) => validate(definition, text),
        // Without its text a secret is taken as it is: it was checked when it came in.
        VariableValue::Sensitive(fingerprint) => {
            contents.secret(fingerprint).map_or(Ok(()), |secret| validate(definition, secret.expose()))
        }
    };
    match request.variables.get(name) {
        Some(Some(value)) => {
            if definition.immutable {
                return Err(invalid(format!("the variable `{name}` cannot be changed by clusters")));
            }
            if definition.sensitive && matches!(value, VariableValue::Plain(_)) {
                return Err(invalid(format!("the variable `{name}` is a secret and must be given as one")));
            }
            check(value).map_err(|error| invalid(error.to_string()))?;
            return Ok(Some(value.clone()));
        }
        Some(None) => {}
        None => {
            if let Some(value) = before.variables.get(name) {
                let still_valid = !definition.immutable && check(value).is_ok();
                if still_valid {
                    return Ok(Some(value.clone()));
                }
                let instead = match (&definition.default_value, definition.required) {
                    (Some(_), _) => Some("the profile's default is used"),
                    (None, false) => Some("it goes, and there is no default"),
                    (None, true) => None,
                };
                if let Some(instead) = instead {
                    findings.push(finding(
                        FindingCode::VariableDefaulted,
                        Severity::Acknowledge,
                        name,
                        format!("the cluster's value of `{name}` is no longer valid; {instead}"),
                        "acknowledge it, or set a valid value",
                    ));
                    return Ok(None);
                }
            }
        }
    }
    if definition.required && definition.default_value.is_none() {
        findings.push(finding(
            FindingCode::UnresolvedVariable,
            Severity::Block,
            name,
            format!("the variable `{name}` is required and has no value"),
            "set it for this cluster, or give it a default in the profile",
        ));
    }
    Ok(None)
}

fn invalid(message: String) -> Refusal {
    Refusal::new(RefusalCode::InvalidVariable, message, "look at the variables of the attached profiles")
        .at("variables")
}

fn finding(code: FindingCode, severity: Severity, name: &str, message: String, help: &str) -> Finding {
    Finding {
        code,
        severity,
        message,
        help: help.to_owned(),
        layer: None,
        object: None,
        path: Some(name.to_owned()),
    }
}
