//! Breaking long lines.

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Int, Text},
    fixed,
};
use crate::template::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("wrap", &[Int, Text], |call, a| wrap(call, &a.string(1), a.integer(0), "\n", false)),
    fixed("wrapWith", &[Int, Text, Text], |call, a| {
        wrap(call, &a.string(2), a.integer(0), &a.string(1), true)
    }),
];

/// Breaks at the last space that fits a width, or inside long words if asked to. Spaces at a break go.
fn wrap(call: &Call<'_>, text: &str, width: i64, separator: &str, break_words: bool) -> Answer {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    call.charge(text.len().saturating_add(text.len().saturating_mul(separator.len()) / width))?;
    let separator = if separator.is_empty() { "\n" } else { separator };
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while characters.len().saturating_sub(at) > width {
        if characters.get(at) == Some(&' ') {
            at += 1;
            continue;
        }
        let window = characters.get(at..=at + width).unwrap_or_default();
        match window.iter().rposition(|character| *character == ' ') {
            Some(space) => {
                out.extend(characters.iter().skip(at).take(space));
                out.push_str(separator);
                at += space + 1;
            }
            None if break_words => {
                out.extend(characters.iter().skip(at).take(width));
                out.push_str(separator);
                at += width;
            }
            None => match characters.iter().skip(at + width).position(|character| *character == ' ') {
                Some(ahead) => {
                    out.extend(characters.iter().skip(at).take(width + ahead));
                    out.push_str(separator);
                    at += width + ahead + 1;
                }
                None => {
                    out.extend(characters.iter().skip(at));
                    at = characters.len();
                }
            },
        }
    }
    out.extend(characters.iter().skip(at));
    Ok(Value::from(out))
}
