//! Pipelines: commands fed with one another's results, the variables that keep them, and plain operands.

use super::{Done, Frame};
use crate::template::{
    error::{ErrorKind, TemplateError},
    node::{Command, Operand, OperandKind, Pipeline},
    value::Value,
};

impl Frame<'_> {
    /// The value of a pipeline, given to its variables.
    pub(super) fn pipeline(&mut self, dot: &Value, pipeline: &Pipeline) -> Done<Value> {
        let value = self.commands(dot, pipeline)?;
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(pipeline, name, value.clone(), usize::MAX)?;
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn commands(&mut self, dot: &Value, pipeline: &Pipeline) -> Done<Value> {
        let _guard =
            self.execution.meter.enter().map_err(|exhausted| self.exhausted(pipeline.position, exhausted))?;
        let mut passed = None;
        for command in &pipeline.commands {
            self.step(pipeline.position)?;
            let value = match self.command(dot, command, passed.take())? {
                Value::Nil => Value::Absent,
                value => value,
            };
            passed = Some(value);
        }
        Ok(passed.unwrap_or(Value::Absent))
    }

    fn command(&mut self, dot: &Value, command: &Command, passed: Option<Value>) -> Done<Value> {
        let Some((head, arguments)) = command.words.split_first() else { return Ok(Value::Absent) };
        match &head.kind {
            OperandKind::Function(name) => self.function(dot, head, name, arguments, passed),
            OperandKind::Field(names) => self.fields(dot, dot.clone(), head, names, arguments, passed),
            OperandKind::Variable(name, names) => {
                let value = self.variable(head, name)?;
                if names.is_empty() {
                    self.takes_no_arguments(head, arguments, passed.as_ref())?;
                    return Ok(value);
                }
                self.fields(dot, value, head, names, arguments, passed)
            }
            OperandKind::Chain(inner, names) => {
                let value = self.chain_head(dot, inner)?;
                self.fields(dot, value, head, names, arguments, passed)
            }
            OperandKind::Pipeline(pipeline) => {
                self.takes_no_arguments(head, arguments, passed.as_ref())?;
                self.pipeline(dot, pipeline)
            }
            OperandKind::Nil => self.refuse(head, "nil is not a command"),
            OperandKind::Dot | OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::Text { .. } => {
                self.takes_no_arguments(head, arguments, passed.as_ref())?;
                self.plain(dot, head)
            }
        }
    }

    fn takes_no_arguments(&self, head: &Operand, arguments: &[Operand], passed: Option<&Value>) -> Done<()> {
        if arguments.is_empty() && passed.is_none() {
            return Ok(());
        }
        self.refuse(head, format!("can't give argument to non-function {head}"))
    }

    fn chain_head(&mut self, dot: &Value, inner: &Operand) -> Done<Value> {
        match &inner.kind {
            OperandKind::Pipeline(pipeline) => self.pipeline(dot, pipeline),
            OperandKind::Function(name) => self.function(dot, inner, name, &[], None),
            OperandKind::Nil => self.refuse(inner, "indirection through explicit nil"),
            _ => self.plain(dot, inner),
        }
    }

    fn variable(&self, at: &Operand, name: &str) -> Done<Value> {
        match self.variables.iter().rev().find(|(known, _)| known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.refuse(at, format!("undefined variable: {name}")),
        }
    }

    /// An operand that is no call with arguments, as a parameter of any type takes it.
    pub(super) fn plain(&mut self, dot: &Value, operand: &Operand) -> Done<Value> {
        match &operand.kind {
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => Ok(Value::Nil),
            OperandKind::Bool(truth) => Ok(Value::Bool(*truth)),
            OperandKind::Number(number) => match number.whole {
                _ if number.is_float => Ok(Value::Float(number.float)),
                Some(whole) => Ok(Value::int(whole)),
                None => {
                    self.refuse(operand, format!("integer overflow: {number:?}", number = number.written))
                }
            },
            OperandKind::Text { value, .. } => Ok(Value::Text(value.as_slice().into())),
            OperandKind::Pipeline(pipeline) => self.pipeline(dot, pipeline),
            OperandKind::Function(name) => self.function(dot, operand, name, &[], None),
            OperandKind::Field(names) => self.fields(dot, dot.clone(), operand, names, &[], None),
            OperandKind::Variable(name, names) => {
                let value = self.variable(operand, name)?;
                self.fields(dot, value, operand, names, &[], None)
            }
            OperandKind::Chain(inner, names) => {
                let value = self.chain_head(dot, inner)?;
                self.fields(dot, value, operand, names, &[], None)
            }
        }
    }

    pub(super) fn refuse_pipeline<T>(&self, pipeline: &Pipeline, message: String) -> Done<T> {
        Err(Box::new(TemplateError {
            kind: ErrorKind::Execute,
            place: self.boxed_place(pipeline.position, &pipeline.to_string()),
            message,
            included_from: Vec::new(),
        }))
    }

    /// Sets the newest variable of a name below a level of the stack.
    pub(super) fn assign(&mut self, pipeline: &Pipeline, name: &str, value: Value, below: usize) -> Done<()> {
        let found = self.variables.iter_mut().take(below).rev().find(|(known, _)| known == name);
        match found {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.refuse_pipeline(pipeline, format!("undefined variable: {name}")),
        }
    }
}
