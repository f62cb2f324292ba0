//! Quoted texts and characters, as `%q` writes them.

/// `%q` of a text.
pub(crate) fn quote(text: &[u8]) -> Vec<u8> {
    quoted(text, '"', false)
}

pub(super) fn quoted(text: &[u8], quote: char, ascii: bool) -> Vec<u8> {
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
