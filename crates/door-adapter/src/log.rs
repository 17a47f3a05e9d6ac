//! What providers' own logs say, and which part of one is read next.

use chrono::Duration;
use domain::{OperationId, PersonId, Timestamp, WayInId, Window};
use proto::access::v1::{AccessLogSource, AccessReason, DoorAction, PassageDirection};

use crate::control::Spot;

/// What a provider's own log says of a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorEvent {
    /// The provider's id of it: the same for the same event of an account, and of no other.
    pub event_ref: String,
    /// When it happened, by the provider's clock.
    pub time: Timestamp,
    /// Where.
    pub spot: Spot,
    /// What that is called over there.
    pub spot_name: String,
    /// What was done, or asked for.
    pub action: DoorAction,
    /// By what.
    pub source: AccessLogSource,
    /// What came of it.
    pub outcome: EventOutcome,
    /// Why.
    pub reason: AccessReason,
    /// What the provider said. No secrets, no contact details.
    pub detail: String,
    /// Who, if the ledger knows whom the provider means.
    pub person: Option<PersonId>,
    /// Who, as the provider calls them; empty if it does not say.
    pub holder: String,
    /// The way in that was used, if it is one of ours.
    pub way_in: Option<WayInId>,
    /// Our own operation of which it is the trace, if the log says so.
    pub operation: Option<OperationId>,
    /// Whether they went in or out.
    pub direction: PassageDirection,
}

/// What came of something at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// The door did it.
    Done,
    /// It was refused.
    Refused,
    /// It was to be done, and the door did not.
    Failed,
}

/// Clocks differ, and events stand in logs some time after they happened: each reading begins so long before the end of
/// the one before, and goes on so long after the present.
const OVERLAP: Duration = Duration::minutes(15);

/// Logs lag, some for hours (Kisi API reference, Gotchas): so often all of such a time is read again.
const SWEEP_EVERY: Duration = Duration::hours(24);
const SWEEP: Duration = Duration::hours(48);

/// What is read at once at the most, of a log that nobody read for long.
const SPAN_MAX: Duration = Duration::hours(6);

/// How long it must be known what was told: longer than anything is read again.
pub(crate) const TOLD_KEPT: Duration = Duration::hours(72);

/// How far an account's log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// All that happened before was read.
    pub read_until: Timestamp,
    /// When it was last looked for what turned up late.
    pub swept_at: Timestamp,
}

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub window: Window,
    /// How far the log was read once that is told.
    pub then: Progress,
    /// Whether there is more to read at once.
    pub is_behind: bool,
}

impl Progress {
    /// The reading that comes next. One that fails is the next again.
    pub(crate) fn next(self, now: Timestamp) -> Reading {
        // A clock that was put back reads again what it has read.
        let read_until = self.read_until.min(now);
        let is_sweep = now - self.swept_at >= SWEEP_EVERY;
        let start = read_until - if is_sweep { SWEEP } else { OVERLAP };
        let end = (now + OVERLAP).min(read_until + SPAN_MAX);
        let then = Self { read_until: end.min(now), swept_at: if is_sweep { now } else { self.swept_at } };
        Reading {
            window: Window::new(start, end).expect("it ends after it begins"),
            then,
            is_behind: then.read_until < now,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    proptest! {
        /// However often readings fail, however long nobody reads, whatever happens is within a reading that begins when
        /// it may have been in the log for a while.
        #[test]
        fn no_moment_is_left_out(
            pauses in prop::collection::vec((1..200_000_i64, any::<bool>()), 1..40),
            happens_after in 0..2_000_000_i64,
            shows_after in 0..900_i64,
        ) {
            let happened = at(happens_after);
            let shows = happened + Duration::seconds(shows_after);
            let mut progress = Progress { read_until: at(0), swept_at: at(0) };
            let (mut now, mut is_read) = (at(0), false);
            for (pause, goes_well) in pauses {
                now += Duration::seconds(pause);
                if !goes_well {
                    continue;
                }
                loop {
                    let reading = progress.next(now);
                    prop_assert!(reading.then.read_until <= now);
                    prop_assert!(reading.then.read_until >= progress.read_until);
                    is_read |= reading.window.contains(happened) && shows <= now;
                    progress = reading.then;
                    if !reading.is_behind {
                        break;
                    }
                }
                prop_assert_eq!(progress.read_until, now);
                prop_assert!(is_read || shows > now, "{happened} is left out at {now}");
            }
        }

        /// What may be read again is still known.
        #[test]
        fn what_is_read_again_was_not_forgotten(pause in 0..1_000_000_i64, since_sweep in 0..1_000_000_i64) {
            let now = at(pause);
            let progress = Progress { read_until: at(0), swept_at: at(-since_sweep) };
            let reading = progress.next(now);
            prop_assert!(progress.read_until - reading.window.start() < TOLD_KEPT);
        }
    }

    #[test]
    fn what_turns_up_late_is_found_by_the_sweep() {
        let progress = Progress { read_until: at(0), swept_at: at(0) };
        let next = progress.next(at(60));
        assert_eq!(next.window.start(), at(-900));
        assert_eq!(next.then.swept_at, at(0));
        let a_day_later = Progress { read_until: at(86_340), ..progress }.next(at(86_400));
        assert_eq!(a_day_later.window.start(), at(86_340 - 48 * 3_600));
        assert_eq!(a_day_later.then.swept_at, at(86_400));
    }

    #[test]
    fn a_clock_that_was_put_back_leaves_nothing_out() {
        let progress = Progress { read_until: at(7_200), swept_at: at(0) };
        let next = progress.next(at(0));
        assert!(next.window.contains(at(0)) && next.window.contains(at(-900)));
        assert_eq!((next.then.read_until, next.is_behind), (at(0), false));
    }
}
