//! Changing a YAML text in place, comments and layout kept.
//!
//! *Idea.* The lossless tree of `yaml-edit` makes the change; the result is read again and must be exactly the value
//! that the same change gives on the parsed value. If it is not, or the tree cannot do it, the value is written as
//! plain YAML and [`Edited::comments_kept`] says that comments were dropped.
//!
//! *Guarantees.* The value of the new text is always right.
//!
//! *Caveats.* Comments inside what is removed or replaced go with it.

use std::{panic, str::FromStr};

use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    overrides::{Patch, PatchOperation},
    value_path::{Segment, ValuePath, matches_fields},
};
use yaml_edit::{Mapping, Sequence, YamlFile, YamlNode};

use crate::{
    emit::emit,
    parse::parse,
    patch::{PatchConflict, apply, apply_operation, derive},
};

/// Largest text that is edited in place, in bytes; the tree costs many times its size.
const MAX_LOSSLESS_BYTES: usize = 1024 * 1024;
/// Most operations on one tree; each may rebuild a part of it.
const MAX_LOSSLESS_OPERATIONS: usize = 500;

/// A changed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// False when the text was written anew from its value.
    pub comments_kept: bool,
}

/// Why a text was not changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The text is no YAML.
    #[error(transparent)]
    Text(#[from] Diagnostic),
    /// The change does not fit its value.
    #[error(transparent)]
    Patch(#[from] PatchConflict),
}

/// Puts a value at a path of a text.
///
/// # Errors
/// [`EditError`] if the text cannot be read or the path does not fit it.
pub fn set(text: &str, path: &ValuePath, value: &Value) -> Result<Edited, EditError> {
    let operation = PatchOperation::Set { path: path.clone(), value: value.clone() };
    apply_patch(text, &Patch(vec![operation]))
}

/// Changes a text until it reads as `value`.
///
/// # Errors
/// [`EditError::Text`] if the text cannot be read.
pub fn rewrite(text: &str, value: &Value) -> Result<Edited, EditError> {
    apply_patch(text, &derive(&read(text)?, value).patch)
}

/// Applies a patch to a text. An empty text is the empty mapping.
///
/// # Errors
/// [`EditError`] if the text cannot be read or the patch does not fit it.
pub fn apply_patch(text: &str, patch: &Patch) -> Result<Edited, EditError> {
    let current = read(text)?;
    let wanted = apply(patch, &current)?;
    if wanted == current {
        return Ok(Edited { text: text.to_owned(), comments_kept: true });
    }
    let lossless =
        in_place(text, patch, &current).filter(|edited| read(edited).is_ok_and(|value| value == wanted));
    Ok(match lossless {
        Some(text) => Edited { text, comments_kept: true },
        None => Edited { text: emit(&wanted), comments_kept: !text.contains('#') },
    })
}

fn read(text: &str) -> Result<Value, Diagnostic> {
    let value = parse(text, "text")?;
    Ok(if value.is_null() { Value::Object(serde_json::Map::new()) } else { value })
}

fn in_place(text: &str, patch: &Patch, current: &Value) -> Option<String> {
    if text.len() > MAX_LOSSLESS_BYTES || patch.0.len() > MAX_LOSSLESS_OPERATIONS {
        return None;
    }
    // The library asserts its own invariants; a text that breaks one must cost its comments and not the process.
    panic::catch_unwind(panic::AssertUnwindSafe(|| edit_tree(text, patch, current))).ok().flatten()
}

fn edit_tree(text: &str, patch: &Patch, current: &Value) -> Option<String> {
    let file = YamlFile::from_str(text).ok()?;
    let mut value = current.clone();
    for operation in &patch.0 {
        let mut after = value.clone();
        apply_operation(operation, &mut after).ok()?;
        if after != value {
            let before = comments(&file);
            edit_operation(&file, operation, &value, &after)?;
            // A moved item leaves the comments around it behind.
            if matches!(operation, PatchOperation::Move { .. }) && comments(&file) < before {
                return None;
            }
        }
        value = after;
    }
    let mut text = file.to_string();
    // A block text at the end of a file without a last line break would gain one when read.
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}

fn comments(file: &YamlFile) -> usize {
    file.comments().count()
}

fn edit_operation(file: &YamlFile, operation: &PatchOperation, before: &Value, after: &Value) -> Option<()> {
    match operation {
        PatchOperation::Set { path, value } => set_node(file, path, value, before),
        PatchOperation::Remove { path } => {
            let (last, parent) = (path.0.last()?, path.parent()?);
            if parent.find(after).is_some_and(is_empty) {
                return set_node(file, &parent, parent.find(after)?, before);
            }
            match (last, node_at(file, &parent, before)?) {
                (Segment::Key(key), YamlNode::Mapping(mapping)) => remove_key(&mapping, key),
                (segment, YamlNode::Sequence(sequence)) => {
                    sequence.remove(index_of(parent.find(before)?, segment)?).map(drop)
                }
                _ => None,
            }
        }
        PatchOperation::Insert { list, value, .. } => {
            let items = list.find(before)?.as_array()?;
            if items.is_empty() {
                return set_node(file, list, list.find(after)?, before);
            }
            let at = list.find(after)?.as_array()?.iter().position(|item| item == value)?;
            sequence_at(file, list, before)?.insert(at, &tree_of(value)?);
            Some(())
        }
        PatchOperation::RemoveItem { list, item } => {
            let items = list.find(after)?;
            if is_empty(items) {
                return set_node(file, list, items, before);
            }
            let at = index_of(list.find(before)?, &item.segment())?;
            sequence_at(file, list, before)?.remove(at).map(drop)
        }
        PatchOperation::Move { list, item, .. } => {
            let from = index_of(list.find(before)?, &item.segment())?;
            let to = index_of(list.find(after)?, &item.segment())?;
            let sequence = sequence_at(file, list, before)?;
            let node = standing_alone(file, &sequence.get(from)?)?;
            sequence.remove(from)?;
            sequence.insert(to, &node);
            Some(())
        }
    }
}

/// Puts a value where the tree has its deepest existing parent of the path.
fn set_node(file: &YamlFile, path: &ValuePath, value: &Value, before: &Value) -> Option<()> {
    let (last, parent) = (path.0.last()?, path.parent()?);
    let absent = parent.find(before).is_none_or(Value::is_null);
    if absent {
        let Segment::Key(key) = last else { return None };
        let mut nested = serde_json::Map::new();
        nested.insert(key.clone(), value.clone());
        return set_node(file, &parent, &Value::Object(nested), before);
    }
    if parent.0.is_empty() && root(file).is_none() {
        let Segment::Key(key) = last else { return None };
        return file.ensure_document().set(key.as_str(), &tree_of(value)?).then_some(());
    }
    let tree = tree_of(value)?;
    match (last, node_at(file, &parent, before)?) {
        (Segment::Key(key), YamlNode::Mapping(mapping)) => {
            match entry_key(&mapping, key) {
                Some(existing) => mapping.set(&existing, &tree),
                None => mapping.set(&tree_of(&Value::String(key.clone()))?, &tree),
            }
            Some(())
        }
        (segment, YamlNode::Sequence(sequence)) => {
            sequence.set(index_of(parent.find(before)?, segment)?, &tree).then_some(())
        }
        _ => None,
    }
}

fn node_at(file: &YamlFile, path: &ValuePath, value: &Value) -> Option<YamlNode> {
    let mut node = root(file)?;
    let mut value = value;
    for segment in &path.0 {
        node = match (segment, &node) {
            (Segment::Key(key), YamlNode::Mapping(mapping)) => mapping.get(&entry_key(mapping, key)?)?,
            (segment, YamlNode::Sequence(sequence)) => sequence.get(index_of(value, segment)?)?,
            // Aliases and tags: what stands there belongs to another place, or means something else.
            _ => return None,
        };
        value = segment.find(value)?;
    }
    Some(node)
}

fn root(file: &YamlFile) -> Option<YamlNode> {
    let document = file.document()?;
    document.as_mapping().map(YamlNode::Mapping).or_else(|| document.as_sequence().map(YamlNode::Sequence))
}

fn sequence_at(file: &YamlFile, path: &ValuePath, value: &Value) -> Option<Sequence> {
    match node_at(file, path, value)? {
        YamlNode::Sequence(sequence) => Some(sequence),
        _ => None,
    }
}

/// The key as the text writes it: `1: x` has the key "1".
fn entry_key(mapping: &Mapping, key: &str) -> Option<YamlNode> {
    mapping.keys().find(|node| node.as_scalar().is_some_and(|scalar| scalar.as_string() == key))
}

fn remove_key(mapping: &Mapping, key: &str) -> Option<()> {
    let mut removed = None;
    // Once for each time that the key is written.
    while let Some(existing) = entry_key(mapping, key) {
        mapping.remove(&existing)?;
        removed = Some(());
    }
    removed
}

fn index_of(list: &Value, segment: &Segment) -> Option<usize> {
    match segment {
        Segment::Index(index) => Some(*index),
        Segment::Item(fields) => list.as_array()?.iter().position(|item| matches_fields(item, fields)),
        Segment::Key(_) => None,
    }
}

/// A value as a tree, written the way we write values.
fn tree_of(value: &Value) -> Option<YamlNode> {
    let document = yaml_edit::Document::from_str(&emit(value)).ok()?;
    document
        .as_mapping()
        .map(YamlNode::Mapping)
        .or_else(|| document.as_sequence().map(YamlNode::Sequence))
        .or_else(|| document.as_scalar().map(YamlNode::Scalar))
}

/// A copy of a node with the comments inside it, as a document of its own: only the root of one is indented anew as a
/// whole where it is put.
fn standing_alone(file: &YamlFile, node: &YamlNode) -> Option<YamlNode> {
    let text = file.to_string();
    let start = usize::try_from(node.byte_range().start).ok()?;
    let line = text.get(..start)?.rsplit('\n').next()?;
    let indent = " ".repeat(line.chars().count());
    root(&YamlFile::from_str(&format!("{indent}{node}")).ok()?)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "# Values of the app.\n\nreplicas: 1 # per zone\nimage:\n  # pinned\n  tag: '1.9'\n\
        env:\n  # first\n  - name: A\n    value: \"1\"\n  - name: B # second\n    value: \"2\"\nlist: []\nnothing:\n";

    fn path(text: &str) -> ValuePath {
        text.parse().unwrap()
    }

    fn edited(at: &str, value: &Value) -> String {
        let edited = set(TEXT, &path(at), value).unwrap();
        assert!(edited.comments_kept, "{at}: {}", edited.text);
        edited.text
    }

    #[test]
    fn one_value_changes_one_line() {
        assert_eq!(edited("replicas", &json!(3)), TEXT.replace("replicas: 1", "replicas: 3"));
        assert_eq!(edited("image.tag", &json!("1.10")), TEXT.replace("'1.9'", "\"1.10\""));
        assert_eq!(edited("env[name=B].value", &json!("x")), TEXT.replace("\"2\"", "x"));
        assert_eq!(edited("replicas", &json!(1)), TEXT);
    }

    #[test]
    fn new_values_and_parents_come_in() {
        for (at, value) in [
            ("new", json!({"a": [1, {"b": "x"}]})),
            ("image.deep.er", json!("a\nb\n")),
            ("nothing.limits.cpu", json!("100m")),
            ("list", json!([{"name": "x"}])),
            ("env[name=A]", json!({"name": "A", "valueFrom": {"x": null}})),
            ("\"a.b/c\".d", json!("yes")),
        ] {
            let text = edited(at, &value);
            assert!(text.contains("# per zone") && text.contains("# pinned"), "{text}");
        }
    }

    #[test]
    fn items_are_added_and_removed_in_place() {
        let wanted = json!({"replicas": 1, "image": {}, "list": [1],
            "env": [{"name": "N", "value": "0"}, {"name": "B", "value": "2"}], "nothing": null});
        let text = rewrite(TEXT, &wanted).unwrap();
        assert!(text.comments_kept && text.text.contains("# second"), "{}", text.text);
        assert_eq!(parse(&text.text, "t").unwrap(), wanted);
    }

    #[test]
    fn a_moved_item_takes_its_comments_along() {
        let key =
            |name: &str| strata_model::overrides::ItemKey { field: "name".to_owned(), value: json!(name) };
        let text = "a: # ports\n  - name: x # one\n    port: 1 # in\n  - name: z\n    port: 2\n";
        for (item, before) in [("x", None), ("z", Some(key("x")))] {
            let operation = PatchOperation::Move { list: path("a"), item: key(item), before };
            let edited = apply_patch(text, &Patch(vec![operation])).unwrap();
            let expected = "a: # ports\n  - name: z\n    port: 2\n  - name: x # one\n    port: 1 # in\n";
            assert_eq!(edited, Edited { text: expected.to_owned(), comments_kept: true });
        }
    }

    #[test]
    fn what_the_tree_cannot_do_is_written_plainly() {
        let text = "base: &b\n  x: 1 # one\nuse: *b\n";
        let edited = set(text, &path("use.x"), &json!(2)).unwrap();
        assert_eq!(edited, Edited { text: "base:\n  x: 1\nuse:\n  x: 2\n".to_owned(), comments_kept: false });
    }

    #[test]
    fn an_empty_text_takes_values() {
        for text in ["", "# only a comment\n", "{}\n", "---\n"] {
            let edited = set(text, &path("a.b"), &json!(1)).unwrap();
            assert_eq!(parse(&edited.text, "t").unwrap(), json!({"a": {"b": 1}}), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(set(TEXT, &path("replicas.x"), &json!(1)), Err(EditError::Patch(_))));
        assert!(matches!(set("a: [", &path("a"), &json!(1)), Err(EditError::Text(_))));
    }
}
