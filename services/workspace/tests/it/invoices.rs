//! What is paid stands, and what is not does not.

use std::time::Duration;

use domain::EventId;
use events::Envelope;
use proto::Fact;
use proto::billing::v1 as billing_pb;
use proto::membership::v1::MembershipState;
use proto::workspace::v1 as pb;
use proto::workspace::v1::BookingState;
use testkit::eventually;

use crate::world::{World, at};

const LIMIT: Duration = Duration::from_secs(20);

impl World {
    /// Has billing tell a fact of an invoice.
    async fn bill<T: Fact>(&self, fact: &T) {
        let (bus, id) = (self.harness.bus().await, EventId::new());
        let envelope = Envelope {
            id,
            type_name: T::TYPE.into(),
            source: "/latchkey/billing".into(),
            subject: format!("{}/invoices/{id}", self.name),
            time: domain::Clock::now(&*self.harness.clock),
            workspace: self.workspace,
            sequence: 1,
            correlation: id.to_string(),
            causation: None,
            traceparent: None,
        };
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in envelope.headers() {
            headers.insert(name, value.as_str());
        }
        let subject = bus.root().subject(&events::subject::event(T::DOMAIN, T::NAME, self.workspace));
        let body = serde_json::to_vec(fact).unwrap().into();
        bus.jetstream().publish_with_headers(subject, headers, body).await.unwrap().await.unwrap();
    }

    async fn booking_becomes(&mut self, name: &str, state: BookingState) -> pb::Booking {
        let world = tokio::sync::Mutex::new(self);
        eventually("the booking's state", LIMIT, async || {
            let booking = world.lock().await.get(name).await;
            if booking.state() == state { Ok(booking) } else { Err(format!("{booking:?}")) }
        })
        .await
    }
}

fn invoice(subject: &str, end_date: &str) -> Option<billing_pb::Invoice> {
    let line = billing_pb::InvoiceLine {
        subject: subject.into(),
        start_date: "2026-12-01".into(),
        end_date: end_date.into(),
        ..Default::default()
    };
    Some(billing_pb::Invoice { lines: vec![line], ..Default::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_is_paid_is_confirmed_also_after_its_charge_had_failed() {
    let mut world = World::new().await;
    let paid = world.create(world.booking(9, 10)).await.unwrap();
    let declined = world.create(world.booking(11, 12)).await.unwrap();
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&paid.name, "") }).await;
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&paid.name, "") }).await;
    world.booking_becomes(&paid.name, BookingState::Confirmed).await;
    let failed = |is_final: bool| billing_pb::InvoiceChargeFailed {
        invoice: invoice(&declined.name, ""),
        reason: "the card was declined".into(),
        is_final,
    };
    world.bill(&failed(false)).await;
    world.bill(&failed(true)).await;
    let booking = world.booking_becomes(&declined.name, BookingState::Failed).await;
    assert_eq!((booking.state_reason.as_str(), booking.version), ("the card was declined", 2));
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&declined.name, "") }).await;
    world.booking_becomes(&declined.name, BookingState::Confirmed).await;
    // What was confirmed stands, whatever is said of its charge later.
    world.bill(&failed(true)).await;
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&world.booking(9, 10).name, "") }).await;
    world.harness.books().balance(0, LIMIT).await;
    assert_eq!(world.get(&declined.name).await.state(), BookingState::Confirmed);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_whose_resource_someone_else_has_by_now_stays_failed_though_it_is_paid() {
    let mut world = World::new().await;
    let declined = world.create(world.booking(9, 10)).await.unwrap();
    let failed = billing_pb::InvoiceChargeFailed {
        invoice: invoice(&declined.name, ""),
        reason: "declined".into(),
        is_final: true,
    };
    world.bill(&failed).await;
    world.booking_becomes(&declined.name, BookingState::Failed).await;
    world.create(world.booking(9, 11)).await.unwrap();
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&declined.name, "") }).await;
    world.harness.books().balance(0, LIMIT).await;
    assert_eq!(world.get(&declined.name).await.state(), BookingState::Failed);
    assert_eq!(declined.start_time.unwrap(), at(9));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_whose_money_is_given_back_is_called_off_unless_it_is_over() {
    let mut world = World::new().await;
    let booked = world.create(world.booking(9, 10)).await.unwrap();
    let later = world.create(world.booking(11, 12)).await.unwrap();
    for name in [&booked.name, &later.name] {
        world.bill(&billing_pb::InvoicePaid { invoice: invoice(name, "") }).await;
        world.booking_becomes(name, BookingState::Confirmed).await;
    }
    let given_back = |bookings: &[&String]| billing_pb::RefundCreated {
        bookings: bookings.iter().copied().cloned().collect(),
        ..Default::default()
    };
    // In part: nothing is said of bookings.
    world.bill(&given_back(&[])).await;
    let unknown = format!("{}/bookings/{}", world.name, domain::BookingId::new());
    for _ in 0..2 {
        world.bill(&given_back(&[&booked.name, &unknown])).await;
    }
    let cancelled = world.booking_becomes(&booked.name, BookingState::Cancelled).await;
    assert_eq!(
        (cancelled.state_reason.as_str(), cancelled.version),
        ("what was paid for it is given back", 3)
    );
    assert_eq!(world.get(&later.name).await.state(), BookingState::Confirmed);
    world.harness.clock.advance(chrono::Duration::days(2));
    world.bill(&given_back(&[&later.name])).await;
    world.harness.books().balance(0, LIMIT).await;
    assert_ne!(world.get(&later.name).await.state(), BookingState::Cancelled);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_is_paid_is_renewed_and_whoever_is_behind_is_paused() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let started = world.start(world.membership(&plan)).await.unwrap();
    let name = started.name;
    let becomes = |what: &'static str, wanted: fn(&proto::membership::v1::Membership) -> bool| {
        let (world, name) = (&world, &name);
        async move {
            eventually(what, LIMIT, async || {
                let membership = world.get_membership(name).await;
                if wanted(&membership) { Ok(membership) } else { Err(format!("{membership:?}")) }
            })
            .await
        }
    };
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&name, "2027-02-01") }).await;
    // Midnight in Vienna.
    let until = |membership: &proto::membership::v1::Membership| {
        membership.period_end_time.is_some_and(|time| time.seconds == 1_801_436_400)
    };
    becomes("renewed", until).await;
    // What comes late makes nothing shorter.
    world.bill(&billing_pb::InvoicePaid { invoice: invoice(&name, "2027-01-01") }).await;
    let memberships = vec![name.clone()];
    let behind = billing_pb::PayerFellBehind { invoice: None, memberships: memberships.clone() };
    world.bill(&behind).await;
    becomes("paused", |it| it.state() == MembershipState::Paused).await;
    world.bill(&billing_pb::PayerCaughtUp { invoice: None, memberships }).await;
    let resumed = becomes("resumed", |it| it.state() == MembershipState::Active).await;
    assert!(until(&resumed), "{resumed:?}");
    world.bill(&billing_pb::InvoiceGivenUp { invoice: invoice(&name, "2027-02-01") }).await;
    becomes("ending", |it| it.state() == MembershipState::Ending).await;
    world.harness.finish().await;
}
