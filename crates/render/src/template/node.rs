//! The parts of a parsed template, and their text as error messages quote it.

use std::fmt;

/// An offset in bytes into the text of the template.
pub(crate) type Position = usize;

/// A sequence of nodes.
pub(crate) type Body = Vec<Node>;

/// One part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    /// Text to be copied.
    Text(Box<str>),
    /// `{{ pipeline }}`
    Action(Pipeline),
    /// `{{ if }}` with its `else if` branches.
    If(Branches),
    /// `{{ with }}` with its `else with` branches.
    With(Branches),
    /// `{{ range }}`
    Range(Box<Range>),
    /// `{{ template "name" pipeline }}`
    Template { position: Position, name: String, argument: Option<Pipeline> },
    /// `{{ break }}`
    Break,
    /// `{{ continue }}`
    Continue,
}

/// Conditions tried in turn, each with its body, and what stands for none of them.
#[derive(Debug)]
pub(crate) struct Branches {
    pub(crate) branches: Vec<(Pipeline, Body)>,
    pub(crate) otherwise: Body,
}

/// A loop.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) pipeline: Pipeline,
    pub(crate) body: Body,
    pub(crate) otherwise: Body,
}

/// Commands, each fed with the result of the one before, and the variables that get the last result.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) position: Position,
    /// `=` rather than `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

/// A function, method or plain operand with its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) words: Vec<Operand>,
}

/// One operand with its place.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) position: Position,
    pub(crate) kind: OperandKind,
}

#[derive(Debug)]
pub(crate) enum OperandKind {
    /// A function's name.
    Function(String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`: name with the dollar sign, then fields.
    Variable(String, Vec<String>),
    /// `(pipeline).a.b`
    Chain(Box<Operand>, Vec<String>),
    /// `(pipeline)`
    Pipeline(Box<Pipeline>),
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// A number or character.
    Number(Number),
    /// A text, with how it was written.
    Text { value: Vec<u8>, written: String },
}

/// A number constant: which types it can take.
#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub(crate) written: String,
    /// Its value if it is whole and fits `int64`.
    pub(crate) whole: Option<i64>,
    pub(crate) float: f64,
    /// Whether it is a float when nothing says otherwise.
    pub(crate) is_float: bool,
}

fn fields(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Function(name) => f.write_str(name),
            OperandKind::Field(names) => fields(f, names),
            OperandKind::Variable(name, names) => {
                f.write_str(name)?;
                fields(f, names)
            }
            OperandKind::Chain(inner, names) => {
                write!(f, "{inner}")?;
                fields(f, names)
            }
            OperandKind::Pipeline(pipeline) => write!(f, "({pipeline})"),
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Bool(truth) => write!(f, "{truth}"),
            OperandKind::Number(number) => f.write_str(&number.written),
            OperandKind::Text { written, .. } => f.write_str(written),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{word}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(f, "{} {} ", self.variables.join(", "), if self.assigns { "=" } else { ":=" })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{command}")?;
        }
        Ok(())
    }
}
