//! The values that templates work on, with the Go types that templates can see.
//!
//! *Idea.* Go templates look at run-time types: `kindIs "float64"`, `typeOf`, `eq 1 1.0`. A [`Value`] therefore knows its
//! Go type. Maps are shared and mutable, as in Go: `set`, `unset` and `merge` change what every alias sees. Lists never
//! change. Texts are bytes that are usually, not always, UTF-8 (`trunc` may cut a character in two).
//!
//! *Guarantees.* No borrow of a map's interior leaves `collections`, so nothing a template does can make one fail.
//! Dropping a value needs no stack, however deep it is nested.
//!
//! *Caveats.* Values stay on one thread. A map that holds itself is freed only by [`super::Context`], which knows the
//! maps that templates changed.

mod collections;
mod json;
mod object;
mod text;
mod types;

use std::rc::Rc;

pub use collections::{List, Map};
pub use json::Numbers;
pub use object::Object;
pub use text::Text;
pub use types::{IntType, ListType, MapType};

/// A value of a template.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value at all: what a pipeline gives whose result is nil. Fields of it are absent too.
    Absent,
    /// An interface that holds nil: a missing key, a YAML null.
    Nil,
    /// `bool`
    Bool(bool),
    /// An integer.
    Int(IntType, i64),
    /// `float64`
    Float(f64),
    /// `string`
    Text(Text),
    /// `[]uint8`
    Bytes(Text),
    /// A slice.
    List(List),
    /// A map.
    Map(Map),
    /// Anything with methods.
    Object(Rc<dyn Object>),
}

impl Value {
    /// An `int`.
    #[must_use]
    pub const fn int(number: i64) -> Self {
        Self::Int(IntType::Int, number)
    }

    /// An `int64`.
    #[must_use]
    pub const fn int64(number: i64) -> Self {
        Self::Int(IntType::Int64, number)
    }

    /// A `[]interface {}`.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(ListType::Interface, items))
    }

    /// A `[]string`.
    pub fn texts<T: Into<Text>>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().map(|item| Self::Text(item.into())).collect();
        Self::List(List::new(ListType::String, items))
    }

    /// A `map[string]interface {}`.
    pub fn map<K: Into<Text>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self::Map(Map::new(MapType::Interface, entries))
    }

    /// Whether there is nothing: [`Value::Nil`] or [`Value::Absent`].
    #[must_use]
    pub const fn is_nil(&self) -> bool {
        matches!(self, Self::Absent | Self::Nil)
    }

    /// The text of a text.
    #[must_use]
    pub const fn as_text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map of a map.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The integer of an integer.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(_, number) => Some(*number),
            _ => None,
        }
    }

    /// Go's `%T`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Absent | Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(kind, _) => kind.name(),
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => list.kind().name(),
            Self::Map(map) => map.kind().name(),
            Self::Object(object) => object.type_name(),
        }
    }

    /// The name of the type in Go's messages about arguments, where nil has the type `interface {}`.
    #[must_use]
    pub fn static_type_name(&self) -> &'static str {
        if self.is_nil() { "interface {}" } else { self.type_name() }
    }

    /// Go's `reflect.Kind`.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Absent | Self::Nil => "invalid",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind_name(),
            other => other.type_name(),
        }
    }

    /// Whether `if` takes it for true: not empty, not zero, not nil.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::Absent | Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(_, number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) | Self::Bytes(text) => !text.is_empty(),
            Self::List(list) => !list.items().is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }
}

/// The integer that a float stands for, when it is one and every step on the way is exact.
#[must_use]
pub fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| truncate(number))
}

/// Go's conversion of a float to `int64`: cut off the fraction; out of range stays at the ends, NaN is 0.
#[must_use]
pub fn truncate(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates and that is what is wanted")]
    let whole = number as i64;
    whole
}

/// An integer as a float, rounded as Go rounds.
#[must_use]
pub fn to_float(number: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds alike")]
    let float = number as f64;
    float
}

/// A length as an `int`; lengths never exceed it.
#[must_use]
pub fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_see_changes() {
        let map = Map::empty();
        let alias = map.clone();
        map.set("a", Value::int(1));
        assert_eq!(alias.get(b"a").and_then(|value| value.as_int()), Some(1));
    }

    #[test]
    fn deep_values_are_freed_without_deep_stacks() {
        let mut value = Value::Nil;
        for _ in 0..1_000_000 {
            value = Value::list(vec![value]);
        }
        drop(value);
        let mut value = Value::Nil;
        for _ in 0..300_000 {
            value = Value::map([("a", value)]);
        }
        drop(value);
    }

    #[test]
    fn json_goes_there_and_back() {
        let json = serde_json::json!({"a": [1, 2.5, null, true, "x"], "b": {"c": {}}});
        assert_eq!(Value::from_json(&json, Numbers::Float).to_json(), json);
        assert_eq!(Value::from_json(&json, Numbers::Whole).to_json(), json);
        assert_eq!(Value::from_json(&serde_json::json!(1), Numbers::Float).type_name(), "float64");
    }
}
