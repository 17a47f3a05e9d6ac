//! Visits.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::contact::PhoneNumber;
use domain::names::{BookingName, LocationName, PersonName, ResourceName, VisitName};
use domain::{BookingId, WorkspaceId};
use proto::workspace::v1 as pb;

use super::{
    DISPLAY_NAME_CHARS_MAX, location, location_of, of_workspace, person, person_of, resource, resource_of,
    workspace,
};
use crate::model::visit::{NewVisit, Purpose, Visit, VisitSnapshot, VisitState, Visitor};

/// Longest visit without a booking, in days.
const VISIT_DAYS_MAX: i64 = 7;

/// A booking of this workspace.
pub(crate) fn booking_of(
    input: &mut Input,
    field: &str,
    text: &str,
    workspace: WorkspaceId,
) -> Option<BookingId> {
    of_workspace(input, (field, "booking"), text, workspace, |name: BookingName| (name.workspace, name.id))
}

pub(crate) fn new_visit(
    workspace: WorkspaceId,
    message: Option<&pb::Visit>,
) -> Result<NewVisit, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("visit", message).and_then(|message| {
        let visitor = visitor(&mut input, message);
        let host = Some(message.host.as_str())
            .filter(|text| !text.is_empty())
            .and_then(|text| person_of(&mut input, "visit.host", text, workspace));
        let purpose = purpose(&mut input, message, workspace);
        Some(NewVisit { visitor: visitor?, host, purpose: purpose? })
    });
    input.finish_with(values)
}

fn visitor(input: &mut Input, message: &pb::Visit) -> Option<Visitor> {
    let display_name = input.text("visit.display_name", &message.display_name, DISPLAY_NAME_CHARS_MAX);
    let email = input.parse_optional("visit.email", &message.email);
    let phone = if message.phone.trim().is_empty() {
        None
    } else {
        let phone = PhoneNumber::parse(&message.phone, None);
        phone.map_err(|error| input.refuse("visit.phone", error)).ok()
    };
    if message.email.trim().is_empty() && message.phone.trim().is_empty() {
        input.refuse("visit.email", "must be set, or phone: the visitor is told there how they get in");
    }
    Some(Visitor { display_name: display_name?, email, phone })
}

fn purpose(input: &mut Input, message: &pb::Visit, workspace: WorkspaceId) -> Option<Purpose> {
    let has_place = !message.location.is_empty()
        || !message.resource.is_empty()
        || message.start_time.is_some()
        || message.end_time.is_some();
    if !message.booking.is_empty() {
        if has_place {
            input.refuse("visit.booking", "says where and when: leave location, resource and times out");
        }
        return booking_of(input, "visit.booking", &message.booking, workspace).map(Purpose::Booking);
    }
    let location = location_of(input, "visit.location", &message.location, workspace);
    let resource = Some(message.resource.as_str())
        .filter(|text| !text.is_empty())
        .map(|text| resource_of(input, "visit.resource", text, workspace));
    let (start, end) = ("visit.start_time", "visit.end_time");
    let window = input.window((start, message.start_time.as_ref()), (end, message.end_time.as_ref()));
    if window.is_some_and(|window| window.duration() > chrono::Duration::days(VISIT_DAYS_MAX)) {
        input.refuse(end, format_args!("must be at most {VISIT_DAYS_MAX} days after {start}"));
    }
    let resource = match resource {
        None => None,
        Some(read) => Some(read?),
    };
    Some(Purpose::Place { location: location?, resource, window: window? })
}

pub(crate) fn visit(visit: &Visit) -> pb::Visit {
    let workspace = visit.workspace;
    pb::Visit {
        name: VisitName { workspace, id: visit.id }.to_string(),
        display_name: visit.display_name.clone(),
        email: visit.email.clone().unwrap_or_default(),
        phone: visit.phone.clone().unwrap_or_default(),
        host: PersonName { workspace, id: visit.host }.to_string(),
        booking: visit.booking.map(|id| BookingName { workspace, id }.to_string()).unwrap_or_default(),
        location: LocationName { workspace, id: visit.location }.to_string(),
        resource: visit.resource.map(|id| ResourceName { workspace, id }.to_string()).unwrap_or_default(),
        start_time: Some(timestamp(visit.window.start())),
        end_time: Some(timestamp(visit.window.end())),
        state: visit_state(visit.state).into(),
        version: visit.version,
        create_time: Some(timestamp(visit.created_at)),
        visitor: PersonName { workspace, id: visit.visitor_id() }.to_string(),
    }
}

pub(crate) fn visit_state(state: VisitState) -> pb::VisitState {
    match state {
        VisitState::Pending => pb::VisitState::Pending,
        VisitState::Expected => pb::VisitState::Expected,
        VisitState::Cancelled => pb::VisitState::Cancelled,
    }
}

pub(crate) fn visit_snapshot(snapshot: &VisitSnapshot) -> pb::VisitSnapshot {
    let id = snapshot.visit.workspace;
    pb::VisitSnapshot {
        visit: Some(visit(&snapshot.visit)),
        visitor: Some(person(id, &snapshot.visitor())),
        host: Some(person(id, &snapshot.host)),
        resource: snapshot.resource.as_ref().map(|it| resource(id, it)),
        location: Some(location(id, &snapshot.location)),
        workspace: Some(workspace(&snapshot.workspace)),
    }
}
