//! Facts of bookings, memberships and passes: what is to be billed.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use chrono_tz::Tz;
use domain::names::{
    BookingName, LocationName, MembershipName, PassName, PassProductName, PersonName, PlanName, ResourceName,
    TeamName,
};
use domain::{Clock, LocationId, Timestamp, Window, WorkspaceId};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact as _;
use proto::membership::v1 as membership_pb;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;
use tracing::Instrument as _;

use crate::bookings::{self, Booking, BookingState};
use crate::customers::Holder;
use crate::invoices::InvoiceError;
use crate::memberships::{self, Membership, MembershipState};
use crate::passes::{self, Pass};
use crate::payers::Payer;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("billing-workspace", StreamKind::Event, "event.workspace.>")
}

/// Bills what people have and book.
pub(crate) struct Workspace {
    pub clock: Arc<dyn Clock>,
}

/// What concerns money, as it is now.
pub(crate) enum Body {
    Booking(Box<Booking>),
    Membership(Box<Membership>),
    Pass(Box<Pass>),
}

impl Handler for Workspace {
    type Body = Body;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Body>, String> {
        let workspace = envelope.workspace;
        let of_booking = |snapshot: Option<pb::BookingSnapshot>| booking(workspace, snapshot.as_ref());
        let of_membership =
            |snapshot: Option<membership_pb::MembershipSnapshot>| membership(workspace, snapshot.as_ref());
        let of_pass = |snapshot: Option<pb::PassSnapshot>| pass(workspace, snapshot.as_ref());
        let body = match envelope.type_name.as_str() {
            pb::BookingCreated::TYPE => of_booking(decode_json::<pb::BookingCreated>(payload)?.snapshot),
            pb::BookingConfirmed::TYPE => of_booking(decode_json::<pb::BookingConfirmed>(payload)?.snapshot),
            pb::BookingRescheduled::TYPE => {
                of_booking(decode_json::<pb::BookingRescheduled>(payload)?.snapshot)
            }
            pb::BookingCancelled::TYPE => of_booking(decode_json::<pb::BookingCancelled>(payload)?.snapshot),
            pb::BookingFailed::TYPE => of_booking(decode_json::<pb::BookingFailed>(payload)?.snapshot),
            pb::PassIssued::TYPE => of_pass(decode_json::<pb::PassIssued>(payload)?.snapshot),
            pb::PassCancelled::TYPE => of_pass(decode_json::<pb::PassCancelled>(payload)?.snapshot),
            membership_pb::MembershipStarted::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipStarted>(payload)?.snapshot)
            }
            membership_pb::MembershipRenewed::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipRenewed>(payload)?.snapshot)
            }
            membership_pb::MembershipRenewalFailed::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipRenewalFailed>(payload)?.snapshot)
            }
            membership_pb::MembershipPaused::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipPaused>(payload)?.snapshot)
            }
            membership_pb::MembershipResumed::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipResumed>(payload)?.snapshot)
            }
            membership_pb::MembershipCancelled::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipCancelled>(payload)?.snapshot)
            }
            membership_pb::MembershipEnded::TYPE => {
                of_membership(decode_json::<membership_pb::MembershipEnded>(payload)?.snapshot)
            }
            _ => return Ok(None),
        };
        body.map(Some).map_err(|error| error.to_string())
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Body>]) -> Result<(), ApplyError> {
        let now = self.clock.now();
        for received in batch {
            // Within its span, so that what follows from it is in its trace.
            bill(conn, &received.body, now).instrument(received.span.clone()).await.map_err(verdict)?;
        }
        Ok(())
    }
}

async fn bill(conn: &mut PgConnection, body: &Body, now: Timestamp) -> Result<(), InvoiceError> {
    match body {
        Body::Booking(booking) => bookings::bill(conn, booking, now).await,
        Body::Membership(membership) => memberships::follow(conn, membership, now).await,
        Body::Pass(pass) => passes::bill(conn, pass, now).await,
    }
}

/// What a refusal means for the message.
fn verdict(error: InvoiceError) -> ApplyError {
    match error {
        InvoiceError::Store(error) => error.into(),
        InvoiceError::Outbox(error) => error.into(),
        InvoiceError::Books(error) => ApplyError::Later(error.to_string()),
        error => ApplyError::Never(error.to_string()),
    }
}

fn booking(workspace: WorkspaceId, snapshot: Option<&pb::BookingSnapshot>) -> Result<Body, InvalidInput> {
    let mut input = Input::new();
    let snapshot = input.required("snapshot", snapshot);
    let booking = snapshot.and_then(|it| input.required("snapshot.booking", it.booking.as_ref()));
    let place = snapshot.and_then(|it| site(&mut input, "snapshot.location", it.location.as_ref()));
    let person = snapshot.and_then(|it| input.required("snapshot.person", it.person.as_ref()));
    let resource = snapshot.and_then(|it| input.required("snapshot.resource", it.resource.as_ref()));
    let values = (|| {
        let (booking, person, resource) = (booking?, person?, resource?);
        let window: Option<Window> = input.window(
            ("snapshot.booking.start_time", booking.start_time.as_ref()),
            ("snapshot.booking.end_time", booking.end_time.as_ref()),
        );
        let holder = input.parse::<PersonName>("snapshot.person.name", &person.name);
        Some(Booking {
            workspace,
            id: input.parse::<BookingName>("snapshot.booking.name", &booking.name)?.id,
            resource: input.parse::<ResourceName>("snapshot.resource.name", &resource.name)?.id,
            resource_name: resource.display_name.clone(),
            payer: payer(Holder::Person(holder?.id), &person.display_name, &person.email),
            location: place?.0,
            time_zone: place?.1,
            window: window?,
            state: match booking.state() {
                pb::BookingState::Confirmed | pb::BookingState::Completed => BookingState::Confirmed,
                pb::BookingState::Failed => BookingState::Failed,
                pb::BookingState::Cancelled => BookingState::Cancelled,
                pb::BookingState::Pending | pb::BookingState::Unspecified => BookingState::Pending,
            },
            version: booking.version,
            created_at: input.time("snapshot.booking.create_time", booking.create_time.as_ref())?,
        })
    })();
    input.finish_with(values).map(|booking| Body::Booking(Box::new(booking)))
}

fn membership(
    workspace: WorkspaceId,
    snapshot: Option<&membership_pb::MembershipSnapshot>,
) -> Result<Body, InvalidInput> {
    let mut input = Input::new();
    let snapshot = input.required("snapshot", snapshot);
    let membership = snapshot.and_then(|it| input.required("snapshot.membership", it.membership.as_ref()));
    let plan = snapshot.and_then(|it| input.required("snapshot.plan", it.plan.as_ref()));
    let place = snapshot.and_then(|it| site(&mut input, "snapshot.locations", it.locations.first()));
    let values = (|| {
        let (snapshot, membership, plan) = (snapshot?, membership?, plan?);
        let starts_at = input.time("snapshot.membership.start_time", membership.start_time.as_ref());
        let period_ends_at =
            input.time("snapshot.membership.period_end_time", membership.period_end_time.as_ref());
        let created_at = input.time("snapshot.membership.create_time", membership.create_time.as_ref());
        let ended_at = membership.ended_time.as_ref();
        let ended_at = ended_at.and_then(|time| input.time("snapshot.membership.ended_time", Some(time)));
        let payer = match &membership.holder {
            Some(membership_pb::membership::Holder::Person(name)) => {
                let id = input.parse::<PersonName>("snapshot.membership.person", name)?.id;
                let person = snapshot.people.iter().find(|person| person.name == *name);
                let (display_name, email) =
                    person.map_or(("", ""), |it| (it.display_name.as_str(), it.email.as_str()));
                payer(Holder::Person(id), display_name, email)
            }
            Some(membership_pb::membership::Holder::Team(name)) => {
                let id = input.parse::<TeamName>("snapshot.membership.team", name)?.id;
                let name = snapshot.team.as_ref().map_or("", |team| team.display_name.as_str());
                payer(Holder::Team(id), name, "")
            }
            None => {
                input.refuse("snapshot.membership.holder", "must be set");
                return None;
            }
        };
        Some(Membership {
            workspace,
            id: input.parse::<MembershipName>("snapshot.membership.name", &membership.name)?.id,
            plan: input.parse::<PlanName>("snapshot.plan.name", &plan.name)?.id,
            plan_name: plan.display_name.clone(),
            payer,
            location: place?.0,
            time_zone: place?.1,
            starts_at: starts_at?,
            period_ends_at: period_ends_at?,
            ended_at,
            state: match membership.state() {
                membership_pb::MembershipState::Paused => MembershipState::Paused,
                membership_pb::MembershipState::Ending => MembershipState::Ending,
                membership_pb::MembershipState::Ended => MembershipState::Ended,
                membership_pb::MembershipState::Active | membership_pb::MembershipState::Unspecified => {
                    MembershipState::Active
                }
            },
            is_ending: membership.is_ending,
            created_at: created_at?,
            version: membership.version,
        })
    })();
    input.finish_with(values).map(|membership| Body::Membership(Box::new(membership)))
}

fn pass(workspace: WorkspaceId, snapshot: Option<&pb::PassSnapshot>) -> Result<Body, InvalidInput> {
    let mut input = Input::new();
    let snapshot = input.required("snapshot", snapshot);
    let pass = snapshot.and_then(|it| input.required("snapshot.pass", it.pass.as_ref()));
    let product = snapshot.and_then(|it| input.required("snapshot.product", it.product.as_ref()));
    let person = snapshot.and_then(|it| input.required("snapshot.person", it.person.as_ref()));
    let place = snapshot.and_then(|it| site(&mut input, "snapshot.location", it.location.as_ref()));
    let values = (|| {
        let (pass, product, person) = (pass?, product?, person?);
        let holder = input.parse::<PersonName>("snapshot.person.name", &person.name);
        Some(Pass {
            workspace,
            id: input.parse::<PassName>("snapshot.pass.name", &pass.name)?.id,
            product: input.parse::<PassProductName>("snapshot.product.name", &product.name)?.id,
            product_name: product.display_name.clone(),
            payer: payer(Holder::Person(holder?.id), &person.display_name, &person.email),
            location: place?.0,
            time_zone: place?.1,
            is_cancelled: pass.cancel_time.is_some(),
            created_at: input.time("snapshot.pass.create_time", pass.create_time.as_ref())?,
        })
    })();
    input.finish_with(values).map(|pass| Body::Pass(Box::new(pass)))
}

fn payer(holder: Holder, display_name: &str, email: &str) -> Payer {
    Payer { holder, display_name: display_name.to_owned(), email: email.to_owned() }
}

/// A location, and its time zone.
fn site(input: &mut Input, field: &str, location: Option<&pb::Location>) -> Option<(LocationId, Tz)> {
    let location = input.required(field, location)?;
    let name = input.parse::<LocationName>(&format!("{field}.name"), &location.name);
    let zone = domain::zone::parse(&location.time_zone)
        .map_err(|error| input.refuse(&format!("{field}.time_zone"), error))
        .ok();
    Some((name?.id, zone?))
}
