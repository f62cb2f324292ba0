//! Writing YAML that a person likes to read and that every parser reads alike.
//!
//! *Guarantees.* [`crate::parse()`] reads the result back as the same value, as long as the value is within the
//! budgets of [`crate::ParseOptions`]. A text that some parser of YAML 1.1 or 1.2 could take for something else is
//! quoted. Key order is kept.
//!
//! *Caveats.* Not byte-equal to what Helm's `toYaml` writes, and not meant to be.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Longest key on one line; parsers look no further than 1024 characters for its colon.
const LONGEST_SIMPLE_KEY: usize = 200;

/// One document in block style, ending in a line break.
#[must_use]
pub fn emit(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, true),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0, true),
        other => {
            // A block text at the root needs its lines indented by one step, like one below a key.
            scalar(&mut out, other, 0);
        }
    }
    out
}

/// A stream of documents, each with its `---` line.
#[must_use]
pub fn emit_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().fold(String::new(), |mut out, value| {
        out.push_str("---\n");
        out.push_str(&emit(value));
        out
    })
}

/// Writes entries at `indent`; the first one where the cursor is, if `inline`.
fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize, mut inline: bool) {
    for (key, value) in map {
        if !std::mem::take(&mut inline) {
            pad(out, indent);
        }
        let long = key.chars().count() > LONGEST_SIMPLE_KEY;
        if long {
            out.push_str("? ");
        }
        if is_plain(key) {
            out.push_str(key);
        } else {
            quote(out, key);
        }
        if long {
            out.push('\n');
            pad(out, indent);
        }
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(out, inner, indent + 2, false);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                list(out, items, indent + 2, false);
            }
            other => {
                out.push(' ');
                scalar(out, other, indent + 2);
            }
        }
    }
}

fn list(out: &mut String, items: &[Value], indent: usize, mut inline: bool) {
    for item in items {
        if !std::mem::take(&mut inline) {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2, true),
            Value::Array(inner) if !inner.is_empty() => list(out, inner, indent + 2, true),
            other => scalar(out, other, indent + 2),
        }
    }
}

/// Writes what fits behind a key or dash, and the line break; block lines go to `indent`, or to 2 at the root.
fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            // Writing to a String cannot fail.
            write!(out, "{number}").unwrap_or_default();
        }
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) if is_plain(text) => out.push_str(text),
        Value::String(text) if fits_block(text) => return block(out, text, indent.max(2)),
        Value::String(text) => quote(out, text),
    }
    out.push('\n');
}

fn block(out: &mut String, text: &str, indent: usize) {
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
        out.push('\n');
    }
    for _ in 1..(text.len() - body.len()) {
        out.push('\n');
    }
}

/// Whether a text can be a literal block without indentation indicators and comes back unchanged.
fn fits_block(text: &str) -> bool {
    text.contains('\n')
        && text.starts_with(|first: char| !first.is_whitespace())
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        && text.split('\n').all(|line| line.is_empty() || !line.trim().is_empty())
}

/// Whether a text may stand without quotes: conservative, since other parsers will read it too.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let second = chars.next();
    let opens = first.is_alphabetic()
        || matches!(first, '_' | '/')
        || (first == '-' && second.is_some_and(|c| c.is_alphabetic() || c == '-') && text.len() > 3);
    opens
        && !text.ends_with([':', ' '])
        && !text.starts_with("---")
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(is_plain_char)
        && !is_other_type(text)
}

fn is_plain_char(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(
            c,
            ' ' | '_'
                | '-'
                | '.'
                | '/'
                | ':'
                | '@'
                | '+'
                | '='
                | '%'
                | '('
                | ')'
                | '*'
                | '!'
                | '?'
                | ';'
                | '<'
                | '>'
                | '|'
                | '^'
                | '$'
                | '~'
                | '\''
                | '"'
                | '\\'
                | '#'
                | '&'
        )
}

/// Whether some parser reads the word as null, boolean or number.
fn is_other_type(text: &str) -> bool {
    let word = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    matches!(
        word.as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "nan" | "inf" | "infinity"
    )
}

fn is_printable(c: char) -> bool {
    match c {
        // Line separators to some parsers; the mark of byte order vanishes in others.
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        // Not characters at all.
        '\u{fffe}' | '\u{ffff}' => false,
        other => !other.is_control(),
    }
}

/// A double-quoted text on one line.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if is_printable(other) => out.push(other),
            other if u32::from(other) <= 0xffff => {
                write!(out, "\\u{:04x}", u32::from(other)).unwrap_or_default();
            }
            other => write!(out, "\\U{:08x}", u32::from(other)).unwrap_or_default(),
        }
    }
    out.push('"');
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parse;

    #[test]
    fn reads_like_a_values_file() {
        let value = json!({
            "image": {"repository": "ghcr.io/acme/app", "tag": "1.10", "pullPolicy": "IfNotPresent"},
            "args": ["--verbose", "-v", "true", "8080"],
            "ports": [{"name": "http", "containerPort": 80}],
            "script": "#!/bin/sh\n\techo hi\n\nexit 0\n",
            "matrix": [[1, 2], []],
            "none": null, "empty": {}, "template": "{{ .Values.x }}",
        });
        let expected = "image:\n  repository: ghcr.io/acme/app\n  tag: \"1.10\"\n  pullPolicy: IfNotPresent\n\
            args:\n  - --verbose\n  - \"-v\"\n  - \"true\"\n  - \"8080\"\nports:\n  - name: http\n    containerPort: 80\n\
            script: |\n  #!/bin/sh\n  \techo hi\n\n  exit 0\nmatrix:\n  - - 1\n    - 2\n  - []\nnone: null\n\
            empty: {}\ntemplate: \"{{ .Values.x }}\"\n";
        assert_eq!(emit(&value), expected);
        assert_eq!(parse(expected, "v").unwrap(), value);
    }

    #[test]
    fn look_alikes_are_quoted() {
        for text in [
            "",
            " ",
            "yes",
            "No",
            "on",
            "Y",
            "n",
            "~",
            "null",
            "NULL",
            "1",
            "-1",
            "+1",
            ".5",
            "1e3",
            "0x1F",
            "0755",
            "0o17",
            "1_000",
            "190:20:30",
            "2020-01-01",
            ".nan",
            ".inf",
            "-.inf",
            "nan",
            "inf",
            "-inf",
            "<<",
            "=",
            "- a",
            "-",
            "--",
            "---",
            "--- x",
            "...",
            "a: b",
            "a:",
            ":a",
            "a #b",
            "#a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "{a",
            "[a",
            "a]",
            "a,b",
            "'a",
            "\"a",
            "a ",
            " a",
            "? a",
            "\u{feff}a",
            "\u{85}",
            "a\u{2028}b",
            "\u{7f}",
            "\0",
            "\r\n",
            "\n",
            "a\n b\n",
            " a\nb",
            "a\r\nb\n",
            "a\n\n\n",
            "\ta\nb",
            "a\n \nb",
            "a\n---\nb\n",
            "a\n# b\n",
            "true",
            "-true",
            "1.2.3",
        ] {
            for value in
                [json!(text), json!({"k": text, "z": 1}), json!([text, [text]]), json!({text: {"x": text}})]
            {
                assert_eq!(parse(&emit(&value), "v").unwrap(), value, "{text:?} written as {}", emit(&value));
            }
        }
        for plain in
            ["a", "nginx:1.25", "http://x.y/z?a=b", "it's", "--flag=x", "a/b", "größe", "a - b", "a#b"]
        {
            assert_eq!(emit(&json!(plain)), format!("{plain}\n"));
        }
    }

    #[test]
    fn long_keys_and_texts_survive() {
        let value = json!({"k".repeat(5000): {"k".repeat(5000): "v ".repeat(5000)}, "l": ["w".repeat(5000)]});
        assert_eq!(parse(&emit(&value), "v").unwrap(), value);
    }

    #[test]
    fn a_stream_is_read_back() {
        let values = [json!({"a": 1}), json!("x\ny\n"), json!([1])];
        let documents = crate::parse_documents(&emit_documents(&values), "m").unwrap();
        assert_eq!(documents.into_iter().map(|document| document.value).collect::<Vec<_>>(), values);
    }
}
