//! The values that templates work on, with the Go types that templates can see.
//!
//! *Idea.* Go templates look at run-time types: `kindIs "float64"`, `typeOf`, `eq 1 1.0`. A [`Value`] therefore knows its
//! Go type. Maps are shared and mutable, as in Go: `set`, `unset` and `merge` change what every alias sees. Lists never
//! change. Texts are bytes that are usually, not always, UTF-8 (`trunc` may cut a character in two).
//!
//! *Guarantees.* No borrow of a map's interior leaves this module, so nothing a template does can make one fail. Dropping
//! a value needs no stack, however deep it is nested.
//!
//! *Caveats.* Values stay on one thread. A map that holds itself is freed only by [`super::Context`], which knows the
//! maps that templates changed.

use std::{borrow::Borrow, borrow::Cow, cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

/// A text of Go: bytes, usually UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Rc<[u8]>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn to_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str(), f)
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

/// Which of Go's integer types a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntType {
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `int32`, also known as `rune`
    Int32,
    /// `uint8`, also known as `byte`
    Uint8,
    /// `uint64`; values beyond the largest `int64` do not occur
    Uint64,
}

impl IntType {
    /// Go's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
        }
    }

    /// Whether the type has no sign.
    #[must_use]
    pub const fn is_unsigned(self) -> bool {
        matches!(self, Self::Uint8 | Self::Uint64)
    }
}

/// What a list holds, as Go types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// `[]interface {}`
    Interface,
    /// `[]string`
    String,
    /// `[]int`
    Int,
}

impl ListType {
    /// Go's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interface => "[]interface {}",
            Self::String => "[]string",
            Self::Int => "[]int",
        }
    }
}

/// Which of Go's map types a map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`
    Interface,
    /// Helm's named type of `.Values`; it behaves as the former and only shows in `typeOf`, `dig` and its methods.
    Values,
    /// `map[string]string`, as `split` makes.
    String,
}

impl MapType {
    /// Go's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interface => "map[string]interface {}",
            Self::Values => "chartutil.Values",
            Self::String => "map[string]string",
        }
    }
}

/// A list; never changes.
#[derive(Clone)]
pub struct List(Rc<ListData>);

struct ListData {
    kind: ListType,
    items: Vec<Value>,
}

impl Drop for ListData {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.items));
    }
}

impl List {
    /// A list of a type; the caller sees to it that the items are of it.
    #[must_use]
    pub fn new(kind: ListType, items: Vec<Value>) -> Self {
        Self(Rc::new(ListData { kind, items }))
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> ListType {
        self.0.kind
    }

    /// Its items.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list of {}", self.items().len())
    }
}

/// A map with text keys, sorted by bytes; clones are aliases.
#[derive(Clone)]
pub struct Map(Rc<MapData>);

struct MapData {
    kind: MapType,
    entries: RefCell<BTreeMap<Text, Value>>,
}

impl Drop for MapData {
    fn drop(&mut self) {
        release(std::mem::take(self.entries.get_mut()).into_values().collect());
    }
}

/// Frees values one after the other instead of one inside the other, so that depth costs no stack.
fn release(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(List(data)) => {
                if let Ok(mut data) = Rc::try_unwrap(data) {
                    values.append(&mut data.items);
                }
            }
            Value::Map(Map(data)) => {
                if let Ok(mut data) = Rc::try_unwrap(data) {
                    values.extend(std::mem::take(data.entries.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}

impl Map {
    /// A map of a type.
    #[must_use]
    pub fn new(kind: MapType, entries: BTreeMap<Text, Value>) -> Self {
        Self(Rc::new(MapData { kind, entries: RefCell::new(entries) }))
    }

    /// An empty `map[string]interface {}`.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(MapType::Interface, BTreeMap::new())
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> MapType {
        self.0.kind
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.borrow().get(key).cloned()
    }

    /// Whether the key is there, be it with a nil.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        self.0.entries.borrow().contains_key(key)
    }

    /// Sets a key, for all aliases.
    pub fn set(&self, key: impl Into<Text>, value: Value) {
        let former = self.0.entries.borrow_mut().insert(key.into(), value);
        drop(former);
    }

    /// Removes a key, for all aliases.
    pub fn remove(&self, key: &[u8]) {
        let former = self.0.entries.borrow_mut().remove(key);
        drop(former);
    }

    /// Removes all keys, for all aliases.
    pub fn clear(&self) {
        let former = std::mem::take(&mut *self.0.entries.borrow_mut());
        drop(former);
    }

    /// The entries as they are now, sorted by key.
    #[must_use]
    pub fn entries(&self) -> Vec<(Text, Value)> {
        self.0.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are one and the same map.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Stands for the map's identity.
    pub(crate) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map of {}", self.len())
    }
}

/// A thing with fields or methods, such as `.Capabilities.APIVersions` or a time.
pub trait Object: fmt::Debug {
    /// Go's name of its type.
    fn type_name(&self) -> &'static str;

    /// Go's name of its kind, for `kindOf`.
    fn kind_name(&self) -> &'static str {
        "struct"
    }

    /// A field.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    /// Calls a method; `None` when there is none of that name.
    fn call_method(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        None
    }

    /// What `print` shows.
    fn text(&self) -> String;

    /// Whether the type has a `String` method, so that `{{ . }}` and `toString` use [`Object::text`]; the `%v` of `printf` may differ.
    fn formatted(&self) -> String {
        self.text()
    }

    /// What `range` goes through, if anything.
    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        None
    }

    /// What encoders such as `toYaml` see.
    fn encoded(&self) -> Value {
        Value::from(self.text())
    }

    /// Whether `if` takes it for true.
    fn truth(&self) -> bool {
        self.entries().is_none_or(|entries| !entries.is_empty())
    }

    /// Seconds and nanoseconds of an instant with its zone, for objects that are times.
    fn as_time(&self) -> Option<jiff::Zoned> {
        None
    }
}

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

/// Which type JSON's whole numbers get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// All are `float64`, as in `.Values` and `fromYaml`.
    Float,
    /// Whole ones are `int64`, as in the answers of `lookup`.
    Whole,
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

    /// A value of JSON; objects become fresh maps.
    #[must_use]
    pub fn from_json(json: &serde_json::Value, numbers: Numbers) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Nil,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match (numbers, number.as_i64()) {
                (Numbers::Whole, Some(whole)) => Self::int64(whole),
                _ => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(items) => {
                Self::list(items.iter().map(|item| Self::from_json(item, numbers)).collect())
            }
            Json::Object(entries) => {
                Self::map(entries.iter().map(|(key, value)| (key.as_str(), Self::from_json(value, numbers))))
            }
        }
    }

    /// The value as JSON; whole floats become integers, and what has no JSON form (NaN) or lies deeper than 200 levels
    /// becomes null. Texts that are not UTF-8 get U+FFFD.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        self.to_json_within(200)
    }

    fn to_json_within(&self, depth: usize) -> serde_json::Value {
        use serde_json::Value as Json;
        if depth == 0 {
            return Json::Null;
        }
        match self {
            Self::Absent | Self::Nil => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Int(_, number) => Json::from(*number),
            Self::Float(number) => match whole(*number) {
                Some(whole) => Json::from(whole),
                None => Json::from(*number),
            },
            Self::Text(text) | Self::Bytes(text) => Json::from(text.to_str()),
            Self::List(list) => list.items().iter().map(|item| item.to_json_within(depth - 1)).collect(),
            Self::Map(map) => {
                let entries = map.entries().into_iter();
                entries
                    .map(|(key, value)| (key.to_str().into_owned(), value.to_json_within(depth - 1)))
                    .collect()
            }
            Self::Object(object) => object.encoded().to_json_within(depth - 1),
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
