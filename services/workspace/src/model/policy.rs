//! Who may do what to whom, beyond the role that a method requires. Pure.

use chassis::auth::{AuthError, Principal, Reach, Role as CallerRole};
use domain::{LocationId, PersonId, WorkspaceId};

use super::booking::{Booking, Request};
use super::{Location, Person, Role};

/// Whether the caller may decide who may do what: make and revoke API keys, change roles, give the ownership
/// away. People and the operator; an API key that could would be of use after it is revoked.
pub(crate) fn may_appoint(caller: &Principal) -> bool {
    !caller.is_api_key()
}

/// Whether the caller may add a person, or make an API key, with this role.
pub(crate) fn may_add(caller: &Principal, role: Role) -> bool {
    caller.is_operator()
        || match caller.role {
            CallerRole::Owner | CallerRole::Admin if caller.is_api_key() => {
                matches!(role, Role::Member | Role::Guest)
            }
            CallerRole::Owner | CallerRole::Admin => role != Role::Owner,
            CallerRole::Manager => matches!(role, Role::Member | Role::Guest),
            CallerRole::Member | CallerRole::Guest | CallerRole::Service => false,
        }
}

/// Whether the caller may change what is told about a person. Who has an email address may sign in with
/// it, so to change it is to take the person's place: nobody may who could not give the role away.
pub(crate) fn may_edit(caller: &Principal, person: &Person) -> bool {
    let is_self = caller.id == person.id.to_string();
    is_self || caller.role == CallerRole::Owner || may_add(caller, person.role)
}

/// Whether a person is in the caller's sight.
pub(crate) fn sees_person(reach: &Reach, person: PersonId) -> bool {
    match reach {
        Reach::Workspace | Reach::Locations(_) => true,
        Reach::Own(own) => *own == person,
    }
}

/// Whether something of a person at a location, such as a booking, is in the caller's sight.
pub(crate) fn sees(reach: &Reach, person: PersonId, location: LocationId) -> bool {
    match reach {
        Reach::Workspace => true,
        Reach::Locations(locations) => locations.contains(&location),
        Reach::Own(own) => *own == person,
    }
}

/// What a caller sees who sees their own wherever it is, besides what is in their reach.
#[derive(Debug)]
pub(crate) struct Sight {
    pub reach: Reach,
    /// The caller, if it is a person.
    pub own: Option<PersonId>,
}

impl Sight {
    /// What the caller sees in this workspace.
    pub(crate) fn of(caller: &Principal, workspace: WorkspaceId) -> Result<Self, AuthError> {
        Ok(Self { reach: caller.reach(workspace)?, own: caller.id.parse().ok() })
    }

    /// Whether something of a person at a location is in it, such as a pass.
    pub(crate) fn holds(&self, person: PersonId, location: LocationId) -> bool {
        self.own == Some(person) || sees(&self.reach, person, location)
    }
}

/// Whether something of several people, at several locations, is in the caller's sight, such as a team's
/// membership.
pub(crate) fn sees_any(reach: &Reach, people: &[Person], locations: &[Location]) -> bool {
    match reach {
        Reach::Workspace => true,
        Reach::Locations(own) => locations.iter().any(|location| own.contains(&location.id)),
        Reach::Own(own) => people.iter().any(|person| person.id == *own),
    }
}

/// Whether a booking at a location is in the caller's sight: who is invited sees it, too.
pub(crate) fn sees_booking(reach: &Reach, booking: &Booking, location: LocationId) -> bool {
    let is_invited = matches!(reach, Reach::Own(own) if booking.attendees.contains(own));
    is_invited || sees(reach, booking.person, location)
}

/// Whether the caller may ask this of a booking that is in their sight. Attendees may decline, no more.
pub(crate) fn may_ask(reach: &Reach, request: &Request, booking: &Booking, location: LocationId) -> bool {
    let declines = matches!((reach, request), (Reach::Own(own), Request::RemoveAttendee(who)) if own == who);
    declines || sees(reach, booking.person, location)
}

#[cfg(test)]
mod tests {
    use domain::ApiKeyId;

    use super::*;
    use crate::model::PersonStatus;

    fn caller(role: CallerRole) -> Principal {
        Principal::person(PersonId::new().to_string(), WorkspaceId::new(), role)
    }

    fn person(role: Role) -> Person {
        Person {
            id: PersonId::new(),
            display_name: "Ada".into(),
            email: Some("ada@example.org".into()),
            phone: None,
            country: None,
            role,
            locations: Vec::new(),
            status: PersonStatus::Active,
            version: 1,
        }
    }

    const ROLES: [Role; 5] = [Role::Owner, Role::Admin, Role::Manager, Role::Member, Role::Guest];

    #[test]
    fn nobody_adds_someone_above_themselves() {
        let added = |caller: &Principal| ROLES.map(|role| may_add(caller, role));
        assert_eq!(added(&Principal::operator()), [true; 5]);
        assert_eq!(added(&caller(CallerRole::Owner)), [false, true, true, true, true]);
        assert_eq!(added(&caller(CallerRole::Admin)), [false, true, true, true, true]);
        assert_eq!(added(&caller(CallerRole::Manager)), [false, false, false, true, true]);
        assert_eq!(added(&caller(CallerRole::Member)), [false; 5]);
        assert_eq!(added(&Principal::service("kisi-adapter")), [false; 5]);
    }

    #[test]
    fn an_api_key_appoints_nobody() {
        let home = WorkspaceId::new();
        for role in [CallerRole::Admin, CallerRole::Manager, CallerRole::Member, CallerRole::Guest] {
            let key = Principal::api_key(ApiKeyId::new(), home, role);
            assert!(!may_appoint(&key), "{role:?}");
            for above in [Role::Owner, Role::Admin, Role::Manager] {
                assert!(!may_add(&key, above) && !may_edit(&key, &person(above)), "{role:?} {above:?}");
            }
        }
        let admin = Principal::api_key(ApiKeyId::new(), home, CallerRole::Admin);
        assert!(may_add(&admin, Role::Member) && may_edit(&admin, &person(Role::Guest)));
        assert!(may_appoint(&caller(CallerRole::Admin)) && may_appoint(&Principal::operator()));
    }

    #[test]
    fn nobody_takes_the_place_of_someone_above() {
        let edited = |caller: &Principal| ROLES.map(|role| may_edit(caller, &person(role)));
        assert_eq!(edited(&caller(CallerRole::Owner)), [true; 5]);
        assert_eq!(edited(&caller(CallerRole::Admin)), [false, true, true, true, true]);
        assert_eq!(edited(&caller(CallerRole::Manager)), [false, false, false, true, true]);
        assert_eq!(edited(&caller(CallerRole::Guest)), [false; 5]);
        let owner = person(Role::Owner);
        let themselves = Principal { id: owner.id.to_string(), ..caller(CallerRole::Member) };
        assert!(may_edit(&themselves, &owner));
    }

    #[test]
    fn sight_ends_at_the_location_or_with_ones_own() {
        let (someone, here) = (PersonId::new(), LocationId::new());
        for (reach, is_seen) in [
            (Reach::Workspace, true),
            (Reach::Locations(vec![LocationId::new(), here]), true),
            (Reach::Locations(vec![LocationId::new()]), false),
            (Reach::Locations(vec![]), false),
            (Reach::Own(someone), true),
            (Reach::Own(PersonId::new()), false),
        ] {
            assert_eq!(sees(&reach, someone, here), is_seen, "{reach:?}");
        }
        let [here, there] = [here, LocationId::new()];
        let home = WorkspaceId::new();
        let manager = Principal::person(someone.to_string(), home, CallerRole::Manager).at([here]);
        let sight = Sight::of(&manager, home).unwrap();
        assert!(sight.holds(someone, there), "one's own is one's own anywhere");
        assert!(sight.holds(PersonId::new(), here) && !sight.holds(PersonId::new(), there));
        assert!(sees_person(&Reach::Own(someone), someone));
        assert!(!sees_person(&Reach::Own(PersonId::new()), someone));
    }
}
