//! Texts that Go's parser reads and the standard does not allow.
//!
//! *Idea.* The later lines of a quoted text must lie deeper than the key that they belong to; generators of definitions
//! wrote many that lie exactly below it, and Go reads them. White space at the beginning of such a line means nothing,
//! so a line that was refused for this is indented and the text read again.
//!
//! *Guarantees.* At most `MAX_REPAIRS` lines, and at most `MAX_BYTES` read again in all.

use std::borrow::Cow;

use serde_saphyr::Error;

/// Most lines that are indented.
const MAX_REPAIRS: usize = 500;
/// Most bytes that are read again.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// What the scanner says of such a line.
const REFUSAL: &str = "invalid indentation in multiline quoted scalar";

/// Reads a text, indenting lines of quoted texts where that is all that is wrong; else the error is that of the text as
/// it was written.
pub(crate) fn read<T>(text: &str, reader: impl Fn(&str) -> Result<T, Error>) -> Result<T, Error> {
    let first = match reader(text) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    let mut tried = Cow::Borrowed(text);
    let (mut line, mut last) = (refused_line(&first), 0);
    for round in 1..=MAX_REPAIRS {
        // The same line a second time will not get better.
        let Some(refused) = line.filter(|line| *line > last && round * text.len() <= MAX_BYTES) else {
            break;
        };
        let Some(start) = start_of(&tried, refused) else { break };
        tried.to_mut().insert(start, ' ');
        last = refused;
        match reader(&tried) {
            Ok(read) => return Ok(read),
            Err(error) => line = refused_line(&error),
        }
    }
    Err(first)
}

/// The line that was refused for its indentation.
fn refused_line(error: &Error) -> Option<u64> {
    let error = error.without_snippet();
    let line = error.location().map_or(0, |location| location.line());
    error.to_string().contains(REFUSAL).then_some(line)
}

/// Where a line begins, counted from 1.
fn start_of(text: &str, line: u64) -> Option<usize> {
    let before = usize::try_from(line).ok()?.checked_sub(2)?;
    text.match_indices('\n').nth(before).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn later_lines_of_quoted_texts_may_lie_below_their_key() {
        let text = "a:\n  b: 'one\n  two\n  three: x'\n  c: \"four\n  five\"\n";
        assert_eq!(crate::parse(text, "v"), Ok(json!({"a": {"b": "one two three: x", "c": "four five"}})));
        assert!(crate::parse("a: 'x\nb: 1\n", "v").is_err());
    }
}
