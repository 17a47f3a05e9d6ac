//! Another way in than someone's own access, such as a link: for one person at one door during one window. Made while
//! it is wanted and not over, withdrawn otherwise. Its window never changes: whoever has the link would not know.
//!
//! The same rules as for grants: one command in flight, each with a generation, each saying the whole.

use chrono::Duration;
use domain::{Timestamp, Window};

use super::{FailureKind, HOUSEKEEPING_CAN_WAIT, Observed, backoff};

/// It opens so long before the begin of what it is for.
const AHEAD: Duration = Duration::minutes(5);

/// The provider closes it by itself; for so long after its end it is tidied up.
const TIDIED: Duration = Duration::days(1);

/// What a provider is known to have of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayInState {
    /// Nothing.
    Nothing,
    /// It is there.
    Ready,
    /// A command may have taken effect, or not.
    Unknown,
}

/// Its row, as far as decisions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayInLedger {
    /// Of the last command.
    pub generation: i64,
    /// Until when the last command may still be answered; `None` if it was.
    pub in_flight_until: Option<Timestamp>,
    /// Whether the last command asked for it.
    pub is_told: bool,
    /// What the provider is known to have.
    pub state: WayInState,
    /// Failures in a row, of the same command.
    pub failures: u32,
    /// After a failure: the same command not before.
    pub retry_at: Option<Timestamp>,
}

impl WayInLedger {
    /// Of one that nobody was told of.
    pub const NEW: Self = Self {
        generation: 0,
        in_flight_until: None,
        is_told: false,
        state: WayInState::Nothing,
        failures: 0,
        retry_at: None,
    };
}

/// What to tell the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayInCommand {
    /// Of this command.
    pub generation: i64,
    /// Whether it should be there.
    pub is_wanted: bool,
    /// By when.
    pub due: Timestamp,
}

/// What follows from the situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayInDecision {
    /// What to tell the provider.
    pub command: Option<WayInCommand>,
    /// The ledger afterwards.
    pub ledger: WayInLedger,
    /// When to look again even if nothing happens; `None`: it is over, and can be forgotten.
    pub next_check_at: Option<Timestamp>,
}

/// When another way in should open, shortly before what begins during `booked`; `None`: the provider has confirmed the
/// person's own access, or they are not entitled to any then. `windows` are those that they are entitled to at the door.
pub fn way_in_window(windows: &[Window], observed: Observed, booked: Window) -> Option<Window> {
    let entitled = windows.iter().find(|window| window.contains(booked.start()))?;
    let start = entitled.start().max(booked.start() - AHEAD);
    let window = Window::new(start, entitled.end().min(booked.end())).ok()?;
    let is_held = matches!(observed, Observed::Holds(held) if covers(held, window));
    (!is_held).then_some(window)
}

/// Whether someone who is entitled to `windows` is for the whole of `window`.
pub fn is_entitled_for(windows: &[Window], window: Window) -> bool {
    windows.iter().any(|entitled| covers(*entitled, window))
}

fn covers(outer: Window, inner: Window) -> bool {
    outer.start() <= inner.start() && inner.end() <= outer.end()
}

/// Decides. `is_entitled`: the person still is, for the whole window.
pub fn plan_way_in(
    window: Window,
    is_entitled: bool,
    ledger: WayInLedger,
    now: Timestamp,
    in_flight_timeout: Duration,
) -> WayInDecision {
    let mut ledger = ledger;
    let is_over = window.end() <= now;
    let is_wanted = is_entitled && !is_over;
    let is_lost = ledger.in_flight_until.is_some_and(|until| until <= now);
    let is_other_wish = ledger.is_told != is_wanted;
    if is_lost || (ledger.in_flight_until.is_some() && is_other_wish) {
        // Another wish does not wait: the adapter keeps the newest. Whether the last was carried out nobody knows.
        ledger.in_flight_until = None;
        ledger.state = WayInState::Unknown;
    }
    let wanted_state = if is_wanted { WayInState::Ready } else { WayInState::Nothing };
    if is_other_wish && ledger.state == wanted_state {
        // What was told meanwhile was refused. But an adapter that died may have had it done before.
        ledger.state = WayInState::Unknown;
    }
    let is_settled = ledger.in_flight_until.is_none() && ledger.state == wanted_state;
    if is_settled || is_other_wish {
        ledger.failures = 0;
        ledger.retry_at = None;
    }
    if is_over && (is_settled || window.end() + TIDIED <= now) {
        return WayInDecision { command: None, ledger, next_check_at: None };
    }
    let waits = ledger.in_flight_until.or(ledger.retry_at.filter(|at| now < *at));
    let patience = if is_over { HOUSEKEEPING_CAN_WAIT } else { Duration::zero() };
    let command = (!is_settled && waits.is_none()).then(|| WayInCommand {
        generation: ledger.generation + 1,
        is_wanted,
        due: now + patience,
    });
    if let Some(command) = command {
        ledger.generation = command.generation;
        ledger.is_told = is_wanted;
        ledger.in_flight_until = Some(now + patience + in_flight_timeout);
    }
    let end = if is_over { window.end() + TIDIED } else { window.end() };
    let next_check_at = [ledger.in_flight_until, waits, Some(end)].into_iter().flatten().min();
    WayInDecision { command, ledger, next_check_at }
}

/// What an adapter reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayInOutcome {
    /// It is there, or not, as was asked.
    Done,
    /// It is not as was asked, or nobody knows.
    Failed {
        /// What kind of failure: decides how long to wait.
        kind: FailureKind,
        /// Whether it may be so all the same.
        is_unknown: bool,
        /// Not before this long, if the provider said so.
        retry_after: Option<Duration>,
    },
}

/// The ledger after a result of `generation`; `None` if it is of an older command, or came twice.
pub fn observe_way_in(
    ledger: WayInLedger,
    generation: i64,
    outcome: WayInOutcome,
    now: Timestamp,
    spread: f64,
) -> Option<WayInLedger> {
    if generation != ledger.generation || ledger.in_flight_until.is_none() {
        return None;
    }
    let mut after = WayInLedger { in_flight_until: None, ..ledger };
    match outcome {
        WayInOutcome::Done => {
            after.state = if ledger.is_told { WayInState::Ready } else { WayInState::Nothing };
            after.failures = 0;
            after.retry_at = None;
        }
        WayInOutcome::Failed { kind, is_unknown, retry_after } => {
            if is_unknown {
                after.state = WayInState::Unknown;
            }
            after.failures = ledger.failures.saturating_add(1);
            let wait = backoff(kind, after.failures, spread).max(retry_after.unwrap_or_default());
            after.retry_at = Some(now + wait);
        }
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    const TIMEOUT: Duration = Duration::minutes(2);

    fn at(minute: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).unwrap()
    }

    fn plan(is_entitled: bool, ledger: WayInLedger, minute: i64) -> WayInDecision {
        plan_way_in(window(0, 60), is_entitled, ledger, at(minute), TIMEOUT)
    }

    fn done(ledger: WayInLedger, minute: i64) -> WayInLedger {
        observe_way_in(ledger, ledger.generation, WayInOutcome::Done, at(minute), 0.5).unwrap()
    }

    #[test]
    fn it_opens_shortly_before_until_the_end_and_only_if_the_own_access_is_not_confirmed() {
        let (nothing, booked) = (Observed::Nothing, window(60, 120));
        let wide = [window(0, 30), window(45, 135)];
        assert_eq!(way_in_window(&wide, nothing, booked), Some(window(55, 120)));
        assert_eq!(way_in_window(&[window(60, 120)], nothing, booked), Some(window(60, 120)), "no lead");
        assert_eq!(way_in_window(&[window(45, 100)], nothing, booked), Some(window(55, 100)), "cut short");
        assert_eq!(way_in_window(&[window(0, 60), window(61, 120)], nothing, booked), None, "not entitled");
        assert_eq!(way_in_window(&wide, Observed::Holds(window(45, 135)), booked), None);
        assert_eq!(way_in_window(&wide, Observed::Holds(window(55, 120)), booked), None);
        for not_whole in [window(45, 90), window(56, 135), window(0, 30)] {
            assert!(way_in_window(&wide, Observed::Holds(not_whole), booked).is_some(), "{not_whole:?}");
        }
        assert!(way_in_window(&wide, Observed::Unknown, booked).is_some());
    }

    #[test]
    fn who_is_entitled_to_a_part_is_not_for_the_whole() {
        assert!(is_entitled_for(&[window(0, 10), window(20, 90)], window(20, 90)));
        assert!(!is_entitled_for(&[window(0, 30), window(30, 90)], window(20, 90)), "windows touch as one");
        assert!(!is_entitled_for(&[], window(20, 90)));
    }

    #[test]
    fn it_is_made_once_and_taken_away_when_it_is_over_and_then_forgotten() {
        let made = plan(true, WayInLedger::NEW, 0);
        let command = made.command.unwrap();
        assert_eq!((command.generation, command.is_wanted, command.due), (1, true, at(0)));
        assert_eq!((plan(true, made.ledger, 1).command, made.next_check_at), (None, Some(at(2))));
        let ready = done(made.ledger, 1);
        let rests = plan(true, ready, 1);
        assert_eq!((rests.command, rests.next_check_at), (None, Some(at(60))));
        let over = plan(true, ready, 60);
        let command = over.command.unwrap();
        assert_eq!((command.generation, command.is_wanted), (2, false));
        assert_eq!(command.due, at(60) + HOUSEKEEPING_CAN_WAIT, "the provider has closed it by itself");
        let gone = plan(true, done(over.ledger, 61), 61);
        assert_eq!((gone.command, gone.next_check_at), (None, None));
    }

    #[test]
    fn it_is_withdrawn_at_once_also_while_it_is_being_made() {
        let made = plan(true, WayInLedger::NEW, 0);
        let withdrawn = plan(false, made.ledger, 1);
        let command = withdrawn.command.unwrap();
        assert_eq!((command.generation, command.is_wanted, command.due), (2, false, at(1)));
        let late = observe_way_in(withdrawn.ledger, 1, WayInOutcome::Done, at(1), 0.5);
        assert_eq!(late, None, "nobody hears that it was made after all");
        let rests = plan(false, done(withdrawn.ledger, 2), 2);
        assert_eq!((rests.command, rests.next_check_at), (None, Some(at(60))));
        // Taken up again before its end: there is another one.
        assert!(plan(true, rests.ledger, 3).command.is_some_and(|command| command.is_wanted));
    }

    #[test]
    fn what_fails_is_tried_again_later_and_another_wish_does_not_wait_for_that() {
        let made = plan(true, WayInLedger::NEW, 0).ledger;
        let failed = WayInOutcome::Failed {
            kind: FailureKind::Rejected,
            is_unknown: false,
            retry_after: Some(Duration::minutes(9)),
        };
        let failed = observe_way_in(made, 1, failed, at(1), 0.5).unwrap();
        let waits = plan(true, failed, 2);
        assert_eq!((waits.command, waits.next_check_at), (None, Some(at(10))));
        assert!(plan(true, failed, 10).command.is_some());
        // It may have been made before, by an adapter that died and was refused when it tried again.
        let withdrawn = plan(false, failed, 2);
        assert!(withdrawn.command.is_some_and(|command| !command.is_wanted));
        let gone = observe_way_in(withdrawn.ledger, 2, WayInOutcome::Done, at(2), 0.5).unwrap();
        assert_eq!(plan(false, gone, 3).command, None);
        let unknown = WayInLedger { state: WayInState::Unknown, ..failed };
        assert!(plan(false, unknown, 2).command.is_some_and(|command| !command.is_wanted));
    }

    #[test]
    fn one_that_cannot_be_taken_away_is_given_up_on_a_day_after_its_end() {
        let stuck = WayInLedger { state: WayInState::Unknown, is_told: true, ..WayInLedger::NEW };
        assert!(plan(true, stuck, 61).command.is_some());
        let given_up = plan(true, stuck, 60 + 24 * 60);
        assert_eq!((given_up.command, given_up.next_check_at), (None, None));
    }

    /// What happens in a minute.
    #[derive(Debug, Clone, Copy)]
    enum Act {
        /// The last command is carried out, and the answer comes, or is lost.
        CarryOut {
            is_heard: bool,
        },
        /// The last command fails, with an effect or without.
        Fail {
            has_effect: bool,
        },
        /// It is carried out, the adapter dies, and is refused when it tries again.
        Refuse,
        Entitle(bool),
        Nothing,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            any::<bool>().prop_map(|is_heard| Act::CarryOut { is_heard }),
            any::<bool>().prop_map(|has_effect| Act::Fail { has_effect }),
            Just(Act::Refuse),
            any::<bool>().prop_map(Act::Entitle),
            Just(Act::Nothing),
        ]
    }

    proptest! {
        /// Against a provider that does what it is told, or not: what the ledger believes is so, and once nothing
        /// goes wrong any more, it is there exactly if it should be. Whoever looks only when asked for it misses nothing.
        #[test]
        fn it_is_there_exactly_if_it_should_be(acts in prop::collection::vec(act(), 0..50)) {
            let (mut ledger, mut is_entitled, mut is_there) = (WayInLedger::NEW, true, false);
            // Between a refusal of what was done and the next answer, the ledger can't know.
            let mut is_misled = false;
            let mut order: Option<WayInCommand> = None;
            let settle = [Act::CarryOut { is_heard: true }; 20];
            let mut look_at = at(0);
            for (minute, act) in acts.iter().copied().chain(settle).enumerate() {
                let minute = i64::try_from(minute).unwrap();
                if let Act::Entitle(entitled) = act {
                    is_entitled = entitled;
                    look_at = at(minute);
                }
                if look_at <= at(minute) {
                    let decision = plan(is_entitled, ledger, minute);
                    ledger = decision.ledger;
                    order = decision.command.or(order);
                    let Some(next) = decision.next_check_at else { break };
                    prop_assert!(next > at(minute), "looked at in a circle");
                    look_at = next;
                }
                let Some(command) = order else { continue };
                let outcome = match act {
                    Act::CarryOut { is_heard } => {
                        is_there = command.is_wanted;
                        is_heard.then_some(WayInOutcome::Done)
                    }
                    Act::Fail { has_effect } => {
                        is_there = if has_effect { command.is_wanted } else { is_there };
                        let kind = FailureKind::Unreachable;
                        Some(WayInOutcome::Failed { kind, is_unknown: has_effect, retry_after: None })
                    }
                    Act::Refuse => {
                        is_there = command.is_wanted;
                        let kind = FailureKind::Rejected;
                        Some(WayInOutcome::Failed { kind, is_unknown: false, retry_after: None })
                    }
                    Act::Entitle(_) | Act::Nothing => continue,
                };
                is_misled = matches!(act, Act::Refuse) || (is_misled && matches!(act, Act::Fail { .. }));
                order = None;
                let seen = outcome.and_then(|it| observe_way_in(ledger, command.generation, it, at(minute), 0.5));
                if let Some(seen) = seen {
                    ledger = seen;
                    look_at = at(minute);
                }
                match ledger.state {
                    _ if is_misled => {}
                    WayInState::Ready => prop_assert!(is_there || ledger.in_flight_until.is_some()),
                    WayInState::Nothing => prop_assert!(!is_there || ledger.in_flight_until.is_some()),
                    WayInState::Unknown => {}
                }
            }
            let last = i64::try_from(acts.len() + settle.len()).unwrap() - 1;
            prop_assert_eq!(is_there, is_entitled && last < 60);
        }
    }
}
