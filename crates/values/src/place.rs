//! Where the parts of a YAML or JSON text stand, and how its scalars are written.
//!
//! Values know nothing of the text that they came from; this walk over the same text's events does. It is run on texts
//! that were read under budgets already.
//!
//! *Caveats.* What comes in through an alias or a merge key has no place of its own.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};
use strata_model::{
    diagnostic::Diagnostic,
    value_path::{Segment, ValuePath},
};

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line of the key, or of the item, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Where the value itself begins, line and column from 1; for block texts where their content does.
    pub value: (u32, u32),
    /// Whether it is a scalar without quotes.
    pub plain: bool,
    /// Whether it is a block text, `|` or `>`.
    pub block: bool,
}

/// All places of one text.
#[derive(Debug, Default)]
pub struct Places(HashMap<ValuePath, Place>);

/// A collection being walked.
enum Frame {
    Mapping { path: ValuePath, key: Option<(Option<String>, (u32, u32))> },
    Sequence { path: ValuePath, index: usize },
}

impl Places {
    /// Walks the first document of a text. A text that cannot be read has the places up to its mistake.
    pub fn of(text: &str) -> Self {
        let mut places = Self::default();
        let mut frames: Vec<Frame> = Vec::new();
        // Depth inside a key that is itself a collection; such keys have no places.
        let mut skipping = 0_usize;
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            let at = (number(span.start.line()), number(span.start.col()).saturating_add(1));
            match event {
                Event::DocumentEnd => break,
                Event::SequenceEnd | Event::MappingEnd if skipping > 0 => skipping -= 1,
                Event::SequenceStart(..) | Event::MappingStart(..) if skipping > 0 => skipping += 1,
                Event::SequenceEnd | Event::MappingEnd => {
                    frames.pop();
                }
                Event::Scalar(text, style, ..) if skipping == 0 => {
                    if let Some(Frame::Mapping { key: key @ None, .. }) = frames.last_mut() {
                        *key = Some((Some(text.into_owned()), at));
                    } else {
                        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                        places.node(&mut frames, at, style == ScalarStyle::Plain, block);
                    }
                }
                Event::Alias(..) if skipping == 0 => {
                    if let Some(Frame::Mapping { key: key @ None, .. }) = frames.last_mut() {
                        *key = Some((None, at));
                    } else {
                        places.node(&mut frames, at, false, false);
                    }
                }
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    if let Some(Frame::Mapping { key: key @ None, .. }) = frames.last_mut() {
                        *key = Some((None, at));
                        skipping = 1;
                        continue;
                    }
                    let path = places.node(&mut frames, at, false, false);
                    frames.push(if matches!(event, Event::SequenceStart(..)) {
                        Frame::Sequence { path, index: 0 }
                    } else {
                        Frame::Mapping { path, key: None }
                    });
                }
                _ => {}
            }
        }
        places
    }

    /// Notes a node below the innermost collection and gives its path.
    fn node(&mut self, frames: &mut [Frame], at: (u32, u32), plain: bool, block: bool) -> ValuePath {
        let (path, start) = match frames.last_mut() {
            None => (ValuePath::root(), at),
            Some(Frame::Sequence { path, index }) => {
                let child = path.child(Segment::Index(*index));
                *index += 1;
                (child, at)
            }
            Some(Frame::Mapping { path, key }) => match key.take() {
                Some((Some(key), start)) => (path.key(key), start),
                // A path that no value has.
                _ => (path.child(Segment::Item(Vec::new())), at),
            },
        };
        let place = Place { line: start.0, column: start.1, value: at, plain, block };
        self.0.insert(path.clone(), place);
        path
    }

    /// The place of a node.
    pub fn get(&self, path: &ValuePath) -> Option<Place> {
        self.0.get(path).copied()
    }

    /// The place of a node, or of the nearest one above it.
    pub fn nearest(&self, path: &ValuePath) -> Option<Place> {
        let mut path = path.clone();
        loop {
            if let Some(place) = self.get(&path) {
                return Some(place);
            }
            path = path.parent()?;
        }
    }

    /// A diagnostic put at the place of a node, or of the nearest one above it.
    pub fn locate(&self, diagnostic: Diagnostic, path: &ValuePath) -> Diagnostic {
        match self.nearest(path) {
            Some(place) => diagnostic.at(place.line, place.column),
            None => diagnostic,
        }
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &str) -> Option<(u32, u32, bool)> {
        Places::of(text).get(&path.parse().unwrap()).map(|place| (place.line, place.column, place.plain))
    }

    #[test]
    fn every_node_has_its_place_and_style() {
        let text = "# head\na: plain\nb:\n  - 'x'\n  - c: \"y\"\n    d: {e: 1}\n? [k]\n: v\nz: *a\n";
        assert_eq!(at(text, "a"), Some((2, 1, true)));
        assert_eq!(at(text, "b[0]"), Some((4, 5, false)));
        assert_eq!(at(text, "b[1].c"), Some((5, 5, false)));
        assert_eq!(at(text, "b[1].d.e"), Some((6, 9, true)));
        assert_eq!(at(text, "nothing"), None);
        assert_eq!(
            at("{\n  \"name\": \"x\",\n  \"list\": [1, {\"k\": 2}]\n}", "list[1].k"),
            Some((3, 16, false)).map(|_| (3, 16, true))
        );
    }

    #[test]
    fn what_is_missing_is_placed_at_its_parent() {
        let places = Places::of("a:\n  b: 1\n");
        let diagnostic = places.locate(Diagnostic::new("X", "x"), &"a.c".parse().unwrap());
        assert_eq!((diagnostic.line, diagnostic.column), (Some(1), Some(1)));
    }
}
