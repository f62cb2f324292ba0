//! Shows answers: tables for people, JSON and YAML for machines, errors with their way out.

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde_json::Value;

use crate::{
    arguments::{Color, Format},
    exit::CliError,
};

/// Writes to standard output. Whoever read it may have left (`strata … | head`): then there is nobody to write for.
pub(crate) fn write_out(text: std::fmt::Arguments<'_>, end: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if write!(out, "{text}{end}").is_err() {
        std::process::exit(i32::from(crate::exit::Code::Ok.number()));
    }
}

/// `println!` for a reader that may leave.
macro_rules! out {
    ($($words:tt)*) => { $crate::output::write_out(format_args!($($words)*), "\n") };
}

/// `print!` for a reader that may leave.
macro_rules! out_raw {
    ($($words:tt)*) => { $crate::output::write_out(format_args!($($words)*), "") };
}

pub(crate) use out;

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
            eprintln!("{nothing}");
            return;
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(columns.iter().map(|(heading, _)| *heading));
        for row in rows {
            table.add_row(columns.iter().map(|(_, pointer)| self.state(&cell(row.pointer(pointer)))));
        }
        out!("{table}");
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
                Ok(text) => out_raw!("{text}"),
                Err(error) => eprintln!("{error}"),
            },
            Format::Json | Format::Table => out!("{value:#}"),
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
            eprintln!("{} {error}", self.paint("error:", "31;1"));
            if let CliError::Unreachable { .. } = error {
                eprintln!("  help: start the server with `strata serve`, or name another one with --server");
            }
            return;
        };
        for error in errors {
            eprintln!("{} {} [{}]", self.paint("error:", "31;1"), error.message, error.code);
            if !error.path.is_empty() {
                eprintln!("  in: {}", error.path.join("."));
            }
            for moved in &error.moved {
                eprintln!("  moved: {moved}");
            }
            for diagnostic in &error.diagnostics {
                let numbers = [diagnostic.line, diagnostic.column].into_iter().flatten();
                let place: Vec<String> = diagnostic
                    .file
                    .clone()
                    .into_iter()
                    .chain(numbers.map(|number| number.to_string()))
                    .collect();
                eprintln!("  {}: {} [{}]", place.join(":"), diagnostic.message, diagnostic.code);
                if let Some(help) = &diagnostic.help {
                    eprintln!("    help: {help}");
                }
            }
            if !error.help.is_empty() {
                eprintln!("  help: {}", error.help);
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
        let sgr = match text {
            "SUCCEEDED" | "HEALTHY" | "ONLINE" | "PUBLISHED" | "RUNNING" => "32",
            "FAILED" | "OFFLINE" | "DEGRADED" | "HALTED" | "REJECTED" | "BLOCKED" => "31",
            "AWAITING_APPROVAL" | "REPAVE_PENDING" | "STALE" | "PAUSED" | "LEFT" => "33",
            _ => return text.to_owned(),
        };
        self.paint(text, sgr)
    }
}

/// The text of a table cell: lists joined, key-value pairs as `key=value`, nothing for null.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
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
    fn cells_read_like_words() {
        assert_eq!(cell(Some(&json!([{"key": "stage", "value": "prod"}]))), "stage=prod");
        assert_eq!(
            cell(Some(&json!([{"profile": "web", "version": "1.1.0", "revision": 2}]))),
            "web@1.1.0#2"
        );
        assert_eq!(cell(Some(&json!({"kind": "Service", "namespace": "a", "name": "b"}))), "Service a/b");
        assert_eq!(cell(Some(&json!(null))), "");
    }
}
