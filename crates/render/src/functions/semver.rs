//! Versions and constraints, by the rules that Helm charts are written for.
//!
//! *Idea.* Versions are read leniently (`v1.2` is 1.2.0). A constraint is a choice (`||`) of conjunctions (comma or
//! space) of comparisons, ranges with a hyphen, `^`, `~` and wildcards.
//!
//! *Caveats.* A pre-release satisfies a comparison only if that names a pre-release too: hence `>=1.20-0` in charts.

use std::{cmp::Ordering, rc::Rc};

use super::{Answer, Arguments, Function, Parameter::Text, fixed};
use crate::template::{IntType, Object, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("semver", &[Text], |_, a| {
        let original = a.string(0).into_owned();
        let version = parse(&original).ok_or("invalid semantic version")?;
        Ok(Value::Object(Rc::new(VersionObject { original, version })))
    }),
    fixed("semverCompare", &[Text, Text], |_, a| compare(&a.string(0), &a.string(1))),
];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
}

/// Reads a version with one to three numbers and an optional `v`.
fn parse(text: &str) -> Option<Version> {
    let body = text.strip_prefix('v').unwrap_or(text);
    let (body, metadata) = match body.split_once('+') {
        Some((body, metadata)) => (body, well_formed(metadata, false)?),
        None => (body, String::new()),
    };
    let (body, prerelease) = match body.split_once('-') {
        Some((body, prerelease)) => (body, well_formed(prerelease, true)?),
        None => (body, String::new()),
    };
    let mut numbers = [0; 3];
    let parts: Vec<&str> = body.split('.').collect();
    if parts.len() > 3 {
        return None;
    }
    for (number, part) in numbers.iter_mut().zip(&parts) {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    Some(Version { numbers, prerelease, metadata })
}

/// Identifiers between dots: letters, digits, dashes; numbers of pre-releases without leading zeros.
fn well_formed(text: &str, is_prerelease: bool) -> Option<String> {
    let fits = text.split('.').all(|part| {
        let numeric = part.bytes().all(|byte| byte.is_ascii_digit());
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !(is_prerelease && numeric && part.len() > 1 && part.starts_with('0'))
    });
    fits.then(|| text.to_owned())
}

fn order(a: &Version, b: &Version) -> Ordering {
    a.numbers.cmp(&b.numbers).then_with(|| match (a.prerelease.is_empty(), b.prerelease.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => order_prereleases(&a.prerelease, &b.prerelease),
    })
}

fn order_prereleases(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// One comparison of a constraint.
#[derive(Debug)]
struct Comparison {
    operator: &'static str,
    version: Version,
    /// How many numbers were given: the others are wildcards.
    given: usize,
}

const OPERATORS: &[&str] = &["!=", ">=", "=>", "<=", "=<", "~>", "=", ">", "<", "~", "^"];

fn constraint(text: &str) -> Option<Vec<Vec<Comparison>>> {
    text.split("||").map(conjunction).collect()
}

fn conjunction(text: &str) -> Option<Vec<Comparison>> {
    // `1.2 - 1.4` stands for two comparisons.
    let words: Vec<&str> = text.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect();
    let mut comparisons = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if words.get(at + 1) == Some(&"-") {
            comparisons.push(comparison(">=", word)?);
            comparisons.push(comparison("<=", words.get(at + 2)?)?);
            at += 3;
            continue;
        }
        let operator = OPERATORS.iter().find(|operator| word.starts_with(**operator)).copied().unwrap_or("");
        let rest = word.strip_prefix(operator).unwrap_or(word);
        if rest.is_empty() {
            // The operator stands apart from its version.
            at += 1;
            comparisons.push(comparison(operator, words.get(at)?)?);
        } else {
            comparisons.push(comparison(operator, rest)?);
        }
        at += 1;
    }
    (!comparisons.is_empty()).then_some(comparisons)
}

fn comparison(operator: &'static str, text: &str) -> Option<Comparison> {
    let body = text.strip_prefix('v').unwrap_or(text);
    let end = body.find(['-', '+']).unwrap_or(body.len());
    let (numbers, suffix) = body.split_at_checked(end)?;
    let parts: Vec<&str> = numbers.split('.').collect();
    let given = parts.iter().position(|part| matches!(*part, "x" | "X" | "*")).unwrap_or(parts.len());
    if parts.len() > 3
        || parts
            .iter()
            .skip(given)
            .any(|part| !matches!(*part, "x" | "X" | "*") && part.parse::<u64>().is_err())
    {
        return None;
    }
    let known: Vec<&str> = parts.iter().take(given).copied().chain(std::iter::repeat("0")).take(3).collect();
    let version = parse(&format!("{}{suffix}", known.join(".")))?;
    Some(Comparison { operator, version, given })
}

impl Comparison {
    fn holds(&self, version: &Version) -> bool {
        if !version.prerelease.is_empty() && self.version.prerelease.is_empty() {
            return false;
        }
        let ordering = order(version, &self.version);
        let partial = self.given < 3;
        let same =
            |count: usize| version.numbers.iter().take(count).eq(self.version.numbers.iter().take(count));
        match self.operator {
            "" | "=" if partial => self.tilde(version),
            "" | "=" => ordering.is_eq(),
            "!=" if partial => !same(self.given),
            "!=" => ordering.is_ne(),
            // More than any of the versions that a wildcard stands for.
            ">" if partial => self.given > 0 && ordering.is_gt() && !same(self.given),
            ">" => ordering.is_gt(),
            "<" => ordering.is_lt(),
            ">=" | "=>" => ordering.is_ge(),
            "<=" | "=<" if partial => ordering.is_le() || same(self.given),
            "<=" | "=<" => ordering.is_le(),
            "~" | "~>" => self.tilde(version),
            _ => self.caret(version),
        }
    }

    /// At least the version, with the same major and, if it was given, the same minor number.
    fn tilde(&self, version: &Version) -> bool {
        if order(version, &self.version).is_lt() {
            return false;
        }
        version.numbers.iter().take(self.given.min(2)).eq(self.version.numbers.iter().take(self.given.min(2)))
    }

    /// At least the version, with the same leftmost number that is not zero.
    fn caret(&self, version: &Version) -> bool {
        if order(version, &self.version).is_lt() {
            return false;
        }
        let [major, minor, _] = self.version.numbers;
        let fixed = match (major, minor, self.given) {
            (_, _, 0) => 0,
            (0, _, 1) => 1,
            (0, 0, 2) => 2,
            (0, 0, _) => 3,
            (0, ..) => 2,
            _ => 1,
        };
        version.numbers.iter().take(fixed).eq(self.version.numbers.iter().take(fixed))
    }
}

/// Whether a text is a version, read leniently.
pub(crate) fn is_version(text: &str) -> bool {
    parse(text).is_some()
}

/// Whether a version satisfies a constraint; false where one of them cannot be read.
pub(crate) fn satisfies(expression: &str, version: &str) -> bool {
    matches!(compare(expression, version), Ok(Value::Bool(true)))
}

fn compare(expression: &str, version: &str) -> Answer {
    let choices = constraint(expression).ok_or_else(|| format!("improper constraint: {expression}"))?;
    let version = parse(version).ok_or("invalid semantic version")?;
    Ok(Value::Bool(choices.iter().any(|all| all.iter().all(|comparison| comparison.holds(&version)))))
}

/// What `semver` answers.
#[derive(Debug)]
struct VersionObject {
    original: String,
    version: Version,
}

impl VersionObject {
    fn with(&self, numbers: [u64; 3]) -> Value {
        let version = Version { numbers, prerelease: String::new(), metadata: String::new() };
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        let [major, minor, patch] = numbers;
        Value::Object(Rc::new(Self { original: format!("{prefix}{major}.{minor}.{patch}"), version }))
    }
}

impl Object for VersionObject {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind_name(&self) -> &'static str {
        "ptr"
    }

    fn call_method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let number = |number: u64| Ok(Value::Int(IntType::Uint64, i64::try_from(number).unwrap_or(i64::MAX)));
        let [major, minor, patch] = self.version.numbers;
        let bare_patch = self.version.prerelease.is_empty() && self.version.metadata.is_empty();
        Some(match name {
            "Major" => number(major),
            "Minor" => number(minor),
            "Patch" => number(patch),
            "Prerelease" => Ok(Value::from(self.version.prerelease.as_str())),
            "Metadata" => Ok(Value::from(self.version.metadata.as_str())),
            "Original" => Ok(Value::from(self.original.as_str())),
            "String" => Ok(Value::from(self.text())),
            "IncMajor" => Ok(self.with([major.saturating_add(1), 0, 0])),
            "IncMinor" => Ok(self.with([major, minor.saturating_add(1), 0])),
            "IncPatch" if bare_patch || self.version.prerelease.is_empty() => {
                Ok(self.with([major, minor, patch.saturating_add(1)]))
            }
            "IncPatch" => Ok(self.with([major, minor, patch])),
            "Compare" | "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual" | "GreaterThanEqual" => {
                let other = match arguments {
                    [Value::Object(other)] => parse(&other.text()),
                    _ => None,
                };
                let Some(other) = other else {
                    return Some(Err("wrong type for value; expected *semver.Version".to_owned()));
                };
                let ordering = order(&self.version, &other);
                Ok(match name {
                    "Compare" => Value::int(match ordering {
                        Ordering::Less => -1,
                        Ordering::Equal => 0,
                        Ordering::Greater => 1,
                    }),
                    "Equal" => Value::Bool(ordering.is_eq()),
                    "LessThan" => Value::Bool(ordering.is_lt()),
                    "GreaterThan" => Value::Bool(ordering.is_gt()),
                    "LessThanEqual" => Value::Bool(ordering.is_le()),
                    _ => Value::Bool(ordering.is_ge()),
                })
            }
            _ => return None,
        })
    }

    fn text(&self) -> String {
        let [major, minor, patch] = self.version.numbers;
        let mut text = format!("{major}.{minor}.{patch}");
        for (sign, part) in [('-', &self.version.prerelease), ('+', &self.version.metadata)] {
            if !part.is_empty() {
                text.push(sign);
                text.push_str(part);
            }
        }
        text
    }
}
