//! From the command line to a command, and from its outcome to an exit code.

use std::process::ExitCode;
use strata_cli::{exit::Code, output::write_error};

use crate::{
    arguments::{self, Invocation, LocalCommand},
    create_admin, demo,
    exit::{Exit, Failed},
    migrate, pack, serve,
};

/// The program: reads the command line, runs the command, answers with its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Fails only when somebody installed one before, and then there is one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let invocation = match arguments::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => {
            // Help and version are "errors" that go to standard output.
            let wrong = error.use_stderr();
            drop(error.print());
            return if wrong { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            write_error(format_args!("error: cannot start: {error}"), "\n");
            return Exit::Failure.into();
        }
    };
    runtime.block_on(Box::pin(run(invocation)))
}

/// Writes a result to standard output. A reader that left early, as `head` does, is no error; whatever else keeps it from
/// being written is one, see [`strata_cli::output::ending`].
pub(crate) fn write_out(text: &str) {
    strata_cli::output::write_raw(format_args!("{text}"), "");
}

async fn run(invocation: Invocation) -> ExitCode {
    let local = match invocation {
        Invocation::Client(connection, command) => {
            return ExitCode::from(strata_cli::run(connection, *command).await.number());
        }
        Invocation::Local(local) => *local,
    };
    let outcome: Result<(), Failed> = match local {
        LocalCommand::Serve(arguments) => Box::pin(serve::run(arguments)).await,
        LocalCommand::Migrate(arguments) => migrate::run(&arguments).await,
        LocalCommand::CreateAdmin(arguments) => create_admin::run(arguments).await,
        LocalCommand::Demo(arguments) => Box::pin(demo::run(arguments)).await,
        LocalCommand::Schema => {
            write_out(&strata_api::sdl());
            Ok(())
        }
        LocalCommand::Render(arguments, format) => pack::render(&arguments, format),
        LocalCommand::Verify(arguments, format) => pack::verify(&arguments, format).await,
    };
    match outcome {
        Ok(()) => ExitCode::from(strata_cli::output::ending(Code::Ok).number()),
        Err(failed) => {
            failed.print();
            failed.exit().into()
        }
    }
}
