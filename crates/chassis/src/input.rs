//! Checks requests field by field and reports all that is wrong at once.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{Datelike as _, NaiveDate};
use domain::{Timestamp, Window};

use crate::error::{Class, Classify, Violation};

/// Problems that are told of one request.
const VIOLATIONS_MAX: usize = 50;

/// The request can't be taken; says why, field by field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct InvalidInput(pub Vec<Violation>);

fn list(violations: &[Violation]) -> String {
    violations.iter().map(|v| format!("{} {}", v.field, v.problem)).collect::<Vec<_>>().join("; ")
}

impl Classify for InvalidInput {
    fn class(&self) -> Class {
        Class::Invalid(self.0.clone())
    }
    fn reason(&self) -> &'static str {
        "INVALID_INPUT"
    }
}

/// Collects what is wrong. Each check gives the value, or notes the field and gives a `None` that must
/// not be used before [`Input::finish`] has said that all is well.
#[derive(Debug, Default)]
pub struct Input {
    violations: Vec<Violation>,
}

impl Input {
    /// Nothing checked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a problem, if there are not many already: what is said of them must fit into an answer, however
    /// much is wrong.
    pub fn refuse(&mut self, field: &str, problem: impl Display) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { field: field.to_owned(), problem: problem.to_string() });
        }
    }

    /// A value by its own parser, which says what the text must be.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error| self.refuse(field, error)).ok()
    }

    /// Like [`Input::parse`]; an empty text is no value and no problem.
    pub fn parse_optional<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.parse(field, text) }
    }

    /// A text of 1 to `chars_max` characters, trimmed, without control characters.
    pub fn text(&mut self, field: &str, text: &str, chars_max: usize) -> Option<String> {
        if text.trim().is_empty() {
            self.refuse(field, "must not be empty");
            return None;
        }
        self.optional_text(field, text, chars_max)
    }

    /// A text of at most `chars_max` characters, trimmed, without control characters; may be empty.
    pub fn optional_text(&mut self, field: &str, text: &str, chars_max: usize) -> Option<String> {
        let text = text.trim();
        if text.chars().count() > chars_max {
            self.refuse(field, format_args!("must be at most {chars_max} characters"));
            None
        } else if text.chars().any(|c| c.is_control() && c != '\n') {
            self.refuse(field, "must not contain control characters");
            None
        } else {
            Some(text.to_owned())
        }
    }

    /// A message that must be there.
    pub fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(field, "must be set");
        }
        value
    }

    /// A moment between the years 2000 and 2200, in whole microseconds.
    pub fn time(&mut self, field: &str, time: Option<&pbjson_types::Timestamp>) -> Option<Timestamp> {
        let time = self.required(field, time)?;
        let nanos = u32::try_from(time.nanos).ok();
        let moment =
            nanos.and_then(|nanos| chrono::DateTime::from_timestamp(time.seconds, nanos / 1_000 * 1_000));
        let is_sane = |moment: &Timestamp| (946_684_800..7_258_118_400).contains(&moment.timestamp());
        match moment.filter(is_sane) {
            None => {
                self.refuse(field, "must be a time between the years 2000 and 2200");
                None
            }
            moment => moment,
        }
    }

    /// A day between the years 2000 and 2200, such as `2026-12-24`.
    pub fn date(&mut self, field: &str, text: &str) -> Option<NaiveDate> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        // One day, one spelling.
        let date = date.filter(|date| (2000..2200).contains(&date.year()) && date.to_string() == text);
        if date.is_none() {
            self.refuse(field, "must be a day between the years 2000 and 2200, such as 2026-12-24");
        }
        date
    }

    /// A window from two fields; `end` is blamed if it does not come after the start.
    pub fn window(
        &mut self,
        start: (&str, Option<&pbjson_types::Timestamp>),
        end: (&str, Option<&pbjson_types::Timestamp>),
    ) -> Option<Window> {
        let (starts_at, ends_at) = (self.time(start.0, start.1), self.time(end.0, end.1));
        Window::new(starts_at?, ends_at?)
            .map_err(|_| self.refuse(end.0, format_args!("must be after {}", start.0)))
            .ok()
    }

    /// Takes note of a smaller check's outcome, its fields below `prefix`.
    pub fn nested<T>(&mut self, prefix: &str, outcome: Result<T, InvalidInput>) -> Option<T> {
        outcome
            .map_err(|error| {
                for violation in error.0 {
                    self.refuse(&format!("{prefix}.{}", violation.field), violation.problem);
                }
            })
            .ok()
    }

    /// All is well, or all that is not.
    pub fn finish(self) -> Result<(), InvalidInput> {
        if self.violations.is_empty() { Ok(()) } else { Err(InvalidInput(self.violations)) }
    }

    /// The checked values, if all is well. `values` is `None` only if something was refused.
    pub fn finish_with<T>(self, values: Option<T>) -> Result<T, InvalidInput> {
        match (self.finish(), values) {
            (Ok(()), Some(values)) => Ok(values),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(InvalidInput(vec![Violation {
                field: "request".to_owned(),
                problem: "must be complete".to_owned(),
            }])),
        }
    }
}

/// A moment as its message.
pub fn timestamp(time: Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp {
        seconds: time.timestamp(),
        nanos: time.timestamp_subsec_nanos().min(999_999_999).cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_reported_at_once_by_field() {
        let mut input = Input::new();
        input.text("display_name", " ", 200);
        input.text("title", &"x".repeat(201), 200);
        input.time("start_time", None);
        let error = input.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "display_name must not be empty; title must be at most 200 characters; start_time must be set"
        );
    }

    #[test]
    fn however_much_is_wrong_so_many_problems_are_reported() {
        let mut input = Input::new();
        for number in 0..1_000_000 {
            input.refuse("paths", number);
        }
        let InvalidInput(violations) = input.finish().unwrap_err();
        assert_eq!((violations.len(), violations[0].problem.as_str()), (VIOLATIONS_MAX, "0"));
    }

    #[test]
    fn a_window_that_ends_before_it_starts_blames_its_end() {
        let at = |seconds| pbjson_types::Timestamp { seconds, nanos: 0 };
        let mut input = Input::new();
        let (late, early) = (at(1_800_000_000), at(1_700_000_000));
        assert!(input.window(("start_time", Some(&late)), ("end_time", Some(&early))).is_none());
        assert_eq!(input.finish().unwrap_err().to_string(), "end_time must be after start_time");
    }

    #[test]
    fn times_beyond_reason_are_refused() {
        for (seconds, nanos) in [(i64::MAX, 0), (0, 0), (1_800_000_000, -1)] {
            let mut input = Input::new();
            input.time("t", Some(&pbjson_types::Timestamp { seconds, nanos }));
            assert!(input.finish().is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn a_day_has_one_spelling() {
        let read = |text: &str| Input::new().date("date", text).map(|date| date.to_string());
        assert_eq!(read("2028-02-29").as_deref(), Some("2028-02-29"));
        for text in
            ["", "today", "2027-02-29", "2026-1-5", "+2026-01-05", " 2026-01-05", "1999-12-31", "2200-01-01"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
