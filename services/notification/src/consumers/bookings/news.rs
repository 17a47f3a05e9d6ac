//! What an event says, checked, and the messages that follow from it.

use std::fmt;

use chassis::input::{Input, InvalidInput};
use domain::names::{BookingName, PersonName};
use domain::{MessageId, PersonId, Timestamp, WorkspaceId};
use events::Envelope;
use proto::workspace::v1 as pb;

use super::Channels;
use crate::model::{Channel, Content, Kind, MessageKey, NewMessage};

/// A cancellation is worth telling for so long, even if the booking would be over by then.
const CANCELLED_TELLING: chrono::Duration = chrono::Duration::hours(24);

/// Two times of a message, both or neither of which make a window.
type Times<'a> = (Option<&'a pbjson_types::Timestamp>, Option<&'a pbjson_types::Timestamp>);

/// Something that a person should know.
pub(crate) struct News {
    kind: Kind,
    person: PersonId,
    email: Option<String>,
    phone: Option<String>,
    /// Without an address.
    content: Content,
}

/// Nothing of it: it is about people.
impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("News(…)")
    }
}

impl News {
    /// One message for each channel that there is and that reaches the person.
    pub(crate) fn messages(
        &self,
        envelope: &Envelope,
        channels: Channels,
        now: Timestamp,
    ) -> impl Iterator<Item = NewMessage> {
        let email = self.email.as_ref().filter(|_| channels.has_email).map(|to| (Channel::Email, to));
        let sms = self.phone.as_ref().filter(|_| channels.has_sms).map(|to| (Channel::Sms, to));
        email.into_iter().chain(sms).map(move |(channel, to)| NewMessage {
            key: MessageKey { workspace: envelope.workspace, id: MessageId::new() },
            event: envelope.id,
            channel,
            kind: self.kind,
            booking: self.content.booking,
            booking_version: self.content.booking_version,
            person: self.person,
            content: Content { to: to.clone(), ..self.content.clone() },
            expires_at: self.expires_at(),
            traceparent: envelope.traceparent.clone(),
            created_at: now,
        })
    }

    /// A booking that stands is worth telling until it is over; one that was called off until it would
    /// have been, and for a day at least.
    fn expires_at(&self) -> Timestamp {
        let end = self.content.window.end();
        match self.kind {
            Kind::Confirmed | Kind::Rescheduled => end,
            Kind::Cancelled => end.max(self.content.told_at + CANCELLED_TELLING),
        }
    }
}

/// Checks what an event says.
pub(super) fn read(
    envelope: &Envelope,
    kind: Kind,
    snapshot: Option<&pb::BookingSnapshot>,
    previous: Option<Times<'_>>,
) -> Result<News, InvalidInput> {
    let mut input = Input::new();
    let news = input
        .required("snapshot", snapshot)
        .and_then(|snapshot| read_snapshot(&mut input, envelope, kind, snapshot, previous));
    input.finish_with(news)
}

fn read_snapshot(
    input: &mut Input,
    envelope: &Envelope,
    kind: Kind,
    snapshot: &pb::BookingSnapshot,
    previous: Option<Times<'_>>,
) -> Option<News> {
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
    let previous_window =
        previous.map(|(start, end)| input.window(("previous_start_time", start), ("previous_end_time", end)));
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
        previous_window: match previous_window {
            None => None,
            Some(window) => Some(window?),
        },
        title: line(&booking.title),
        reason: line(&booking.state_reason),
        workspace_name: line(&workspace?.display_name),
        reply_to: some(&workspace?.reply_to_email),
        booking: booking_name?.id,
        booking_version: booking.version,
        told_at: envelope.time,
    };
    Some(News {
        kind,
        person: person_name?.id,
        email: some(&person.email),
        phone: some(&person.phone),
        content,
    })
}

fn some(text: &str) -> Option<String> {
    Some(line(text)).filter(|text| !text.is_empty())
}

/// A text of people as one line: what would break lines, hide or turn text becomes a space or goes.
fn line(text: &str) -> String {
    let is_hidden = |c: char| {
        matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let visible: String = text
        .chars()
        .filter(|c| !is_hidden(*c))
        .map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}
