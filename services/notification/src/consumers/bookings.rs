//! Facts of bookings: who is to be told what.

mod news;

use std::sync::Arc;

use domain::Clock;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact as _;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::model::{Kind, NewMessage};
use crate::store::ledger;
use news::News;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("notification-bookings", StreamKind::Event, "event.workspace.>")
}

/// Which channels there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels {
    pub has_email: bool,
    pub has_sms: bool,
}

/// Writes messages about bookings into the ledger.
pub(crate) struct Bookings {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

impl Handler for Bookings {
    type Body = News;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<News>, String> {
        let read = |kind, snapshot: Option<pb::BookingSnapshot>, previous| {
            news::read(envelope, kind, snapshot.as_ref(), previous)
                .map(Some)
                .map_err(|error| error.to_string())
        };
        match envelope.type_name.as_str() {
            pb::BookingConfirmed::TYPE => {
                let fact: pb::BookingConfirmed = decode_json(payload)?;
                read(Kind::Confirmed, fact.snapshot, None)
            }
            pb::BookingRescheduled::TYPE => {
                let fact: pb::BookingRescheduled = decode_json(payload)?;
                let booking = fact.snapshot.as_ref().and_then(|snapshot| snapshot.booking.as_ref());
                if booking.is_some_and(|booking| booking.state() != pb::BookingState::Confirmed) {
                    return Ok(None);
                }
                let previous = (fact.previous_start_time.as_ref(), fact.previous_end_time.as_ref());
                read(Kind::Rescheduled, fact.snapshot, Some(previous))
            }
            pb::BookingCancelled::TYPE => {
                let fact: pb::BookingCancelled = decode_json(payload)?;
                if fact.previous_state() != pb::BookingState::Confirmed {
                    return Ok(None);
                }
                read(Kind::Cancelled, fact.snapshot, None)
            }
            _ => Ok(None),
        }
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<News>]) -> Result<(), ApplyError> {
        let now = self.clock.now();
        let messages: Vec<NewMessage> = batch
            .iter()
            .flat_map(|received| received.body.messages(&received.envelope, self.channels, now))
            .collect();
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
