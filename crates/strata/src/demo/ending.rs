//! How the demo ends before its time, and what is done then.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{terminal::tell, traces::Traces};
use crate::{exit::Failed, serve::Signals};

const UNREAD: &str = "nobody reads on";

/// Whatever asks the demo to end.
#[derive(Debug)]
pub(super) struct Ending {
    signals: Signals,
    /// A closed terminal ends it too, where it has something to put in order.
    hang_up: Option<Signal>,
    /// Whether it is known that nobody reads on: that asks once.
    unread: bool,
}

impl Ending {
    /// Starts listening.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(super) fn new(leaves_traces: bool) -> Result<Self, Failed> {
        let signals = Signals::new()?;
        let hang_up = leaves_traces
            .then(|| signal(SignalKind::hangup()))
            .transpose()
            .map_err(|error| Failed::Serve(error.into()))?;
        Ok(Self { signals, hang_up, unread: false })
    }

    /// Waits for the first, and says what it was.
    pub(super) async fn next(&mut self) -> &'static str {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        let unread = async {
            if self.unread {
                std::future::pending().await
            } else {
                strata_cli::output::reader_left().await;
            }
        };
        let how = tokio::select! {
            name = self.signals.next() => name,
            _ = hang_up => "SIGHUP",
            () = unread => UNREAD,
        };
        self.unread |= how == UNREAD;
        how
    }

    /// What a step of the story failed with, or that nobody reads on: then no command can be followed any more.
    pub(super) fn cause(&mut self, failed: Failed) -> Failed {
        if strata_cli::output::is_lost() && !self.unread {
            self.unread = true;
            return Failed::Interrupted { how: UNREAD };
        }
        failed
    }
}

/// Removes what the demo left on real clusters; another interrupt stops that. `told` says whether the reader hears of it
/// when there was nothing to remove.
///
/// # Errors
/// [`Failed::Remains`], with what is left and how to remove it.
pub(super) async fn clear(traces: Option<&Traces>, ending: &mut Ending, told: bool) -> Result<(), Failed> {
    let Some(traces) = traces else { return Ok(()) };
    if told {
        tell(format_args!(
            "\nWhat the demo made on your clusters is removed now; machines take minutes. (Ctrl-C leaves it there.)"
        ));
    }
    let remains = tokio::select! {
        removed = traces.remove() => match removed {
            Ok(_) => {
                if told {
                    tell(format_args!("Nothing of the demo is left on your clusters."));
                }
                return Ok(());
            }
            Err(remains) => remains,
        },
        how = ending.next() => vec![format!("the removal was interrupted ({how})")],
    };
    Err(Failed::Remains { what: remains, orders: traces.orders() })
}
