//! References in values: `{{.spectro.var.x}}`, `{{.strata.cluster.name}}` and their like, resolved after merging.
//!
//! *Idea.* References act as text would: what stands in quotes (or in a block text) stays a text; a scalar without quotes
//! is read again as YAML once its references are replaced. Since YAML takes an unquoted `{{` at the beginning of a
//! scalar for a mapping, a value that is one reference alone must be quoted; written
//! `"{{ .spectro.var.replicas | fromYaml }}"` it is read again as YAML and gives a number, a boolean, a list.
//!
//! Only actions that hold a reference are touched; any other `{{ … }}` is somebody else's template and stays as it is.
//! Beside a reference an action may hold what templates offer: `{{ .spectro.var.size | default "small" | upper }}`.
//!
//! *Guarantees.* A reference that means nothing is refused by name, layer and place. Texts that come out of sensitive
//! variables and macros are remembered as secrets, also when a function has changed them.
//!
//! *Caveats.* References do not nest, and what comes in through a YAML alias counts as quoted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    macros::MacroName,
    pack::Pack,
    profile::{Layer, RevisionReference},
    render::Origin,
    secret::SecretText,
    value_path::{Segment, ValuePath},
};
use strata_values::{keyed, place::Places};

use crate::{
    base::{layer_base, mentions_macros},
    template::{self, Context, Engine},
    template_error,
};

/// What one reference means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meaning {
    /// The value; null for nothing.
    pub(crate) value: Value,
    /// Whether it must not be shown.
    pub(crate) secret: bool,
    /// For a variable or a macro: what to say of where the value comes from.
    pub(crate) origin: Option<Origin>,
}

/// Why a reference means nothing.
#[derive(Debug, Clone)]
pub(crate) struct Unknown {
    /// Stable code.
    pub(crate) code: &'static str,
    /// What is wrong, naming the reference.
    pub(crate) message: String,
    /// The way out.
    pub(crate) help: String,
}

/// Gives references their meaning.
pub(crate) trait Lookup {
    /// The meaning of a reference, e.g. `["spectro", "var", "x"]`. `optional` says that a `default` stands ready.
    fn meaning(&self, path: &[&str], optional: bool) -> Result<Meaning, Unknown>;
}

/// Values with all references resolved.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// The value.
    pub(crate) value: Value,
    /// Path (items of keyed lists by key) → the variable or macro that it was resolved from.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// Secrets that are in the value now.
    pub(crate) secrets: Vec<SecretText>,
}

/// A problem of a value, and the value's path: by position, and with items of keyed lists by their key.
#[derive(Debug)]
pub(crate) struct Misplaced {
    pub(crate) problem: Diagnostic,
    pub(crate) path: ValuePath,
    pub(crate) shown: ValuePath,
}

/// Resolves all references in a value that `text` reads as.
pub(crate) fn resolve(
    value: &Value,
    text: &str,
    lookup: &dyn Lookup,
    context: &Context,
) -> Result<Resolved, Vec<Misplaced>> {
    // Most values have none, and then nothing needs to know where they stand.
    if !text.contains("{{") {
        return Ok(Resolved { value: value.clone(), ..Resolved::default() });
    }
    let mut resolver = Resolver {
        places: Places::of(text),
        lookup,
        context,
        resolved: Resolved::default(),
        problems: Vec::new(),
    };
    let value = resolver.value(value, &ValuePath::root(), &ValuePath::root());
    if !resolver.problems.is_empty() {
        return Err(resolver.problems);
    }
    resolver.resolved.value = value;
    Ok(resolver.resolved)
}

struct Resolver<'a> {
    places: Places,
    lookup: &'a dyn Lookup,
    context: &'a Context,
    resolved: Resolved,
    problems: Vec<Misplaced>,
}

impl Resolver<'_> {
    /// `path` is by position, for places; `shown` names items of keyed lists by their key.
    fn value(&mut self, value: &Value, path: &ValuePath, shown: &ValuePath) -> Value {
        match value {
            Value::String(text) => self.scalar(text, path, shown),
            Value::Array(items) => {
                let field = keyed::key_field(&[items]);
                let resolve = |(index, item): (usize, &Value)| {
                    let step = Segment::Index(index);
                    let key = field.and_then(|field| keyed::key_of(item, field));
                    let shown = shown.child(key.map_or_else(|| step.clone(), |key| key.segment()));
                    self.value(item, &path.child(step), &shown)
                };
                Value::Array(items.iter().enumerate().map(resolve).collect())
            }
            Value::Object(map) => {
                let mut resolved = Map::with_capacity(map.len());
                for (key, value) in map {
                    let (path, shown) = (path.key(key), shown.key(key));
                    let value = self.value(value, &path, &shown);
                    let key = match self.text(key, &path, &shown) {
                        Some(text) => text.text,
                        None => key.clone(),
                    };
                    resolved.insert(key, value);
                }
                Value::Object(resolved)
            }
            other => other.clone(),
        }
    }

    fn scalar(&mut self, text: &str, path: &ValuePath, shown: &ValuePath) -> Value {
        let Some(replaced) = self.text(text, path, shown) else { return Value::String(text.to_owned()) };
        let plain = replaced.typed || self.places.get(path).is_some_and(|place| place.plain);
        if !plain {
            return Value::String(replaced.text);
        }
        match strata_values::parse(&replaced.text, "") {
            Ok(value) => {
                // A secret that is read as a number must be known in the form that it is written in, too.
                if replaced.secret && !value.is_string() && !value.is_null() {
                    self.resolved.secrets.push(SecretText::new(value.to_string()));
                }
                value
            }
            Err(mut problem) => {
                problem.message =
                    format!("`{shown}` is not YAML once its references are replaced: {}", problem.message);
                problem.help = Some("put the value in quotes, so that it stays a text".to_owned());
                (problem.line, problem.column) = (None, None);
                self.tell(problem, path, shown);
                Value::Null
            }
        }
    }

    /// A text with its references replaced; `None` if it has none.
    fn text(&mut self, text: &str, path: &ValuePath, shown: &ValuePath) -> Option<Replaced> {
        let actions = actions(text);
        if actions.is_empty() {
            return None;
        }
        let mut replaced = Replaced::default();
        let mut end = 0;
        for action in &actions {
            replaced.text.push_str(text.get(end..action.start).unwrap_or_default());
            end = action.end;
            let alone = text.trim().len() == action.end - action.start;
            let typed = if alone { action.inner.strip_suffix("fromYaml") } else { None };
            let typed = typed.and_then(|rest| rest.trim_end().strip_suffix('|'));
            replaced.typed |= typed.is_some();
            match self.evaluate(typed.unwrap_or(action.inner).trim(), shown, &mut replaced) {
                Ok(result) => replaced.text.push_str(&result),
                Err(problem) => self.tell(problem, path, shown),
            }
        }
        replaced.text.push_str(text.get(end..).unwrap_or_default());
        let mut origins = std::mem::take(&mut replaced.origins);
        origins.dedup();
        if let Some(last) = origins.pop() {
            let origin = if origins.is_empty() {
                last
            } else {
                origins.push(last);
                Origin::Several { of: origins }
            };
            self.resolved.origins.insert(shown.to_string(), origin);
        }
        Some(replaced)
    }

    fn evaluate(
        &mut self,
        inner: &str,
        shown: &ValuePath,
        replaced: &mut Replaced,
    ) -> Result<String, Diagnostic> {
        let references = references(inner);
        let optional = has_fallback(inner, &references);
        let mut root = Vec::with_capacity(references.len());
        let mut secret = false;
        let mut rewritten = String::new();
        let mut end = 0;
        let mut only = None;
        for (index, reference) in references.iter().enumerate() {
            let path: Vec<&str> = reference.path.trim_start_matches('.').split('.').collect();
            let meaning = self.lookup.meaning(&path, optional).map_err(|unknown| {
                Diagnostic::new(unknown.code, format!("`{shown}`: {}", unknown.message))
                    .with_help(unknown.help)
            })?;
            if is_reference_text(&meaning.value) {
                let message =
                    format!("`{shown}`: what `{}` stands for holds a reference itself", reference.path);
                return Err(Diagnostic::new("NESTED_REFERENCE", message)
                    .with_help("references do not nest: refer to the variable directly"));
            }
            if let Some(origin) = meaning.origin {
                replaced.origins.push(origin);
            }
            if meaning.secret {
                secret = true;
                self.remember(&text_of(&meaning.value));
            }
            if reference.start == 0 && reference.end == inner.len() {
                only = Some(text_of(&meaning.value));
            }
            root.push((
                format!("r{index}"),
                template::Value::from_json(&meaning.value, template::Numbers::Whole),
            ));
            rewritten.push_str(inner.get(end..reference.start).unwrap_or_default());
            rewritten.push_str(&format!(".r{index}"));
            end = reference.end;
        }
        rewritten.push_str(inner.get(end..).unwrap_or_default());
        let result = match only {
            Some(text) => text,
            None => self.execute(&rewritten, root).map_err(|problem| {
                // The rewritten text is nobody's; its columns mean nothing to the reader.
                let message = format!("`{shown}`: {}", problem.message);
                Diagnostic { message, file: None, line: None, column: None, ..problem }
            })?,
        };
        if secret {
            replaced.secret = true;
            self.remember(&result);
        }
        Ok(result)
    }

    fn execute(&self, action: &str, root: Vec<(String, template::Value)>) -> Result<String, Diagnostic> {
        let failed = |error| template_error::diagnose(&error, "REFERENCE_INVALID", |file| file.to_owned());
        let mut engine = Engine::new();
        engine.parse("reference", &format!("{{{{ {action} }}}}")).map_err(failed)?;
        let root = template::Value::map(root.iter().map(|(name, value)| (name.as_str(), value.clone())));
        engine.execute("reference", &root, self.context).map_err(failed)
    }

    fn tell(&mut self, problem: Diagnostic, path: &ValuePath, shown: &ValuePath) {
        self.problems.push(Misplaced { problem, path: path.clone(), shown: shown.clone() });
    }

    fn remember(&mut self, text: &str) {
        if !text.is_empty() {
            self.resolved.secrets.push(SecretText::new(text));
        }
    }
}

/// A text whose references are replaced.
#[derive(Default)]
struct Replaced {
    text: String,
    /// What its references refer to.
    origins: Vec<Origin>,
    /// Whether it asks to be read again as YAML.
    typed: bool,
    secret: bool,
}

/// One `{{ … }}` that holds a reference.
struct Action<'t> {
    start: usize,
    end: usize,
    /// What is between the braces and trim markers.
    inner: &'t str,
}

fn actions(text: &str) -> Vec<Action<'_>> {
    let mut actions = Vec::new();
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
        let inside = text.get(open + 2..).unwrap_or_default();
        let comment = inside.starts_with("/*") || inside.starts_with("- /*");
        let close = if comment {
            inside.find("*/").and_then(|end| inside.get(end..)?.find("}}").map(|at| open + 2 + end + at))
        } else {
            closing(text, open + 2)
        };
        // Braces that are never closed are text, and what stands behind them is looked at all the same.
        let Some(close) = close else {
            from = open + 2;
            continue;
        };
        from = close + 2;
        if comment {
            continue;
        }
        let mut inner = text.get(open + 2..close).unwrap_or_default();
        inner = inner.strip_prefix("- ").unwrap_or(inner);
        inner = inner.strip_suffix(" -").unwrap_or(inner).trim();
        if !references(inner).is_empty() {
            actions.push(Action { start: open, end: from, inner });
        }
    }
    actions
}

/// Where the `}}` of an action is, quoted ones aside. Actions do not nest: one inside which another opens is none.
fn closing(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes.get(at)? {
            quote @ (b'"' | b'`' | b'\'') => at = after_quoted(bytes, at, *quote),
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            b'{' if bytes.get(at + 1) == Some(&b'{') => return None,
            _ => at += 1,
        }
    }
    None
}

fn after_quoted(bytes: &[u8], open: usize, quote: u8) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quote != b'`' => at += 2,
            byte if *byte == quote => return at + 1,
            // Only raw texts go over lines: this quote was none.
            b'\n' if quote != b'`' => return open + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// One reference inside an action.
struct Reference<'t> {
    start: usize,
    end: usize,
    path: &'t str,
}

fn references(inner: &str) -> Vec<Reference<'_>> {
    let bytes = inner.as_bytes();
    let mut references = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'`' | b'\'' => at = after_quoted(bytes, at, *byte),
            b'.' => {
                let rest = inner.get(at..).unwrap_or_default();
                let begins = rest.starts_with(".spectro.") || rest.starts_with(".strata.");
                let joined = at
                    .checked_sub(1)
                    .and_then(|before| bytes.get(before))
                    .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b')' | b']'));
                if begins && !joined {
                    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
                    let length = rest.bytes().take_while(part).count();
                    let path = rest.get(..length).unwrap_or_default().trim_end_matches(['.', '-']);
                    references.push(Reference { start: at, end: at + path.len(), path });
                    at += path.len();
                } else {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    references
}

/// Whether an action says what to take where a reference gives nothing.
fn has_fallback(inner: &str, references: &[Reference<'_>]) -> bool {
    let mut end = 0;
    let mut words = String::new();
    for reference in references {
        words.push_str(inner.get(end..reference.start).unwrap_or_default());
        words.push(' ');
        end = reference.end;
    }
    words.push_str(inner.get(end..).unwrap_or_default());
    words.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| matches!(word, "default" | "coalesce"))
}

/// A text that is no template, its references resolved; `file` names it. Secrets that are in it now come along.
pub(crate) fn resolve_text(
    text: &str,
    file: &str,
    lookup: &dyn Lookup,
    context: &Context,
) -> Result<(String, Vec<SecretText>), Vec<Diagnostic>> {
    let mut resolver = Resolver {
        places: Places::default(),
        lookup,
        context,
        resolved: Resolved::default(),
        problems: Vec::new(),
    };
    let (mut out, mut end, mut problems) = (String::with_capacity(text.len()), 0, Vec::new());
    for action in actions(text) {
        out.push_str(text.get(end..action.start).unwrap_or_default());
        end = action.end;
        match resolver.evaluate(action.inner, &ValuePath::root(), &mut Replaced::default()) {
            Ok(result) => out.push_str(&result),
            Err(problem) => {
                let before = text.get(..action.start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
                let message = problem.message.strip_prefix("``: ").unwrap_or(&problem.message).to_owned();
                let problem = Diagnostic { message, ..problem };
                problems.push(problem.in_file(file).at(number(line), number(column)));
            }
        }
    }
    out.push_str(text.get(end..).unwrap_or_default());
    if problems.is_empty() { Ok((out, resolver.resolved.secrets)) } else { Err(problems) }
}

/// The macros that a layer refers to, in its values (overrides aside) and its own manifests.
///
/// # Errors
/// As [`crate::layer_base`].
pub fn layer_macros(
    layer: &Layer,
    pack: &Pack,
    revision: &RevisionReference,
) -> Result<BTreeSet<MacroName>, Vec<Diagnostic>> {
    let mut named = manifest_macros(layer);
    if mentions_macros(layer, pack) {
        named.extend(macros_named(&layer_base(layer, pack, revision)?.value));
    }
    Ok(named)
}

/// The macros that a layer's own manifests refer to.
#[must_use]
pub fn manifest_macros(layer: &Layer) -> BTreeSet<MacroName> {
    let mut named = BTreeSet::new();
    layer.manifests.iter().for_each(|manifest| macros_of(&manifest.text, &mut named));
    named
}

/// The macros that a value refers to.
#[must_use]
pub fn macros_named(value: &Value) -> BTreeSet<MacroName> {
    let mut named = BTreeSet::new();
    collect_macros(value, &mut named);
    named
}

fn collect_macros(value: &Value, named: &mut BTreeSet<MacroName>) {
    match value {
        Value::String(text) => macros_of(text, named),
        Value::Array(items) => items.iter().for_each(|item| collect_macros(item, named)),
        Value::Object(map) => {
            for (key, value) in map {
                macros_of(key, named);
                collect_macros(value, named);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn macros_of(text: &str, named: &mut BTreeSet<MacroName>) {
    if !text.contains(".macro.") {
        return;
    }
    for action in actions(text) {
        for reference in references(action.inner) {
            let path: Vec<&str> = reference.path.trim_start_matches('.').split('.').collect();
            if let [_, "macro", name] = path[..] {
                // What no macro can be called is told by the render, at its place.
                named.extend(name.parse::<MacroName>());
            }
        }
    }
}

/// Whether a text holds a reference.
#[must_use]
pub fn has_reference(text: &str) -> bool {
    text.contains("{{") && !actions(text).is_empty()
}

fn is_reference_text(value: &Value) -> bool {
    match value {
        Value::String(text) => has_reference(text),
        Value::Array(items) => items.iter().any(is_reference_text),
        Value::Object(map) => map.values().any(is_reference_text),
        _ => false,
    }
}

/// A value as text would be.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
