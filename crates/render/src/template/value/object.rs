//! Things with fields and methods.

use std::fmt;

use super::Value;

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
