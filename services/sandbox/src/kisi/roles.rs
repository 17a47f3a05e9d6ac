//! Kisi's roles and what each permits (Kisi API reference, Roles; Kisi docs, Roles and permissions).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use serde::Serialize;

use super::auth::Session;
use super::error::ApiError;

/// A permission of an organization's role. The names are the vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    PlacesRead,
    PlacesWrite,
    LocksRead,
    LocksWrite,
    LocksUnlock,
    LocksLockDown,
    GroupsRead,
    GroupsWrite,
    GroupLocksRead,
    GroupLocksWrite,
    UsersRead,
    UsersWrite,
    RoleAssignmentsRead,
    RoleAssignmentsWrite,
    GroupLinksRead,
    GroupLinksWrite,
    LoginsRead,
    LoginsWrite,
    CardsRead,
    CardsWrite,
    EventsRead,
    IntegrationsRead,
    IntegrationsWrite,
}

use Permission as P;

impl Permission {
    const ALL: [Self; 23] = [
        P::PlacesRead,
        P::PlacesWrite,
        P::LocksRead,
        P::LocksWrite,
        P::LocksUnlock,
        P::LocksLockDown,
        P::GroupsRead,
        P::GroupsWrite,
        P::GroupLocksRead,
        P::GroupLocksWrite,
        P::UsersRead,
        P::UsersWrite,
        P::RoleAssignmentsRead,
        P::RoleAssignmentsWrite,
        P::GroupLinksRead,
        P::GroupLinksWrite,
        P::LoginsRead,
        P::LoginsWrite,
        P::CardsRead,
        P::CardsWrite,
        P::EventsRead,
        P::IntegrationsRead,
        P::IntegrationsWrite,
    ];

    fn name(self) -> &'static str {
        match self {
            P::PlacesRead => "places_read",
            P::PlacesWrite => "places_write",
            P::LocksRead => "locks_read",
            P::LocksWrite => "locks_write",
            P::LocksUnlock => "locks_unlock",
            P::LocksLockDown => "locks_lock_down",
            P::GroupsRead => "groups_read",
            P::GroupsWrite => "groups_write",
            P::GroupLocksRead => "group_locks_read",
            P::GroupLocksWrite => "group_locks_write",
            P::UsersRead => "users_read",
            P::UsersWrite => "users_write",
            P::RoleAssignmentsRead => "role_assignments_read",
            P::RoleAssignmentsWrite => "role_assignments_write",
            P::GroupLinksRead => "group_links_read",
            P::GroupLinksWrite => "group_links_write",
            P::LoginsRead => "logins_read",
            P::LoginsWrite => "logins_write",
            P::CardsRead => "cards_read",
            P::CardsWrite => "cards_write",
            P::EventsRead => "events_read",
            P::IntegrationsRead => "integrations_read",
            P::IntegrationsWrite => "integrations_write",
        }
    }
}

/// One of Kisi's own roles; custom ones the twin has none.
pub(super) struct Role {
    pub(super) id: &'static str,
    name: &'static str,
    /// `Organization`, `Place` or `Group`.
    pub(super) applies_to: &'static str,
    /// Nobody may give or take a role of a higher level than their own.
    pub(super) level: u8,
    permissions: &'static [Permission],
}

const READ: &[Permission] = &[
    P::PlacesRead,
    P::LocksRead,
    P::GroupsRead,
    P::GroupLocksRead,
    P::UsersRead,
    P::RoleAssignmentsRead,
    P::GroupLinksRead,
    P::EventsRead,
];

const MANAGE_USERS: &[Permission] = &[
    P::PlacesRead,
    P::LocksRead,
    P::GroupsRead,
    P::GroupLocksRead,
    P::UsersRead,
    P::UsersWrite,
    P::RoleAssignmentsRead,
    P::GroupLinksRead,
];

const MANAGE_ACCESS: &[Permission] = &[
    P::PlacesRead,
    P::LocksRead,
    P::GroupsRead,
    P::GroupsWrite,
    P::GroupLocksRead,
    P::GroupLocksWrite,
    P::UsersRead,
    P::UsersWrite,
    P::RoleAssignmentsRead,
    P::RoleAssignmentsWrite,
    P::GroupLinksRead,
    P::GroupLinksWrite,
    P::CardsRead,
    P::CardsWrite,
    P::EventsRead,
];

/// The role of an organization's one owner. Nobody can assign it.
pub(super) const OWNER: &str = "organization_owner";

const ROLES: [Role; 10] = [
    role(OWNER, "Organization owner", "Organization", 9, &Permission::ALL),
    role("organization_administrator", "Organization administrator", "Organization", 8, &Permission::ALL),
    role("organization_access_manager", "Organization access manager", "Organization", 6, MANAGE_ACCESS),
    role("organization_user_manager", "Organization user manager", "Organization", 5, MANAGE_USERS),
    role("organization_observer", "Organization observer", "Organization", 1, READ),
    role("place_owner", "Place owner", "Place", 4, &[P::LocksUnlock]),
    role("place_administrator", "Place administrator", "Place", 4, &[P::LocksUnlock]),
    role("place_access_manager", "Place access manager", "Place", 3, &[]),
    role("group_manager", "Group manager", "Group", 2, &[]),
    role("group_basic", "Group member", "Group", 0, &[]),
];

const fn role(
    id: &'static str,
    name: &'static str,
    applies_to: &'static str,
    level: u8,
    permissions: &'static [Permission],
) -> Role {
    Role { id, name, applies_to, level, permissions }
}

impl Role {
    pub(super) fn find(id: &str) -> Option<&'static Self> {
        const { &ROLES }.iter().find(|role| role.id == id)
    }

    pub(super) fn permits(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    fn body(&self) -> RoleBody {
        RoleBody {
            id: self.id,
            resource_type: "Role",
            name: self.name,
            description: None,
            applies_to: self.applies_to,
            custom: false,
            custom_role_id: None,
            permissions: Permission::ALL.into_iter().map(|p| (p.name(), self.permits(p))).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct RoleBody {
    id: &'static str,
    resource_type: &'static str,
    name: &'static str,
    description: super::model::Null,
    applies_to: &'static str,
    custom: bool,
    custom_role_id: super::model::Null,
    permissions: BTreeMap<&'static str, bool>,
}

pub(super) async fn list(session: Session) -> Result<Json<Vec<RoleBody>>, ApiError> {
    session.user_id()?;
    Ok(Json(ROLES.iter().map(Role::body).collect()))
}

pub(super) async fn get(session: Session, Path(id): Path<String>) -> Result<Json<RoleBody>, ApiError> {
    session.user_id()?;
    Role::find(&id).map(|role| Json(role.body())).ok_or_else(ApiError::not_found)
}
