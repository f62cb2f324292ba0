//! Go's `fmt`: `Sprintf`, `Sprint`, `Sprintln` over [`Value`]s.
//!
//! *Guarantees.* The text is bounded by a limit in bytes that the caller gives, whatever widths, precisions, repeated
//! arguments or shared maps ask for; nesting is bounded by [`MAX_NESTING`].
//!
//! *Caveats.* `%p` and complex numbers do not exist here, as templates have neither pointers nor complex values.

use super::{
    error::Exhausted,
    number,
    value::{IntType, Text, Value},
};

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

/// `%q` of a text.
pub(crate) fn quote(text: &[u8]) -> Vec<u8> {
    quoted(text, '"', false)
}

fn quoted(text: &[u8], quote: char, ascii: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    let mut buffer = [0; 4];
    out.extend(quote.encode_utf8(&mut buffer).as_bytes());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            escape_into(&mut out, character, quote, ascii);
        }
        for byte in chunk.invalid() {
            out.extend(format!("\\x{byte:02x}").as_bytes());
        }
    }
    out.extend(quote.encode_utf8(&mut buffer).as_bytes());
    out
}

fn escape_into(out: &mut Vec<u8>, character: char, quote: char, ascii: bool) {
    let simple = match character {
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{b}' => "\\v",
        '\\' => "\\\\",
        _ => "",
    };
    if !simple.is_empty() {
        out.extend(simple.as_bytes());
    } else if character == quote {
        out.push(b'\\');
        out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else if if ascii { (' '..='~').contains(&character) } else { is_printable(character) } {
        out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        let code = u32::from(character);
        let text = match code {
            0..0x20 | 0x7f => format!("\\x{code:02x}"),
            0x1_0000.. => format!("\\U{code:08x}"),
            _ => format!("\\u{code:04x}"),
        };
        out.extend(text.as_bytes());
    }
}

/// Close to Go's `strconv.IsPrint`: letters, marks, numbers, signs and the plain space. Rust's own judgement of what a
/// debug text may show is the same set but for combining marks, which it escapes.
fn is_printable(character: char) -> bool {
    if character.is_alphanumeric() || (' '..='~').contains(&character) {
        return true;
    }
    if character.is_control() || character.is_whitespace() || character == '\u{fffd}' {
        return character == '\u{fffd}';
    }
    let mut shown = character.escape_debug();
    shown.len() == 1
        || matches!(u32::from(character), 0x300..=0x36f | 0x1ab0..=0x1aff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f)
            && shown.next().is_some()
}

impl Printer {
    fn write(&mut self, bytes: &[u8]) -> Printed {
        if self.out.len() + bytes.len() > self.limit {
            return Err(Exhausted::Memory);
        }
        self.out.extend(bytes);
        Ok(())
    }

    fn format(&mut self, format: &[u8], arguments: &[Value]) -> Printed {
        let mut at = 0;
        let mut next = 0_usize;
        let mut reordered = false;
        while at < format.len() {
            let rest = format.get(at..).unwrap_or_default();
            let text = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            self.write(rest.get(..text).unwrap_or_default())?;
            at += text;
            if at >= format.len() {
                break;
            }
            at += 1;
            let mut flags = Flags::default();
            while let Some(flag) = format.get(at) {
                match flag {
                    b'+' => flags.plus = true,
                    b'-' => flags.minus = true,
                    b'#' => flags.sharp = true,
                    b' ' => flags.space = true,
                    b'0' => flags.zero = true,
                    _ => break,
                }
                at += 1;
            }
            let mut bad_index = false;
            let mut after_index =
                self.index(format, &mut at, &mut next, arguments.len(), &mut reordered, &mut bad_index);
            if format.get(at) == Some(&b'*') {
                at += 1;
                match arguments.get(next).and_then(Value::as_int).filter(|width| width.abs() <= MAX_WIDTH) {
                    Some(width) => {
                        flags.minus |= width < 0;
                        flags.width = usize::try_from(width.unsigned_abs()).ok();
                    }
                    None => self.write(b"%!(BADWIDTH)")?,
                }
                next += 1;
                after_index = false;
            } else if let Some(width) = digits(format, &mut at) {
                bad_index |= after_index;
                flags.width = Some(width);
            }
            if format.get(at) == Some(&b'.') {
                at += 1;
                bad_index |= after_index;
                after_index =
                    self.index(format, &mut at, &mut next, arguments.len(), &mut reordered, &mut bad_index);
                if format.get(at) == Some(&b'*') {
                    at += 1;
                    match arguments
                        .get(next)
                        .and_then(Value::as_int)
                        .filter(|precision| precision.abs() <= MAX_WIDTH)
                    {
                        Some(precision) => flags.precision = usize::try_from(precision).ok(),
                        None => self.write(b"%!(BADPREC)")?,
                    }
                    next += 1;
                    after_index = false;
                } else {
                    flags.precision = Some(digits(format, &mut at).unwrap_or(0));
                }
            }
            if !after_index {
                self.index(format, &mut at, &mut next, arguments.len(), &mut reordered, &mut bad_index);
            }
            let Some(verb) = first_character(format.get(at..).unwrap_or_default()) else {
                self.write(b"%!(NOVERB)")?;
                break;
            };
            at += verb.len_utf8();
            if verb == '%' {
                self.write(b"%")?;
            } else if bad_index {
                self.write(format!("%!{verb}(BADINDEX)").as_bytes())?;
            } else if let Some(argument) = arguments.get(next) {
                next += 1;
                if flags.minus {
                    flags.zero = false;
                }
                if verb == 'v' {
                    flags.sharp_v = std::mem::take(&mut flags.sharp);
                    flags.plus_v = std::mem::take(&mut flags.plus);
                }
                self.value(argument, verb, &flags, 0)?;
            } else {
                self.write(format!("%!{verb}(MISSING)").as_bytes())?;
            }
        }
        if !reordered && next < arguments.len() {
            self.write(b"%!(EXTRA ")?;
            for (index, argument) in arguments.iter().skip(next).enumerate() {
                if index > 0 {
                    self.write(b", ")?;
                }
                if argument.is_nil() {
                    self.write(b"<nil>")?;
                } else {
                    self.write(argument.type_name().as_bytes())?;
                    self.write(b"=")?;
                    self.value(argument, 'v', &Flags::default(), 0)?;
                }
            }
            self.write(b")")?;
        }
        Ok(())
    }

    /// `[3]`: which argument comes next. Says whether there was one.
    #[expect(clippy::unused_self, reason = "the state of one directive")]
    fn index(
        &self,
        format: &[u8],
        at: &mut usize,
        next: &mut usize,
        count: usize,
        reordered: &mut bool,
        bad: &mut bool,
    ) -> bool {
        if format.get(*at) != Some(&b'[') {
            return false;
        }
        *reordered = true;
        let rest = format.get(*at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b']') else {
            *at += 1;
            *bad = true;
            return false;
        };
        let inner = rest.get(1..length).unwrap_or_default();
        *at += length + 1;
        match std::str::from_utf8(inner).ok().and_then(|inner| inner.parse::<usize>().ok()) {
            Some(index) if (1..=count).contains(&index) => *next = index - 1,
            _ => *bad = true,
        }
        true
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

    fn integer(
        &mut self,
        value: &Value,
        kind: IntType,
        number: i64,
        verb: char,
        flags: &Flags,
        depth: usize,
    ) -> Printed {
        let magnitude = number.unsigned_abs();
        let digits = match verb {
            'v' if flags.sharp_v && kind.is_unsigned() => format!("0x{magnitude:x}"),
            'v' | 'd' => magnitude.to_string(),
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            'c' => return self.pad(character(number).to_string().as_bytes(), flags),
            'q' => {
                let text = quoted(character(number).to_string().as_bytes(), '\'', flags.plus);
                return self.pad(&text, flags);
            }
            'U' => {
                let mut text = format!("U+{magnitude:04X}");
                if flags.sharp {
                    text.push_str(&format!(" '{}'", character(number)));
                }
                return self.pad(text.as_bytes(), &Flags { zero: false, ..flags.clone() });
            }
            _ => return self.bad_verb(value, verb, depth),
        };
        if flags.precision == Some(0) && number == 0 {
            return self.pad(b"", &Flags { zero: false, ..flags.clone() });
        }
        let sign = if number < 0 {
            "-"
        } else if flags.plus {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        let prefix = match verb {
            'O' => "0o",
            'o' if flags.sharp && !digits.starts_with('0') => "0",
            'x' if flags.sharp => "0x",
            'X' if flags.sharp => "0X",
            'b' if flags.sharp => "0b",
            _ => "",
        };
        let wanted = match (flags.precision, flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        if wanted > self.limit {
            return Err(Exhausted::Memory);
        }
        let zeros = "0".repeat(wanted.saturating_sub(digits.len()));
        let text = format!("{sign}{prefix}{zeros}{digits}");
        self.pad(text.as_bytes(), &Flags { zero: false, ..flags.clone() })
    }

    fn float(&mut self, value: &Value, number: f64, verb: char, flags: &Flags, depth: usize) -> Printed {
        let precision = flags.precision;
        if precision.is_some_and(|precision| precision > self.limit || precision > 100_000) {
            return Err(Exhausted::Memory);
        }
        let text = match verb {
            'v' => number::formatted(number, 'g', precision, false),
            'g' | 'G' if flags.sharp => {
                let digits = precision.unwrap_or(6);
                let text = number::formatted(number, verb, Some(digits), true);
                if text.contains('.') || text.contains('e') { text } else { format!("{text}.") }
            }
            'g' | 'G' => number::formatted(number, verb, precision, false),
            'e' | 'E' | 'f' | 'F' => {
                number::formatted(number, verb, Some(precision.unwrap_or(6)), flags.sharp)
            }
            _ => return self.bad_verb(value, verb, depth),
        };
        let (negative, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        let finite = number.is_finite();
        let sign = if negative {
            "-"
        } else if flags.plus
            || (number.is_infinite() && verb == 'v' && flags.plus_v)
            || number == f64::INFINITY
        {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        };
        if flags.zero && finite && !flags.minus {
            let width = flags.width.unwrap_or(0).saturating_sub(sign.len());
            self.write(sign.as_bytes())?;
            return self.pad(magnitude.as_bytes(), &Flags { width: Some(width), ..flags.clone() });
        }
        self.pad(format!("{sign}{magnitude}").as_bytes(), &Flags { zero: false, ..flags.clone() })
    }

    fn text(&mut self, value: &Value, text: &Text, verb: char, flags: &Flags, depth: usize) -> Printed {
        let bytes = cut(text.as_bytes(), flags.precision);
        match verb {
            'v' if flags.sharp_v => {
                let shown = quote(text.as_bytes());
                self.pad(&shown, flags)
            }
            'v' | 's' => self.pad(bytes, flags),
            'q' if flags.sharp
                && !bytes.contains(&b'`')
                && bytes.iter().all(|byte| *byte >= b' ' || *byte == b'\t') =>
            {
                let shown = [b"`", bytes, b"`"].concat();
                self.pad(&shown, flags)
            }
            'q' => {
                let shown = quoted(bytes, '"', flags.plus);
                self.pad(&shown, flags)
            }
            'x' | 'X' => {
                let bytes = match flags.precision {
                    Some(precision) => text.as_bytes().get(..precision).unwrap_or(text.as_bytes()),
                    None => text.as_bytes(),
                };
                let mut shown = String::new();
                for (index, byte) in bytes.iter().enumerate() {
                    if flags.space && index > 0 {
                        shown.push(' ');
                    }
                    if flags.sharp && (flags.space || index == 0) {
                        shown.push_str(if verb == 'x' { "0x" } else { "0X" });
                    }
                    shown.push_str(&if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
                }
                self.pad(shown.as_bytes(), flags)
            }
            _ => self.bad_verb(value, verb, depth),
        }
    }
}

fn character(code: i64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

/// The first characters of a text; a broken byte counts as one.
fn cut(text: &[u8], characters: Option<usize>) -> &[u8] {
    let Some(mut left) = characters else { return text };
    let mut end = 0;
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if left == 0 {
                return text.get(..end).unwrap_or(text);
            }
            left -= 1;
            end += character.len_utf8();
        }
        for _ in chunk.invalid() {
            if left == 0 {
                return text.get(..end).unwrap_or(text);
            }
            left -= 1;
            end += 1;
        }
    }
    text
}

fn digits(format: &[u8], at: &mut usize) -> Option<usize> {
    let start = *at;
    let mut number = 0_usize;
    while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
        number = (number * 10 + usize::from(digit - b'0')).min(10_000_000);
        *at += 1;
    }
    (*at > start).then_some(number)
}

fn first_character(bytes: &[u8]) -> Option<char> {
    let head = bytes.get(..4.min(bytes.len()))?;
    let chunk = head.utf8_chunks().next()?;
    chunk.valid().chars().next().or_else(|| (!chunk.invalid().is_empty()).then_some('\u{fffd}'))
}
