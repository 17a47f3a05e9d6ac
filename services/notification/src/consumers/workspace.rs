//! Facts of bookings and people: who is to be told what, and what is said of a booking later.

mod news;
mod staff;
mod visits;

use std::sync::Arc;

use domain::Clock;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact as _;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::Channels;
use crate::model::{Booking, Kind, NewMessage, Staff};
use crate::store::{booking, ledger, staff as staff_store};
use news::{News, Told};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("notification-bookings", StreamKind::Event, "event.workspace.>")
}

/// Writes messages about bookings into the ledger, and keeps what bookings and staff are like.
pub(crate) struct Workspace {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

/// What concerns messages.
pub(crate) enum Body {
    /// A booking as it is now, and what its person should know of that.
    Booking(Box<Booking>, Option<News>),
    Staff(Staff),
}

impl Handler for Workspace {
    type Body = Body;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Body>, String> {
        let read = |snapshot: Option<pb::BookingSnapshot>, told: Option<Told<'_>>| {
            let (booking, news) =
                news::read(envelope, snapshot.as_ref(), told).map_err(|error| error.to_string())?;
            Ok(Some(Body::Booking(Box::new(booking), news)))
        };
        let told = |kind| Some(Told { kind, previous: None });
        match envelope.type_name.as_str() {
            pb::BookingConfirmed::TYPE => {
                let fact: pb::BookingConfirmed = decode_json(payload)?;
                read(fact.snapshot, told(Kind::Confirmed))
            }
            pb::BookingRescheduled::TYPE => {
                let fact: pb::BookingRescheduled = decode_json(payload)?;
                let booking = fact.snapshot.as_ref().and_then(|snapshot| snapshot.booking.as_ref());
                let is_told = booking.is_none_or(|booking| booking.state() == pb::BookingState::Confirmed);
                let previous = Some((fact.previous_start_time.as_ref(), fact.previous_end_time.as_ref()));
                read(fact.snapshot, is_told.then_some(Told { kind: Kind::Rescheduled, previous }))
            }
            pb::BookingCancelled::TYPE => {
                let fact: pb::BookingCancelled = decode_json(payload)?;
                let is_told = fact.previous_state() == pb::BookingState::Confirmed;
                read(fact.snapshot, told(Kind::Cancelled).filter(|_| is_told))
            }
            pb::BookingFailed::TYPE => read(decode_json::<pb::BookingFailed>(payload)?.snapshot, None),
            pb::BookingAttendeeAdded::TYPE => {
                read(decode_json::<pb::BookingAttendeeAdded>(payload)?.snapshot, None)
            }
            pb::BookingAttendeeRemoved::TYPE => {
                read(decode_json::<pb::BookingAttendeeRemoved>(payload)?.snapshot, None)
            }
            pb::BookingRetold::TYPE => read(decode_json::<pb::BookingRetold>(payload)?.snapshot, None),
            pb::VisitAnnounced::TYPE => {
                visits::read_announced(envelope, decode_json::<pb::VisitAnnounced>(payload)?).map(Some)
            }
            pb::VisitChanged::TYPE => {
                visits::read_changed(envelope, decode_json::<pb::VisitChanged>(payload)?).map(Some)
            }
            pb::VisitCancelled::TYPE => {
                visits::read_cancelled(envelope, decode_json::<pb::VisitCancelled>(payload)?).map(Some)
            }
            pb::PersonCreated::TYPE => {
                let person = decode_json::<pb::PersonCreated>(payload)?.person;
                let staff = staff::read(envelope, person.as_ref())?;
                // Nobody was anything before.
                Ok(Some(staff).filter(|staff| staff.role.is_some()).map(Body::Staff))
            }
            pb::PersonUpdated::TYPE => {
                let person = decode_json::<pb::PersonUpdated>(payload)?.person;
                Ok(Some(Body::Staff(staff::read(envelope, person.as_ref())?)))
            }
            pb::PersonRetold::TYPE => {
                let person = decode_json::<pb::PersonRetold>(payload)?.person;
                Ok(Some(Body::Staff(staff::read(envelope, person.as_ref())?)))
            }
            _ => Ok(None),
        }
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Body>]) -> Result<(), ApplyError> {
        let now = self.clock.now();
        let mut bookings = Vec::new();
        let mut staff = Vec::new();
        let mut messages: Vec<NewMessage> = Vec::new();
        for received in batch {
            match &received.body {
                Body::Staff(one) => staff.push(one),
                Body::Booking(booking, news) => {
                    bookings.push(booking.as_ref());
                    let news = news.iter();
                    messages.extend(
                        news.flat_map(|news| news.messages(&received.envelope, booking, self.channels, now)),
                    );
                }
            }
        }
        if !bookings.is_empty() {
            booking::keep(conn, bookings, now).await?;
        }
        if !staff.is_empty() {
            staff_store::keep(conn, staff).await?;
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
