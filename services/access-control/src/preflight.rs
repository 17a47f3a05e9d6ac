//! Checks ahead of bookings: when, and what is in order. Pure: no IO, no clock.

use chrono::Duration;
use domain::{Timestamp, Window};
use proto::access::v1::{AccessDecision, AccessReason};

chassis::text_enum! {
    /// Which check: so long before the begin.
    pub(crate) enum Stage { Day = "day", Hour = "hour", Minutes = "minutes" }
}

impl Stage {
    const ALL: [Self; 3] = [Self::Day, Self::Hour, Self::Minutes];

    /// How long before the begin.
    fn ahead(self) -> Duration {
        match self {
            Self::Day => Duration::hours(24),
            Self::Hour => Duration::hours(1),
            Self::Minutes => Duration::minutes(5),
        }
    }
}

/// Checks are of interest for so long after the end.
const KEPT: Duration = Duration::days(7);

/// What is to be done at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Check(Stage),
    Forget,
    Nothing,
}

/// What is due at `now`, of what is held during `window`. A check that was missed by the next one's time is not made
/// any more, and none after the begin.
pub(crate) fn due(window: Window, now: Timestamp) -> Due {
    if window.end() + KEPT <= now {
        return Due::Forget;
    }
    let is_due = |stage: &Stage| window.start() - stage.ahead() <= now && now < window.start();
    Stage::ALL.into_iter().rfind(is_due).map_or(Due::Nothing, Due::Check)
}

/// When something is due next.
pub(crate) fn next_due(window: Window, now: Timestamp) -> Timestamp {
    let checks = Stage::ALL.map(|stage| window.start() - stage.ahead());
    checks.into_iter().find(|at| now < *at).unwrap_or(window.end() + KEPT)
}

/// Whether someone will be let in at a moment of what is booked, as far as it can be known at a stage; `decision` and
/// `reason` are of that moment. Until the last one there is time for what is on its way.
pub(crate) fn is_in_order(stage: Stage, decision: AccessDecision, reason: AccessReason) -> bool {
    match decision {
        AccessDecision::MayEnter => reason != AccessReason::GrantNotRevokedYet,
        AccessDecision::WillEnter => stage != Stage::Minutes,
        AccessDecision::MayNotEnter | AccessDecision::Unspecified => false,
    }
}

/// What an account says of its doors is good for so long.
const SAID_LATELY: Duration = Duration::minutes(5);

/// What is known of where someone is to be let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doorway<'a> {
    /// What the account answered instead of its doors, if it did: the code, and in words.
    pub refusal: Option<(AccessReason, &'a str)>,
    /// When the account said which doors it has; `None`: it never did.
    pub listed_at: Option<Timestamp>,
    /// The doors themselves, as far as it is known which; `None` for one that the account does not have.
    pub doors: &'a [Option<DoorState<'a>>],
}

/// A door as its account says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DoorState<'a> {
    pub name: &'a str,
    /// Whether its hardware can be reached; `None`: the provider does not say.
    pub is_online: Option<bool>,
}

/// Why someone may stand in front of a door that does not know of them, whatever the ledger says; in words, too. An
/// account that can't be asked is no reason: doors that were told do without it.
pub(crate) fn trouble(doorway: Doorway<'_>, now: Timestamp) -> Option<(AccessReason, String)> {
    if let Some((reason @ AccessReason::ProviderRefusesCredentials, said)) = doorway.refusal {
        return Some((reason, said.to_owned()));
    }
    doorway.listed_at.filter(|at| now < *at + SAID_LATELY)?;
    if doorway.doors.iter().any(Option::is_none) {
        return Some((AccessReason::ProviderLacksDoor, String::new()));
    }
    let offline: Vec<&str> = doorway
        .doors
        .iter()
        .flatten()
        .filter(|door| door.is_online == Some(false))
        .map(|door| door.name)
        .collect();
    (!offline.is_empty()).then(|| (AccessReason::DoorOffline, offline.join(", ")))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    /// So many minutes after the begin of a booking.
    fn at(minute: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    fn hour() -> Window {
        Window::new(at(0), at(60)).unwrap()
    }

    #[test]
    fn each_check_has_its_time_and_what_was_missed_is_not_made_up_for() {
        let week = 60 + 7 * 24 * 60;
        for (minute, expected, next) in [
            (-2_000, Due::Nothing, -1_440),
            (-1_440, Due::Check(Stage::Day), -60),
            (-61, Due::Check(Stage::Day), -60),
            (-60, Due::Check(Stage::Hour), -5),
            (-5, Due::Check(Stage::Minutes), week),
            (0, Due::Nothing, week),
            (week, Due::Forget, week),
        ] {
            assert_eq!(
                (due(hour(), at(minute)), next_due(hour(), at(minute))),
                (expected, at(next)),
                "{minute}"
            );
        }
    }

    #[test]
    fn what_is_on_its_way_is_in_order_until_the_last_check() {
        use AccessDecision::{MayEnter, MayNotEnter, WillEnter};
        let under_way = AccessReason::GrantUnderWay;
        for (stage, decision, reason, expected) in [
            (Stage::Day, MayEnter, AccessReason::ProviderHolds, true),
            (Stage::Day, WillEnter, under_way, true),
            (Stage::Hour, WillEnter, under_way, true),
            (Stage::Minutes, WillEnter, under_way, false),
            (Stage::Minutes, MayEnter, AccessReason::ProviderHolds, true),
            (Stage::Minutes, MayEnter, AccessReason::GrantNotRevokedYet, false),
            (Stage::Day, MayNotEnter, AccessReason::ProviderLacksDoor, false),
        ] {
            assert_eq!(is_in_order(stage, decision, reason), expected, "{stage} {decision:?}");
        }
    }

    #[test]
    fn a_door_that_is_offline_or_gone_is_trouble_and_silence_is_none() {
        let door = |is_online| Some(DoorState { name: "Main", is_online });
        let just_now = Some(at(-10));
        let offline = Some((AccessReason::DoorOffline, "Main".to_owned()));
        let lacks = Some((AccessReason::ProviderLacksDoor, String::new()));
        for (listed_at, doors, expected) in [
            (just_now, [door(Some(true)), door(None)], None),
            (just_now, [door(Some(true)), door(Some(false))], offline),
            (just_now, [door(Some(false)), None], lacks),
            (Some(at(-15)), [door(Some(false)), None], None),
            (None, [door(Some(false)), None], None),
        ] {
            let doorway = Doorway { refusal: None, listed_at, doors: &doors };
            assert_eq!(trouble(doorway, at(-10)), expected, "{doors:?}");
        }
        for (reason, is_trouble) in
            [(AccessReason::ProviderRefusesCredentials, true), (AccessReason::ProviderUnreachable, false)]
        {
            let doorway = Doorway { refusal: Some((reason, "said so")), listed_at: None, doors: &[] };
            let expected = is_trouble.then(|| (reason, "said so".to_owned()));
            assert_eq!(trouble(doorway, at(-10)), expected);
        }
    }

    proptest! {
        /// Whoever looks only when something is due makes each check once, in order, and forgets in the end.
        #[test]
        fn looking_when_it_is_due_makes_each_check_once(heard in -3_000i64..120) {
            let mut now = at(heard);
            let mut made = Vec::new();
            loop {
                now = next_due(hour(), now);
                match due(hour(), now) {
                    Due::Check(stage) => made.push(stage),
                    Due::Forget => break,
                    Due::Nothing => prop_assert!(false, "woken for nothing"),
                }
            }
            let ahead: Vec<Stage> =
                Stage::ALL.into_iter().filter(|stage| at(heard) < hour().start() - stage.ahead()).collect();
            prop_assert_eq!(made, ahead);
        }
    }
}
