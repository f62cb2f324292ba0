//! Go's `fmt`: `Sprintf`, `Sprint`, `Sprintln` over [`Value`]s.
//!
//! *Guarantees.* The text is bounded by a limit in bytes that the caller gives, whatever widths, precisions, repeated
//! arguments or shared maps ask for; nesting is bounded by [`MAX_NESTING`].
//!
//! *Caveats.* `%p` and complex numbers do not exist here, as templates have neither pointers nor complex values.

mod directive;
mod quote;
mod scalars;

use super::{error::Exhausted, value::Value};

pub(crate) use quote::quote;

/// Deepest value that is printed or encoded.
pub(crate) const MAX_NESTING: usize = 200;

/// `fmt` takes no width or precision beyond this.
const MAX_WIDTH: i64 = 1_000_000;

#[derive(Debug, Default, Clone)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
    /// `%#v`, `%+v`
    sharp_v: bool,
    plus_v: bool,
}

struct Printer {
    out: Vec<u8>,
    limit: usize,
}

type Printed = Result<(), Exhausted>;

/// `fmt.Sprintf`.
pub(crate) fn sprintf(format: &[u8], arguments: &[Value], limit: usize) -> Result<Vec<u8>, Exhausted> {
    let mut printer = Printer { out: Vec::new(), limit };
    printer.format(format, arguments)?;
    Ok(printer.out)
}

/// `fmt.Sprint`: a space between operands when neither is a text.
pub(crate) fn sprint(arguments: &[Value], limit: usize) -> Result<Vec<u8>, Exhausted> {
    let mut printer = Printer { out: Vec::new(), limit };
    let mut former_is_text = true;
    for (index, argument) in arguments.iter().enumerate() {
        let is_text = matches!(argument, Value::Text(_));
        if index > 0 && !is_text && !former_is_text {
            printer.write(b" ")?;
        }
        printer.value(argument, 'v', &Flags::default(), 0)?;
        former_is_text = is_text;
    }
    Ok(printer.out)
}

/// `fmt.Sprintln`.
pub(crate) fn sprintln(arguments: &[Value], limit: usize) -> Result<Vec<u8>, Exhausted> {
    let mut printer = Printer { out: Vec::new(), limit };
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            printer.write(b" ")?;
        }
        printer.value(argument, 'v', &Flags::default(), 0)?;
    }
    printer.write(b"\n")?;
    Ok(printer.out)
}

/// `%v` of one value.
pub(crate) fn display(value: &Value, limit: usize) -> Result<Vec<u8>, Exhausted> {
    sprint(std::slice::from_ref(value), limit)
}

impl Printer {
    fn write(&mut self, bytes: &[u8]) -> Printed {
        if self.out.len() + bytes.len() > self.limit {
            return Err(Exhausted::Memory);
        }
        self.out.extend(bytes);
        Ok(())
    }

    /// Writes with the width; `zero` pads with zeros.
    fn pad(&mut self, text: &[u8], flags: &Flags) -> Printed {
        let length =
            text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
        let missing = flags.width.unwrap_or(0).saturating_sub(length);
        if self.out.len() + missing > self.limit {
            return Err(Exhausted::Memory);
        }
        if flags.minus {
            self.write(text)?;
            return self.write(&b" ".repeat(missing));
        }
        self.write(&(if flags.zero { b"0" } else { b" " }).repeat(missing))?;
        self.write(text)
    }

    fn bad_verb(&mut self, value: &Value, verb: char, depth: usize) -> Printed {
        self.write(format!("%!{verb}(").as_bytes())?;
        if value.is_nil() {
            self.write(b"<nil>")?;
        } else {
            self.write(value.type_name().as_bytes())?;
            self.write(b"=")?;
            self.value(value, 'v', &Flags::default(), depth)?;
        }
        self.write(b")")
    }

    fn value(&mut self, value: &Value, verb: char, flags: &Flags, depth: usize) -> Printed {
        if depth > MAX_NESTING {
            return Err(Exhausted::Nesting);
        }
        if verb == 'T' {
            return self.pad(value.type_name().as_bytes(), flags);
        }
        match value {
            Value::Absent | Value::Nil => match verb {
                'v' => self.pad(b"<nil>", flags),
                _ => self.bad_verb(value, verb, depth),
            },
            Value::Bool(truth) => match verb {
                't' | 'v' => {
                    self.pad(if *truth { b"true" } else { b"false" }, &Flags { zero: false, ..flags.clone() })
                }
                _ => self.bad_verb(value, verb, depth),
            },
            Value::Int(kind, number) => self.integer(value, *kind, *number, verb, flags, depth),
            Value::Float(number) => self.float(value, *number, verb, flags, depth),
            Value::Text(text) => self.text(value, text, verb, flags, depth),
            Value::Bytes(bytes) => match verb {
                'v' | 'd' => {
                    self.write(b"[")?;
                    for (index, byte) in bytes.as_bytes().iter().enumerate() {
                        if index > 0 {
                            self.write(b" ")?;
                        }
                        self.write(byte.to_string().as_bytes())?;
                    }
                    self.write(b"]")
                }
                _ => self.text(value, bytes, verb, flags, depth),
            },
            Value::List(list) => {
                if flags.sharp_v {
                    self.write(list.kind().name().as_bytes())?;
                    self.write(b"{")?;
                } else {
                    self.write(b"[")?;
                }
                for (index, item) in list.items().iter().enumerate() {
                    if index > 0 {
                        self.write(if flags.sharp_v { b", " } else { b" " })?;
                    }
                    self.item(item, verb, flags, depth)?;
                }
                self.write(if flags.sharp_v { b"}" } else { b"]" })
            }
            Value::Map(map) => {
                if flags.sharp_v {
                    self.write(map.kind().name().as_bytes())?;
                    self.write(b"{")?;
                } else {
                    self.write(b"map[")?;
                }
                for (index, (key, item)) in map.entries().into_iter().enumerate() {
                    if index > 0 {
                        self.write(if flags.sharp_v { b", " } else { b" " })?;
                    }
                    self.value(&Value::Text(key), verb, flags, depth + 1)?;
                    self.write(b":")?;
                    self.item(&item, verb, flags, depth)?;
                }
                self.write(if flags.sharp_v { b"}" } else { b"]" })
            }
            Value::Object(object) => match verb {
                'v' | 's' => self.pad(object.formatted().as_bytes(), flags),
                'q' => {
                    let text = quote(object.formatted().as_bytes());
                    self.pad(&text, flags)
                }
                _ => self.bad_verb(value, verb, depth),
            },
        }
    }

    /// An item of a list or map; nil has its own form in `%#v`.
    fn item(&mut self, item: &Value, verb: char, flags: &Flags, depth: usize) -> Printed {
        match item {
            Value::Absent | Value::Nil if flags.sharp_v => self.write(b"interface {}(nil)"),
            Value::Absent | Value::Nil => self.write(b"<nil>"),
            _ => self.value(item, verb, flags, depth + 1),
        }
    }
}
