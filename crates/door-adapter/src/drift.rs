//! Compares what a provider has with what it was last known to have. Pure.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use domain::names::GrantName;
use domain::{Timestamp, Window};

use crate::provider::{Origin, Period, Right};
use crate::request::Target;

/// What the last answer said that the provider has for a grant.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Whose.
    pub grant: GrantName,
    /// Of the command that brought it about.
    pub generation: i64,
    /// Where.
    pub target: Target,
    /// When.
    pub window: Window,
    /// The provider's id of it.
    pub provider_ref: String,
    /// Whether it was so all the time that the provider was read. Else nothing is concluded.
    pub is_at_rest: bool,
}

/// A difference.
#[derive(Debug, Clone, PartialEq)]
pub enum Drift {
    /// It is not there any more.
    Missing(Held),
    /// It has another window.
    Changed(Held, Right),
    /// No grant is for it, where Latchkey alone gives access.
    Unwanted(Right),
    /// Someone else gave it.
    Foreign(Right),
}

/// All differences at `now`. What is over is no difference.
pub fn compare(held: &[Held], rights: &[Right], now: Timestamp) -> Vec<Drift> {
    let there: HashMap<&str, &Right> =
        rights.iter().map(|right| (right.provider_ref.as_str(), right)).collect();
    let of_grants =
        held.iter().filter(|held| held.is_at_rest && now < held.window.end()).filter_map(|held| match there
            .get(held.provider_ref.as_str())
            .filter(|right| is_same_place(&right.target, &held.target))
        {
            None => Some(Drift::Missing(held.clone())),
            Some(right) if is_as_told(right.period, held.window) => None,
            Some(&right) => Some(Drift::Changed(held.clone(), right.clone())),
        });
    // A grant's own right is no one else's, whatever the provider's ledger says of it.
    let mut known: HashSet<&str> = held.iter().map(|held| held.provider_ref.as_str()).collect();
    let of_others = rights.iter().filter_map(|right| {
        let is_news = !right.period.is_over(now) && known.insert(&right.provider_ref);
        match right.origin {
            Origin::Kept if is_news => Some(Drift::Unwanted(right.clone())),
            Origin::Foreign if is_news => Some(Drift::Foreign(right.clone())),
            Origin::Ledger | Origin::Kept | Origin::Foreign => None,
        }
    });
    of_grants.chain(of_others).collect()
}

/// What a target is called may change.
fn is_same_place(one: &Target, other: &Target) -> bool {
    (one.kind, &one.provider_ref) == (other.kind, &other.provider_ref)
}

/// Whether the provider has the window that it said it has. It may be wider by less than a second at
/// either end.
fn is_as_told(period: Period, window: Window) -> bool {
    let is_less_than_a_second = |wider: Duration| (Duration::zero()..Duration::seconds(1)).contains(&wider);
    period.from.is_some_and(|from| is_less_than_a_second(window.start() - from))
        && period.until.is_some_and(|until| is_less_than_a_second(until - window.end()))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{GrantId, WorkspaceId};
    use proptest::prelude::*;

    use super::*;
    use crate::request::TargetKind;

    fn at(hour: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + hour * 3_600, 0).unwrap()
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).unwrap()
    }

    fn door(number: usize) -> Target {
        Target {
            kind: TargetKind::Lock,
            provider_ref: number.to_string(),
            display_name: format!("Door {number}"),
        }
    }

    fn held(id: usize, window: Window) -> Held {
        Held {
            grant: GrantName { workspace: WorkspaceId::new(), id: GrantId::new() },
            generation: 3,
            target: door(1),
            window,
            provider_ref: id.to_string(),
            is_at_rest: true,
        }
    }

    fn right(id: usize, origin: Origin, window: Window) -> Right {
        Right {
            provider_ref: id.to_string(),
            target: door(1),
            holder: "Ada".to_owned(),
            period: window.into(),
            origin,
        }
    }

    #[test]
    fn a_provider_may_be_wider_by_less_than_a_second() {
        let second = Duration::seconds(1);
        let almost = second - Duration::microseconds(1);
        let told = Window::new(at(1), at(2)).unwrap();
        let period = |before, after| Period { from: Some(at(1) - before), until: Some(at(2) + after) };
        assert!(is_as_told(period(almost, almost), told));
        assert!(!is_as_told(period(second, almost), told));
        assert!(!is_as_told(period(almost, second), told));
        assert!(!is_as_told(period(-Duration::microseconds(1), almost), told), "narrower");
        assert!(!is_as_told(Period { from: Some(at(1)), until: None }, told));
    }

    #[test]
    fn a_right_at_another_door_is_missing_at_its_own() {
        let held = held(7, window(1, 2));
        let moved = Right { target: door(2), ..right(7, Origin::Ledger, window(1, 2)) };
        assert_eq!(compare(std::slice::from_ref(&held), &[moved], at(0)), [Drift::Missing(held)]);
    }

    #[test]
    fn what_commands_touched_meanwhile_is_nobodys_fault() {
        let moving = Held { is_at_rest: false, ..held(7, window(1, 2)) };
        let new = right(8, Origin::Ledger, window(3, 4));
        assert_eq!(compare(std::slice::from_ref(&moving), &[new], at(0)), []);
        // Nor is its own right taken for a stranger's.
        let own = right(7, Origin::Kept, window(1, 2));
        assert_eq!(compare(&[moving], &[own], at(0)), []);
    }

    /// What someone did at the provider to one of the grants.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Meddling {
        Nothing,
        Deleted,
        Moved(i64),
        MadeForever,
    }

    fn meddlings() -> impl Strategy<Value = Meddling> {
        prop_oneof![
            Just(Meddling::Nothing),
            Just(Meddling::Deleted),
            (1i64..5).prop_map(Meddling::Moved),
            Just(Meddling::MadeForever),
        ]
    }

    proptest! {
        /// The naive model is the person who meddles: it knows what it did. What is found is just that, and
        /// after the repair only what others gave is found.
        #[test]
        fn just_what_someone_did_is_found(
            grants in prop::collection::vec((-5i64..5, any::<bool>(), meddlings()), 0..12),
            others in prop::collection::vec((-5i64..5, 0u8..3), 0..12),
        ) {
            let now = at(0);
            let mut all = Vec::new();
            let mut rights = Vec::new();
            let mut expected: Vec<(&str, String)> = Vec::new();
            for (id, &(start, is_at_rest, meddling)) in grants.iter().enumerate() {
                let told = window(start, start + 2);
                all.push(Held { is_at_rest, ..held(id, told) });
                let mut is = right(id, Origin::Ledger, told);
                match meddling {
                    Meddling::Nothing | Meddling::Deleted => {}
                    Meddling::Moved(hours) => is.period = window(start + hours, start + 2 + hours).into(),
                    Meddling::MadeForever => is.period = Period { from: is.period.from, until: None },
                }
                let is_judged = is_at_rest && start + 2 > 0;
                match meddling {
                    Meddling::Deleted if is_judged => expected.push(("missing", id.to_string())),
                    Meddling::Moved(_) | Meddling::MadeForever if is_judged => {
                        expected.push(("changed", id.to_string()));
                    }
                    _ => {}
                }
                if meddling != Meddling::Deleted {
                    rights.push(is);
                }
            }
            for (number, &(start, origin)) in others.iter().enumerate() {
                let id = 100 + number;
                let (origin, kind) = [
                    (Origin::Ledger, None), (Origin::Kept, Some("unwanted")), (Origin::Foreign, Some("foreign")),
                ][usize::from(origin)];
                rights.push(right(id, origin, window(start, start + 2)));
                if let Some(kind) = kind.filter(|_| start + 2 > 0) {
                    expected.push((kind, id.to_string()));
                }
            }
            let name = |drift: &Drift| match drift {
                Drift::Missing(held) => ("missing", held.provider_ref.clone()),
                Drift::Changed(held, _) => ("changed", held.provider_ref.clone()),
                Drift::Unwanted(right) => ("unwanted", right.provider_ref.clone()),
                Drift::Foreign(right) => ("foreign", right.provider_ref.clone()),
            };
            let drifts = compare(&all, &rights, now);
            let mut found: Vec<_> = drifts.iter().map(name).collect();
            found.sort();
            expected.sort();
            prop_assert_eq!(&found, &expected);

            for drift in &drifts {
                match drift {
                    Drift::Missing(held) | Drift::Changed(held, _) => {
                        rights.retain(|right| right.provider_ref != held.provider_ref);
                        rights.push(Right { period: held.window.into(), ..right(0, Origin::Ledger, held.window) });
                        rights.last_mut().unwrap().provider_ref.clone_from(&held.provider_ref);
                    }
                    Drift::Unwanted(unwanted) => rights.retain(|right| right != unwanted),
                    Drift::Foreign(_) => {}
                }
            }
            let left: Vec<_> = compare(&all, &rights, now).iter().map(name).collect();
            let foreign: Vec<_> = expected.into_iter().filter(|(kind, _)| *kind == "foreign").collect();
            let mut left = left;
            left.sort();
            prop_assert_eq!(left, foreign);
        }
    }
}
