//! Constants as Go writes them: numbers, characters, texts with escapes.

use crate::template::{node::Number, number, value};

/// A number constant of Go; `None` if it is none.
pub(super) fn number(written: &str) -> Option<Number> {
    if let Some(whole) = number::parse_int(written, true) {
        let float = value::to_float(whole);
        return Some(Number { written: written.to_owned(), whole: Some(whole), float, is_float: false });
    }
    let hexadecimal = written.contains(['x', 'X']);
    let float = number::parse_float(written)?;
    let is_float = written.contains(['.', 'p', 'P']) || (!hexadecimal && written.contains(['e', 'E']));
    // A whole number too large for an integer.
    if !is_float || float.is_infinite() {
        return None;
    }
    let whole = (float.fract() == 0.0 && float.abs() < 9.2e18).then(|| value::truncate(float));
    Some(Number { written: written.to_owned(), whole, float, is_float })
}

/// The code point of a character constant.
pub(super) fn character(written: &str) -> Option<u32> {
    let inner = written.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut units = 0_usize;
    let mut rest = inner;
    let mut code = None;
    while !rest.is_empty() {
        let (unit, length) = escape(rest, '\'')?;
        code = Some(match unit {
            Escaped::Byte(byte) => u32::from(byte),
            Escaped::Character(character) => u32::from(character),
        });
        units += 1;
        rest = rest.get(length..)?;
    }
    if units == 1 { code } else { None }
}

/// The bytes of a quoted or raw text.
pub(super) fn unquote(written: &str) -> Option<Vec<u8>> {
    if let Some(inner) = written.strip_prefix('`') {
        // A carriage return is dropped from raw texts.
        return Some(inner.strip_suffix('`')?.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = written.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, length) = escape(rest, '"')?;
        match unit {
            Escaped::Byte(byte) => bytes.push(byte),
            Escaped::Character(character) => bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = rest.get(length..)?;
    }
    Some(bytes)
}

enum Escaped {
    Byte(u8),
    Character(char),
}

/// The first unit of a quoted text and its length as written.
fn escape(text: &str, quote: char) -> Option<(Escaped, usize)> {
    let first = text.chars().next()?;
    if first != '\\' {
        return (first != quote && first != '\n').then(|| (Escaped::Character(first), first.len_utf8()));
    }
    let kind = text.chars().nth(1)?;
    let simple = |character| Some((Escaped::Character(character), 2));
    let coded = |digits: usize| {
        let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
        Some((Escaped::Character(char::from_u32(code)?), 2 + digits))
    };
    match kind {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        _ if kind == quote => simple(quote),
        'x' => Some((Escaped::Byte(u8::from_str_radix(text.get(2..4)?, 16).ok()?), 4)),
        'u' => coded(4),
        'U' => coded(8),
        '0'..='7' => Some((Escaped::Byte(u8::from_str_radix(text.get(1..4)?, 8).ok()?), 4)),
        _ => None,
    }
}
