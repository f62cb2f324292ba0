//! The functions that templates call: Go's own, sprig's, Helm's; one file a noun.
//!
//! *Idea.* Each file has a table of [`Function`]s with the types of their parameters; the engine checks arguments
//! against them before a call, and so gives Go's errors. A function gets its arguments and a [`Call`], its only way to
//! the engine, the cluster's facts and generated values.
//!
//! *Guarantees.* No function reads a clock, an environment variable, a file or the network. What a function produces is
//! charged to the budget before it is made, where its size may exceed that of its arguments by much.
//!
//! *Caveats.* Keys of certificates are on the curve P-256, not RSA, and there are no DSA keys (see `certificates`). `env` and
//! `expandenv` do not exist, as in Helm; `getHostByName` knows no host, as Helm's does unless told otherwise.

mod builtin;
mod certificates;
mod ciphers;
pub(crate) mod convert;
mod dates;
mod dicts;
mod digests;
mod encoding;
mod flow;
mod generated;
pub(crate) mod json_emit;
mod json_problem;
mod lists;
mod math;
pub mod objects;
mod passwords;
mod paths;
mod regex;
pub(crate) mod semver;
mod strings;
mod text_wrap;
mod toml_emit;
mod toml_read;
mod types;
mod urls;
pub(crate) mod yaml_emit;

use std::{collections::BTreeMap, sync::OnceLock};

use crate::template::{
    Draw, FunctionError, Map, MapType, Templates, Text, Value, budget::Meter, exec::Execution,
    generator::Stream, strip_no_value,
};

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Any,
    Text,
    Int,
    Bool,
    /// `map[string]interface {}`
    Map,
    /// `[]interface {}`
    List,
    /// A number of seconds or a time; checked by the function.
    Time,
    /// What `genCA` makes.
    Certificate,
}

impl Parameter {
    /// Go's name.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Certificate => certificates::TYPE_NAME,
        }
    }

    /// What Go says it expected when a constant of another kind stands there.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Int => "integer",
            other => other.type_name(),
        }
    }

    /// Whether nil is a value of the type.
    pub(crate) const fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::Map | Self::List)
    }

    /// Whether a value is of the type.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        use crate::template::{IntType, ListType};
        match self {
            Self::Any => true,
            Self::Text => matches!(value, Value::Text(_)),
            Self::Int => matches!(value, Value::Int(IntType::Int, _)),
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Map => value.as_map().is_some_and(|map| map.kind() != MapType::String),
            Self::List => matches!(value, Value::List(list) if list.kind() == ListType::Interface),
            Self::Time => matches!(value, Value::Object(object) if object.as_time().is_some()),
            Self::Certificate => {
                matches!(value, Value::Object(object) if object.type_name() == certificates::TYPE_NAME)
            }
        }
    }
}

/// What a function answers.
pub(crate) type Answer = Result<Value, FunctionError>;

/// A function of the table.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [Parameter],
    /// The type of any number of further arguments.
    pub(crate) rest: Option<Parameter>,
    pub(crate) run: fn(&mut Call<'_>, &[Value]) -> Answer,
}

/// A function with a fixed number of parameters.
const fn fixed(
    name: &'static str,
    parameters: &'static [Parameter],
    run: fn(&mut Call<'_>, &[Value]) -> Answer,
) -> Function {
    Function { name, parameters, rest: None, run }
}

/// A function with any number of further arguments.
const fn open(
    name: &'static str,
    parameters: &'static [Parameter],
    rest: Parameter,
    run: fn(&mut Call<'_>, &[Value]) -> Answer,
) -> Function {
    Function { name, parameters, rest: Some(rest), run }
}

fn table() -> &'static BTreeMap<&'static str, &'static Function> {
    static TABLE: OnceLock<BTreeMap<&'static str, &'static Function>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let tables = [
            builtin::FUNCTIONS,
            certificates::FUNCTIONS,
            ciphers::FUNCTIONS,
            dates::FUNCTIONS,
            dicts::FUNCTIONS,
            digests::FUNCTIONS,
            encoding::FUNCTIONS,
            flow::FUNCTIONS,
            generated::FUNCTIONS,
            lists::FUNCTIONS,
            math::FUNCTIONS,
            passwords::FUNCTIONS,
            paths::FUNCTIONS,
            regex::FUNCTIONS,
            semver::FUNCTIONS,
            strings::FUNCTIONS,
            text_wrap::FUNCTIONS,
            types::FUNCTIONS,
            urls::FUNCTIONS,
        ];
        tables.into_iter().flatten().map(|function| (function.name, function)).collect()
    })
}

/// The function of a name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    table().get(name).copied()
}

/// Whether there is a function of a name.
pub(crate) fn exists(name: &str) -> bool {
    table().contains_key(name)
}

/// A function's way to the rest of the engine.
pub(crate) struct Call<'c> {
    pub(crate) execution: &'c Execution<'c>,
    pub(crate) function: &'static str,
}

impl Call<'_> {
    pub(crate) fn meter(&self) -> &Meter {
        self.execution.meter
    }

    /// Takes bytes that are about to be made from the budget.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), FunctionError> {
        Ok(self.meter().charge(bytes)?)
    }

    /// Bytes that may still be made.
    pub(crate) fn left(&self) -> usize {
        self.meter().left()
    }

    /// The text that Go prints for a value with `%v`.
    pub(crate) fn display(&self, value: &Value) -> Result<Vec<u8>, FunctionError> {
        Ok(crate::template::format::display(value, self.left())?)
    }

    /// Sets a key of a map and notes that the map was changed.
    pub(crate) fn set(&self, map: &Map, key: Text, value: Value) {
        if matches!(value, Value::Map(_) | Value::List(_)) {
            self.execution.context.note_change(map);
        }
        map.set(key, value);
    }

    /// Executes a template of the set.
    #[inline(never)]
    pub(crate) fn include(&self, name: &str, dot: &Value) -> Answer {
        let _guard = self.meter().enter_template()?;
        if self.execution.templates.get(name).is_none() {
            return Err(FunctionError::UnknownTemplate(name.to_owned()));
        }
        match self.execution.run(name, dot) {
            Ok(text) => Ok(Value::Text(text.into())),
            Err(error) => Err(FunctionError::Template(Box::new(error))),
        }
    }

    /// Parses a text as a template that sees those of the set, and executes it.
    #[inline(never)]
    pub(crate) fn tpl(&self, text: &str, dot: &Value) -> Answer {
        let _guard = self.meter().enter_template()?;
        self.meter().step(u64::try_from(text.len() / 16).unwrap_or(u64::MAX))?;
        let failed = |error| FunctionError::Template(Box::new(error));
        let mut templates = Templates::inside(self.execution.templates);
        templates.parse("gotpl", text).map_err(failed)?;
        let execution = Execution {
            templates: &templates,
            context: self.execution.context,
            meter: self.execution.meter,
            file: self.execution.file,
        };
        // An empty text adds no template of its own over an outer one.
        let text = if templates.get("gotpl").is_some() {
            execution.run("gotpl", dot).map_err(failed)?
        } else {
            Vec::new()
        };
        let text = match String::from_utf8(text) {
            Ok(text) => Text::from(strip_no_value(&text)),
            Err(error) => Text::from(error.into_bytes()),
        };
        Ok(Value::Text(text))
    }

    /// Random bytes of this very call.
    pub(crate) fn stream<T>(
        &self,
        arguments: &[Value],
        draw: impl FnOnce(&mut Stream<'_>) -> T,
    ) -> Result<T, FunctionError> {
        let mut shown = Vec::new();
        for argument in arguments {
            shown.push(String::from_utf8_lossy(&self.display(argument)?).into_owned());
        }
        let context = self.execution.context;
        // By file, so that what one draws does not depend on what was executed before it.
        let key = format!("{}\u{0}{}\u{0}{}", self.execution.file, self.function, shown.join("\u{0}"));
        let occurrence = self.meter().occurrence(key);
        let request =
            Draw { template: self.execution.file, function: self.function, arguments: &shown, occurrence };
        Ok(draw(&mut Stream::new(&*context.generator, request)))
    }
}

/// Arguments by position. The table has checked types already; what is missing or nil reads as the type's zero.
pub(crate) trait Arguments {
    fn at(&self, index: usize) -> &Value;
    fn bytes(&self, index: usize) -> &[u8];
    fn string(&self, index: usize) -> std::borrow::Cow<'_, str>;
    fn integer(&self, index: usize) -> i64;
    fn truth_of(&self, index: usize) -> bool;
    fn after(&self, index: usize) -> &[Value];
}

impl Arguments for [Value] {
    fn at(&self, index: usize) -> &Value {
        self.get(index).unwrap_or(&Value::Nil)
    }

    fn bytes(&self, index: usize) -> &[u8] {
        match self.get(index) {
            Some(Value::Text(text) | Value::Bytes(text)) => text.as_bytes(),
            _ => &[],
        }
    }

    fn string(&self, index: usize) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(index))
    }

    fn integer(&self, index: usize) -> i64 {
        self.get(index).and_then(Value::as_int).unwrap_or(0)
    }

    fn truth_of(&self, index: usize) -> bool {
        matches!(self.get(index), Some(Value::Bool(true)))
    }

    fn after(&self, index: usize) -> &[Value] {
        self.get(index..).unwrap_or_default()
    }
}

/// The methods of Helm's type of `.Values`.
pub(crate) fn values_method(map: &Map, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let path = || arguments.string(0).into_owned();
    match name {
        "AsMap" => Ok(Value::Map(map.seen_as(MapType::Interface))),
        "YAML" => match yaml_emit::emit(&Value::Map(map.clone()), 16 << 20) {
            Ok(text) => Ok(Value::from(text)),
            Err(error) => Err(error.to_string()),
        },
        _ => {
            let mut value = Value::Map(map.clone());
            for part in path().split('.').filter(|part| !part.is_empty()) {
                let inner = value.as_map().and_then(|map| map.get(part.as_bytes()));
                value = inner.ok_or_else(|| {
                    format!("{:?} is not a {}", path(), if name == "Table" { "table" } else { "value" })
                })?;
            }
            match (name, &value) {
                ("Table", Value::Map(_)) => Ok(value),
                ("Table", _) | (_, Value::Map(_)) => {
                    Err(format!("{:?} is not a {}", path(), if name == "Table" { "table" } else { "value" }))
                }
                _ => Ok(value),
            }
        }
    }
}
