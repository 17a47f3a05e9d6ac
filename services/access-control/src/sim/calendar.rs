//! The clocks on the wall of a location, minute by minute: on usual days, and about the nights in which they are
//! put forward or back. Knows of zones what their clocks show at a moment, and nothing else.

use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};
use chrono_tz::Tz;
use proto::workspace::v1 as told;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::truth::{DAY, GRAIN, Second};

/// When worlds begin, and by which clocks people live there: on a usual day, and before a night in which clocks
/// change by an hour or half of one, at two, three or midnight, north and south.
const BEGINS: [(&str, Tz); 12] = [
    ("2026-12-01T08:00:00Z", Tz::Europe__Vienna),
    ("2026-12-01T08:00:00Z", Tz::Asia__Kathmandu),
    ("2026-10-24T20:00:00Z", Tz::Europe__Vienna),
    ("2027-03-27T20:00:00Z", Tz::Europe__Vienna),
    ("2026-10-31T22:00:00Z", Tz::America__New_York),
    ("2027-03-13T22:00:00Z", Tz::America__New_York),
    ("2026-10-03T08:00:00Z", Tz::Australia__Sydney),
    ("2027-04-03T08:00:00Z", Tz::Australia__Sydney),
    ("2027-04-03T08:00:00Z", Tz::Australia__Lord_Howe),
    ("2026-09-05T20:00:00Z", Tz::America__Santiago),
    ("2027-04-03T20:00:00Z", Tz::America__Santiago),
    ("2026-10-29T12:00:00Z", Tz::Africa__Cairo),
];

/// One for each begin.
pub(super) static CALENDARS: LazyLock<Vec<Calendar>> =
    LazyLock::new(|| BEGINS.iter().map(|&(begin, zone)| Calendar::new(begin, zone)).collect());

const GRAINS_OF_DAY: u16 = 288;
const GRAINS_OF_WEEK: u16 = 7 * GRAINS_OF_DAY;
/// Minutes.
const GRAIN_MINUTES: u16 = 5;

/// What clocks show.
#[derive(Debug, Clone, Copy)]
struct Shown {
    date: NaiveDate,
    /// Grains since Monday's midnight.
    of_week: u16,
}

impl From<NaiveDateTime> for Shown {
    fn from(local: NaiveDateTime) -> Self {
        let minute = local.hour() * 60 + local.minute();
        let of_day = u16::try_from(minute).expect("a day is short") / GRAIN_MINUTES;
        let day = u16::try_from(local.weekday().num_days_from_monday()).expect("one of seven");
        Self { date: local.date(), of_week: day * GRAINS_OF_DAY + of_day }
    }
}

/// What the clocks of a zone show, around the life of a world.
#[derive(Debug)]
pub(super) struct Calendar {
    pub zone: Tz,
    /// When its worlds begin.
    pub begin: Second,
    first: Second,
    /// The latest that was shown until each grain: where clocks repeat an hour it stands still.
    shown: Vec<Shown>,
}

impl Calendar {
    fn new(begin: &str, zone: Tz) -> Self {
        const DAYS: Second = 70;
        let begin = DateTime::parse_from_rfc3339(begin).expect("it stands above").timestamp();
        let first = begin - 10 * DAY;
        let mut latest = NaiveDateTime::MIN;
        let shown = (0..DAYS * DAY / GRAIN).map(|number| {
            latest = latest.max(local(zone, first + number * GRAIN));
            Shown::from(latest)
        });
        Self { zone, begin, first, shown: shown.collect() }
    }

    fn shown(&self, at: Second) -> Shown {
        let number = usize::try_from((at - self.first).div_euclid(GRAIN));
        let known = number.ok().and_then(|number| self.shown.get(number)).copied();
        // No clock is put forward or back so far from the begin.
        known.unwrap_or_else(|| local(self.zone, at).into())
    }

    /// The day that calendars show.
    pub(super) fn date(&self, at: Second) -> NaiveDate {
        self.shown(at).date
    }

    /// From when until when they show a day; `None` if it is far off.
    pub(super) fn day(&self, date: NaiveDate) -> Option<(Second, Second)> {
        let mut grains = (0..).zip(&self.shown).filter(|(_, shown)| shown.date == date);
        let (first, _) = grains.next()?;
        let last = grains.last().map_or(first, |(number, _)| number);
        Some((self.first + first * GRAIN, self.first + (last + 1) * GRAIN))
    }
}

fn local(zone: Tz, at: Second) -> NaiveDateTime {
    DateTime::from_timestamp(at, 0).expect("a time of our days").with_timezone(&zone).naive_local()
}

/// Hours of the week.
pub(super) struct Hours {
    /// The day from Monday, and its minutes from when until when; until the next day, if that is earlier.
    intervals: Vec<(u16, u16, u16)>,
    /// Of each grain of the week whether it is in.
    grains: Vec<bool>,
}

impl Hours {
    /// Some of each day, mostly in the hours that change.
    pub(super) fn any(rng: &mut StdRng) -> Self {
        const STARTS: [u16; 8] = [0, 60, 130, 150, 180, 540, 1_080, 1_380];
        const LENGTHS: [u16; 6] = [20, 60, 90, 240, 480, 1_380];
        let mut hours = Self { intervals: Vec::new(), grains: vec![false; GRAINS_OF_WEEK.into()] };
        for day in 0..7 {
            for _ in 0..rng.random_range(1..=2) {
                let (start, length) = (*STARTS.choose(rng).unwrap(), *LENGTHS.choose(rng).unwrap());
                hours.add(day, start, length);
            }
        }
        hours
    }

    /// Unless they would overlap others.
    fn add(&mut self, day: u16, start: u16, length: u16) {
        let first = day * GRAINS_OF_DAY + start / GRAIN_MINUTES;
        let grains = first..first + length / GRAIN_MINUTES;
        let grains: Vec<usize> = grains.map(|grain| usize::from(grain % GRAINS_OF_WEEK)).collect();
        if grains.iter().any(|&grain| self.grains[grain]) {
            return;
        }
        grains.into_iter().for_each(|grain| self.grains[grain] = true);
        let end = start + length;
        self.intervals.push((day, start, if end > 1_440 { end - 1_440 } else { end }));
    }

    /// Whether a moment is in.
    pub(super) fn hold(&self, calendar: &Calendar, at: Second) -> bool {
        self.grains[usize::from(calendar.shown(at).of_week)]
    }

    pub(super) fn told(&self) -> told::WeeklyHours {
        let intervals = self.intervals.iter().map(|&(day, start, end)| told::WeeklyInterval {
            day: i32::from(day) + 1,
            start_minute: start.into(),
            end_minute: end.into(),
        });
        told::WeeklyHours { intervals: intervals.collect() }
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.intervals).finish()
    }
}
