//! A list for one controller: what it says, when it is due, and the code that shows who made it.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use data_encoding::HEXLOWER;
use domain::names::IntegrationName;
use domain::{BoardName, PersonId, Timestamp};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::pin::{ITERATIONS, PinHash, salt};
use crate::driver::controller::ListState;
use crate::ledger::{NotedList, RelayRight};

/// What begins within this time is in a list, and so long a list is good.
pub(crate) const HORIZON: Duration = Duration::hours(48);

/// A list that is not good for so long any more is made anew.
const RENEWED: Duration = Duration::hours(36);

/// What a controller takes at the most.
const PINS_MAX: usize = 4_000;

/// What the key of lists is derived for, as the controller's API says.
const LIST_KEY_USE: &[u8] = b"latchkey offline list v1";

/// Who may open a relay by a PIN, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// What the controller's log calls whoever it was: the person.
    id: String,
    hash: String,
    channels: [u16; 1],
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// What a list says of PINs, the nearest windows first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content(Vec<Entry>);

/// What a list says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub controller: String,
    pub version: u64,
    pub issued_at: Timestamp,
    pub valid_until: Timestamp,
}

/// As a controller takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Signed {
    /// The list's text.
    pub list: String,
    mac: String,
}

#[derive(Serialize)]
struct Text<'a> {
    controller: &'a str,
    version: u64,
    issued_at: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    salt: String,
    iterations: u32,
    pins: &'a [Entry],
}

impl Content {
    /// What stands in the ledger of a board for the time ahead.
    pub(crate) fn of(
        board: &BoardName,
        rights: &[RelayRight],
        pins: &HashMap<PersonId, PinHash>,
        now: Timestamp,
    ) -> Self {
        let mut rights: Vec<&RelayRight> =
            rights.iter().filter(|right| right.door.board == *board && is_ahead(right, now)).collect();
        rights.sort_by_key(|right| (right.window.start(), right.person));
        let entry = |right: &&RelayRight| {
            Some(Entry {
                id: right.person.to_string(),
                hash: HEXLOWER.encode(pins.get(&right.person)?),
                channels: [right.door.relay.get()],
                starts_at: right.window.start(),
                ends_at: right.window.end(),
            })
        };
        Self(rights.iter().filter_map(entry).take(PINS_MAX).collect())
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list, signed with the key that this API key gives.
    pub(crate) fn sign(&self, head: &Head, account: IntegrationName, key: &SecretString) -> Signed {
        let text = Text {
            controller: &head.controller,
            version: head.version,
            issued_at: head.issued_at,
            valid_until: head.valid_until,
            salt: HEXLOWER.encode(&salt(account)),
            iterations: ITERATIONS.get(),
            pins: &self.0,
        };
        let list = serde_json::to_string(&text).expect("texts, numbers and times can be written");
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
        let list_key = sign(key.expose_secret().as_bytes(), LIST_KEY_USE);
        let mac = HEXLOWER.encode(sign(list_key.as_ref(), list.as_bytes()).as_ref());
        Signed { list, mac }
    }
}

/// Whether a right belongs into a list now.
fn is_ahead(right: &RelayRight, now: Timestamp) -> bool {
    now < right.window.end() && right.window.start() < now + HORIZON
}

/// When, after a list was made, the next one is due although nothing has changed: a window comes nearer, or the list
/// runs out.
pub(crate) fn next_look(board: &BoardName, rights: &[RelayRight], now: Timestamp) -> Timestamp {
    let comes = rights.iter().filter(|right| right.door.board == *board).map(|right| right.window.start());
    let comes = comes.map(|start| start - HORIZON).filter(|at| *at >= now).min();
    let renewed = now + (HORIZON - RENEWED);
    comes.map_or(renewed, |comes| comes.min(renewed))
}

/// Whether a controller's list has to be looked after, by what is noted of the last one and what it says that it has.
pub(crate) fn is_due(noted: &NotedList, controller: &str, has: Option<&ListState>, now: Timestamp) -> bool {
    let is_same = noted.controller.as_deref() == Some(controller);
    !is_same || noted.version != has.map(|has| has.version) || noted.due_at <= now
}

#[cfg(test)]
mod tests {
    use domain::{IntegrationId, RelayName, Window, WorkspaceId};
    use proptest::prelude::*;
    use relay_controller::offline::List;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        "2026-12-01T08:00:00Z".parse::<Timestamp>().unwrap() + Duration::hours(hours)
    }

    fn right(door: &str, person: PersonId, start: i64, end: i64) -> RelayRight {
        let door: RelayName = door.parse().unwrap();
        RelayRight { door, person, window: Window::new(at(start), at(end)).unwrap() }
    }

    fn account() -> IntegrationName {
        IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() }
    }

    fn hall() -> BoardName {
        "hall".parse().unwrap()
    }

    fn head() -> Head {
        Head { controller: "rc_1".to_owned(), version: 7, issued_at: at(0), valid_until: at(48) }
    }

    #[test]
    fn a_list_says_who_may_open_a_boards_relays_within_two_days() {
        let [ada, bo] = [PersonId::new(), PersonId::new()];
        let pins = HashMap::from([(ada, [7; 32])]);
        let rights = [
            right("hall/2", ada, 47, 50),
            right("hall/1", ada, -1, 1),
            right("hall/1", ada, -2, 0),
            right("hall/1", ada, 48, 49),
            right("gate/1", ada, -1, 1),
            right("hall/1", bo, -1, 1),
        ];
        let content = Content::of(&hall(), &rights, &pins, at(0));
        let found: Vec<_> = content.0.iter().map(|entry| (entry.channels[0], entry.starts_at)).collect();
        assert_eq!(found, [(1, at(-1)), (2, at(47))], "who has no PIN is not in it");
    }

    #[test]
    fn the_controller_takes_it_as_it_is_meant() {
        let ada = PersonId::new();
        let content =
            Content::of(&hall(), &[right("hall/1", ada, 0, 2)], &HashMap::from([(ada, [7; 32])]), at(0));
        let list = List::parse(&content.sign(&head(), account(), &"lrc_00".into()).list).unwrap();
        assert_eq!((list.controller.as_str(), list.version, list.len()), ("rc_1", 7, 1));
        assert_eq!((list.issued_at, list.valid_until), (at(0), at(48)));
    }

    #[test]
    fn it_is_due_when_it_changes_when_it_runs_out_and_when_the_controller_has_another() {
        let noted =
            NotedList { controller: Some("rc_1".to_owned()), version: Some(7), due_at: at(12), change: 0 };
        let has = |version| ListState { version, pins: 1 };
        assert!(!is_due(&noted, "rc_1", Some(&has(7)), at(11)));
        assert!(is_due(&noted, "rc_1", Some(&has(7)), at(12)), "something has changed, or it runs out");
        assert!(is_due(&noted, "rc_1", Some(&has(6)), at(11)), "it lost the last one");
        assert!(is_due(&noted, "rc_1", None, at(11)), "it lost all");
        assert!(is_due(&noted, "rc_2", Some(&has(7)), at(11)), "it was set up anew");
        let never = NotedList { version: None, ..noted };
        assert!(!is_due(&never, "rc_1", None, at(11)), "there was nothing to say");
    }

    proptest! {
        /// Whatever is to be at the controller is there in time: until the next look nothing comes that the list lacks,
        /// and the list is good for longer.
        #[test]
        fn until_the_next_look_a_list_says_all_that_holds(
            windows in prop::collection::vec((-100..200_i64, 1..300_i64), 0..8),
            later in 0..400_i64,
        ) {
            let ada = PersonId::new();
            let rights: Vec<_> =
                windows.into_iter().map(|(start, hours)| right("hall/1", ada, start, start + hours)).collect();
            let content = Content::of(&hall(), &rights, &HashMap::from([(ada, [7; 32])]), at(0));
            let look = next_look(&hall(), &rights, at(0));
            prop_assert!(at(0) <= look && look <= at(12));
            let then = at(0) + Duration::minutes(later * 3);
            prop_assume!(then < look);
            for right in rights.iter().filter(|right| is_ahead(right, then)) {
                let is_there =
                    content.0.iter().any(|entry| (entry.starts_at, entry.ends_at) == (right.window.start(), right.window.end()));
                prop_assert!(is_there, "{right:?}");
            }
        }
    }
}
