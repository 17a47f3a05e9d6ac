//! IANA time zones, at the edges only: inside, everything is UTC.

use chrono::{LocalResult, NaiveDateTime, TimeZone, Timelike as _};
use chrono_tz::Tz;

use crate::Timestamp;

/// The name stands in no time zone database that we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone; give an IANA name such as Europe/Vienna")]
pub struct UnknownZone;

/// The zone of that IANA name.
pub fn parse(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| UnknownZone)
}

/// The moment at which clocks in `zone` show `local`. A time that occurs twice (clocks go back)
/// means the first; one that never occurs (clocks go forward) means the moment of the jump, as
/// calendar programs take it: 02:30 becomes what 02:30 would have been without the jump.
pub fn resolve(zone: Tz, local: NaiveDateTime) -> Timestamp {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
        LocalResult::None => {
            // Offset in force just before the gap. No zone's gap is longer than a day (dateline moves).
            let before = local - chrono::Duration::days(1);
            let offset = match zone.from_local_datetime(&before) {
                LocalResult::Single(time) | LocalResult::Ambiguous(_, time) => before - time.naive_utc(),
                LocalResult::None => chrono::Duration::zero(),
            };
            (local - offset).and_utc()
        }
    }
}

/// The first moment at which clocks in `zone` show `local` or, where they are put forward across it, a later
/// time.
pub fn first_reached(zone: Tz, local: NaiveDateTime) -> Timestamp {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
        LocalResult::None => {
            // The moment of the jump lies where no zone's clocks have been there yet, and all are past it.
            let around = chrono::Duration::hours(16);
            let (mut before, mut after) = ((local - around).and_utc(), (local + around).and_utc());
            while after - before > chrono::Duration::seconds(1) {
                let middle = before + (after - before) / 2;
                let middle = middle.with_nanosecond(0).expect("a second has a beginning");
                if middle.with_timezone(&zone).naive_local() < local {
                    before = middle
                } else {
                    after = middle
                }
            }
            after
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(zone: &str, local: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
        resolve(parse(zone).unwrap(), local).format("%Y-%m-%d %H:%M").to_string()
    }

    #[test]
    fn local_times_become_moments_across_daylight_saving_changes() {
        assert_eq!(resolved("Europe/Vienna", "2026-07-01 09:00"), "2026-07-01 07:00");
        assert_eq!(resolved("Europe/Vienna", "2026-12-01 09:00"), "2026-12-01 08:00");
        // Clocks go forward from 02:00 to 03:00: 02:30 does not occur.
        assert_eq!(resolved("Europe/Vienna", "2026-03-29 02:30"), "2026-03-29 01:30");
        // Clocks go back from 03:00 to 02:00: 02:30 occurs twice; the first counts.
        assert_eq!(resolved("Europe/Vienna", "2026-10-25 02:30"), "2026-10-25 00:30");
        assert_eq!(resolved("Asia/Kathmandu", "2026-01-01 00:00"), "2025-12-31 18:15");
    }

    #[test]
    fn a_time_that_clocks_jump_across_is_reached_with_the_jump() {
        let reached = |zone: &str, local: &str| {
            let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
            first_reached(parse(zone).unwrap(), local).format("%Y-%m-%d %H:%M:%S").to_string()
        };
        assert_eq!(reached("Europe/Vienna", "2026-03-29 02:30"), "2026-03-29 01:00:00");
        assert_eq!(reached("Europe/Vienna", "2026-03-29 03:00"), "2026-03-29 01:00:00");
        assert_eq!(reached("Europe/Vienna", "2026-10-25 02:30"), "2026-10-25 00:30:00");
        // Samoa left a whole day out.
        assert_eq!(reached("Pacific/Apia", "2011-12-30 00:00"), "2011-12-30 10:00:00");
        assert_eq!(reached("Pacific/Apia", "2011-12-30 23:59"), "2011-12-30 10:00:00");
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        assert_eq!(parse("Europe/Wien"), Err(UnknownZone));
        assert_eq!(parse(""), Err(UnknownZone));
    }
}
