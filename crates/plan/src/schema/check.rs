//! The walk over an object and its schema.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use strata_model::value_path::{Segment, ValuePath};
use strata_values::parse::kind_of;

use super::{
    MAX_VIOLATIONS, Violation,
    document::{ApiDocument, Definition},
    node::{Limits, ListKind, Node, Scalars, Shape},
};

/// How many references may follow one another before something stands there.
const MAX_REFERENCES: usize = 16;
/// What each object has, whatever its schema says.
const OF_EVERY_OBJECT: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// One object held against its schema.
pub(super) struct Check<'a> {
    /// Where references lead.
    document: Option<&'a ApiDocument>,
    root: &'a Node,
    metadata: Option<&'a Node>,
    /// Whether the API server enforces all that the schema says.
    exact: bool,
    pub(super) found: Vec<Violation>,
}

impl<'a> Check<'a> {
    pub(super) fn of_definition(definition: &'a Definition, metadata: Option<&'a ApiDocument>) -> Self {
        Self {
            document: metadata,
            root: &definition.root,
            metadata: metadata.and_then(ApiDocument::metadata),
            exact: true,
            found: Vec::new(),
        }
    }

    pub(super) fn of_document(document: &'a ApiDocument, api_version: &str, kind: &str) -> Option<Self> {
        let root = document.kind(api_version, kind)?;
        let metadata = document.metadata();
        // Kinds of definitions are published under the group that they are served by; built-in ones are not.
        let exact = api_version.contains('.') && !api_version.split('/').next()?.ends_with(".k8s.io");
        Some(Self { document: Some(document), root, metadata, exact, found: Vec::new() })
    }

    pub(super) fn object(&mut self, object: &Value) {
        let Some(map) = object.as_object() else { return };
        match &self.root.shape {
            Shape::Struct { fields, required, open, .. } => {
                for (key, value) in map {
                    let path = ValuePath::root().key(key);
                    match (key.as_str(), fields.get(key.as_str())) {
                        ("apiVersion" | "kind", _) => {}
                        ("metadata", _) => {
                            if let Some(metadata) = self.metadata {
                                self.value(metadata, value, &path);
                            }
                        }
                        // What is in it is the API server's.
                        ("status", Some(_)) => {}
                        (_, Some(node)) => self.value(node, value, &path),
                        (_, None) if *open => {}
                        (_, None) => self.undeclared(&path, key, fields.keys()),
                    }
                }
                self.required(&ValuePath::root(), map, required, |name| fields.get(name));
            }
            _ => self.value(self.root, object, &ValuePath::root()),
        }
    }

    /// What a node is once its references are followed.
    fn followed(&self, mut node: &'a Node) -> Option<&'a Node> {
        for _ in 0..MAX_REFERENCES {
            match &node.shape {
                Shape::Like(name) => node = self.document?.component(name)?,
                _ => return Some(node),
            }
        }
        None
    }

    fn value(&mut self, written: &'a Node, value: &Value, path: &ValuePath) {
        // Nothing said is nothing wrong: an API server takes it as left out.
        if value.is_null() || self.found.len() >= MAX_VIOLATIONS {
            return;
        }
        let Some(node) = self.followed(written) else { return };
        match (&node.shape, value) {
            (Shape::Any | Shape::Like(_), _) => {}
            (Shape::Struct { fields, required, open, embedded }, Value::Object(map)) => {
                for (key, value) in map {
                    let path = path.key(key);
                    match fields.get(key.as_str()) {
                        Some(node) => self.value(node, value, &path),
                        None if *open || (*embedded && OF_EVERY_OBJECT.contains(&key.as_str())) => {}
                        None => self.undeclared(&path, key, fields.keys()),
                    }
                }
                self.required(path, map, required, |name| fields.get(name));
            }
            (Shape::Map(node), Value::Object(map)) => {
                for (key, value) in map {
                    self.value(node, value, &path.key(key));
                }
            }
            (Shape::List(item, kind), Value::Array(items)) => self.list(item, kind, items, path),
            (Shape::Scalar(scalars), value) => self.scalar(*scalars, value, path),
            (Shape::Struct { .. } | Shape::Map(_), other) => self.other_type("a mapping", other, path),
            (Shape::List(..), other) => self.other_type("a list", other, path),
        }
        if let Some(limits) = &node.limits {
            self.limits(limits, value, path);
        }
    }

    fn list(&mut self, item: &'a Node, kind: &ListKind, items: &[Value], path: &ValuePath) {
        let mut seen = BTreeSet::new();
        for (index, value) in items.iter().enumerate() {
            let at = path.child(Segment::Index(index));
            self.value(item, value, &at);
            let key = match kind {
                ListKind::Atomic => continue,
                ListKind::Set => value.to_string(),
                ListKind::Keyed(names) => match self.key(item, names, value) {
                    Ok(key) => key,
                    Err(name) => {
                        let help = format!("give it a `{name}`: items of this list are told apart by it");
                        self.tell(&at, format!("`{at}` has no `{name}`"), Some(help), true);
                        continue;
                    }
                },
            };
            if !seen.insert(key) {
                let message = match kind {
                    ListKind::Keyed(names) => {
                        format!("`{at}` has the same {} as an item before it", names.join(" and "))
                    }
                    _ => format!("`{at}` is in the list already"),
                };
                self.tell(&at, message, Some("let one of them go".to_owned()), true);
            }
        }
    }

    /// What tells an item from others, or the name of a field that would and is not there.
    fn key<'n>(&self, item: &'a Node, names: &'n [Box<str>], value: &Value) -> Result<String, &'n str> {
        let Some(map) = value.as_object() else { return Ok(value.to_string()) };
        let fields = match self.followed(item).map(|node| &node.shape) {
            Some(Shape::Struct { fields, .. }) => Some(fields),
            _ => None,
        };
        let mut parts = Vec::with_capacity(names.len());
        for name in names {
            match map.get(&**name).filter(|value| !value.is_null()) {
                Some(value) => parts.push(value.to_string()),
                None => {
                    let default = fields.and_then(|fields| fields.get(name)?.default.as_ref());
                    parts.push(default.ok_or(&**name)?.to_string());
                }
            }
        }
        Ok(parts.join("\n"))
    }

    fn scalar(&mut self, scalars: Scalars, value: &Value, path: &ValuePath) {
        let fits = match value {
            Value::String(_) => scalars.text,
            Value::Bool(_) => scalars.boolean,
            Value::Number(number) => {
                let whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
                scalars.number || (scalars.integer && whole)
            }
            _ => false,
        };
        if !fits {
            let mut wanted = Vec::new();
            for (may, name) in [
                (scalars.text, "a text"),
                (scalars.boolean, "a boolean"),
                (scalars.integer && !scalars.number, "an integer"),
                (scalars.number, "a number"),
            ] {
                if may {
                    wanted.push(name);
                }
            }
            return self.other_type(&wanted.join(" or "), value, path);
        }
        if scalars.short && value.as_f64().is_some_and(|number| number.abs() > f64::from(i32::MAX)) {
            self.tell(path, format!("`{path}` is more than an integer of 32 bits holds"), None, true);
        }
        if scalars.base64 && value.as_str().is_some_and(|text| !is_base64(text)) {
            let help = "encode it, e.g. with `b64enc`, or use `stringData`".to_owned();
            self.tell(path, format!("`{path}` is not base64"), Some(help), true);
        }
    }

    fn other_type(&mut self, wanted: &str, value: &Value, path: &ValuePath) {
        let help = match value {
            Value::Bool(_) | Value::Number(_) if wanted.starts_with("a text") => {
                Some("put it in quotes".to_owned())
            }
            Value::String(_) if wanted.starts_with("a list") || wanted.starts_with("a mapping") => None,
            Value::String(_) => Some("take the quotes away".to_owned()),
            _ => None,
        };
        self.tell(path, format!("`{path}` must be {wanted}, and is {}", kind_of(value)), help, true);
    }

    fn undeclared<'n>(&mut self, path: &ValuePath, key: &str, fields: impl Iterator<Item = &'n Box<str>>) {
        let help = match nearest(key, fields) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "take it out, or put it where it belongs".to_owned(),
        };
        self.tell(path, format!("`{path}` is not a field that there is"), Some(help), true);
    }

    fn required(
        &mut self,
        path: &ValuePath,
        map: &Map<String, Value>,
        required: &[Box<str>],
        field: impl Fn(&str) -> Option<&'a Node>,
    ) {
        // The default of a built-in type is only what it is when nobody said anything, an empty text as a rule.
        let exact = self.exact;
        let has_default = |node: &Node| exact && node.default.is_some();
        for name in required {
            let there = map.get(&**name).is_some_and(|value| !value.is_null());
            let filled_in = field(name)
                .is_some_and(|node| has_default(node) || self.followed(node).is_some_and(has_default));
            if !there && !filled_in {
                let path = path.key(&**name);
                self.tell(&path, format!("`{path}` is required, and is missing"), None, exact);
            }
        }
    }

    fn limits(&mut self, limits: &Limits, value: &Value, path: &ValuePath) {
        let exact = self.exact;
        if !limits.words.is_empty() && !limits.words.contains(value) {
            let words: Vec<String> = limits.words.iter().map(|word| format!("`{}`", shown(word))).collect();
            // An empty text is what built-in types take for one that is left out.
            if exact || value.as_str() != Some("") {
                let message = format!("`{path}` must be one of {}", words.join(", "));
                self.tell(path, message, None, exact);
            }
        }
        let wrong = match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                let compared = [
                    (limits.smallest, "at least", limits.smallest.is_some_and(|limit| number < limit)),
                    (limits.above, "more than", limits.above.is_some_and(|limit| number <= limit)),
                    (limits.largest, "at most", limits.largest.is_some_and(|limit| number > limit)),
                    (limits.below, "less than", limits.below.is_some_and(|limit| number >= limit)),
                ];
                compared
                    .into_iter()
                    .find(|(.., wrong)| *wrong)
                    .map(|(limit, words, _)| format!("must be {words} {}", limit.unwrap_or_default()))
            }
            Value::String(text) => length(limits, text.chars().count(), "characters").or_else(|| {
                let pattern = limits.pattern.as_deref()?;
                // Go's syntax is all but that of this library; what it does not know is left to the API server.
                let fits = regex::Regex::new(pattern).ok()?.is_match(text);
                (!fits).then(|| format!("must match `{pattern}`"))
            }),
            Value::Array(items) => length(limits, items.len(), "items"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.tell(path, format!("`{path}` {wrong}"), None, exact);
        }
    }

    fn tell(&mut self, path: &ValuePath, message: String, help: Option<String>, certain: bool) {
        if self.found.len() < MAX_VIOLATIONS {
            self.found.push(Violation { path: path.clone(), message, help, certain });
        }
    }
}

fn length(limits: &Limits, length: usize, unit: &str) -> Option<String> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if let Some(shortest) = limits.shortest.filter(|shortest| length < *shortest) {
        return Some(format!("must have at least {shortest} {unit}"));
    }
    let longest = limits.longest.filter(|longest| length > *longest)?;
    Some(format!("must have at most {longest} {unit}"))
}

fn shown(word: &Value) -> String {
    word.as_str().map_or_else(|| word.to_string(), str::to_owned)
}

/// The field that somebody may have meant.
fn nearest<'n>(key: &str, fields: impl Iterator<Item = &'n Box<str>>) -> Option<&'n str> {
    let lower = key.to_lowercase();
    fields
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), &**name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Whether Go's decoder takes it: line breaks are passed over.
fn is_base64(text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    STANDARD.decode(text).is_ok()
}
