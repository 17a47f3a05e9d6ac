//! What the things of a workspace are called, and how they are told.

use domain::names::{IntegrationName, LocationName, PassProductName, PersonName, PlanName, ResourceName};
use domain::{LocationId, PassProductId, PersonId, PlanId, ResourceId};
use proto::access::v1 as access;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as told;
use uuid::Uuid;

use super::source::Mapped;
use super::truth::{DOORS, Integration, PEOPLE, Place, Second, Site};

/// The same ids in each workspace, so that what asks for less than both is found out.
fn id(kind: u8, number: usize) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(kind) << 8 | number as u128)
}

impl Site {
    pub(super) fn location(&self) -> String {
        LocationName { workspace: self.workspace, id: LocationId::from_uuid(id(1, 0)) }.to_string()
    }

    pub(super) fn resource(&self, number: usize) -> String {
        ResourceName { workspace: self.workspace, id: ResourceId::from_uuid(id(2, number)) }.to_string()
    }

    pub(super) fn subject(&self, mapped: Mapped) -> String {
        match mapped {
            Mapped::Resource(number) => self.resource(number),
            Mapped::Location => self.location(),
            Mapped::Plan => {
                PlanName { workspace: self.workspace, id: PlanId::from_uuid(id(4, 0)) }.to_string()
            }
            Mapped::PassProduct => {
                let id = PassProductId::from_uuid(id(5, 0));
                PassProductName { workspace: self.workspace, id }.to_string()
            }
        }
    }

    pub(super) fn person_name(&self, number: usize) -> String {
        PersonName { workspace: self.workspace, id: PersonId::from_uuid(id(3, number)) }.to_string()
    }

    pub(super) fn email(&self, number: usize) -> String {
        format!("person{number}.{}@example.org", self.people[number].email)
    }

    pub(super) fn person(&self, number: usize) -> told::Person {
        let person = &self.people[number];
        told::Person {
            name: self.person_name(number),
            display_name: format!("Person {number}"),
            email: self.email(number),
            status: person.status.now.into(),
            version: person.version,
            ..Default::default()
        }
    }

    pub(super) fn told_location(&self) -> told::Location {
        told::Location {
            name: self.location(),
            time_zone: self.calendar.zone.name().to_owned(),
            ..Default::default()
        }
    }

    pub(super) fn integration_name(&self, integration: &Integration) -> String {
        IntegrationName { workspace: self.workspace, id: integration.id }.to_string()
    }

    pub(super) fn told_integration(&self, integration: &Integration) -> integrations::Integration {
        let status = if integration.is_active {
            integrations::IntegrationStatus::Connected
        } else {
            integrations::IntegrationStatus::NotConnected
        };
        integrations::Integration {
            name: self.integration_name(integration),
            provider: integration.provider.to_owned(),
            location: if integration.is_own { self.location() } else { String::new() },
            status: status.into(),
            is_active: integration.is_active,
            ..Default::default()
        }
    }
}

pub(super) fn moment(second: Second) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp { seconds: second, nanos: 0 }
}

pub(super) fn target(door: usize) -> access::DoorTarget {
    let (_, kind, provider_ref) = DOORS[door];
    access::DoorTarget { kind: kind.into(), r#ref: provider_ref.to_owned(), display_name: String::new() }
}

/// The place of a ledger's row.
pub(super) fn place(
    person: Uuid,
    provider: &str,
    target_kind: &str,
    target_ref: &str,
    served_by: Option<Uuid>,
) -> Option<Place> {
    let is_it = |kind| match kind {
        access::DoorTargetKind::Group => target_kind == "group",
        _ => target_kind == "lock",
    };
    let person = (0..PEOPLE).find(|&number| id(3, number) == person)?;
    let door =
        DOORS.iter().position(|&(of, kind, name)| of == provider && is_it(kind) && name == target_ref)?;
    Some(Place { person, door, is_own: served_by.is_some() })
}

/// Which door of the workspace a target is.
pub(super) fn door(provider: &str, target: &access::DoorTarget) -> Option<usize> {
    DOORS.iter().position(|&(of, kind, name)| of == provider && kind == target.kind() && name == target.r#ref)
}
