//! Times as tables have them.

use chrono::{Datelike, FixedOffset, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use domain::{Timestamp, zone};

const AMBIGUOUS: &str = "is ambiguous: day or month first? Write the date as YYYY-MM-DD";
const NO_TIME: &str = "has no time of day; write it as YYYY-MM-DD HH:MM";
const FORM: &str = "is no date and time; write it as 2027-03-08 09:30 or 2027-03-08T09:30:00+01:00";

/// Reads a date with a time, in `zone` unless the text has an offset: `2027-03-08 09:30`, with
/// seconds, `T`, `Z` or an offset (RFC 3339), `08.03.2027 09:30`, `2027/03/08`, and
/// `28/03/2027` where it can only be read one way; also `9:30 AM`. A time that clocks skip or show
/// twice is taken as `domain::zone::resolve` has it.
pub(super) fn moment(text: &str, zone: Tz) -> Result<Timestamp, &'static str> {
    let (date_text, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let date = date(date_text)?;
    if rest.is_empty() {
        return Err(NO_TIME);
    }
    let (time_text, offset) = split_offset(rest);
    let local = date.and_time(time(time_text).ok_or(FORM)?);
    match offset {
        Some(offset) => {
            let at = offset.ok_or(FORM)?.from_local_datetime(&local).single().ok_or(FORM)?;
            Ok(at.to_utc())
        }
        None => Ok(zone::resolve(zone, local)),
    }
}

/// A time of day: `09:30`, `09:30:15`, `9:30 am`, `9 PM`.
pub(super) fn time(text: &str) -> Option<NaiveTime> {
    let upper = text.to_ascii_uppercase();
    ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(&upper, form).ok())
        // `9 PM`: chrono wants minutes.
        .or_else(|| {
            let (hour, half) = upper.split_once([' ']).filter(|(_, half)| matches!(*half, "AM" | "PM"))?;
            NaiveTime::parse_from_str(&format!("{hour}:00 {half}"), "%I:%M %p").ok()
        })
}

fn date(text: &str) -> Result<NaiveDate, &'static str> {
    let separator = text.chars().find(|c| !c.is_ascii_digit()).ok_or(FORM)?;
    let parts: Vec<&str> = text.split(separator).collect();
    let &[first, second, third] = parts.as_slice() else { return Err(FORM) };
    let number = |part: &str| part.parse::<u32>().map_err(|_| FORM);
    let (a, b, c) = (number(first)?, number(second)?, number(third)?);
    let (year, month, day) = match separator {
        '-' | '/' | '.' if first.len() == 4 => (a, b, c),
        _ if third.len() != 4 => return Err(if third.len() == 2 { AMBIGUOUS } else { FORM }),
        // Nobody who writes dots puts the month first.
        '.' => (c, b, a),
        '-' | '/' if a > 12 => (c, b, a),
        '-' | '/' if b > 12 => (c, a, b),
        '-' | '/' if a == b => (c, a, b),
        '-' | '/' => return Err(AMBIGUOUS),
        _ => return Err(FORM),
    };
    let date = i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
    let date = date.ok_or("is no date of the calendar")?;
    if (1970..2200).contains(&date.year()) { Ok(date) } else { Err("has a year that cannot be meant") }
}

/// Takes `Z`, `+01:00` or `+0100` off the end of a time. The inner option is empty if it looks
/// like an offset but is none.
fn split_offset(text: &str) -> (&str, Option<Option<FixedOffset>>) {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return (time.trim_end(), Some(FixedOffset::east_opt(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return (text, None) };
    let (sign, digits) = (if text[at..].starts_with('-') { -1 } else { 1 }, text[at + 1..].replace(':', ""));
    let offset = (digits.len() == 4)
        .then(|| Some((digits.get(..2)?.parse::<i32>().ok()?, digits.get(2..)?.parse::<i32>().ok()?)))
        .flatten()
        .filter(|(_, minutes)| (0..60).contains(minutes))
        .and_then(|(hours, minutes)| FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60)));
    (text[..at].trim_end(), Some(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, &'static str> {
        moment(text, chrono_tz::Europe::Vienna).map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, wanted) in [
            ("2027-03-08 09:30", "2027-03-08 08:30:00"),
            ("2027-03-08T09:30:15", "2027-03-08 08:30:15"),
            ("2027-07-08 09:30", "2027-07-08 07:30:00"),
            ("2027-03-08T09:30:00Z", "2027-03-08 09:30:00"),
            ("2027-03-08 09:30:00.250+05:30", "2027-03-08 04:00:00"),
            ("2027-03-08T09:30-0800", "2027-03-08 17:30:00"),
            ("08.03.2027 09:30", "2027-03-08 08:30:00"),
            ("8.3.2027 9:30", "2027-03-08 08:30:00"),
            ("2027/03/08 9:30 PM", "2027-03-08 20:30:00"),
            ("28/03/2027 12:00", "2027-03-28 10:00:00"),
            ("03/28/2027 12:00 pm", "2027-03-28 10:00:00"),
            ("03/03/2027 7 am", "2027-03-03 06:00:00"),
            // The clocks go forward at 02:00 and back at 03:00.
            ("2027-03-28 02:30", "2027-03-28 01:30:00"),
            ("2027-10-31 02:30", "2027-10-31 00:30:00"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_no_time_is_refused_with_the_reason() {
        for (text, wanted) in [
            ("03/04/2027 09:30", AMBIGUOUS),
            ("03-04-2027 09:30", AMBIGUOUS),
            ("03.04.27 09:30", AMBIGUOUS),
            ("2027-03-08", NO_TIME),
            ("2027-03-08 25:00", FORM),
            ("2027-03-08 09:30 CET", FORM),
            ("2027-03-08 09:30+99:99", FORM),
            ("2027-02-30 09:30", "is no date of the calendar"),
            ("0027-03-08 09:30", "has a year that cannot be meant"),
            ("soon", FORM),
            ("", FORM),
            ("2027-é3-08 09:30", FORM),
        ] {
            assert_eq!(read(text), Err(wanted), "{text}");
        }
    }
}
