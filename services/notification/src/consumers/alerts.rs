//! Checks ahead of bookings that found something: tells staff.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use domain::Clock;
use domain::names::{BookingName, LocationName, PersonName};
use events::consumer::decode_json;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::{Channels, Letter, Recipient, line};
use crate::model::{Alert, Content, Finding, Kind, NewMessage, Verdict, verdict};
use crate::store::{booking, ledger, staff};

pub(crate) fn config() -> ConsumerConfig {
    super::of_bookings("notification-alerts", "event.access.preflight_failed.>")
}

/// Writes messages to staff into the ledger.
pub(crate) struct Alerts {
    pub clock: Arc<dyn Clock>,
    pub channels: Channels,
    /// The senders.
    pub wake: Vec<Arc<Notify>>,
}

impl Handler for Alerts {
    type Body = Alert;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Alert>, String> {
        let fact: pb::AccessPreflightFailed = decode_json(payload)?;
        read(envelope, fact.check.as_ref()).map(Some).map_err(|error| error.to_string())
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Alert>]) -> Result<(), ApplyError> {
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

impl Alerts {
    async fn messages(
        &self,
        conn: &mut PgConnection,
        received: &Received<Alert>,
    ) -> Result<Vec<NewMessage>, ApplyError> {
        let (alert, now) = (&received.body, self.clock.now());
        let booking = booking::find(conn, alert.workspace, alert.booking).await?;
        let verdict = verdict(booking.as_ref(), alert.starts_at, alert.checked_at, now);
        let booking = match (verdict, booking) {
            (Verdict::Holds, Some(booking)) => booking,
            (Verdict::Outdated, _) => return Ok(Vec::new()),
            _ => return Err(ApplyError::Later("the booking was not heard of yet".to_owned())),
        };
        let content = alert.content(&booking);
        let channels = Channels { has_sms: self.channels.has_sms && alert.is_urgent(), ..self.channels };
        let concerned = staff::concerned(conn, alert.workspace, &alert.locations()).await?;
        if concerned.is_empty() {
            tracing::warn!(workspace.id = %alert.workspace, "nobody is staff who could be told of a check");
        }
        let messages = concerned.iter().flat_map(|staff| {
            let letter = Letter {
                kind: Kind::StaffAlert,
                booking_version: None,
                content: &Content { person_name: staff.display_name.clone(), ..content.clone() },
                expires_at: alert.expires_at(&booking),
            };
            let (email, phone) = (staff.email.as_deref(), staff.phone.as_deref());
            let recipient = Recipient { person: staff.person, email, phone };
            letter.to(&received.envelope, &recipient, channels, now).collect::<Vec<_>>()
        });
        Ok(messages.collect())
    }
}

/// Checks what the event says.
fn read(envelope: &Envelope, check: Option<&pb::PreflightCheck>) -> Result<Alert, InvalidInput> {
    let mut input = Input::new();
    let alert = input.required("check", check).and_then(|check| read_check(&mut input, envelope, check));
    input.finish_with(alert)
}

fn read_check(input: &mut Input, envelope: &Envelope, check: &pb::PreflightCheck) -> Option<Alert> {
    let booking: Option<BookingName> = input.parse("check.source", &check.source);
    if booking.is_some_and(|name| name.workspace != envelope.workspace) {
        input.refuse("check.source", "must be of the workspace of the event");
    }
    let starts_at = input.time("check.start_time", check.start_time.as_ref());
    let checked_at = input.time("check.check_time", check.check_time.as_ref());
    let findings = check.findings.iter().map(|finding| {
        let person: Option<PersonName> = input.parse("check.findings.person", &finding.person);
        let door = input.required("check.findings.door", finding.door.as_ref())?;
        let location: Option<LocationName> = input.parse("check.findings.door.location", &door.location);
        let target = input.required("check.findings.door.target", door.target.as_ref())?;
        let name = if target.display_name.is_empty() { &target.r#ref } else { &target.display_name };
        Some(Finding {
            person: person?.id,
            location: location?.id,
            door: line(name),
            sentence: line(&finding.sentence),
            detail: line(&finding.detail),
        })
    });
    let findings: Option<Vec<Finding>> = findings.collect();
    Some(Alert {
        workspace: envelope.workspace,
        booking: booking?.id,
        stage: check.stage(),
        starts_at: starts_at?,
        checked_at: checked_at?,
        findings: findings?,
    })
}
