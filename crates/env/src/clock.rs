//! What time it is.

#![expect(clippy::disallowed_methods, reason = "this module is the clock everything else must use")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time: the system's, or one frozen for tests and demos.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system clock.
    System,
    /// Wall-clock time stands still at this many microseconds since the epoch. Elapsed time still passes.
    Frozen(i64),
}

impl Clock {
    /// Wall-clock time in microseconds since 1970-01-01T00:00:00Z. May jump; never use it to measure or to order.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        match self {
            Self::Frozen(micros) => micros,
            Self::System => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
                Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
            },
        }
    }

    /// A point to measure elapsed time from; monotonic, also when the wall clock is frozen.
    #[must_use]
    pub fn instant(self) -> Instant {
        Instant::now()
    }

    /// Time passed since `start`.
    #[must_use]
    pub fn elapsed(self, start: Instant) -> Duration {
        self.instant().saturating_duration_since(start)
    }
}
