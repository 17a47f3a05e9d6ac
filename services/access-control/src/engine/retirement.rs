//! What becomes of the users that providers take people for: who has no access at a provider any more, and none
//! to come, has their user there suspended or deleted, if the workspace's policy says so. Whoever is entitled to
//! something again has it back.
//!
//! The same rules as for grants: one command in flight, each with a generation, each saying the whole.

use chrono::Duration;
use domain::Timestamp;

use super::{FailureKind, HOUSEKEEPING_CAN_WAIT, backoff};

/// Nothing is as little urgent as a user whom nobody needs.
const RETIREMENT_CAN_WAIT: Duration = Duration::hours(24);

/// The queue may hold a command back for so long, as all others come first.
const IN_FLIGHT_TIMEOUT: Duration = HOUSEKEEPING_CAN_WAIT;

/// What becomes of a user whom nobody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retirement {
    /// It opens nothing, and keeps what else it has.
    Suspend,
    /// It is gone.
    Delete,
}

/// When that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What.
    pub retirement: Retirement,
    /// This long after the last entitlement was over.
    pub grace: Duration,
}

/// What is known of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// It may be used, or there is none.
    InUse,
    /// Suspended by us.
    Suspended,
    /// Deleted, or never there.
    Deleted,
    /// The provider's adapter will not touch it, such as one that Latchkey did not make.
    Kept,
    /// A command may have taken effect, or not.
    Unknown,
}

/// A user's row, as far as decisions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserLedger {
    /// Since when nobody is known to need it; `None`: somebody does.
    pub idle_since: Option<Timestamp>,
    /// Of the last command.
    pub generation: i64,
    /// Until when the last command may still be answered; `None` if it was.
    pub in_flight_until: Option<Timestamp>,
    /// What the last command asked for; `None`: that it may be used.
    pub told: Option<Retirement>,
    /// What the provider is known to have.
    pub state: UserState,
    /// Failures in a row, of the same command.
    pub failures: u32,
    /// After a failure: the same command not before.
    pub retry_at: Option<Timestamp>,
}

/// What to tell the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCommand {
    /// Of this command.
    pub generation: i64,
    /// What becomes of the user; `None`: it may be used.
    pub retirement: Option<Retirement>,
    /// By when.
    pub due: Timestamp,
}

/// What follows from the situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserDecision {
    /// What to tell the provider.
    pub command: Option<UserCommand>,
    /// The ledger afterwards.
    pub ledger: UserLedger,
    /// When to look again even if nothing happens; `None`: not before something does.
    pub next_check_at: Option<Timestamp>,
}

/// Decides. `is_needed`: the person is entitled to something at the provider, now or later. Without a policy a
/// user stays as it is; a retirement under way that the policy wants no more is taken back.
pub fn plan_user(
    policy: Option<Policy>,
    is_needed: bool,
    ledger: UserLedger,
    now: Timestamp,
) -> UserDecision {
    let mut ledger = ledger;
    ledger.idle_since = if is_needed { None } else { ledger.idle_since.or(Some(now)) };
    let due_at = policy.zip(ledger.idle_since).map(|(policy, since)| since + policy.grace);
    let retirement = policy.filter(|_| due_at.is_some_and(|at| at <= now)).map(|policy| policy.retirement);
    let wish = match (is_needed, retirement) {
        (true, _) => Some(None),
        (false, Some(retirement)) => Some(Some(retirement)),
        // Nobody needs it, and its time has not come, or never will.
        (false, None) => None,
    };
    let is_lost = ledger.in_flight_until.is_some_and(|until| until <= now);
    let is_unwanted = ledger.in_flight_until.is_some() && ledger.told.is_some() && wish != Some(ledger.told);
    // Refused; but an adapter that died may have had it done before, and nobody heard of that.
    let is_doubtful = ledger.failures > 0
        && ledger.told.is_some()
        && matches!(ledger.state, UserState::InUse | UserState::Unknown)
        && wish != Some(ledger.told);
    if is_lost || is_unwanted || is_doubtful {
        // What is wanted no more is taken back at once, answered or not: the provider's queue keeps the newest. Whether
        // it was carried out nobody knows.
        ledger.in_flight_until = None;
        ledger.state = UserState::Unknown;
    } else if is_needed && matches!(ledger.state, UserState::Deleted | UserState::Kept) {
        // A grant makes a new one, if need be; and another time it may be another matter.
        ledger.state = UserState::InUse;
    }
    // What is taken back without another wish may be used, and is told so until that is known.
    let is_taken_back =
        is_unwanted || is_doubtful || (ledger.told.is_none() && ledger.state == UserState::Unknown);
    let wish = wish.or(is_taken_back.then_some(None));
    let is_settled = match (wish, ledger.state) {
        (None, _) | (Some(_), UserState::Kept) | (Some(None), UserState::InUse) => true,
        (Some(Some(Retirement::Suspend)), UserState::Suspended | UserState::Deleted) => true,
        (Some(Some(Retirement::Delete)), UserState::Deleted) => true,
        (Some(_), _) => false,
    };
    if wish.is_some_and(|wish| wish != ledger.told) {
        ledger.failures = 0;
        ledger.retry_at = None;
    }
    let waits = ledger.in_flight_until.or(ledger.retry_at.filter(|at| now < *at));
    let command = wish.filter(|_| !is_settled && waits.is_none()).map(|retirement| UserCommand {
        generation: ledger.generation + 1,
        retirement,
        due: if retirement.is_some() { now + RETIREMENT_CAN_WAIT } else { now },
    });
    if let Some(command) = command {
        ledger.generation = command.generation;
        ledger.told = command.retirement;
        ledger.in_flight_until = Some(now + IN_FLIGHT_TIMEOUT);
    } else if is_settled {
        ledger.failures = 0;
        ledger.retry_at = None;
    }
    let by_itself = due_at.filter(|at| now < *at);
    let next_check_at = [ledger.in_flight_until, waits, by_itself].into_iter().flatten().min();
    UserDecision { command, ledger, next_check_at }
}

/// What an adapter reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOutcome {
    /// The user is so now.
    Is(UserState),
    /// It is not.
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
pub fn observe_user(
    ledger: UserLedger,
    generation: i64,
    outcome: UserOutcome,
    now: Timestamp,
    spread: f64,
) -> Option<UserLedger> {
    if generation != ledger.generation || ledger.in_flight_until.is_none() {
        return None;
    }
    let mut after = UserLedger { in_flight_until: None, ..ledger };
    match outcome {
        UserOutcome::Is(state) => {
            after.state = state;
            after.failures = 0;
            after.retry_at = None;
        }
        UserOutcome::Failed { kind, is_unknown, retry_after } => {
            if is_unknown {
                after.state = UserState::Unknown;
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

    fn at(minute: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    fn fresh() -> UserLedger {
        UserLedger {
            idle_since: None,
            generation: 0,
            in_flight_until: None,
            told: None,
            state: UserState::InUse,
            failures: 0,
            retry_at: None,
        }
    }

    const SUSPEND: Policy = Policy { retirement: Retirement::Suspend, grace: Duration::minutes(30) };
    const DELETE: Policy = Policy { retirement: Retirement::Delete, grace: Duration::minutes(30) };

    fn suspended() -> UserLedger {
        let state = UserState::Suspended;
        UserLedger {
            generation: 1,
            idle_since: Some(at(0)),
            told: Some(Retirement::Suspend),
            state,
            ..fresh()
        }
    }

    #[test]
    fn nobody_is_retired_before_the_grace_is_over_and_then_with_no_hurry() {
        let waits = plan_user(Some(SUSPEND), false, fresh(), at(0));
        assert_eq!((waits.command, waits.next_check_at), (None, Some(at(30))));
        let still = plan_user(Some(SUSPEND), false, waits.ledger, at(29));
        assert_eq!(still.command, None);
        let command = plan_user(Some(SUSPEND), false, still.ledger, at(30)).command.unwrap();
        assert_eq!((command.generation, command.retirement), (1, Some(Retirement::Suspend)));
        assert_eq!(command.due, at(30) + Duration::hours(24));
    }

    #[test]
    fn a_new_entitlement_begins_anew_and_without_a_policy_nothing_happens() {
        let idle = plan_user(Some(DELETE), false, fresh(), at(0)).ledger;
        let needed = plan_user(Some(DELETE), true, idle, at(20));
        assert_eq!((needed.command, needed.next_check_at), (None, None));
        let again = plan_user(Some(DELETE), false, needed.ledger, at(25));
        assert_eq!(again.next_check_at, Some(at(55)));
        let kept = plan_user(None, false, again.ledger, at(500));
        assert_eq!((kept.command, kept.next_check_at), (None, None));
        // A policy that comes later looks back.
        let late = plan_user(Some(DELETE), false, kept.ledger, at(501)).command.unwrap();
        assert_eq!(late.retirement, Some(Retirement::Delete));
    }

    #[test]
    fn whoever_is_entitled_again_has_the_user_back_at_once_and_a_retirement_under_way_is_taken_back() {
        let back = plan_user(Some(SUSPEND), true, suspended(), at(60)).command.unwrap();
        assert_eq!((back.retirement, back.due), (None, at(60)));
        let told = plan_user(Some(SUSPEND), false, UserLedger { idle_since: Some(at(0)), ..fresh() }, at(60));
        let taken_back = plan_user(Some(SUSPEND), true, told.ledger, at(61)).command.unwrap();
        assert_eq!((taken_back.generation, taken_back.retirement), (2, None));
        // A policy that goes leaves who is suspended.
        assert_eq!(plan_user(None, false, suspended(), at(60)).command, None);
    }

    #[test]
    fn a_retirement_under_way_is_taken_back_if_the_policy_wants_it_no_more() {
        let idle = UserLedger { idle_since: Some(at(0)), ..fresh() };
        let told = plan_user(Some(DELETE), false, idle, at(60)).ledger;
        let longer = Policy { grace: Duration::days(30), ..DELETE };
        for (policy, expected) in
            [(None, None), (Some(longer), None), (Some(SUSPEND), Some(Retirement::Suspend))]
        {
            // Also once it is taken as lost.
            for minute in [61, 1_000] {
                let decision = plan_user(policy, false, told, at(minute));
                let command = decision.command.unwrap();
                assert_eq!((command.generation, command.retirement), (2, expected), "{policy:?}");
                assert_eq!(plan_user(policy, false, decision.ledger, at(minute + 1)).command, None);
            }
        }
        assert_eq!(plan_user(Some(DELETE), false, told, at(61)).command, None);
        // One that is lost is said again, and one that is answered is not.
        let back = plan_user(None, false, told, at(61)).ledger;
        let again = plan_user(None, false, back, at(1_000));
        assert_eq!(again.command.map(|it| (it.generation, it.retirement)), Some((3, None)));
        let answered =
            observe_user(again.ledger, 3, UserOutcome::Is(UserState::InUse), at(1_001), 0.0).unwrap();
        let settled = plan_user(None, false, answered, at(1_002));
        assert_eq!((settled.command, settled.next_check_at), (None, None));
    }

    #[test]
    fn what_will_not_be_touched_is_not_asked_for_again() {
        let kept = UserLedger { state: UserState::Kept, ..suspended() };
        assert_eq!(plan_user(Some(SUSPEND), false, kept, at(90)).command, None);
        let needed = plan_user(Some(SUSPEND), true, kept, at(90));
        assert_eq!(needed.command, None);
        let idle = plan_user(Some(SUSPEND), false, needed.ledger, at(91));
        assert_eq!(
            plan_user(Some(SUSPEND), false, idle.ledger, at(121)).command.map(|it| it.generation),
            Some(2)
        );
    }

    #[test]
    fn who_was_deleted_and_came_back_is_deleted_once_more() {
        let deleted = UserLedger { state: UserState::Deleted, told: Some(Retirement::Delete), ..suspended() };
        assert_eq!(plan_user(Some(DELETE), false, deleted, at(90)).command, None);
        let back = plan_user(Some(DELETE), true, deleted, at(100));
        assert_eq!(back.command, None, "the grant makes a new one");
        let idle = plan_user(Some(DELETE), false, back.ledger, at(200));
        assert!(plan_user(Some(DELETE), false, idle.ledger, at(230)).command.is_some());
    }

    #[test]
    fn what_was_refused_is_taken_back_for_it_may_have_been_done() {
        let told = plan_user(Some(SUSPEND), false, UserLedger { idle_since: Some(at(0)), ..fresh() }, at(30));
        let refused =
            UserOutcome::Failed { kind: FailureKind::Rejected, is_unknown: false, retry_after: None };
        let refused = observe_user(told.ledger, 1, refused, at(31), 0.5).unwrap();
        assert_eq!(plan_user(Some(SUSPEND), false, refused, at(31)).command, None, "later again");
        for (policy, is_needed) in [(Some(SUSPEND), true), (None, true), (None, false)] {
            let back = plan_user(policy, is_needed, refused, at(32));
            assert_eq!(back.command.map(|it| (it.generation, it.retirement)), Some((2, None)));
            let known = observe_user(back.ledger, 2, UserOutcome::Is(UserState::InUse), at(33), 0.5).unwrap();
            assert_eq!(plan_user(policy, is_needed, known, at(33)).command, None);
        }
    }

    /// What the adapter does with the command that waits.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Waits,
        Answered,
        Lost,
        Failed,
        /// It was carried out, the adapter died, and was refused when it tried again.
        Refused,
    }

    fn fates() -> impl Strategy<Value = Fate> {
        prop_oneof![
            3 => Just(Fate::Waits),
            3 => Just(Fate::Answered),
            1 => Just(Fate::Lost),
            1 => Just(Fate::Failed),
            1 => Just(Fate::Refused),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Entitlements and policies come and go while commands wait, get lost, and overtake nothing. In the end
        /// whoever is entitled has a user that opens, and who is not for long has none, if the policy says so; never
        /// is a retirement told or carried out that the policy does not want at that moment.
        #[test]
        fn a_user_is_retired_if_nobody_needs_it_and_never_in_the_end_if_somebody_does(
            needs in prop::collection::vec((any::<bool>(), 1i64..50), 1..12),
            fates in prop::collection::vec(fates(), 600),
            policies in prop::collection::vec(
                (prop_oneof![Just(None), Just(Some(SUSPEND)), Just(Some(DELETE))], 1i64..150), 1..4,
            ),
        ) {
            let policy_at = |minute: i64| {
                let mut end = 0;
                policies.iter().find(|(_, long)| { end += long; minute < end }).or(policies.last()).unwrap().0
            };
            let needed_at = |minute: i64| {
                let mut end = 0;
                needs.iter().find(|(_, long)| { end += long; minute < end }).or(needs.last()).unwrap().0
            };
            let last_need: i64 = needs.iter().map(|(_, long)| long).sum();
            let last_policy: i64 = policies.iter().map(|(_, long)| long).sum();
            let calm_from = last_need.max(last_policy) + 10;
            let (mut ledger, mut waiting, mut user) = (fresh(), None::<UserCommand>, UserState::InUse);
            let mut fates = fates.into_iter();
            let mut idle_minutes = 0;
            for minute in 0..calm_from + 400 {
                let (now, is_needed) = (at(minute), needed_at(minute));
                idle_minutes = if is_needed { 0 } else { idle_minutes + 1 };
                if is_needed && user == UserState::Deleted {
                    // The grant's doing.
                    user = UserState::InUse;
                }
                let policy = policy_at(minute);
                let decision = plan_user(policy, is_needed, ledger, now);
                ledger = decision.ledger;
                waiting = decision.command.or(waiting);
                if let Some(retirement) = waiting.and_then(|command| command.retirement) {
                    let wanted = policy.filter(|_| idle_minutes > 30).map(|policy| policy.retirement);
                    prop_assert_eq!(wanted, Some(retirement), "at {}", minute);
                }
                let fate = if minute < calm_from { fates.next().unwrap_or(Fate::Answered) } else { Fate::Answered };
                let Some(command) = waiting.filter(|_| !matches!(fate, Fate::Waits)) else { continue };
                waiting = None;
                if !matches!(fate, Fate::Failed) {
                    user = match (command.retirement, user) {
                        (_, UserState::Deleted) => UserState::Deleted,
                        (None, _) => UserState::InUse,
                        (Some(Retirement::Suspend), _) => UserState::Suspended,
                        (Some(Retirement::Delete), _) => UserState::Deleted,
                    };
                }
                let outcome = match fate {
                    Fate::Lost | Fate::Waits => continue,
                    Fate::Answered => UserOutcome::Is(user),
                    Fate::Failed | Fate::Refused => UserOutcome::Failed {
                        kind: FailureKind::Unreachable, is_unknown: false, retry_after: None,
                    },
                };
                ledger = observe_user(ledger, command.generation, outcome, now, 0.5).unwrap_or(ledger);
            }
            if needed_at(calm_from + 400) {
                prop_assert_eq!(user, UserState::InUse);
            } else if let Some(policy) = policy_at(calm_from + 400) {
                let retired = match policy.retirement {
                    Retirement::Suspend => [UserState::Suspended, UserState::Deleted].contains(&user),
                    Retirement::Delete => user == UserState::Deleted,
                };
                prop_assert!(retired, "{:?} of {:?}", user, ledger);
            }
        }
    }
}
