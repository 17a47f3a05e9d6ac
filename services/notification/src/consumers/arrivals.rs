//! Visitors who have come: tells whoever expects them.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use domain::names::{PersonName, VisitName};
use domain::{BookingId, Clock, PersonId};
use events::consumer::decode_json;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::{Channels, Letter, Recipient, line};
use crate::model::{Arrival, Contact, Content, Kind, NewMessage, Verdict, verdict};
use crate::store::{booking, ledger};

pub(crate) fn config() -> ConsumerConfig {
    super::of_bookings("notification-arrivals", "event.access.visitor_arrived.>")
}

/// Writes messages to hosts into the ledger.
pub(crate) struct Arrivals {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

/// Whose visit it is, as visits are kept: as bookings are, by their own ids.
pub(crate) struct Arrived {
    visit: BookingId,
    visitor: PersonId,
    /// Without what the visitor is called.
    arrival: Arrival,
}

impl Handler for Arrivals {
    type Body = Arrived;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Arrived>, String> {
        let fact: pb::VisitorArrived = decode_json(payload)?;
        read(envelope, &fact).map(Some).map_err(|error| error.to_string())
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Arrived>]) -> Result<(), ApplyError> {
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

impl Arrivals {
    async fn messages(
        &self,
        conn: &mut PgConnection,
        received: &Received<Arrived>,
    ) -> Result<Vec<NewMessage>, ApplyError> {
        let (arrived, envelope, now) = (&received.body, &received.envelope, self.clock.now());
        let visit = booking::find(conn, envelope.workspace, arrived.visit).await?;
        let starts_at = visit.as_ref().map_or(now, |visit| visit.content.window.start());
        let visit = match (verdict(visit.as_ref(), starts_at, envelope.time, now), visit) {
            (Verdict::Holds, Some(visit)) => visit,
            (Verdict::Outdated, _) => return Ok(Vec::new()),
            _ => return Err(ApplyError::Later("the visit was not heard of yet".to_owned())),
        };
        let host = visit.content.host_id.and_then(|id| Some((id, visit.people.get(&id)?)));
        let Some((host, Contact { name, email, .. })) = host else { return Ok(Vec::new()) };
        let visitor = visit.people.get(&arrived.visitor).map(|it| it.name.clone()).unwrap_or_default();
        let content = Content {
            person_name: name.clone(),
            arrival: Some(Arrival { visitor, ..arrived.arrival.clone() }),
            ..visit.content.clone()
        };
        let letter = Letter {
            kind: Kind::VisitorArrived,
            booking_version: None,
            content: &content,
            expires_at: content.window.end(),
        };
        let recipient = Recipient { person: host, email: email.as_deref(), phone: None };
        Ok(letter.to(envelope, &recipient, self.channels, now).collect())
    }
}

/// Checks what the event says.
fn read(envelope: &Envelope, fact: &pb::VisitorArrived) -> Result<Arrived, InvalidInput> {
    let mut input = Input::new();
    let visit: Option<VisitName> = input.parse("visit", &fact.visit);
    let visitor: Option<PersonName> = input.parse("visitor", &fact.visitor);
    for (field, workspace) in
        [("visit", visit.map(|name| name.workspace)), ("visitor", visitor.map(|name| name.workspace))]
    {
        if workspace.is_some_and(|workspace| workspace != envelope.workspace) {
            input.refuse(field, "must be of the workspace of the event");
        }
    }
    let target = input.required("door.target", fact.door.as_ref().and_then(|door| door.target.as_ref()));
    let time = input.time("arrive_time", fact.arrive_time.as_ref());
    let arrived = (|| {
        let target = target?;
        let door = if target.display_name.is_empty() { &target.r#ref } else { &target.display_name };
        Some(Arrived {
            visit: BookingId::from_uuid(visit?.id.uuid()),
            visitor: visitor?.id,
            arrival: Arrival { visitor: String::new(), door: line(door), time: time? },
        })
    })();
    input.finish_with(arrived)
}
