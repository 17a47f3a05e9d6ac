//! Rate limits: so many requests in any second, by real time (Kisi API reference, Rate limits).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::model::Id;

const SECOND: Duration = Duration::from_secs(1);
const REQUESTS_PER_SECOND: usize = 5;
const EVENT_SETS_PER_SECOND: usize = 1;
/// Callers remembered at once; when there are more, those that were quiet for a second are forgotten.
const CALLERS_MAX: usize = 10_000;

/// The requests of the last second, by who made them.
#[derive(Debug, Default)]
pub(super) struct RateLimits {
    /// By user or link; all logins of a user count together.
    requests: HashMap<Id, VecDeque<Instant>>,
    event_sets: HashMap<Id, VecDeque<Instant>>,
}

impl RateLimits {
    /// Whether this caller may make a request now. Refused ones do not count.
    pub(super) fn admits(&mut self, caller: Id) -> bool {
        admits(&mut self.requests, caller, REQUESTS_PER_SECOND)
    }

    /// Whether this caller may make an event set now.
    pub(super) fn admits_event_set(&mut self, caller: Id) -> bool {
        admits(&mut self.event_sets, caller, EVENT_SETS_PER_SECOND)
    }
}

fn admits(callers: &mut HashMap<Id, VecDeque<Instant>>, caller: Id, per_second: usize) -> bool {
    let now = Instant::now();
    let is_over = |at: &Instant| now.duration_since(*at) >= SECOND;
    if callers.len() >= CALLERS_MAX && !callers.contains_key(&caller) {
        callers.retain(|_, times| !times.back().is_none_or(is_over));
    }
    let times = callers.entry(caller).or_default();
    while times.front().is_some_and(is_over) {
        times.pop_front();
    }
    let admitted = times.len() < per_second;
    if admitted {
        times.push_back(now);
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_five_requests_in_any_second() {
        let mut limits = RateLimits::default();
        for _ in 0..5 {
            assert!(limits.admits(1));
        }
        assert!(!limits.admits(1));
        assert!(limits.admits(2), "each caller has their own");
        tokio::time::advance(SECOND).await;
        assert!(limits.admits(1));
    }
}
