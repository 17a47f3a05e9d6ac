//! Values of iCalendar properties: dates, times and durations (RFC 5545, 3.3).

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime};
use domain::Timestamp;

use super::zones::{Zone, Zones};
use crate::import::Fault;
use crate::import::line::ContentLine;

const FORM: &str = "is no date and time such as 20270308T093000";

/// A day, or a moment on the clocks of a zone.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    /// What the clocks show; midnight for a day.
    pub(super) local: NaiveDateTime,
    pub(super) zone: Zone,
    /// Whether it is a whole day.
    pub(super) is_day: bool,
}

impl Stamp {
    /// The moment, or the one at which the day begins.
    pub(super) fn at(&self) -> Timestamp {
        self.zone.resolve(self.local)
    }
}

/// How long something lasts: by the clocks, and then really. A day by the clocks can have 23 or 25
/// hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) by_clocks: Duration,
    pub(super) really: Duration,
}

impl Length {
    /// From `start` to `end`. Between times of one zone it is counted by the clocks, as calendar
    /// programs show a repeated event: one from 22:00 to 06:00 ends at 06:00 on every night, that
    /// of a change of clocks, too.
    pub(super) fn between(start: &Stamp, end: &Stamp) -> Self {
        if start.zone == end.zone {
            Self { by_clocks: end.local - start.local, really: Duration::zero() }
        } else {
            Self { by_clocks: Duration::zero(), really: end.at() - start.at() }
        }
    }

    /// When something ends that starts when the clocks of `zone` show `start`.
    pub(super) fn end_of(self, start: NaiveDateTime, zone: &Zone) -> Option<Timestamp> {
        let end = zone.resolve(start.checked_add_signed(self.by_clocks)?).checked_add_signed(self.really)?;
        let begin = zone.resolve(start);
        // Times that the clocks skip can swap places; the length counts then.
        if end > begin { Some(end) } else { begin.checked_add_signed(self.by_clocks + self.really) }
    }
}

/// The values of a property that can have several, such as `EXDATE`, or one.
pub(super) fn stamps(line: &ContentLine, zones: &Zones) -> Result<Vec<Stamp>, Fault> {
    line.value.split(',').map(|value| stamp(value, line, zones)).collect()
}

/// The one value of a property such as `DTSTART`.
pub(super) fn only_stamp(line: &ContentLine, zones: &Zones) -> Result<Stamp, Fault> {
    stamp(&line.value, line, zones)
}

/// One of a property's values.
pub(super) fn stamp(value: &str, line: &ContentLine, zones: &Zones) -> Result<Stamp, Fault> {
    let fault = |reason: &str| Fault::new(line.number, line.name.clone(), reason);
    let value = value.trim();
    let (text, is_utc) = match value.strip_suffix(['Z', 'z']) {
        Some(text) => (text, true),
        None => (value, false),
    };
    let (local, is_day) = wall_time(text).ok_or_else(|| fault(FORM))?;
    if !(1970..2200).contains(&local.year()) {
        return Err(fault("has a year that cannot be meant"));
    }
    let zone = if is_day {
        zones.default_zone()
    } else if is_utc {
        Zone::Named(chrono_tz::UTC)
    } else {
        match line.param("TZID") {
            Some(id) => zones.find(id).map_err(|reason| fault(&reason))?,
            None => zones.default_zone(),
        }
    };
    Ok(Stamp { local, zone, is_day })
}

/// `20270308T093000` or, as a day, `20270308`.
pub(super) fn wall_time(text: &str) -> Option<(NaiveDateTime, bool)> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(date, 8) || time.is_some_and(|time| !digits(time, 6)) {
        return None;
    }
    let date =
        NaiveDate::from_ymd_opt(date[..4].parse().ok()?, date[4..6].parse().ok()?, date[6..].parse().ok()?)?;
    let Some(time) = time else { return Some((date.and_time(NaiveTime::MIN), true)) };
    // A leap second counts as the one before.
    let second: u32 = time[4..].parse().ok()?;
    let second = if second == 60 { 59 } else { second };
    Some((date.and_hms_opt(time[..2].parse().ok()?, time[2..4].parse().ok()?, second)?, false))
}

/// `P1W`, `P2DT3H`, `PT90M`: weeks and days are counted by the clocks, the rest really.
pub(super) fn length(text: &str) -> Option<Length> {
    let upper = text.trim().to_ascii_uppercase();
    let text = upper.strip_prefix('+').unwrap_or(&upper).strip_prefix('P')?;
    let (days, time) = text.split_once('T').unwrap_or((text, ""));
    let by_clocks = sum(days, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let really = sum(time, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    (by_clocks + really > 0)
        .then(|| Length { by_clocks: Duration::seconds(by_clocks), really: Duration::seconds(really) })
}

/// The sum of parts such as `1H30M`, in seconds.
fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    // No booking lasts a century; with less, nothing here can overflow.
    const SECONDS_MAX: i64 = 100 * 366 * 86_400;
    let mut seconds = 0;
    let mut units = units.iter();
    while !text.is_empty() {
        let at = text.find(|c: char| !c.is_ascii_digit())?;
        let unit = text[at..].chars().next()?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        seconds +=
            text[..at].parse::<i64>().ok().filter(|count| *count <= SECONDS_MAX)?.checked_mul(*factor)?;
        text = &text[at + 1..];
        if seconds > SECONDS_MAX {
            return None;
        }
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let read =
            |text| length(text).map(|length| (length.by_clocks.num_hours(), length.really.num_minutes()));
        assert_eq!(read("PT1H30M"), Some((0, 90)));
        assert_eq!(read("P0DT8H0M0S"), Some((0, 480)));
        assert_eq!(read("P1DT2H"), Some((24, 120)));
        assert_eq!(read("P2W"), Some((336, 0)));
        for wrong in
            ["", "P", "PT", "-PT1H", "PT1H1H", "P1H", "PT1X", "P99999999999999D", "PT0S", "1H", "PTé"]
        {
            assert_eq!(length(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_and_times_are_read() {
        let read = |text| wall_time(text).map(|(local, is_day)| (local.format("%F %T").to_string(), is_day));
        assert_eq!(read("20270308T093000"), Some(("2027-03-08 09:30:00".into(), false)));
        assert_eq!(read("20270308"), Some(("2027-03-08 00:00:00".into(), true)));
        assert_eq!(read("20270308T235960"), Some(("2027-03-08 23:59:59".into(), false)));
        for wrong in ["", "2027-03-08", "20270230", "20270308T0930", "20270308T250000", "2027030８"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
