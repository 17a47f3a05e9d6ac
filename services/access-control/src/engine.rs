//! The access engine: who should have what at a provider, from when until when, what to tell the
//! provider now, and when to look again. Pure: no IO, no clock.
//!
//! A grant is the ledger's row for one (person, door or group). What is wanted there is the union of
//! all access windows that lead there, so that bookings back to back have no seam and cancelling one
//! leaves the other's access alone. Windows that lie apart are told one after the other, the nearest
//! first, from `horizon` before their start on. The provider enforces start and end by itself.
//!
//! At most one command is in flight per grant. Each carries the grant's generation; a result of an
//! older one changes nothing.

mod outlook;
#[cfg(test)]
mod reference;
mod retirement;
mod way_in;

use chrono::Duration;
use domain::{Timestamp, Window};

pub use outlook::{Entitled, Hours, Outlook};
pub use retirement::{
    Policy, Retirement, UserCommand, UserDecision, UserLedger, UserOutcome, UserState, observe_user,
    plan_user,
};
pub use way_in::{
    WayInCommand, WayInDecision, WayInLedger, WayInOutcome, WayInState, is_entitled_for, observe_way_in,
    plan_way_in, way_in_window,
};

/// What makes no difference any more, such as the revoke of a window that has ended, is housekeeping, which waits
/// behind all that is urgent.
const HOUSEKEEPING_CAN_WAIT: Duration = Duration::hours(1);

/// What the engine decides by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// A window is told to the provider this long before it begins.
    pub horizon: Duration,
    /// A command without a result for this long is taken as lost.
    pub in_flight_timeout: Duration,
}

/// What the provider is known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// Nothing of ours.
    Nothing,
    /// This window.
    Holds(Window),
    /// A command may have taken effect, or not.
    Unknown,
}

/// A grant's row, as far as decisions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Of the last command.
    pub generation: i64,
    /// Until when the last command may still be answered; `None` if it was.
    pub in_flight_until: Option<Timestamp>,
    /// What the provider is known to have.
    pub observed: Observed,
    /// What the last command asked for.
    pub told: Option<Window>,
    /// Failures in a row, of the same command.
    pub failures: u32,
    /// After a failure: the same command not before.
    pub retry_at: Option<Timestamp>,
    /// Whether the provider knows the person by the name and address that they have now.
    pub knows_person: bool,
}

/// What to tell the provider: to have exactly this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// Of this command.
    pub generation: i64,
    /// What the person should have; `None`: nothing.
    pub window: Option<Window>,
    /// By when.
    pub due: Timestamp,
}

/// What follows from the situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What should be at the provider now.
    pub desired: Option<Window>,
    /// What to tell it.
    pub command: Option<Command>,
    /// The ledger afterwards.
    pub ledger: Ledger,
    /// When to look again even if nothing happens; `None`: not before something does.
    pub next_check_at: Option<Timestamp>,
}

/// Decides. The outlook has the access windows that count: their source standing, the person active, the
/// mapping there.
pub fn plan(outlook: impl Into<Outlook>, ledger: Ledger, now: Timestamp, rules: &Rules) -> Decision {
    let outlook = outlook.into();
    let upcoming = outlook.upcoming(now);
    let due_at_horizon = upcoming.map(|window| window.start() - rules.horizon);
    // What was told stays, should the clock have stepped back, or be another replica's.
    let is_told = upcoming.is_some() && ledger.told == upcoming;
    let desired = upcoming.filter(|_| is_told || due_at_horizon.is_some_and(|at| at <= now));

    let mut ledger = ledger;
    if ledger.in_flight_until.is_some_and(|until| until <= now) {
        ledger.in_flight_until = None;
        ledger.observed = Observed::Unknown;
    }
    let is_settled = match (desired, ledger.observed) {
        (None, Observed::Nothing) => true,
        (Some(wanted), Observed::Holds(held)) => wanted == held && ledger.knows_person,
        _ => false,
    };
    if desired != ledger.told {
        // The wait is for what failed. Another wish may well succeed, such as taking away what could not
        // be prolonged.
        ledger.failures = 0;
        ledger.retry_at = None;
    }
    let waits = ledger.in_flight_until.or(ledger.retry_at.filter(|at| now < *at));
    let command = (!is_settled && waits.is_none()).then(|| Command {
        generation: ledger.generation + 1,
        window: desired,
        due: due(desired, ledger.observed, now),
    });
    if let Some(command) = command {
        ledger.generation = command.generation;
        ledger.told = command.window;
        ledger.in_flight_until = Some(now + rules.in_flight_timeout);
    } else if is_settled {
        ledger.failures = 0;
        ledger.retry_at = None;
    }
    let by_itself = match desired {
        // At its end the next window's turn comes, or housekeeping.
        Some(window) => Some(outlook.look_again_at(window)),
        None => due_at_horizon,
    };
    let next_check_at = [ledger.in_flight_until, waits, by_itself].into_iter().flatten().min();
    Decision { desired, command, ledger, next_check_at }
}

/// By when the provider should have `desired`: the first moment at which it would let someone in who should not
/// be, or the other way round. So what is prolonged weeks before its end is no hurry.
fn due(desired: Option<Window>, observed: Observed, now: Timestamp) -> Timestamp {
    let held = match observed {
        Observed::Holds(held) if Some(held) != desired => Some(held),
        // Where the window is right, someone else has it: the person was called otherwise.
        Observed::Holds(_) | Observed::Nothing => None,
        Observed::Unknown => return desired.map_or(now, |window| window.start().max(now)),
    };
    let lets_in = |window: Option<Window>, at| window.is_some_and(|window| window.contains(at));
    let edges = [desired, held].into_iter().flatten().flat_map(|window| [window.start(), window.end()]);
    let differs = |at: &Timestamp| now <= *at && lets_in(desired, *at) != lets_in(held, *at);
    let first = [now].into_iter().chain(edges).filter(differs).min();
    // It makes no difference any more: the provider enforces ends by itself.
    first.unwrap_or(now + HOUSEKEEPING_CAN_WAIT)
}

/// What an adapter reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The provider has this now.
    Applied(Option<Window>),
    /// It has not.
    Failed {
        /// What kind of failure: decides how long to wait.
        kind: FailureKind,
        /// Whether it may have it all the same.
        is_unknown: bool,
        /// Not before this long, if the provider said so.
        retry_after: Option<Duration>,
    },
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer, or one that says "later": may go any moment.
    Unreachable,
    /// Too many calls.
    RateLimited,
    /// Credentials are missing or refused: goes when a person acts, and then we are told.
    Unauthorized,
    /// The door is gone: goes when a person acts.
    NotFound,
    /// The provider says no: goes when a person acts.
    Rejected,
}

/// The ledger after a result of `generation`; `None` if it is of an older command, or came twice.
/// `spread` is between 0 and 1, another one for each grant: by it retries after one outage do not all
/// come at once.
pub fn observe(
    ledger: Ledger,
    generation: i64,
    outcome: Outcome,
    now: Timestamp,
    spread: f64,
) -> Option<Ledger> {
    if generation != ledger.generation || ledger.in_flight_until.is_none() {
        return None;
    }
    let mut after = Ledger { in_flight_until: None, ..ledger };
    match outcome {
        Outcome::Applied(window) => {
            after.observed = window.map_or(Observed::Nothing, Observed::Holds);
            after.failures = 0;
            after.retry_at = None;
        }
        Outcome::Failed { kind, is_unknown, retry_after } => {
            if is_unknown {
                after.observed = Observed::Unknown;
            }
            after.failures = ledger.failures.saturating_add(1);
            let wait = backoff(kind, after.failures, spread).max(retry_after.unwrap_or_default());
            after.retry_at = Some(now + wait);
        }
    }
    Some(after)
}

/// The ledger after the provider was seen to have something else than it said after the command of
/// `generation`; `None` if that is not what was last said: a newer command decides, or nothing differs.
pub fn drift(ledger: Ledger, generation: i64, found: Observed) -> Option<Ledger> {
    let is_news = ledger.observed != found;
    (generation == ledger.generation && ledger.in_flight_until.is_none() && is_news)
        .then_some(Ledger { observed: found, ..ledger })
}

/// How long to wait after so many failures in a row: doubled each time up to a bound of the kind, then
/// shortened by up to a half.
fn backoff(kind: FailureKind, failures: u32, spread: f64) -> Duration {
    let (first, longest) = match kind {
        FailureKind::Unreachable | FailureKind::RateLimited => (1_000, 60_000),
        FailureKind::Unauthorized | FailureKind::NotFound | FailureKind::Rejected => (10_000, 900_000),
    };
    let wait_ms = (first << failures.saturating_sub(1).min(16)).min(longest);
    Duration::milliseconds((wait_ms as f64 * (1.0 - spread.clamp(0.0, 1.0) / 2.0)) as i64)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const RULES: Rules = Rules { horizon: Duration::hours(72), in_flight_timeout: Duration::minutes(2) };

    fn at(minute: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).unwrap()
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

    fn holding(window: Window) -> Ledger {
        Ledger { generation: 1, observed: Observed::Holds(window), told: Some(window), ..fresh() }
    }

    #[test]
    fn a_window_is_told_within_the_horizon_and_not_before() {
        let start = 100 * 60;
        let early = plan([window(start, start + 60)], fresh(), at(0), &RULES);
        assert_eq!((early.desired, early.command), (None, None));
        assert_eq!(early.next_check_at, Some(at(28 * 60)));
        let then = plan([window(start, start + 60)], fresh(), at(28 * 60), &RULES);
        let command = then.command.unwrap();
        assert_eq!(
            command,
            Command { generation: 1, window: Some(window(start, start + 60)), due: at(start) }
        );
    }

    #[test]
    fn a_clock_that_steps_back_or_ahead_is_no_reason_to_take_anything_back() {
        let booked = [window(72 * 60, 73 * 60)];
        let told = plan(booked, fresh(), at(0), &RULES).ledger;
        let held = observe(told, 1, Outcome::Applied(Some(booked[0])), at(-1), 0.0).unwrap();
        for minute in [-1, -10_000, 0, 72 * 60] {
            let decision = plan(booked, held, at(minute), &RULES);
            assert_eq!((decision.desired, decision.command), (Some(booked[0]), None), "{minute}");
        }
        // Ahead by far: the end has come. And back again: it has not.
        let ended = plan(booked, held, at(100_000), &RULES);
        assert_eq!((ended.desired, ended.command.unwrap().window), (None, None));
        let revoked = observe(ended.ledger, 2, Outcome::Applied(None), at(100_000), 0.0).unwrap();
        assert_eq!(plan(booked, revoked, at(72 * 60), &RULES).command.unwrap().window, Some(booked[0]));
    }

    #[test]
    fn bookings_back_to_back_become_one_window_and_no_revoke_comes_between() {
        let both = [window(0, 60), window(60, 120)];
        let decision = plan(both, holding(window(0, 60)), at(30), &RULES);
        assert_eq!(decision.command.unwrap().window, Some(window(0, 120)));
        let settled = plan(both, holding(window(0, 120)), at(60), &RULES);
        assert_eq!((settled.command, settled.next_check_at), (None, Some(at(120))));
    }

    #[test]
    fn cancelling_one_booking_leaves_the_others_access() {
        let decision = plan([window(30, 90)], holding(window(0, 90)), at(40), &RULES);
        assert_eq!(decision.command.unwrap().window, Some(window(30, 90)));
    }

    #[test]
    fn a_cancelled_window_is_revoked_at_once_and_an_ended_one_can_wait() {
        let cancelled = plan([], holding(window(0, 60)), at(30), &RULES).command.unwrap();
        assert_eq!((cancelled.window, cancelled.due), (None, at(30)));
        let ended = plan([], holding(window(0, 60)), at(60), &RULES).command.unwrap();
        assert_eq!((ended.window, ended.due), (None, at(120)));
    }

    #[test]
    fn a_command_is_due_when_what_is_held_would_first_be_wrong() {
        let due = |wanted: Option<Window>, held: Option<Window>, now| {
            let observed = held.map_or(Observed::Nothing, Observed::Holds);
            super::due(wanted, observed, at(now))
        };
        let (first, longer, later) = (window(0, 60), window(0, 90), window(80, 90));
        assert_eq!(due(Some(longer), Some(first), 10), at(60), "prolonged: when the old one ends");
        assert_eq!(due(Some(longer), Some(first), 70), at(70));
        assert_eq!(due(Some(first), Some(longer), 10), at(60), "shortened: from then on it is too long");
        assert_eq!(due(Some(later), Some(first), 70), at(80), "the next one, when it begins");
        assert_eq!(due(Some(window(20, 60)), Some(first), 10), at(10), "begins later: is too wide now");
        assert_eq!(due(None, Some(later), 10), at(80), "taken back before it begins");
        assert_eq!(due(Some(window(-5, 60)), Some(first), 10), at(10) + HOUSEKEEPING_CAN_WAIT);
    }

    #[test]
    fn windows_apart_are_told_one_after_the_other() {
        let apart = [window(0, 60), window(180, 240)];
        assert_eq!(plan(apart, fresh(), at(0), &RULES).desired, Some(window(0, 60)));
        let next = plan(apart, holding(window(0, 60)), at(60), &RULES);
        assert_eq!(next.command.unwrap().window, Some(window(180, 240)));
    }

    #[test]
    fn who_is_called_otherwise_is_told_anew_while_they_have_access_and_not_for_its_end() {
        let renamed = Ledger { knows_person: false, ..holding(window(0, 60)) };
        let again = plan([window(0, 60)], renamed, at(30), &RULES);
        let told = Command { generation: 2, window: Some(window(0, 60)), due: at(30) };
        assert_eq!(again.command, Some(told));
        // Under way; and after a failure it is tried again.
        assert_eq!(plan([window(0, 60)], again.ledger, at(31), &RULES).command, None);
        let failed = Outcome::Failed { kind: FailureKind::Rejected, is_unknown: false, retry_after: None };
        let failed = observe(again.ledger, 2, failed, at(31), 0.0).unwrap();
        assert_eq!(plan([window(0, 60)], failed, at(31), &RULES).command, None);
        let window_again = plan([window(0, 60)], failed, at(32), &RULES).command.unwrap().window;
        assert_eq!(window_again, Some(window(0, 60)));
        let nobody = Ledger { knows_person: false, ..fresh() };
        assert_eq!(plan([], nobody, at(0), &RULES).command, None);
    }

    #[test]
    fn one_command_is_in_flight_until_its_result_or_its_time_out() {
        let sent = plan([window(0, 60)], fresh(), at(0), &RULES);
        let waiting = plan([window(0, 90)], sent.ledger, at(1), &RULES);
        assert_eq!((waiting.command, waiting.next_check_at), (None, Some(at(2))));
        let lost = plan([window(0, 90)], sent.ledger, at(2), &RULES);
        assert_eq!(lost.command.unwrap().generation, 2);
        assert_eq!(lost.ledger.observed, Observed::Unknown);
    }

    #[test]
    fn a_result_counts_once_and_only_for_the_newest_command() {
        let sent = plan([window(0, 60)], fresh(), at(0), &RULES).ledger;
        let applied = Outcome::Applied(Some(window(0, 60)));
        assert_eq!(observe(sent, 0, applied, at(1), 0.0), None);
        let settled = observe(sent, 1, applied, at(1), 0.0).unwrap();
        assert_eq!(settled.observed, Observed::Holds(window(0, 60)));
        assert_eq!(observe(settled, 1, Outcome::Applied(None), at(1), 0.0), None);
    }

    #[test]
    fn a_drift_counts_only_for_the_newest_command_once_that_is_answered() {
        let held = holding(window(0, 60));
        assert_eq!(drift(held, 0, Observed::Nothing), None, "of an older command");
        assert_eq!(drift(held, 1, held.observed), None, "no news");
        let under_way = plan([window(0, 90)], held, at(0), &RULES).ledger;
        for generation in [1, 2] {
            assert_eq!(drift(under_way, generation, Observed::Nothing), None, "a command is under way");
        }
        let drifted = drift(held, 1, Observed::Nothing).unwrap();
        let again = plan([window(0, 60)], drifted, at(1), &RULES).command.unwrap();
        assert_eq!((again.generation, again.window), (2, Some(window(0, 60))));
    }

    #[test]
    fn failures_wait_longer_each_time_up_to_a_bound() {
        let failed = Outcome::Failed { kind: FailureKind::Unreachable, is_unknown: true, retry_after: None };
        let mut ledger = fresh();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            ledger = plan([window(0, 600)], ledger, now, &RULES).ledger;
            ledger = observe(ledger, ledger.generation, failed, now, 0.0).unwrap();
            assert_eq!(ledger.observed, Observed::Unknown);
            waits.push((ledger.retry_at.unwrap() - now).num_seconds());
            let waiting = plan([window(0, 600)], ledger, now, &RULES);
            assert_eq!((waiting.command, waiting.next_check_at), (None, ledger.retry_at));
            now = ledger.retry_at.unwrap();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_new_wish_does_not_wait_for_the_failure_of_another() {
        let rejected = Outcome::Failed { kind: FailureKind::Rejected, is_unknown: false, retry_after: None };
        let extended = plan([window(0, 90)], holding(window(0, 60)), at(30), &RULES).ledger;
        let failed = observe(extended, 2, rejected, at(30), 0.0).unwrap();
        assert_eq!(plan([window(0, 90)], failed, at(30), &RULES).command, None);
        let cancelled = plan([], failed, at(30), &RULES);
        assert_eq!((cancelled.command.unwrap().window, cancelled.ledger.failures), (None, 0));
        // A wish that came while the command was in flight is another one, too.
        let changed = plan([], extended, at(30), &RULES).ledger;
        let failed = observe(changed, 2, rejected, at(30), 0.0).unwrap();
        assert_eq!(plan([], failed, at(30), &RULES).command.unwrap().window, None);
    }

    #[test]
    fn what_nobody_knows_is_told_again_even_if_nothing_is_wanted() {
        let unknown = Ledger { generation: 4, observed: Observed::Unknown, ..fresh() };
        let decision = plan([], unknown, at(0), &RULES).command.unwrap();
        assert_eq!((decision.window, decision.generation), (None, 5));
    }

    #[test]
    fn what_the_provider_asks_to_wait_is_waited() {
        let sent = plan([window(0, 60)], fresh(), at(0), &RULES).ledger;
        let outcome = Outcome::Failed {
            kind: FailureKind::RateLimited,
            is_unknown: false,
            retry_after: Some(Duration::seconds(30)),
        };
        let after = observe(sent, 1, outcome, at(0), 1.0).unwrap();
        assert_eq!(after.retry_at, Some(at(0) + Duration::seconds(30)));
        assert_eq!(after.observed, Observed::Nothing);
    }
}
