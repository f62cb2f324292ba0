//! Executes templates.
//!
//! *Idea.* One [`Frame`] per template that is executing: its variables, its output. Go tells three kinds of "nothing"
//! apart and so does this module: a field gives [`Value::Nil`], and passing it on as it is to a function of another
//! type is an error; the result of a pipeline, or a variable set from one, is [`Value::Absent`], which fits maps and
//! lists, and whose fields are absent again.

mod calls;
mod fields;
mod pipeline;
mod range;

use super::{
    Context, Templates,
    budget::Meter,
    error::{ErrorKind, Exhausted, Place, TemplateError},
    format,
    node::{Body, Branches, Node, Operand, Pipeline, Position},
    parser::Template,
    value::Value,
};

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
    let own;
    let meter = match context.shared() {
        Some(meter) => meter,
        None => {
            own = Meter::new(context.budget);
            &own
        }
    };
    let execution = Execution { templates, context, meter, file: name };
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
}
