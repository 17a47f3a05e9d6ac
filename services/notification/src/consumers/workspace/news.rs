//! What an event of a booking says, checked, and the messages that follow from it.

use std::collections::HashMap;

use chassis::input::{Input, InvalidInput};
use domain::names::{BookingName, PersonName};
use domain::{PersonId, Timestamp, Window, WorkspaceId};
use events::Envelope;
use proto::workspace::v1 as pb;

use super::super::{Channels, Letter, Recipient, line, some};
use crate::model::{Booking, Contact, Content, Kind, NewMessage};

/// A cancellation is worth telling for so long, even if the booking would be over by then.
const CANCELLED_TELLING: chrono::Duration = chrono::Duration::hours(24);

/// Two times of a message, both or neither of which make a window.
pub(super) type Times<'a> = (Option<&'a pbjson_types::Timestamp>, Option<&'a pbjson_types::Timestamp>);

/// What an event tells its person of the booking.
pub(super) struct Told<'a> {
    pub kind: Kind,
    /// Where it was before, if it was moved.
    pub previous: Option<Times<'a>>,
}

/// Something that a person should know of a booking.
pub(crate) struct News {
    pub(super) kind: Kind,
    pub(super) previous_window: Option<Window>,
    pub(super) person: PersonId,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
}

impl News {
    /// One message for each channel that there is and that reaches the person.
    pub(super) fn messages(
        &self,
        envelope: &Envelope,
        booking: &Booking,
        channels: Channels,
        now: Timestamp,
    ) -> Vec<NewMessage> {
        let content = Content { previous_window: self.previous_window, ..booking.content.clone() };
        let letter = Letter {
            kind: self.kind,
            booking_version: Some(content.booking_version),
            expires_at: self.expires_at(&content),
            content: &content,
        };
        let (email, phone) = (self.email.as_deref(), self.phone.as_deref());
        letter.to(envelope, &Recipient { person: self.person, email, phone }, channels, now).collect()
    }

    /// A booking that stands is worth telling until it is over; one that was called off until it would
    /// have been, and for a day at least.
    fn expires_at(&self, content: &Content) -> Timestamp {
        let end = content.window.end();
        match self.kind {
            Kind::Cancelled => end.max(content.told_at + CANCELLED_TELLING),
            Kind::Confirmed
            | Kind::Rescheduled
            | Kind::StaffAlert
            | Kind::WayIn
            | Kind::AccessReady
            | Kind::VisitorArrived
            | Kind::DisputeOpened => end,
        }
    }
}

/// Checks what an event says.
pub(super) fn read(
    envelope: &Envelope,
    snapshot: Option<&pb::BookingSnapshot>,
    told: Option<Told<'_>>,
) -> Result<(Booking, Option<News>), InvalidInput> {
    let mut input = Input::new();
    let read = input
        .required("snapshot", snapshot)
        .and_then(|snapshot| read_snapshot(&mut input, envelope, snapshot, told));
    input.finish_with(read)
}

fn read_snapshot(
    input: &mut Input,
    envelope: &Envelope,
    snapshot: &pb::BookingSnapshot,
    told: Option<Told<'_>>,
) -> Option<(Booking, Option<News>)> {
    let booking = input.required("snapshot.booking", snapshot.booking.as_ref());
    let person = input.required("snapshot.person", snapshot.person.as_ref());
    let resource = input.required("snapshot.resource", snapshot.resource.as_ref());
    let location = input.required("snapshot.location", snapshot.location.as_ref());
    let workspace = input.required("snapshot.workspace", snapshot.workspace.as_ref());
    let (booking, person, location) = (booking?, person?, location?);

    let booking_name: Option<BookingName> = input.parse("snapshot.booking.name", &booking.name);
    let person_name: Option<PersonName> = input.parse("snapshot.person.name", &person.name);
    let owner = |name: Option<WorkspaceId>| name.is_none_or(|workspace| workspace == envelope.workspace);
    if !owner(booking_name.map(|name| name.workspace)) || !owner(person_name.map(|name| name.workspace)) {
        input.refuse("snapshot", "must be of the workspace of the event");
    }
    let window = input.window(
        ("snapshot.booking.start_time", booking.start_time.as_ref()),
        ("snapshot.booking.end_time", booking.end_time.as_ref()),
    );
    let previous_window = told
        .as_ref()
        .and_then(|told| told.previous)
        .map(|(start, end)| input.window(("previous_start_time", start), ("previous_end_time", end)));
    let zone = domain::zone::parse(&location.time_zone)
        .map_err(|error| input.refuse("snapshot.location.time_zone", error))
        .ok();
    let content = Content {
        to: String::new(),
        person_name: line(&person.display_name),
        resource_name: line(&resource?.display_name),
        location_name: line(&location.display_name),
        address: line(&location.address),
        time_zone: zone?.name().to_owned(),
        window: window?,
        previous_window: None,
        title: line(&booking.title),
        reason: line(&booking.state_reason),
        workspace_name: line(&workspace?.display_name),
        reply_to: some(&workspace?.reply_to_email),
        booking: booking_name?.id,
        booking_version: booking.version,
        told_at: envelope.time,
        problems: Vec::new(),
        problems_more: 0,
        host: None,
        host_id: None,
        way_in: None,
        arrival: None,
        dispute: None,
    };
    let mut people = HashMap::new();
    for person in std::iter::once(person).chain(&snapshot.attendees) {
        // Whoever has no name of ours can't be named by what is said of the booking later.
        if let Ok(PersonName { workspace, id }) = person.name.parse()
            && workspace == envelope.workspace
        {
            let name = line(&person.display_name);
            people.insert(id, Contact { name, email: some(&person.email), phone: some(&person.phone) });
        }
    }
    let news = match told {
        None => None,
        Some(told) => Some(News {
            kind: told.kind,
            previous_window: match previous_window {
                None => None,
                Some(window) => Some(window?),
            },
            person: person_name?.id,
            email: some(&person.email),
            phone: some(&person.phone),
        }),
    };
    let stands = booking.state() == pb::BookingState::Confirmed;
    let is_final = matches!(booking.state(), pb::BookingState::Cancelled | pb::BookingState::Completed);
    Some((Booking { workspace: envelope.workspace, stands, is_final, content, people }, news))
}
