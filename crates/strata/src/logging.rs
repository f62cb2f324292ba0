//! Log lines, to standard error.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::arguments::LogFormat;

/// The environment variable that says what is logged, in the syntax of `tracing`: `info,strata_engine=debug`.
const VARIABLE: &str = "STRATA_LOG";

/// What never logs more than this, whatever the variable says.
const QUIET: [&str; 2] = ["tungstenite=warn", "tokio_tungstenite=warn"];

/// Starts writing log lines. Nothing happens when somebody else has started before.
pub(crate) fn start(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    // At TRACE these print whole frames, and with them the tokens in them.
    let filter = QUIET.iter().filter_map(|it| it.parse().ok()).fold(filter, EnvFilter::add_directive);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => registry.with(lines.with_target(false).compact()).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    drop(started);
}
