//! What the pure core may not do itself: read the clock and make ids.

use jiff::Timestamp;
use uuid::Uuid;

/// The time, rounded to microseconds: PostgreSQL keeps no more, and both databases must answer alike.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant, a whole number of microseconds.
    fn now(&self) -> Timestamp;
}

/// A source of fresh UUIDs of version 7.
pub trait IdSource: Send + Sync + std::fmt::Debug {
    /// An id never given out before.
    fn next(&self) -> Uuid;
}

/// Cuts an instant down to whole microseconds.
#[must_use]
pub fn to_microseconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}
