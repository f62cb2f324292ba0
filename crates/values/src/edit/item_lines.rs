//! The items of a list in block style as lines of the text, each with the comments directly above it.
//!
//! The tree ties a comment to what stands before it; people mean what stands below.

use std::ops::Range;

use serde_json::{Value, json};
use yaml_edit::Sequence;

use crate::emit::emit;

/// Where the items of one list stand in a text.
pub(super) struct ItemLines<'a> {
    /// All lines of the text, with their line breaks.
    lines: Vec<&'a str>,
    /// The lines of each item; blank ones and comments by themselves in between are in none.
    items: Vec<Range<usize>>,
    /// Where the dashes stand.
    column: usize,
}

impl<'a> ItemLines<'a> {
    /// `None` where items do not begin with a dash on lines of their own.
    pub(super) fn of(text: &'a str, sequence: &Sequence) -> Option<Self> {
        if sequence.is_flow_style() {
            return None;
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut end = 0;
        let ends: Vec<usize> = lines
            .iter()
            .map(|line| {
                end += line.len();
                end
            })
            .collect();
        let line_at = |offset: usize| ends.partition_point(|end| *end <= offset);
        let mut dashes: Vec<usize> = Vec::new();
        let mut last = 0;
        for item in sequence.values() {
            let range = item.byte_range();
            let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
            dashes.push(line_at(start));
            last = line_at(start + text.get(start..end)?.trim_end().len().saturating_sub(1));
        }
        let column = indent(lines.get(*dashes.first()?)?);
        let fits = |line: &usize| {
            lines.get(*line).is_some_and(|line| indent(line) == column && line.trim_start().starts_with("- "))
        };
        if !dashes.iter().all(fits) || !dashes.is_sorted_by(|one, other| one < other) {
            return None;
        }
        // A comment that is indented further than the dashes is about a part of the item above it.
        let is_inner = |line: &&str| is_comment(line) && indent(line) > column;
        let is_above = |line: &&str| is_comment(line) && indent(line) <= column;
        let inner = lines.iter().skip(last + 1).take_while(|line| is_inner(line)).count();
        let mut until = last + 1 + inner;
        let mut items = Vec::new();
        for dash in dashes.into_iter().rev() {
            let (above, below) = (lines.get(..dash)?, lines.get(dash..until)?);
            let after =
                below.iter().rev().take_while(|line| line.trim().is_empty() || is_above(line)).count();
            let comments = above.iter().rev().take_while(|line| is_above(line)).count();
            items.push(dash - comments..until - after);
            until = dash - comments;
        }
        items.reverse();
        Some(Self { lines, items, column })
    }

    /// Whether comments stand directly above an item.
    pub(super) fn is_commented(&self, item: usize) -> bool {
        let first = self.items.get(item).and_then(|lines| self.lines.get(lines.start));
        first.is_some_and(|line| is_comment(line))
    }

    /// The text with a new item above the one at a place and its comments.
    pub(super) fn inserted(&self, at: usize, value: &Value) -> Option<String> {
        let (above, below) = self.lines.split_at_checked(self.items.get(at)?.start)?;
        let line_break = if below.first()?.ends_with("\r\n") { "\r\n" } else { "\n" };
        let mut text = above.concat();
        for line in emit(&json!([value])).lines() {
            if !line.is_empty() {
                text.push_str(&" ".repeat(self.column));
            }
            text.push_str(line);
            text.push_str(line_break);
        }
        text.extend(below.iter().copied());
        Some(text)
    }

    /// The text with an item and its comments at another place of the list. What stands between the items stays.
    pub(super) fn moved(&self, from: usize, to: usize) -> Option<String> {
        let mut order: Vec<&Range<usize>> = self.items.iter().collect();
        if from.max(to) >= order.len() {
            return None;
        }
        let item = order.remove(from);
        order.insert(to, item);
        let mut text = String::new();
        let mut until = 0;
        for (place, item) in self.items.iter().zip(order) {
            text.extend(self.lines.get(until..place.start)?.iter().copied());
            text.extend(self.lines.get(item.clone())?.iter().copied());
            until = place.end;
        }
        text.extend(self.lines.get(until..)?.iter().copied());
        Some(text)
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}
