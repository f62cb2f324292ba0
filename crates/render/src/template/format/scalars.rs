//! Numbers and texts under each verb.

use super::{
    Flags, Printed, Printer,
    quote::{quote, quoted},
};
use crate::template::{
    error::Exhausted,
    number,
    value::{IntType, Text, Value},
};

impl Printer {
    pub(super) fn integer(
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

    pub(super) fn float(
        &mut self,
        value: &Value,
        number: f64,
        verb: char,
        flags: &Flags,
        depth: usize,
    ) -> Printed {
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

    pub(super) fn text(
        &mut self,
        value: &Value,
        text: &Text,
        verb: char,
        flags: &Flags,
        depth: usize,
    ) -> Printed {
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
