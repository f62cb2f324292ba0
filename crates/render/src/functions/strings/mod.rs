//! Texts: trimming, cutting, replacing, quoting, cases.

mod cases;

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Any, Int, Text},
    convert::{to_text, to_texts},
    fixed, open,
};
use crate::template::{FunctionError, Value, format};
use cases::{initials, lower, map_characters, pascal, snake, swap_case, title, untitle, upper};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("trim", &[Text], |_, a| answer(trim(a.bytes(0), is_space))),
    fixed("trimAll", &[Text, Text], |_, a| answer(trim(a.bytes(1), in_set(&a.string(0))))),
    fixed("trimall", &[Text, Text], |_, a| answer(trim(a.bytes(1), in_set(&a.string(0))))),
    fixed("trimPrefix", &[Text, Text], |_, a| {
        answer(a.bytes(1).strip_prefix(a.bytes(0)).unwrap_or_else(|| a.bytes(1)))
    }),
    fixed("trimSuffix", &[Text, Text], |_, a| {
        answer(a.bytes(1).strip_suffix(a.bytes(0)).unwrap_or_else(|| a.bytes(1)))
    }),
    fixed("upper", &[Text], |_, a| answer(map_characters(a.bytes(0), upper))),
    fixed("lower", &[Text], |_, a| answer(map_characters(a.bytes(0), lower))),
    fixed("title", &[Text], |_, a| answer(title(&a.string(0)))),
    fixed("untitle", &[Text], |_, a| answer(untitle(&a.string(0)))),
    fixed("contains", &[Text, Text], |_, a| Ok(Value::Bool(find(a.bytes(1), a.bytes(0)).is_some()))),
    fixed("hasPrefix", &[Text, Text], |_, a| Ok(Value::Bool(a.bytes(1).starts_with(a.bytes(0))))),
    fixed("hasSuffix", &[Text, Text], |_, a| Ok(Value::Bool(a.bytes(1).ends_with(a.bytes(0))))),
    fixed("replace", &[Text, Text, Text], |call, a| replace(call, a.bytes(2), a.bytes(0), a.bytes(1))),
    fixed("repeat", &[Int, Text], |call, a| repeat(call, a.bytes(1), a.integer(0))),
    fixed("trunc", &[Int, Text], |_, a| trunc(a.bytes(1), a.integer(0))),
    fixed("substr", &[Int, Int, Text], |_, a| substr(a.bytes(2), a.integer(0), a.integer(1))),
    fixed("abbrev", &[Int, Text], |_, a| abbreviate(a.bytes(1), 0, a.integer(0))),
    fixed("abbrevboth", &[Int, Int, Text], |_, a| abbreviate(a.bytes(2), a.integer(0), a.integer(1))),
    fixed("initials", &[Text], |_, a| answer(initials(&bytewise(a.bytes(0))))),
    fixed("nospace", &[Text], |_, a| {
        answer(bytewise(a.bytes(0)).chars().filter(|c| !c.is_whitespace()).collect::<String>())
    }),
    fixed("swapcase", &[Text], |_, a| answer(swap_case(&a.string(0)))),
    fixed("indent", &[Int, Text], |call, a| indent(call, a.integer(0), a.bytes(1), b"")),
    fixed("nindent", &[Int, Text], |call, a| indent(call, a.integer(0), a.bytes(1), b"\n")),
    open("quote", &[], Any, |call, a| quote(call, a, true)),
    open("squote", &[], Any, |call, a| quote(call, a, false)),
    open("cat", &[], Any, cat),
    fixed("plural", &[Text, Text, Int], |_, a| {
        answer(if a.integer(2) == 1 { a.bytes(0) } else { a.bytes(1) })
    }),
    fixed("snakecase", &[Text], |_, a| answer(snake(&a.string(0), '_'))),
    fixed("kebabcase", &[Text], |_, a| answer(snake(&a.string(0), '-'))),
    fixed("camelcase", &[Text], |_, a| answer(pascal(&a.string(0)))),
    fixed("toString", &[Any], |call, a| Ok(Value::Text(to_text(call, a.at(0))?))),
    fixed("toStrings", &[Any], |call, a| Ok(Value::texts(to_texts(call, a.at(0))?))),
    fixed("join", &[Text, Any], |call, a| join(call, a.bytes(0), a.at(1))),
    fixed("split", &[Text, Text], |call, a| split_map(call, a, None)),
    fixed("splitn", &[Text, Int, Text], |call, a| {
        split_map(call, &[a.at(0).clone(), a.at(2).clone()], Some(a.integer(1)))
    }),
    fixed("splitList", &[Text, Text], |call, a| {
        call.charge(a.bytes(1).len().saturating_mul(32))?;
        Ok(Value::texts(split(a.bytes(1), a.bytes(0), None)))
    }),
    fixed("sortAlpha", &[Any], |call, a| {
        // Anything but a list is a list of itself, nothing too.
        if a.at(0).is_nil() {
            return Ok(Value::texts(["<nil>"]));
        }
        let mut texts = to_texts(call, a.at(0))?;
        texts.sort();
        Ok(Value::texts(texts))
    }),
];

fn answer(text: impl AsRef<[u8]>) -> Answer {
    Ok(Value::Text(text.as_ref().into()))
}

fn is_space(character: char) -> bool {
    character.is_whitespace()
}

fn in_set(set: &str) -> impl Fn(char) -> bool {
    let set: Vec<char> = set.chars().collect();
    move |character| set.contains(&character)
}

/// Cuts characters off both ends; broken bytes count as U+FFFD.
fn trim(text: &[u8], cut: impl Fn(char) -> bool) -> &[u8] {
    let mut start = None;
    let mut end = 0;
    let mut at = 0;
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if !cut(character) {
                start.get_or_insert(at);
                end = at + character.len_utf8();
            }
            at += character.len_utf8();
        }
        let broken = chunk.invalid().len();
        if broken > 0 {
            if !cut('\u{fffd}') {
                start.get_or_insert(at);
                end = at + broken;
            }
            at += broken;
        }
    }
    text.get(start.unwrap_or(0)..end).unwrap_or_default()
}

pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}

/// The parts between separators, at most so many. An empty separator parts characters.
pub(super) fn split<'t>(text: &'t [u8], separator: &[u8], most: Option<usize>) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    if separator.is_empty() {
        for chunk in text.utf8_chunks() {
            let lengths = chunk.valid().chars().map(char::len_utf8).chain(chunk.invalid().iter().map(|_| 1));
            for length in lengths {
                if most.is_some_and(|most| parts.len() + 1 >= most) {
                    parts.push(rest);
                    return parts;
                }
                let (part, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                parts.push(part);
                rest = tail;
            }
        }
        return parts;
    }
    while most.is_none_or(|most| parts.len() + 1 < most) {
        let Some(at) = find(rest, separator) else { break };
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

fn split_map(call: &Call<'_>, arguments: &[Value], most: Option<i64>) -> Answer {
    use crate::template::{Map, MapType};
    call.charge(arguments.bytes(1).len().saturating_mul(64))?;
    let parts = match most {
        Some(0) => Vec::new(),
        most => {
            split(arguments.bytes(1), arguments.bytes(0), most.and_then(|most| usize::try_from(most).ok()))
        }
    };
    let entries = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (format!("_{index}").into(), Value::Text(part.into())));
    Ok(Value::Map(Map::new(MapType::String, entries.collect())))
}

fn replace(call: &Call<'_>, text: &[u8], old: &[u8], new: &[u8]) -> Answer {
    let characters = String::from_utf8_lossy(text).chars().count();
    let count = if old.is_empty() { characters + 1 } else { text.len() / old.len() };
    if new.len() > old.len() {
        call.charge(text.len().saturating_add(count.saturating_mul(new.len())).min(
            // The true count is known at the cost of a search, when the worst case does not fit.
            if old.is_empty() { usize::MAX } else { text.len() + (split(text, old, None).len()) * new.len() },
        ))?;
    }
    if old.is_empty() {
        let mut out = new.to_vec();
        for part in split(text, b"", None) {
            out.extend(part);
            out.extend(new);
        }
        return answer(out);
    }
    answer(split(text, old, None).join(new))
}

fn repeat(call: &Call<'_>, text: &[u8], count: i64) -> Answer {
    let Ok(count) = usize::try_from(count) else { return Err("strings: negative Repeat count".into()) };
    call.charge(text.len().saturating_mul(count))?;
    answer(text.repeat(count))
}

fn trunc(text: &[u8], count: i64) -> Answer {
    let keep = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 && text.len() > keep {
        return answer(text.get(text.len() - keep..).unwrap_or_default());
    }
    if count >= 0 && text.len() > keep {
        return answer(text.get(..keep).unwrap_or_default());
    }
    answer(text)
}

fn substr(text: &[u8], start: i64, end: i64) -> Answer {
    let out = || -> FunctionError {
        format!("runtime error: slice bounds out of range [{start}:{end}] with length {}", text.len()).into()
    };
    if start < 0 {
        let end = usize::try_from(end).map_err(|_| out())?;
        return answer(text.get(..end).ok_or_else(out)?);
    }
    let start = usize::try_from(start).map_err(|_| out())?;
    match usize::try_from(end) {
        Ok(end) if end <= text.len() => answer(text.get(start..end).ok_or_else(out)?),
        _ => answer(text.get(start..).ok_or_else(out)?),
    }
}

/// Shortens with dots, at the right or both ends; too small a width leaves the text as it is.
/// Goutils takes each byte for a character.
fn bytewise(text: &[u8]) -> String {
    text.iter().copied().map(char::from).collect()
}

/// Counts and cuts bytes.
fn abbreviate(text: &[u8], offset: i64, width: i64) -> Answer {
    let size = crate::template::value::length(text.len());
    if width < 4 || (offset > 0 && width < 7) || size <= width {
        return Ok(Value::Text(text.into()));
    }
    let width = usize::try_from(width).unwrap_or(0);
    let mut offset = usize::try_from(offset).unwrap_or(0).min(text.len());
    if text.len() - offset < width - 3 {
        offset = text.len().saturating_sub(width - 3);
    }
    let take = |from: usize, count: usize| text.iter().copied().skip(from).take(count);
    let dots = || b"...".iter().copied();
    let cut: Vec<u8> = if offset <= 4 {
        take(0, width - 3).chain(dots()).collect()
    } else if offset + width - 3 < text.len() {
        dots().chain(take(offset, width.saturating_sub(6))).chain(dots()).collect()
    } else {
        dots().chain(take(text.len().saturating_sub(width - 3), usize::MAX)).collect()
    };
    Ok(Value::Text(cut.into()))
}

fn indent(call: &Call<'_>, spaces: i64, text: &[u8], head: &[u8]) -> Answer {
    let Ok(spaces) = usize::try_from(spaces) else { return Err("strings: negative Repeat count".into()) };
    let lines = text.split(|byte| *byte == b'\n').count();
    call.charge(text.len().saturating_add(lines.saturating_mul(spaces)))?;
    let mut out = Vec::with_capacity(head.len() + text.len() + lines * spaces);
    out.extend(head);
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        out.resize(out.len() + spaces, b' ');
        out.extend(line);
    }
    answer(out)
}

fn quote(call: &Call<'_>, arguments: &[Value], double: bool) -> Answer {
    let mut out: Vec<u8> = Vec::new();
    for (index, value) in arguments.iter().filter(|value| !value.is_nil()).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        if double {
            let text = to_text(call, value)?;
            out.extend(format::quote(text.as_bytes()));
        } else {
            out.push(b'\'');
            out.extend(call.display(value)?);
            out.push(b'\'');
        }
    }
    answer(out)
}

fn cat(call: &mut Call<'_>, arguments: &[Value]) -> Answer {
    let mut parts = Vec::new();
    for value in arguments.iter().filter(|value| !value.is_nil()) {
        parts.push(call.display(value)?);
    }
    answer(parts.join(&b' '))
}

pub(super) fn join(call: &Call<'_>, separator: &[u8], value: &Value) -> Answer {
    let texts = to_texts(call, value)?;
    let size = texts.iter().map(|text| text.len()).sum::<usize>();
    call.charge(size.saturating_add(texts.len().saturating_mul(separator.len())))?;
    let parts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    answer(parts.join(separator))
}
