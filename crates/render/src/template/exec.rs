//! Executes templates.
//!
//! *Idea.* One [`Frame`] per template that is executing: its variables, its output. Go tells three kinds of "nothing"
//! apart and so does this module: a field gives [`Value::Nil`], and passing it on as it is to a function of another
//! type is an error; the result of a pipeline, or a variable set from one, is [`Value::Absent`], which fits maps and
//! lists, and whose fields are absent again.

use super::{
    Context, Templates,
    budget::Meter,
    error::{ErrorKind, Exhausted, FunctionError, Place, TemplateError},
    format,
    node::{Body, Branches, Command, Node, Operand, OperandKind, Pipeline, Position, Range},
    parser::Template,
    value::{MapType, Value, length},
};
use crate::functions::{self, Call, Function, Parameter};

/// What all frames of one execution share.
pub(crate) struct Execution<'e> {
    pub(crate) templates: &'e Templates<'e>,
    pub(crate) context: &'e Context,
    pub(crate) meter: &'e Meter,
    /// The file that is rendered, for generated values.
    pub(crate) file: &'e str,
}

/// Executes a template from outside.
pub(crate) fn execute(
    templates: &Templates<'_>,
    name: &str,
    root: &Value,
    context: &Context,
) -> Result<Vec<u8>, TemplateError> {
    let meter = Meter::new(context.budget);
    let execution = Execution { templates, context, meter: &meter, file: name };
    execution.run(name, root)
}

impl Execution<'_> {
    /// Executes a template of the set on a value; used by `include` and `tpl` too.
    pub(crate) fn run(&self, name: &str, dot: &Value) -> Result<Vec<u8>, TemplateError> {
        let Some(template) = self.templates.get(name) else {
            return Err(TemplateError {
                kind: ErrorKind::UnknownTemplate,
                place: Box::new(Place {
                    file: name.to_owned(),
                    line: 1,
                    column: None,
                    template: String::new(),
                    action: String::new(),
                }),
                message: format!("no template {name:?}"),
                included_from: Vec::new(),
            });
        };
        let mut frame = Frame {
            execution: self,
            template: &template,
            variables: vec![("$".to_owned(), dot.clone())],
            out: Vec::new(),
        };
        frame.body(dot, &template.body)?;
        Ok(frame.out)
    }
}

struct Frame<'f> {
    execution: &'f Execution<'f>,
    template: &'f Template,
    variables: Vec<(String, Value)>,
    out: Vec<u8>,
}

/// How a body ended.
enum Flow {
    On,
    Break,
    Continue,
}

type Done<T> = Result<T, Box<TemplateError>>;

impl From<Box<Self>> for TemplateError {
    fn from(error: Box<Self>) -> Self {
        *error
    }
}

impl Frame<'_> {
    fn place(&self, position: Position, action: &str) -> Place {
        let (line, column) = self.template.line_and_column(position);
        let mut action: String = action.to_owned();
        if action.chars().count() > 60 {
            action = action.chars().take(57).chain("...".chars()).collect();
        }
        Place {
            file: self.template.file.clone(),
            line,
            column: Some(column),
            template: self.template.name.clone(),
            action,
        }
    }

    fn boxed_place(&self, position: Position, action: &str) -> Box<Place> {
        Box::new(self.place(position, action))
    }

    fn error(&self, kind: ErrorKind, at: &Operand, message: impl Into<String>) -> Box<TemplateError> {
        Box::new(TemplateError {
            kind,
            place: self.boxed_place(at.position, &at.to_string()),
            message: message.into(),
            included_from: Vec::new(),
        })
    }

    fn refuse<T>(&self, at: &Operand, message: impl Into<String>) -> Done<T> {
        Err(self.error(ErrorKind::Execute, at, message))
    }

    fn exhausted(&self, position: Position, exhausted: Exhausted) -> Box<TemplateError> {
        Box::new(TemplateError {
            kind: ErrorKind::Budget(exhausted),
            place: self.boxed_place(position, ""),
            message: exhausted.to_string(),
            included_from: Vec::new(),
        })
    }

    fn write(&mut self, position: Position, bytes: &[u8]) -> Done<()> {
        self.execution.meter.output(bytes.len()).map_err(|exhausted| self.exhausted(position, exhausted))?;
        self.out.extend(bytes);
        Ok(())
    }

    fn step(&self, position: Position) -> Done<()> {
        self.execution.meter.step(1).map_err(|exhausted| self.exhausted(position, exhausted))
    }

    fn body(&mut self, dot: &Value, body: &Body) -> Done<Flow> {
        let scope = self.variables.len();
        let _guard = self.execution.meter.enter().map_err(|exhausted| self.exhausted(0, exhausted))?;
        for node in body {
            match self.node(dot, node)? {
                Flow::On => {}
                flow => {
                    self.variables.truncate(scope);
                    return Ok(flow);
                }
            }
        }
        self.variables.truncate(scope);
        Ok(Flow::On)
    }

    fn node(&mut self, dot: &Value, node: &Node) -> Done<Flow> {
        match node {
            Node::Text(text) => {
                self.write(0, text.as_bytes())?;
                Ok(Flow::On)
            }
            Node::Action(pipeline) => {
                self.action(dot, pipeline)?;
                Ok(Flow::On)
            }
            Node::If(branches) => self.branches(dot, branches, false),
            Node::With(branches) => self.branches(dot, branches, true),
            Node::Range(range) => self.range(dot, range),
            Node::Template { position, name, argument } => {
                self.template_action(dot, *position, name, argument.as_ref())?;
                Ok(Flow::On)
            }
            Node::Break => Ok(Flow::Break),
            Node::Continue => Ok(Flow::Continue),
        }
    }

    fn action(&mut self, dot: &Value, pipeline: &Pipeline) -> Done<()> {
        let value = self.pipeline(dot, pipeline)?;
        if pipeline.variables.is_empty() {
            self.print(pipeline, &value)?;
        }
        Ok(())
    }

    fn print(&mut self, pipeline: &Pipeline, value: &Value) -> Done<()> {
        match value {
            Value::Absent | Value::Nil => self.write(pipeline.position, b"<no value>"),
            Value::Text(text) => self.write(pipeline.position, text.as_bytes()),
            Value::Object(object) => self.write(pipeline.position, object.text().as_bytes()),
            other => {
                let text = format::display(other, self.execution.meter.left())
                    .map_err(|exhausted| self.exhausted(pipeline.position, exhausted))?;
                self.write(pipeline.position, &text)
            }
        }
    }

    fn branches(&mut self, dot: &Value, branches: &Branches, changes_dot: bool) -> Done<Flow> {
        let scope = self.variables.len();
        for (condition, body) in &branches.branches {
            let value = self.pipeline(dot, condition)?;
            if value.truth() {
                let flow = self.body(if changes_dot { &value } else { dot }, body)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
        }
        let flow = self.body(dot, &branches.otherwise)?;
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn template_action(
        &mut self,
        dot: &Value,
        position: Position,
        name: &str,
        argument: Option<&Pipeline>,
    ) -> Done<()> {
        let Some(template) = self.execution.templates.get(name) else {
            return Err(Box::new(TemplateError {
                kind: ErrorKind::UnknownTemplate,
                place: self.boxed_place(position, &format!("template {name:?}")),
                message: format!("template {name:?} not defined"),
                included_from: Vec::new(),
            }));
        };
        let value = match argument {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Value::Absent,
        };
        let meter = self.execution.meter;
        let _guard = meter.enter_template().map_err(|exhausted| self.exhausted(position, exhausted))?;
        let mut frame = Frame {
            execution: self.execution,
            template: &template,
            variables: vec![("$".to_owned(), value.clone())],
            out: std::mem::take(&mut self.out),
        };
        let result = frame.body(&value, &template.body);
        self.out = frame.out;
        result.map(|_| ()).map_err(|mut error| {
            error.included_from.push(self.place(position, &format!("template {name:?}")));
            error
        })
    }

    fn range(&mut self, dot: &Value, range: &Range) -> Done<Flow> {
        let scope = self.variables.len();
        let pipeline = &range.pipeline;
        // The loop's variables are set round by round, not by the pipeline.
        let value = self.commands(dot, pipeline)?;
        if !pipeline.assigns {
            for name in &pipeline.variables {
                self.variables.push((name.clone(), Value::Absent));
            }
        }
        let inner = self.variables.len();
        let mut rounds = 0_u64;
        let mut stopped = None;
        let mut round = |frame: &mut Self, index: Value, item: Value| -> Done<bool> {
            rounds += 1;
            frame.step(pipeline.position)?;
            match pipeline.variables.as_slice() {
                [one] => frame.assign(pipeline, one, item.clone(), inner)?,
                [first, second] => {
                    frame.assign(pipeline, first, index, inner)?;
                    frame.assign(pipeline, second, item.clone(), inner)?;
                }
                _ => {}
            }
            let flow = frame.body(&item, &range.body)?;
            frame.variables.truncate(inner);
            match flow {
                Flow::Break => {
                    stopped = Some(());
                    Ok(false)
                }
                Flow::On | Flow::Continue => Ok(true),
            }
        };
        match &value {
            Value::Absent | Value::Nil => {}
            Value::List(list) => {
                for (index, item) in list.items().iter().enumerate() {
                    if !round(self, Value::int(length(index)), item.clone())? {
                        break;
                    }
                }
            }
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.as_bytes().iter().enumerate() {
                    let item = Value::Int(super::value::IntType::Uint8, i64::from(*byte));
                    if !round(self, Value::int(length(index)), item)? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, item) in map.entries() {
                    if !round(self, Value::Text(key), item)? {
                        break;
                    }
                }
            }
            Value::Int(kind, count) => {
                if pipeline.variables.len() > 1 {
                    return self.refuse_pipeline(
                        pipeline,
                        format!("can't use {count} to iterate over more than one variable"),
                    );
                }
                for index in 0..*count {
                    if !round(self, Value::Int(*kind, index), Value::Int(*kind, index))? {
                        break;
                    }
                }
            }
            Value::Object(object) => match object.entries() {
                Some(entries) => {
                    for (key, item) in entries {
                        if !round(self, key, item)? {
                            break;
                        }
                    }
                }
                None => {
                    return self
                        .refuse_pipeline(pipeline, format!("range can't iterate over {}", object.text()));
                }
            },
            Value::Bool(_) | Value::Float(_) | Value::Text(_) => {
                let shown = format::display(&value, 4096).unwrap_or_default();
                let shown = String::from_utf8_lossy(&shown).into_owned();
                return self.refuse_pipeline(pipeline, format!("range can't iterate over {shown}"));
            }
        }
        self.variables.truncate(scope);
        if rounds == 0 {
            return self.body(dot, &range.otherwise);
        }
        Ok(Flow::On)
    }

    fn refuse_pipeline<T>(&self, pipeline: &Pipeline, message: String) -> Done<T> {
        Err(Box::new(TemplateError {
            kind: ErrorKind::Execute,
            place: self.boxed_place(pipeline.position, &pipeline.to_string()),
            message,
            included_from: Vec::new(),
        }))
    }

    /// Sets the newest variable of a name below a level of the stack.
    fn assign(&mut self, pipeline: &Pipeline, name: &str, value: Value, below: usize) -> Done<()> {
        let found = self.variables.iter_mut().take(below).rev().find(|(known, _)| known == name);
        match found {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.refuse_pipeline(pipeline, format!("undefined variable: {name}")),
        }
    }

    /// The value of a pipeline, given to its variables.
    fn pipeline(&mut self, dot: &Value, pipeline: &Pipeline) -> Done<Value> {
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

    fn commands(&mut self, dot: &Value, pipeline: &Pipeline) -> Done<Value> {
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
    fn plain(&mut self, dot: &Value, operand: &Operand) -> Done<Value> {
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

    /// Follows fields; the last may be a method with arguments.
    fn fields(
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

    fn function(
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
                FunctionError::Unavailable => {
                    let message = format!("function {name} is not available yet");
                    self.error(ErrorKind::Unavailable { function: name }, at, message)
                }
                FunctionError::Budget(exhausted) => {
                    self.error(ErrorKind::Budget(exhausted), at, exhausted.to_string())
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
