//! Reads `Retry-After` (RFC 9110, section 10.2.3).

use std::time::Duration;

use chrono::NaiveDateTime;
use domain::Timestamp;
use http::HeaderMap;

/// No vendor is waited for longer than a day; what asks for more is read as a day.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait, by the headers of an answer that came at `now`.
pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    parse(headers.get(http::header::RETRY_AFTER)?.to_str().ok()?, now)
}

/// Whole seconds, or an HTTP date in any of its three forms. A date that has passed is no wait.
fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a number is still a wish to wait long.
        return Some(value.parse().map_or(MAX, Duration::from_secs).min(MAX));
    }
    let forms = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let date = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())?.and_utc();
    Some((date - now).to_std().unwrap_or(Duration::ZERO).min(MAX))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
        DateTime::from_timestamp(784_111_777, 0).unwrap()
    }

    #[test]
    fn seconds_are_read() {
        assert_eq!(parse("0", now()), Some(Duration::ZERO));
        assert_eq!(parse(" 17 ", now()), Some(Duration::from_secs(17)));
    }

    #[test]
    fn dates_are_read_in_all_three_forms() {
        for date in
            ["Sun, 06 Nov 1994 08:49:47 GMT", "Sunday, 06-Nov-94 08:49:47 GMT", "Sun Nov  6 08:49:47 1994"]
        {
            assert_eq!(parse(date, now()), Some(Duration::from_secs(10)), "{date}");
        }
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:00 GMT", now()), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_neither_is_left_out() {
        for value in ["", "soon", "-5", "1.5", "Sun, 99 Nov 1994 08:49:47 GMT"] {
            assert_eq!(parse(value, now()), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn every_wait_is_at_most_a_day(value in "[0-9]{1,30}") {
            prop_assert!(parse(&value, now()).unwrap() <= MAX);
        }

        #[test]
        fn a_date_reads_back_as_the_wait_it_was_made_of(seconds in 0u32..86_400) {
            let date = now() + chrono::Duration::seconds(seconds.into());
            let text = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(parse(&text, now()), Some(Duration::from_secs(seconds.into())));
        }

        #[test]
        fn no_text_breaks_it(value in ".{0,60}") {
            let _ = parse(&value, now());
        }
    }
}
