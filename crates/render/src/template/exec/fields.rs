//! Fields and methods: `.a.b`, and what each type of value answers to a name.

use super::{Done, Frame};
use crate::{
    functions,
    template::{
        node::Operand,
        value::{MapType, Value},
    },
};

impl Frame<'_> {
    /// Follows fields; the last may be a method with arguments.
    pub(super) fn fields(
        &mut self,
        dot: &Value,
        receiver: Value,
        at: &Operand,
        names: &[String],
        arguments: &[Operand],
        passed: Option<Value>,
    ) -> Done<Value> {
        let Some((last, front)) = names.split_last() else { return Ok(receiver) };
        let mut value = receiver;
        for name in front {
            value = self.field(dot, &value, at, name, &[], None)?;
        }
        self.field(dot, &value, at, last, arguments, passed)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        at: &Operand,
        name: &str,
        arguments: &[Operand],
        passed: Option<Value>,
    ) -> Done<Value> {
        let has_arguments = !arguments.is_empty() || passed.is_some();
        match receiver {
            Value::Absent => Ok(Value::Absent),
            Value::Nil => self.refuse(at, format!("nil pointer evaluating interface {{}}.{name}")),
            Value::Map(map) => {
                if map.kind() == MapType::Values && matches!(name, "AsMap" | "YAML" | "Table" | "PathValue") {
                    let values = self.method_arguments(dot, arguments, passed)?;
                    return match functions::values_method(map, name, &values) {
                        Ok(value) => Ok(value),
                        Err(message) => self.refuse(at, format!("error calling {name}: {message}")),
                    };
                }
                if has_arguments {
                    return self.refuse(at, format!("{name} is not a method but has arguments"));
                }
                match map.get(name.as_bytes()) {
                    Some(Value::Absent) => Ok(Value::Nil),
                    Some(value) => Ok(value),
                    // The zero value of a map of strings is the empty string.
                    None if map.kind() == MapType::String => Ok(Value::from("")),
                    None => Ok(Value::Nil),
                }
            }
            Value::Object(object) => {
                let values = self.method_arguments(dot, arguments, passed)?;
                match object.call_method(name, &values) {
                    Some(Ok(value)) => return Ok(value),
                    Some(Err(message)) => return self.refuse(at, format!("error calling {name}: {message}")),
                    None => {}
                }
                match object.field(name) {
                    Some(_) if has_arguments => {
                        self.refuse(at, format!("{name} has arguments but cannot be invoked as function"))
                    }
                    Some(value) => Ok(value),
                    None => {
                        self.refuse(at, format!("can't evaluate field {name} in type {}", object.type_name()))
                    }
                }
            }
            other => self.refuse(at, format!("can't evaluate field {name} in type {}", other.type_name())),
        }
    }

    fn method_arguments(
        &mut self,
        dot: &Value,
        arguments: &[Operand],
        passed: Option<Value>,
    ) -> Done<Vec<Value>> {
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.plain(dot, argument)?);
        }
        values.extend(passed);
        Ok(values)
    }
}
