//! Facts of invoices and refunds: what is paid stands, and what is not, or is given back, does not.

use std::sync::Arc;

use chassis::error::{Class, Classify};
use chassis::input::{Input, InvalidInput};
use chrono::NaiveDate;
use domain::names::{BookingName, MembershipName};
use domain::{BookingId, MembershipId, WorkspaceId};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact as _;
use proto::billing::v1 as pb;
use sqlx::PgConnection;
use tracing::Instrument as _;

use crate::app::App;
use crate::error::Error;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("workspace-billing", StreamKind::Event, "event.billing.*.*")
}

/// Follows what becomes of invoices.
pub(crate) struct Billing {
    app: Arc<App>,
}

impl Billing {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

/// What follows from a fact, in order.
pub(crate) type Body = Vec<Consequence>;

/// One thing that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// It is paid, so it stands.
    Confirm(BookingId),
    /// It can't be paid, so it does not come about.
    Fail(BookingId, String),
    /// It is paid for until that day begins at its location.
    Renew(MembershipId, NaiveDate),
    /// Nobody expects the money for it any more.
    FailRenewal(MembershipId),
    /// Its payer is far behind.
    Pause(MembershipId),
    /// Its payer has paid.
    Resume(MembershipId),
    /// All that was paid for it is given back, so it is called off.
    CallOff(BookingId),
}

impl Handler for Billing {
    type Body = Body;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Body>, String> {
        let body = match envelope.type_name.as_str() {
            pb::InvoicePaid::TYPE => {
                let fact: pb::InvoicePaid = decode_json(payload)?;
                of_lines(envelope.workspace, fact.invoice.as_ref(), |subject| match subject {
                    Subject::Booking(id) => Some(Consequence::Confirm(id)),
                    Subject::Membership(id, paid_until) => Some(Consequence::Renew(id, paid_until)),
                })
            }
            pb::InvoiceChargeFailed::TYPE => {
                let fact: pb::InvoiceChargeFailed = decode_json(payload)?;
                of_lines(envelope.workspace, fact.invoice.as_ref(), |subject| match subject {
                    Subject::Booking(id) if fact.is_final => Some(Consequence::Fail(id, fact.reason.clone())),
                    Subject::Booking(_) | Subject::Membership(..) => None,
                })
            }
            pb::InvoiceGivenUp::TYPE => {
                let fact: pb::InvoiceGivenUp = decode_json(payload)?;
                of_lines(envelope.workspace, fact.invoice.as_ref(), |subject| match subject {
                    Subject::Booking(_) => None,
                    Subject::Membership(id, _) => Some(Consequence::FailRenewal(id)),
                })
            }
            pb::PayerFellBehind::TYPE => {
                let fact: pb::PayerFellBehind = decode_json(payload)?;
                memberships(envelope.workspace, &fact.memberships, Consequence::Pause)
            }
            pb::PayerCaughtUp::TYPE => {
                let fact: pb::PayerCaughtUp = decode_json(payload)?;
                memberships(envelope.workspace, &fact.memberships, Consequence::Resume)
            }
            pb::RefundCreated::TYPE => {
                let fact: pb::RefundCreated = decode_json(payload)?;
                bookings(envelope.workspace, &fact.bookings, Consequence::CallOff)
            }
            _ => return Ok(None),
        };
        let body = body.map_err(|error| error.to_string())?;
        Ok(Some(body).filter(|body| !body.is_empty()))
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Body>]) -> Result<(), ApplyError> {
        for received in batch {
            let (workspace, cause) = (received.envelope.workspace, &received.envelope.type_name);
            for consequence in &received.body {
                // Within its span, so that what follows from it is in its trace.
                let followed = self.app.follow_invoice(conn, workspace, consequence, cause);
                followed.instrument(received.span.clone()).await.map_err(verdict)?;
            }
        }
        Ok(())
    }
}

/// What a failure means for the message.
fn verdict(error: Error) -> ApplyError {
    match error {
        Error::Store(error) => error.into(),
        Error::Outbox(error) => error.into(),
        error => match error.class() {
            Class::Unavailable | Class::LostRace | Class::Internal => ApplyError::Later(error.to_string()),
            _ => ApplyError::Never(format!("{}: {error}", error.reason())),
        },
    }
}

/// What a line of an invoice is for, as far as it concerns this service.
enum Subject {
    Booking(BookingId),
    /// And the first day that is not paid for.
    Membership(MembershipId, NaiveDate),
}

fn of_lines(
    workspace: WorkspaceId,
    invoice: Option<&pb::Invoice>,
    follows: impl Fn(Subject) -> Option<Consequence>,
) -> Result<Body, InvalidInput> {
    let mut input = Input::new();
    let mut body = Vec::new();
    for line in input.required("invoice", invoice).into_iter().flat_map(|invoice| &invoice.lines) {
        let subject = if line.subject.contains("/bookings/") {
            let name: Option<BookingName> = input.parse("invoice.lines.subject", &line.subject);
            name.filter(|name| name.workspace == workspace).map(|name| Subject::Booking(name.id))
        } else if line.subject.contains("/memberships/") {
            let name: Option<MembershipName> = input.parse("invoice.lines.subject", &line.subject);
            let until = input.date("invoice.lines.end_date", &line.end_date);
            let name = name.filter(|name| name.workspace == workspace);
            name.zip(until).map(|(name, until)| Subject::Membership(name.id, until))
        } else {
            None
        };
        let consequence = subject.and_then(&follows);
        body.extend(consequence.filter(|it| !body.contains(it)));
    }
    input.finish_with(Some(body))
}

fn bookings(
    workspace: WorkspaceId,
    names: &[String],
    follows: fn(BookingId) -> Consequence,
) -> Result<Body, InvalidInput> {
    let mut input = Input::new();
    let parse = |name: &String| input.parse::<BookingName>("bookings", name);
    let names: Vec<BookingName> = names.iter().filter_map(parse).collect();
    let own = names.into_iter().filter(|name| name.workspace == workspace);
    let body = own.map(|name| follows(name.id)).collect();
    input.finish_with(Some(body))
}

fn memberships(
    workspace: WorkspaceId,
    names: &[String],
    follows: fn(MembershipId) -> Consequence,
) -> Result<Body, InvalidInput> {
    let mut input = Input::new();
    let parse = |name: &String| input.parse::<MembershipName>("memberships", name);
    let names: Vec<MembershipName> = names.iter().filter_map(parse).collect();
    let own = names.into_iter().filter(|name| name.workspace == workspace);
    let body = own.map(|name| follows(name.id)).collect();
    input.finish_with(Some(body))
}
