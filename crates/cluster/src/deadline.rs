//! The instant until which an operation may take.

use std::time::Duration;

use tokio::time::Instant;

/// Until when an operation may take, retries and waiting included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        // An absurdly long time is as good as a year.
        let now = Instant::now();
        Self(now.checked_add(duration).unwrap_or(now + Duration::from_secs(365 * 24 * 3600)))
    }

    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(crate) fn is_over(self) -> bool {
        self.remaining().is_zero()
    }

    /// The earlier of this deadline and `duration` from now.
    pub(crate) fn at_most(self, duration: Duration) -> Self {
        Self(self.0.min(Self::after(duration).0))
    }

    pub(crate) const fn instant(self) -> Instant {
        self.0
    }
}
