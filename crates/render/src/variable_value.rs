//! Whether a text can be the value of a variable: format, pattern, options.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex::{Regex, RegexBuilder};
use strata_model::{
    variable::{VariableDefinition, VariableFormat},
    version::Version,
};

/// Largest value of a variable, in bytes.
const MAX_VALUE: usize = 64 * 1024;
/// Largest regular expression once compiled, in bytes.
const MAX_REGEX: usize = 256 * 1024;

/// The first number that stands for one. Valid as a port and as a count.
const FIRST_NUMBER: u32 = 7001;
/// How many numbers there are from it on; the name of the variable decides which.
const NUMBERS: u32 = 2000;

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
pub fn judge_value(definition: &VariableDefinition, text: &str) -> Result<(), InvalidVariableValue> {
    let name = || definition.name.clone();
    if text.len() > MAX_VALUE {
        return Err(InvalidVariableValue::TooLong { name: name() });
    }
    if let Some(expected) = wrong_format(definition.format, text) {
        return Err(InvalidVariableValue::Format { name: name(), expected });
    }
    if let Some(regex) = &definition.regex {
        let anchored = RegexBuilder::new(&format!(r"\A(?:{regex})\z"))
            .size_limit(MAX_REGEX)
            .build()
            .map_err(|_| InvalidVariableValue::Expression { name: name() })?;
        if !Regex::is_match(&anchored, text) {
            return Err(InvalidVariableValue::Pattern { name: name(), regex: regex.clone() });
        }
    }
    if !definition.options.is_empty() && !definition.values().any(|option| option == text) {
        return Err(InvalidVariableValue::Option {
            name: name(),
            options: definition.values().collect::<Vec<_>>().join(", "),
        });
    }
    Ok(())
}

/// A text that stands for any value of a variable: none of a switch, nor of one whose options or regular expression allow
/// none. Only name, format and `turn` decide which, so that it is the same wherever the variable is; each turn has another.
#[must_use]
pub fn stand_in_value(definition: &VariableDefinition, turn: u16) -> Option<String> {
    let (name, turn) = (&definition.name, u32::from(turn));
    let number = name.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % NUMBERS);
    // Documentation addresses (RFC 5737, RFC 3849) and the networks for benchmarks (RFC 2544): nobody's.
    let host = (number + 101 * turn) % 250 + 1;
    let number = FIRST_NUMBER + NUMBERS * turn + number;
    let text = match definition.format {
        VariableFormat::Boolean => return None,
        VariableFormat::Number => number.to_string(),
        VariableFormat::Ipv4 => format!("192.0.2.{host}"),
        VariableFormat::Ipv4cidr => format!("198.18.{host}.0/24"),
        VariableFormat::Ipv6 => format!("2001:db8::{host:x}"),
        VariableFormat::Version => format!("0.0.{number}"),
        VariableFormat::Base64 => {
            STANDARD.encode(format!("{} {name}", if turn == 0 { "value" } else { "words" }))
        }
        VariableFormat::String => {
            let name = name.to_ascii_lowercase();
            let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
            let words = if turn == 0 { "value-of" } else { "stands-for" };
            format!("{words}-{}", letters.collect::<String>())
        }
    };
    judge_value(definition, &text).ok().map(|()| text)
}

/// Another text than this that a variable may have, if there is one.
pub(crate) fn other_value(definition: &VariableDefinition, than: &str) -> Option<String> {
    let options = definition.values().map(str::to_owned);
    let switch = match definition.format {
        VariableFormat::Boolean => vec!["true".to_owned(), "false".to_owned()],
        _ => Vec::new(),
    };
    // One with a pattern may still be as it is with a digit or a letter more.
    let near = [format!("1{than}"), format!("{than}x"), format!("{than}1")];
    let all = options.chain(switch).chain(stand_in_value(definition, 0)).chain(near);
    all.into_iter().find(|text| text != than && judge_value(definition, text).is_ok())
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
