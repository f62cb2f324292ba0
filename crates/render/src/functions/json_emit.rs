//! JSON as Go writes it: keys sorted, floats shortest, `<`, `>` and `&` escaped unless asked not to.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::template::{Exhausted, FunctionError, Text, Value, format::MAX_NESTING, number};

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Compact,
    /// Two spaces a level.
    Indented,
    /// Compact, without escapes for HTML.
    Raw,
}

/// The JSON of a value, of at most `limit` bytes.
pub(crate) fn emit(value: &Value, layout: Layout, limit: usize) -> Result<String, FunctionError> {
    let mut emitter = Emitter { out: String::new(), layout, limit };
    emitter.value(value, 0)?;
    Ok(emitter.out)
}

struct Emitter {
    out: String,
    layout: Layout,
    limit: usize,
}

impl Emitter {
    fn line(&mut self, depth: usize) {
        if self.layout == Layout::Indented {
            self.out.push('\n');
            self.out.push_str(&"  ".repeat(depth));
        }
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), FunctionError> {
        if depth > MAX_NESTING {
            return Err(Exhausted::Nesting.into());
        }
        if self.out.len() > self.limit {
            return Err(Exhausted::Memory.into());
        }
        match value {
            Value::Absent | Value::Nil => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(_, number) => self.out.push_str(&number.to_string()),
            Value::Float(number) => match number::json(*number) {
                Some(text) => self.out.push_str(&text),
                None => return Err(format!("json: unsupported value: {}", number::print(*number)).into()),
            },
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => {
                let encoded = Text::from(STANDARD.encode(bytes.as_bytes()));
                self.text(&encoded);
            }
            Value::List(list) => {
                self.out.push('[');
                for (index, item) in list.items().iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.line(depth + 1);
                    self.value(item, depth + 1)?;
                }
                if !list.items().is_empty() {
                    self.line(depth);
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                let entries = map.entries();
                for (index, (key, item)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.line(depth + 1);
                    self.text(key);
                    self.out.push(':');
                    if self.layout == Layout::Indented {
                        self.out.push(' ');
                    }
                    self.value(item, depth + 1)?;
                }
                if !entries.is_empty() {
                    self.line(depth);
                }
                self.out.push('}');
            }
            Value::Object(object) => self.value(&object.encoded(), depth + 1)?,
        }
        Ok(())
    }

    fn text(&mut self, text: &Text) {
        self.out.push('"');
        for chunk in text.as_bytes().utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' => self.out.push_str("\\\""),
                    '\\' => self.out.push_str("\\\\"),
                    '\n' => self.out.push_str("\\n"),
                    '\r' => self.out.push_str("\\r"),
                    '\t' => self.out.push_str("\\t"),
                    '\u{8}' => self.out.push_str("\\b"),
                    '\u{c}' => self.out.push_str("\\f"),
                    '<' | '>' | '&' if self.layout != Layout::Raw => {
                        self.out.push_str(&format!("\\u{:04x}", u32::from(character)));
                    }
                    '\0'..'\u{20}' | '\u{2028}' | '\u{2029}' => {
                        self.out.push_str(&format!("\\u{:04x}", u32::from(character)));
                    }
                    _ => self.out.push(character),
                }
            }
            for _ in chunk.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
    }
}
