//! `strata serve`

use strata_cli::output::write_error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    arguments::ServeArguments,
    exit::Failed,
    logging,
    server::{FirstStart, Server},
    settings::ServerSettings,
};

/// Serves until somebody asks the process to end.
///
/// # Errors
/// When the server does not start, or stops by itself.
pub(crate) async fn run(arguments: ServeArguments) -> Result<(), Failed> {
    let settings = ServerSettings::new(arguments)?;
    logging::start(settings.log, "info");
    let mut signals = Signals::new()?;
    let (mut server, first) = Server::start(&settings).await?;
    if let Some(first) = first {
        announce(&first);
    }
    tracing::info!(address = %server.address(), "listening");
    let failed = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping");
            None
        }
        failed = server.stopped() => Some(failed),
    };
    server.stop().await;
    failed.map_or(Ok(()), Err)
}

/// Writes the administrator's token to standard error: the only time that it is shown.
fn announce(first: &FirstStart) {
    write_error(
        format_args!(
            "This is the first start. The administrator's token, shown this once:\n\n  {}\n\nKeep it, and use it: export STRATA_TOKEN=…\n",
            first.token.secret.expose()
        ),
        "\n",
    );
}

/// What asks a process to end.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts listening for them.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn new() -> Result<Self, Failed> {
        let listen = |kind| signal(kind).map_err(|error| Failed::Serve(error.into()));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the first.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
