//! What this service hears.

pub(crate) mod alerts;
pub(crate) mod arrivals;
pub(crate) mod disputes;
pub(crate) mod ways_in;
pub(crate) mod workspace;

use std::time::Duration;

use domain::{EventId, MessageId, PersonId, Timestamp};
use events::subject::StreamKind;
use events::{ConsumerConfig, Envelope};

use crate::model::{Channel, Content, Kind, MessageKey, NewMessage};

/// A consumer of what may come before the booking that it is of, which another consumer hears: it looks again soon, and
/// for as long as others do.
fn of_bookings(name: &str, filter: &str) -> ConsumerConfig {
    ConsumerConfig {
        redelivery_delays: [1, 2, 5, 15].map(Duration::from_secs).to_vec(),
        deliveries_max: 150,
        ..ConsumerConfig::new(name, StreamKind::Event, filter)
    }
}

/// Which channels there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels {
    pub has_email: bool,
    pub has_sms: bool,
}

/// To whom, and where they are reached.
struct Recipient<'a> {
    person: PersonId,
    email: Option<&'a str>,
    phone: Option<&'a str>,
}

/// What is the same for all channels.
struct Letter<'a> {
    kind: Kind,
    /// `None`: it stands outside of the line of its booking's versions.
    booking_version: Option<i64>,
    /// Without an address.
    content: &'a Content,
    expires_at: Timestamp,
}

impl Letter<'_> {
    /// One message for each of these channels that reaches the person.
    fn to(
        &self,
        envelope: &Envelope,
        recipient: &Recipient<'_>,
        channels: Channels,
        now: Timestamp,
    ) -> impl Iterator<Item = NewMessage> {
        let email = recipient.email.filter(|_| channels.has_email).map(|to| (Channel::Email, to));
        let sms = recipient.phone.filter(|_| channels.has_sms).map(|to| (Channel::Sms, to));
        let event: EventId = envelope.id;
        email.into_iter().chain(sms).map(move |(channel, to)| NewMessage {
            key: MessageKey { workspace: envelope.workspace, id: MessageId::new() },
            event,
            channel,
            kind: self.kind,
            booking: self.content.booking,
            booking_version: self.booking_version,
            person: recipient.person,
            content: Content { to: to.to_owned(), ..self.content.clone() },
            expires_at: self.expires_at,
            traceparent: envelope.traceparent.clone(),
            created_at: now,
        })
    }
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
