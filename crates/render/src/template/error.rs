//! What can go wrong with a template, and where.

use std::fmt;

/// A place in a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name the text was parsed under, usually a file name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 0 as Go counts; `None` for parse errors, which have only a line.
    pub column: Option<usize>,
    /// The template that was executing: the file itself or one of its defines. Empty for parse errors.
    pub template: String,
    /// The text of the action, shortened. Empty for parse errors.
    pub action: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        if !self.template.is_empty() {
            write!(f, ": executing \"{}\"", self.template)?;
        }
        if !self.action.is_empty() {
            write!(f, " at <{}>", self.action)?;
        }
        Ok(())
    }
}

/// Which budget was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// Too many actions, loop rounds and function calls.
    Steps,
    /// Too much output.
    Output,
    /// Templates include each other too deeply.
    Depth,
    /// Functions made too much text and too many list items.
    Memory,
    /// A value is nested too deeply, or holds itself.
    Nesting,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steps => "the template does not end within its budget of steps",
            Self::Output => "the template writes more than its budget of output",
            Self::Depth => "templates include each other too deeply",
            Self::Memory => "functions produce more text and lists than their budget",
            Self::Nesting => "a value is nested too deeply, or holds itself",
        })
    }
}

/// What kind of error it is; the message is in [`TemplateError::message`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is no template.
    Parse,
    /// No template of that name.
    UnknownTemplate,
    /// An action cannot be carried out.
    Execute,
    /// A function refused its arguments.
    Function {
        /// Its name.
        function: String,
    },
    /// The template itself refused, through `fail` or `required`.
    Refused,
    /// A budget was used up.
    Budget(Exhausted),
}

/// An error of parsing or executing a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct TemplateError {
    /// What kind.
    pub kind: ErrorKind,
    /// Where: the innermost place.
    pub place: Box<Place>,
    /// What, in one sentence.
    pub message: String,
    /// The places that included the innermost one, innermost first.
    pub included_from: Vec<Place>,
}

/// What a function answers when it cannot do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionError {
    /// It refuses its arguments.
    Refused(String),
    /// The template asked for the refusal: `fail`, `required`.
    Failed(String),
    /// A budget was used up.
    Budget(Exhausted),
    /// It was to execute a template that there is not.
    UnknownTemplate(String),
    /// A template that it executed failed.
    Template(Box<TemplateError>),
}

impl From<String> for FunctionError {
    fn from(message: String) -> Self {
        Self::Refused(message)
    }
}

impl From<&str> for FunctionError {
    fn from(message: &str) -> Self {
        Self::Refused(message.to_owned())
    }
}

impl From<Exhausted> for FunctionError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Budget(exhausted)
    }
}
