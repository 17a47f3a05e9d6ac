//! When a failed attempt is made again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::{Effect, ErrorKind, Safety};

/// How often and how soon an attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all. 1 is no retry; 0 counts as 1.
    pub attempts_max: u32,
    /// Pause before the second attempt. Each further one doubles. Jitter lengthens a pause up to
    /// twofold.
    pub delay_min: Duration,
    /// Longest pause, before jitter.
    pub delay_max: Duration,
    /// A `Retry-After` above this is not waited for; the error says how long the vendor asked for.
    pub retry_after_max: Duration,
}

impl Retry {
    /// One attempt only.
    pub const NONE: Self = Self {
        attempts_max: 1,
        delay_min: Duration::ZERO,
        delay_max: Duration::ZERO,
        retry_after_max: Duration::ZERO,
    };

    /// The pauses between attempts, drawn anew for each call.
    pub(crate) fn pauses(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.delay_min)
            .with_max_delay(self.delay_max)
            .with_max_times(self.attempts_max.saturating_sub(1) as usize)
            .with_jitter()
            // Without a seed of its own each backoff would draw the same jitter.
            .with_jitter_seed(rand::random())
            .build()
    }
}

impl Default for Retry {
    /// Three attempts, a quarter of a second apart and then half a second, `Retry-After` up to ten
    /// seconds.
    fn default() -> Self {
        Self {
            attempts_max: 3,
            delay_min: Duration::from_millis(250),
            delay_max: Duration::from_secs(5),
            retry_after_max: Duration::from_secs(10),
        }
    }
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) effect: Effect,
    pub(crate) retry_after: Option<Duration>,
}

/// How long to wait before the next attempt; `None` if there is to be none. `pause` is the next of
/// the policy's pauses, `left` the time until the call must be over.
pub(crate) fn plan(
    failure: Failure,
    safety: Safety,
    retry_after_max: Duration,
    pause: Option<Duration>,
    left: Duration,
) -> Option<Duration> {
    let may_pass = matches!(failure.kind, ErrorKind::Unreachable | ErrorKind::RateLimited { .. });
    let is_safe = safety == Safety::Idempotent || failure.effect == Effect::None;
    if !may_pass || !is_safe || failure.retry_after.is_some_and(|asked| asked > retry_after_max) {
        return None;
    }
    // The pause comes on top of what the vendor asks for: never early, and not everyone at once.
    let wait = pause?.saturating_add(failure.retry_after.unwrap_or_default());
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(kind: ErrorKind, effect: Effect, safety: Safety) -> bool {
        let failure = Failure { kind, effect, retry_after: None };
        plan(failure, safety, SECOND, Some(SECOND), 9 * SECOND).is_some()
    }

    #[test]
    fn a_call_that_may_have_taken_effect_is_repeated_only_if_that_does_no_harm() {
        assert!(after(ErrorKind::Unreachable, Effect::Unknown, Safety::Idempotent));
        assert!(!after(ErrorKind::Unreachable, Effect::Unknown, Safety::Once));
        assert!(after(ErrorKind::Unreachable, Effect::None, Safety::Once));
        assert!(after(ErrorKind::RateLimited { retry_after: None }, Effect::None, Safety::Once));
    }

    #[test]
    fn a_refusal_is_not_repeated() {
        for kind in [
            ErrorKind::Unauthorized,
            ErrorKind::NotFound,
            ErrorKind::Conflict,
            ErrorKind::Rejected,
            ErrorKind::Malformed,
            ErrorKind::CircuitOpen { retry_after: SECOND },
        ] {
            assert!(!after(kind, Effect::None, Safety::Idempotent), "{kind:?}");
        }
    }

    #[test]
    fn no_retry_is_one_attempt() {
        assert_eq!(Retry::NONE.pauses().count(), 0);
        assert_eq!(Retry { attempts_max: 4, ..Retry::default() }.pauses().count(), 3);
    }

    #[test]
    fn two_calls_do_not_pause_in_step() {
        let retry = Retry { attempts_max: 9, ..Retry::default() };
        assert_ne!(retry.pauses().collect::<Vec<_>>(), retry.pauses().collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn the_wait_is_never_shorter_than_asked_and_always_ends_in_time(
            asked in proptest::option::of(0u64..20_000), max in 0u64..20_000,
            pause in proptest::option::of(0u64..20_000), left in 0u64..40_000,
        ) {
            let asked = asked.map(Duration::from_millis);
            let (max, left) = (Duration::from_millis(max), Duration::from_millis(left));
            let failure = Failure { kind: ErrorKind::Unreachable, effect: Effect::None, retry_after: asked };
            let wait = plan(failure, Safety::Once, max, pause.map(Duration::from_millis), left);
            if let Some(wait) = wait {
                prop_assert!(wait >= asked.unwrap_or_default() && wait < left);
                prop_assert!(asked.unwrap_or_default() <= max);
            }
        }
    }
}
