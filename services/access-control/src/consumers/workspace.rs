//! Bookings and people, from the workspace service.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert::{self, BookingFacts};
use crate::model::Person;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("access-control-workspace", StreamKind::Event, "event.workspace.>")
}

pub(crate) struct Workspace {
    app: Arc<App>,
}

impl Workspace {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

/// What concerns access.
pub(crate) enum Body {
    Booking(BookingFacts),
    Person(Person),
}

fn booking(envelope: &Envelope, snapshot: Option<&pb::BookingSnapshot>) -> Result<Option<Body>, String> {
    let facts = convert::booking_facts(snapshot).ok_or("the snapshot is not complete")?;
    if facts.entitlement.workspace != envelope.workspace {
        return Err("the booking is another workspace's".to_owned());
    }
    Ok(Some(Body::Booking(facts)))
}

fn person(envelope: &Envelope, person: Option<&pb::Person>) -> Result<Option<Body>, String> {
    let person = person.and_then(convert::person).ok_or("the person is not complete")?;
    if person.workspace != envelope.workspace {
        return Err("the person is another workspace's".to_owned());
    }
    Ok(Some(Body::Person(person)))
}

impl Handler for Workspace {
    type Body = Body;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Body>, String> {
        match envelope.type_name.as_str() {
            pb::BookingConfirmed::TYPE => {
                booking(envelope, decode_json::<pb::BookingConfirmed>(payload)?.snapshot.as_ref())
            }
            pb::BookingRescheduled::TYPE => {
                booking(envelope, decode_json::<pb::BookingRescheduled>(payload)?.snapshot.as_ref())
            }
            pb::BookingCancelled::TYPE => {
                booking(envelope, decode_json::<pb::BookingCancelled>(payload)?.snapshot.as_ref())
            }
            pb::BookingFailed::TYPE => {
                booking(envelope, decode_json::<pb::BookingFailed>(payload)?.snapshot.as_ref())
            }
            pb::PersonUpdated::TYPE => {
                person(envelope, decode_json::<pb::PersonUpdated>(payload)?.person.as_ref())
            }
            // A booking that is made gives nothing yet; one that is completed ends by itself.
            _ => Ok(None),
        }
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Body>]) -> Result<(), ApplyError> {
        let workspaces: Vec<_> = batch.iter().map(|received| received.envelope.workspace).collect();
        self.app.hold_off_mappings(conn, &workspaces).await?;
        let mut bookings = Vec::new();
        let mut people = Vec::new();
        for received in batch {
            match &received.body {
                Body::Booking(facts) => bookings.push((&received.envelope, &received.span, facts)),
                Body::Person(person) => people.push(person),
            }
        }
        if !people.is_empty() {
            self.app.hear_people(conn, &people).await?;
        }
        if !bookings.is_empty() {
            self.app.hear_bookings(conn, &bookings).await?;
        }
        Ok(())
    }

    fn applied(&self) {
        self.app.wake();
    }
}
