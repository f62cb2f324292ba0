//! The reader's terminal: numbered steps, sentences, and commands that are typed and answered.
//!
//! A command that is shown is really run, through the same code as on the command line, against the server over HTTP. What
//! a step needs to know beyond it is asked with the same operations.

use std::{
    error::Error,
    fs::OpenOptions,
    io::{IsTerminal as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Parser as _;
use serde_json::{Value, json};
use strata_cli::{
    Connection,
    arguments::{Color, Format, Program},
    client::Client,
    exit::{CliError, Code},
    operations::Operation,
};

/// Why a step failed.
pub(super) type StepError = Box<dyn Error + Send + Sync>;
/// What a step ends with.
pub(super) type Step<T = ()> = Result<T, StepError>;

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) token_file: PathBuf,
}

/// The terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    server: String,
    folder: PathBuf,
    colored: bool,
    columns: usize,
    step: u32,
}

/// Columns of a terminal that does not say, and of a page that somebody reads later.
const COLUMNS: usize = 100;

/// Writes a line for a reader who may leave.
pub(super) fn tell(line: std::fmt::Arguments<'_>) {
    strata_cli::output::write_out(line, "\n");
}

impl Terminal {
    /// A terminal whose working directory is the folder, so that commands can name its files as people would.
    ///
    /// # Errors
    /// When the folder cannot be gone to.
    pub(super) fn new(server: String, folder: &Path) -> Step<Self> {
        std::env::set_current_dir(folder)?;
        let colored = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let columns = strata_cli::output::columns().unwrap_or(COLUMNS);
        Ok(Self { server, folder: folder.to_owned(), colored, columns, step: 0 })
    }

    fn paint(&self, text: &str, sgr: &str) -> String {
        if self.colored { format!("\u{1b}[{sgr}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        let title = format!("{}. {title}", self.step);
        tell(format_args!("\n\n{}", self.paint(&title, "1;4")));
    }

    /// Says what happens, or what the answer means.
    pub(super) fn say(&self, text: &str) {
        tell(format_args!("\n{}", self.paint(&wrapped(text, self.columns), "36")));
    }

    /// Shows a command as somebody types it.
    pub(super) fn typed(&self, who: &str, words: &[String]) {
        let prompt = format!("{who} $");
        let line = folded(prompt.len() + 1, words, self.columns);
        tell(format_args!("\n{} {}", self.paint(&prompt, "32"), self.paint(&line, "1")));
    }

    /// A file of the demo's folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of the demo's folder that only this account may read.
    pub(super) fn write_secret(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }

    fn connection(&self, person: &Person) -> Connection {
        Connection {
            server: self.server.clone(),
            token_file: Some(person.token_file.clone()),
            project: None,
            output: Format::Table,
            color: Color::Auto,
        }
    }

    /// Types a command as somebody; it must end with one of these codes.
    pub(super) async fn run(&self, person: &Person, arguments: &[&str], expected: &[Code]) -> Step {
        let line: Vec<String> =
            std::iter::once("strata").chain(arguments.iter().copied()).map(quoted).collect();
        self.typed(&person.name, &line);
        let program = Program::try_parse_from(std::iter::once("strata").chain(arguments.iter().copied()))?;
        let code = strata_cli::run(self.connection(person), program.command).await;
        if expected.contains(&code) {
            Ok(())
        } else {
            Err(format!("`{}` ended with {code:?} instead of {expected:?}", line.join(" ")).into())
        }
    }

    /// Types a command that must succeed.
    pub(super) async fn succeed(&self, person: &Person, arguments: &[&str]) -> Step {
        self.run(person, arguments, &[Code::Ok]).await
    }

    /// Asks or does something without showing it.
    pub(super) fn client(&self, person: &Person) -> Result<Client, CliError> {
        Client::new(&self.connection(person))
    }

    /// Sends a query without showing it.
    pub(super) async fn ask(&self, person: &Person, operation: Operation, variables: Value) -> Step<Value> {
        Ok(self.client(person)?.query(operation, variables).await?)
    }

    /// Makes a person with these roles and a token, shown as the commands that would do it.
    pub(super) async fn hire(&self, admin: &Person, name: &str, roles: &[&str]) -> Step<Person> {
        use strata_cli::operations::TOKEN_CREATE;

        self.succeed(admin, &["token", "principal", name]).await?;
        for role in roles {
            self.succeed(admin, &["token", "grant", name, role]).await?;
        }
        self.typed(&admin.name, &["strata", "token", "create", name].map(str::to_owned));
        let input = json!({ "principal": name, "name": "demo" });
        let payload = self.client(admin)?.mutate(TOKEN_CREATE, "createToken", input).await?;
        let secret = payload.get("secret").and_then(Value::as_str).ok_or("a token without a secret")?;
        let token_file = self.write_secret(&format!("{name}.token"), secret)?;
        tell(format_args!("  (the token of {name} is in the file {name}.token)"));
        Ok(Person { name: name.to_owned(), token_file })
    }
}

/// A text in lines of so many columns, broken between words.
fn wrapped(text: &str, columns: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if length > 0 && length + 1 + word.chars().count() > columns {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// A command that begins at a column, continued on further lines as a shell reads them.
fn folded(start: usize, words: &[String], columns: usize) -> String {
    let (mut line, mut column) = (String::new(), start);
    for (index, word) in words.iter().enumerate() {
        let length = word.chars().count();
        // A flag and its value stay together where both fit.
        let value = words.get(index + 1).filter(|_| word.starts_with("--"));
        let value =
            value.filter(|value| !value.starts_with("--")).map_or(0, |value| 1 + value.chars().count());
        let fits = |length| column + 1 + length + 2 <= columns;
        let whole = length + value;
        if index > 0 && !fits(whole) && (word.starts_with("--") || !fits(length)) {
            line.push_str(" \\\n    ");
            column = 4;
        } else if index > 0 {
            line.push(' ');
            column += 1;
        }
        line.push_str(word);
        column += length;
    }
    line
}

/// An argument as a shell wants it.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@#,+".contains(character);
    if !text.is_empty() && text.chars().all(plain) && !text.contains('#') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A text at a JSON pointer.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        let words = ["strata", "apply", "pilot-1", "--profile", "web@1.1.0", "--watch"].map(str::to_owned);
        assert_eq!(folded(8, &words, 80), "strata apply pilot-1 --profile web@1.1.0 --watch");
        assert_eq!(folded(8, &words, 40), "strata apply pilot-1 \\\n    --profile web@1.1.0 --watch");
    }

    #[test]
    fn commands_can_be_copied_into_a_shell() {
        assert_eq!(quoted("web@1.1.0"), "web@1.1.0");
        assert_eq!(quoted("canary:stage=canary;concurrency=1"), "'canary:stage=canary;concurrency=1'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
