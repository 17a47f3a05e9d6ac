//! How organizations come to be: from the configuration, the control API, or a test.

use std::sync::{Arc, PoisonError};

use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::{
    GroupLockRecord, Id, Login, LoginRecord, OrganizationRecord, PlaceRecord, RoleAssignment, Target,
};
use super::organization::{Organization, new_secret};
use super::roles::OWNER;
use super::state::State;
use super::switches::Switches;
use super::{Kisi, groups, locks, users};

/// Fourteen days, as Kisi has it.
const DEVICE_LOGINS_EXPIRE_AFTER: Duration = Duration::days(14);

/// What the Kisi twin takes as configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Organizations that are there from the start.
    pub organizations: Vec<NewOrganization>,
    /// Whether organizations have rate limits if they don't say. Default: as Kisi, they have.
    pub rate_limit: Option<bool>,
}

/// An organization to be made, with its owner, an API key of the owner, and all else that is listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewOrganization {
    /// Its name.
    pub name: String,
    /// Its domain; made from the name if left out. Unique.
    pub domain: Option<String>,
    /// IANA name; `UTC` if left out.
    pub time_zone: Option<String>,
    /// The owner's email; `owner@<domain>.example` if left out.
    pub owner_email: Option<String>,
    /// The key's secret; a random one if left out. Unique. The key never expires.
    pub api_key: Option<String>,
    /// Its places, with doors and groups.
    pub places: Vec<NewPlace>,
    /// Groups of the whole organization.
    pub groups: Vec<NewGroup>,
    /// How it behaves where Kisi's behaviour is unknown or varies.
    pub switches: Option<Switches>,
}

/// A place to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewPlace {
    /// Its name.
    pub name: String,
    /// Postal address.
    pub address: Option<String>,
    /// IANA name; the organization's if left out.
    pub time_zone: Option<String>,
    /// Degrees; also of its doors.
    pub latitude: Option<f64>,
    /// Degrees; also of its doors.
    pub longitude: Option<f64>,
    /// Names of its doors. They are configured and online.
    pub locks: Vec<String>,
    /// Groups of the place.
    pub groups: Vec<NewGroup>,
}

/// A group to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Names of the doors that it opens.
    pub locks: Vec<String>,
}

/// An organization that was made.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedOrganization {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// Its owner.
    pub owner: CreatedOwner,
    /// The owner's key.
    pub api_key: CreatedKey,
    /// In the order they were given.
    pub places: Vec<CreatedPlace>,
    /// In the order they were given.
    pub groups: Vec<CreatedGroup>,
}

/// The user who owns an organization.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedOwner {
    /// The user's id.
    pub id: Id,
    /// The user's email.
    pub email: String,
}

/// An API key.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedKey {
    /// The login's id.
    pub id: Id,
    /// What stands after `KISI-LOGIN`.
    pub secret: String,
}

/// A place that was made.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedPlace {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// In the order they were given.
    pub locks: Vec<CreatedLock>,
    /// In the order they were given.
    pub groups: Vec<CreatedGroup>,
}

/// A door that was made.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedLock {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
}

/// A group that was made.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedGroup {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
}

/// Why an organization was not made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is one with that domain.
    #[error("there is an organization with the domain {0:?} already")]
    DomainTaken(String),
    /// There is a key, login or link with that secret.
    #[error("the API key of organization {0:?} is in use already")]
    KeyTaken(String),
    /// A name is empty.
    #[error("{0} must have a name")]
    Nameless(&'static str),
    /// A group names a door that is not listed.
    #[error("group {group:?} names the door {lock:?}, which is not listed with it")]
    UnknownLock {
        /// The group's name.
        group: String,
        /// The door's name.
        lock: String,
    },
}

impl Kisi {
    /// Makes an organization, its owner, a key, and all that is listed.
    pub fn create_organization(&self, new: NewOrganization) -> Result<CreatedOrganization, SeedError> {
        check(&new)?;
        let _creating = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let domain = new.domain.clone().unwrap_or_else(|| slug(&new.name));
        if self.by_domain(&domain).is_some() {
            return Err(SeedError::DomainTaken(domain));
        }
        if new.api_key.as_deref().is_some_and(|key| self.by_secret(key).is_some()) {
            return Err(SeedError::KeyTaken(new.name));
        }
        let now = self.now();
        let owner_id = self.next_id();
        let organization = Organization::new(
            OrganizationRecord {
                id: self.next_id(),
                name: new.name.clone(),
                domain: domain.clone(),
                time_zone: new.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
                device_logins_expire_after: DEVICE_LOGINS_EXPIRE_AFTER.num_seconds(),
                user_id: owner_id,
                created_at: now,
                updated_at: now,
            },
            new.switches.clone().unwrap_or_else(|| {
                let defaults = Switches::default();
                Switches { rate_limit: self.config.rate_limit.unwrap_or(defaults.rate_limit), ..defaults }
            }),
            self.shared.clone(),
        );
        let mut state = organization.state();
        let owner = self.add_owner(&mut state, owner_id, &new, &domain);
        let api_key = self.add_key(&organization, &mut state, owner_id, new.api_key.as_deref());
        let places: Vec<CreatedPlace> =
            new.places.iter().map(|place| self.add_place(&mut state, place)).collect();
        let locks: Vec<CreatedLock> = places.iter().flat_map(|place| place.locks.iter().cloned()).collect();
        let groups = new.groups.iter().map(|group| self.add_group(&mut state, group, None, &locks)).collect();
        drop(state);
        let id = organization.id();
        self.insert(organization);
        Ok(CreatedOrganization { id, name: new.name, domain, owner, api_key, places, groups })
    }

    fn add_owner(&self, state: &mut State, id: Id, new: &NewOrganization, domain: &str) -> CreatedOwner {
        let email = new.owner_email.clone().unwrap_or_else(|| format!("owner@{domain}.example"));
        let organization_id = state.organization.id;
        let mut owner = users::new_user(
            id,
            email.clone(),
            Some(format!("{} owner", new.name)),
            organization_id,
            self.now(),
        );
        owner.confirmed = true;
        state.insert_user(owner);
        let target = Target::Organization(organization_id);
        state.insert_assignment(role(self.next_id(), id, target, OWNER, self.now()));
        CreatedOwner { id, email }
    }

    fn add_key(
        &self,
        organization: &Arc<Organization>,
        state: &mut State,
        user_id: Id,
        secret: Option<&str>,
    ) -> CreatedKey {
        let secret = secret.map_or_else(new_secret, str::to_owned);
        let login = api_login(self.next_id(), user_id, secret.clone(), false, self.now());
        let id = login.record.id;
        organization.add_login(state, login);
        CreatedKey { id, secret }
    }

    fn add_place(&self, state: &mut State, new: &NewPlace) -> CreatedPlace {
        let now = self.now();
        let id = self.next_id();
        let place = PlaceRecord {
            id,
            name: new.name.clone(),
            description: None,
            address: new.address.clone().unwrap_or_else(|| new.name.clone()),
            latitude: new.latitude,
            longitude: new.longitude,
            time_zone: new.time_zone.clone().unwrap_or_else(|| state.organization.time_zone.clone()),
            locked_down: false,
            locked_down_since: None,
            organization_id: state.organization.id,
            created_at: now,
            updated_at: now,
        };
        state.places.insert(id, place);
        let locks: Vec<CreatedLock> = new
            .locks
            .iter()
            .map(|name| {
                let mut lock = locks::new_lock(self.next_id(), name.clone(), id, now);
                (lock.latitude, lock.longitude) = (new.latitude, new.longitude);
                let created = CreatedLock { id: lock.id, name: name.clone() };
                state.locks.insert(lock.id, lock);
                created
            })
            .collect();
        let groups = new.groups.iter().map(|group| self.add_group(state, group, Some(id), &locks)).collect();
        CreatedPlace { id, name: new.name.clone(), locks, groups }
    }

    fn add_group(
        &self,
        state: &mut State,
        new: &NewGroup,
        place_id: Option<Id>,
        locks: &[CreatedLock],
    ) -> CreatedGroup {
        let now = self.now();
        let id = self.next_id();
        state.groups.insert(id, groups::new_group(id, new.name.clone(), place_id, now));
        for lock in locks.iter().filter(|lock| new.locks.contains(&lock.name)) {
            let lock_place = state.locks.get(&lock.id).map_or(0, |lock| lock.place_id);
            state.insert_group_lock(GroupLockRecord {
                id: self.next_id(),
                group_id: id,
                lock_id: lock.id,
                place_id: lock_place,
                created_at: now,
                updated_at: now,
            });
        }
        CreatedGroup { id, name: new.name.clone() }
    }
}

fn check(new: &NewOrganization) -> Result<(), SeedError> {
    if new.name.trim().is_empty() {
        return Err(SeedError::Nameless("an organization"));
    }
    if new.places.iter().any(|place| place.name.trim().is_empty()) {
        return Err(SeedError::Nameless("a place"));
    }
    let all_locks: Vec<&String> = new.places.iter().flat_map(|place| &place.locks).collect();
    let of_organization = new.groups.iter().map(|group| (group, all_locks.clone()));
    let of_places = new
        .places
        .iter()
        .flat_map(|place| place.groups.iter().map(|group| (group, place.locks.iter().collect())));
    for (group, known) in of_organization.chain(of_places) {
        if group.name.trim().is_empty() {
            return Err(SeedError::Nameless("a group"));
        }
        if let Some(lock) = group.locks.iter().find(|lock| !known.contains(lock)) {
            return Err(SeedError::UnknownLock { group: group.name.clone(), lock: lock.clone() });
        }
    }
    Ok(())
}

/// Lower-case letters and digits, the rest as dashes.
fn slug(name: &str) -> String {
    let dashed: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    dashed.trim_matches('-').to_owned()
}

/// A right without a window that nobody gave.
pub(super) fn role(id: Id, user_id: Id, target: Target, role_id: &str, now: Timestamp) -> RoleAssignment {
    RoleAssignment {
        id,
        user_id,
        target,
        role_id: role_id.to_owned(),
        notify: false,
        valid_from: None,
        valid_until: None,
        created_by_id: None,
        created_at: now,
        updated_at: now,
    }
}

pub(super) fn api_login(id: Id, user_id: Id, secret: String, expire: bool, now: Timestamp) -> Login {
    Login {
        record: LoginRecord {
            id,
            r#type: "api".to_owned(),
            name: Some("API key".to_owned()),
            primary: false,
            expire,
            last_used_at: None,
            device_brand: None,
            device_model: None,
            os_name: None,
            user_id,
            created_at: now,
            updated_at: now,
        },
        secret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_cannot_name_a_door_of_another_place() {
        let new = NewOrganization {
            name: "Demo".to_owned(),
            places: vec![
                NewPlace { name: "A".to_owned(), locks: vec!["Front".to_owned()], ..NewPlace::default() },
                NewPlace {
                    name: "B".to_owned(),
                    groups: vec![NewGroup { name: "G".to_owned(), locks: vec!["Front".to_owned()] }],
                    ..NewPlace::default()
                },
            ],
            ..NewOrganization::default()
        };
        assert!(matches!(check(&new), Err(SeedError::UnknownLock { .. })));
    }

    #[test]
    fn a_domain_is_made_from_the_name() {
        assert_eq!(slug("Demo Space"), "demo-space");
    }
}
