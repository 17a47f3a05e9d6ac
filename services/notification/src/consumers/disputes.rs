//! Disputes of payments: tells owners and admins, whose business money is.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use chrono::Duration;
use domain::names::DisputeName;
use domain::{BookingId, Clock, Money, Timestamp, Window};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::billing::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::{Channels, Letter, Recipient, line};
use crate::model::{Content, Dispute, DisputeState, Kind, NewMessage};
use crate::store::{ledger, staff};

/// For so long it is worth telling: banks give a week or more to answer.
const TELLING: Duration = Duration::days(7);

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("notification-disputes", StreamKind::Event, "event.billing.dispute_opened.>")
}

/// Writes messages to staff into the ledger.
pub(crate) struct Disputes {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

impl Handler for Disputes {
    type Body = Content;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Content>, String> {
        let fact: pb::DisputeOpened = decode_json(payload)?;
        read(envelope, &fact).map(Some).map_err(|error| error.to_string())
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Content>]) -> Result<(), ApplyError> {
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

impl Disputes {
    async fn messages(
        &self,
        conn: &mut PgConnection,
        received: &Received<Content>,
    ) -> Result<Vec<NewMessage>, ApplyError> {
        let (workspace, now) = (received.envelope.workspace, self.clock.now());
        // There are days to answer: an email is enough.
        let channels = Channels { has_sms: false, ..self.channels };
        // Nobody's location: what managers manage is no money.
        let concerned = staff::concerned(conn, workspace, &[]).await?;
        if concerned.is_empty() {
            tracing::warn!(workspace.id = %workspace, "nobody is staff who could be told of a dispute");
        }
        let messages = concerned.iter().flat_map(|staff| {
            let letter = Letter {
                kind: Kind::DisputeOpened,
                booking_version: None,
                content: &Content { person_name: staff.display_name.clone(), ..received.body.clone() },
                expires_at: received.body.told_at + TELLING,
            };
            let recipient = Recipient { person: staff.person, email: staff.email.as_deref(), phone: None };
            letter.to(&received.envelope, &recipient, channels, now).collect::<Vec<_>>()
        });
        Ok(messages.collect())
    }
}

/// Checks what the event says.
fn read(envelope: &Envelope, fact: &pb::DisputeOpened) -> Result<Content, InvalidInput> {
    let mut input = Input::new();
    let dispute = input.required("dispute", fact.dispute.as_ref());
    let invoice = input.required("invoice", fact.invoice.as_ref());
    let content = dispute.zip(invoice).and_then(|(dispute, invoice)| {
        let name: DisputeName = input.parse("dispute.name", &dispute.name)?;
        if name.workspace != envelope.workspace {
            input.refuse("dispute.name", "must be of the workspace of the event");
        }
        let amount = input.required("dispute.amount", dispute.amount.as_ref())?;
        let currency = input.parse("dispute.amount.currency", &amount.currency)?;
        let amount = Money::new(amount.minor_units, currency);
        let amount = amount.map_err(|error| input.refuse("dispute.amount", error)).ok()?;
        let payer = invoice.bill_to.as_ref().map_or("", |bill_to| bill_to.display_name.as_str());
        let note = Dispute {
            amount: amount.to_string(),
            invoice: line(&invoice.number),
            payer: line(payer),
            reason: line(&dispute.reason).replace('_', " "),
            state: match dispute.state() {
                pb::DisputeState::Inquiry => DisputeState::Asked,
                pb::DisputeState::Open | pb::DisputeState::Unspecified => DisputeState::Open,
                pb::DisputeState::Won => DisputeState::Won,
                pb::DisputeState::Lost => DisputeState::Lost,
            },
            dispute_ref: line(&dispute.dispute_ref),
        };
        content(BookingId::from_uuid(name.id.uuid()), dispute.version, note, envelope.time)
    });
    input.finish_with(content)
}

/// What a message says, without its recipient.
fn content(id: BookingId, version: i64, dispute: Dispute, told_at: Timestamp) -> Option<Content> {
    Some(Content {
        to: String::new(),
        person_name: String::new(),
        resource_name: String::new(),
        location_name: String::new(),
        address: String::new(),
        time_zone: chrono_tz::UTC.name().to_owned(),
        window: Window::new(told_at, told_at + TELLING).ok()?,
        previous_window: None,
        title: String::new(),
        reason: String::new(),
        // What the workspace is called is not told with money.
        workspace_name: "Latchkey".to_owned(),
        reply_to: None,
        booking: id,
        booking_version: version,
        told_at,
        problems: Vec::new(),
        problems_more: 0,
        host: None,
        host_id: None,
        way_in: None,
        arrival: None,
        dispute: Some(dispute),
    })
}
