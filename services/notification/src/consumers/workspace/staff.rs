//! Who is staff, by what is told of people.

use domain::names::{LocationName, PersonName};
use events::Envelope;
use proto::auth::v1::Role;
use proto::workspace::v1 as pb;

use super::super::{line, some};
use crate::model::{Staff, StaffRole};

/// What a fact makes of a person. Whoever is paused or was removed is nobody's staff meanwhile.
pub(super) fn read(envelope: &Envelope, person: Option<&pb::Person>) -> Result<Staff, String> {
    let person = person.ok_or("person must be set")?;
    let PersonName { workspace, id } = person.name.parse().map_err(|error| format!("person.name {error}"))?;
    if workspace != envelope.workspace {
        return Err("it speaks of another workspace than its subject".to_owned());
    }
    let role = match person.role() {
        Role::Owner => Some(StaffRole::Owner),
        Role::Admin => Some(StaffRole::Admin),
        Role::Manager => Some(StaffRole::Manager),
        Role::Member | Role::Guest | Role::Unspecified => None,
    };
    let nobody = Staff::nobody(workspace, id, person.version);
    let Some(role) = role.filter(|_| person.status() == pb::PersonStatus::Active) else {
        return Ok(nobody);
    };
    let locations = person.locations.iter().map(|name| name.parse::<LocationName>().map(|name| name.id));
    Ok(Staff {
        role: Some(role),
        locations: locations
            .collect::<Result<_, _>>()
            .map_err(|error| format!("person.locations {error}"))?,
        display_name: line(&person.display_name),
        email: some(&person.email),
        phone: some(&person.phone),
        ..nobody
    })
}
