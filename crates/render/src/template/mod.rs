//! Go's `text/template`, as a library of its own.
//!
//! *Idea.* A text is cut into tokens (`lexer`), made into nodes (`parser`, `node`) and executed against a [`Value`]
//! (`exec`), with Go's printing (`format`, `number`) and the functions of [`crate::functions`]. An [`Engine`] is a set
//! of parsed templates; it is immutable while executing and may be shared between threads. A [`Context`] carries what
//! one render brings along: the cluster's facts, a source of generated values, budgets.
//!
//! *Guarantees.* Pure: the only inputs are the texts, the value, and what the [`Context`] answers. Parsing and executing
//! end for every input (see [`budget`]), never panic, and every error has file, line and column.
//!
//! *Caveats.* Values are shared and mutable, as in Go, so one execution may change what a later one sees: execute the
//! templates of one render in a fixed order. A [`Context`] belongs to one render. Missing keys are Helm's way: they
//! print as `<no value>`, and a field of one is an error.

pub mod budget;
pub mod error;
pub mod facts;
pub mod generator;
pub mod value;

pub(crate) mod exec;
pub(crate) mod format;
mod lexer;
mod node;
pub(crate) mod number;
mod parser;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

pub use budget::{Budget, with_large_stack};
pub use error::{ErrorKind, Exhausted, FunctionError, Place, TemplateError};
pub use facts::{FactReader, KubeVersion};
pub use generator::{Draw, Generator, SeededGenerator};
pub use value::{IntType, List, ListType, Map, MapType, Numbers, Object, Text, Value};

use crate::functions;
use budget::Meter;
use parser::Template;

/// A set of parsed templates that may call each other.
#[derive(Debug, Default, Clone)]
pub struct Engine {
    templates: Templates<'static>,
}

/// What one render brings along. Holds on to the maps that templates changed, and frees those that hold themselves.
#[derive(Debug)]
pub struct Context {
    /// The cluster's facts.
    pub facts: Rc<dyn FactReader>,
    /// The source of generated values.
    pub generator: Rc<dyn Generator>,
    /// What each execution may use, or all of them together after [`Context::sharing_budget`].
    pub budget: Budget,
    shared: Option<Meter>,
    changed: RefCell<BTreeMap<usize, Map>>,
}

impl Context {
    /// A context with the default budget.
    #[must_use]
    pub fn new(facts: Rc<dyn FactReader>, generator: Rc<dyn Generator>) -> Self {
        Self { facts, generator, budget: Budget::default(), shared: None, changed: RefCell::default() }
    }

    /// The same with another budget.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The same, with one budget for all executions together.
    #[must_use]
    pub fn sharing_budget(mut self) -> Self {
        self.shared = Some(Meter::new(self.budget));
        self
    }

    /// The meter that all executions share, if they do.
    pub(crate) const fn shared(&self) -> Option<&Meter> {
        self.shared.as_ref()
    }

    /// Notes that a template put something into a map: only that can close a circle.
    pub(crate) fn note_change(&self, map: &Map) {
        self.changed.borrow_mut().insert(map.address(), map.clone());
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        for map in std::mem::take(self.changed.get_mut()).into_values() {
            if holds_itself(&map) {
                map.clear();
            }
        }
    }
}

fn holds_itself(map: &Map) -> bool {
    let mut seen = BTreeSet::new();
    let mut pending: Vec<Value> = map.entries().into_iter().map(|(_, value)| value).collect();
    while let Some(value) = pending.pop() {
        match value {
            Value::Map(inner) if inner.is_same(map) => return true,
            Value::Map(inner) if seen.insert(inner.address()) => {
                pending.extend(inner.entries().into_iter().map(|(_, value)| value));
            }
            Value::List(list) => pending.extend(list.items().iter().cloned()),
            _ => {}
        }
    }
    false
}

impl Engine {
    /// An engine without templates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a text and adds it under a name, with its defines. What was there under a name is replaced, unless the
    /// new one is empty.
    ///
    /// # Errors
    /// [`ErrorKind::Parse`] with file and line.
    pub fn parse(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        self.templates.parse(name, text)
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.templates.own.keys().map(String::as_str)
    }

    /// Executes a template on a value and gives its text; bytes that are not UTF-8 become U+FFFD. Missing values stand
    /// in it as `<no value>`; [`strip_no_value`] removes them as Helm does.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but [`ErrorKind::Parse`], which only `tpl` can cause here.
    pub fn execute(&self, name: &str, root: &Value, context: &Context) -> Result<String, TemplateError> {
        let bytes = exec::execute(&self.templates, name, root, context)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

/// What Helm does to the final text of a file, and to the result of `tpl`, but not to that of `include`.
#[must_use]
pub fn strip_no_value(text: &str) -> String {
    text.replace("<no value>", "")
}

/// Templates by name, over those of an outer set.
#[derive(Debug, Default, Clone)]
pub(crate) struct Templates<'p> {
    own: BTreeMap<String, Arc<Template>>,
    outer: Option<&'p Self>,
}

impl<'p> Templates<'p> {
    /// A set whose templates are seen only by those who use it.
    pub(crate) const fn inside(outer: &'p Self) -> Self {
        Self { own: BTreeMap::new(), outer: Some(outer) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Template>> {
        let mut set = Some(self);
        while let Some(templates) = set {
            if let Some(template) = templates.own.get(name) {
                return Some(Arc::clone(template));
            }
            set = templates.outer;
        }
        None
    }

    pub(crate) fn parse(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        for template in parser::parse(name, text, &functions::exists)? {
            if template.is_empty() && self.get(&template.name).is_some_and(|former| !former.is_empty()) {
                continue;
            }
            self.own.insert(template.name.clone(), Arc::new(template));
        }
        Ok(())
    }
}
