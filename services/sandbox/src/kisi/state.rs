//! One organization's whole state, its indexes, and what goes along when something is removed.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::event_sets::EventSet;
use super::limits::RateLimits;
use super::model::{
    CardAssignmentRecord, CardRecord, Event, GroupLink, GroupLockRecord, GroupRecord, Id, Integration,
    LockRecord, Login, Mail, OrganizationRecord, PlaceRecord, RoleAssignment, Target, User,
};
use super::switches::Switches;

/// How many events an organization keeps; older ones are gone.
const EVENTS_MAX: usize = 20_000;
/// How many mails an organization keeps.
const MAILS_MAX: usize = 10_000;
/// How many removed rights are kept for readers with a stale cache.
const DEPARTED_MAX: usize = 20_000;
/// How many event sets are kept; they live for a day.
const EVENT_SETS_MAX: usize = 1_000;

/// Ids by a key, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index<K: Hash + Eq>(HashMap<K, BTreeSet<Id>>);

impl<K: Hash + Eq> Default for Index<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Index<K> {
    fn add(&mut self, key: K, id: Id) {
        self.0.entry(key).or_default().insert(id);
    }

    fn remove(&mut self, key: &K, id: Id) {
        if let Some(ids) = self.0.get_mut(key) {
            ids.remove(&id);
            if ids.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub(super) fn of<'s>(&'s self, key: &K) -> impl Iterator<Item = Id> + use<'s, K> {
        self.0.get(key).into_iter().flatten().copied()
    }

    fn ids(&self, key: &K) -> Vec<Id> {
        self.of(key).collect()
    }

    pub(super) fn count(&self, key: &K) -> usize {
        self.0.get(key).map_or(0, BTreeSet::len)
    }
}

/// A role assignment, as it was before it was changed or removed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DepartedAssignment {
    pub(super) row: RoleAssignment,
    /// The user's, who may be gone as well.
    pub(super) email: String,
    pub(super) at: Timestamp,
}

/// A group lock that was removed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DepartedGroupLock {
    pub(super) row: GroupLockRecord,
    pub(super) at: Timestamp,
}

/// Everything of one organization, and of no other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) organization: OrganizationRecord,
    pub(super) switches: Switches,
    pub(super) places: BTreeMap<Id, PlaceRecord>,
    pub(super) locks: BTreeMap<Id, LockRecord>,
    pub(super) groups: BTreeMap<Id, GroupRecord>,
    pub(super) group_locks: BTreeMap<Id, GroupLockRecord>,
    pub(super) users: BTreeMap<Id, User>,
    pub(super) assignments: BTreeMap<Id, RoleAssignment>,
    pub(super) logins: BTreeMap<Id, Login>,
    pub(super) links: BTreeMap<Id, GroupLink>,
    /// Tokens of cards that Kisi has made and nobody has enrolled.
    #[serde(default)]
    pub(super) printed_cards: BTreeSet<String>,
    #[serde(default)]
    pub(super) cards: BTreeMap<Id, CardRecord>,
    #[serde(default)]
    pub(super) card_assignments: BTreeMap<Id, CardAssignmentRecord>,
    pub(super) integrations: BTreeMap<Id, Integration>,
    /// Access schedules by group or lock: when a time restriction lets people in.
    pub(super) schedules: BTreeMap<Id, Vec<domain::Window>>,
    pub(super) events: VecDeque<Event>,
    pub(super) last_sequence: i64,
    pub(super) event_sets: BTreeMap<Id, EventSet>,
    pub(super) mails: VecDeque<Mail>,
    pub(super) departed_assignments: VecDeque<DepartedAssignment>,
    pub(super) departed_group_locks: VecDeque<DepartedGroupLock>,
    #[serde(skip)]
    pub(super) index: Indexes,
    #[serde(skip)]
    pub(super) limits: RateLimits,
}

/// Look-ups that must not scan. Made anew when a state is loaded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes {
    /// By lower-case email.
    pub(super) user_by_email: HashMap<String, Id>,
    pub(super) assignments_by_user: Index<Id>,
    pub(super) assignments_by_target: Index<Target>,
    pub(super) group_locks_by_group: Index<Id>,
    pub(super) group_locks_by_lock: Index<Id>,
    pub(super) login_by_secret: HashMap<String, Id>,
    pub(super) logins_by_user: Index<Id>,
    pub(super) link_by_secret: HashMap<String, Id>,
    pub(super) links_by_group: Index<Id>,
}

impl State {
    pub(super) fn new(organization: OrganizationRecord, switches: Switches) -> Self {
        Self {
            organization,
            switches,
            places: BTreeMap::new(),
            locks: BTreeMap::new(),
            groups: BTreeMap::new(),
            group_locks: BTreeMap::new(),
            users: BTreeMap::new(),
            assignments: BTreeMap::new(),
            logins: BTreeMap::new(),
            links: BTreeMap::new(),
            printed_cards: BTreeSet::new(),
            cards: BTreeMap::new(),
            card_assignments: BTreeMap::new(),
            integrations: BTreeMap::new(),
            schedules: BTreeMap::new(),
            events: VecDeque::new(),
            last_sequence: 0,
            event_sets: BTreeMap::new(),
            mails: VecDeque::new(),
            departed_assignments: VecDeque::new(),
            departed_group_locks: VecDeque::new(),
            index: Indexes::default(),
            limits: RateLimits::default(),
        }
    }

    /// Fills the indexes of a state that was just read.
    pub(super) fn reindex(&mut self) {
        let index = &mut self.index;
        *index = Indexes::default();
        for (id, user) in &self.users {
            index.user_by_email.insert(user.record.email.to_lowercase(), *id);
        }
        for (id, row) in &self.assignments {
            index.assignments_by_user.add(row.user_id, *id);
            index.assignments_by_target.add(row.target, *id);
        }
        for (id, row) in &self.group_locks {
            index.group_locks_by_group.add(row.group_id, *id);
            index.group_locks_by_lock.add(row.lock_id, *id);
        }
        for (id, login) in &self.logins {
            index.login_by_secret.insert(login.secret.clone(), *id);
            index.logins_by_user.add(login.record.user_id, *id);
        }
        for (id, link) in &self.links {
            index.link_by_secret.insert(link.secret.clone(), *id);
            index.links_by_group.add(link.record.group_id, *id);
        }
    }

    // Users

    pub(super) fn user_by_email(&self, email: &str) -> Option<&User> {
        let id = self.index.user_by_email.get(&email.trim().to_lowercase())?;
        self.users.get(id)
    }

    pub(super) fn insert_user(&mut self, user: User) {
        let id = user.record.id;
        self.index.user_by_email.insert(user.record.email.to_lowercase(), id);
        self.users.insert(id, user);
    }

    /// The user's role assignments, logins and card assignments go along.
    pub(super) fn remove_user(&mut self, id: Id, now: Timestamp) {
        for row in self.index.assignments_by_user.ids(&id) {
            self.remove_assignment(row, now);
        }
        for login in self.index.logins_by_user.ids(&id) {
            self.remove_login(login);
        }
        self.card_assignments.retain(|_, row| row.assignee_id != id);
        if let Some(user) = self.users.remove(&id) {
            self.index.user_by_email.remove(&user.record.email.to_lowercase());
        }
    }

    // Role assignments

    pub(super) fn assignments_of_user(&self, user_id: Id) -> impl Iterator<Item = &RoleAssignment> {
        self.index.assignments_by_user.of(&user_id).filter_map(|id| self.assignments.get(&id))
    }

    pub(super) fn insert_assignment(&mut self, row: RoleAssignment) {
        self.index.assignments_by_user.add(row.user_id, row.id);
        self.index.assignments_by_target.add(row.target, row.id);
        self.assignments.insert(row.id, row);
    }

    pub(super) fn remove_assignment(&mut self, id: Id, now: Timestamp) -> Option<RoleAssignment> {
        let row = self.assignments.remove(&id)?;
        self.index.assignments_by_user.remove(&row.user_id, id);
        self.index.assignments_by_target.remove(&row.target, id);
        self.remember_departed(row.clone(), now);
        Some(row)
    }

    /// Keeps what a right was until now, for readers with a stale cache.
    pub(super) fn remember_departed(&mut self, row: RoleAssignment, now: Timestamp) {
        let Some(user) = self.users.get(&row.user_id) else { return };
        let departed = DepartedAssignment { row, email: user.record.email.to_lowercase(), at: now };
        push_bounded(&mut self.departed_assignments, departed, DEPARTED_MAX);
    }

    /// Removes rows whose end is longer ago than the switch says, if it is on.
    pub(super) fn remove_expired_assignments(&mut self, now: Timestamp) {
        let Some(seconds) = self.switches.expired_assignments_removed_after_seconds else { return };
        let limit = now - Duration::seconds(seconds.into());
        let is_over = |row: &RoleAssignment| row.valid_until.is_some_and(|until| until <= limit);
        let over: Vec<Id> =
            self.assignments.iter().filter(|(_, row)| is_over(row)).map(|(id, _)| *id).collect();
        for id in over {
            self.remove_assignment(id, now);
        }
    }

    // Places, groups, locks

    /// Its doors and groups go along.
    pub(super) fn remove_place(&mut self, id: Id, now: Timestamp) {
        let locks: Vec<Id> = self.locks.values().filter(|lock| lock.place_id == id).map(|l| l.id).collect();
        for lock in locks {
            self.remove_lock(lock, now);
        }
        let groups: Vec<Id> =
            self.groups.values().filter(|group| group.place_id == Some(id)).map(|g| g.id).collect();
        for group in groups {
            self.remove_group(group, now);
        }
        for row in self.index.assignments_by_target.ids(&Target::Place(id)) {
            self.remove_assignment(row, now);
        }
        self.places.remove(&id);
    }

    /// Its group locks go along.
    pub(super) fn remove_lock(&mut self, id: Id, now: Timestamp) {
        for row in self.index.group_locks_by_lock.ids(&id) {
            self.remove_group_lock(row, now);
        }
        self.schedules.remove(&id);
        self.locks.remove(&id);
    }

    /// Its group locks, role assignments and links go along.
    pub(super) fn remove_group(&mut self, id: Id, now: Timestamp) {
        for row in self.index.group_locks_by_group.ids(&id) {
            self.remove_group_lock(row, now);
        }
        for row in self.index.assignments_by_target.ids(&Target::Group(id)) {
            self.remove_assignment(row, now);
        }
        for link in self.index.links_by_group.ids(&id) {
            self.remove_link(link);
        }
        self.schedules.remove(&id);
        self.groups.remove(&id);
    }

    pub(super) fn insert_group_lock(&mut self, row: GroupLockRecord) {
        self.index.group_locks_by_group.add(row.group_id, row.id);
        self.index.group_locks_by_lock.add(row.lock_id, row.id);
        self.group_locks.insert(row.id, row);
    }

    pub(super) fn remove_group_lock(&mut self, id: Id, now: Timestamp) -> Option<GroupLockRecord> {
        let row = self.group_locks.remove(&id)?;
        self.index.group_locks_by_group.remove(&row.group_id, id);
        self.index.group_locks_by_lock.remove(&row.lock_id, id);
        let departed = DepartedGroupLock { row: row.clone(), at: now };
        push_bounded(&mut self.departed_group_locks, departed, DEPARTED_MAX);
        Some(row)
    }

    /// The groups that open a door.
    pub(super) fn groups_of_lock(&self, lock_id: Id) -> impl Iterator<Item = Id> {
        let rows = self.index.group_locks_by_lock.of(&lock_id);
        rows.filter_map(|id| self.group_locks.get(&id)).map(|row| row.group_id)
    }

    /// The doors that a group opens.
    pub(super) fn locks_of_group(&self, group_id: Id) -> impl Iterator<Item = Id> {
        let rows = self.index.group_locks_by_group.of(&group_id);
        rows.filter_map(|id| self.group_locks.get(&id)).map(|row| row.lock_id)
    }

    // Logins and links

    pub(super) fn logins_of_user(&self, user_id: Id) -> impl Iterator<Item = &Login> {
        self.index.logins_by_user.of(&user_id).filter_map(|id| self.logins.get(&id))
    }

    pub(super) fn insert_login(&mut self, login: Login) {
        self.index.login_by_secret.insert(login.secret.clone(), login.record.id);
        self.index.logins_by_user.add(login.record.user_id, login.record.id);
        self.logins.insert(login.record.id, login);
    }

    pub(super) fn remove_login(&mut self, id: Id) -> Option<Login> {
        let login = self.logins.remove(&id)?;
        self.index.login_by_secret.remove(&login.secret);
        self.index.logins_by_user.remove(&login.record.user_id, id);
        Some(login)
    }

    pub(super) fn insert_link(&mut self, link: GroupLink) {
        self.index.link_by_secret.insert(link.secret.clone(), link.record.id);
        self.index.links_by_group.add(link.record.group_id, link.record.id);
        self.links.insert(link.record.id, link);
    }

    pub(super) fn remove_link(&mut self, id: Id) -> Option<GroupLink> {
        let link = self.links.remove(&id)?;
        self.index.link_by_secret.remove(&link.secret);
        self.index.links_by_group.remove(&link.record.group_id, id);
        Some(link)
    }

    // Cards

    pub(super) fn assignment_of_card(&self, card: Id) -> Option<&CardAssignmentRecord> {
        self.card_assignments.values().find(|row| row.card_id == card)
    }

    /// Its assignment goes along.
    pub(super) fn remove_card(&mut self, id: Id) -> Option<CardRecord> {
        self.card_assignments.retain(|_, row| row.card_id != id);
        self.cards.remove(&id)
    }

    // Logs

    pub(super) fn push_event(&mut self, event: Event) {
        push_bounded(&mut self.events, event, EVENTS_MAX);
    }

    pub(super) fn push_event_set(&mut self, set: EventSet) {
        while self.event_sets.len() >= EVENT_SETS_MAX {
            self.event_sets.pop_first();
        }
        self.event_sets.insert(set.id, set);
    }

    pub(super) fn mail(&mut self, to: &str, about: &str, now: Timestamp) {
        let mail = Mail { to: to.to_owned(), about: about.to_owned(), at: now };
        push_bounded(&mut self.mails, mail, MAILS_MAX);
    }

    /// Mails a user, unless it is a managed one: those never get mail.
    pub(super) fn mail_user(&mut self, user_id: Id, about: &str, now: Timestamp) {
        if let Some(user) = self.users.get(&user_id)
            && !user.managed
        {
            let email = user.record.email.clone();
            self.mail(&email, about, now);
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests;
