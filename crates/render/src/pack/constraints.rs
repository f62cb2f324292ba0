//! `constraints` of `pack.json`: what a pack asks of other packs and of machines.

use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    pack::{ConstraintKind, PackConstraint, PackResource, ResourceComponent, ResourceKind, ScheduleType},
    value_path::{Segment, ValuePath},
};

use super::{DESCRIPTION, description::Reader};

/// The ways to depend on a pack, by their names in `pack.json`.
const KINDS: [(&str, ConstraintKind); 4] = [
    ("required", ConstraintKind::Required),
    ("optional", ConstraintKind::Optional),
    ("notSupported", ConstraintKind::NotSupported),
    ("upgrade", ConstraintKind::Upgrade),
];
/// What machines have, by its names in `pack.json`.
const RESOURCES: [(&str, ResourceKind); 3] =
    [("cpu", ResourceKind::Cpu), ("memory", ResourceKind::Memory), ("diskSize", ResourceKind::DiskSize)];
/// Which machines a part runs on, by their names in `pack.json`.
const SCHEDULES: [(&str, ScheduleType); 3] =
    [("all", ScheduleType::All), ("master", ScheduleType::Master), ("worker", ScheduleType::Worker)];

impl Reader<'_> {
    pub(super) fn constraints(&mut self) -> (Vec<PackConstraint>, Vec<PackResource>) {
        let root = ValuePath::of_keys(["constraints"]);
        let mut constraints = match self.keys.shift_remove("constraints") {
            None | Some(Value::Null) => return (Vec::new(), Vec::new()),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.wrong(&root, "an object", &other);
                return (Vec::new(), Vec::new());
            }
        };
        let dependencies = self.list(&root.key("dependencies"), constraints.shift_remove("dependencies"));
        let dependencies = dependencies.into_iter().filter_map(|(path, item)| self.dependency(&path, item));
        let dependencies = dependencies.collect();
        let place = root.key("resources");
        let resources = self.list(&place, constraints.shift_remove("resources"));
        let resources: Vec<PackResource> =
            resources.into_iter().filter_map(|(path, item)| self.resource(&path, item)).collect();
        if !resources.is_empty() {
            self.not_checked(
                &place,
                "only constraints.dependencies is checked: nobody says what machines have",
            );
        }
        if !constraints.is_empty() {
            for key in constraints.keys() {
                self.not_checked(&root.key(key), "it is no constraint that is known");
            }
            self.keys.insert("constraints".to_owned(), Value::Object(constraints));
        }
        (dependencies, resources)
    }

    fn not_checked(&mut self, path: &ValuePath, help: &str) {
        let message = format!("`{path}` is kept and not checked");
        let diagnostic = Diagnostic::new("PACK_CONSTRAINT_NOT_CHECKED", message).in_file(DESCRIPTION);
        self.findings.warning(self.places.locate(diagnostic.with_help(help), path));
    }

    fn dependency(&mut self, path: &ValuePath, item: Value) -> Option<PackConstraint> {
        let mut fields = self.object(path, item)?;
        let pack_name = self.field(&mut fields, path, "packName");
        let layer = self.field(&mut fields, path, "layer");
        let min_version = self.field(&mut fields, path, "minVersion");
        let max_version = self.field(&mut fields, path, "maxVersion");
        let kind = self.field(&mut fields, path, "type");
        if pack_name.is_none() {
            let message = format!("`{path}` does not say which pack it is about");
            self.report(path, "PACK_FIELD_MISSING", message, "add packName");
        }
        let layer = layer.and_then(|text| self.layer_named(&path.key("layer"), &text));
        let kind = match kind {
            None => Some(ConstraintKind::Required),
            Some(text) => self.one_of(&path.key("type"), &text, &KINDS, "a kind of constraint"),
        };
        Some(PackConstraint { pack_name: pack_name?, layer, min_version, max_version, kind: kind? })
    }

    fn resource(&mut self, path: &ValuePath, item: Value) -> Option<PackResource> {
        let mut fields = self.object(path, item)?;
        let kind = self.field(&mut fields, path, "type");
        let min_limit = self.field(&mut fields, path, "minLimit");
        let components = self.list(&path.key("components"), fields.shift_remove("components"));
        let components: Vec<ResourceComponent> =
            components.into_iter().filter_map(|(path, item)| self.component(&path, item)).collect();
        let Some(kind) = kind else {
            let message = format!("`{path}` does not say what it asks for");
            self.report(path, "PACK_FIELD_MISSING", message, "add type: cpu, memory or diskSize");
            return None;
        };
        let kind = self.one_of(&path.key("type"), &kind, &RESOURCES, "something that machines have")?;
        Some(PackResource { kind, min_limit, components })
    }

    fn component(&mut self, path: &ValuePath, item: Value) -> Option<ResourceComponent> {
        let mut fields = self.object(path, item)?;
        let schedule = self.field(&mut fields, path, "scheduleType");
        let resource_request_param_ref = self.field(&mut fields, path, "resourceRequestParamRef");
        let replica_count_param_ref = self.field(&mut fields, path, "replicaCountParamRef");
        let schedule_type = match schedule {
            None => ScheduleType::All,
            Some(text) => self.one_of(&path.key("scheduleType"), &text, &SCHEDULES, "a kind of machine")?,
        };
        Some(ResourceComponent { schedule_type, resource_request_param_ref, replica_count_param_ref })
    }

    /// The items of a list with their places; none when it is absent or no list.
    fn list(&mut self, path: &ValuePath, value: Option<Value>) -> Vec<(ValuePath, Value)> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| (path.child(Segment::Index(index)), item))
                .collect(),
            Some(other) => {
                self.wrong(path, "a list", &other);
                Vec::new()
            }
        }
    }

    fn object(&mut self, path: &ValuePath, item: Value) -> Option<Map<String, Value>> {
        match item {
            Value::Object(fields) => Some(fields),
            other => {
                self.wrong(path, "an object", &other);
                None
            }
        }
    }

    /// A text of an object, or a number as one; an empty one is none.
    fn field(&mut self, fields: &mut Map<String, Value>, path: &ValuePath, key: &str) -> Option<String> {
        match fields.shift_remove(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
            // `minLimit` is either.
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(other) => {
                self.wrong(&path.key(key), "a text", &other);
                None
            }
        }
    }
}
