//! Paths into values and objects: `spec.containers[name=web].env[2]."a.b"`.
//!
//! Three kinds of step: a key of a mapping, an index of a list, an item of a keyed list (found by the values of one
//! or more of its fields). Keys other than letters, digits, `_`, `-` and `/` are written as JSON strings.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step of a [`ValuePath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
    /// The item of a keyed list whose fields have these scalar values, in this order.
    Item(Vec<(String, Value)>),
}

/// A place in a value. The empty path is the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ValuePath(pub Vec<Segment>);

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path: {reason} at character {position}")]
pub struct InvalidPath {
    /// The text as given.
    pub text: String,
    /// What was wrong.
    pub reason: &'static str,
    /// Where, in characters from 1.
    pub position: usize,
}

impl ValuePath {
    /// The root.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// A path of plain keys.
    pub fn of_keys<I: IntoIterator<Item = S>, S: Into<String>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| Segment::Key(key.into())).collect())
    }

    /// This path and one more step.
    #[must_use]
    pub fn child(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// This path and one more key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.child(Segment::Key(key.into()))
    }

    /// The path without its last step; `None` at the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, init) = self.0.split_last()?;
        Some(Self(init.to_vec()))
    }

    /// Whether `self` is `other` or lies below it.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The value at this path, if there is one.
    #[must_use]
    pub fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(root, |value, segment| segment.find(value))
    }

    /// The value at this path, for change.
    pub fn find_mut<'a>(&self, root: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(root, |value, segment| segment.find_mut(value))
    }
}

impl Segment {
    /// The value one step below `value`.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Key(key) => value.as_object()?.get(key),
            Self::Index(index) => value.as_array()?.get(*index),
            Self::Item(fields) => value.as_array()?.iter().find(|item| matches_fields(item, fields)),
        }
    }

    /// The value one step below `value`, for change.
    pub fn find_mut<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        match self {
            Self::Key(key) => value.as_object_mut()?.get_mut(key),
            Self::Index(index) => value.as_array_mut()?.get_mut(*index),
            Self::Item(fields) => value.as_array_mut()?.iter_mut().find(|item| matches_fields(item, fields)),
        }
    }
}

/// Whether an item of a keyed list has these values in these fields.
#[must_use]
pub fn matches_fields(item: &Value, fields: &[(String, Value)]) -> bool {
    item.as_object().is_some_and(|map| fields.iter().all(|(name, value)| map.get(name) == Some(value)))
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    if is_plain(word) { f.write_str(word) } else { write!(f, "{}", Value::String(word.to_owned())) }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    write_word(f, key)?;
                }
                Segment::Index(position) => write!(f, "[{position}]")?,
                Segment::Item(fields) => {
                    f.write_str("[")?;
                    for (position, (name, value)) in fields.iter().enumerate() {
                        if position > 0 {
                            f.write_str(",")?;
                        }
                        write_word(f, name)?;
                        f.write_str("=")?;
                        match value {
                            // A text that reads as another scalar keeps its quotes.
                            Value::String(text)
                                if is_plain(text) && serde_json::from_str::<Value>(text).is_err() =>
                            {
                                f.write_str(text)?;
                            }
                            other => write!(f, "{other}")?,
                        }
                    }
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

impl From<ValuePath> for String {
    fn from(path: ValuePath) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for ValuePath {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, InvalidPath> {
        text.parse()
    }
}

impl FromStr for ValuePath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Reader { text, rest: text }.path()
    }
}

/// Reads a path from left to right.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn path(mut self) -> Result<ValuePath, InvalidPath> {
        let mut segments = Vec::new();
        while !self.rest.is_empty() {
            if self.eat('[') {
                segments.push(self.bracket()?);
            } else {
                if !segments.is_empty() && !self.eat('.') {
                    return Err(self.wrong("expected `.` or `[`"));
                }
                segments.push(Segment::Key(self.word()?));
            }
        }
        Ok(ValuePath(segments))
    }

    fn bracket(&mut self) -> Result<Segment, InvalidPath> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && self.rest[digits..].starts_with(']') {
            let index = self.rest[..digits].parse().map_err(|_| self.wrong("the index is too large"))?;
            self.rest = &self.rest[digits + 1..];
            return Ok(Segment::Index(index));
        }
        let mut fields = Vec::new();
        loop {
            let name = self.word()?;
            if !self.eat('=') {
                return Err(self.wrong("expected `=`"));
            }
            fields.push((name, self.scalar()?));
            if self.eat(']') {
                return Ok(Segment::Item(fields));
            }
            if !self.eat(',') {
                return Err(self.wrong("expected `,` or `]`"));
            }
        }
    }

    fn scalar(&mut self) -> Result<Value, InvalidPath> {
        if self.rest.starts_with('"') {
            return Ok(Value::String(self.quoted()?));
        }
        let end = self.rest.find([',', ']']).ok_or_else(|| self.wrong("expected `]`"))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
    }

    fn word(&mut self) -> Result<String, InvalidPath> {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/')))
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.wrong("expected a key"));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word.to_owned())
    }

    fn quoted(&mut self) -> Result<String, InvalidPath> {
        let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        match stream.next() {
            Some(Ok(word)) => {
                let end = stream.byte_offset();
                self.rest = &self.rest[end..];
                Ok(word)
            }
            _ => Err(self.wrong("the quoted key does not end")),
        }
    }

    fn eat(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn wrong(&self, reason: &'static str) -> InvalidPath {
        let consumed = self.text.len() - self.rest.len();
        let position = self.text.get(..consumed).map_or(0, |read| read.chars().count()) + 1;
        InvalidPath { text: self.text.to_owned(), reason, position }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn written_and_read_back() {
        for text in [
            "",
            "a.b.c",
            "spec.containers[name=web].env[2]",
            "metadata.annotations.\"a.b/c\"",
            "ports[containerPort=80,protocol=TCP]",
            "x[id=\"80\"]",
            "\"\".y",
            "[0][1]",
        ] {
            let path: ValuePath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn finds_through_all_kinds_of_steps() {
        let value = json!({"c": [{"name": "a"}, {"name": "b", "e": [1, 2]}]});
        assert_eq!("c[name=b].e[1]".parse::<ValuePath>().unwrap().find(&value), Some(&json!(2)));
        assert_eq!("c[name=x].e".parse::<ValuePath>().unwrap().find(&value), None);
    }

    #[test]
    fn broken_paths_say_where() {
        let error = "a..b".parse::<ValuePath>().unwrap_err();
        assert_eq!(error.to_string(), "`a..b` is not a path: expected a key at character 3");
        for text in ["a[", "a[x", "a[x=", "a[x=1", "\"a", ".a", "a[1"] {
            assert!(text.parse::<ValuePath>().is_err(), "{text}");
        }
    }
}
