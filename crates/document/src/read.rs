//! Reading documents, and finding places in them.

use serde::Deserialize;
use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    digest::Digest,
    profile::{
        AttachedManifest, ConflictPolicy, ImmutablePolicy, LayerKind, OrphanPolicy, PresetChoice, ProfileType,
    },
    value_path::{Segment, ValuePath},
    variable::VariableDefinition,
};
use strata_values::{ParseOptions, place::Places};

use crate::{DOCUMENT_SCHEME, DocumentLayer, DocumentPack, ProfileDocument, palette};

/// A document holds what a profile may hold, and what is said around it.
const OPTIONS: ParseOptions =
    ParseOptions { max_bytes: 16 << 20, max_nodes: 1_000_000, ..ParseOptions::VALUES };

/// Keys of a document.
const KEYS: [&str; 7] = ["scheme", "name", "type", "version", "macros", "layers", "variables"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LayerForm {
    name: String,
    #[serde(default)]
    kind: Option<LayerKind>,
    pack: PackForm,
    #[serde(default)]
    values: Option<Value>,
    #[serde(default)]
    values_file: Option<String>,
    #[serde(default)]
    presets: Vec<PresetChoice>,
    #[serde(default)]
    manifests: Vec<ManifestForm>,
    #[serde(default)]
    install_priority: Option<i32>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    on_conflict: ConflictPolicy,
    #[serde(default)]
    on_immutable: ImmutablePolicy,
    #[serde(default)]
    orphan_policy: OrphanPolicy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManifestForm {
    name: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    file: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PackForm {
    name: String,
    version: String,
    #[serde(default)]
    digest: Option<Digest>,
}

/// Reads one text: a document of ours, content alone (`layers` and `variables`), or a profile that Palette exported. `file`
/// names it in problems.
///
/// # Errors
/// What is wrong, at its place: those of [`strata_values::parse_mapping`], `DOCUMENT_INVALID`, `DOCUMENT_SCHEME`.
pub fn read_text(text: &str, file: &str) -> Result<ProfileDocument, Vec<Diagnostic>> {
    read_with(text, file, |_| None)
}

pub(crate) fn read_with(
    text: &str,
    file: &str,
    values: impl Fn(&str) -> Option<String>,
) -> Result<ProfileDocument, Vec<Diagnostic>> {
    let root =
        strata_values::parse::parse_mapping_with(text, file, &OPTIONS).map_err(|problem| vec![problem])?;
    if palette::is_palette(&root) {
        return palette::read(&root, file);
    }
    let mut reader = Reader { file, places: Places::of(text), problems: Vec::new() };
    let mut document = ProfileDocument::default();
    for (key, value) in &root {
        let path = ValuePath::root().key(key);
        match key.as_str() {
            "scheme" if value.as_u64().is_some_and(|scheme| scheme <= DOCUMENT_SCHEME) => {}
            "scheme" => reader.tell(
                "DOCUMENT_SCHEME",
                format!("the document is of scheme {value}, and this release reads up to {DOCUMENT_SCHEME}"),
                "export it with this release, or import it with a newer one",
                &path,
            ),
            "name" => document.name = reader.take(value, &path),
            "type" => document.profile_type = reader.take::<ProfileType>(value, &path),
            "version" => document.version = reader.take(value, &path),
            "macros" => {}
            "layers" => document.layers = reader.layers(value, &path, &values),
            "variables" => document.variables = reader.variables(value, &path),
            _ => reader.tell(
                "DOCUMENT_INVALID",
                format!("`{key}` says nothing here"),
                &format!("known are {}", KEYS.join(", ")),
                &path,
            ),
        }
    }
    if reader.problems.is_empty() { Ok(document) } else { Err(reader.problems) }
}

struct Reader<'a> {
    file: &'a str,
    places: Places,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn tell(&mut self, code: &str, message: String, help: &str, path: &ValuePath) {
        let problem = Diagnostic::new(code, message).in_file(self.file).with_help(help);
        self.problems.push(self.places.locate(problem, path));
    }

    fn take<T: for<'de> Deserialize<'de>>(&mut self, value: &Value, path: &ValuePath) -> Option<T> {
        match T::deserialize(value) {
            Ok(taken) => Some(taken),
            Err(error) => {
                let help = "look at what `strata profile export` writes";
                self.tell("DOCUMENT_INVALID", format!("`{path}`: {error}"), help, path);
                None
            }
        }
    }

    fn items<'v>(&mut self, value: &'v Value, path: &ValuePath) -> Vec<(ValuePath, &'v Value)> {
        match value {
            Value::Null => Vec::new(),
            Value::Array(items) => {
                items.iter().enumerate().map(|(at, item)| (path.child(Segment::Index(at)), item)).collect()
            }
            _ => {
                self.tell(
                    "DOCUMENT_INVALID",
                    format!("`{path}` is not a list"),
                    "begin each item with `- `",
                    path,
                );
                Vec::new()
            }
        }
    }

    fn layers(
        &mut self,
        value: &Value,
        path: &ValuePath,
        files: &impl Fn(&str) -> Option<String>,
    ) -> Vec<DocumentLayer> {
        let mut layers = Vec::new();
        for (path, item) in self.items(value, path) {
            let Some(form) = self.take::<LayerForm>(item, &path) else { continue };
            let values = match (form.values, form.values_file) {
                (None | Some(Value::Null), None) => Some(String::new()),
                (Some(Value::String(text)), None) => Some(text),
                (Some(values @ Value::Object(_)), None) => Some(strata_values::emit(&values)),
                (None, Some(file)) => {
                    let found = files(&file);
                    if found.is_none() {
                        let message =
                            format!("there is no file `{file}` with the values of layer `{}`", form.name);
                        let help = "give the whole folder, or write the values as a text under `values`";
                        self.tell("DOCUMENT_INVALID", message, help, &path.key("valuesFile"));
                    }
                    found
                }
                (Some(_), _) => {
                    let message =
                        format!("the values of layer `{}` are neither a text nor a mapping", form.name);
                    self.tell(
                        "DOCUMENT_INVALID",
                        message,
                        "write them below `values: |`",
                        &path.key("values"),
                    );
                    None
                }
            };
            let Some(values) = values else { continue };
            let mut manifests = Vec::with_capacity(form.manifests.len());
            for manifest in form.manifests {
                if manifest.text.is_some() && manifest.file.is_some() {
                    let message = format!("the manifest `{}` has both a text and a file", manifest.name);
                    self.tell("DOCUMENT_INVALID", message, "keep one of them", &path.key("manifests"));
                }
                let text = manifest.text.or_else(|| files(manifest.file.as_deref()?));
                let Some(text) = text else {
                    let message = format!("there is no text of the manifest `{}`", manifest.name);
                    let help = "give the whole folder, or write the manifest below `text: |`";
                    self.tell("DOCUMENT_INVALID", message, help, &path.key("manifests"));
                    continue;
                };
                manifests.push(AttachedManifest { name: manifest.name, text });
            }
            layers.push(DocumentLayer {
                name: form.name,
                kind: form.kind,
                pack: DocumentPack {
                    name: form.pack.name,
                    version: form.pack.version,
                    digest: form.pack.digest,
                },
                values,
                presets: form.presets,
                manifests,
                install_priority: form.install_priority,
                namespace: form.namespace,
                on_conflict: form.on_conflict,
                on_immutable: form.on_immutable,
                orphan_policy: form.orphan_policy,
            });
        }
        layers
    }

    fn variables(&mut self, value: &Value, path: &ValuePath) -> Vec<VariableDefinition> {
        let mut variables = Vec::new();
        for (path, item) in self.items(value, path) {
            let mut item = item.clone();
            if let Some(map) = item.as_object_mut() {
                // As the API spells it, and as people write defaults.
                if let Some(Value::String(format)) = map.get_mut("format") {
                    *format = format.to_lowercase();
                }
                for text in ["defaultValue", "name"] {
                    if let Some(value @ (Value::Number(_) | Value::Bool(_))) = map.get_mut(text) {
                        *value = Value::String(value.to_string());
                    }
                }
                let unknown = map.keys().find(|key| !VARIABLE_KEYS.contains(&key.as_str())).cloned();
                if let Some(key) = unknown {
                    let help = format!("known are {}", VARIABLE_KEYS.join(", "));
                    self.tell(
                        "DOCUMENT_INVALID",
                        format!("`{key}` says nothing of a variable"),
                        &help,
                        &path.key(&key),
                    );
                    continue;
                }
            }
            variables.extend(self.take::<VariableDefinition>(&item, &path));
        }
        variables
    }
}

/// Keys of a variable.
const VARIABLE_KEYS: [&str; 12] = [
    "name",
    "displayName",
    "description",
    "format",
    "defaultValue",
    "regex",
    "required",
    "immutable",
    "hidden",
    "sensitive",
    "multiline",
    "options",
];

/// Where in a document a problem stands that was told of its content: `file` is what stands for a file there, ``layer `x`
/// values.yaml`` and the like; line and column are those in that file.
#[must_use]
pub fn place_of(text: &str, file: &str, line: Option<u32>, column: Option<u32>) -> Option<(u32, u32)> {
    let root = strata_values::parse::parse_mapping_with(text, "", &OPTIONS).ok()?;
    let (list, rest) = match file.strip_prefix("layer `") {
        Some(rest) => ("layers", rest),
        None => ("variables", file.strip_prefix("variables `")?),
    };
    let (name, part) = rest.split_once('`')?;
    let items = root.get(list)?.as_array()?;
    let at = items.iter().position(|item| item.get("name").and_then(Value::as_str) == Some(name))?;
    let item = ValuePath::root().key(list).child(Segment::Index(at));
    let places = Places::of(text);
    let values = item.key("values");
    if part.trim() == "values.yaml"
        && let (Some(place), Some(line)) = (places.get(&values), line)
        && place.block
    {
        let (first, indent) = place.value;
        return Some((
            first.saturating_add(line).saturating_sub(1),
            column.unwrap_or(1).saturating_add(indent).saturating_sub(1),
        ));
    }
    let place = places.get(&values).filter(|_| part.trim() == "values.yaml").or_else(|| places.get(&item))?;
    Some((place.line, place.column))
}
