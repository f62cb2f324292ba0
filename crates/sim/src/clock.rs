//! The simulator's one clock. Kubernetes shows seconds.

use jiff::Timestamp;

/// Now, as `2026-01-02T03:04:05Z`.
pub(crate) fn now() -> String {
    format_seconds(instant())
}

/// Now, with microseconds, as Leases and Events carry it.
pub(crate) fn now_micro() -> String {
    instant().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn format_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator stands for a foreign machine with a clock of its own"
)]
fn instant() -> Timestamp {
    Timestamp::now()
}
