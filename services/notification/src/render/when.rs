//! Windows as people read them, in the time of the place.

use chrono::{DateTime, LocalResult, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use domain::{Timestamp, Window};

/// `Tuesday, 1 December 2026, 09:00 to 11:00 (Europe/Vienna)`; both days if they differ.
pub(super) fn long(window: Window, zone: Tz) -> String {
    let (start, end) = (window.start().with_timezone(&zone), window.end().with_timezone(&zone));
    let day = |time: DateTime<Tz>| time.format("%A, %-d %B %Y");
    if start.date_naive() == end.date_naive() {
        format!("{}, {} to {} ({})", day(start), clock(start), clock(end), zone.name())
    } else {
        format!("{}, {} to {}, {} ({})", day(start), clock(start), day(end), clock(end), zone.name())
    }
}

/// `Tue 1 Dec 2026, 09:00-11:00 (Europe/Vienna)`; both days if they differ.
pub(super) fn short(window: Window, zone: Tz) -> String {
    let (start, end) = (window.start().with_timezone(&zone), window.end().with_timezone(&zone));
    let day = |time: DateTime<Tz>| time.format("%a %-d %b %Y");
    if start.date_naive() == end.date_naive() {
        format!("{}, {}-{} ({})", day(start), clock(start), clock(end), zone.name())
    } else {
        format!("{}, {} - {}, {} ({})", day(start), clock(start), day(end), clock(end), zone.name())
    }
}

/// `Tuesday, 1 December 2026`.
pub(super) fn day(time: Timestamp, zone: Tz) -> String {
    time.with_timezone(&zone).format("%A, %-d %B %Y").to_string()
}

/// `Tuesday, 1 December 2026, 09:00 (Europe/Vienna)`.
pub(super) fn moment(time: Timestamp, zone: Tz) -> String {
    format!("{}, {} ({})", day(time, zone), clock(time.with_timezone(&zone)), zone.name())
}

/// `09:00`. In the hour that clocks show twice, with the offset: `02:30 UTC+1`.
fn clock(time: DateTime<Tz>) -> String {
    let shown = time.format("%H:%M").to_string();
    if !matches!(time.timezone().from_local_datetime(&time.naive_local()), LocalResult::Ambiguous(..)) {
        return shown;
    }
    let minutes = time.offset().fix().local_minus_utc() / 60;
    let (hours, rest) = (minutes / 60, (minutes % 60).abs());
    if rest == 0 { format!("{shown} UTC{hours:+}") } else { format!("{shown} UTC{hours:+}:{rest:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: &str, end: &str) -> Window {
        Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_window_of_one_day_names_it_once() {
        let window = window("2026-12-01T08:00:00Z", "2026-12-01T10:00:00Z");
        assert_eq!(
            long(window, Tz::Europe__Vienna),
            "Tuesday, 1 December 2026, 09:00 to 11:00 (Europe/Vienna)"
        );
        assert_eq!(short(window, Tz::Europe__Vienna), "Tue 1 Dec 2026, 09:00-11:00 (Europe/Vienna)");
    }

    #[test]
    fn the_day_is_that_of_the_place() {
        let window = window("2026-12-31T20:00:00Z", "2026-12-31T22:00:00Z");
        assert_eq!(long(window, Tz::Asia__Tokyo), "Friday, 1 January 2027, 05:00 to 07:00 (Asia/Tokyo)");
        assert_eq!(day(window.start(), Tz::Asia__Tokyo), "Friday, 1 January 2027");
    }

    #[test]
    fn a_window_over_midnight_names_both_days() {
        let window = window("2026-12-01T21:00:00Z", "2026-12-02T01:00:00Z");
        assert_eq!(
            long(window, Tz::Europe__Vienna),
            "Tuesday, 1 December 2026, 22:00 to Wednesday, 2 December 2026, 02:00 (Europe/Vienna)"
        );
        assert_eq!(
            short(window, Tz::Europe__Vienna),
            "Tue 1 Dec 2026, 22:00 - Wed 2 Dec 2026, 02:00 (Europe/Vienna)"
        );
    }

    #[test]
    fn the_hour_that_comes_twice_says_which() {
        // Clocks go back from 03:00 to 02:00 at 01:00 UTC.
        let window = window("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
        assert_eq!(
            long(window, Tz::Europe__Vienna),
            "Sunday, 25 October 2026, 02:30 UTC+2 to 02:30 UTC+1 (Europe/Vienna)"
        );
    }

    #[test]
    fn offsets_of_half_hours_are_whole() {
        // Lord Howe goes back by half an hour, from 02:00 to 01:30.
        let window = window("2026-04-04T14:45:00Z", "2026-04-04T16:00:00Z");
        assert_eq!(
            long(window, Tz::Australia__Lord_Howe),
            "Sunday, 5 April 2026, 01:45 UTC+11 to 02:30 (Australia/Lord_Howe)"
        );
    }
}
