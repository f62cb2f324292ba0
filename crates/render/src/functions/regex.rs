//! Regular expressions of Go's syntax, on a linear-time engine.

use std::cell::RefCell;

use regex::bytes::{Regex, RegexBuilder};

use super::{
    Answer, Arguments, Call, Function,
    Parameter::{Int, Text},
    fixed,
};
use crate::template::{FunctionError, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("regexMatch", &[Text, Text], |_, a| {
        // The form without `must` takes a broken expression for one that does not match.
        Ok(Value::Bool(compile(a).is_ok_and(|regex| regex.is_match(a.bytes(1)))))
    }),
    fixed("mustRegexMatch", &[Text, Text], |_, a| Ok(Value::Bool(compile(a)?.is_match(a.bytes(1))))),
    fixed("regexFind", &[Text, Text], |_, a| find(a)),
    fixed("mustRegexFind", &[Text, Text], |_, a| find(a)),
    fixed("regexFindAll", &[Text, Text, Int], |_, a| find_all(a)),
    fixed("mustRegexFindAll", &[Text, Text, Int], |_, a| find_all(a)),
    fixed("regexReplaceAll", &[Text, Text, Text], |call, a| replace(call, a, true)),
    fixed("mustRegexReplaceAll", &[Text, Text, Text], |call, a| replace(call, a, true)),
    fixed("regexReplaceAllLiteral", &[Text, Text, Text], |call, a| replace(call, a, false)),
    fixed("mustRegexReplaceAllLiteral", &[Text, Text, Text], |call, a| replace(call, a, false)),
    fixed("regexSplit", &[Text, Text, Int], |_, a| split(a)),
    fixed("mustRegexSplit", &[Text, Text, Int], |_, a| split(a)),
    fixed("regexQuoteMeta", &[Text], |_, a| {
        let mut out = Vec::new();
        for byte in a.bytes(0) {
            if b"\\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        Ok(Value::Text(out.into()))
    }),
];

thread_local! {
    /// Templates use few expressions again and again; compiling one costs more than a thousand matches.
    static COMPILED: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

const KEPT: usize = 32;

fn compile(arguments: &[Value]) -> Result<Regex, FunctionError> {
    let expression = arguments.string(0).into_owned();
    let known = COMPILED.with_borrow(|kept| {
        kept.iter().find(|(known, _)| *known == expression).map(|(_, regex)| regex.clone())
    });
    if let Some(regex) = known {
        return Ok(regex);
    }
    // In Go `\w`, `\d`, `\s` and `\b` are ASCII; those below U+0080 mean the same with Unicode on, so each is replaced.
    let regex = RegexBuilder::new(&translate(&expression))
        .size_limit(1 << 20)
        .build()
        .map_err(|_| format!("error parsing regexp: `{expression}`"))?;
    COMPILED.with_borrow_mut(|kept| {
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((expression, regex.clone()));
    });
    Ok(regex)
}

/// Go's syntax where it differs: ASCII classes, `\z`, `\Q…\E`, a dash after a class such as `[\w-.]`, and a bracket or
/// doubled sign inside a class that Rust's syntax would take for nested classes and set operations.
fn translate(expression: &str) -> String {
    let mut out = String::new();
    let mut characters = expression.chars().peekable();
    let mut in_class = false;
    let mut class_start = false;
    let mut after_class_escape = false;
    while let Some(character) = characters.next() {
        let was_start = std::mem::take(&mut class_start);
        let was_escape = std::mem::take(&mut after_class_escape);
        match character {
            '\\' => match characters.next() {
                Some('Q') => {
                    let mut literal = String::new();
                    while let Some(next) = characters.next() {
                        if next == '\\' && characters.peek() == Some(&'E') {
                            characters.next();
                            break;
                        }
                        literal.push(next);
                    }
                    out.push_str(&regex::escape(&literal));
                }
                Some(letter @ ('w' | 'd' | 's' | 'W' | 'D' | 'S')) => {
                    let class = match letter.to_ascii_lowercase() {
                        'w' => "0-9A-Za-z_",
                        'd' => "0-9",
                        _ => "\\t\\n\\f\\r ",
                    };
                    let negated = if letter.is_ascii_uppercase() { "^" } else { "" };
                    if in_class && negated.is_empty() {
                        out.push_str(class);
                    } else {
                        out.push_str(&format!("[{negated}{class}]"));
                    }
                    after_class_escape = in_class;
                }
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('B') if !in_class => out.push_str("(?-u:\\B)"),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                class_start = true;
                out.push('[');
                if characters.peek() == Some(&'^') {
                    characters.next();
                    out.push('^');
                }
            }
            ']' if in_class && was_start => {
                out.push_str("\\]");
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' if characters.peek() == Some(&':') => {
                // A named class: copied as it is.
                out.push('[');
                for next in characters.by_ref() {
                    out.push(next);
                    if next == ']' {
                        break;
                    }
                }
            }
            '-' if in_class && was_escape => out.push_str("\\-"),
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

fn find(arguments: &[Value]) -> Answer {
    let found = compile(arguments)?.find(arguments.bytes(1)).map(|found| found.as_bytes().to_vec());
    Ok(Value::Text(found.unwrap_or_default().into()))
}

fn find_all(arguments: &[Value]) -> Answer {
    let most = usize::try_from(arguments.integer(2)).unwrap_or(usize::MAX);
    let regex = compile(arguments)?;
    Ok(Value::texts(regex.find_iter(arguments.bytes(1)).take(most).map(|found| found.as_bytes())))
}

fn replace(call: &Call<'_>, arguments: &[Value], expand: bool) -> Answer {
    let regex = compile(arguments)?;
    let (text, replacement) = (arguments.bytes(1), arguments.bytes(2));
    let mut out = Vec::new();
    let mut last = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.extend(text.get(last..whole.start()).unwrap_or_default());
        if expand {
            captures.expand(replacement, &mut out);
        } else {
            out.extend(replacement);
        }
        last = whole.end();
        if out.len() > call.left() {
            return Err(crate::template::Exhausted::Memory.into());
        }
    }
    out.extend(text.get(last..).unwrap_or_default());
    Ok(Value::Text(out.into()))
}

fn split(arguments: &[Value]) -> Answer {
    let most = arguments.integer(2);
    let text = arguments.bytes(1);
    let regex = compile(arguments)?;
    if most == 0 {
        return Ok(Value::texts(Vec::<&[u8]>::new()));
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if !arguments.bytes(0).is_empty() && text.is_empty() {
        return Ok(Value::texts([""]));
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(text) {
        if parts.len() + 1 >= most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(text.get(start..end).unwrap_or_default());
        }
        start = found.end();
    }
    if end != text.len() {
        parts.push(text.get(start..).unwrap_or_default());
    }
    Ok(Value::texts(parts))
}
