//! Values from JSON and to it.

use super::{Value, whole};

/// Which type JSON's whole numbers get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// All are `float64`, as in `.Values` and `fromYaml`.
    Float,
    /// Whole ones are `int64`, as in the answers of `lookup`.
    Whole,
}

impl Value {
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
