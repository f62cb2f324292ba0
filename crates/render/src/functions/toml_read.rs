//! TOML as Helm's `fromToml` reads it.
//!
//! *Caveats.* The words of a problem are not those of Go's reader. Times without a zone, and dates and times of day alone,
//! are texts here.

use toml::Value as Toml;

use super::dates;
use crate::template::Value;

/// The map in a text; the problem, where it is no TOML.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let table = text.parse::<toml::Table>().map_err(|error| format!("toml: {}", error.message()))?;
    Ok(map(table))
}

fn map(table: toml::Table) -> Value {
    Value::map(table.into_iter().map(|(key, value)| (key, converted(value))))
}

fn converted(value: Toml) -> Value {
    match value {
        Toml::String(text) => Value::from(text),
        Toml::Integer(number) => Value::int64(number),
        Toml::Float(number) => Value::Float(number),
        Toml::Boolean(truth) => Value::Bool(truth),
        Toml::Datetime(moment) => {
            dates::read(&moment.to_string()).unwrap_or_else(|| Value::from(moment.to_string()))
        }
        Toml::Array(items) => Value::list(items.into_iter().map(converted).collect()),
        Toml::Table(table) => map(table),
    }
}
