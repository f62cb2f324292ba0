//! Breaking long lines.

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Int, Text},
    fixed,
};
use crate::template::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("wrap", &[Int, Text], |call, a| wrap(call, a.bytes(1), a.integer(0), b"\n", false)),
    fixed("wrapWith", &[Int, Text, Text], |call, a| wrap(call, a.bytes(2), a.integer(0), a.bytes(1), true)),
];

/// Breaks at the last space that fits a width, or inside long words if asked to. Spaces at a break go. Bytes are counted.
fn wrap(call: &Call<'_>, text: &[u8], width: i64, separator: &[u8], break_words: bool) -> Answer {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    call.charge(text.len().saturating_add(text.len().saturating_mul(separator.len()) / width))?;
    let separator = if separator.is_empty() { b"\n" } else { separator };
    let mut out = Vec::new();
    let mut at = 0;
    while text.len().saturating_sub(at) > width {
        if text.get(at) == Some(&b' ') {
            at += 1;
            continue;
        }
        let window = text.get(at..=at + width).unwrap_or_default();
        match window.iter().rposition(|byte| *byte == b' ') {
            Some(space) => {
                out.extend(text.iter().skip(at).take(space));
                out.extend(separator);
                at += space + 1;
            }
            None if break_words => {
                out.extend(text.iter().skip(at).take(width));
                out.extend(separator);
                at += width;
            }
            None => match text.iter().skip(at + width).position(|byte| *byte == b' ') {
                Some(ahead) => {
                    out.extend(text.iter().skip(at).take(width + ahead));
                    out.extend(separator);
                    at += width + ahead + 1;
                }
                None => {
                    out.extend(text.iter().skip(at));
                    at = text.len();
                }
            },
        }
    }
    out.extend(text.iter().skip(at));
    Ok(Value::Text(out.into()))
}
