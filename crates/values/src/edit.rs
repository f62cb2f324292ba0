//! Changing a YAML text in place, comments and layout kept.
//!
//! *Idea.* The lossless tree of `yaml-edit` makes the change; the result is read again and must be exactly the value
//! that the same change gives on the parsed value. If it is not, or the tree cannot do it, the value is written as
//! plain YAML and [`Edited::comments_kept`] says that comments were dropped.
//!
//! *Guarantees.* The value of the new text is always right.
//!
//! *Caveats.* Comments inside what is removed or replaced go with it.

mod item_lines;

use std::{panic, str::FromStr};

use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    overrides::{Patch, PatchOperation},
    value_path::{Segment, ValuePath, matches_fields},
};
use yaml_edit::{Mapping, Sequence, YamlFile, YamlNode};

use self::item_lines::{ItemLines, is_comment};
use crate::{
    emit::emit,
    parse::parse,
    patch::{PatchConflict, apply, apply_operation, derive},
};

/// Largest text that is edited in place, in bytes; the tree costs many times its size.
const MAX_LOSSLESS_BYTES: usize = 1024 * 1024;
/// Most operations on one tree; each may rebuild a part of it.
const MAX_LOSSLESS_OPERATIONS: usize = 500;
/// Most bytes that are read again between operations.
const MAX_READ_AGAIN_BYTES: usize = 16 * 1024 * 1024;

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
        None if is_empty(&wanted) => emptied(text, &wanted),
        None => Edited { text: emit(&wanted), comments_kept: !text.contains('#') },
    })
}

fn read(text: &str) -> Result<Value, Diagnostic> {
    let value = parse(text, "text")?;
    Ok(if value.is_null() { Value::Object(serde_json::Map::new()) } else { value })
}

/// The text without any value. The comments up to the first empty line are about the file and stay.
fn emptied(text: &str, wanted: &Value) -> Edited {
    let is_blank = |line: &str| line.trim_end_matches(['\n', '\r', ' ']).is_empty();
    let is_head = |line: &&str| is_blank(line) || line.starts_with('#');
    let head: Vec<&str> = text.split_inclusive('\n').take_while(is_head).collect();
    let after = head.iter().rev().take_while(|line| !is_blank(line)).count();
    let head = head.get(..head.len() - after).unwrap_or_default().concat();
    let comments_kept = !text.get(head.len()..).unwrap_or_default().contains('#');
    Edited { text: head + &emit(wanted), comments_kept }
}

fn in_place(text: &str, patch: &Patch, current: &Value) -> Option<String> {
    if text.len() > MAX_LOSSLESS_BYTES || patch.0.len() > MAX_LOSSLESS_OPERATIONS {
        return None;
    }
    // The library asserts its own invariants; a text that breaks one must cost its comments and not the process.
    panic::catch_unwind(panic::AssertUnwindSafe(|| edit_tree(text, patch, current))).ok().flatten()
}

fn edit_tree(text: &str, patch: &Patch, current: &Value) -> Option<String> {
    let mut file = YamlFile::from_str(text).ok()?;
    let mut value = current.clone();
    let may_read_again = text.len().saturating_mul(patch.0.len()) <= MAX_READ_AGAIN_BYTES;
    let has_aliases = text.contains('*') && may_read_again;
    for operation in &patch.0 {
        let mut after = value.clone();
        apply_operation(operation, &mut after).ok()?;
        if after != value && !(has_aliases && is_done(&file, operation)) {
            edit_operation(&mut file, operation, &value, &after, may_read_again)?;
        }
        value = after;
    }
    Some(closed(&file))
}

/// The text of a tree. A block text at the end of a file without a last line break would gain one when read.
fn closed(file: &YamlFile) -> String {
    let mut text = file.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Whether the text says already what an operation wants, since an alias repeats what an earlier one changed.
fn is_done(file: &YamlFile, operation: &PatchOperation) -> bool {
    read(&closed(file)).is_ok_and(|now| {
        let mut after = now.clone();
        apply_operation(operation, &mut after).is_ok() && after == now
    })
}

fn edit_operation(
    file: &mut YamlFile,
    operation: &PatchOperation,
    before: &Value,
    after: &Value,
    may_read_again: bool,
) -> Option<()> {
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
            let sequence = sequence_at(file, list, before)?;
            if at < items.len() {
                let text = closed(file);
                match ItemLines::of(&text, &sequence) {
                    Some(lines) if lines.is_commented(at) => {
                        return read_again(file, &lines.inserted(at, value)?, may_read_again);
                    }
                    None if has_comments(file, &text, &sequence) => return None,
                    _ => {}
                }
            }
            sequence.insert(at, &tree_of(value)?);
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
            let text = closed(file);
            if has_comments(file, &text, &sequence) {
                let text = ItemLines::of(&text, &sequence)?.moved(from, to)?;
                return read_again(file, &text, may_read_again);
            }
            let node = standing_alone(&text, &sequence.get(from)?)?;
            sequence.remove(from)?;
            sequence.insert(to, &node);
            Some(())
        }
    }
}

/// Whether comments stand in a list or next to it, so that they may be about an item.
fn has_comments(file: &YamlFile, text: &str, list: &Sequence) -> bool {
    let range = list.byte_range();
    let inside = |at: u32| (range.start..range.end).contains(&at);
    let [above, below] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
    let above = text.get(..above).unwrap_or_default().trim_end().lines().last();
    let below = text.get(below..).unwrap_or_default();
    file.comments().any(|comment| inside(comment.text_range().start().into()))
        || above.is_some_and(is_comment)
        || !list.is_flow_style() && is_comment(below)
}

/// Puts a text in the place of its tree.
fn read_again(file: &mut YamlFile, text: &str, may_read_again: bool) -> Option<()> {
    *file = may_read_again.then(|| YamlFile::from_str(text).ok()).flatten()?;
    Some(())
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

/// A copy of a node as a document of its own: only the root of one is indented anew as a whole where it is put.
fn standing_alone(text: &str, node: &YamlNode) -> Option<YamlNode> {
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
mod tests;
