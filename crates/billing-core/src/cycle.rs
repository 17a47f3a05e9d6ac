//! Cycles: which days one price is for.
//!
//! Days are those of a location's calendar. Whoever bills in Tokyo begins the month nine hours before whoever
//! bills in London, and an hour that clocks leave out makes no day shorter.

use std::num::NonZeroU64;

use chrono::{Datelike as _, Months, NaiveDate};
use chrono_tz::Tz;
use domain::{Timestamp, Window, zone};

/// Days in a row, from `start` (in) until `end` (out). Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days {
    start: NaiveDate,
    end: NaiveDate,
}

/// The last day was before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must end after the day on which they start")]
pub struct DaysEmpty;

impl Days {
    /// The days from `start` until the day before `end`.
    pub fn new(start: NaiveDate, end: NaiveDate) -> Result<Self, DaysEmpty> {
        if start < end { Ok(Self { start, end }) } else { Err(DaysEmpty) }
    }

    /// The first day.
    pub fn start(self) -> NaiveDate {
        self.start
    }

    /// The first day after.
    pub fn end(self) -> NaiveDate {
        self.end
    }

    /// Whether `day` is one of them.
    pub fn contains(self, day: NaiveDate) -> bool {
        self.start <= day && day < self.end
    }

    /// How many.
    pub fn count(self) -> NonZeroU64 {
        let count = u64::try_from((self.end - self.start).num_days()).unwrap_or_default();
        NonZeroU64::new(count).expect("they end after they start")
    }

    /// When they begin and end by the clocks of `zone`; `None` if those left all of them out, as at the date line.
    pub fn window(self, zone: Tz) -> Option<Window> {
        Window::new(zone::midnight(zone, self.start), zone::midnight(zone, self.end)).ok()
    }
}

/// The day that clocks in `zone` show: the one that decides what is due there.
pub fn local_day(zone: Tz, now: Timestamp) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

/// A day of the month, 1 to 31. In months that are shorter, their last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnchorDay(u8);

/// No month has such a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day of the month, from 1 to 31")]
pub struct NoSuchDay;

impl AnchorDay {
    /// That day.
    pub const fn new(day: u8) -> Result<Self, NoSuchDay> {
        if 1 <= day && day <= 31 { Ok(Self(day)) } else { Err(NoSuchDay) }
    }

    /// Its number.
    pub const fn day(self) -> u8 {
        self.0
    }

    /// Its date in the month that is so many months after January of the year 0.
    fn in_month(self, month: i32) -> Option<NaiveDate> {
        let (year, month0) = (month.div_euclid(12), u32::try_from(month.rem_euclid(12)).ok()?);
        let first = NaiveDate::from_ymd_opt(year, month0 + 1, 1)?;
        first.with_day(u32::from(self.0).min(u32::from(first.num_days_in_month())))
    }
}

/// What the months, quarters or years of a cycle are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// The same day for everybody: of each month; of January, April, July and October; of January. Whoever starts
    /// between pays for the days that are left.
    Calendar(AnchorDay),
    /// The day of the start. If a month has no such day, its last one; the next month has it again.
    Rolling,
}

/// How often is billed. Days and weeks are always counted from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cycle {
    /// Each day.
    Daily,
    /// Each seven days.
    Weekly,
    /// Each month.
    Monthly(Anchor),
    /// Each three months.
    Quarterly(Anchor),
    /// Each twelve months.
    Yearly(Anchor),
}

impl Cycle {
    /// The whole period that `day` lies in, of what started on `start`. On a calendar it may have begun before that.
    /// `None`: `day` is before the start, or beyond all calendars.
    pub fn whole(self, start: NaiveDate, day: NaiveDate) -> Option<Days> {
        if day < start {
            return None;
        }
        match self {
            Self::Daily => in_rows(start, day, 1),
            Self::Weekly => in_rows(start, day, 7),
            Self::Monthly(anchor) => anchor.whole(start, day, 1),
            Self::Quarterly(anchor) => anchor.whole(start, day, 3),
            Self::Yearly(anchor) => anchor.whole(start, day, 12),
        }
    }
}

impl Anchor {
    /// The period of so many `months` that `day` lies in.
    fn whole(self, start: NaiveDate, day: NaiveDate, months: i32) -> Option<Days> {
        let boundary = |number: i32| match self {
            Self::Calendar(anchor) => anchor.in_month(number * months),
            Self::Rolling => start.checked_add_months(Months::new(u32::try_from(number * months).ok()?)),
        };
        let first = match self {
            Self::Calendar(_) => 0,
            Self::Rolling => month(start),
        };
        // It began in the month of `day`, or it is the one before.
        let number = (month(day) - first).div_euclid(months);
        let number = if boundary(number)? <= day { number } else { number - 1 };
        Days::new(boundary(number)?, boundary(number + 1)?).ok()
    }
}

/// Months since January of the year 0.
fn month(day: NaiveDate) -> i32 {
    day.year() * 12 + i32::try_from(day.month0()).expect("a year has twelve months")
}

/// The row of `length` days that `day` lies in, counted from `start`.
fn in_rows(start: NaiveDate, day: NaiveDate, length: i64) -> Option<Days> {
    let gone = (day - start).num_days().div_euclid(length) * length;
    let first = start.checked_add_signed(chrono::Duration::days(gone))?;
    Days::new(first, first.checked_add_signed(chrono::Duration::days(length))?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn calendar(day: u8) -> Anchor {
        Anchor::Calendar(AnchorDay::new(day).unwrap())
    }

    fn any_cycle() -> impl Strategy<Value = Cycle> {
        let anchor = prop_oneof![Just(Anchor::Rolling), (1_u8..=31).prop_map(calendar)];
        prop_oneof![
            Just(Cycle::Daily),
            Just(Cycle::Weekly),
            anchor.clone().prop_map(Cycle::Monthly),
            anchor.clone().prop_map(Cycle::Quarterly),
            anchor.prop_map(Cycle::Yearly),
        ]
    }

    fn any_day() -> impl Strategy<Value = NaiveDate> {
        (0_i32..40_000).prop_map(|days| date("1990-01-01") + chrono::Duration::days(days.into()))
    }

    #[test]
    fn who_starts_on_the_31st_is_billed_on_the_last_day_of_months_that_are_shorter() {
        let mut day = date("2027-10-31");
        let mut starts = Vec::new();
        for _ in 0..6 {
            let period = Cycle::Monthly(Anchor::Rolling).whole(date("2027-10-31"), day).unwrap();
            starts.push(period.start().to_string());
            day = period.end();
        }
        let wanted = ["2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"];
        assert_eq!(starts, wanted);
    }

    #[test]
    fn there_is_no_period_before_the_start_nor_beyond_all_calendars() {
        let start = date("2026-05-10");
        for cycle in
            [Cycle::Daily, Cycle::Weekly, Cycle::Monthly(Anchor::Rolling), Cycle::Yearly(calendar(1))]
        {
            assert_eq!(cycle.whole(start, date("2026-05-09")), None);
            assert_eq!(cycle.whole(start, NaiveDate::MAX), None);
        }
    }

    #[test]
    fn days_that_no_month_has_are_refused() {
        assert_eq!((AnchorDay::new(0), AnchorDay::new(32)), (Err(NoSuchDay), Err(NoSuchDay)));
        assert_eq!(Days::new(date("2026-01-02"), date("2026-01-02")), Err(DaysEmpty));
    }

    #[test]
    fn the_locations_day_decides() {
        let now = "2026-12-31T16:00:00Z".parse().unwrap();
        let day = |zone: &str| local_day(domain::zone::parse(zone).unwrap(), now).to_string();
        assert_eq!((day("Asia/Tokyo"), day("Europe/London")), ("2027-01-01".into(), "2026-12-31".into()));
        let january = Days::new(date("2027-01-01"), date("2027-02-01")).unwrap();
        let window = january.window(domain::zone::parse("Asia/Tokyo").unwrap()).unwrap();
        assert_eq!(window.start().to_string(), "2026-12-31 15:00:00 UTC");
    }

    proptest! {
        /// Each day is in one period: the next begins where one ends, and each of its days leads to the same one.
        #[test]
        fn periods_follow_each_other_without_a_gap(cycle in any_cycle(), start in any_day(), later in 0_i64..5_000) {
            let day = start + chrono::Duration::days(later);
            let period = cycle.whole(start, day).unwrap();
            prop_assert!(period.contains(day));
            prop_assert_eq!(cycle.whole(start, period.end()).unwrap().start(), period.end());
            let (first, last) = (period.start().max(start), period.end().pred_opt().unwrap());
            prop_assert_eq!((cycle.whole(start, first), cycle.whole(start, last)), (Some(period), Some(period)));
        }

        /// No period is shorter or longer than what it is called after.
        #[test]
        fn periods_are_as_long_as_they_are_called(cycle in any_cycle(), start in any_day(), later in 0_i64..5_000) {
            let days = cycle.whole(start, start + chrono::Duration::days(later)).unwrap().count().get();
            let lengths = match cycle {
                Cycle::Daily => 1..=1,
                Cycle::Weekly => 7..=7,
                Cycle::Monthly(_) => 28..=31,
                Cycle::Quarterly(_) => 89..=92,
                Cycle::Yearly(_) => 365..=366,
            };
            prop_assert!(lengths.contains(&days), "{days} days of {cycle:?}");
        }

        /// What rolls begins with its start, and comes back to its day of the month.
        #[test]
        fn what_rolls_keeps_its_day(start in any_day(), later in 0_i64..5_000, months in prop::sample::select(vec![1, 3, 12])) {
            let cycle = match months {
                1 => Cycle::Monthly(Anchor::Rolling),
                3 => Cycle::Quarterly(Anchor::Rolling),
                _ => Cycle::Yearly(Anchor::Rolling),
            };
            prop_assert_eq!(cycle.whole(start, start).unwrap().start(), start);
            let period = cycle.whole(start, start + chrono::Duration::days(later)).unwrap();
            let last_of_month = u32::from(period.start().num_days_in_month());
            prop_assert_eq!(period.start().day(), start.day().min(last_of_month));
        }
    }
}
