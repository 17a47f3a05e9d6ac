//! Between messages and the model. Input is checked field by field.

mod api_key;
mod contract;
mod membership;
mod pass;
mod plan;
mod team;
mod visit;

use std::str::FromStr;

use chassis::input::{Input, InvalidInput, timestamp};
use chrono::Datelike as _;
use domain::contact::{Country, PhoneNumber};
use domain::names::{
    BookingName, EntitlementName, LocationName, NameError, PersonName, ResourceName, WorkspaceName,
};
use domain::{LocationId, PersonId, ResourceId, Timestamp, Window, WorkspaceId};
use proto::access::v1::{DoorTarget, DoorTargetKind};
use proto::auth::v1::Role as ProtoRole;
use proto::workspace::v1 as pb;

use crate::model::entitlement::{Door, DoorKind, Entitlement, NewEntitlement};
use crate::model::{
    Booking, BookingState, Location, Member, Person, PersonDetails, PersonStatus, Resource, Role, Snapshot,
    Workspace,
};

pub(crate) use api_key::{NewApiKey, api_key, new_api_key, verdict};
pub(crate) use contract::{contract, contract_end, contract_snapshot, new_contract};
pub(crate) use membership::{membership, membership_snapshot, new_membership, period_end};
pub(crate) use pass::{
    NewPass, NewPassProduct, new_pass, new_pass_product, optional_date, pass, pass_product,
    pass_product_details, pass_product_of, pass_snapshot,
};
pub(crate) use plan::{amended_plan, new_plan, plan};
pub(crate) use team::{new_team, team, team_of};
pub(crate) use visit::{booking_of, new_visit, visit, visit_snapshot, visit_state};

/// Characters of what things and people are called.
pub(crate) const DISPLAY_NAME_CHARS_MAX: usize = 200;
/// Characters of a booking's id in another system.
pub(crate) const EXTERNAL_REF_CHARS_MAX: usize = 255;
/// Characters of an address on an envelope.
const ADDRESS_CHARS_MAX: usize = 500;
/// Characters of a reason.
pub(crate) const REASON_CHARS_MAX: usize = 500;
/// From this year on nothing that gives access begins or ends: what has no end ends then, for providers.
const YEAR_MAX: i32 = 2199;
/// Characters of a provider's id, and of what it calls a door.
const TARGET_CHARS_MAX: usize = 200;
/// Locations that one manager has at most: their token names them all.
const LOCATIONS_MAX: usize = 100;
/// Longest booking: a desk for a year, and some more.
const BOOKING_DAYS_MAX: i64 = 400;

pub(crate) fn workspace(workspace: &Workspace) -> pb::Workspace {
    pb::Workspace {
        name: WorkspaceName(workspace.id).to_string(),
        display_name: workspace.display_name.clone(),
        reply_to_email: workspace.reply_to_email.clone().unwrap_or_default(),
    }
}

pub(crate) fn location(workspace: WorkspaceId, location: &Location) -> pb::Location {
    pb::Location {
        name: LocationName { workspace, id: location.id }.to_string(),
        display_name: location.display_name.clone(),
        time_zone: location.time_zone.name().to_owned(),
        country: location.country.clone(),
        address: location.address.clone(),
    }
}

pub(crate) fn resource(workspace: WorkspaceId, resource: &Resource) -> pb::Resource {
    pb::Resource {
        name: ResourceName { workspace, id: resource.id }.to_string(),
        location: LocationName { workspace, id: resource.location }.to_string(),
        display_name: resource.display_name.clone(),
    }
}

pub(crate) fn person(workspace: WorkspaceId, person: &Person) -> pb::Person {
    pb::Person {
        name: PersonName { workspace, id: person.id }.to_string(),
        display_name: person.display_name.clone(),
        email: person.email.clone().unwrap_or_default(),
        phone: person.phone.clone().unwrap_or_default(),
        country: person.country.clone().unwrap_or_default(),
        role: proto_role(person.role).into(),
        status: match person.status {
            PersonStatus::Active => pb::PersonStatus::Active,
            PersonStatus::Paused => pb::PersonStatus::Paused,
            PersonStatus::Removed => pb::PersonStatus::Removed,
        }
        .into(),
        version: person.version,
        locations: location_names(workspace, &person.locations),
    }
}

/// One of many in an event: where managers are managers would make it too large.
fn person_among_others(workspace: WorkspaceId, one: &Person) -> pb::Person {
    pb::Person { locations: Vec::new(), ..person(workspace, one) }
}

/// Someone's place in a workspace.
pub(crate) fn member(member: &Member) -> pb::Membership {
    let workspace = member.workspace;
    pb::Membership {
        workspace: WorkspaceName(workspace).to_string(),
        workspace_display_name: member.workspace_display_name.clone(),
        person: PersonName { workspace, id: member.person }.to_string(),
        person_display_name: member.display_name.clone(),
        role: proto_role(member.role).into(),
        locations: location_names(workspace, &member.locations),
        email: member.email.clone(),
    }
}

fn proto_role(role: Role) -> ProtoRole {
    match role {
        Role::Owner => ProtoRole::Owner,
        Role::Admin => ProtoRole::Admin,
        Role::Manager => ProtoRole::Manager,
        Role::Member => ProtoRole::Member,
        Role::Guest => ProtoRole::Guest,
    }
}

fn location_names(workspace: WorkspaceId, locations: &[LocationId]) -> Vec<String> {
    locations.iter().map(|&id| LocationName { workspace, id }.to_string()).collect()
}

pub(crate) fn booking_state(state: BookingState) -> pb::BookingState {
    match state {
        BookingState::Pending => pb::BookingState::Pending,
        BookingState::Confirmed => pb::BookingState::Confirmed,
        BookingState::Completed => pb::BookingState::Completed,
        BookingState::Failed => pb::BookingState::Failed,
        BookingState::Cancelled => pb::BookingState::Cancelled,
    }
}

pub(crate) fn booking(booking: &Booking) -> pb::Booking {
    let workspace = booking.workspace;
    pb::Booking {
        name: BookingName { workspace, id: booking.id }.to_string(),
        resource: ResourceName { workspace, id: booking.resource }.to_string(),
        person: PersonName { workspace, id: booking.person }.to_string(),
        start_time: Some(timestamp(booking.window.start())),
        end_time: Some(timestamp(booking.window.end())),
        title: booking.title.clone(),
        state: booking_state(booking.state).into(),
        state_reason: booking.state_reason.clone(),
        external_ref: booking.external_ref.clone().unwrap_or_default(),
        version: booking.version,
        create_time: Some(timestamp(booking.created_at)),
        update_time: Some(timestamp(booking.updated_at)),
        attendees: booking.attendees.iter().map(|&id| PersonName { workspace, id }.to_string()).collect(),
    }
}

pub(crate) fn snapshot(snapshot: &Snapshot) -> pb::BookingSnapshot {
    let id = snapshot.booking.workspace;
    pb::BookingSnapshot {
        booking: Some(booking(&snapshot.booking)),
        person: Some(person(id, &snapshot.person)),
        resource: Some(resource(id, &snapshot.resource)),
        location: Some(location(id, &snapshot.location)),
        workspace: Some(workspace(&snapshot.workspace)),
        attendees: snapshot.attendees.iter().map(|attendee| person_among_others(id, attendee)).collect(),
    }
}

pub(crate) fn entitlement(entitlement: &Entitlement) -> pb::Entitlement {
    let workspace = entitlement.workspace;
    let door = &entitlement.door;
    pb::Entitlement {
        name: EntitlementName { workspace, id: entitlement.id }.to_string(),
        person: PersonName { workspace, id: entitlement.person }.to_string(),
        location: LocationName { workspace, id: door.location }.to_string(),
        provider: door.provider.to_string(),
        target: Some(DoorTarget {
            kind: match door.kind {
                DoorKind::Group => DoorTargetKind::Group,
                DoorKind::Lock => DoorTargetKind::Lock,
            }
            .into(),
            r#ref: door.provider_ref.clone(),
            display_name: door.display_name.clone(),
        }),
        start_time: Some(timestamp(entitlement.starts_at)),
        end_time: entitlement.ends_at.map(timestamp),
        reason: entitlement.reason.clone(),
        ended_time: entitlement.ended_at.map(timestamp),
        version: entitlement.version,
        create_time: Some(timestamp(entitlement.created_at)),
    }
}

/// A new location, without its id.
#[derive(Debug)]
pub(crate) struct NewLocation {
    pub display_name: String,
    pub time_zone: chrono_tz::Tz,
    pub country: Country,
    pub address: String,
}

pub(crate) fn new_location(message: Option<&pb::Location>) -> Result<NewLocation, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("location", message).and_then(|location| {
        let display_name =
            input.text("location.display_name", &location.display_name, DISPLAY_NAME_CHARS_MAX);
        let time_zone = domain::zone::parse(&location.time_zone)
            .map_err(|error| input.refuse("location.time_zone", error))
            .ok();
        let country = input.parse("location.country", &location.country);
        let address = input.optional_text("location.address", &location.address, ADDRESS_CHARS_MAX);
        Some(NewLocation {
            display_name: display_name?,
            time_zone: time_zone?,
            country: country?,
            address: address?,
        })
    });
    input.finish_with(values)
}

/// A new person's details and role.
/// A new person, without id.
#[derive(Debug)]
pub(crate) struct NewPerson {
    pub details: PersonDetails,
    pub role: Role,
    /// Where a manager is one.
    pub locations: Vec<LocationId>,
}

pub(crate) fn new_person(
    workspace: WorkspaceId,
    message: Option<&pb::Person>,
) -> Result<NewPerson, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("person", message).and_then(|message| {
        let details = input.nested("person", person_details(message));
        let role = role(message.role()).unwrap_or(Role::Member);
        let locations = locations(&mut input, "person.locations", &message.locations, role, workspace);
        Some(NewPerson { details: details?, role, locations })
    });
    input.finish_with(values)
}

/// The role and the locations that a person shall have.
pub(crate) fn new_role(
    workspace: WorkspaceId,
    message: &pb::ChangeRoleRequest,
) -> Result<(Role, Vec<LocationId>), InvalidInput> {
    let mut input = Input::new();
    let role = role(message.role()).filter(|role| *role != Role::Owner);
    if role.is_none() {
        input.refuse("role", "must be admin, manager, member or guest; for owner use TransferOwnership");
    }
    let locations = role.map(|role| locations(&mut input, "locations", &message.locations, role, workspace));
    input.finish_with(role.zip(locations))
}

fn role(role: ProtoRole) -> Option<Role> {
    match role {
        ProtoRole::Unspecified => None,
        ProtoRole::Member => Some(Role::Member),
        ProtoRole::Guest => Some(Role::Guest),
        ProtoRole::Manager => Some(Role::Manager),
        ProtoRole::Admin => Some(Role::Admin),
        ProtoRole::Owner => Some(Role::Owner),
    }
}

/// Where a person or API key with this role is a manager: somewhere, if that is the role.
fn locations(
    input: &mut Input,
    field: &str,
    names: &[String],
    role: Role,
    workspace: WorkspaceId,
) -> Vec<LocationId> {
    match (role, names.len()) {
        (Role::Manager, 0) => input.refuse(field, "must say where a manager is one"),
        (Role::Manager, 1..=LOCATIONS_MAX) => {}
        (Role::Manager, _) => input.refuse(field, format_args!("must be at most {LOCATIONS_MAX}")),
        (_, 0) => {}
        _ => input.refuse(field, "are for managers alone"),
    }
    let mut ids = Vec::new();
    for name in names.iter().take(LOCATIONS_MAX) {
        match input.parse::<LocationName>(field, name) {
            Some(name) if name.workspace != workspace => {
                input.refuse(field, "must be locations of this workspace");
            }
            Some(name) if !ids.contains(&name.id) => ids.push(name.id),
            _ => {}
        }
    }
    ids
}

/// Details of a person; fields are named without a prefix.
pub(crate) fn person_details(message: &pb::Person) -> Result<PersonDetails, InvalidInput> {
    let mut input = Input::new();
    let display_name = input.text("display_name", &message.display_name, DISPLAY_NAME_CHARS_MAX);
    let email = input.parse_optional("email", &message.email);
    let country = input.parse_optional::<Country>("country", &message.country);
    let phone = if message.phone.trim().is_empty() {
        None
    } else {
        PhoneNumber::parse(&message.phone, country).map_err(|error| input.refuse("phone", error)).ok()
    };
    if message.email.trim().is_empty() && message.phone.trim().is_empty() {
        input.refuse("email", "must be set, or phone: without either the person can't be reached");
    }
    input.finish_with(display_name.map(|display_name| PersonDetails { display_name, email, phone, country }))
}

/// A new booking, without its id.
#[derive(Debug)]
pub(crate) struct NewBooking {
    pub resource: ResourceId,
    pub person: PersonId,
    pub window: Window,
    pub title: String,
    pub external_ref: Option<String>,
}

pub(crate) fn new_booking(
    workspace: WorkspaceId,
    message: Option<&pb::Booking>,
) -> Result<NewBooking, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("booking", message).and_then(|booking| {
        let resource = resource_of(&mut input, "booking.resource", &booking.resource, workspace);
        let person = person_of(&mut input, "booking.person", &booking.person, workspace);
        let window = booking_window(
            &mut input,
            ("booking.start_time", booking.start_time.as_ref()),
            ("booking.end_time", booking.end_time.as_ref()),
        );
        let title = input.optional_text("booking.title", &booking.title, DISPLAY_NAME_CHARS_MAX);
        let external_ref =
            input.optional_text("booking.external_ref", &booking.external_ref, EXTERNAL_REF_CHARS_MAX);
        Some(NewBooking {
            resource: resource?,
            person: person?,
            window: window?,
            title: title?,
            external_ref: external_ref.filter(|text| !text.is_empty()),
        })
    });
    input.finish_with(values)
}

/// A booking's window: sane times, not longer than a booking may be.
pub(crate) fn booking_window(
    input: &mut Input,
    start: (&str, Option<&pbjson_types::Timestamp>),
    end: (&str, Option<&pbjson_types::Timestamp>),
) -> Option<Window> {
    let window = input.window(start, end)?;
    if window.duration() > chrono::Duration::days(BOOKING_DAYS_MAX) {
        input.refuse(end.0, format_args!("must be at most {BOOKING_DAYS_MAX} days after {}", start.0));
        return None;
    }
    Some(window)
}

/// The id in a name of this workspace; one of another is refused as if it were not there.
fn of_workspace<N: FromStr<Err = NameError>, I>(
    input: &mut Input,
    (field, what): (&str, &str),
    text: &str,
    workspace: WorkspaceId,
    parts: impl FnOnce(N) -> (WorkspaceId, I),
) -> Option<I> {
    let (home, id) = parts(input.parse(field, text)?);
    if home != workspace {
        input.refuse(field, format_args!("must be a {what} of this workspace"));
        return None;
    }
    Some(id)
}

/// A resource of this workspace.
pub(crate) fn resource_of(
    input: &mut Input,
    field: &str,
    text: &str,
    workspace: WorkspaceId,
) -> Option<ResourceId> {
    of_workspace(input, (field, "resource"), text, workspace, |name: ResourceName| (name.workspace, name.id))
}

/// A location of this workspace.
pub(crate) fn location_of(
    input: &mut Input,
    field: &str,
    text: &str,
    workspace: WorkspaceId,
) -> Option<LocationId> {
    of_workspace(input, (field, "location"), text, workspace, |name: LocationName| (name.workspace, name.id))
}

/// A person of this workspace.
pub(crate) fn person_of(
    input: &mut Input,
    field: &str,
    text: &str,
    workspace: WorkspaceId,
) -> Option<PersonId> {
    of_workspace(input, (field, "person"), text, workspace, |name: PersonName| (name.workspace, name.id))
}

pub(crate) fn new_entitlement(
    workspace: WorkspaceId,
    message: Option<&pb::Entitlement>,
) -> Result<NewEntitlement, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("entitlement", message).and_then(|message| {
        let person = person_of(&mut input, "entitlement.person", &message.person, workspace);
        let door = door(&mut input, message, workspace);
        let (start, end) = (message.start_time.as_ref(), message.end_time.as_ref());
        let (start_field, end_field) = ("entitlement.start_time", "entitlement.end_time");
        let starts_at = start.and_then(|_| input.time(start_field, start));
        let ends_at = end.and_then(|_| input.time(end_field, end));
        in_order(&mut input, (start_field, starts_at), (end_field, ends_at));
        let reason = input.text("entitlement.reason", &message.reason, REASON_CHARS_MAX);
        Some(NewEntitlement { person: person?, door: door?, starts_at, ends_at, reason: reason? })
    });
    input.finish_with(values)
}

/// Refuses what would end before it begins, or later than what has no end.
fn in_order(
    input: &mut Input,
    (start_field, starts_at): (&str, Option<Timestamp>),
    (end_field, ends_at): (&str, Option<Timestamp>),
) {
    if starts_at.zip(ends_at).is_some_and(|(start, end)| end <= start) {
        input.refuse(end_field, format_args!("must be after {start_field}"));
    }
    for (field, time) in [(start_field, starts_at), (end_field, ends_at)] {
        if let Some(time) = time {
            within_years(input, field, time);
        }
    }
}

/// Refuses what would be later than the end of what has none.
fn within_years(input: &mut Input, field: &str, time: Timestamp) {
    if time.year() >= YEAR_MAX {
        input.refuse(field, format_args!("must be before the year {YEAR_MAX}"));
    }
}

fn door(input: &mut Input, message: &pb::Entitlement, workspace: WorkspaceId) -> Option<Door> {
    let location = location_of(input, "entitlement.location", &message.location, workspace);
    let provider = input.parse("entitlement.provider", &message.provider);
    let target = input.required("entitlement.target", message.target.as_ref())?;
    let kind = match target.kind() {
        DoorTargetKind::Group => Some(DoorKind::Group),
        DoorTargetKind::Lock => Some(DoorKind::Lock),
        DoorTargetKind::Unspecified => {
            input.refuse("entitlement.target.kind", "must be group or lock");
            None
        }
    };
    let provider_ref = input.text("entitlement.target.ref", &target.r#ref, TARGET_CHARS_MAX);
    let name_field = "entitlement.target.display_name";
    let display_name = input.optional_text(name_field, &target.display_name, TARGET_CHARS_MAX);
    Some(Door {
        location: location?,
        provider: provider?,
        kind: kind?,
        provider_ref: provider_ref?,
        display_name: display_name?,
    })
}
