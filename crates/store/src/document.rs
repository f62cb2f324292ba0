//! Between rows and the types of the model: documents as JSON text, instants as microseconds, enums as names.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::StoreError;

/// A value of the model with the place of its stream that it reflects: what a compare-and-set expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// The last event of its stream that the value contains.
    pub seq: i64,
    /// The value.
    pub value: T,
}

impl<T> std::ops::Deref for Stored<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A document as JSON text.
pub(crate) fn to_text<T: Serialize>(noun: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(noun, "new", error))
}

/// A document from JSON text.
pub(crate) fn from_text<T: DeserializeOwned>(
    noun: &'static str,
    id: impl std::fmt::Display,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(noun, id, error))
}

/// The name of a unit variant, as it is serialised.
pub(crate) fn name_of<T: Serialize>(noun: &'static str, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(_) => Err(StoreError::corrupt(noun, "new", "not a plain name")),
        Err(error) => Err(StoreError::corrupt(noun, "new", error)),
    }
}

/// The unit variant with a name.
pub(crate) fn named<T: DeserializeOwned>(noun: &'static str, name: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|error| StoreError::corrupt(noun, name, error))
}

/// A text that the model parses.
pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    noun: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|error| StoreError::corrupt(noun, text, error))
}

/// An instant from microseconds.
pub(crate) fn instant(noun: &'static str, microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(|error| StoreError::corrupt(noun, microseconds, error))
}

/// A small number from a 64-bit column.
pub(crate) fn small(noun: &'static str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|error| StoreError::corrupt(noun, number, error))
}
