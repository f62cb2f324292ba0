//! Log lines, to standard error.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::arguments::LogFormat;

/// The environment variable that says what is logged, in the syntax of `tracing`: `info,strata_engine=debug`.
const VARIABLE: &str = "STRATA_LOG";

/// Starts writing log lines. Nothing happens when somebody else has started before.
pub(crate) fn start(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => registry.with(lines.with_target(false).compact()).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    drop(started);
}
