//! The rate limit of one account: waits for a call's turn, never past its deadline.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout_at};

/// How fast an account of a vendor may be called by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls per second in the long run.
    pub per_second: NonZeroU32,
    /// Calls at once after a rest. 1 spaces all calls evenly; more can exceed `per_second` within one
    /// second, which vendors that count by the second answer with 429.
    pub burst: NonZeroU32,
    /// Calls under way at the same time. 1 makes them one after the other.
    pub in_flight: NonZeroUsize,
}

/// The call would not get its turn before its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotInTime {
    /// When it would, if known.
    pub(crate) wait: Option<Duration>,
}

/// Time since the limiter was made, by tokio's clock, so that a paused test moves it.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Enforces one account's [`Limit`]. Calls get their turns in the order in which they asked.
#[derive(Debug)]
pub(crate) struct Limiter {
    bucket: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
    /// Held by the one call that waits for the bucket; the others queue here, in order, instead of all
    /// waking for each token.
    turnstile: Mutex<()>,
    slots: Semaphore,
}

impl Limiter {
    pub(crate) fn new(limit: Limit) -> Self {
        let clock = TokioClock(Instant::now());
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            bucket: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            turnstile: Mutex::new(()),
            slots: Semaphore::new(limit.in_flight.get().min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Waits for the call's turn. The permit is kept until the call is over.
    pub(crate) async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, NotInTime> {
        let in_line = async {
            let slot = self.slots.acquire().await.expect("the semaphore is never closed");
            (slot, self.turnstile.lock().await)
        };
        let (slot, _turn) = timeout_at(deadline, in_line).await.map_err(|_| NotInTime { wait: None })?;
        while let Err(not_until) = self.bucket.check() {
            let wait = not_until.wait_time_from(self.clock.now());
            let at = Instant::now() + wait;
            if at >= deadline {
                return Err(NotInTime { wait: Some(wait) });
            }
            sleep_until(at).await;
        }
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32, burst: u32, in_flight: usize) -> Limiter {
        Limiter::new(Limit {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
            in_flight: NonZeroUsize::new(in_flight).unwrap(),
        })
    }

    /// When each of `calls` calls, asked for at once, got its turn, in milliseconds.
    async fn all(limiter: Limiter, calls: usize) -> Vec<u128> {
        let limiter = std::sync::Arc::new(limiter);
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for call in 0..calls {
            let limiter = limiter.clone();
            tasks.spawn(async move {
                let _slot = limiter.turn(start + Duration::from_secs(60)).await.unwrap();
                (call, start.elapsed().as_millis())
            });
        }
        let mut turns = tasks.join_all().await;
        turns.sort_by_key(|&(_, at)| at);
        assert!(turns.is_sorted_by_key(|&(call, _)| call), "first come, first served: {turns:?}");
        turns.into_iter().map(|(_, at)| at).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spaced_evenly_and_served_in_order() {
        let turns = all(limiter(5, 1, 8), 11).await;
        assert!(turns[10].abs_diff(2000) <= 20, "{turns:?}");
        assert!(turns.windows(2).all(|pair| pair[1] - pair[0] >= 199), "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_served_at_once() {
        let turns = all(limiter(1, 3, 8), 4).await;
        assert_eq!(turns[..3], [0, 0, 0]);
        assert!(turns[3].abs_diff(1000) <= 10, "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_means_that_the_next_waits_for_the_one_before() {
        let limiter = limiter(1000, 1000, 1);
        let deadline = Instant::now() + Duration::from_secs(5);
        let first = limiter.turn(deadline).await.unwrap();
        assert_eq!(limiter.turn(deadline).await.unwrap_err(), NotInTime { wait: None });
        drop(first);
        assert!(limiter.turn(deadline + Duration::from_secs(5)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_would_come_too_late_is_refused_at_once_with_the_wait() {
        let limiter = limiter(1, 1, 8);
        let start = Instant::now();
        drop(limiter.turn(start + Duration::from_millis(500)).await.unwrap());
        let NotInTime { wait } = limiter.turn(start + Duration::from_millis(500)).await.unwrap_err();
        assert_eq!((wait, start.elapsed()), (Some(Duration::from_secs(1)), Duration::ZERO));
    }
}
