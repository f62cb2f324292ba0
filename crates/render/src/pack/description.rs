//! `pack.json`: who the pack is, and what it asks of others.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    pack::{Pack, PackFiles},
    profile::LayerKind,
    value_path::{Segment, ValuePath},
};
use strata_values::parse::kind_of;

use super::{DESCRIPTION, Findings, text_of};
use strata_values::place::Places;

/// Keys that Palette knows and that do not decide what is rendered: kept without a word.
const DESCRIPTIVE: [&str; 6] = ["addonSubType", "addonType", "group", "type", "kind", "description"];
/// The layers by their names in `pack.json`.
const LAYERS: [(&str, LayerKind); 5] = [
    ("os", LayerKind::Os),
    ("k8s", LayerKind::Kubernetes),
    ("cni", LayerKind::Cni),
    ("csi", LayerKind::Csi),
    ("addon", LayerKind::Addon),
];
/// What `pack.json` says.
pub(super) struct Description {
    /// The pack, still without what is in other files.
    pub(super) pack: Pack,
    /// `kubeManifests`, if given.
    pub(super) listed_manifests: Option<Vec<String>>,
    /// `charts`, if given.
    pub(super) listed_charts: Option<Vec<String>>,
}

/// Reads `pack.json`; `None` if the pack cannot be told by it. Every mistake is noted.
pub(super) fn read(files: &PackFiles, findings: &mut Findings) -> Option<Description> {
    if !files.contains_key(DESCRIPTION) {
        let missing = Diagnostic::new("PACK_FILE_MISSING", "the pack has no pack.json").in_file(DESCRIPTION);
        findings.error(missing.with_help("add one with name, displayName, version and layer"));
        return None;
    }
    let text = text_of(files, DESCRIPTION, findings)?;
    let keys = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(keys)) => keys,
        Ok(other) => {
            let message = format!("expected an object in `{{ … }}`, found {}", kind_of(&other));
            let diagnostic = Diagnostic::new("PACK_JSON_SYNTAX", message).in_file(DESCRIPTION).at(1, 1);
            findings.error(diagnostic.with_help("begin the file with `{` and end it with `}`"));
            return None;
        }
        Err(error) => {
            let to_u32 = |number| u32::try_from(number).unwrap_or(u32::MAX);
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or("not JSON").to_owned();
            findings.error(
                Diagnostic::new("PACK_JSON_SYNTAX", message)
                    .in_file(DESCRIPTION)
                    .at(to_u32(error.line()), to_u32(error.column().max(1)))
                    .with_help(
                        "JSON wants keys and texts in double quotes, commas between and none at the end",
                    ),
            );
            return None;
        }
    };
    let before = findings.errors.len();
    let mut reader = Reader { places: Places::of(&text), keys, findings };
    let name = reader.name();
    let version = reader.version();
    let layer = reader.layer();
    let display_name = reader.text("displayName", false).or_else(|| name.clone());
    let cloud_types = reader.texts("cloudTypes").unwrap_or_default();
    let (constraints, resources) = reader.constraints();
    // Blank in many published packs.
    let end_of_life = reader.text("eol", false).filter(|text| !text.trim().is_empty());
    let annotations = reader.annotations();
    let listed_manifests = reader.texts("kubeManifests");
    let listed_charts = reader.texts("charts");
    reader.refuse("ansibleRoles", "ROLES_NOT_SUPPORTED", "Ansible roles, which are not carried out");
    let unknown = reader.rest();
    if findings.errors.len() > before {
        return None;
    }
    let pack = Pack {
        name: name?,
        display_name: display_name?,
        version: version?,
        layer: layer?,
        cloud_types,
        constraints,
        resources,
        end_of_life,
        annotations,
        values: String::new(),
        presets: Vec::new(),
        schema: None,
        manifests: Vec::new(),
        charts: Vec::new(),
        unknown,
    };
    Some(Description { pack, listed_manifests, listed_charts })
}

pub(super) struct Reader<'a> {
    pub(super) places: Places,
    pub(super) keys: Map<String, Value>,
    pub(super) findings: &'a mut Findings,
}

impl Reader<'_> {
    pub(super) fn report(&mut self, path: &ValuePath, code: &str, message: String, help: &str) {
        let diagnostic = Diagnostic::new(code, message).in_file(DESCRIPTION).with_help(help);
        self.findings.error(self.places.locate(diagnostic, path));
    }

    pub(super) fn wrong(&mut self, path: &ValuePath, expected: &str, found: &Value) {
        let message = format!("`{path}` must be {expected}, found {}", kind_of(found));
        self.report(path, "PACK_FIELD_INVALID", message, "correct the value");
    }

    fn text(&mut self, key: &str, required: bool) -> Option<String> {
        let path = ValuePath::of_keys([key]);
        match self.keys.shift_remove(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            Some(Value::String(_)) if required => {
                let message = format!("`{key}` is empty");
                self.report(&path, "PACK_FIELD_MISSING", message, "give it a value");
                None
            }
            Some(Value::String(_)) => None,
            Some(Value::Null) if !required => None,
            Some(other) => {
                self.wrong(&path, "a text", &other);
                None
            }
            None => {
                if required {
                    let message = format!("`{key}` is missing");
                    self.report(&path, "PACK_FIELD_MISSING", message, "a pack needs name, version and layer");
                }
                None
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        let name = self.text("name", true)?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let valid = name.len() <= 100
            && name.chars().all(allowed)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if valid {
            return Some(name);
        }
        let message = "`name` cannot name a pack".to_owned();
        let help =
            "use up to 100 lower-case letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
        self.report(&ValuePath::of_keys(["name"]), "PACK_FIELD_INVALID", message, help);
        None
    }

    fn version(&mut self) -> Option<String> {
        let version = self.text("version", true)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        let valid = version.len() <= 64
            && version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(allowed);
        if valid {
            return Some(version);
        }
        let message = "`version` is not a version".to_owned();
        let help = "write it like `1.2.3`, beginning with a digit and not with `v`";
        self.report(&ValuePath::of_keys(["version"]), "PACK_FIELD_INVALID", message, help);
        None
    }

    fn layer(&mut self) -> Option<LayerKind> {
        let text = self.text("layer", true)?;
        self.layer_named(&ValuePath::of_keys(["layer"]), &text)
    }

    pub(super) fn layer_named(&mut self, path: &ValuePath, text: &str) -> Option<LayerKind> {
        self.one_of(path, text, &LAYERS, "a layer")
    }

    /// What a name stands for; notes when it stands for nothing.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        path: &ValuePath,
        text: &str,
        known: &[(&str, T)],
        what: &str,
    ) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let shown: String = text.chars().take(40).collect();
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let message = format!("`{shown}` is not {what}");
            self.report(path, "PACK_FIELD_INVALID", message, &format!("use one of {}", names.join(", ")));
        }
        found
    }

    fn annotations(&mut self) -> BTreeMap<String, String> {
        let root = ValuePath::of_keys(["annotations"]);
        let mut read = BTreeMap::new();
        match self.keys.shift_remove("annotations") {
            None | Some(Value::Null) => {}
            Some(Value::Object(annotations)) => {
                for (key, value) in annotations {
                    match value {
                        Value::String(text) => drop(read.insert(key, text)),
                        Value::Bool(_) | Value::Number(_) => drop(read.insert(key, value.to_string())),
                        Value::Null => {}
                        other => self.wrong(&root.key(&key), "a text", &other),
                    }
                }
            }
            Some(other) => self.wrong(&root, "an object of texts", &other),
        }
        read
    }

    fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let path = ValuePath::of_keys([key]);
        match self.keys.shift_remove(key)? {
            Value::Null => None,
            Value::Array(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    match item {
                        Value::String(text) => texts.push(text),
                        other => self.wrong(&path.child(Segment::Index(index)), "a text", &other),
                    }
                }
                Some(texts)
            }
            other => {
                self.wrong(&path, "a list of texts", &other);
                None
            }
        }
    }

    fn refuse(&mut self, key: &str, code: &str, what: &str) {
        let Some(value) = self.keys.shift_remove(key) else { return };
        let nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !nothing {
            let message = format!("`{key}` names {what}");
            self.report(&ValuePath::of_keys([key]), code, message, "use templates in manifests/*.yaml");
        }
    }

    /// What is left: kept, and reported where nobody knows it.
    fn rest(&mut self) -> Map<String, Value> {
        let rest = std::mem::take(&mut self.keys);
        for key in rest.keys().filter(|key| !DESCRIPTIVE.contains(&key.as_str()) && *key != "constraints") {
            let path = ValuePath::of_keys([key.as_str()]);
            let diagnostic =
                Diagnostic::new("PACK_UNKNOWN_KEY", format!("`{path}` is not known; it is kept"))
                    .in_file(DESCRIPTION)
                    .with_help("remove it if it is a slip");
            self.findings.warning(self.places.locate(diagnostic, &path));
        }
        rest
    }
}
