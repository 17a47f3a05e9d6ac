//! Other ways in that are ready: sends them to those whom they are for.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use domain::names::{BookingName, PersonName, WayInName};
use domain::{BookingId, Clock, PersonId, ProviderName, Timestamp};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::{Channels, Letter, Recipient, line};
use crate::model::{Content, Kind, NewMessage, Verdict, WayIn, verdict};
use crate::store::{booking, ledger};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("notification-ways-in", StreamKind::Event, "event.access.way_in_ready.>")
}

/// Writes messages with ways in into the ledger.
pub(crate) struct WaysIn {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

/// A way in that is ready.
pub(crate) struct Ready {
    booking: BookingId,
    /// When the booking begins.
    starts_at: Timestamp,
    person: PersonId,
    way_in: WayIn,
}

impl Handler for WaysIn {
    type Body = Ready;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Ready>, String> {
        let fact: pb::AccessWayInReady = decode_json(payload)?;
        read(envelope, &fact).map(Some).map_err(|error| error.to_string())
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Ready>]) -> Result<(), ApplyError> {
        let mut messages = Vec::new();
        for received in batch {
            messages.extend(self.messages(conn, received).await?);
        }
        if !messages.is_empty() {
            ledger::insert(conn, &messages).await?;
        }
        Ok(())
    }

    fn applied(&self) {
        for sender in &self.wake {
            sender.notify_one();
        }
    }
}

impl WaysIn {
    async fn messages(
        &self,
        conn: &mut PgConnection,
        received: &Received<Ready>,
    ) -> Result<Vec<NewMessage>, ApplyError> {
        let (ready, envelope, now) = (&received.body, &received.envelope, self.clock.now());
        let booking = booking::find(conn, envelope.workspace, ready.booking).await?;
        let booking = match (verdict(booking.as_ref(), ready.starts_at, envelope.time, now), booking) {
            (Verdict::Holds, Some(booking)) => booking,
            // It is withdrawn by now.
            (Verdict::Outdated, _) => return Ok(Vec::new()),
            _ => return Err(ApplyError::Later("the booking was not heard of yet".to_owned())),
        };
        // Whoever was uninvited since has nothing to come to.
        let Some(contact) = booking.people.get(&ready.person) else { return Ok(Vec::new()) };
        let content = Content {
            person_name: contact.name.clone(),
            way_in: Some(ready.way_in.clone()),
            ..booking.content.clone()
        };
        let letter = Letter {
            kind: Kind::WayIn,
            booking_version: None,
            content: &content,
            expires_at: ready.way_in.window.end(),
        };
        let (email, phone) = (contact.email.as_deref(), contact.phone.as_deref());
        let recipient = Recipient { person: ready.person, email, phone };
        Ok(letter.to(envelope, &recipient, self.channels, now).collect())
    }
}

/// Checks what the event says.
fn read(envelope: &Envelope, fact: &pb::AccessWayInReady) -> Result<Ready, InvalidInput> {
    let mut input = Input::new();
    let ready = input
        .required("way_in", fact.way_in.as_ref())
        .and_then(|way_in| read_way_in(&mut input, envelope, way_in));
    input.finish_with(ready)
}

fn read_way_in(input: &mut Input, envelope: &Envelope, way_in: &pb::WayIn) -> Option<Ready> {
    let name: Option<WayInName> = input.parse("way_in.name", &way_in.name);
    if name.is_some_and(|name| name.workspace != envelope.workspace) {
        input.refuse("way_in.name", "must be of the workspace of the event");
    }
    let booking: Option<BookingName> = input.parse("way_in.source", &way_in.source);
    if booking.is_some_and(|name| name.workspace != envelope.workspace) {
        input.refuse("way_in.source", "must be of the workspace of the event");
    }
    let person: Option<PersonName> = input.parse("way_in.person", &way_in.person);
    let starts_at = input.time("way_in.start_time", way_in.start_time.as_ref());
    let window = input.required("way_in.window", way_in.window.as_ref()).and_then(|window| {
        let start = ("way_in.window.start_time", window.start_time.as_ref());
        input.window(start, ("way_in.window.end_time", window.end_time.as_ref()))
    });
    let address = input.required("way_in.door", way_in.door.as_ref())?;
    let provider: Option<ProviderName> = input.parse("way_in.door.provider", &address.provider);
    let target = input.required("way_in.door.target", address.target.as_ref())?;
    let door = if target.display_name.is_empty() { &target.r#ref } else { &target.display_name };
    let (provider, name) = (provider?.to_string(), name?.to_string());
    Some(Ready {
        booking: booking?.id,
        starts_at: starts_at?,
        person: person?.id,
        way_in: WayIn { door: line(door), provider, name, window: window? },
    })
}
