//! The sandbox's clock: the given clock plus an offset.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Duration;
use domain::{Clock, Timestamp};

/// The given clock plus an offset, with which a test or a developer travels in time.
pub struct SandboxClock {
    base: Arc<dyn Clock>,
    offset_us: AtomicI64,
}

impl SandboxClock {
    pub(crate) fn new(base: Arc<dyn Clock>) -> Self {
        Self { base, offset_us: AtomicI64::new(0) }
    }

    /// How far the sandbox is ahead of the given clock; negative if behind.
    pub fn offset(&self) -> Duration {
        Duration::microseconds(self.offset_us.load(Ordering::Acquire))
    }

    /// Sets how far the sandbox is ahead of the given clock.
    pub fn set_offset(&self, offset: Duration) {
        // More than 292,000 years do not fit; the longest that fits stands in for them.
        let us = offset.num_microseconds().unwrap_or(i64::MAX);
        self.offset_us.store(us, Ordering::Release);
    }

    /// Moves the sandbox by `by`, backwards if negative.
    pub fn advance(&self, by: Duration) {
        self.offset_us.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::AcqRel);
    }

    /// Makes it `now` in the sandbox. It goes on from there.
    pub fn set(&self, now: Timestamp) {
        self.set_offset(now - self.base.now());
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        let base = self.base.now();
        base.checked_add_signed(self.offset()).unwrap_or(base)
    }
}

impl std::fmt::Debug for SandboxClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SandboxClock({}, offset {})", self.now(), self.offset())
    }
}

#[cfg(test)]
mod tests {
    use domain::SettableClock;

    use super::*;

    #[test]
    fn a_set_time_goes_on_with_the_given_clock() {
        let start: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        let base = Arc::new(SettableClock::at(start));
        let clock = SandboxClock::new(base.clone());
        clock.set("2027-01-01T00:00:00Z".parse().unwrap());
        base.advance(Duration::seconds(5));
        clock.advance(Duration::seconds(2));
        assert_eq!(clock.now(), "2027-01-01T00:00:07Z".parse::<Timestamp>().unwrap());
    }
}
