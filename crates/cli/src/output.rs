//! Shows answers: tables for people, JSON and YAML for machines, errors with their way out.

use std::{
    borrow::Cow,
    io::{ErrorKind, IsTerminal as _},
    sync::OnceLock,
};

use comfy_table::{Cell, Color as Color16, ContentArrangement, Table, presets::NOTHING};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    arguments::{Color, Format},
    exit::{CliError, Code},
};

/// Told when nobody reads the output any more.
static READER_LEFT: Notify = Notify::const_new();
/// Why nothing can be written any more.
static FAILED: OnceLock<std::io::Error> = OnceLock::new();

/// Writes what people read to standard output, without what would steer their terminal: see [`visible`].
pub fn write_out(text: std::fmt::Arguments<'_>, end: &str) {
    let text = text.to_string();
    write_raw(format_args!("{}", visible(&text)), end);
}

/// A text of which everything shows. Words of clusters, webhooks and other people may hold characters that move the cursor,
/// erase lines or turn the direction of writing, so that something else is read than is there; each is replaced by a
/// picture of it. Colours stay.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| {
        (letter.is_control() && !matches!(letter, '\n' | '\t'))
            // Marks, embeddings, overrides and isolates of direction (Unicode, UAX #9), and blanks of no width.
            || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{ad}' | '\u{180e}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let colour = colour(rest);
        if colour > 0 {
            let (kept, after) = rest.split_at(colour);
            out.push_str(kept);
            rest = after;
            continue;
        }
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        out.push(match u32::from(letter) {
            _ if !steers(letter) => letter,
            number @ 0..0x20 => char::from_u32(0x2400 + number).unwrap_or(char::REPLACEMENT_CHARACTER),
            0x7f => '\u{2421}',
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(out)
}

/// How long the colour is that a text begins with: an ANSI SGR sequence of those that are painted here. None of them hides
/// anything, as black on black or concealed text would.
fn colour(text: &str) -> usize {
    let Some(inside) = text.strip_prefix("\u{1b}[") else { return 0 };
    let length = inside.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    let (parameters, rest) = inside.split_at(length);
    let painted = match parameters.strip_prefix("38;5;") {
        Some(number) => matches!(number.parse::<u8>(), Ok(1..=6 | 9..=14)),
        None => parameters
            .split(';')
            .all(|it| matches!(it, "0" | "1" | "4" | "31" | "32" | "33" | "34" | "35" | "36" | "39")),
    };
    if painted && rest.starts_with('m') { length + 3 } else { 0 }
}

/// Writes to standard output as it is, for machines. Whoever read it may have left (`strata … | head`): what is written from then
/// on goes nowhere, and the command comes to its own end, so that its exit code says what it found.
pub fn write_raw(text: std::fmt::Arguments<'_>, end: &str) {
    use std::io::Write as _;
    if FAILED.get().is_some() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = write!(out, "{text}{end}").and_then(|()| out.flush()) {
        // Only the first is told.
        drop(FAILED.set(error));
        READER_LEFT.notify_one();
    }
}

/// Writes what people read to standard error. Who does not hear it is not told elsewhere.
pub fn write_error(text: std::fmt::Arguments<'_>, end: &str) {
    use std::io::Write as _;
    let text = text.to_string();
    drop(write!(std::io::stderr().lock(), "{}{end}", visible(&text)));
}

/// Whether nothing can be written to standard output any more.
#[must_use]
pub fn is_lost() -> bool {
    FAILED.get().is_some()
}

/// The code that a command ends with: a result that could not be written is a failure, except to a reader that has seen enough.
#[must_use]
pub fn ending(code: Code) -> Code {
    match FAILED.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            write_error(format_args!("error: the output cannot be written: {error}"), "\n");
            Code::Failure
        }
        _ => code,
    }
}

/// Waits until the reader of standard output has left.
pub async fn reader_left() {
    while !is_lost() {
        READER_LEFT.notified().await;
    }
}

/// `println!` for a reader that may leave.
macro_rules! out {
    ($($words:tt)*) => { $crate::output::write_out(format_args!($($words)*), "\n") };
}

/// `eprintln!` of what people read, for a reader that may leave.
macro_rules! tell {
    ($($words:tt)*) => { $crate::output::write_error(format_args!($($words)*), "\n") };
}

pub(crate) use {out, tell};

/// Where a column of a table comes from: its heading and a JSON pointer into the row.
pub type Column = (&'static str, &'static str);

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
    colored: bool,
}

impl Output {
    /// Colour only on a terminal, unless asked for; `NO_COLOR` is honoured.
    #[must_use]
    pub fn new(format: Format, color: Color) -> Self {
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        Self { format, colored }
    }

    /// Whether people read the output.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// Shows rows as a table, or as they are.
    pub fn rows(&self, rows: &[Value], columns: &[Column], nothing: &str) {
        if !self.is_for_people() {
            self.document(&Value::Array(rows.to_vec()));
            return;
        }
        if rows.is_empty() {
            write_error(format_args!("{nothing}"), "\n");
            return;
        }
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| columns.iter().map(|(_, pointer)| cell(row.pointer(pointer))).collect())
            .collect();
        if natural_width(columns, &cells) > self::columns().unwrap_or(usize::MAX) {
            self.blocks(columns, &cells);
            return;
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.colored {
            table.enforce_styling();
        }
        table.set_header(columns.iter().map(|(heading, _)| *heading));
        for row in cells {
            // Not painted text: a table would count the colour into the width.
            table.add_row(row.into_iter().map(|text| match color(&text).filter(|_| self.colored) {
                Some((_, color)) => Cell::new(text).fg(color),
                None => Cell::new(text),
            }));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        out!("{}", lines.join("\n"));
    }

    /// Rows that are wider than the terminal, one below the other: ids and digests stay whole, so that they can be copied.
    fn blocks(&self, columns: &[Column], rows: &[Vec<String>]) {
        let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                out!("");
            }
            for ((heading, _), text) in columns.iter().zip(row).filter(|(_, text)| !text.is_empty()) {
                out!(" {:width$}  {}", heading.to_lowercase(), self.state(text));
            }
        }
    }

    /// Shows one thing as lines of `name  value`, or as it is.
    pub fn record(&self, record: &Value, lines: &[Column]) {
        if !self.is_for_people() {
            self.document(record);
            return;
        }
        let width = lines.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
        for (heading, pointer) in lines {
            let text = cell(record.pointer(pointer));
            if !text.is_empty() {
                out!("{heading:width$}  {}", self.state(&text));
            }
        }
    }

    /// Prints a document as JSON or YAML (JSON for tables, too, when there is nothing better).
    pub fn document(&self, value: &Value) {
        match self.format {
            Format::Yaml => match serde_saphyr::to_string(value) {
                Ok(text) => write_raw(format_args!("{text}"), ""),
                Err(error) => write_error(format_args!("{error}"), "\n"),
            },
            Format::Json => write_raw(format_args!("{value:#}"), "\n"),
            Format::Table => out!("{value:#}"),
        }
    }

    /// A line for people; nothing where machines read.
    pub fn say(&self, line: &str) {
        if self.is_for_people() {
            out!("{line}");
        }
    }

    /// An error, with its code, its places and its way out, on standard error.
    pub fn error(&self, error: &CliError) {
        let CliError::Refused(errors) = error else {
            tell!("{} {error}", self.paint("error:", "31;1"));
            if let CliError::Unreachable { .. } = error {
                tell!("  help: start the server with `strata serve`, or name another one with --server");
            }
            return;
        };
        for error in errors {
            tell!("{} {} [{}]", self.paint("error:", "31;1"), error.message, error.code);
            if !error.path.is_empty() {
                tell!("  in: {}", error.path.join("."));
            }
            for moved in &error.moved {
                tell!("  moved: {moved}");
            }
            for diagnostic in &error.diagnostics {
                tell!("  {diagnostic}");
                if let Some(help) = &diagnostic.help {
                    tell!("    help: {help}");
                }
            }
            if !error.help.is_empty() {
                tell!("  help: {}", error.help);
            }
        }
    }

    /// A text in a colour (ANSI SGR parameters), where colour is wanted.
    #[must_use]
    pub fn paint(&self, text: &str, sgr: &str) -> String {
        if self.colored { format!("\u{1b}[{sgr}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A unified diff, coloured by line.
    pub fn diff(&self, diff: &str) {
        for line in diff.lines() {
            let sgr = match line.as_bytes().first() {
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => "0",
            };
            out!("    {}", self.paint(line, sgr));
        }
    }

    fn state(&self, text: &str) -> String {
        color(text).map_or_else(|| text.to_owned(), |(sgr, _)| self.paint(text, sgr))
    }
}

/// The colour of a state: as ANSI parameters, and as tables want it.
fn color(state: &str) -> Option<(&'static str, Color16)> {
    match state {
        "SUCCEEDED" | "HEALTHY" | "ONLINE" | "PUBLISHED" | "RUNNING" => Some(("32", Color16::DarkGreen)),
        "FAILED" | "OFFLINE" | "DEGRADED" | "HALTED" | "REJECTED" | "BLOCKED" => {
            Some(("31", Color16::DarkRed))
        }
        "AWAITING_APPROVAL" | "REPAVE_PENDING" | "STALE" | "PAUSED" | "LEFT" => {
            Some(("33", Color16::DarkYellow))
        }
        _ => None,
    }
}

/// How wide a table of these cells is when nothing is broken.
fn natural_width(columns: &[Column], rows: &[Vec<String>]) -> usize {
    let widest = |index: usize, heading: &str| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|text| text.chars().count());
        cells.max().unwrap_or(0).max(heading.len())
    };
    columns.iter().enumerate().map(|(index, (heading, _))| widest(index, heading) + 2).sum()
}

/// How many columns the terminal has; none where standard output is something else.
#[must_use]
pub fn columns() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// The time of day of a moment, for lines that follow each other: `04:21:07`.
#[must_use]
pub fn time_of_day(moment: &str) -> &str {
    moment.split_once('T').and_then(|(_, time)| time.get(..8)).unwrap_or(moment)
}

/// A moment as people read it, to the second; anything else as it is.
fn readable(text: &str) -> String {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let moment = bytes.len() >= 20 && bytes.get(10) == Some(&b'T') && bytes.last() == Some(&b'Z');
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) if moment && digits(0..4) && digits(17..19) => format!("{day} {time}Z"),
        _ => text.to_owned(),
    }
}

/// The text of a table cell: lists joined, key-value pairs as `key=value`, nothing for null.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => readable(text),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", "),
        Some(Value::Object(map)) => {
            match (map.get("key"), map.get("profile"), map.get("kind"), map.get("name")) {
                (Some(key), ..) => format!("{}={}", cell(Some(key)), cell(map.get("value"))),
                (None, Some(profile), ..) => {
                    let revision =
                        map.get("revision").and_then(Value::as_u64).filter(|revision| *revision > 1);
                    let suffix = revision.map_or_else(String::new, |revision| format!("#{revision}"));
                    format!("{}@{}{suffix}", cell(Some(profile)), cell(map.get("version")))
                }
                (None, None, Some(kind), Some(name)) => match map.get("namespace").and_then(Value::as_str) {
                    Some(namespace) => format!("{} {namespace}/{}", cell(Some(kind)), cell(Some(name))),
                    None => format!("{} {}", cell(Some(kind)), cell(Some(name))),
                },
                (None, None, None, Some(name)) if map.len() == 2 && map.contains_key("value") => {
                    format!("{}={}", cell(Some(name)), cell(map.get("value")))
                }
                _ => map
                    .iter()
                    .map(|(key, value)| format!("{key}={}", cell(Some(value))))
                    .collect::<Vec<_>>()
                    .join(" "),
            }
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_cut_to_what_people_read() {
        assert_eq!(time_of_day("2026-11-28T04:21:07.563711Z"), "04:21:07");
        assert_eq!(time_of_day("soon"), "soon");
    }

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_done() {
        for shown in ["a\tb\n\u{1b}[31;1mred\u{1b}[0m — ü", "\u{1b}[38;5;2mgreen\u{1b}[39m"] {
            assert_eq!(visible(shown), shown);
        }
        for (steers, shown) in [
            ("denied\rallowed", "denied\u{240d}allowed"),
            ("\u{1b}[2Jx", "\u{241b}[2Jx"),
            ("\u{1b}]0;title\u{7}", "\u{241b}]0;title\u{2407}"),
            ("\u{9b}2K", "\u{fffd}2K"),
            ("\u{7f}", "\u{2421}"),
            ("user\u{202e}nimda", "user\u{fffd}nimda"),
            ("\u{1b}[31;", "\u{241b}[31;"),
            ("\u{1b}[8mhidden", "\u{241b}[8mhidden"),
            ("\u{1b}[30;40mhidden", "\u{241b}[30;40mhidden"),
            ("\u{1b}[38;5;0mhidden", "\u{241b}[38;5;0mhidden"),
            ("ad\u{200b}min", "ad\u{fffd}min"),
        ] {
            assert_eq!(visible(steers), shown);
        }
    }

    #[test]
    fn width_is_that_of_the_widest_cells() {
        let rows = [vec!["a".to_owned(), "bbbb".to_owned()]];
        assert_eq!(natural_width(&[("NAME", "/a"), ("B", "/b")], &rows), 12);
    }

    #[test]
    fn cells_read_like_words() {
        assert_eq!(cell(Some(&json!([{"key": "stage", "value": "prod"}]))), "stage=prod");
        assert_eq!(
            cell(Some(&json!([{"profile": "web", "version": "1.1.0", "revision": 2}]))),
            "web@1.1.0#2"
        );
        assert_eq!(cell(Some(&json!({"kind": "Service", "namespace": "a", "name": "b"}))), "Service a/b");
        assert_eq!(cell(Some(&json!([{"name": "team", "value": "blue"}]))), "team=blue");
        assert_eq!(cell(Some(&json!(null))), "");
        assert_eq!(cell(Some(&json!("2026-11-28T04:21:07.56Z"))), "2026-11-28 04:21:07Z");
        assert_eq!(
            cell(Some(&json!("not a moment, but long enough to be TZ"))),
            "not a moment, but long enough to be TZ"
        );
    }
}
