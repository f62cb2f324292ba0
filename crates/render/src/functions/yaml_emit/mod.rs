//! YAML as Helm's `toYaml` writes it, byte for byte.
//!
//! *Idea.* Charts hash emitted YAML and embed it in texts, so the form matters: keys in natural order (`a9` before
//! `a10`), lists not indented under their key, texts plain where YAML 1.1 would read the same text back, in literal
//! blocks where they have several lines, in quotes elsewhere, and long ones folded at the first space behind column 80.
//!
//! *Guarantees.* At most `limit` bytes and [`MAX_NESTING`] levels. What is written reads back as the same value.

mod order;
mod resolution;
mod style;
mod texts;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use order::in_natural_order;
use style::{Style, is_break, style_of};

use crate::template::{Exhausted, Text, Value, format::MAX_NESTING, number, value::whole};

/// Lines are folded behind this column.
const WIDTH: usize = 80;
/// Keys up to this length stand on the line of their colon.
const SIMPLE_KEY: usize = 128;

/// Why a value cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmitError {
    /// A value without YAML form.
    #[error("{0}")]
    Unsupported(String),
    /// Too large or too deep.
    #[error("{0}")]
    Budget(Exhausted),
}

/// The YAML of a value, with a newline at the end.
pub(crate) fn emit(value: &Value, limit: usize) -> Result<String, EmitError> {
    Emitter { out: String::new(), column: 0, limit, width: WIDTH, indented: false }.document(value)
}

/// The same as Helm's `toYamlPretty` writes it: lists indented under their key, nothing folded, floats as they print.
pub(crate) fn emit_indented(value: &Value, limit: usize) -> Result<String, EmitError> {
    Emitter { out: String::new(), column: 0, limit, width: usize::MAX / 2, indented: true }.document(value)
}

/// Where a node goes.
#[derive(Clone, Copy)]
struct Place {
    /// Column of the entries of a block collection here.
    indent: usize,
    /// Nothing stands on the line yet but what belongs to the collection around (`- `).
    fresh: bool,
    /// Column that the lines of a text are indented to.
    scalar_indent: usize,
}

struct Emitter {
    out: String,
    /// Characters on the present line.
    column: usize,
    limit: usize,
    /// Lines are folded behind this column.
    width: usize,
    /// Whether lists are indented under their key.
    indented: bool,
}

impl Emitter {
    fn document(mut self, value: &Value) -> Result<String, EmitError> {
        self.node(value, Place { indent: 0, fresh: true, scalar_indent: 2 }, 0)?;
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        Ok(self.out)
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn new_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
        self.column = indent;
    }

    fn node(&mut self, value: &Value, place: Place, depth: usize) -> Result<(), EmitError> {
        if depth > MAX_NESTING {
            return Err(EmitError::Budget(Exhausted::Nesting));
        }
        if self.out.len() > self.limit {
            return Err(EmitError::Budget(Exhausted::Memory));
        }
        match value {
            Value::List(list) if list.items().is_empty() => self.inline("[]", place),
            Value::Map(map) if map.is_empty() => self.inline("{}", place),
            Value::List(list) => {
                for (index, item) in list.items().iter().enumerate() {
                    if index > 0 || !place.fresh {
                        self.new_line(place.indent);
                    }
                    self.put("-");
                    let inner =
                        Place { indent: place.indent + 2, fresh: true, scalar_indent: place.indent + 2 };
                    if is_collection(item) {
                        self.put(" ");
                    }
                    self.node(item, inner, depth + 1)?;
                }
            }
            Value::Map(map) => {
                let entries = in_natural_order(map.entries(), |(key, _)| key.to_str());
                for (index, (key, item)) in entries.iter().enumerate() {
                    if index > 0 || !place.fresh {
                        self.new_line(place.indent);
                    }
                    self.entry(key, item, place.indent, depth)?;
                }
            }
            Value::Object(object) => self.node(&object.encoded(), place, depth + 1)?,
            scalar => self.scalar(scalar, place)?,
        }
        Ok(())
    }

    fn entry(&mut self, key: &Text, item: &Value, indent: usize, depth: usize) -> Result<(), EmitError> {
        let key = key.to_str();
        let simple = key.len() <= SIMPLE_KEY && !key.contains(is_break);
        if simple {
            match style_of(&key, true) {
                Style::Plain => self.put(&key),
                Style::Single => self.single(&key, false, indent),
                _ => self.double(&key, false, indent),
            }
        } else {
            self.put("?");
            self.text(&key, Place { indent, fresh: true, scalar_indent: indent + 2 });
            if !self.out.ends_with('\n') {
                self.new_line(indent);
            }
        }
        self.put(":");
        let at_key = !simple;
        let sequence = matches!(item, Value::List(_));
        let inner = Place {
            // A list stands at the column of its key.
            indent: if sequence && !at_key && !self.indented { indent } else { indent + 2 },
            fresh: at_key,
            scalar_indent: indent + 2,
        };
        if at_key && is_collection(item) {
            self.put(" ");
        }
        self.node(item, inner, depth + 1)
    }

    /// A word that has one form only.
    fn inline(&mut self, text: &str, place: Place) {
        self.gap(place);
        self.put(text);
    }

    /// The space between an indicator and a scalar.
    fn gap(&mut self, _: Place) {
        if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
            self.put(" ");
        }
    }

    fn scalar(&mut self, value: &Value, place: Place) -> Result<(), EmitError> {
        match value {
            Value::Absent | Value::Nil => self.inline("null", place),
            Value::Bool(truth) => self.inline(if *truth { "true" } else { "false" }, place),
            Value::Int(_, number) => self.inline(&number.to_string(), place),
            Value::Float(number) => {
                let text = if self.indented { Some(number::print(*number)) } else { float(*number) };
                let text = text.ok_or_else(|| {
                    EmitError::Unsupported(format!("json: unsupported value: {}", number::print(*number)))
                })?;
                self.inline(&text, place);
            }
            Value::Bytes(bytes) => self.text(&STANDARD.encode(bytes.as_bytes()), place),
            other => {
                let text = other.as_text().map(|text| text.to_str().into_owned()).unwrap_or_default();
                self.text(&text, place);
            }
        }
        Ok(())
    }
}

fn is_collection(value: &Value) -> bool {
    match value {
        Value::List(list) => !list.items().is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Object(object) => is_collection(&object.encoded()),
        _ => false,
    }
}

/// A float goes through JSON first, so whole ones lose their point.
fn float(number: f64) -> Option<String> {
    let json = number::json(number)?;
    if let Some(whole) = whole(number) {
        return Some(whole.to_string());
    }
    // Whole numbers that fit 64 bits are integers in the JSON text already.
    if json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok() {
        return Some(json);
    }
    Some(number::print(number))
}
