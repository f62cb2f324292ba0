//! Who owns which field: the rules of `managedFields` for updates and for server-side apply.

use serde_json::{Map, Value, json};

use crate::{
    api_error::{ApiError, Cause},
    clock,
    fieldset::FieldSet,
    schema::Schema,
};

/// How a manager came by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
    pub(crate) time: String,
    pub(crate) fields: FieldSet,
}

/// Who writes, and through what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) name: &'a str,
    pub(crate) api_version: &'a str,
    pub(crate) subresource: &'a str,
}

impl Manager {
    fn is(&self, operation: Operation, writer: Writer<'_>) -> bool {
        self.operation == operation
            && self.name == writer.name
            && self.subresource == writer.subresource
            && (operation == Operation::Apply || self.api_version == writer.api_version)
    }

    fn spoken(&self) -> String {
        let mut out = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            out = format!("{out} with subresource {:?}", self.subresource);
        }
        if self.operation == Operation::Update {
            out = format!("{out} using {}", self.api_version);
        }
        out
    }

    fn new(operation: Operation, writer: Writer<'_>, fields: FieldSet) -> Self {
        Self {
            name: writer.name.to_owned(),
            operation,
            api_version: writer.api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: clock::now(),
            fields,
        }
    }
}

/// Reads `metadata.managedFields`.
pub(crate) fn decode(object: &Value) -> Vec<Manager> {
    let Some(list) = object.pointer("/metadata/managedFields").and_then(Value::as_array) else {
        return Vec::new();
    };
    let text =
        |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    list.iter()
        .filter(|entry| entry.get("manager").is_some() || entry.get("fieldsV1").is_some())
        .map(|entry| Manager {
            name: text(entry, "manager"),
            operation: if text(entry, "operation") == "Apply" { Operation::Apply } else { Operation::Update },
            api_version: text(entry, "apiVersion"),
            subresource: text(entry, "subresource"),
            time: text(entry, "time"),
            fields: entry.get("fieldsV1").map(FieldSet::from_value).unwrap_or_default(),
        })
        .collect()
}

/// Writes `metadata.managedFields`.
pub(crate) fn encode(object: &mut Value, mut managers: Vec<Manager>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if managers.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    managers.sort_by(|a, b| {
        (a.operation, &a.time, &a.name, &a.api_version, &a.subresource).cmp(&(
            b.operation,
            &b.time,
            &b.name,
            &b.api_version,
            &b.subresource,
        ))
    });
    let list = managers
        .iter()
        .map(|manager| {
            let mut entry = Map::new();
            entry.insert("manager".into(), json!(manager.name));
            let operation = if manager.operation == Operation::Apply { "Apply" } else { "Update" };
            entry.insert("operation".into(), json!(operation));
            entry.insert("apiVersion".into(), json!(manager.api_version));
            entry.insert("time".into(), json!(manager.time));
            entry.insert("fieldsType".into(), json!("FieldsV1"));
            entry.insert("fieldsV1".into(), manager.fields.to_value());
            if !manager.subresource.is_empty() {
                entry.insert("subresource".into(), json!(manager.subresource));
            }
            Value::Object(entry)
        })
        .collect();
    metadata.insert("managedFields".into(), Value::Array(list));
}

/// Fields nobody owns, because the server sets them or they name the object.
fn strip(set: &mut FieldSet) {
    for path in [&["f:apiVersion"][..], &["f:kind"]] {
        set.remove_tree(path);
    }
    set.remove_member(&["f:metadata"]);
    for name in [
        "f:name",
        "f:namespace",
        "f:creationTimestamp",
        "f:selfLink",
        "f:uid",
        "f:generation",
        "f:managedFields",
        "f:resourceVersion",
    ] {
        set.remove_tree(&["f:metadata", name]);
    }
}

/// Leaves only what an endpoint may write.
fn confine(set: &mut FieldSet, writer: Writer<'_>, has_status: bool) {
    strip(set);
    match writer.subresource {
        "status" => set.retain_only("f:status"),
        "" if has_status => set.remove_tree(&["f:status"]),
        _ => {}
    }
}

/// The managers after an ordinary write (create, replace, patch) turned `old` into `new`.
pub(crate) fn after_update(
    schema: &Schema,
    old: &Value,
    new: &Value,
    mut managers: Vec<Manager>,
    writer: Writer<'_>,
    has_status: bool,
) -> Vec<Manager> {
    let mut change = schema.compare(old, new);
    confine(&mut change.added, writer, has_status);
    confine(&mut change.modified, writer, has_status);
    confine(&mut change.removed, writer, has_status);
    let touched = change.added.union(&change.modified);
    for manager in &mut managers {
        if !manager.is(Operation::Update, writer) {
            manager.fields = manager.fields.difference(&touched).difference(&change.removed);
        }
    }
    if let Some(own) = managers.iter_mut().find(|m| m.is(Operation::Update, writer)) {
        let fields = own.fields.difference(&change.removed).union(&touched);
        if fields != own.fields || !touched.is_empty() {
            own.fields = fields;
            own.time = clock::now();
        }
    } else if !touched.is_empty() {
        managers.push(Manager::new(Operation::Update, writer, touched));
    }
    managers.retain(|manager| !manager.fields.is_empty());
    managers
}

/// Server-side apply of `config` onto `live`: the new object and its managers (both without server-set metadata applied).
///
/// # Errors
/// 409 with one cause per field when `config` changes fields of others and `force` is not set.
pub(crate) fn apply(
    schema: &Schema,
    live: &Value,
    config: &Value,
    mut managers: Vec<Manager>,
    writer: Writer<'_>,
    has_status: bool,
    force: bool,
) -> Result<(Value, Vec<Manager>), ApiError> {
    let merged = schema.merge(Some(live), config);
    let mut set = schema.field_set(config);
    confine(&mut set, writer, has_status);

    let last = managers.iter().position(|m| m.is(Operation::Apply, writer));
    let last_set = last.map(|index| managers[index].fields.clone());
    match last {
        Some(index) => {
            let own = &mut managers[index];
            if own.fields != set || own.api_version != writer.api_version {
                own.time = clock::now();
            }
            own.fields = set;
            own.api_version = writer.api_version.to_owned();
        }
        None => managers.push(Manager::new(Operation::Apply, writer, set)),
    }

    let new = match last_set {
        Some(last_set) if !last_set.is_empty() => prune(schema, merged, &last_set, &managers),
        _ => merged,
    };

    let mut change = schema.compare(live, &new);
    strip(&mut change.added);
    strip(&mut change.modified);
    strip(&mut change.removed);
    let touched = change.added.union(&change.modified);
    let mut causes = Vec::new();
    let mut by_manager = Vec::new();
    for manager in &mut managers {
        if manager.is(Operation::Apply, writer) {
            continue;
        }
        let taken = manager.fields.intersection(&touched);
        if !taken.is_empty() {
            let paths = taken.paths();
            for path in &paths {
                causes.push(Cause {
                    reason: "FieldManagerConflict",
                    message: format!("conflict with {}", manager.spoken()),
                    field: path.clone(),
                });
            }
            by_manager.push((manager.spoken(), paths));
            manager.fields = manager.fields.difference(&taken);
        }
        manager.fields = manager.fields.difference(&change.removed);
    }
    if !force && !causes.is_empty() {
        return Err(ApiError::apply_conflict(conflict_message(&mut by_manager, causes.len()), &causes));
    }
    managers.retain(|manager| !manager.fields.is_empty());
    Ok((new, managers))
}

fn conflict_message(by_manager: &mut [(String, Vec<String>)], count: usize) -> String {
    by_manager.sort();
    if let [(manager, paths)] = &*by_manager
        && let [path] = paths.as_slice()
    {
        return format!("Apply failed with 1 conflict: conflict with {manager}: {path}");
    }
    let mut lines = Vec::new();
    for (manager, paths) in by_manager.iter() {
        lines.push(format!("conflicts with {manager}:"));
        lines.extend(paths.iter().map(|path| format!("- {path}")));
    }
    format!("Apply failed with {count} conflicts: {}", lines.join("\n"))
}

/// Takes away what the manager applied before and does not any more, unless somebody else owns it.
fn prune(schema: &Schema, merged: Value, last: &FieldSet, managers: &[Manager]) -> Value {
    let last = schema.with_named_parents(last);
    let all = schema.with_named_parents(&schema.field_set(&merged));
    let owned = managers.iter().fold(FieldSet::default(), |all, manager| all.union(&manager.fields));
    let owned = schema.with_named_parents(&owned);

    let removed_all = schema.without(&merged, &last);
    let left = schema.with_named_parents(&schema.field_set(&removed_all));
    // Back comes what anybody owns ...
    let with_owned = schema.without(&merged, &all.difference(&left.union(&owned)));
    let left = schema.with_named_parents(&schema.field_set(&with_owned));
    // ... and what was only swept along.
    schema.without(&merged, &all.difference(&left).intersection(&last))
}
