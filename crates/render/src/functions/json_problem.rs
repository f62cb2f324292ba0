//! What is wrong with a JSON text, in the words of Go's reader: Helm hands them on to the template.

/// What comes next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Value,
    /// A value, or the end of an empty list.
    FirstItem,
    /// A key, or the end of an empty object.
    FirstKey,
    Key,
    Colon,
    /// A comma or the end, inside the innermost container.
    Rest,
}

struct Reader<'t> {
    rest: &'t [u8],
}

const END: &str = "unexpected end of JSON input";

/// The first problem, if any.
pub(super) fn problem(text: &[u8]) -> Option<String> {
    Reader { rest: text }.document().err()
}

fn invalid(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => r#"'"'"#.to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        0..0x20 | 0x7f..0xa0 => format!(r"'\x{byte:02x}'"),
        _ => format!("'{}'", char::from(byte)),
    };
    format!("invalid character {shown} {place}")
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), String> {
        // The containers around, an object as true.
        let mut around: Vec<bool> = Vec::new();
        let mut next = Next::Value;
        loop {
            self.skip_spaces();
            if next == Next::Rest && around.is_empty() {
                return self.rest.first().map_or(Ok(()), |byte| Err(invalid(*byte, "after top-level value")));
            }
            let byte = self.take()?;
            next = match (next, byte) {
                (Next::FirstItem, b']') | (Next::FirstKey, b'}') => {
                    around.pop();
                    Next::Rest
                }
                (Next::Value | Next::FirstItem, byte) => match byte {
                    b'{' => {
                        around.push(true);
                        Next::FirstKey
                    }
                    b'[' => {
                        around.push(false);
                        Next::FirstItem
                    }
                    byte => {
                        self.scalar(byte)?;
                        Next::Rest
                    }
                },
                (Next::FirstKey | Next::Key, b'"') => {
                    self.string()?;
                    Next::Colon
                }
                (Next::FirstKey | Next::Key, byte) => {
                    return Err(invalid(byte, "looking for beginning of object key string"));
                }
                (Next::Colon, b':') => Next::Value,
                (Next::Colon, byte) => return Err(invalid(byte, "after object key")),
                (Next::Rest, byte) => match (around.last(), byte) {
                    (Some(true), b',') => Next::Key,
                    (Some(false), b',') => Next::Value,
                    (Some(true), b'}') | (Some(false), b']') => {
                        around.pop();
                        Next::Rest
                    }
                    (Some(true), byte) => return Err(invalid(byte, "after object key:value pair")),
                    (_, byte) => return Err(invalid(byte, "after array element")),
                },
            };
        }
    }

    fn skip_spaces(&mut self) {
        while let Some((b' ' | b'\t' | b'\r' | b'\n', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn take(&mut self) -> Result<u8, String> {
        let (byte, rest) = self.rest.split_first().ok_or(END)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn scalar(&mut self, byte: u8) -> Result<(), String> {
        match byte {
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(byte),
            byte => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes().skip(1) {
            let byte = self.take()?;
            if byte != expected {
                let place = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(invalid(byte, &place));
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.take()? {
                b'"' => return Ok(()),
                b'\\' => match self.take()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.take()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(invalid(byte, r"in \u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                byte @ 0..0x20 => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn number(&mut self, first: u8) -> Result<(), String> {
        let digit = if first == b'-' { self.digit("in numeric literal")? } else { first };
        if digit != b'0' {
            self.digits();
        }
        if self.rest.first() == Some(&b'.') {
            self.take()?;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            self.take()?;
            if matches!(self.rest.first(), Some(b'+' | b'-')) {
                self.take()?;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, place: &str) -> Result<u8, String> {
        let byte = self.take()?;
        if byte.is_ascii_digit() { Ok(byte) } else { Err(invalid(byte, place)) }
    }

    fn digits(&mut self) {
        while let Some((b'0'..=b'9', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }
}
