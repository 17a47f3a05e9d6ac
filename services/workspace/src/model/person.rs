//! People.

use domain::contact::{Country, EmailAddress, PhoneNumber};
use domain::{LocationId, PersonId, WorkspaceId};

chassis::text_enum! {
    /// What a person may do.
    pub(crate) enum Role { Owner = "owner", Admin = "admin", Manager = "manager", Member = "member", Guest = "guest" }
}

chassis::text_enum! {
    /// Whether a person may be here.
    pub(crate) enum PersonStatus { Active = "active", Paused = "paused", Removed = "removed" }
}

/// What is told about a person. Has an email address or a phone number.
#[derive(Debug, Clone)]
pub(crate) struct PersonDetails {
    pub display_name: String,
    pub email: Option<EmailAddress>,
    pub phone: Option<PhoneNumber>,
    pub country: Option<Country>,
}

/// A person as stored.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub id: PersonId,
    pub display_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub country: Option<String>,
    pub role: Role,
    /// Where a manager is one.
    pub locations: Vec<LocationId>,
    pub status: PersonStatus,
    pub version: i64,
}

/// A person's place in a workspace, as someone who signs in sees it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub workspace: WorkspaceId,
    pub workspace_display_name: String,
    pub person: PersonId,
    pub display_name: String,
    pub email: String,
    pub role: Role,
    pub locations: Vec<LocationId>,
}

/// Why a person's place in the workspace stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The workspace needs its owner.
    Owner,
    /// Removed people do not come back; they are added anew.
    Removed,
    /// Only an active person may own a workspace.
    NotActive,
    /// Nobody can sign in without.
    NoEmail,
}

/// What shall become of a person's place in the workspace.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// Another role than owner, at these locations if it is that of a manager.
    Role(Role, Vec<LocationId>),
    Pause,
    Unpause,
    Remove,
}

impl Person {
    /// The person after the request; `None` if it is so already.
    pub(crate) fn plan(&self, request: &Request) -> Result<Option<Self>, Refusal> {
        if self.role == Role::Owner {
            return Err(Refusal::Owner);
        }
        let after = match request {
            Request::Remove => Self { status: PersonStatus::Removed, ..self.clone() },
            _ if self.status == PersonStatus::Removed => return Err(Refusal::Removed),
            Request::Role(role, locations) => {
                Self { role: *role, locations: locations.clone(), ..self.clone() }
            }
            Request::Pause => Self { status: PersonStatus::Paused, ..self.clone() },
            Request::Unpause => Self { status: PersonStatus::Active, ..self.clone() },
        };
        let is_same =
            (after.role, after.status) == (self.role, self.status) && after.locations == self.locations;
        Ok((!is_same).then(|| Self { version: self.version + 1, ..after }))
    }

    /// This owner as an admin, and `heir` as the owner.
    pub(crate) fn hand_over(&self, heir: &Self) -> Result<(Self, Self), Refusal> {
        if heir.status != PersonStatus::Active {
            return Err(Refusal::NotActive);
        }
        if heir.email.is_none() {
            return Err(Refusal::NoEmail);
        }
        let with = |person: &Self, role| Self {
            role,
            locations: Vec::new(),
            version: person.version + 1,
            ..person.clone()
        };
        Ok((with(self, Role::Admin), with(heir, Role::Owner)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role, status: PersonStatus) -> Person {
        Person {
            id: PersonId::new(),
            display_name: "Ada".into(),
            email: Some("ada@example.org".into()),
            phone: None,
            country: None,
            role,
            locations: Vec::new(),
            status,
            version: 3,
        }
    }

    #[test]
    fn an_owner_is_neither_demoted_nor_paused_nor_removed() {
        let owner = person(Role::Owner, PersonStatus::Active);
        for request in
            [Request::Role(Role::Member, vec![]), Request::Pause, Request::Unpause, Request::Remove]
        {
            assert_eq!(owner.plan(&request).unwrap_err(), Refusal::Owner, "{request:?}");
        }
    }

    #[test]
    fn what_changes_nothing_is_no_new_version() {
        let member = person(Role::Member, PersonStatus::Active);
        for request in [Request::Role(Role::Member, vec![]), Request::Unpause] {
            assert!(member.plan(&request).unwrap().is_none(), "{request:?}");
        }
        let paused = member.plan(&Request::Pause).unwrap().unwrap();
        assert_eq!((paused.status, paused.version), (PersonStatus::Paused, 4));
        assert!(paused.plan(&Request::Pause).unwrap().is_none());
        let here = LocationId::new();
        let manager = member.plan(&Request::Role(Role::Manager, vec![here])).unwrap().unwrap();
        assert_eq!((manager.role, manager.locations.as_slice()), (Role::Manager, [here].as_slice()));
        assert!(manager.plan(&Request::Role(Role::Manager, vec![LocationId::new()])).unwrap().is_some());
    }

    #[test]
    fn who_is_removed_stays_so() {
        let removed = person(Role::Member, PersonStatus::Removed);
        assert!(removed.plan(&Request::Remove).unwrap().is_none());
        for request in [Request::Role(Role::Admin, vec![]), Request::Pause, Request::Unpause] {
            assert_eq!(removed.plan(&request).unwrap_err(), Refusal::Removed, "{request:?}");
        }
    }

    #[test]
    fn ownership_goes_to_someone_who_can_take_it() {
        let owner = person(Role::Owner, PersonStatus::Active);
        let (before, after) = owner.hand_over(&person(Role::Manager, PersonStatus::Active)).unwrap();
        assert_eq!((before.role, after.role), (Role::Admin, Role::Owner));
        let paused = person(Role::Admin, PersonStatus::Paused);
        assert_eq!(owner.hand_over(&paused).unwrap_err(), Refusal::NotActive);
        let unreachable = Person { email: None, ..person(Role::Admin, PersonStatus::Active) };
        assert_eq!(owner.hand_over(&unreachable).unwrap_err(), Refusal::NoEmail);
    }
}
