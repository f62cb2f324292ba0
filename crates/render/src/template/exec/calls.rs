//! Calls of functions: arguments are checked against the types of the parameters first, with Go's words for what does
//! not fit.

use super::{Done, Frame};
use crate::{
    functions::{self, Call, Function, Parameter},
    template::{
        error::{ErrorKind, FunctionError},
        node::{Operand, OperandKind},
        value::Value,
    },
};

impl Frame<'_> {
    pub(super) fn function(
        &mut self,
        dot: &Value,
        at: &Operand,
        name: &str,
        arguments: &[Operand],
        passed: Option<Value>,
    ) -> Done<Value> {
        let Some(function) = functions::find(name) else {
            return self.refuse(at, format!("{name:?} is not a defined function"));
        };
        let given = arguments.len() + usize::from(passed.is_some());
        let wanted = function.parameters.len();
        let fits = if function.rest.is_some() { given >= wanted } else { given == wanted };
        if !fits {
            let least = if function.rest.is_some() { "at least " } else { "" };
            return self
                .refuse(at, format!("wrong number of args for {name}: want {least}{wanted} got {given}"));
        }
        if name == "and" || name == "or" {
            return self.short_circuit(dot, name == "or", arguments, passed);
        }
        let parameter = |index: usize| {
            function.parameters.get(index).copied().or(function.rest).unwrap_or(Parameter::Any)
        };
        let mut values = Vec::with_capacity(given);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(dot, argument, parameter(index))?);
        }
        if let Some(value) = passed {
            values.push(self.fitting(at, value, parameter(arguments.len()))?);
        }
        self.call(at, function, &values)
    }

    #[inline(never)]
    fn call(&self, at: &Operand, function: &'static Function, values: &[Value]) -> Done<Value> {
        let meter = self.execution.meter;
        let mut call = Call { execution: self.execution, function: function.name };
        let result = (function.run)(&mut call, values).and_then(|value| {
            let size = match &value {
                Value::Text(text) | Value::Bytes(text) => text.len(),
                Value::List(list) => list.items().len().saturating_mul(32),
                _ => 0,
            };
            meter.charge(size)?;
            Ok(value)
        });
        result.map_err(|error| {
            let name = function.name.to_owned();
            match error {
                FunctionError::Refused(message) => {
                    let message = format!("error calling {name}: {message}");
                    self.error(ErrorKind::Function { function: name }, at, message)
                }
                FunctionError::Failed(message) => {
                    self.error(ErrorKind::Refused, at, format!("error calling {name}: {message}"))
                }
                FunctionError::Budget(exhausted) => {
                    self.error(ErrorKind::Budget(exhausted), at, exhausted.to_string())
                }
                FunctionError::UnknownTemplate(template) => {
                    let message = format!("error calling {name}: no template {template:?}");
                    self.error(ErrorKind::UnknownTemplate, at, message)
                }
                FunctionError::Template(mut error) => {
                    error.included_from.push(self.place(at.position, &at.to_string()));
                    error
                }
            }
        })
    }

    /// `and`, `or`: evaluates no more arguments than needed.
    fn short_circuit(
        &mut self,
        dot: &Value,
        stop_on: bool,
        arguments: &[Operand],
        passed: Option<Value>,
    ) -> Done<Value> {
        let mut value = Value::Nil;
        for argument in arguments {
            value = self.argument(dot, argument, Parameter::Any)?;
            if value.truth() == stop_on {
                return Ok(value);
            }
        }
        Ok(match passed {
            Some(Value::Absent) => Value::Nil,
            Some(passed) => passed,
            None => value,
        })
    }

    /// An argument as a parameter takes it.
    fn argument(&mut self, dot: &Value, operand: &Operand, parameter: Parameter) -> Done<Value> {
        let found =
            |frame: &Self, wanted: &str| frame.refuse(operand, format!("expected {wanted}; found {operand}"));
        match &operand.kind {
            OperandKind::Nil if parameter.takes_nil() => Ok(Value::Nil),
            OperandKind::Nil => {
                self.refuse(operand, format!("cannot assign nil to {}", parameter.type_name()))
            }
            OperandKind::Bool(_) if !matches!(parameter, Parameter::Any | Parameter::Bool) => {
                found(self, parameter.noun())
            }
            OperandKind::Text { .. } if !matches!(parameter, Parameter::Any | Parameter::Text) => {
                found(self, parameter.noun())
            }
            OperandKind::Number(number) => match parameter {
                Parameter::Any => self.plain(dot, operand),
                Parameter::Int => match number.whole {
                    Some(whole) => Ok(Value::int(whole)),
                    None => found(self, "integer"),
                },
                _ => found(self, parameter.noun()),
            },
            _ => {
                let value = self.plain(dot, operand)?;
                self.fitting(operand, value, parameter)
            }
        }
    }

    /// Checks a value against the type of a parameter.
    fn fitting(&self, at: &Operand, value: Value, parameter: Parameter) -> Done<Value> {
        match value {
            Value::Absent if parameter.takes_nil() => Ok(Value::Nil),
            Value::Absent => self.refuse(at, format!("invalid value; expected {}", parameter.type_name())),
            value if parameter.accepts(&value) => Ok(value),
            value => self.refuse(
                at,
                format!(
                    "wrong type for value; expected {}; got {}",
                    parameter.type_name(),
                    value.static_type_name()
                ),
            ),
        }
    }
}
