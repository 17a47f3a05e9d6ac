//! The engine against a naive model: a small world, minute by minute, where the provider may fail in
//! every way. At each minute the door may open only if some window holds that minute, and must open if
//! one does and the provider has been reachable.

use chrono::{DateTime, Duration};
use domain::{Timestamp, Window};
use proptest::prelude::*;

use super::{FailureKind, Ledger, Observed, Outcome, Rules, drift, observe, plan};

const RULES: Rules = Rules { horizon: Duration::hours(2), in_flight_timeout: Duration::minutes(3) };

/// What the provider does with a command.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Does it and says so.
    Answered,
    /// Does it; nobody hears.
    Lost,
    /// Does it; the answer says that nobody knows.
    Unknown,
    /// Does nothing and says so.
    Refused,
    /// Does nothing; nobody hears.
    Dropped,
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Answered),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Unknown),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Dropped),
    ]
}

fn at(minute: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
}

/// A booking in the small world: known from one minute on, cancelled from another.
#[derive(Debug, Clone)]
struct Stay {
    start: i64,
    len: i64,
    known_from: i64,
    cancelled_from: i64,
}

impl Stay {
    fn window_at(&self, minute: i64) -> Option<Window> {
        (self.known_from..self.cancelled_from)
            .contains(&minute)
            .then(|| Window::new(at(self.start), at(self.start + self.len)).unwrap())
    }
}

fn stays() -> impl Strategy<Value = Vec<Stay>> {
    let stay = (0i64..300, 1i64..90, 0i64..300, 1i64..400).prop_map(|(start, len, known_from, life)| Stay {
        start,
        len,
        known_from,
        cancelled_from: known_from + life,
    });
    prop::collection::vec(stay, 0..6)
}

/// What someone does at the provider.
#[derive(Debug, Clone, Copy)]
enum Meddling {
    Nothing,
    Deletes,
    Moves(i64),
}

fn meddlings() -> impl Strategy<Value = Meddling> {
    prop_oneof![
        6 => Just(Meddling::Nothing),
        1 => Just(Meddling::Deletes),
        1 => (1i64..60).prop_map(Meddling::Moves),
    ]
}

/// What a comparison saw, on its way: of the command of this generation nothing or another window is there.
#[derive(Debug, Clone, Copy)]
struct Report {
    comes_at: i64,
    generation: i64,
    found: Observed,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Someone deletes and moves what we gave, while commands are carried out and refused. Comparisons come
    /// late, twice, and in any order. Once one has come after the last meddling, all is as it should be.
    #[test]
    fn what_someone_does_by_hand_is_made_good(
        stays in stays(),
        fates in prop::collection::vec(fates(), 400),
        meddlings in prop::collection::vec(meddlings(), 200),
        delays in prop::collection::vec(0i64..40, 100),
    ) {
        let mut ledger = Ledger {
            generation: 0,
            in_flight_until: None,
            observed: Observed::Nothing,
            told: None,
            failures: 0,
            retry_at: None,
            knows_person: true,
        };
        let mut provider: Option<Window> = None;
        // The adapter's ledger: what was last answered, and of which command.
        let (mut answered, mut executed) = (None, 0);
        let (mut fates, mut reports) = (fates.into_iter(), Vec::<Report>::new());
        for minute in 0..500 {
            let now = at(minute);
            match usize::try_from(minute).ok().and_then(|minute| meddlings.get(minute)) {
                Some(Meddling::Deletes) => provider = None,
                Some(Meddling::Moves(by)) => {
                    provider = provider.map(|window| {
                        let by = Duration::minutes(*by);
                        Window::new(window.start() + by, window.end() + by).unwrap()
                    });
                }
                Some(Meddling::Nothing) | None => {}
            }
            // A comparison every five minutes. What the last command did must be known.
            if minute % 5 == 0 && let Some((generation, held)) = answered
                && generation == executed && Some(held) != provider
            {
                let found = provider.map_or(Observed::Nothing, Observed::Holds);
                let delay = delays[usize::try_from(minute / 5).unwrap()];
                reports.extend([delay, delay / 2].map(|delay| Report { comes_at: minute + delay, generation, found }));
            }
            for report in reports.extract_if(.., |report| report.comes_at <= minute) {
                ledger = drift(ledger, report.generation, report.found).unwrap_or(ledger);
            }
            let windows: Vec<Window> = stays.iter().filter_map(|stay| stay.window_at(minute)).collect();
            let decision = plan(windows.clone(), ledger, now, &RULES);
            ledger = decision.ledger;
            if let Some(command) = decision.command {
                executed = command.generation;
                let fate = if minute < 200 { fates.next().unwrap_or(Fate::Answered) } else { Fate::Answered };
                if !matches!(fate, Fate::Refused | Fate::Dropped) {
                    provider = command.window;
                }
                let outcome = match fate {
                    Fate::Answered => {
                        answered = command.window.map(|window| (command.generation, window));
                        Outcome::Applied(command.window)
                    }
                    Fate::Unknown | Fate::Refused => Outcome::Failed {
                        kind: FailureKind::Unreachable,
                        is_unknown: fate == Fate::Unknown,
                        retry_after: None,
                    },
                    Fate::Lost | Fate::Dropped => continue,
                };
                ledger = observe(ledger, command.generation, outcome, now, 0.5).unwrap();
            }
            // Nobody meddles any more, and the last comparison has come.
            if minute > 260 && ledger.in_flight_until.is_none() && ledger.retry_at.is_none() {
                let opens = provider.is_some_and(|window| window.contains(now));
                let should = windows.iter().any(|window| window.contains(now));
                prop_assert_eq!(opens, should, "minute {}: {:?} {:?}", minute, provider, windows);
            }
        }
    }

    #[test]
    fn the_door_opens_when_it_should_and_never_else(
        stays in stays(),
        fates in prop::collection::vec(fates(), 400),
        heals_at in 0i64..300,
    ) {
        let mut ledger = Ledger {
            generation: 0,
            in_flight_until: None,
            observed: Observed::Nothing,
            told: None,
            failures: 0,
            retry_at: None,
            knows_person: true,
        };
        let mut provider: Option<Window> = None;
        let mut fates = fates.into_iter();
        let mut calm_minutes = 0;
        for minute in 0..500 {
            let now = at(minute);
            let windows: Vec<Window> = stays.iter().filter_map(|stay| stay.window_at(minute)).collect();
            let before = plan(windows.clone(), ledger, now, &RULES);
            ledger = before.ledger;
            if let Some(command) = before.command {
                let fate = if minute < heals_at { fates.next().unwrap_or(Fate::Answered) } else { Fate::Answered };
                if !matches!(fate, Fate::Refused | Fate::Dropped) {
                    provider = command.window;
                }
                let outcome = match fate {
                    Fate::Answered => Some(Outcome::Applied(command.window)),
                    Fate::Unknown | Fate::Refused => Some(Outcome::Failed {
                        kind: FailureKind::Unreachable,
                        is_unknown: fate == Fate::Unknown,
                        retry_after: None,
                    }),
                    Fate::Lost | Fate::Dropped => None,
                };
                if let Some(outcome) = outcome {
                    ledger = observe(ledger, command.generation, outcome, now, 0.5).unwrap();
                    // A result of the same command again changes nothing.
                    prop_assert_eq!(observe(ledger, command.generation, outcome, now, 0.5), None);
                }
            }
            // Once the provider has been well for as long as the longest wait, all is as it should be.
            calm_minutes = if minute >= heals_at { calm_minutes + 1 } else { 0 };
            if calm_minutes > 6 && ledger.in_flight_until.is_none() && ledger.retry_at.is_none() {
                let opens = provider.is_some_and(|window| window.contains(now));
                let should = windows.iter().any(|window| window.contains(now));
                prop_assert_eq!(opens, should, "minute {}: {:?} {:?}", minute, provider, windows);
            }
            // Settled means what it says, whatever happened before.
            let after = plan(windows, ledger, now, &RULES);
            if after.command.is_none() && after.ledger.in_flight_until.is_none() && after.ledger.retry_at.is_none() {
                match after.ledger.observed {
                    Observed::Nothing => prop_assert_eq!(provider, None),
                    Observed::Holds(window) => prop_assert_eq!(provider, Some(window)),
                    Observed::Unknown => prop_assert!(false, "unknown is never settled"),
                }
            }
        }
        prop_assert_eq!(ledger.observed, Observed::Nothing, "in the end nothing is left");
        prop_assert_eq!(provider, None);
    }
}
