//! Who may open which door now, and with which of Kisi's codes not (Kisi API reference, Error codes).
//!
//! Pure: decides on a state, changes nothing.

use std::collections::BTreeSet;

use domain::Timestamp;
use http::StatusCode;

use super::auth::permits;
use super::error::ApiError;
use super::model::{GroupRecord, Id, LockRecord, Target};
use super::roles::{Permission, Role};
use super::state::State;

/// Who stands at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visitor {
    User(Id),
    Link(Id),
}

/// How the visitor asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Approach {
    /// From the app or through the API.
    App {
        /// Latitude and longitude, if told.
        location: Option<(f64, f64)>,
        /// Whether proof of being at the reader came along.
        is_at_reader: bool,
        /// Whether the login is the user's primary device.
        is_primary: bool,
    },
    /// With a card or phone at the reader.
    Reader,
}

/// Why a door stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) text: &'static str,
}

const fn denial(status: StatusCode, code: &'static str, text: &'static str) -> Denial {
    Denial { status, code, text }
}

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const NO_DOOR: Denial = denial(StatusCode::NOT_FOUND, "fad10e", "Door not found");
const SUSPENDED: Denial = denial(FORBIDDEN, "fcd8ff", "Access is disabled");
const NO_RIGHT: Denial = denial(FORBIDDEN, "fcd8ef", "Access denied");
const TOO_EARLY: Denial = denial(FORBIDDEN, "f358de", "The access right is not yet valid");
const TOO_LATE: Denial = denial(FORBIDDEN, "f35ade", "The access right is no longer valid");
const NO_APP: Denial = denial(FORBIDDEN, "f01337", "The group does not allow app access");
const NOT_PRIMARY: Denial = denial(FORBIDDEN, "34bd8f", "This is not the primary device");
const NOT_NOW: Denial = denial(FORBIDDEN, "34ffaa", "Access is not allowed at this time");
const TOO_FAR: Denial = denial(FORBIDDEN, "a3995f", "Too far away from the door");
const NO_LOCATION: Denial = denial(FORBIDDEN, "bbb99f", "The location is not known");
const NO_DOOR_LOCATION: Denial = denial(FORBIDDEN, "bbb93f", "The location of the door is not known");
const NOT_AT_READER: Denial = denial(FORBIDDEN, "bb4faa", "Not close to the reader");
const LOCK_DOWN: Denial = denial(FORBIDDEN, "fad001", "The door is in lockdown");
const PLACE_LOCK_DOWN: Denial = denial(FORBIDDEN, "fad002", "The place is in lockdown");
const NO_CARD: Denial = denial(StatusCode::NOT_FOUND, "faa9ef", "The card could not be found");
const CARD_NOT_ACTIVE: Denial = denial(FORBIDDEN, "faa9ff", "The card is not activated");
const NO_CONTROLLER: Denial = denial(StatusCode::CONFLICT, "ff420a", "The door has no controller");
const OFFLINE: Denial = denial(StatusCode::SERVICE_UNAVAILABLE, "fac001", "The controller is unavailable");

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::coded(denial.status, denial.code, denial.text)
    }
}

/// By what right a door opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    /// `RoleAssignment` or `GroupLink`.
    pub(super) kind: &'static str,
    pub(super) id: Id,
    pub(super) role_id: Option<String>,
}

/// Whose a card is, if it works.
pub(super) fn holder(state: &State, token: &str) -> Result<Id, Denial> {
    let card = state.cards.values().find(|card| card.token == token).ok_or(NO_CARD)?;
    let assignment = state.assignment_of_card(card.id).filter(|row| row.is_active);
    assignment.map(|row| row.assignee_id).ok_or(CARD_NOT_ACTIVE)
}

/// Whether the door opens now: the right, then the hardware.
pub(super) fn judge(
    state: &State,
    visitor: Visitor,
    lock_id: Id,
    approach: Approach,
    now: Timestamp,
) -> Result<Authority, Denial> {
    let lock = state.locks.get(&lock_id).ok_or(NO_DOOR)?;
    let authority = right(state, visitor, lock, approach, now)?;
    if is_locked_down(state, lock) {
        return Err(if lock.locked_down { LOCK_DOWN } else { PLACE_LOCK_DOWN });
    }
    if !lock.configured {
        return Err(NO_CONTROLLER);
    }
    if lock.online == Some(false) {
        return Err(OFFLINE);
    }
    Ok(authority)
}

/// Whether the visitor may open the door now, whatever the state of the hardware.
pub(super) fn right(
    state: &State,
    visitor: Visitor,
    lock: &LockRecord,
    approach: Approach,
    now: Timestamp,
) -> Result<Authority, Denial> {
    match visitor {
        Visitor::User(user_id) => user_right(state, user_id, lock, approach, now),
        Visitor::Link(link_id) => link_right(state, link_id, lock, now),
    }
}

fn user_right(
    state: &State,
    user_id: Id,
    lock: &LockRecord,
    approach: Approach,
    now: Timestamp,
) -> Result<Authority, Denial> {
    let user = state.users.get(&user_id).ok_or(NO_RIGHT)?;
    if !user.record.access_enabled {
        return Err(SUSPENDED);
    }
    // Administrators unlock through the API; at the reader they need a group as everyone does.
    if matches!(approach, Approach::App { .. })
        && let Some(authority) = unlock_permission(state, user_id, lock)
    {
        return Ok(authority);
    }
    // Any one right is enough. If there is none, the visitor hears of the one that came furthest.
    let mut furthest = (0, NO_RIGHT);
    for group_id in state.groups_of_lock(lock.id) {
        let Some(group) = state.groups.get(&group_id) else { continue };
        let rows = state.assignments_of_user(user_id).filter(|row| row.target == Target::Group(group_id));
        for row in rows {
            let window = in_window(row.valid_from, row.valid_until, now);
            match window.and_then(|()| restrictions(state, group, lock, approach, now)) {
                Ok(()) => {
                    return Ok(Authority {
                        kind: "RoleAssignment",
                        id: row.id,
                        role_id: Some(row.role_id.clone()),
                    });
                }
                Err(denial) if stage(denial) > furthest.0 => furthest = (stage(denial), denial),
                Err(_) => {}
            }
        }
    }
    Err(furthest.1)
}

/// How far a right came before it failed. Among windows, one that is still to come tells more.
fn stage(denial: Denial) -> u8 {
    match denial.code {
        code if code == TOO_LATE.code => 1,
        code if code == TOO_EARLY.code => 2,
        code if code == NO_APP.code || code == NOT_PRIMARY.code => 3,
        code if code == NOT_NOW.code => 4,
        _ => 5,
    }
}

/// The permission to unlock by a role in the organization or in the door's place.
fn unlock_permission(state: &State, user_id: Id, lock: &LockRecord) -> Option<Authority> {
    let organization = Target::Organization(state.organization.id);
    let place = Target::Place(lock.place_id);
    state
        .assignments_of_user(user_id)
        .filter(|row| row.target == organization || row.target == place)
        .find(|row| Role::find(&row.role_id).is_some_and(|role| role.permits(Permission::LocksUnlock)))
        .map(|row| Authority { kind: "RoleAssignment", id: row.id, role_id: Some(row.role_id.clone()) })
}

/// Geofence and reader restrictions do not apply to group links, schedules do.
fn link_right(state: &State, link_id: Id, lock: &LockRecord, now: Timestamp) -> Result<Authority, Denial> {
    let link = state.links.get(&link_id).ok_or(NO_RIGHT)?;
    let group = state.groups.get(&link.record.group_id).ok_or(NO_RIGHT)?;
    if !state.locks_of_group(group.id).any(|id| id == lock.id) {
        return Err(NO_RIGHT);
    }
    in_window(link.record.valid_from, link.record.valid_until, now)?;
    on_schedule(state, group, lock, now)?;
    Ok(Authority { kind: "GroupLink", id: link_id, role_id: None })
}

/// From is in, until is out.
fn in_window(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> Result<(), Denial> {
    if from.is_some_and(|from| now < from) {
        return Err(TOO_EARLY);
    }
    if until.is_some_and(|until| until <= now) {
        return Err(TOO_LATE);
    }
    Ok(())
}

fn restrictions(
    state: &State,
    group: &GroupRecord,
    lock: &LockRecord,
    approach: Approach,
    now: Timestamp,
) -> Result<(), Denial> {
    if let Approach::App { is_primary, .. } = approach {
        if !group.login_enabled {
            return Err(NO_APP);
        }
        if group.primary_device_restriction_enabled && !is_primary {
            return Err(NOT_PRIMARY);
        }
    }
    on_schedule(state, group, lock, now)?;
    if let Approach::App { location, is_at_reader, .. } = approach {
        if lock.geofence_restriction_enabled {
            in_geofence(lock, lock.geofence_restriction_radius, location)?;
        }
        if group.geofence_restriction_enabled {
            in_geofence(lock, group.geofence_restriction_radius, location)?;
        }
        if (lock.reader_restriction_enabled || group.reader_restriction_enabled) && !is_at_reader {
            return Err(NOT_AT_READER);
        }
    }
    Ok(())
}

/// A time restriction without a schedule lets nobody in.
fn on_schedule(state: &State, group: &GroupRecord, lock: &LockRecord, now: Timestamp) -> Result<(), Denial> {
    let restricted = [(group.time_restriction_enabled, group.id), (lock.time_restriction_enabled, lock.id)];
    for (_, id) in restricted.into_iter().filter(|(is_restricted, _)| *is_restricted) {
        let schedule = state.schedules.get(&id).map(Vec::as_slice).unwrap_or_default();
        if !schedule.iter().any(|window| window.contains(now)) {
            return Err(NOT_NOW);
        }
    }
    Ok(())
}

fn in_geofence(lock: &LockRecord, radius_m: f64, location: Option<(f64, f64)>) -> Result<(), Denial> {
    let (Some(latitude), Some(longitude)) = (lock.latitude, lock.longitude) else {
        return Err(NO_DOOR_LOCATION);
    };
    let location = location.ok_or(NO_LOCATION)?;
    if distance_m((latitude, longitude), location) <= radius_m { Ok(()) } else { Err(TOO_FAR) }
}

/// Distance of two places on the earth by the haversine formula, in metres.
fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    const EARTH_RADIUS_M: f64 = 6_371_000.0;
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let half_lat = (lat_b - lat_a) / 2.0;
    let half_lon = (b.1 - a.1).to_radians() / 2.0;
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
}

fn is_locked_down(state: &State, lock: &LockRecord) -> bool {
    lock.locked_down || state.places.get(&lock.place_id).is_some_and(|place| place.locked_down)
}

/// Whether a reader whose cache shows the rights as of `cached_at` opens: it looks there before it asks
/// the cloud, and needs no connection for it. What the cache holds is a person's right with its window.
pub(super) fn opens_from_cache(
    state: &State,
    email: &str,
    lock_id: Id,
    cached_at: Timestamp,
    now: Timestamp,
) -> bool {
    let Some(lock) = state.locks.get(&lock_id) else { return false };
    let email = email.trim().to_lowercase();
    let user = state.user_by_email(&email);
    if user.and_then(|user| user.suspended_at).is_some_and(|at| at <= cached_at) {
        return false;
    }
    let present = user.into_iter().flat_map(|user| state.assignments_of_user(user.record.id));
    let present = present.filter(|row| row.updated_at <= cached_at);
    let departed = state
        .departed_assignments
        .iter()
        .filter(|departed| departed.email == email && cached_at < departed.at)
        .map(|departed| &departed.row)
        .filter(|row| row.updated_at <= cached_at);
    let mut rows = present.chain(departed);
    !is_locked_down(state, lock)
        && rows.any(|row| {
            let Target::Group(group_id) = row.target else { return false };
            in_window(row.valid_from, row.valid_until, now).is_ok()
                && group_had_lock(state, group_id, lock_id, cached_at)
                // A group that is gone restricts nothing any more.
                && state.groups.get(&group_id).is_none_or(|group| on_schedule(state, group, lock, now).is_ok())
        })
}

fn group_had_lock(state: &State, group_id: Id, lock_id: Id, at: Timestamp) -> bool {
    let present = state.index.group_locks_by_group.of(&group_id);
    let mut present = present.filter_map(|id| state.group_locks.get(&id));
    let mut departed = state.departed_group_locks.iter().filter(|departed| at < departed.at);
    present.any(|row| row.lock_id == lock_id && row.created_at <= at)
        || departed.any(|departed| {
            let row = &departed.row;
            row.group_id == group_id && row.lock_id == lock_id && row.created_at <= at
        })
}

/// The doors that a visitor may open now, in order.
pub(super) fn open_to(state: &State, visitor: Visitor, now: Timestamp) -> Vec<&LockRecord> {
    let locks = reachable(state, visitor).into_iter().filter_map(|id| state.locks.get(&id));
    locks
        .filter(|lock| {
            // Where the person is and with which phone is only known when they ask for a door.
            let location = lock.latitude.zip(lock.longitude);
            let best = Approach::App { location, is_at_reader: true, is_primary: true };
            right(state, visitor, lock, best, now).is_ok()
        })
        .collect()
}

/// The doors that any of the visitor's roles or groups reaches.
fn reachable(state: &State, visitor: Visitor) -> BTreeSet<Id> {
    match visitor {
        Visitor::User(user_id) => {
            if permits(state, user_id, Permission::LocksUnlock) {
                return state.locks.keys().copied().collect();
            }
            let mut reached = BTreeSet::new();
            for row in state.assignments_of_user(user_id) {
                match row.target {
                    Target::Group(id) => reached.extend(state.locks_of_group(id)),
                    Target::Place(id) => {
                        reached.extend(state.locks.values().filter(|lock| lock.place_id == id).map(|l| l.id));
                    }
                    Target::Organization(_) => {}
                }
            }
            reached
        }
        Visitor::Link(link_id) => {
            let group = state.links.get(&link_id).map(|link| link.record.group_id);
            group.into_iter().flat_map(|group| state.locks_of_group(group)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_in_metres() {
        let stephansdom = (48.2085, 16.3731);
        let karlskirche = (48.1983, 16.3719);
        let metres = distance_m(stephansdom, karlskirche);
        assert!((1_100.0..1_180.0).contains(&metres), "{metres}");
        assert!(distance_m(stephansdom, stephansdom) < 0.001);
    }

    #[test]
    fn a_window_begins_with_its_start_and_ends_before_its_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let from = Some(at("2026-12-01T09:00:00Z"));
        let until = Some(at("2026-12-01T11:00:00Z"));
        assert_eq!(in_window(from, until, at("2026-12-01T08:59:59Z")), Err(TOO_EARLY));
        assert_eq!(in_window(from, until, at("2026-12-01T09:00:00Z")), Ok(()));
        assert_eq!(in_window(from, until, at("2026-12-01T10:59:59Z")), Ok(()));
        assert_eq!(in_window(from, until, at("2026-12-01T11:00:00Z")), Err(TOO_LATE));
        assert_eq!(in_window(None, None, at("2026-12-01T11:00:00Z")), Ok(()));
    }
}
