//! The commands that are clients of the GraphQL interface.
//!
//! *Idea.* A command is one or a few operations of `graphql/operations/`, its answer shown as a table, JSON or YAML.
//! The very files that are sent are embedded; a test checks each against `graphql/schema.graphql`.
//!
//! *Guarantees.* Nothing here decides anything about clusters: what the server says is shown. Output for machines goes
//! to standard output, everything for people (progress, hints, errors) to standard error. Exit codes are documented
//! at [`exit::Code`].

pub mod arguments;
pub mod client;
mod commands;
pub mod exit;
pub mod operations;
pub mod output;
mod subscription;

pub use arguments::{ClientCommand, Connection};

use client::Client;
use exit::{CliError, Code};
use output::Output;

/// Runs one command and answers with the exit code; errors are already printed.
pub async fn run(connection: Connection, command: ClientCommand) -> Code {
    let output = Output::new(connection.output, connection.color);
    let result = match Client::new(&connection) {
        Ok(client) => commands::run(&client, &output, command).await,
        Err(error) => Err(error),
    };
    output::ending(match result {
        Ok(code) => code,
        Err(error) => report(&output, &error),
    })
}

fn report(output: &Output, error: &CliError) -> Code {
    output.error(error);
    error.code()
}
