//! Rules of repetition (RFC 5545, 3.3.10), expanded on the clocks' face.
//!
//! A rule says what clocks show, so it is expanded as if there were no zones, and each result is
//! then looked up in its zone: a booking at 09:00 stays at 09:00 when the clocks change. `rrule`
//! does the expansion; it is told that everything is in UTC.

use chrono::{NaiveDateTime, NaiveTime};
use domain::Timestamp;
use rrule::{Frequency, RRule, RRuleSet, Unvalidated};

use super::values::wall_time;

/// A booking that starts more often than every quarter of an hour is none.
const STARTS_A_DAY_MAX: usize = 96;
const INTERVAL_MAX: u16 = 1_000;

/// One rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    rule: RRule<Unvalidated>,
    until: Option<NaiveDateTime>,
}

impl Rule {
    /// Reads a rule such as `FREQ=WEEKLY;BYDAY=MO;UNTIL=20270531T090000Z`. `local` tells what the
    /// event's clocks show at a moment: its end is given in UTC.
    pub(super) fn read(text: &str, local: impl Fn(Timestamp) -> NaiveDateTime) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err("has characters that no rule has".into());
        }
        let mut until = None;
        let mut rest = Vec::new();
        for part in text.trim().split(';').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("UNTIL") => {
                    if until.replace(end(value, &local).ok_or("has an UNTIL that is no date")?).is_some() {
                        return Err("has two UNTIL".into());
                    }
                }
                Some((name, value)) => rest.push(format!("{}={}", name.trim(), value.trim())),
                None => return Err(format!("has a part without a value: {part}")),
            }
        }
        let rule: RRule<Unvalidated> =
            rest.join(";").parse().map_err(|error: rrule::RRuleError| error.to_string())?;
        if matches!(rule.get_freq(), Frequency::Secondly | Frequency::Minutely) {
            return Err("repeats by the minute or second, which no booking does".into());
        }
        if !(1..=INTERVAL_MAX).contains(&rule.get_interval()) {
            return Err(format!("has an INTERVAL that is not between 1 and {INTERVAL_MAX}"));
        }
        let many = |values: usize| values.max(1);
        let starts = many(rule.get_by_hour().len())
            * many(rule.get_by_minute().len())
            * many(rule.get_by_second().len());
        if starts > STARTS_A_DAY_MAX {
            return Err(format!("starts more than {STARTS_A_DAY_MAX} times a day"));
        }
        Ok(Self { rule, until })
    }

    /// What clocks show at each occurrence, in order, from the event's own start. Without an end
    /// if the rule has none: the caller stops.
    pub(super) fn occurrences(
        &self,
        start: NaiveDateTime,
    ) -> Result<impl Iterator<Item = NaiveDateTime>, String> {
        let as_if_utc = |local: NaiveDateTime| local.and_utc().with_timezone(&rrule::Tz::UTC);
        let mut rule = self.rule.clone();
        if let Some(until) = self.until {
            rule = rule.until(as_if_utc(until));
        }
        let rule = rule.validate(as_if_utc(start)).map_err(|error| error.to_string())?;
        // Limited: a rule that never comes true, such as a 30 February, ends at some point.
        let set = RRuleSet::new(as_if_utc(start)).rrule(rule).limit();
        Ok(set.into_iter().map(|at| at.naive_utc()))
    }
}

/// The last moment that a rule allows, on the event's clocks. A day allows all of it.
fn end(value: &str, local: impl Fn(Timestamp) -> NaiveDateTime) -> Option<NaiveDateTime> {
    let value = value.trim();
    let (time, is_day) = wall_time(value.trim_end_matches(['Z', 'z']))?;
    Some(if is_day {
        time.date().and_time(NaiveTime::from_hms_opt(23, 59, 59)?)
    } else if value.ends_with(['Z', 'z']) {
        local(time.and_utc())
    } else {
        time
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand(rule: &str, start: &str, count: usize) -> Result<Vec<String>, String> {
        let start = wall_time(start).unwrap().0;
        let rule = Rule::read(rule, |at| at.with_timezone(&chrono_tz::Europe::Vienna).naive_local())?;
        let occurrences = rule.occurrences(start)?;
        Ok(occurrences.take(count).map(|at| at.format("%m-%d %H:%M").to_string()).collect())
    }

    #[test]
    fn rules_repeat_by_the_clocks() {
        assert_eq!(
            expand("FREQ=WEEKLY;BYDAY=MO,WE", "20270324T090000", 4).unwrap(),
            ["03-24 09:00", "03-29 09:00", "03-31 09:00", "04-05 09:00"]
        );
        assert_eq!(
            expand("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", "20270326T180000", 9).unwrap(),
            ["03-26 18:00", "04-30 18:00"]
        );
        assert_eq!(expand("freq=daily;", "20270327T023000", 2).unwrap(), ["03-27 02:30", "03-28 02:30"]);
    }

    #[test]
    fn the_end_of_a_rule_counts_on_the_events_clocks() {
        // 07:00 in UTC is 09:00 in Vienna once the clocks have changed: the last Monday is in.
        let rule = "FREQ=WEEKLY;UNTIL=20270329T070000Z";
        assert_eq!(expand(rule, "20270322T090000", 9).unwrap(), ["03-22 09:00", "03-29 09:00"]);
        let rule = "FREQ=WEEKLY;UNTIL=20270329T065959Z";
        assert_eq!(expand(rule, "20270322T090000", 9).unwrap(), ["03-22 09:00"]);
        assert_eq!(expand("FREQ=DAILY;UNTIL=20270323", "20270322T090000", 9).unwrap().len(), 2);
    }

    #[test]
    fn rules_that_no_booking_has_are_refused() {
        for rule in [
            "",
            "FREQ",
            "FREQ=SOMETIMES",
            "FREQ=MINUTELY",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;BYDAY=é",
            "FREQ=DAILY;UNTIL=soon",
            "FREQ=DAILY;UNTIL=20270101;UNTIL=20280101",
            "FREQ=DAILY;X=1",
            "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5;BYSECOND=1,2,3,4",
            "FREQ=WEEKLY;UNTIL=19990101",
        ] {
            assert!(expand(rule, "20270322T090000", 9).is_err(), "{rule}");
        }
    }

    #[test]
    fn a_rule_that_never_comes_true_ends() {
        assert_eq!(expand("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "20270322T090000", 9).unwrap(), [""; 0]);
    }

    fn rule() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "(FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY|HOURLY))",
            "INTERVAL=[0-9]{1,5}",
            "COUNT=[0-9]{1,3}",
            "BYDAY=[+-]?[0-9]{0,3}(MO|TU|SU|XX)(,(WE|FR))?",
            "(BYMONTHDAY|BYYEARDAY|BYWEEKNO|BYSETPOS)=-?[0-9]{1,3}(,-?[0-9]{1,2})?",
            "(BYHOUR|BYMINUTE|BYSECOND|BYMONTH)=[0-9]{1,2}(,[0-9]{1,2}){0,3}",
            "WKST=(MO|SU)",
            "UNTIL=20[2-9][0-9](0[1-9]|1[0-2])[0-2][0-9](T[0-2][0-9]0000Z?)?",
            "[!-~]{0,10}",
        ];
        proptest::collection::vec(part, 0..5)
            .prop_map(|parts| format!("FREQ=WEEKLY;{}", parts.join(";")).replace("FREQ=WEEKLY;FREQ", "FREQ"))
    }

    proptest! {
        #[test]
        fn no_rule_makes_the_expansion_panic_or_run_backwards(rule in rule(), day in "20[0-4][0-9](0[1-9]|1[0-2])[0-2][0-9]T[0-2][0-9]3000") {
            if let (Some((start, _)), Ok(rule)) = (wall_time(&day), Rule::read(&rule, |at| at.naive_utc()))
                && let Ok(occurrences) = rule.occurrences(start)
            {
                let list: Vec<_> = occurrences.take(20).collect();
                prop_assert!(list.windows(2).all(|pair| pair[0] <= pair[1]), "{:?}", list);
                prop_assert!(list.first().is_none_or(|first| *first >= start));
            }
        }
    }
}
