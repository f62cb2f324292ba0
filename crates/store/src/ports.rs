//! The real clock and the real source of ids.

use jiff::Timestamp;
use strata_model::ports::{Clock, IdSource, to_microseconds};
use uuid::Uuid;

/// The system's clock, cut down to microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        to_microseconds(Timestamp::now())
    }
}

/// UUIDs of version 7 from the system's clock and random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    fn next(&self) -> Uuid {
        // Rising also within a millisecond of one process.
        Uuid::now_v7()
    }
}
