//! `presets.yaml`: named choices that rewrite values.

use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    pack::Preset,
    value_path::{Segment, ValuePath},
};
use strata_values::parse::kind_of;

use super::{Findings, PRESETS};
use strata_values::place::Places;

/// Reads `presets.yaml`, noting every mistake.
pub(super) fn read(text: &str, findings: &mut Findings) -> Vec<Preset> {
    let Some(mut root) = findings.keep(strata_values::parse_mapping(text, PRESETS)) else {
        return Vec::new();
    };
    let mut reader = Reader { places: Places::of(text), findings };
    let path = ValuePath::of_keys(["presets"]);
    let items = match root.shift_remove("presets") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(other) => {
            reader.wrong(&path, "a list", &other);
            Vec::new()
        }
    };
    let mut presets: Vec<Preset> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = path.child(Segment::Index(index));
        let Some(preset) = reader.preset(&path, item) else { continue };
        if presets.iter().any(|other| other.group == preset.group && other.name == preset.name) {
            let message = format!("the group `{}` has two presets `{}`", preset.group, preset.name);
            reader.report(&path, "PRESET_DUPLICATE", message, "give each preset of a group its own name");
        } else {
            presets.push(preset);
        }
    }
    presets
}

struct Reader<'a> {
    places: Places,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn report(&mut self, path: &ValuePath, code: &str, message: String, help: &str) {
        let diagnostic = Diagnostic::new(code, message).in_file(PRESETS).with_help(help);
        self.findings.error(self.places.locate(diagnostic, path));
    }

    fn wrong(&mut self, path: &ValuePath, expected: &str, found: &Value) {
        let message = format!("`{path}` must be {expected}, found {}", kind_of(found));
        self.report(path, "PRESET_INVALID", message, "see the presets of the example packs");
    }

    fn text(&mut self, path: &ValuePath, item: &Value, key: &str, required: bool) -> Option<String> {
        match item.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            None | Some(Value::Null) => {
                if required {
                    let message = format!("`{path}` has no `{key}`");
                    self.report(path, "PRESET_INVALID", message, "a preset needs name and group");
                }
                None
            }
            Some(other) => {
                self.wrong(&path.key(key), "a text", other);
                None
            }
        }
    }

    fn preset(&mut self, path: &ValuePath, item: &Value) -> Option<Preset> {
        if !item.is_object() {
            self.wrong(path, "a mapping", item);
            return None;
        }
        let name = self.text(path, item, "name", true);
        let group = self.text(path, item, "group", true);
        let display_name = self.text(path, item, "displayName", false);
        let add = self.text(path, item, "add", false).unwrap_or_default();
        self.check_added(&path.key("add"), &add);
        let remove = self.removed(&path.key("remove"), item.get("remove"));
        let name = name?;
        Some(Preset {
            display_name: display_name.unwrap_or_else(|| name.clone()),
            name,
            group: group?,
            remove,
            add,
        })
    }

    /// What a preset adds is YAML inside YAML: a mistake in it is placed in the outer file where that can be told.
    fn check_added(&mut self, path: &ValuePath, add: &str) {
        let Err(mut inner) = strata_values::parse_mapping(add, PRESETS) else { return };
        let place = self.places.get(path);
        match (place, inner.line, inner.column) {
            (Some(place), Some(line), Some(column)) if place.block => {
                inner.line = Some(place.value.0.saturating_add(line).saturating_sub(1));
                inner.column = Some(place.value.1.saturating_add(column).saturating_sub(1));
            }
            (Some(place), ..) => (inner.line, inner.column) = (Some(place.line), Some(place.column)),
            (None, ..) => {}
        }
        inner.message = format!("`{path}`: {}", inner.message);
        self.findings.error(inner);
    }

    fn removed(&mut self, path: &ValuePath, removed: Option<&Value>) -> Vec<String> {
        let items = match removed {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong(path, "a list of paths", other);
                return Vec::new();
            }
        };
        let mut paths = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = path.child(Segment::Index(index));
            match item {
                Value::String(text) => match text.parse::<ValuePath>() {
                    Ok(_) => paths.push(text.clone()),
                    Err(error) => {
                        let help = "write keys with dots between, keys with dots in them in double quotes";
                        self.report(&path, "PRESET_PATH_INVALID", error.to_string(), help);
                    }
                },
                other => self.wrong(&path, "a path", other),
            }
        }
        paths
    }
}
