//! `schema.yaml`: rules for the values of a pack, by dotted path.
//!
//! *Idea.* Palette's form: a path (`a.b`, `a.list.$[].c` for each item) with one text such as
//! `schema: '{{ required | readonly | format "${number:[1-65535]}" | hints "a port" }}'`.
//!
//! *Guarantees.* A rule that cannot be read is refused when the pack is loaded, and never skipped when values are
//! checked. Messages name the path and the rule, never the value, which may be a secret.

use regex::{Regex, RegexBuilder};
use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    pack::Pack,
    profile::Layer,
    secret::SecretText,
    value_path::{Segment, ValuePath},
};
use strata_values::parse::kind_of;

use strata_values::place::Places;

use crate::pack::SCHEMA;

/// Largest compiled form of a regular expression, in bytes.
const REGEX_BYTES: usize = 1 << 20;
/// Most places that one rule reaches through lists.
const MAX_MATCHES: usize = 10_000;

/// The rule for one path.
#[derive(Debug, Clone)]
pub struct SchemaRule {
    /// The path as written.
    pub path: String,
    /// Whether there must be a value.
    pub required: bool,
    /// Whether clusters may not change it.
    pub readonly: bool,
    /// What the value must look like.
    pub format: Option<SchemaFormat>,
    /// What people are told.
    pub hints: Vec<String>,
    steps: Vec<Step>,
}

/// What a value must look like.
#[derive(Debug, Clone)]
pub enum SchemaFormat {
    /// A text, matching as a whole if a pattern is given.
    String(Option<Regex>),
    /// A secret text, matching as a whole if a pattern is given.
    Password(Option<Regex>),
    /// A number, in a range or matching as a whole.
    Number(NumberRule),
    /// True or false.
    Boolean,
    /// One of these texts.
    List(Vec<String>),
    /// An IPv4 address.
    Ipv4,
    /// A version.
    Version,
}

/// Which numbers.
#[derive(Debug, Clone)]
pub enum NumberRule {
    /// All.
    Any,
    /// From the first to the second, both allowed.
    Range(f64, f64),
    /// Those whose text matches as a whole.
    Pattern(Regex),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Each,
    Index(usize),
}

/// Reads the rules of a pack.
///
/// # Errors
/// `SCHEMA_INVALID` for each rule that cannot be read, and the diagnostics of `strata_values::parse`.
pub fn parse_schema(text: &str) -> Result<Vec<SchemaRule>, Vec<Diagnostic>> {
    let root = strata_values::parse_mapping(text, SCHEMA).map_err(|diagnostic| vec![diagnostic])?;
    let places = Places::of(text);
    let (mut rules, mut problems) = (Vec::with_capacity(root.len()), Vec::new());
    for (path, body) in &root {
        let body = match body {
            Value::Object(map) => map.get("schema").and_then(Value::as_str),
            Value::String(text) => Some(text.as_str()),
            _ => None,
        };
        let read = body.ok_or_else(|| "expected a mapping with a text `schema`".to_owned());
        match read.and_then(|body| rule(path, body)) {
            Ok(rule) => rules.push(rule),
            Err(reason) => {
                let diagnostic = Diagnostic::new(
                    "SCHEMA_INVALID",
                    format!("the rule for `{path}`: {reason}"),
                )
                .in_file(SCHEMA)
                .with_help(
                    "write e.g. schema: '{{ required | format \"${string:/^[a-z]+$/}\" | hints \"…\" }}'",
                );
                problems.push(places.locate(diagnostic, &ValuePath::of_keys([path.as_str()])));
            }
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

/// Checks values against the rules: one `VALUES_SCHEMA` for each place that breaks one, with that place. Texts that still
/// hold references are not judged.
#[must_use]
pub fn check_values(rules: &[SchemaRule], values: &Value) -> Vec<(ValuePath, Diagnostic)> {
    let mut problems = Vec::new();
    for rule in rules {
        let found = rule.find(values);
        if rule.required && found.is_empty() {
            problems.push((ValuePath::root(), rule.problem(&rule.path, "a value is required")));
        }
        for (path, value) in found {
            let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
            if empty {
                if rule.required {
                    let problem = rule.problem(&path.to_string(), "a value is required");
                    problems.push((path, problem));
                }
                continue;
            }
            if value.as_str().is_some_and(|text| text.contains("{{")) {
                continue;
            }
            if let Some(reason) = rule.format.as_ref().and_then(|format| format.refuses(value)) {
                let problem = rule.problem(&path.to_string(), &reason);
                problems.push((path, problem));
            }
        }
    }
    problems
}

/// One `VALUES_SCHEMA` for each rule that is read-only and whose value is another after than before.
#[must_use]
pub fn check_readonly(rules: &[SchemaRule], before: &Value, after: &Value) -> Vec<Diagnostic> {
    let changed = rules.iter().filter(|rule| rule.readonly && rule.find(before) != rule.find(after));
    changed.map(|rule| rule.problem(&rule.path, "only the profile may say it, not a cluster")).collect()
}

/// The passwords, by its pack's schema, that a layer's own values hold. Texts that cannot be read hold none that is known.
#[must_use]
pub fn layer_passwords(layer: &Layer, pack: &Pack) -> Vec<SecretText> {
    let Some(rules) = pack.schema.as_deref().and_then(|schema| parse_schema(schema).ok()) else {
        return Vec::new();
    };
    let Ok(values) = strata_values::parse_mapping(&layer.values, "values.yaml") else { return Vec::new() };
    passwords(&rules, &Value::Object(values))
}

/// Values that the schema calls passwords.
pub(crate) fn passwords(rules: &[SchemaRule], values: &Value) -> Vec<SecretText> {
    let secret = rules.iter().filter(|rule| matches!(rule.format, Some(SchemaFormat::Password(_))));
    secret.flat_map(|rule| rule.find(values)).flat_map(|(_, value)| secrets_in(value)).collect()
}

/// What a value at a password's place holds: also inside of a mapping or list, which does not fit there but may be shown
/// to whoever put it there by mistake.
fn secrets_in(value: &Value) -> Vec<SecretText> {
    match value {
        Value::String(text) if !text.is_empty() => vec![SecretText::new(text.clone())],
        Value::Number(number) => vec![SecretText::new(number.to_string())],
        Value::Array(items) => items.iter().flat_map(secrets_in).collect(),
        Value::Object(map) => map.values().flat_map(secrets_in).collect(),
        Value::String(_) | Value::Null | Value::Bool(_) => Vec::new(),
    }
}

impl SchemaRule {
    fn find<'v>(&self, values: &'v Value) -> Vec<(ValuePath, &'v Value)> {
        let mut found = vec![(ValuePath::root(), values)];
        for step in &self.steps {
            let mut next = Vec::new();
            for (path, value) in found {
                match (step, value) {
                    (Step::Key(key), Value::Object(map)) => {
                        next.extend(map.get(key).map(|value| (path.key(key), value)));
                    }
                    (Step::Index(index), Value::Array(items)) => {
                        next.extend(items.get(*index).map(|item| (path.child(Segment::Index(*index)), item)));
                    }
                    (Step::Each, Value::Array(items)) => next.extend(
                        items
                            .iter()
                            .enumerate()
                            .map(|(index, item)| (path.child(Segment::Index(index)), item))
                            .take(MAX_MATCHES.saturating_sub(next.len())),
                    ),
                    _ => {}
                }
            }
            found = next;
        }
        found
    }

    fn problem(&self, path: &str, reason: &str) -> Diagnostic {
        let mut help = String::from("change the value to fit the pack's schema.yaml");
        if !self.hints.is_empty() {
            help = format!("{help}: {}", self.hints.join("; "));
        }
        Diagnostic::new("VALUES_SCHEMA", format!("`{path}`: {reason}")).with_help(help)
    }
}

impl SchemaFormat {
    /// Why a value does not fit; `None` if it does.
    fn refuses(&self, value: &Value) -> Option<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            other => return Some(format!("{} does not fit {}", kind_of(other), self.name())),
        };
        let fits = match self {
            Self::String(None) | Self::Password(None) => true,
            Self::String(Some(pattern)) | Self::Password(Some(pattern)) => pattern.is_match(&text),
            Self::Number(rule) => match (rule, text.trim().parse::<f64>()) {
                (_, Err(_)) => false,
                (NumberRule::Any, Ok(_)) => true,
                (NumberRule::Range(low, high), Ok(number)) => (*low..=*high).contains(&number),
                (NumberRule::Pattern(pattern), Ok(_)) => pattern.is_match(&text),
            },
            Self::Boolean => matches!(text.as_str(), "true" | "false"),
            Self::List(allowed) => allowed.contains(&text),
            Self::Ipv4 => text.parse::<std::net::Ipv4Addr>().is_ok(),
            Self::Version => semver::Version::parse(text.strip_prefix('v').unwrap_or(&text)).is_ok(),
        };
        (!fits).then(|| format!("the value does not fit {}", self.name()))
    }

    fn name(&self) -> String {
        match self {
            Self::String(None) => "the format string".to_owned(),
            Self::String(Some(pattern)) => format!("the pattern `{}`", pattern.as_str()),
            Self::Password(_) => "the format password".to_owned(),
            Self::Number(NumberRule::Any) => "the format number".to_owned(),
            Self::Number(NumberRule::Range(low, high)) => format!("the range {low} to {high}"),
            Self::Number(NumberRule::Pattern(pattern)) => format!("the pattern `{}`", pattern.as_str()),
            Self::Boolean => "true or false".to_owned(),
            Self::List(allowed) => format!("the list {}", allowed.join(", ")),
            Self::Ipv4 => "the format ipv4".to_owned(),
            Self::Version => "the format version".to_owned(),
        }
    }
}

fn rule(path: &str, body: &str) -> Result<SchemaRule, String> {
    let steps = steps(path)?;
    let mut rule = SchemaRule {
        path: path.to_owned(),
        required: false,
        readonly: false,
        format: None,
        hints: Vec::new(),
        steps,
    };
    let inner = body.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let inner = inner.ok_or("expected `{{ … }}`")?;
    for part in split(inner, '|') {
        let part = part.trim();
        let (word, argument) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        match word {
            "" => {}
            "required" => rule.required = true,
            "readonly" => rule.readonly = true,
            "format" => rule.format = Some(format_of(&quoted(argument)?)?),
            "hints" => {
                for hint in split(argument, ' ').into_iter().filter(|hint| !hint.trim().is_empty()) {
                    rule.hints.push(quoted(&hint)?);
                }
            }
            other => return Err(format!("`{}` is not known", other.chars().take(40).collect::<String>())),
        }
    }
    Ok(rule)
}

fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for part in split(path, '.') {
        let step = match part.as_str() {
            "" => return Err("the path has an empty step".to_owned()),
            "$[]" => Step::Each,
            part => match part.strip_prefix("$[").and_then(|rest| rest.strip_suffix(']')) {
                Some(index) => {
                    Step::Index(index.parse().map_err(|_| "the path has an index that is no number")?)
                }
                None => match part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                    Some(key) => Step::Key(key.to_owned()),
                    None => Step::Key(part.to_owned()),
                },
            },
        };
        steps.push(step);
    }
    Ok(steps)
}

/// Splits at a character, except inside double quotes.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut current, mut inside, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = c == '\\' && !escaped;
        if c == separator && !inside {
            parts.push(std::mem::take(&mut current));
        } else {
            current.push(c);
        }
    }
    parts.push(current);
    parts
}

fn quoted(text: &str) -> Result<String, String> {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|_| text.len() > 1);
    // Patterns are full of backslashes that mean themselves; only a quote needs one.
    inner
        .map(|inner| inner.replace("\\\"", "\""))
        .ok_or_else(|| "expected a text in double quotes".to_owned())
}

fn format_of(text: &str) -> Result<SchemaFormat, String> {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let (kind, argument) = inner.split_once(':').unwrap_or((inner, ""));
    Ok(match kind.trim() {
        "string" => SchemaFormat::String(pattern(argument)?),
        "password" => SchemaFormat::Password(pattern(argument)?),
        "number" => SchemaFormat::Number(match range(argument) {
            Some((low, high)) => NumberRule::Range(low, high),
            None => pattern(argument)?.map_or(NumberRule::Any, NumberRule::Pattern),
        }),
        "boolean" | "bool" => SchemaFormat::Boolean,
        "ipv4" => SchemaFormat::Ipv4,
        "version" => SchemaFormat::Version,
        "list" => {
            let items = argument.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let items = items.ok_or("a list is written as `${list:[a,b]}`")?;
            SchemaFormat::List(
                items.split(',').map(|item| item.trim().trim_matches(['\'', '"']).to_owned()).collect(),
            )
        }
        other => {
            return Err(format!("the format `{}` is not known", other.chars().take(40).collect::<String>()));
        }
    })
}

fn range(argument: &str) -> Option<(f64, f64)> {
    let inner = argument.trim().strip_prefix('[')?.strip_suffix(']')?;
    // The second sign of `-5--1` belongs to the number.
    let at = inner.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(at, _)| at)?;
    let (low, high) = inner.split_at(at);
    Some((low.trim().parse().ok()?, high.get(1..)?.trim().parse().ok()?))
}

fn pattern(argument: &str) -> Result<Option<Regex>, String> {
    let argument = argument.trim();
    if argument.is_empty() {
        return Ok(None);
    }
    let bare = argument.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or(argument);
    RegexBuilder::new(&format!("^(?:{bare})$"))
        .size_limit(REGEX_BYTES)
        .build()
        .map(Some)
        .map_err(|_| "the pattern is no regular expression of the kind RE2".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = r#"
app.port:
  schema: '{{ required | format "${number:[1-65535]}" | hints "a port | any" "of ours" }}'
app.name:
  schema: '{{ format "${string:/[a-z]+/}" }}'
app.secret:
  schema: '{{ format "${password:.{8,}}" }}'
app.users.$[].role:
  schema: '{{ format "${list:[admin, viewer]}" }}'
app.address:
  schema: '{{ readonly | format "${ipv4}" }}'
"#;

    #[test]
    fn values_are_checked_by_path() {
        let rules = parse_schema(TEXT).unwrap();
        let good = json!({"app": {"port": "80", "name": "web", "secret": "longenough", "users": [{"role": "admin"}],
            "address": "10.0.0.1"}});
        assert_eq!(check_values(&rules, &good), []);
        let bad = json!({"app": {"name": "Web1", "secret": "short", "users": [{"role": "admin"}, {"role": "root"}],
            "address": "x"}});
        let problems: Vec<String> =
            check_values(&rules, &bad).into_iter().map(|(_, problem)| problem.message).collect();
        assert_eq!(
            problems,
            [
                "`app.port`: a value is required",
                "`app.name`: the value does not fit the pattern `^(?:[a-z]+)$`",
                "`app.secret`: the value does not fit the format password",
                "`app.users[1].role`: the value does not fit the list admin, viewer",
                "`app.address`: the value does not fit the format ipv4"
            ]
        );
        assert!(!problems.concat().contains("short"));
        assert_eq!(rules[0].hints, ["a port | any", "of ours"]);
        assert!(check_values(&rules, &json!({"app": {"port": "{{.spectro.var.port}}"}})).is_empty());
        assert_eq!(passwords(&rules, &bad), [SecretText::new("short")]);
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_placed() {
        for body in [
            "required",
            "{{ nothing }}",
            "{{ format string }}",
            "{{ format \"${blob}\" }}",
            "{{ format \"${string:/(/}\" }}",
            "{{ format \"${list:a}\" }}",
        ] {
            let text = format!("a: {{schema: '{{{{ required }}}}'}}\nb.c:\n  schema: '{body}'\n");
            let problems = parse_schema(&text).unwrap_err();
            assert_eq!(
                (problems.len(), problems[0].line, problems[0].code.as_str()),
                (1, Some(2), "SCHEMA_INVALID"),
                "{body}"
            );
        }
    }
}
