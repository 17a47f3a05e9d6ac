//! Makes few large rounds of many small ones.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The least time between the beginnings of two rounds that had work.
const ROUND: Duration = Duration::from_millis(20);

/// Spaces the rounds of a loop that works off a queue. What comes after a quiet moment is taken at once;
/// what comes close behind gathers, for a transaction of twenty costs little more than one of one. Rounds
/// that were full follow each other at once.
#[derive(Debug, Default)]
pub struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// Waits until the next round may begin. Cancel safe.
    pub async fn ready(&self) {
        if let Some(next) = self.next {
            sleep_until(next).await;
        }
    }

    /// Notes that a round with work began at this time.
    pub fn begin(&mut self, at: Instant) {
        self.next = Some(at + ROUND);
    }

    /// Notes that the round left work over.
    pub fn hurry(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rounds_with_work_are_spaced_and_others_are_not() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.ready().await;
        pace.ready().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.begin(start);
        pace.ready().await;
        assert!(start.elapsed() >= ROUND, "{:?}", start.elapsed());
        let start = Instant::now();
        pace.begin(start);
        pace.hurry();
        pace.ready().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
