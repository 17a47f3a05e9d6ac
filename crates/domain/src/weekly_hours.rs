//! Hours of the week at which something holds, such as a pass for weekday mornings: as clocks on the wall show
//! them, in whatever zone they hang.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{Window, zone};

const DAY_MINUTES: u16 = 1_440;
const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;
/// From one minute of a day until just before another, of the same day or, if that comes earlier, of the
/// next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeeklyInterval {
    /// The day on which it begins.
    pub day: Weekday,
    /// Minutes after midnight, below 1,440: the first one inside.
    pub start: u16,
    /// Minutes after midnight, 1 to 1,440: the first one outside.
    pub end: u16,
}

impl WeeklyInterval {
    fn crosses_midnight(self) -> bool {
        self.end < self.start
    }

    fn minutes(self) -> u16 {
        if self.crosses_midnight() { DAY_MINUTES - self.start + self.end } else { self.end - self.start }
    }

    /// Minutes from Monday's midnight until it begins.
    fn offset(self) -> u16 {
        DAY_MINUTES * u16::try_from(self.day.num_days_from_monday()).expect("a week has seven days")
            + self.start
    }
}

/// Days on which other hours count than the week's: those of the day's weekday, or none at all.
pub type OtherDays = BTreeMap<NaiveDate, Option<WeeklyHours>>;

/// Intervals that repeat every week; at least one, and no two overlap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<WeeklyInterval>", into = "Vec<WeeklyInterval>")]
pub struct WeeklyHours(Vec<WeeklyInterval>);

/// These can't be hours of a week. Intervals are named by their place in the list, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeeklyHoursError {
    /// None at all.
    #[error("must have an interval; leave the hours out for no limit")]
    Empty,
    /// More than anyone means.
    #[error("must have at most {} intervals", WeeklyHours::INTERVALS_MAX)]
    TooMany,
    /// A minute that no day has.
    #[error("interval {0} must start at minute 0 to 1439 of its day, and end at minute 1 to 1440")]
    Minutes(usize),
    /// It ends when it starts.
    #[error("interval {0} must not end at the minute at which it starts")]
    NoLength(usize),
    /// Two have a minute in common.
    #[error("intervals {0} and {1} must not overlap")]
    Overlap(usize, usize),
}

impl WeeklyHours {
    /// So many at most.
    pub const INTERVALS_MAX: usize = 100;

    /// These intervals. Those that touch are fine, across the week's end, too.
    pub fn new(mut intervals: Vec<WeeklyInterval>) -> Result<Self, WeeklyHoursError> {
        match intervals.len() {
            0 => return Err(WeeklyHoursError::Empty),
            count if count > Self::INTERVALS_MAX => return Err(WeeklyHoursError::TooMany),
            _ => {}
        }
        for (index, interval) in intervals.iter().enumerate() {
            if interval.start >= DAY_MINUTES || !(1..=DAY_MINUTES).contains(&interval.end) {
                return Err(WeeklyHoursError::Minutes(index));
            }
            if interval.start == interval.end {
                return Err(WeeklyHoursError::NoLength(index));
            }
        }
        let mut order: Vec<usize> = (0..intervals.len()).collect();
        order.sort_by_key(|&index| intervals[index].offset());
        let following = order.iter().cycle().skip(1);
        for (&index, &next) in order.iter().zip(following) {
            let (one, other) = (intervals[index], intervals[next]);
            // From one's start to the other's, around the week's end; alone it comes again after a week.
            let apart = match (other.offset() + WEEK_MINUTES - one.offset()) % WEEK_MINUTES {
                0 if index == next => WEEK_MINUTES,
                apart => apart,
            };
            if one.minutes() > apart {
                return Err(WeeklyHoursError::Overlap(index.min(next), index.max(next)));
            }
        }
        intervals.sort_by_key(|interval| interval.offset());
        Ok(Self(intervals))
    }

    /// In the order of the week, from Monday.
    pub fn intervals(&self) -> &[WeeklyInterval] {
        &self.0
    }

    /// Whether there is no minute of the week without them.
    pub fn is_always(&self) -> bool {
        self.0.iter().map(|interval| interval.minutes()).sum::<u16>() == WEEK_MINUTES
    }

    /// All of these hours that lie within a window, by the clocks of a zone; those that touch are one. An
    /// interval lasts from the moment at which clocks first show its start until they first show its end. So
    /// an hour that clocks repeat belongs whole to the interval that it lies in, one that they leave out is
    /// missing, and intervals that touch have neither a seam nor a minute in common on such a day.
    pub fn windows(&self, zone: Tz, within: Window) -> Vec<Window> {
        self.windows_except(zone, within, &OtherDays::new())
    }

    /// The same, but for days on which other hours count. What begins on a day counts for it, wherever it ends.
    pub fn windows_except(&self, zone: Tz, within: Window, others: &OtherDays) -> Vec<Window> {
        let local = |time: crate::Timestamp| time.with_timezone(&zone).date_naive();
        // A day more on either side for what crosses midnight, and another for zones that moved across the
        // date line.
        let first = local(within.start()) - Days::new(2);
        let last = local(within.end()) + Days::new(2);
        let days = first.iter_days().take_while(|day| *day <= last);
        let occurring = days.flat_map(|date| {
            let hours = match others.get(&date) {
                None => self.0.as_slice(),
                Some(others) => others.as_ref().map_or(&[][..], |hours| &hours.0),
            };
            let of_day =
                hours.iter().filter(move |interval| interval.day == chrono::Datelike::weekday(&date));
            of_day.filter_map(move |interval| {
                let end_day = if interval.crosses_midnight() { date + Days::new(1) } else { date };
                let start = zone::first_reached(zone, at_minute(date, interval.start));
                let end = zone::first_reached(zone, at_minute(end_day, interval.end));
                Window::new(start.max(within.start()), end.min(within.end())).ok()
            })
        });
        Window::union(occurring)
    }
}

/// A minute of a day; 1,440 is the next midnight.
fn at_minute(date: NaiveDate, minute: u16) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN) + chrono::Duration::minutes(minute.into())
}

/// Such as `Mon 08:00-12:00, Sat 22:00-02:00`.
impl fmt::Display for WeeklyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, WeeklyInterval { day, start, end }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let [start, end] = [start, end].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
            write!(f, "{separator}{day} {start}-{end}")?;
        }
        Ok(())
    }
}

impl TryFrom<Vec<WeeklyInterval>> for WeeklyHours {
    type Error = WeeklyHoursError;
    fn try_from(intervals: Vec<WeeklyInterval>) -> Result<Self, WeeklyHoursError> {
        Self::new(intervals)
    }
}

impl From<WeeklyHours> for Vec<WeeklyInterval> {
    fn from(hours: WeeklyHours) -> Self {
        hours.0
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Datelike as _, Timelike as _};
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    fn interval(day: Weekday, start: u16, end: u16) -> WeeklyInterval {
        WeeklyInterval { day, start, end }
    }

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    /// The windows as text, in UTC, of hours in Vienna.
    fn in_vienna(intervals: &[WeeklyInterval], from: &str, until: &str) -> Vec<String> {
        let within = Window::new(at(from), at(until)).unwrap();
        let hours = WeeklyHours::new(intervals.to_vec()).unwrap();
        let windows = hours.windows(Tz::Europe__Vienna, within);
        let text = |time: Timestamp| time.format("%d %H:%M").to_string();
        windows.iter().map(|window| format!("{} to {}", text(window.start()), text(window.end()))).collect()
    }

    #[test]
    fn hours_are_written_in_the_order_of_the_week() {
        let hours =
            WeeklyHours::new(vec![interval(Weekday::Sat, 1_320, 120), interval(Weekday::Mon, 480, 1_440)]);
        assert_eq!(hours.unwrap().to_string(), "Mon 08:00-24:00, Sat 22:00-02:00");
    }

    #[test]
    fn hours_follow_the_clocks_of_their_zone() {
        let mornings = [interval(Weekday::Mon, 540, 720), interval(Weekday::Tue, 540, 720)];
        assert_eq!(
            in_vienna(&mornings, "2026-11-30T08:30:00Z", "2026-12-06T00:00:00Z"),
            ["30 08:30 to 30 11:00", "01 08:00 to 01 11:00"],
            "clipped to what was asked for"
        );
        assert_eq!(in_vienna(&mornings, "2026-12-02T00:00:00Z", "2026-12-06T00:00:00Z"), [""; 0]);
    }

    #[test]
    fn intervals_cross_midnight_and_those_that_touch_have_no_seam() {
        let night = [interval(Weekday::Sun, 1_320, 120), interval(Weekday::Mon, 120, 180)];
        assert_eq!(
            in_vienna(&night, "2026-11-29T00:00:00Z", "2026-12-05T00:00:00Z"),
            ["29 21:00 to 30 02:00"]
        );
        // Asked from within: it began the day before.
        assert_eq!(
            in_vienna(&night, "2026-11-30T00:00:00Z", "2026-12-05T00:00:00Z"),
            ["30 00:00 to 30 02:00"]
        );
    }

    #[test]
    fn an_hour_that_clocks_leave_out_or_repeat_is_left_out_or_repeated() {
        use Weekday::Sun;
        // 29 March 2026: from 02:00 to 03:00. 25 October 2026: from 03:00 back to 02:00.
        let (spring, autumn) = (
            ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
            ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        );
        let around = [interval(Sun, 60, 240)];
        assert_eq!(in_vienna(&around, spring.0, spring.1), ["29 00:00 to 29 02:00"]);
        assert_eq!(in_vienna(&around, autumn.0, autumn.1), ["24 23:00 to 25 03:00"]);
        let from_within = [interval(Sun, 150, 240)];
        assert_eq!(in_vienna(&from_within, spring.0, spring.1), ["29 01:00 to 29 02:00"]);
        assert_eq!(in_vienna(&from_within, autumn.0, autumn.1), ["25 00:30 to 25 03:00"]);
        let inside = [interval(Sun, 130, 150)];
        assert_eq!(in_vienna(&inside, spring.0, spring.1), [""; 0], "no clock showed those minutes");
        assert_eq!(in_vienna(&inside, autumn.0, autumn.1), ["25 00:10 to 25 00:30"], "once, not twice");
    }

    #[test]
    fn impossible_hours_are_refused_and_say_where_they_are_wrong() {
        use Weekday::{Fri, Mon, Sun};
        let refused = |intervals: &[WeeklyInterval]| WeeklyHours::new(intervals.to_vec()).unwrap_err();
        let fine = interval(Fri, 0, 1_440);
        assert_eq!(refused(&[]), WeeklyHoursError::Empty);
        assert_eq!(refused(&[fine; 101]), WeeklyHoursError::TooMany);
        for wrong in [(1_440, 100), (0, 1_441), (600, 0)] {
            assert_eq!(refused(&[fine, interval(Mon, wrong.0, wrong.1)]), WeeklyHoursError::Minutes(1));
        }
        assert_eq!(refused(&[fine, interval(Mon, 540, 540)]), WeeklyHoursError::NoLength(1));
        assert_eq!(
            refused(&[interval(Mon, 600, 700), fine, interval(Mon, 540, 601)]),
            WeeklyHoursError::Overlap(0, 2)
        );
        let around_the_week = [interval(Mon, 100, 200), fine, interval(Sun, 1_320, 101)];
        assert_eq!(refused(&around_the_week), WeeklyHoursError::Overlap(0, 2));
        assert_eq!(refused(&[fine, fine]), WeeklyHoursError::Overlap(0, 1));
        assert_eq!(refused(&[fine, fine]).to_string(), "intervals 0 and 1 must not overlap");
    }

    #[test]
    fn hours_are_kept_as_a_list_and_what_is_kept_is_checked() {
        let hours =
            WeeklyHours::new(vec![interval(Weekday::Tue, 0, 60), interval(Weekday::Mon, 0, 60)]).unwrap();
        let days: Vec<Weekday> = hours.intervals().iter().map(|interval| interval.day).collect();
        assert_eq!(days, [Weekday::Mon, Weekday::Tue]);
        assert_eq!(WeeklyHours::try_from(Vec::from(hours.clone())), Ok(hours));
    }

    /// Zones that change by an hour on a Sunday, by half an hour, at midnight, and never, with moments about
    /// which they change.
    const PLACES: [(Tz, &str); 8] = [
        (Tz::Europe__Vienna, "2026-03-29T01:00:00Z"),
        (Tz::Europe__Vienna, "2026-10-25T01:00:00Z"),
        (Tz::America__New_York, "2026-11-01T06:00:00Z"),
        (Tz::Australia__Lord_Howe, "2026-04-04T15:00:00Z"),
        (Tz::America__Havana, "2026-03-08T05:00:00Z"),
        (Tz::America__Havana, "2026-11-01T05:00:00Z"),
        (Tz::Africa__Cairo, "2026-10-29T21:00:00Z"),
        (Tz::Asia__Kathmandu, "2026-07-01T00:00:00Z"),
    ];

    fn days() -> impl Strategy<Value = Weekday> {
        (0u8..7).prop_map(|day| Weekday::try_from(day).unwrap())
    }

    proptest! {
        /// Minute by minute: what counts is the latest time that clocks have shown. It stands still while
        /// they repeat an hour, and jumps with them.
        #[test]
        fn hours_hold_exactly_when_clocks_show_them(
            place in 0..PLACES.len(),
            intervals in prop::collection::vec((days(), 0u16..1_440, 1u16..=1_440), 1..6),
            (before, length) in (0i64..2_880, 1i64..5_760),
        ) {
            let intervals: Vec<WeeklyInterval> =
                intervals.into_iter().map(|(day, start, end)| interval(day, start, end)).collect();
            let Ok(hours) = WeeklyHours::new(intervals.clone()) else {
                // Refused for a reason: one without length, or a minute of the week that lies in two.
                let mut times = [0u8; 7 * 1_440];
                for it in &intervals {
                    let length = if it.start < it.end { it.end - it.start } else { 1_440 - it.start + it.end };
                    for minute in it.offset()..it.offset() + length {
                        times[usize::from(minute) % times.len()] += 1;
                    }
                }
                let is_empty = intervals.iter().any(|it| it.start == it.end);
                prop_assert!(is_empty || times.iter().any(|&times| times > 1));
                return Ok(());
            };
            let (zone, about) = PLACES[place];
            let start = at(about) - chrono::Duration::minutes(before);
            let within = Window::new(start, start + chrono::Duration::minutes(length)).unwrap();
            let windows = hours.windows(zone, within);
            let local = |time: Timestamp| time.with_timezone(&zone).naive_local();
            // Long enough before that no change lies in between unseen.
            let mut latest = local(start - chrono::Duration::days(1));
            for minute in -1_440..length {
                let now = start + chrono::Duration::minutes(minute);
                latest = latest.max(local(now));
                let shown = u16::try_from(latest.hour() * 60 + latest.minute()).unwrap();
                let holds = intervals.iter().any(|it| {
                    let today = it.day == latest.weekday();
                    let yesterday = it.day == latest.weekday().pred();
                    if it.end < it.start {
                        today && shown >= it.start || yesterday && shown < it.end
                    } else {
                        today && (it.start..it.end).contains(&shown)
                    }
                });
                if minute >= 0 {
                    prop_assert_eq!(windows.iter().any(|it| it.contains(now)), holds, "{} {}", now, latest);
                }
            }
            prop_assert!(windows.windows(2).all(|pair| pair[0].end() < pair[1].start()), "touching ones are one");
            prop_assert!(windows.iter().all(|it| within.start() <= it.start() && it.end() <= within.end()));
        }
    }
}
