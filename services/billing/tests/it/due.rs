//! What is billed without being asked: bookings, passes, memberships; who is overdue, and behind.

use domain::names::{BookingName, MembershipName, PassName};
use domain::{BookingId, MembershipId, PassId};
use proto::billing::v1 as pb;
use proto::billing::v1::InvoiceState;
use proto::membership::v1 as membership_pb;
use proto::membership::v1::MembershipState;
use proto::workspace::v1 as workspace_pb;
use proto::workspace::v1::BookingState;
use testkit::eventually;

use crate::desk::{Desk, LIMIT, settings, vat};
use crate::world::TEST_KEY;

impl Desk {
    async fn booked(&self, id: BookingId, version: i64, hours: i64, state: BookingState) {
        let snapshot = Some(self.booking(id, version, hours, state));
        let subject = BookingName { workspace: self.world.workspace, id }.to_string();
        match state {
            BookingState::Confirmed => {
                self.tell(subject, version, &workspace_pb::BookingConfirmed { snapshot }).await;
            }
            BookingState::Cancelled => {
                let fact = workspace_pb::BookingCancelled { snapshot, ..Default::default() };
                self.tell(subject, version, &fact).await;
            }
            _ => self.tell(subject, version, &workspace_pb::BookingCreated { snapshot }).await,
        }
    }

    async fn has(&self, id: MembershipId, version: i64, state: MembershipState, start: &str) {
        let snapshot = Some(self.membership(id, version, state, start));
        let subject = MembershipName { workspace: self.world.workspace, id }.to_string();
        match state {
            MembershipState::Paused => {
                self.tell(subject, version, &membership_pb::MembershipPaused { snapshot }).await;
            }
            _ if version == 1 => {
                self.tell(subject, version, &membership_pb::MembershipStarted { snapshot }).await;
            }
            _ => self.tell(subject, version, &membership_pb::MembershipResumed { snapshot }).await,
        }
    }

    /// The states of all invoices, once they are these.
    async fn come_to(&self, wanted: &[InvoiceState]) {
        let states = || async {
            let states: Vec<InvoiceState> = self.list().await.iter().map(pb::Invoice::state).collect();
            if states == wanted { Ok(()) } else { Err(format!("{states:?}")) }
        };
        eventually("the invoices stand so", LIMIT, states).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_billed_once_however_often_it_is_told_and_follows_what_becomes_of_it() {
    let desk = Desk::open().await;
    desk.price(desk.hourly(3_000, Some(vat("20", false)))).await.unwrap();
    let id = BookingId::new();
    desk.booked(id, 1, 2, BookingState::Pending).await;
    desk.booked(id, 2, 2, BookingState::Confirmed).await;
    desk.booked(id, 2, 2, BookingState::Confirmed).await;
    let [(shown, total)] = &desk.billed(1).await[..] else { panic!("one is billed") };
    assert_eq!((shown.as_str(), *total), ("Focus Room, 2026-12-10 12:00–14:00", 7_200));
    // Longer: the rest is billed. Shorter: it becomes credit, for it was paid.
    desk.booked(id, 3, 3, BookingState::Confirmed).await;
    assert_eq!(desk.billed(2).await[1].1, 3_600);
    for (place, invoice) in desk.list().await.iter().enumerate() {
        desk.pay(&invoice.name, invoice.owed.as_ref().unwrap().minor_units, &place.to_string())
            .await
            .unwrap();
    }
    desk.booked(id, 4, 1, BookingState::Confirmed).await;
    // An older one comes late.
    desk.booked(id, 3, 3, BookingState::Confirmed).await;
    let credited = || async {
        let invoices = desk.list().await;
        let credited: Vec<i64> =
            invoices.iter().map(|it| it.credited.as_ref().unwrap().minor_units).collect();
        if credited == [3_600, 3_600] { Ok(()) } else { Err(format!("{credited:?}")) }
    };
    eventually("it is credited", LIMIT, credited).await;
    desk.booked(id, 5, 1, BookingState::Cancelled).await;
    let credited = || async {
        let invoices = desk.list().await;
        let credited: i64 = invoices.iter().map(|it| it.credited.as_ref().unwrap().minor_units).sum();
        if credited == 10_800 { Ok(()) } else { Err(format!("{credited}")) }
    };
    eventually("it is credited", LIMIT, credited).await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_called_off_unpaid_is_not_owed() {
    let desk = Desk::open().await;
    desk.price(desk.hourly(3_000, None)).await.unwrap();
    desk.price(desk.per_pass(5_000)).await.unwrap();
    let (booking, pass) = (BookingId::new(), PassId::new());
    // It is cancelled before anybody heard that it was confirmed.
    let gone = BookingId::new();
    desk.booked(gone, 3, 2, BookingState::Cancelled).await;
    desk.booked(gone, 2, 2, BookingState::Confirmed).await;
    desk.booked(booking, 2, 2, BookingState::Confirmed).await;
    desk.billed(1).await;
    let subject = PassName { workspace: desk.world.workspace, id: pass }.to_string();
    let issued = workspace_pb::PassIssued { snapshot: Some(desk.pass(pass, false)) };
    desk.tell(subject.clone(), 1, &issued).await;
    desk.tell(subject.clone(), 1, &issued).await;
    // Of another one it is heard first that it was taken back.
    let other = PassId::new();
    let subject_of_other = PassName { workspace: desk.world.workspace, id: other }.to_string();
    let cancelled = workspace_pb::PassCancelled { snapshot: Some(desk.pass(other, true)) };
    desk.tell(subject_of_other.clone(), 2, &cancelled).await;
    let issued = workspace_pb::PassIssued { snapshot: Some(desk.pass(other, false)) };
    desk.tell(subject_of_other, 1, &issued).await;
    assert_eq!(desk.billed(2).await[1], ("Ten Days".to_owned(), 5_000));
    desk.booked(booking, 3, 2, BookingState::Cancelled).await;
    let cancelled = workspace_pb::PassCancelled { snapshot: Some(desk.pass(pass, true)) };
    desk.tell(subject, 2, &cancelled).await;
    desk.come_to(&[InvoiceState::Void, InvoiceState::Void]).await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_monthly_stands_on_one_invoice_on_the_anchor_day() {
    let desk = Desk::open().await;
    let monthly = pb::BookingPayment::Monthly.into();
    desk.set(pb::BillingSettings { booking_payment: monthly, ..settings(&desk.world.name()) }).await.unwrap();
    desk.price(desk.hourly(3_000, None)).await.unwrap();
    desk.price(desk.monthly(31_000, pb::BillingAnchor::Calendar)).await.unwrap();
    desk.has(MembershipId::new(), 1, MembershipState::Active, "2026-12-19T23:00:00Z").await;
    desk.booked(BookingId::new(), 2, 2, BookingState::Confirmed).await;
    desk.booked(BookingId::new(), 2, 1, BookingState::Confirmed).await;
    desk.set_clock("2026-12-19T23:00:00Z");
    let first = desk.billed(1).await;
    assert_eq!(first[0], ("Flex Desk (2026-12-20 – 2026-12-31, 12 of 31 days)".to_owned(), 12_000));
    desk.set_clock("2026-12-31T23:00:00Z");
    let (shown, total) = desk.billed(2).await.remove(1);
    let room = "Focus Room, 2026-12-10 12:00";
    assert_eq!(shown, format!("Flex Desk (2027-01-01 – 2027-01-31); {room}–14:00; {room}–13:00"));
    assert_eq!(total, 31_000 + 9_000);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_behind_is_paused_until_they_have_paid_and_not_billed_meanwhile() {
    let desk = Desk::open().await;
    desk.price(desk.monthly(31_000, pb::BillingAnchor::Calendar)).await.unwrap();
    let id = MembershipId::new();
    desk.has(id, 1, MembershipState::Active, "2026-12-01T00:00:00Z").await;
    desk.billed(1).await;
    // Due until the 15th, late on the 16th.
    desk.set_clock("2026-12-15T22:59:59Z");
    desk.come_to(&[InvoiceState::Open]).await;
    desk.set_clock("2026-12-15T23:00:00Z");
    desk.come_to(&[InvoiceState::Overdue]).await;
    assert!(!desk.told().await.iter().any(|name| name == "payer_fell_behind"));
    desk.set_clock("2026-12-25T23:00:00Z");
    let fell_behind = || async {
        let told = desk.told().await;
        if told.iter().any(|name| name == "payer_fell_behind") { Ok(()) } else { Err(format!("{told:?}")) }
    };
    eventually("they fell behind", LIMIT, fell_behind).await;
    desk.has(id, 2, MembershipState::Paused, "2026-12-01T00:00:00Z").await;
    // January begins, and they are not billed.
    desk.set_clock("2027-01-10T12:00:00Z");
    let invoice = desk.list().await.remove(0);
    let paid = desk.pay(&invoice.name, 31_000, "late").await.unwrap();
    assert_eq!(paid.state(), InvoiceState::Paid);
    assert!(desk.told().await.last().unwrap() == "payer_caught_up");
    desk.has(id, 3, MembershipState::Active, "2026-12-01T00:00:00Z").await;
    let (shown, total) = desk.billed(2).await.remove(1);
    assert_eq!((shown.as_str(), total), ("Flex Desk (2027-01-10 – 2027-01-31, 22 of 31 days)", 22_000));
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_bill_each_day_once_and_catch_up_with_what_was_missed() {
    let mut desk = Desk::open().await;
    let nobody_paused = pb::BillingSettings { pause_after_days: 0, ..settings(&desk.world.name()) };
    desk.set(nobody_paused).await.unwrap();
    let config = desk.world.config();
    desk.world.run(config).await;
    let mut daily = desk.monthly(100, pb::BillingAnchor::Unspecified);
    daily.cycle = Some(pb::BillingCycle { interval: pb::BillingInterval::Day.into(), anchor: 0 });
    desk.price(daily).await.unwrap();
    for _ in 0..8 {
        desk.has(MembershipId::new(), 1, MembershipState::Active, "2026-12-01T00:00:00Z").await;
    }
    let total = |wanted: i64| {
        let desk = &desk;
        move || async move {
            let totals =
                desk.list().await.iter().map(|it| it.total.as_ref().unwrap().minor_units).sum::<i64>();
            if totals == wanted { Ok(()) } else { Err(format!("{totals}")) }
        }
    };
    eventually("all is billed", LIMIT, total(800)).await;
    // Three months off.
    desk.set_clock("2027-02-28T12:00:00Z");
    eventually("all is billed", LIMIT, total(90 * 800)).await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_booked_keeps_its_price_and_what_was_booked_without_one_costs_nothing() {
    let desk = Desk::open().await;
    let free = BookingId::new();
    let mut snapshot = desk.booking(free, 2, 2, BookingState::Confirmed);
    desk.world.harness.clock.advance(chrono::Duration::seconds(1));
    desk.price(desk.hourly(3_000, None)).await.unwrap();
    let subject = BookingName { workspace: desk.world.workspace, id: free }.to_string();
    desk.tell(subject.clone(), 2, &workspace_pb::BookingConfirmed { snapshot: Some(snapshot.clone()) }).await;
    let paid = BookingId::new();
    desk.booked(paid, 2, 2, BookingState::Confirmed).await;
    assert_eq!(desk.billed(1).await[0].1, 6_000);
    desk.price(desk.hourly(9_000, None)).await.unwrap();
    // Neither by another event is billed by the new price, but by its own.
    snapshot.booking.as_mut().unwrap().version = 3;
    desk.tell(subject, 3, &workspace_pb::BookingConfirmed { snapshot: Some(snapshot) }).await;
    desk.booked(paid, 3, 3, BookingState::Confirmed).await;
    let billed = desk.billed(2).await;
    assert_eq!(billed.into_iter().map(|(_, total)| total).collect::<Vec<_>>(), [6_000, 3_000]);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paid_for_otherwise_is_not_billed() {
    let desk = Desk::open().await;
    let nobody_paused = pb::BillingSettings { pause_after_days: 0, ..settings(&desk.world.name()) };
    desk.set(nobody_paused).await.unwrap();
    desk.price(desk.monthly(31_000, pb::BillingAnchor::Calendar)).await.unwrap();
    let id = MembershipId::new();
    let subject = MembershipName { workspace: desk.world.workspace, id }.to_string();
    // A member of old, who has paid until the end of January.
    let mut snapshot = desk.membership(id, 1, MembershipState::Active, "2024-05-05T00:00:00Z");
    let membership = snapshot.membership.as_mut().unwrap();
    membership.period_end_time = Some(chassis::input::timestamp("2027-01-31T23:00:00Z".parse().unwrap()));
    desk.tell(subject, 1, &membership_pb::MembershipStarted { snapshot: Some(snapshot) }).await;
    // And one who has not.
    desk.has(MembershipId::new(), 1, MembershipState::Active, "2026-12-01T00:00:00Z").await;
    assert_eq!(desk.billed(1).await, [("Flex Desk (2026-12-01 – 2026-12-31)".to_owned(), 31_000)]);
    desk.set_clock("2027-01-31T23:00:00Z");
    let mut billed: Vec<_> = desk.billed(2).await.into_iter().map(|(shown, _)| shown).collect();
    let wanted = "Flex Desk (2027-02-01 – 2027-02-28)";
    let last = billed.pop().unwrap();
    assert_eq!(last.matches(wanted).count(), 2, "{last}");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_late_with_a_booking_that_was_declined_and_everybody_with_one_that_stands() {
    let desk = Desk::open().await;
    desk.world.saved.set(&desk.world.name(), TEST_KEY);
    let before = pb::BookingPayment::BeforeConfirmation.into();
    desk.set(pb::BillingSettings { booking_payment: before, ..settings(&desk.world.name()) }).await.unwrap();
    desk.price(desk.hourly(3_000, None)).await.unwrap();
    // No card is saved. One of them is confirmed by hand.
    desk.booked(BookingId::new(), 1, 2, BookingState::Pending).await;
    desk.billed(1).await;
    let declined = || async {
        let told = desk.told().await;
        if told.iter().any(|name| name == "invoice_charge_failed") {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    };
    eventually("it is declined", LIMIT, declined).await;
    desk.booked(BookingId::new(), 2, 1, BookingState::Confirmed).await;
    desk.billed(2).await;
    desk.set_clock("2026-12-10T22:59:59Z");
    desk.come_to(&[InvoiceState::Open, InvoiceState::Overdue]).await;
    desk.set_clock("2026-12-10T23:00:00Z");
    desk.come_to(&[InvoiceState::Void, InvoiceState::Overdue]).await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_credited_once_is_not_credited_again() {
    let desk = Desk::open().await;
    let monthly = pb::BookingPayment::Monthly.into();
    desk.set(pb::BillingSettings { booking_payment: monthly, ..settings(&desk.world.name()) }).await.unwrap();
    desk.price(desk.hourly(3_000, Some(vat("20", false)))).await.unwrap();
    let (moved, other) = (BookingId::new(), BookingId::new());
    desk.booked(moved, 2, 3, BookingState::Confirmed).await;
    desk.booked(other, 2, 1, BookingState::Confirmed).await;
    desk.world.harness.books().balance(0, LIMIT).await;
    desk.set_clock("2026-12-31T23:00:00Z");
    assert_eq!(desk.billed(1).await[0].1, 14_400);
    let invoice = desk.list().await.remove(0);
    desk.pay(&invoice.name, 14_400, "all").await.unwrap();
    desk.booked(moved, 3, 1, BookingState::Confirmed).await;
    desk.booked(moved, 4, 1, BookingState::Cancelled).await;
    let credited = || async {
        let credited = desk.get(&invoice.name).await.credited.unwrap().minor_units;
        if credited == 10_800 { Ok(()) } else { Err(format!("{credited}")) }
    };
    eventually("its own part is credited", LIMIT, credited).await;
    desk.world.harness.books().balance(0, LIMIT).await;
    assert_eq!(desk.get(&invoice.name).await.credited.unwrap().minor_units, 10_800);
    desk.close().await;
}
