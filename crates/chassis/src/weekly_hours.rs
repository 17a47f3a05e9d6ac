//! Hours of the week as their message, and back.

use chrono::Weekday;
use domain::{WeeklyHours, WeeklyHoursError, WeeklyInterval};
use proto::workspace::v1 as pb;

use crate::input::Input;

/// Hours as their message.
pub fn message(hours: &WeeklyHours) -> pb::WeeklyHours {
    let intervals = hours.intervals().iter().map(|interval| pb::WeeklyInterval {
        day: day(interval.day).into(),
        start_minute: interval.start.into(),
        end_minute: interval.end.into(),
    });
    pb::WeeklyHours { intervals: intervals.collect() }
}

/// The hours of a message, in the field of that name.
pub fn read(input: &mut Input, field: &str, message: &pb::WeeklyHours) -> Option<WeeklyHours> {
    if message.intervals.len() > WeeklyHours::INTERVALS_MAX {
        input.refuse(field, WeeklyHoursError::TooMany);
        return None;
    }
    // What no day has becomes a minute that none has, either.
    let minute = |minute: i32| u16::try_from(minute).unwrap_or(u16::MAX);
    let mut intervals = Vec::with_capacity(message.intervals.len());
    for (index, interval) in message.intervals.iter().enumerate() {
        let (start, end) = (minute(interval.start_minute), minute(interval.end_minute));
        match read_day(interval.day()) {
            Some(day) => intervals.push(WeeklyInterval { day, start, end }),
            None => input.refuse(&format!("{field}.intervals[{index}].day"), "must be a day of the week"),
        }
    }
    if intervals.len() < message.intervals.len() {
        return None;
    }
    WeeklyHours::new(intervals).map_err(|error| input.refuse(field, error)).ok()
}

fn day(day: Weekday) -> pb::DayOfWeek {
    match day {
        Weekday::Mon => pb::DayOfWeek::Monday,
        Weekday::Tue => pb::DayOfWeek::Tuesday,
        Weekday::Wed => pb::DayOfWeek::Wednesday,
        Weekday::Thu => pb::DayOfWeek::Thursday,
        Weekday::Fri => pb::DayOfWeek::Friday,
        Weekday::Sat => pb::DayOfWeek::Saturday,
        Weekday::Sun => pb::DayOfWeek::Sunday,
    }
}

fn read_day(day: pb::DayOfWeek) -> Option<Weekday> {
    match day {
        pb::DayOfWeek::Unspecified => None,
        pb::DayOfWeek::Monday => Some(Weekday::Mon),
        pb::DayOfWeek::Tuesday => Some(Weekday::Tue),
        pb::DayOfWeek::Wednesday => Some(Weekday::Wed),
        pb::DayOfWeek::Thursday => Some(Weekday::Thu),
        pb::DayOfWeek::Friday => Some(Weekday::Fri),
        pb::DayOfWeek::Saturday => Some(Weekday::Sat),
        pb::DayOfWeek::Sunday => Some(Weekday::Sun),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(day: pb::DayOfWeek, start_minute: i32, end_minute: i32) -> pb::WeeklyInterval {
        pb::WeeklyInterval { day: day.into(), start_minute, end_minute }
    }

    fn read_intervals(intervals: Vec<pb::WeeklyInterval>) -> Result<WeeklyHours, String> {
        let mut input = Input::new();
        let hours = read(&mut input, "hours", &pb::WeeklyHours { intervals });
        input.finish_with(hours).map_err(|error| error.to_string())
    }

    #[test]
    fn hours_read_back_as_they_were_told() {
        let days = (1..=7).map(|day| told(pb::DayOfWeek::try_from(day).unwrap(), 1_320, 60));
        let intervals: Vec<pb::WeeklyInterval> = days.collect();
        assert_eq!(message(&read_intervals(intervals.clone()).unwrap()).intervals, intervals);
    }

    #[test]
    fn impossible_hours_are_refused_by_their_field() {
        let monday = pb::DayOfWeek::Monday;
        for (intervals, problem) in [
            (vec![], "hours must have an interval; leave the hours out for no limit"),
            (
                vec![told(monday, -1, 60)],
                "hours interval 0 must start at minute 0 to 1439 of its day, and end at minute 1 to 1440",
            ),
            (
                vec![told(monday, 0, 60), told(monday, 0, 100_000)],
                "hours interval 1 must start at minute 0 to 1439 of its day, and end at minute 1 to 1440",
            ),
            (
                vec![told(monday, 60, 120), told(pb::DayOfWeek::Unspecified, 0, 60)],
                "hours.intervals[1].day must be a day of the week",
            ),
            (vec![told(pb::DayOfWeek::Unspecified, 0, 0); 101], "hours must have at most 100 intervals"),
            (vec![told(monday, 0, 60), told(monday, 59, 120)], "hours intervals 0 and 1 must not overlap"),
        ] {
            assert_eq!(read_intervals(intervals), Err(problem.to_owned()));
        }
    }
}
