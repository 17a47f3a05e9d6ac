//! IANA time zones, at the edges only: inside, everything is UTC.

use chrono::{LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike as _};
use chrono_tz::Tz;

use crate::{Timestamp, Window};

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

/// The first moment of a day by the clocks of `zone`.
pub fn midnight(zone: Tz, day: NaiveDate) -> Timestamp {
    first_reached(zone, day.and_time(NaiveTime::MIN))
}

/// A day by the clocks of `zone`; `None` if it was left out there, when the date line was moved.
pub fn day(zone: Tz, day: NaiveDate) -> Option<Window> {
    Window::new(midnight(zone, day), midnight(zone, day.succ_opt()?)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_as_long_as_clocks_say() {
        let hours = |zone: &str, day_text: &str| {
            day(parse(zone).unwrap(), date(day_text)).map(|window| window.duration().num_hours())
        };
        assert_eq!(hours("Europe/Vienna", "2026-03-29"), Some(23));
        assert_eq!(hours("Europe/Vienna", "2026-10-25"), Some(25));
        // Here clocks change at midnight: this day begins at 01:00.
        assert_eq!(hours("Asia/Beirut", "2026-03-29"), Some(23));
        // The day that Samoa left out when it changed sides.
        assert_eq!(hours("Pacific/Apia", "2011-12-30"), None);
        let start = day(parse("Pacific/Kiritimati").unwrap(), date("2026-12-01")).unwrap().start();
        assert_eq!(start.to_string(), "2026-11-30 10:00:00 UTC");
    }

    proptest! {
        /// A moment is within the day that clocks show, and in no other.
        #[test]
        fn days_leave_no_gap_and_do_not_overlap(
            zone in prop::sample::select(chrono_tz::TZ_VARIANTS.as_slice()),
            seconds in 946_684_800_i64..4_000_000_000,
        ) {
            let now = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
            let today = now.with_timezone(&zone).date_naive();
            let holds = |date: Option<NaiveDate>| day(zone, date.unwrap()).is_some_and(|day| day.contains(now));
            prop_assert!(holds(Some(today)), "{today} in {zone}");
            prop_assert!(!holds(today.pred_opt()) && !holds(today.succ_opt()), "{today} in {zone}");
        }
    }
}
