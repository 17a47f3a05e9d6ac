//! What tests and developers see and do behind the API's back: state, the door itself, keys, hardware.

use std::sync::Arc;

use chrono::Duration;
use domain::{Timestamp, Window};
use serde::{Deserialize, Serialize};

use super::doors::{self, Approach, Visitor};
use super::events::Actor;
use super::model::{
    Event, GroupLink, Id, Integration, LockRecord, Mail, PlaceRecord, RoleAssignment, Target, User,
};
use super::organization::{Organization, new_secret};
use super::roles::Role;
use super::seed::{CreatedKey, api_login, role};
use super::{cards, locks, logins, users};

/// Someone at a reader.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// The person, by email. Either this, a card or a link.
    #[serde(default)]
    pub email: Option<String>,
    /// A card, by its token: whosever it is.
    #[serde(default)]
    pub card: Option<String>,
    /// A group link, whose QR code is shown to the reader.
    #[serde(default)]
    pub group_link_id: Option<Id>,
    /// The door.
    pub lock_id: Id,
    /// The reader consults a cache of persons' rights that is this many minutes old, before the cloud.
    #[serde(default)]
    pub stale_minutes: Option<u32>,
}

impl Tap {
    /// A person at a reader that asks the cloud.
    pub fn of(email: &str, lock_id: Id) -> Self {
        Self { email: Some(email.to_owned()), card: None, group_link_id: None, lock_id, stale_minutes: None }
    }
}

impl Tap {
    /// A card at a reader that asks the cloud.
    pub fn with_card(token: &str, lock_id: Id) -> Self {
        Self { email: None, card: Some(token.to_owned()), ..Self::of("", lock_id) }
    }
}

/// What the door did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TapAnswer {
    /// Whether it opened.
    pub opens: bool,
    /// Kisi's code for why not.
    pub code: Option<String>,
    /// The code in words.
    pub message: Option<String>,
    /// Whether the reader's cache decided.
    pub from_cache: bool,
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Places.
    pub places: usize,
    /// Doors.
    pub locks: usize,
    /// Groups.
    pub groups: usize,
    /// Doors in groups.
    pub group_locks: usize,
    /// Users, the owner included.
    pub users: usize,
    /// Role assignments, the owner's included.
    pub role_assignments: usize,
    /// API keys and devices.
    pub logins: usize,
    /// Group links.
    pub group_links: usize,
    /// Webhooks.
    pub integrations: usize,
    /// Events that are kept.
    pub events: usize,
    /// Mails and texts that Kisi would have sent.
    pub mails: usize,
}

/// That a person may open a door during a time, by one role assignment in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessWindow {
    /// The person's email, as the user has it.
    pub email: String,
    /// The user.
    pub user_id: Id,
    /// The door.
    pub lock_id: Id,
    /// The group that opens it.
    pub group_id: Id,
    /// The role assignment.
    pub role_assignment_id: Id,
    /// None: since ever.
    pub valid_from: Option<Timestamp>,
    /// None: for ever.
    pub valid_until: Option<Timestamp>,
    /// False while the user is suspended.
    pub access_enabled: bool,
}

/// Why a wish could not be fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// Nobody has that email.
    #[error("no user of this organization has that email")]
    NoUser,
    /// No such key, login, door or group.
    #[error("this organization has no such {0}")]
    Unknown(&'static str),
    /// A tap is by a person, a card or a link.
    #[error("give one of email, card and group_link_id")]
    NobodyTaps,
    /// No such role, or it does not apply to an organization.
    #[error("no role of an organization has that id")]
    NoRole,
    /// Ten keys are the most.
    #[error("the user has as many API keys as Kisi allows")]
    TooManyKeys,
}

impl Organization {
    /// Someone taps at a door now. The attempt becomes an event, as all do.
    pub fn tap(self: &Arc<Self>, tap: &Tap) -> Result<TapAnswer, InspectError> {
        let now = self.shared.now();
        let mut state = self.state();
        let object = state.locks.get(&tap.lock_id).map(locks::object).ok_or(InspectError::Unknown("lock"))?;
        let (visitor, actor) = match (&tap.email, &tap.card, tap.group_link_id) {
            // Nobody with that email: a stranger's card, or one of a user who is gone.
            (Some(email), None, None) => match state.user_by_email(email).map(|user| user.record.id) {
                Some(id) => (Ok(Visitor::User(id)), Actor::User { id, login_id: None }),
                None => (Ok(Visitor::User(0)), Actor::Nobody),
            },
            (None, Some(token), None) => match doors::holder(&state, token) {
                Ok(id) => (Ok(Visitor::User(id)), Actor::User { id, login_id: None }),
                Err(denial) => (Err(denial), Actor::Nobody),
            },
            (None, None, Some(id)) => (Ok(Visitor::Link(id)), Actor::Link(id)),
            _ => return Err(InspectError::NobodyTaps),
        };
        if let (Some(minutes), Some(email)) = (tap.stale_minutes, &tap.email) {
            let cached_at = now - Duration::minutes(minutes.into());
            if doors::opens_from_cache(&state, email, tap.lock_id, cached_at, now) {
                self.record(&mut state, "lock.unlock", actor, object, Ok(None), now);
                return Ok(TapAnswer { opens: true, code: None, message: None, from_cache: true });
            }
        }
        let outcome =
            visitor.and_then(|visitor| doors::judge(&state, visitor, tap.lock_id, Approach::Reader, now));
        let denial = outcome.as_ref().err().copied();
        self.attempted(&mut state, "lock.unlock", actor, object, outcome, now);
        Ok(TapAnswer {
            opens: denial.is_none(),
            code: denial.map(|denial| denial.code.to_owned()),
            message: denial.map(|denial| denial.text.to_owned()),
            from_cache: false,
        })
    }

    /// Kisi makes a card with this token printed on it, which can be enrolled.
    pub fn print_card(&self, token: &str) {
        self.state().printed_cards.insert(token.to_owned());
    }

    /// Whose a card is, by email: of each who has it so that it works.
    pub fn card_holders(&self, token: &str) -> Vec<String> {
        let state = self.state();
        let held = |user: Id| state.users.get(&user).map(|user| user.record.email.clone());
        doors::holder(&state, token).ok().and_then(held).into_iter().collect()
    }

    /// Someone gives a card to a user, whoever had it. The user and the card are made if they are not there.
    pub fn give_card(&self, email: &str, token: &str) {
        let now = self.shared.now();
        let mut state = self.state();
        let user = state.user_by_email(email).map(|user| user.record.id).unwrap_or_else(|| {
            let id = self.shared.next_id();
            let user = users::new_user(id, email.to_owned(), None, self.id, now);
            state.insert_user(user);
            id
        });
        let card = state.cards.values().find(|card| card.token == token).map(|card| card.id);
        let card = card.unwrap_or_else(|| {
            let card = cards::new_card(self.shared.next_id(), token.to_owned(), now);
            let id = card.id;
            state.cards.insert(id, card);
            id
        });
        state.card_assignments.retain(|_, row| row.card_id != card);
        self.assign_card(&mut state, card, user, now);
    }

    /// Makes an API key for a user.
    pub fn create_api_key(self: &Arc<Self>, email: &str, expire: bool) -> Result<CreatedKey, InspectError> {
        let mut state = self.state();
        let user_id = state.user_by_email(email).ok_or(InspectError::NoUser)?.record.id;
        let login = api_login(self.shared.next_id(), user_id, new_secret(), expire, self.shared.now());
        logins::make_room(&mut state, &login).map_err(|_| InspectError::TooManyKeys)?;
        let key = CreatedKey { id: login.record.id, secret: login.secret.clone() };
        self.add_login(&mut state, login);
        Ok(key)
    }

    /// The key or login stops working.
    pub fn revoke_login(&self, secret: &str) -> Result<(), InspectError> {
        let mut state = self.state();
        let id = *state.index.login_by_secret.get(secret).ok_or(InspectError::Unknown("login"))?;
        state.remove_login(id);
        self.shared.forget(secret);
        Ok(())
    }

    /// Gives a user another role in the organization, or none: their keys can do as much as they can.
    pub fn set_role(&self, email: &str, role_id: Option<&str>) -> Result<(), InspectError> {
        let now = self.shared.now();
        if let Some(role_id) = role_id
            && Role::find(role_id).is_none_or(|role| role.applies_to != "Organization")
        {
            return Err(InspectError::NoRole);
        }
        let mut state = self.state();
        let user_id = state.user_by_email(email).ok_or(InspectError::NoUser)?.record.id;
        let target = Target::Organization(self.id());
        let old: Vec<Id> =
            state.assignments_of_user(user_id).filter(|row| row.target == target).map(|row| row.id).collect();
        for id in old {
            state.remove_assignment(id, now);
        }
        if let Some(role_id) = role_id {
            state.insert_assignment(role(self.shared.next_id(), user_id, target, role_id, now));
        }
        Ok(())
    }

    /// Whether the door's controller is reachable; none: unknown.
    pub fn set_online(&self, lock_id: Id, online: Option<bool>) -> Result<(), InspectError> {
        self.change_lock(lock_id, |lock| lock.online = online)
    }

    /// Whether the door has hardware.
    pub fn set_configured(&self, lock_id: Id, configured: bool) -> Result<(), InspectError> {
        self.change_lock(lock_id, |lock| lock.configured = configured)
    }

    fn change_lock(&self, id: Id, change: impl FnOnce(&mut LockRecord)) -> Result<(), InspectError> {
        let now = self.shared.now();
        let mut state = self.state();
        let lock = state.locks.get_mut(&id).ok_or(InspectError::Unknown("lock"))?;
        change(lock);
        lock.updated_at = now;
        Ok(())
    }

    /// When the time restriction of a group or door lets people in. Without one it never does.
    pub fn set_schedule(&self, id: Id, windows: Vec<Window>) -> Result<(), InspectError> {
        let mut state = self.state();
        if !state.groups.contains_key(&id) && !state.locks.contains_key(&id) {
            return Err(InspectError::Unknown("group or lock"));
        }
        state.schedules.insert(id, windows);
        Ok(())
    }

    /// How many of each there are.
    pub fn counts(&self) -> Counts {
        let state = self.state();
        Counts {
            places: state.places.len(),
            locks: state.locks.len(),
            groups: state.groups.len(),
            group_locks: state.group_locks.len(),
            users: state.users.len(),
            role_assignments: state.assignments.len(),
            logins: state.logins.len(),
            group_links: state.links.len(),
            integrations: state.integrations.len(),
            events: state.events.len(),
            mails: state.mails.len(),
        }
    }

    /// All users, by id.
    pub fn users(&self) -> Vec<User> {
        self.state().users.values().cloned().collect()
    }

    /// All places, by id.
    pub fn places(&self) -> Vec<PlaceRecord> {
        self.state().places.values().cloned().collect()
    }

    /// All doors, by id.
    pub fn locks(&self) -> Vec<LockRecord> {
        self.state().locks.values().cloned().collect()
    }

    /// All role assignments, by id; the owner's, too.
    pub fn role_assignments(&self) -> Vec<RoleAssignment> {
        self.state().assignments.values().cloned().collect()
    }

    /// All group links, by id.
    pub fn group_links(&self) -> Vec<GroupLink> {
        self.state().links.values().cloned().collect()
    }

    /// All webhooks, by id.
    pub fn integrations(&self) -> Vec<Integration> {
        self.state().integrations.values().cloned().collect()
    }

    /// What Kisi would have mailed or texted, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.iter().cloned().collect()
    }

    /// The log, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.state().events.iter().cloned().collect()
    }

    /// Who may open which door when: one entry per role assignment in a group and door of the group,
    /// expired and future ones included. By person, door, start.
    pub fn access_windows(&self) -> Vec<AccessWindow> {
        let state = self.state();
        let mut windows = Vec::new();
        for row in state.assignments.values() {
            let (Target::Group(group_id), Some(user)) = (row.target, state.users.get(&row.user_id)) else {
                continue;
            };
            windows.extend(state.locks_of_group(group_id).map(|lock_id| AccessWindow {
                email: user.record.email.clone(),
                user_id: row.user_id,
                lock_id,
                group_id,
                role_assignment_id: row.id,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                access_enabled: user.record.access_enabled,
            }));
        }
        windows.sort_by(|a, b| {
            (&a.email, a.lock_id, a.valid_from, a.role_assignment_id).cmp(&(
                &b.email,
                b.lock_id,
                b.valid_from,
                b.role_assignment_id,
            ))
        });
        windows
    }

    /// When this person may open this door, by the rows that stand; expired and future ones included.
    pub fn access_windows_of(&self, email: &str, lock_id: Id) -> Vec<AccessWindow> {
        let mut windows = self.access_windows();
        windows.retain(|window| window.email.eq_ignore_ascii_case(email.trim()) && window.lock_id == lock_id);
        windows
    }

    /// The links that open this door, by begin; expired and future ones included.
    pub fn group_links_of(&self, lock_id: Id) -> Vec<GroupLink> {
        let state = self.state();
        let opens = |link: &&GroupLink| state.locks_of_group(link.record.group_id).any(|id| id == lock_id);
        let mut links: Vec<GroupLink> = state.links.values().filter(opens).cloned().collect();
        links.sort_by_key(|link| (link.record.valid_from, link.record.id));
        links
    }
}
