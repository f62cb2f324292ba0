//! TOML as Helm's `toToml` writes it: keys sorted, plain ones before tables, tables indented by their depth.
//!
//! *Guarantees.* At most `limit` bytes, but for the last text, and [`MAX_NESTING`] levels.

use crate::template::{Exhausted, FunctionError, Map, Value, format::MAX_NESTING, number};

/// The TOML of a value, of at most `limit` bytes. A value that is no map is written as it would stand behind a key.
pub(super) fn emit(value: &Value, limit: usize) -> Result<String, FunctionError> {
    let mut emitter = Emitter { out: String::new(), limit };
    match value {
        Value::Map(map) => emitter.table(map, &[])?,
        other => emitter.inline(other, 0)?,
    }
    Ok(emitter.out)
}

struct Emitter {
    out: String,
    limit: usize,
}

impl Emitter {
    fn put(&mut self, text: &str) -> Result<(), FunctionError> {
        if self.out.len().saturating_add(text.len()) > self.limit {
            return Err(Exhausted::Memory.into());
        }
        self.out.push_str(text);
        Ok(())
    }

    /// An empty line before a table, but at the start.
    fn gap(&mut self) -> Result<(), FunctionError> {
        if self.out.is_empty() { Ok(()) } else { self.put("\n") }
    }

    /// The entries of a table whose header was written.
    fn table(&mut self, map: &Map, path: &[String]) -> Result<(), FunctionError> {
        if path.len() > MAX_NESTING {
            return Err(Exhausted::Nesting.into());
        }
        let entries = map.entries();
        let indent = "  ".repeat(path.len());
        for (name, value) in &entries {
            if value.is_nil() || value.as_map().is_some() || tables(value).is_some() {
                continue;
            }
            self.put(&format!("{indent}{} = ", key(&name.to_str())))?;
            self.inline(value, path.len())?;
            self.put("\n")?;
        }
        for (name, value) in &entries {
            let inner = || {
                let mut inner = path.to_vec();
                inner.push(key(&name.to_str()));
                inner
            };
            if let Some(tables) = tables(value) {
                let inner = inner();
                for table in tables {
                    self.gap()?;
                    self.put(&format!("{indent}[[{}]]\n", inner.join(".")))?;
                    self.table(&table, &inner)?;
                }
            } else if let Some(table) = value.as_map() {
                let inner = inner();
                if path.is_empty() {
                    self.gap()?;
                }
                self.put(&format!("{indent}[{}]\n", inner.join(".")))?;
                self.table(table, &inner)?;
            }
        }
        Ok(())
    }

    /// A value on the line of its key.
    fn inline(&mut self, value: &Value, depth: usize) -> Result<(), FunctionError> {
        if depth > MAX_NESTING {
            return Err(Exhausted::Nesting.into());
        }
        match value {
            Value::Absent | Value::Nil => Err("toml: cannot encode nil".into()),
            Value::Bool(truth) => self.put(if *truth { "true" } else { "false" }),
            Value::Int(_, number) => self.put(&number.to_string()),
            Value::Float(number) => self.put(&float(*number)),
            Value::Text(content) | Value::Bytes(content) => self.put(&quoted(&content.to_str())),
            Value::Object(object) => self.put(&quoted(&object.text())),
            Value::List(list) => {
                self.put("[")?;
                for (index, item) in list.items().iter().enumerate() {
                    if item.is_nil() {
                        return Err("toml: cannot encode array with nil element".into());
                    }
                    if index > 0 {
                        self.put(", ")?;
                    }
                    self.inline(item, depth + 1)?;
                }
                self.put("]")
            }
            Value::Map(map) => {
                self.put("{")?;
                let entries = map.entries();
                for (index, (name, item)) in entries.iter().filter(|(_, item)| !item.is_nil()).enumerate() {
                    if index > 0 {
                        self.put(", ")?;
                    }
                    self.put(&format!("{} = ", key(&name.to_str())))?;
                    self.inline(item, depth + 1)?;
                }
                self.put("}")
            }
        }
    }
}

/// The items of a list that holds nothing but maps.
fn tables(value: &Value) -> Option<Vec<Map>> {
    match value {
        Value::List(list) if !list.items().is_empty() => {
            list.items().iter().map(|item| item.as_map().cloned()).collect()
        }
        _ => None,
    }
}

fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// With an exponent or a point.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = number::formatted(number, 'g', None, false);
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            _ if u32::from(character) < 0x20 || character == '\u{7f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
