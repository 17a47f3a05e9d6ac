//! Short forms: how Kisi nests one object in another.

use serde::Serialize;

use super::model::{GroupRecord, Id, PlaceRecord, User};
use super::state::State;

/// `{id, resource_type, name}`.
#[derive(Serialize)]
pub(super) struct Short {
    id: Id,
    resource_type: &'static str,
    name: String,
}

impl Short {
    pub(super) fn organization(state: &State) -> Self {
        let organization = &state.organization;
        Self { id: organization.id, resource_type: "Organization", name: organization.name.clone() }
    }

    pub(super) fn place(place: &PlaceRecord) -> Self {
        Self { id: place.id, resource_type: "Place", name: place.name.clone() }
    }

    pub(super) fn group(group: &GroupRecord) -> Self {
        Self { id: group.id, resource_type: "Group", name: group.name.clone() }
    }

    pub(super) fn place_of(state: &State, id: Option<Id>) -> Option<Self> {
        state.places.get(&id?).map(Self::place)
    }

    pub(super) fn group_of(state: &State, id: Id) -> Option<Self> {
        state.groups.get(&id).map(Self::group)
    }
}

/// `{id, resource_type, email, name}`.
#[derive(Serialize)]
pub(super) struct ShortUser {
    id: Id,
    resource_type: &'static str,
    email: String,
    name: Option<String>,
}

impl ShortUser {
    pub(super) fn new(user: &User) -> Self {
        let record = &user.record;
        Self { id: record.id, resource_type: "User", email: record.email.clone(), name: record.name.clone() }
    }

    pub(super) fn of(state: &State, id: Id) -> Option<Self> {
        state.users.get(&id).map(Self::new)
    }
}
