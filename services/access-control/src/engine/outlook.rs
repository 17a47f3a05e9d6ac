//! From what someone is entitled to to access windows, as far ahead as decisions need them.
//!
//! A window is one access window, however long. Hours of the week are as many as there are weeks: they are
//! seen some weeks ahead, and seen further once a week. What is seen stays the same until then, so that
//! looking again is no reason to tell anyone anything.

use chrono::{DateTime, Duration};
use chrono_tz::Tz;
use domain::{Timestamp, WeeklyHours, Window};

use super::Rules;

/// Hours of the week are seen at least three of these ahead of the horizon.
const WEEK: Duration = Duration::weeks(1);

/// Hours of the week by the clocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hours {
    /// Which.
    pub weekly: WeeklyHours,
    /// Whose clocks.
    pub zone: Tz,
}

/// That someone is to be let in, by one entitlement at one door.
#[derive(Debug, Clone)]
pub struct Entitled {
    /// When.
    pub window: Window,
    /// Only at these hours of it; `None`: at all.
    pub hours: Option<Hours>,
    /// So long before each opening.
    pub lead: Duration,
    /// And so long after.
    pub lag: Duration,
}

/// Access windows: lead and lag included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    windows: Vec<Window>,
    edge: Option<Edge>,
}

/// How far hours of the week are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    at: Timestamp,
    moves_on_at: Timestamp,
}

impl Outlook {
    /// What lies ahead at `now`, and what goes on.
    pub fn new(entitled: impl IntoIterator<Item = Entitled>, now: Timestamp, rules: &Rules) -> Self {
        let week = now.timestamp().div_euclid(WEEK.num_seconds()) * WEEK.num_seconds();
        let week = DateTime::from_timestamp(week, 0).unwrap_or(now);
        let edge = Edge { at: week + WEEK * 4 + rules.horizon, moves_on_at: week + WEEK };
        let mut outlook = Self::default();
        for Entitled { window, hours, lead, lag } in entitled {
            let openings = match hours.filter(|hours| !hours.weekly.is_always()) {
                None => vec![window],
                Some(hours) => {
                    outlook.edge = Some(edge);
                    // What is over is of no interest, however it lies to what goes on. What begins later than is
                    // seen has its first opening within two weeks: clocks leave none out twice.
                    let from = window.start().max(week - WEEK);
                    let until = window.end().min(edge.at.max(window.start() + WEEK * 2));
                    let seen = Window::new(from, until);
                    seen.map(|seen| hours.weekly.windows(hours.zone, seen)).unwrap_or_default()
                }
            };
            outlook.windows.extend(openings.into_iter().map(|opening| opening.widened(lead, lag)));
        }
        outlook.windows = Window::union(outlook.windows);
        outlook
    }

    /// The windows, in order of time, apart.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The access window that holds at `now`, or the next one.
    pub(super) fn upcoming(&self, now: Timestamp) -> Option<Window> {
        self.windows.iter().copied().find(|window| now < window.end())
    }

    /// When to look at a window of it again: at its end or, if it may go on where nothing is seen yet, as soon
    /// as more is seen.
    pub(super) fn look_again_at(&self, window: Window) -> Timestamp {
        match self.edge {
            Some(edge) if edge.at <= window.end() => edge.moves_on_at.min(window.end()),
            _ => window.end(),
        }
    }
}

impl<I: IntoIterator<Item = Window>> From<I> for Outlook {
    /// These access windows and no others.
    fn from(windows: I) -> Self {
        Self { windows: Window::union(windows), edge: None }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike as _, Timelike as _, Weekday};
    use domain::WeeklyInterval;
    use proptest::prelude::*;

    use super::*;
    use crate::engine::{Ledger, Observed, Outcome, observe, plan};

    const RULES: Rules = Rules { horizon: Duration::hours(72), in_flight_timeout: Duration::minutes(2) };

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn hours(intervals: impl IntoIterator<Item = (Weekday, u16, u16)>, zone: Tz) -> Hours {
        let intervals = intervals.into_iter().map(|(day, start, end)| WeeklyInterval { day, start, end });
        Hours { weekly: WeeklyHours::new(intervals.collect()).unwrap(), zone }
    }

    fn fresh() -> Ledger {
        Ledger {
            generation: 0,
            in_flight_until: None,
            observed: Observed::Nothing,
            told: None,
            failures: 0,
            retry_at: None,
            knows_person: true,
        }
    }

    /// What a provider that always obeys has, from the first moment until the last, each with the time from
    /// which it has it. Decides when the engine asks for it and never else.
    fn provided(
        entitled: &[Entitled],
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(Timestamp, Option<Window>)> {
        let (mut now, mut ledger, mut provided) = (from, fresh(), vec![(from, None)]);
        while now < until {
            let decision = plan(Outlook::new(entitled.iter().cloned(), now, &RULES), ledger, now, &RULES);
            ledger = decision.ledger;
            if let Some(command) = decision.command {
                let applied = Outcome::Applied(command.window);
                ledger = observe(ledger, command.generation, applied, now, 0.0).unwrap();
                provided.push((now, command.window));
                continue;
            }
            let Some(next) = decision.next_check_at else { break };
            assert!(now < next, "looks again at {next}, not before {now}");
            now = next;
        }
        provided
    }

    #[test]
    fn weekday_mornings_for_a_year_are_a_few_windows_and_one_command_a_day() {
        use Weekday::{Fri, Mon, Thu, Tue, Wed};
        let mornings = hours([Mon, Tue, Wed, Thu, Fri].map(|day| (day, 480, 720)), Tz::Europe__Vienna);
        let window = Window::new(at("2026-12-01T00:00:00Z"), at("2027-12-01T00:00:00Z")).unwrap();
        let lead = Duration::minutes(15);
        let entitled = [Entitled { window, hours: Some(mornings), lead, lag: lead }];
        for now in [at("2026-01-01T00:00:00Z"), at("2026-12-01T08:00:00Z"), at("2027-06-01T08:00:00Z")] {
            assert!(Outlook::new(entitled.clone(), now, &RULES).windows.len() <= 40);
        }
        let provided = provided(&entitled, at("2026-11-01T00:00:00Z"), at("2028-01-01T00:00:00Z"));
        let windows: Vec<Window> = provided.iter().filter_map(|(_, window)| *window).collect();
        assert_eq!(windows.len(), 261, "each morning once");
        assert!(windows.iter().all(|window| window.duration() == Duration::minutes(270)));
        assert_eq!(provided.last().unwrap().1, None);
    }

    #[test]
    fn hours_that_lag_makes_one_are_prolonged_long_before_they_end_and_not_each_time_one_looks() {
        let days = (0u8..7).map(|day| (Weekday::try_from(day).unwrap(), 360, 1_200));
        let window = Window::new(at("2026-12-01T00:00:00Z"), at("2027-12-01T00:00:00Z")).unwrap();
        let all_day = Duration::hours(12);
        let entitled = [Entitled { window, hours: Some(hours(days, Tz::UTC)), lead: all_day, lag: all_day }];
        let provided = provided(&entitled, at("2026-12-01T00:00:00Z"), at("2028-01-01T00:00:00Z"));
        for (one, next) in provided.iter().skip(1).zip(provided.iter().skip(2)) {
            let end = one.1.unwrap().end();
            assert!(next.0 + Duration::weeks(2) < end || next.1.is_none(), "{one:?} {next:?}");
        }
        assert!(provided.len() < 56, "once a week");
    }

    #[test]
    fn hours_of_the_whole_week_are_no_limit() {
        let week = hours((0u8..7).map(|day| (Weekday::try_from(day).unwrap(), 0, 1_440)), Tz::UTC);
        let window = Window::new(at("2026-12-01T00:00:00Z"), at("2027-12-01T00:00:00Z")).unwrap();
        let none = Duration::zero();
        let always = Entitled { window, hours: Some(week), lead: none, lag: none };
        assert_eq!(Outlook::new([always], window.start(), &RULES), Outlook::from([window]));
    }

    const STEP: i64 = 10;
    const ZONES: [Tz; 4] = [Tz::Europe__Vienna, Tz::America__Havana, Tz::Australia__Lord_Howe, Tz::UTC];

    fn some_hours() -> impl Strategy<Value = Option<Hours>> {
        let interval = (0u8..7, 0u16..144, 1u16..=144);
        let intervals = prop::collection::vec(interval, 1..5);
        (intervals, 0..ZONES.len()).prop_map(|(intervals, zone)| {
            let intervals = intervals.into_iter().map(|(day, start, end)| WeeklyInterval {
                day: Weekday::try_from(day).unwrap(),
                start: start * 10,
                end: end * 10,
            });
            // What makes no sense is no limit here.
            let weekly = WeeklyHours::new(intervals.collect()).ok()?;
            Some(Hours { weekly, zone: ZONES[zone] })
        })
    }

    /// Whether each step from two days before `from` on lies in the entitlement, without lead and lag: by the
    /// latest time that clocks have shown.
    fn naive(entitled: &Entitled, from: Timestamp, steps: i64) -> Vec<bool> {
        let mut latest = None;
        let step = |number: i64| from + Duration::minutes((number - 288) * STEP);
        let holds = (0..steps + 576).map(|number| {
            let now = step(number);
            let Some(Hours { weekly, zone }) = &entitled.hours else { return entitled.window.contains(now) };
            let shown = latest.max(Some(now.with_timezone(zone).naive_local()));
            latest = shown;
            let shown = shown.unwrap();
            let minute = u16::try_from(shown.hour() * 60 + shown.minute()).unwrap();
            entitled.window.contains(now)
                && weekly.intervals().iter().any(|it| {
                    let (today, before) = (it.day == shown.weekday(), it.day == shown.weekday().pred());
                    if it.start < it.end {
                        today && (it.start..it.end).contains(&minute)
                    } else {
                        today && it.start <= minute || before && minute < it.end
                    }
                })
        });
        holds.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Looking only when the engine asks for it, a door opens at all hours and at no other moment: over
        /// weeks, across changes of the clocks, and whatever overlaps.
        #[test]
        fn doors_open_at_all_hours_and_at_no_other_moment(
            all in prop::collection::vec(
                ((-2_000i64..8_000), (1i64..9_000), some_hours(), prop::sample::select(vec![0i64, 1, 12, 144]),
                 prop::sample::select(vec![0i64, 1, 12, 144])),
                1..4,
            ),
            about in prop::sample::select(vec!["2026-03-01T00:00:00Z", "2026-10-12T00:00:00Z"]),
        ) {
            let (from, steps) = (at(about), 6 * 7 * 144);
            let minutes = |steps: i64| Duration::minutes(steps * STEP);
            let entitled: Vec<Entitled> = all
                .into_iter()
                .map(|(start, length, hours, lead, lag)| Entitled {
                    window: Window::new(from + minutes(start), from + minutes(start + length)).unwrap(),
                    hours,
                    lead: minutes(lead),
                    lag: minutes(lag),
                })
                .collect();
            let base: Vec<Vec<bool>> = entitled.iter().map(|it| naive(it, from, steps)).collect();
            let mut provided = provided(&entitled, from, from + minutes(steps)).into_iter().peekable();
            let mut has = None;
            for step in 0..steps {
                let now = from + minutes(step);
                while let Some((_, window)) = provided.next_if(|(since, _)| *since <= now) {
                    has = window;
                }
                let is_let_in = entitled.iter().zip(&base).any(|(it, base)| {
                    let (lead, lag) = (it.lead.num_minutes() / STEP, it.lag.num_minutes() / STEP);
                    let range = step + 288 - lag..=step + 288 + lead;
                    range.into_iter().any(|step| usize::try_from(step).is_ok_and(|step| base[step]))
                });
                let opens = has.is_some_and(|window: Window| window.contains(now));
                prop_assert_eq!(opens, is_let_in, "{}", now);
            }
        }
    }
}
