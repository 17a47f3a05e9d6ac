//! Who may do what to which door now. Pure: no IO, no clock.
//!
//! Whoever is nothing of what stands here is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::{Timestamp, Window};
use proto::access::v1::{AccessReason, DoorAbilities};

use crate::engine::{Entitled, Rules};
use crate::explain::{Standing, admission};

/// What someone wants of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it opens for a moment: so long, or as long as is usual there.
    Open(Option<Duration>),
    /// That it stays open until then.
    HoldOpen(Timestamp),
    /// That it locks.
    Lock,
}

/// What is known of who asks, and of the door.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub now: Timestamp,
    /// How the person stands; `None`: a machine asks.
    pub standing: Option<Standing>,
    /// Whether their role lets them operate the door, whatever they are entitled to.
    pub has_authority: bool,
    /// What entitles them to enter there.
    pub entitled: &'a [Entitled],
    /// Whether a lockdown stands there.
    pub is_locked_down: bool,
    /// Whether the provider is told anything.
    pub is_followed: bool,
    /// Whether the provider ever said which doors it has.
    pub is_listed: bool,
    /// What the door can do; `None`: it is not among them.
    pub abilities: Option<&'a DoorAbilities>,
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: AccessReason,
    /// When that begins or ends, where it does.
    pub time: Option<Timestamp>,
}

/// Whether it may be done. What people may not know of a door they are not told: what they are entitled to comes first,
/// and who has nothing to do with it learns nothing else.
pub(crate) fn decide(wish: Wish, facts: &Facts<'_>, rules: &Rules) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal { reason, time: None });
    let admission = |standing| admission(standing, facts.entitled, facts.now, rules);
    if !facts.has_authority && admission(Standing::Active).reason == AccessReason::EntitlementNone {
        return refuse(AccessReason::EntitlementNone);
    }
    if facts.standing == Some(Standing::NotActive) {
        return refuse(AccessReason::PersonNotActive);
    }
    if !facts.has_authority {
        let admission = admission(facts.standing.unwrap_or(Standing::Unknown));
        if !admission.is_open {
            return Err(Refusal { reason: admission.reason, time: admission.time() });
        }
        if !matches!(wish, Wish::Open(_)) {
            return refuse(AccessReason::PersonRoleTooLow);
        }
    }
    if facts.is_locked_down {
        return refuse(AccessReason::DoorLockedDown);
    }
    if !facts.is_followed {
        return refuse(AccessReason::IntegrationInactive);
    }
    match facts.abilities {
        None if facts.is_listed => refuse(AccessReason::ProviderLacksDoor),
        None => refuse(AccessReason::ProviderUnreachable),
        Some(abilities) if !can(abilities, wish, facts.now) => refuse(AccessReason::DoorCannot),
        Some(_) => Ok(()),
    }
}

/// Whether a door can do what is wanted.
pub(crate) fn can(abilities: &DoorAbilities, wish: Wish, now: Timestamp) -> bool {
    let read = |duration: &Option<pbjson_types::Duration>| {
        duration.and_then(|duration| Duration::try_from(duration).ok())
    };
    match wish {
        Wish::Open(None) => abilities.pulse.is_some(),
        Wish::Open(Some(length)) => abilities.pulse.as_ref().is_some_and(|pulse| {
            let bounds = read(&pulse.duration_min).zip(read(&pulse.duration_max));
            bounds.is_some_and(|(min, max)| (min..=max).contains(&length))
        }),
        Wish::HoldOpen(until) => {
            let length = (until - now).to_std().ok();
            length.zip(read(&abilities.hold_max)).is_some_and(|(length, max)| length <= max)
        }
        Wish::Lock => abilities.can_lock,
    }
}

/// When someone may enter by what they are entitled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Whether that is now.
    pub is_open: bool,
    pub reason: AccessReason,
    /// The window around now, or the next one; or the last, if there is no more.
    pub window: Option<Window>,
}

impl Admission {
    /// Now, or within `horizon`.
    pub(crate) fn is_soon(&self, now: Timestamp, horizon: chrono::Duration) -> bool {
        let ahead = self.window.filter(|window| now < window.end());
        let is_let_in = !matches!(self.reason, AccessReason::PersonNotActive | AccessReason::PersonUnknown);
        is_let_in && ahead.is_some_and(|window| window.start() <= now + horizon)
    }

    /// When it begins, ends or ended.
    fn time(&self) -> Option<Timestamp> {
        let is_over = self.reason == AccessReason::WindowOver;
        self.window.map(|window| if is_over { window.end() } else { window.start() })
    }
}

/// A door that is known when a lockdown is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lockable<A> {
    pub account: A,
    pub door_ref: String,
    /// What can be locked down as a whole, with all of its doors.
    pub place_ref: Option<String>,
    /// Whether it is to be locked down.
    pub is_meant: bool,
}

/// Where a lockdown is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Spot<A> {
    Place(A, String),
    Door(A, String),
}

/// Where a lockdown is told, of all doors that are known, and by the number of which of them: to places as a whole where
/// all known doors of them are meant, which is one call for many doors; else door by door.
pub(crate) fn spots<A: Clone + Ord>(doors: &[Lockable<A>]) -> BTreeMap<Spot<A>, usize> {
    let place = |door: &Lockable<A>| door.place_ref.clone().map(|place| (door.account.clone(), place));
    let not_whole: BTreeSet<(A, String)> =
        doors.iter().filter(|door| !door.is_meant).filter_map(place).collect();
    let mut spots = BTreeMap::new();
    for (number, door) in doors.iter().enumerate().filter(|(_, door)| door.is_meant) {
        let spot = match place(door).filter(|place| !not_whole.contains(place)) {
            Some((account, place)) => Spot::Place(account, place),
            None => Spot::Door(door.account.clone(), door.door_ref.clone()),
        };
        spots.entry(spot).or_insert(number);
    }
    spots
}

#[cfg(test)]
mod tests {
    use chrono::Duration as Span;
    use proto::access::v1::PulseAbility;

    use super::*;

    fn rules() -> Rules {
        Rules { horizon: Span::hours(72), in_flight_timeout: Span::seconds(120) }
    }

    fn now() -> Timestamp {
        "2026-12-01T08:00:00Z".parse().unwrap()
    }

    /// Entitled so many hours from now, without lead and lag.
    fn entitled(start: i64, end: i64) -> Entitled {
        let at = |hours| now() + Span::hours(hours);
        let window = Window::new(at(start), at(end)).unwrap();
        Entitled { window, hours: None, lead: Span::zero(), lag: Span::zero() }
    }

    fn seconds(seconds: i64) -> Option<pbjson_types::Duration> {
        Some(pbjson_types::Duration { seconds, nanos: 0 })
    }

    /// A door that can do all.
    fn able() -> DoorAbilities {
        DoorAbilities {
            pulse: Some(PulseAbility { duration_min: seconds(1), duration_max: seconds(30) }),
            hold_max: seconds(3_600),
            can_lock: true,
            can_lock_down: true,
        }
    }

    const OPEN: Wish = Wish::Open(None);

    #[test]
    fn who_may_do_what_to_which_door_now() {
        use AccessReason as Why;
        use Standing::{Active, NotActive, Unknown};
        let (now, able) = (now(), able());
        let hold = |minutes| Wish::HoldOpen(now + Span::minutes(minutes));
        let bare = DoorAbilities::default();
        let fixed = DoorAbilities { pulse: Some(PulseAbility::default()), ..bare };
        let (inside, ahead, over) = ([entitled(-1, 1)], [entitled(2, 3)], [entitled(-3, -2)]);
        let nothing: [Entitled; 0] = [];
        let of = |standing, has_authority, entitled| Facts {
            now,
            standing,
            has_authority,
            entitled,
            is_locked_down: false,
            is_followed: true,
            is_listed: true,
            abilities: Some(&able),
        };
        let (person, admin) = (of(Some(Active), false, &inside), of(Some(Active), true, &nothing));
        let machine = of(None, true, &nothing);
        let cases: Vec<(&str, Wish, Facts<'_>, Option<AccessReason>)> = vec![
            ("within the window", OPEN, person.clone(), None),
            ("before it", OPEN, of(Some(Active), false, &ahead), Some(Why::WindowAhead)),
            ("after it", OPEN, of(Some(Active), false, &over), Some(Why::WindowOver)),
            ("without any", OPEN, of(Some(Active), false, &nothing), Some(Why::EntitlementNone)),
            ("a stranger", OPEN, of(Some(Unknown), false, &nothing), Some(Why::EntitlementNone)),
            ("a machine without a role", OPEN, of(None, false, &inside), Some(Why::PersonUnknown)),
            ("paused without any", OPEN, of(Some(NotActive), false, &nothing), Some(Why::EntitlementNone)),
            ("paused", OPEN, of(Some(NotActive), false, &inside), Some(Why::PersonNotActive)),
            ("a paused admin", OPEN, of(Some(NotActive), true, &inside), Some(Why::PersonNotActive)),
            ("an admin", OPEN, admin.clone(), None),
            ("an admin nobody told of", OPEN, of(Some(Unknown), true, &nothing), None),
            ("a machine of an admin", OPEN, machine.clone(), None),
            ("a person who holds", hold(5), person.clone(), Some(Why::PersonRoleTooLow)),
            ("a person who locks", Wish::Lock, person.clone(), Some(Why::PersonRoleTooLow)),
            ("an admin who holds", hold(60), admin.clone(), None),
            ("for longer than it can", hold(61), admin.clone(), Some(Why::DoorCannot)),
            ("until a time that is over", hold(-1), admin.clone(), Some(Why::DoorCannot)),
            ("an admin who locks", Wish::Lock, machine.clone(), None),
            (
                "a lockdown, for people",
                OPEN,
                Facts { is_locked_down: true, ..person.clone() },
                Some(Why::DoorLockedDown),
            ),
            (
                "a lockdown, for admins",
                hold(5),
                Facts { is_locked_down: true, ..admin.clone() },
                Some(Why::DoorLockedDown),
            ),
            (
                "a lockdown is nothing for strangers to know",
                OPEN,
                Facts { is_locked_down: true, ..of(Some(Active), false, &nothing) },
                Some(Why::EntitlementNone),
            ),
            (
                "an integration that rests",
                OPEN,
                Facts { is_followed: false, ..person.clone() },
                Some(Why::IntegrationInactive),
            ),
            ("no door", OPEN, Facts { abilities: None, ..admin.clone() }, Some(Why::ProviderLacksDoor)),
            (
                "doors that are not known",
                OPEN,
                Facts { abilities: None, is_listed: false, ..admin.clone() },
                Some(Why::ProviderUnreachable),
            ),
            (
                "a door that can't",
                OPEN,
                Facts { abilities: Some(&bare), ..person.clone() },
                Some(Why::DoorCannot),
            ),
            (
                "nor lock",
                Wish::Lock,
                Facts { abilities: Some(&bare), ..admin.clone() },
                Some(Why::DoorCannot),
            ),
            ("a length", Wish::Open(Some(Duration::from_secs(30))), person.clone(), None),
            ("too long", Wish::Open(Some(Duration::from_secs(31))), person.clone(), Some(Why::DoorCannot)),
            (
                "too short",
                Wish::Open(Some(Duration::from_millis(999))),
                person.clone(),
                Some(Why::DoorCannot),
            ),
            (
                "a length where the hardware says it",
                Wish::Open(Some(Duration::from_secs(5))),
                Facts { abilities: Some(&fixed), ..person.clone() },
                Some(Why::DoorCannot),
            ),
        ];
        for (what, wish, facts, expected) in cases {
            let decided = decide(wish, &facts, &rules());
            assert_eq!(decided.err().map(|refusal| refusal.reason), expected, "{what}");
        }
    }

    #[test]
    fn a_window_holds_from_its_start_until_just_before_its_end() {
        let (at, end) = (now(), now() + Span::hours(1));
        let entitled = [entitled(0, 1)];
        for (moment, is_open) in [
            (at - Span::microseconds(1), false),
            (at, true),
            (end - Span::microseconds(1), true),
            (end, false),
        ] {
            let admission = admission(Standing::Active, &entitled, moment, &rules());
            assert_eq!(admission.is_open, is_open, "{moment}");
            assert_eq!(admission.window, Window::new(at, end).ok());
        }
    }

    #[test]
    fn soon_is_within_the_horizon_and_not_over() {
        let day = Span::hours(24);
        let is_soon = |standing, entitled: Entitled| {
            admission(standing, &[entitled], now(), &rules()).is_soon(now(), day)
        };
        assert!(is_soon(Standing::Active, entitled(-1, 1)));
        assert!(is_soon(Standing::Active, entitled(24, 25)));
        assert!(!is_soon(Standing::Active, entitled(25, 26)));
        assert!(!is_soon(Standing::Active, entitled(-2, -1)));
        assert!(!is_soon(Standing::NotActive, entitled(-1, 1)));
    }

    #[test]
    fn a_place_is_locked_down_as_a_whole_only_if_all_of_its_doors_are_meant() {
        let door = |account, door_ref: &str, place: Option<&str>, is_meant| Lockable {
            account,
            door_ref: door_ref.to_owned(),
            place_ref: place.map(str::to_owned),
            is_meant,
        };
        let doors = [
            door(1, "a", Some("north"), true),
            door(1, "b", Some("north"), true),
            door(1, "c", Some("south"), true),
            door(1, "d", Some("south"), false),
            // Another account's place of the same id.
            door(2, "e", Some("south"), true),
            door(1, "f", None, true),
            door(1, "g", None, false),
        ];
        let spots: Vec<(Spot<i32>, usize)> = spots(&doors).into_iter().collect();
        assert_eq!(
            spots,
            [
                (Spot::Place(1, "north".to_owned()), 0),
                (Spot::Place(2, "south".to_owned()), 4),
                (Spot::Door(1, "c".to_owned()), 2),
                (Spot::Door(1, "f".to_owned()), 5),
            ]
        );
    }
}
