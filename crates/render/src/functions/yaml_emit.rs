//! YAML as Helm's `toYaml` writes it, byte for byte.
//!
//! *Idea.* Charts hash emitted YAML and embed it in texts, so the form matters: keys in natural order (`a9` before
//! `a10`), lists not indented under their key, texts plain where YAML 1.1 would read the same text back, in literal
//! blocks where they have several lines, in quotes elsewhere, and long ones folded at the first space behind column 80.
//!
//! *Guarantees.* At most `limit` bytes and [`MAX_NESTING`] levels. What is written reads back as the same value.

use std::{borrow::Cow, cmp::Ordering};

use base64::{Engine as _, engine::general_purpose::STANDARD};

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
    let mut emitter = Emitter { out: String::new(), column: 0, limit };
    emitter.node(value, Place { indent: 0, fresh: true, scalar_indent: 2 }, 0)?;
    if !emitter.out.ends_with('\n') {
        emitter.out.push('\n');
    }
    Ok(emitter.out)
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
}

impl Emitter {
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
                let mut entries = map.entries();
                entries.sort_by(|(a, _), (b, _)| natural_order(&a.to_str(), &b.to_str()));
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
            indent: if sequence && !at_key { indent } else { indent + 2 },
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
                let text = float(*number).ok_or_else(|| {
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

    fn text(&mut self, text: &str, place: Place) {
        let text = &without_next_lines(text);
        match style_of(text, false) {
            Style::Plain => {
                self.gap(place);
                self.plain(text, place.scalar_indent);
            }
            Style::Single => {
                self.gap(place);
                self.single(text, true, place.scalar_indent);
            }
            Style::Double => {
                self.gap(place);
                self.double(text, true, place.scalar_indent);
            }
            Style::Literal => {
                self.gap(place);
                self.literal(text, place.scalar_indent);
            }
        }
    }

    /// Whether a space may become a line break.
    fn folds(&self, allowed: bool, former: Option<char>, next: Option<char>) -> bool {
        allowed && self.column > WIDTH && former != Some(' ') && next.is_some_and(|next| next != ' ')
    }

    fn plain(&mut self, text: &str, indent: usize) {
        let mut characters = text.chars().peekable();
        let mut former = None;
        while let Some(character) = characters.next() {
            if character == ' ' && self.folds(true, former, characters.peek().copied()) {
                self.new_line(indent);
            } else {
                self.out.push(character);
                self.column += 1;
            }
            former = Some(character);
        }
    }

    fn single(&mut self, text: &str, fold: bool, indent: usize) {
        self.put("'");
        let mut characters = text.chars().peekable();
        let mut former = None;
        let mut after_break = false;
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            if character == ' ' && former.is_some() && self.folds(fold, former, next) {
                self.new_line(indent);
            } else if is_break(character) {
                // A break that a reader must not take for a space; only signs that are no newlines come here.
                self.out.push(character);
                self.column = 0;
                after_break = true;
            } else {
                if std::mem::take(&mut after_break) {
                    self.put(&" ".repeat(indent));
                }
                if character == '\'' {
                    self.put("''");
                } else {
                    self.put(character.encode_utf8(&mut [0; 4]));
                }
            }
            former = Some(character);
        }
        self.put("'");
    }

    fn double(&mut self, text: &str, fold: bool, indent: usize) {
        self.put("\"");
        let mut characters = text.chars().peekable();
        let mut first = true;
        let mut after_space = false;
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            if character == ' ' && fold && !after_space && self.column > WIDTH && !first && next.is_some() {
                self.new_line(indent);
                if next == Some(' ') {
                    self.put("\\");
                }
                after_space = true;
            } else {
                self.escaped(character);
                after_space = character == ' ';
            }
            first = false;
        }
        self.put("\"");
    }

    fn escaped(&mut self, character: char) {
        let code = u32::from(character);
        let simple = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '\u{85}' => "\\N",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ => "",
        };
        if !simple.is_empty() {
            self.put(simple);
        } else if is_printable(character) && character != '\u{feff}' {
            self.out.push(character);
            self.column += 1;
        } else if code <= 0xff {
            self.put(&format!("\\x{code:02X}"));
        } else if code <= 0xffff {
            self.put(&format!("\\u{code:04X}"));
        } else {
            self.put(&format!("\\U{code:08X}"));
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) || text.starts_with(is_break) {
            self.put("2");
        }
        let mut backwards = text.chars().rev();
        match (backwards.next(), backwards.next()) {
            (Some(last), _) if !is_break(last) => self.put("-"),
            (Some(_), None) => self.put("+"),
            (Some(_), Some(before)) if is_break(before) => self.put("+"),
            _ => {}
        }
        self.out.push('\n');
        let mut at_start = true;
        for character in text.chars() {
            if is_break(character) {
                self.out.push(character);
                at_start = true;
            } else {
                if std::mem::take(&mut at_start) {
                    self.out.push_str(&" ".repeat(indent));
                }
                self.out.push(character);
            }
        }
        // The next entry begins a line of its own: give back the break that it will write.
        if text.ends_with('\n') {
            self.out.pop();
        }
        self.column = WIDTH;
    }
}

/// Go passes texts through JSON, where U+0085 stands bare and is read again as a line break in quotes: one becomes a
/// space, of several each but the first a newline, and blanks around them go.
fn without_next_lines(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{85}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut breaks = 0_usize;
    for (index, part) in text.split('\u{85}').enumerate() {
        breaks += usize::from(index > 0);
        let part = if index > 0 { part.trim_start_matches([' ', '\t']) } else { part };
        if part.is_empty() && index > 0 {
            continue;
        }
        join_lines(&mut out, std::mem::take(&mut breaks));
        out.push_str(part);
    }
    join_lines(&mut out, breaks);
    Cow::Owned(out)
}

fn join_lines(out: &mut String, breaks: usize) {
    if breaks > 0 {
        out.truncate(out.trim_end_matches([' ', '\t']).len());
        out.push_str(&if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) });
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

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What may stand in YAML unescaped. Signs beyond the basic plane may, by the standard, but this form escapes them.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

#[derive(PartialEq, Clone, Copy)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// The first style that the text can be written in, of the one that fits it best and those below.
fn style_of(text: &str, is_key: bool) -> Style {
    let shape = Shape::of(text);
    if text.contains('\n') {
        return if shape.literal && !is_key { Style::Literal } else { Style::Double };
    }
    if text.is_empty() || !reads_as_text(text) {
        return Style::Double;
    }
    if shape.plain {
        Style::Plain
    } else if shape.single && !(is_key && shape.breaks) {
        Style::Single
    } else {
        Style::Double
    }
}

/// In which styles a text can be written without changing.
struct Shape {
    plain: bool,
    single: bool,
    literal: bool,
    breaks: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let blank = |character: Option<&char>| {
            character.is_none_or(|character| matches!(character, ' ' | '\t' | '\0') || is_break(*character))
        };
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let mut breaks = false;
        let mut break_space = false;
        let mut space_break = false;
        for (index, character) in characters.iter().enumerate() {
            let next = characters.get(index + 1);
            let former = index.checked_sub(1).and_then(|index| characters.get(index));
            indicators |= match character {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
                | '`'
                    if index == 0 =>
                {
                    true
                }
                '?' | '-' if index == 0 => blank(next),
                ':' => blank(next),
                '#' => blank(former),
                _ => false,
            };
            special |= !is_printable(*character);
            breaks |= is_break(*character);
            match former {
                Some(former) if is_break(*former) && *character == ' ' => break_space = true,
                Some(' ') if is_break(*character) => space_break = true,
                _ => {}
            }
        }
        let edge = |character: Option<&char>| {
            character.is_some_and(|character| *character == ' ' || is_break(*character))
        };
        let at_edges = edge(characters.first()) || edge(characters.last());
        let broken = space_break || special;
        Self {
            plain: !(indicators || broken || breaks || at_edges || break_space),
            single: !(broken || break_space),
            literal: !broken && characters.last() != Some(&' '),
            breaks,
        }
    }
}

/// Whether YAML 1.1, as Go's reader has it, reads an unquoted text as a text.
fn reads_as_text(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "y", "Y", "yes",
        "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", ".nan", ".NaN",
        ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ];
    if WORDS.contains(&text) {
        return false;
    }
    let Some(first) = text.bytes().next() else { return false };
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return true;
    }
    !(is_integer(text) || is_float(text) || is_base_60(text) || is_timestamp(text))
}

fn is_integer(text: &str) -> bool {
    let plain = text.replace('_', "");
    if number::parse_int(&plain, false).is_some() {
        return true;
    }
    // Beyond the largest signed number, an unsigned one is still an integer.
    let radix = |prefix: &str, radix: u32| {
        plain.strip_prefix(prefix).is_some_and(|digits| u64::from_str_radix(digits, radix).is_ok())
    };
    plain.parse::<u64>().is_ok() || radix("0x", 16) || radix("0b", 2) || radix("0o", 8)
}

fn is_float(text: &str) -> bool {
    let plain = text.replace('_', "");
    let body = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    // A number out of range stays a text.
    mantissa_fits && exponent_fits && plain.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Numbers to base 60 (`12:30:45`), which other readers of YAML 1.1 know.
fn is_base_60(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (body, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut parts = body.split(':');
    let head = parts.next().unwrap_or_default();
    let head_fits = head.starts_with(|c: char| c.is_ascii_digit())
        && head.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut count = 0;
    let tail_fits = parts.all(|part| {
        count += 1;
        match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        }
    });
    head_fits && tail_fits && count > 0 && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// `2001-02-03` and instants, in the forms that Go's reader takes for times.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !(bytes.len() > 4 && bytes.iter().take(4).all(u8::is_ascii_digit) && bytes.get(4) == Some(&b'-')) {
        return false;
    }
    let rest = text.get(5..).unwrap_or_default();
    let Some((month, rest)) =
        small_number(rest, 1, 12).and_then(|(n, rest)| Some((n, rest.strip_prefix('-')?)))
    else {
        return false;
    };
    let Some((day, rest)) = small_number(rest, 1, 31) else { return false };
    let year: i16 = text.get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else { return false };
    if jiff::civil::Date::new(year, month, day).is_err() {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let Some(mut rest) = rest.strip_prefix(['T', 't', ' ']) else { return false };
    let spaced = text.get(..text.len() - rest.len()).is_some_and(|head| head.ends_with(' '));
    for (index, most) in [23, 59, 59].into_iter().enumerate() {
        let Some((_, tail)) = small_number(rest, 0, most) else { return false };
        rest = tail;
        if index < 2 {
            match rest.strip_prefix(':') {
                Some(tail) => rest = tail,
                None => return false,
            }
        }
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or_default();
    }
    if spaced {
        return rest.is_empty();
    }
    if rest == "Z" {
        return true;
    }
    let Some(zone) = rest.strip_prefix(['+', '-']) else { return false };
    matches!(zone.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
}

/// A number of one or two digits within bounds, and what follows.
fn small_number(text: &str, least: u32, most: u32) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let number = text.get(..digits)?.parse().ok()?;
    (least..=most).contains(&number).then_some((number, text.get(digits..)?))
}

/// Digits within texts compare as numbers; what is no letter comes before letters.
fn natural_order(a: &str, b: &str) -> Ordering {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else { return a.len().cmp(&b.len()) };
    let (Some(&x), Some(&y)) = (a.get(at), b.get(at)) else { return Ordering::Equal };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Zeros within a number count, leading ones do not: a digit before them that is not zero says which they are.
    let within =
        (x == '0' || y == '0') && a.iter().take(at).rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
    let run = |characters: &[char]| {
        let digits: Vec<u64> =
            characters.iter().skip(at).map_while(|c| c.to_digit(10)).map(u64::from).collect();
        let start = u64::from(within);
        (
            digits.iter().fold(start, |number, digit| number.wrapping_mul(10).wrapping_add(*digit)),
            digits.len(),
        )
    };
    run(&a).cmp(&run(&b)).then(x.cmp(&y))
}
