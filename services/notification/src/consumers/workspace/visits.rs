//! What an event of a visit says, checked: the visitor is told how they get in once that is known, and what becomes of the
//! visit then. A visit is kept as a booking is, by its own id.

use std::collections::HashMap;

use chassis::input::{Input, InvalidInput};
use domain::names::{PersonName, VisitName};
use domain::{BookingId, Window};
use events::Envelope;
use proto::workspace::v1 as pb;

use super::super::{line, some};
use super::Body;
use super::news::News;
use crate::model::{Booking, Contact, Content, Kind};

/// What is told of how they get in says all.
pub(super) fn read_announced(envelope: &Envelope, fact: pb::VisitAnnounced) -> Result<Body, String> {
    read(envelope, fact.snapshot.as_ref(), None)
}

/// Of another time the visitor is told, if they were expected before.
pub(super) fn read_changed(envelope: &Envelope, fact: pb::VisitChanged) -> Result<Body, String> {
    let mut input = Input::new();
    let window = input.window(
        ("previous_start_time", fact.previous_start_time.as_ref()),
        ("previous_end_time", fact.previous_end_time.as_ref()),
    );
    let window = input.finish_with(window).map_err(|error| error.to_string())?;
    let was_expected = fact.previous_state() == pb::VisitState::Expected;
    read(envelope, fact.snapshot.as_ref(), was_expected.then_some((Kind::Rescheduled, Some(window))))
}

/// Of one that was called off, too, unless it is over.
pub(super) fn read_cancelled(envelope: &Envelope, fact: pb::VisitCancelled) -> Result<Body, String> {
    let was_expected = fact.previous_state() == pb::VisitState::Expected;
    read(envelope, fact.snapshot.as_ref(), was_expected.then_some((Kind::Cancelled, None)))
}

fn read(
    envelope: &Envelope,
    snapshot: Option<&pb::VisitSnapshot>,
    told: Option<(Kind, Option<Window>)>,
) -> Result<Body, String> {
    let mut input = Input::new();
    let read = input
        .required("snapshot", snapshot)
        .and_then(|snapshot| read_snapshot(&mut input, envelope, snapshot, told));
    let read: Result<_, InvalidInput> = input.finish_with(read);
    let (booking, news) = read.map_err(|error| error.to_string())?;
    Ok(Body::Booking(Box::new(booking), news))
}

fn read_snapshot(
    input: &mut Input,
    envelope: &Envelope,
    snapshot: &pb::VisitSnapshot,
    told: Option<(Kind, Option<Window>)>,
) -> Option<(Booking, Option<News>)> {
    let visit = input.required("snapshot.visit", snapshot.visit.as_ref());
    let visitor = input.required("snapshot.visitor", snapshot.visitor.as_ref());
    let host = input.required("snapshot.host", snapshot.host.as_ref());
    let location = input.required("snapshot.location", snapshot.location.as_ref());
    let workspace = input.required("snapshot.workspace", snapshot.workspace.as_ref());
    let (visit, visitor, location, workspace) = (visit?, visitor?, location?, workspace?);

    let name: Option<VisitName> = input.parse("snapshot.visit.name", &visit.name);
    let person: Option<PersonName> = input.parse("snapshot.visitor.name", &visitor.name);
    for owner in [name.map(|name| name.workspace), person.map(|name| name.workspace)].into_iter().flatten() {
        if owner != envelope.workspace {
            input.refuse("snapshot", "must be of the workspace of the event");
        }
    }
    let window = input.window(
        ("snapshot.visit.start_time", visit.start_time.as_ref()),
        ("snapshot.visit.end_time", visit.end_time.as_ref()),
    );
    let zone = domain::zone::parse(&location.time_zone)
        .map_err(|error| input.refuse("snapshot.location.time_zone", error))
        .ok();
    let location_name = line(&location.display_name);
    let resource_name = snapshot.resource.as_ref().map(|resource| line(&resource.display_name));
    let person = person?.id;
    let host = host?;
    let host_name: Option<PersonName> =
        host.name.parse().ok().filter(|it: &PersonName| it.workspace == envelope.workspace);
    let contact = Contact {
        name: line(&visitor.display_name),
        email: some(&visitor.email),
        phone: some(&visitor.phone),
    };
    let content = Content {
        to: String::new(),
        person_name: contact.name.clone(),
        resource_name: resource_name.unwrap_or_else(|| location_name.clone()),
        location_name,
        address: line(&location.address),
        time_zone: zone?.name().to_owned(),
        window: window?,
        previous_window: None,
        title: String::new(),
        reason: String::new(),
        workspace_name: line(&workspace.display_name),
        reply_to: some(&workspace.reply_to_email),
        booking: BookingId::from_uuid(name?.id.uuid()),
        booking_version: visit.version,
        told_at: envelope.time,
        problems: Vec::new(),
        problems_more: 0,
        host: Some(line(&host.display_name)),
        host_id: host_name.map(|name| name.id),
        way_in: None,
        arrival: None,
        dispute: None,
    };
    let stands = visit.state() == pb::VisitState::Expected;
    // What has come to nothing for now may stand again, and is told then.
    let moved = told.filter(|(kind, previous)| match kind {
        Kind::Rescheduled => stands && *previous != Some(content.window),
        _ => content.told_at < content.window.end(),
    });
    let news = moved.map(|(kind, previous_window)| News {
        kind,
        previous_window,
        person,
        email: contact.email.clone(),
        phone: contact.phone.clone(),
    });
    let mut people = HashMap::from([(person, contact)]);
    if let Some(PersonName { id, .. }) = host_name {
        let name = line(&host.display_name);
        people.insert(id, Contact { name, email: some(&host.email), phone: some(&host.phone) });
    }
    let is_final = visit.state() == pb::VisitState::Cancelled;
    Some((Booking { workspace: envelope.workspace, stands, is_final, content, people }, news))
}
