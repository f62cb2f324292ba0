//! Format strings: flags, indexes, widths and precisions up to the verb of each directive.

use super::{Flags, MAX_WIDTH, Printed, Printer};
use crate::template::value::Value;

impl Printer {
    pub(super) fn format(&mut self, format: &[u8], arguments: &[Value]) -> Printed {
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
