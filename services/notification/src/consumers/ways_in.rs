//! Links and PINs that are ready, people's own and those of other ways in: tells those whom they are for.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use domain::names::{BookingName, GrantName, PersonName, VisitName, WayInName};
use domain::{BookingId, Clock, PersonId, ProviderName, Timestamp, WorkspaceId};
use events::consumer::decode_json;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact as _;
use proto::access::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::{Channels, Letter, Recipient, line};
use crate::model::{Content, Kind, NewMessage, Verdict, WayIn, verdict};
use crate::store::{booking, ledger};

/// Of other ways in.
pub(crate) fn ways_in() -> ConsumerConfig {
    super::of_bookings("notification-ways-in", "event.access.way_in_ready.>")
}

/// Of people's own access.
pub(crate) fn access() -> ConsumerConfig {
    super::of_bookings("notification-access", "event.access.secret_made.>")
}

/// Writes messages with what lets people in into the ledger.
#[derive(Clone)]
pub(crate) struct WaysIn {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

/// A way in that is ready.
pub(crate) struct Ready {
    kind: Kind,
    booking: BookingId,
    /// When the booking begins, if it is for that beginning alone.
    starts_at: Option<Timestamp>,
    person: PersonId,
    way_in: WayIn,
}

impl Handler for WaysIn {
    type Body = Ready;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Ready>, String> {
        let read = if envelope.type_name == pb::AccessSecretMade::TYPE {
            let fact: pb::AccessSecretMade = decode_json(payload)?;
            // Of what is no booking and no visit nothing is known that could be said.
            if source(&fact.source).is_none() {
                return Ok(None);
            }
            read_access(envelope, &fact)
        } else {
            let fact: pb::AccessWayInReady = decode_json(payload)?;
            read_way_in(envelope, &fact)
        };
        read.map(Some).map_err(|error| error.to_string())
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
        let starts_at =
            ready.starts_at.or(booking.as_ref().map(|it| it.content.window.start())).unwrap_or(now);
        let booking = match (verdict(booking.as_ref(), starts_at, envelope.time, now), booking) {
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
            kind: ready.kind,
            booking_version: None,
            content: &content,
            expires_at: ready.way_in.window.end(),
        };
        let (email, phone) = (contact.email.as_deref(), contact.phone.as_deref());
        let recipient = Recipient { person: ready.person, email, phone };
        Ok(letter.to(envelope, &recipient, self.channels, now).collect())
    }
}

/// What the facts have in common.
struct Said<'a> {
    kind: Kind,
    name: &'a str,
    person: &'a str,
    source: &'a str,
    provider: &'a str,
    target: Option<&'a pb::DoorTarget>,
    window: Option<&'a pb::AccessWindow>,
}

/// Checks what is said of another way in.
fn read_way_in(envelope: &Envelope, fact: &pb::AccessWayInReady) -> Result<Ready, InvalidInput> {
    let mut input = Input::new();
    let ready = input.required("way_in", fact.way_in.as_ref()).and_then(|way_in| {
        let said = Said {
            kind: Kind::WayIn,
            name: &way_in.name,
            person: &way_in.person,
            source: &way_in.source,
            provider: way_in.door.as_ref().map(|door| door.provider.as_str()).unwrap_or_default(),
            target: way_in.door.as_ref().and_then(|door| door.target.as_ref()),
            window: way_in.window.as_ref(),
        };
        let starts_at = input.time("start_time", way_in.start_time.as_ref());
        let owner = input.parse("name", said.name).map(|name: WayInName| name.workspace);
        Some(Ready { starts_at: Some(starts_at?), ..read(&mut input, envelope, &said, owner)? })
    });
    input.finish_with(ready)
}

/// Checks what is said of a person's own access.
fn read_access(envelope: &Envelope, fact: &pb::AccessSecretMade) -> Result<Ready, InvalidInput> {
    let mut input = Input::new();
    let ready = input.required("grant", fact.grant.as_ref()).and_then(|grant| {
        let said = Said {
            kind: Kind::AccessReady,
            name: &grant.name,
            person: &grant.person,
            source: &fact.source,
            provider: &grant.provider,
            target: grant.target.as_ref(),
            window: fact.window.as_ref(),
        };
        let owner = input.parse("name", said.name).map(|name: GrantName| name.workspace);
        read(&mut input, envelope, &said, owner)
    });
    input.finish_with(ready)
}

/// The booking that is the source of someone's access; visits are kept as bookings are, by their own ids.
fn source(name: &str) -> Option<(WorkspaceId, BookingId)> {
    if let Ok(BookingName { workspace, id }) = name.parse() {
        return Some((workspace, id));
    }
    let VisitName { workspace, id } = name.parse().ok()?;
    Some((workspace, BookingId::from_uuid(id.uuid())))
}

/// The rest; `owner`: whose workspace what opens the door is of.
fn read(
    input: &mut Input,
    envelope: &Envelope,
    said: &Said<'_>,
    owner: Option<WorkspaceId>,
) -> Option<Ready> {
    let booking = source(said.source);
    if booking.is_none() {
        input.refuse("source", "must be a booking or a visit");
    }
    let person: Option<PersonName> = input.parse("person", said.person);
    let provider: Option<ProviderName> = input.parse("provider", said.provider);
    let window = input.required("window", said.window).and_then(|window| {
        let start = ("window.start_time", window.start_time.as_ref());
        input.window(start, ("window.end_time", window.end_time.as_ref()))
    });
    for (field, workspace) in [("name", owner), ("source", booking.map(|(workspace, _)| workspace))] {
        if workspace.is_some_and(|workspace| workspace != envelope.workspace) {
            input.refuse(field, "must be of the workspace of the event");
        }
    }
    let target = input.required("target", said.target)?;
    let door = if target.display_name.is_empty() { &target.r#ref } else { &target.display_name };
    let (provider, name) = (provider?.to_string(), said.name.to_owned());
    Some(Ready {
        kind: said.kind,
        booking: booking?.1,
        starts_at: None,
        person: person?.id,
        way_in: WayIn { door: line(door), provider, name, window: window? },
    })
}
