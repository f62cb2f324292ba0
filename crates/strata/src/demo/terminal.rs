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
    step: u32,
}

impl Terminal {
    pub(super) fn new(server: String, folder: &Path) -> Self {
        let colored = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { server, folder: folder.to_owned(), colored, step: 0 }
    }

    fn paint(&self, text: &str, sgr: &str) -> String {
        if self.colored { format!("\u{1b}[{sgr}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        let title = format!("{}. {title}", self.step);
        println!("\n\n{}\n", self.paint(&title, "1;4"));
    }

    /// Says what happens, or what the answer means.
    pub(super) fn say(&self, text: &str) {
        println!("\n{}", self.paint(text, "36"));
    }

    /// A file of the demo's folder.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
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
        println!(
            "\n{} {}",
            self.paint(&format!("{} $", person.name), "32"),
            self.paint(&line.join(" "), "1")
        );
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
        println!(
            "\n{} {}",
            self.paint(&format!("{} $", admin.name), "32"),
            self.paint(&format!("strata token create {name}"), "1")
        );
        let input = json!({ "principal": name, "name": "demo" });
        let payload = self.client(admin)?.mutate(TOKEN_CREATE, "createToken", input).await?;
        let secret = payload.get("secret").and_then(Value::as_str).ok_or("a token without a secret")?;
        let token_file = self.write_secret(&format!("{name}.token"), secret)?;
        println!("  (the token of {name} is in {})", token_file.display());
        Ok(Person { name: name.to_owned(), token_file })
    }
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
    fn commands_can_be_copied_into_a_shell() {
        assert_eq!(quoted("web@1.1.0"), "web@1.1.0");
        assert_eq!(quoted("canary:stage=canary;concurrency=1"), "'canary:stage=canary;concurrency=1'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
