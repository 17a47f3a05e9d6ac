//! Who pays is let in, who is declined is not, and is told why.

use std::time::Duration;

use chassis::input::timestamp;
use chrono::Duration as Span;
use domain::{Clock as _, SystemClock};
use proto::billing::v1 as billing;
use proto::membership::v1 as membership;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{Door, System};
use stories::play::World;
use stories::till::Till;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn becomes(client: &Client, booking: &str, state: pb::BookingState) -> pb::Booking {
    eventually("the booking's state", LIMIT, async || {
        let request = pb::GetBookingRequest { name: booking.to_owned() };
        let found = insist(&client.bookings, request, |mut c, r| async move { c.get_booking(r).await }).await;
        let booking = found.booking.unwrap();
        if booking.state() == state { Ok(booking) } else { Err(format!("{booking:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_is_paid_lets_in_and_one_that_is_declined_does_once_it_is_paid() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 2, 2).await;
    let client = stage.client();
    let till = Till::open(&stage, &world.workspace, |settings| settings).await;
    for room in &world.rooms {
        till.price_hour(&client, room, 1_200).await;
    }
    let [(ada, ada_email), (bo, bo_email)] = [0, 1].map(|person| world.people[person].clone());
    till.save_card(&client, &ada, "pm_card_visa").await;
    till.save_card(&client, &bo, "pm_card_chargeCustomerFail").await;

    let now = Door::window(-60, 3_600);
    let paid = world.create(&client, 0, 0, now, "paid").await;
    let declined = world.create(&client, 1, 1, now, "declined").await;
    becomes(&client, &paid, pb::BookingState::Confirmed).await;
    door.lets_in(&ada_email).await;
    let invoices = till.invoices(&client, &ada).await;
    let [invoice] = &invoices[..] else { panic!("one invoice: {invoices:?}") };
    assert_eq!(invoice.state(), billing::InvoiceState::Paid);
    assert_eq!(invoice.total.as_ref().unwrap().minor_units, 1_200);

    let failed = becomes(&client, &declined, pb::BookingState::Failed).await;
    assert_eq!(failed.state_reason, "the payment was declined: generic decline");
    assert!(!door.opens(&bo_email).await);
    // Another card: he is let in at once.
    let card = till.save_card(&client, &bo, "pm_card_visa").await;
    till.choose(&client, &card).await;
    let owed = till.invoices(&client, &bo).await.remove(0);
    till.pay(&client, &owed.name).await;
    becomes(&client, &declined, pb::BookingState::Confirmed).await;
    door.lets_in(&bo_email).await;
    // Called off: nobody is let in any more.
    for booking in [&paid, &declined] {
        let request = pb::CancelBookingRequest { name: booking.clone(), ..Default::default() };
        insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
    }
    door.keeps_out(&ada_email).await;
    door.keeps_out(&bo_email).await;
    stage.settle(LIMIT).await;
}

/// A plan that costs so much a month and opens the door, and the membership of it that someone begins now, of which
/// nothing is paid.
pub(crate) async fn join(
    client: &Client,
    world: &World,
    till: &Till,
    door: &Door,
    person: &str,
) -> membership::Membership {
    let plan = membership::Plan {
        display_name: "Flex".into(),
        terms: Some(membership::PlanTerms {
            location: world.location.clone(),
            grace_days: 5,
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = membership::CreatePlanRequest {
        parent: world.workspace.clone(),
        plan: Some(plan),
        request_id: "plan".into(),
    };
    let plan = insist(&client.plans, request, |mut c, r| async move { c.create_plan(r).await }).await;
    let plan = plan.plan.unwrap().name;
    let cycle = billing::BillingCycle {
        interval: billing::BillingInterval::Month.into(),
        anchor: billing::BillingAnchor::Rolling.into(),
    };
    let price = billing::Price {
        subject: Some(billing::price::Subject::Plan(plan.clone())),
        amount: Some(till.money(31_000)),
        unit: billing::PriceUnit::Period.into(),
        cycle: Some(cycle),
        ..Default::default()
    };
    let request = billing::SetPriceRequest { parent: till.workspace.clone(), price: Some(price) };
    insist(&client.prices, request, |mut c, r| async move { c.set_price(r).await }).await;
    let mapping = proto::access::v1::DoorMapping {
        subject: plan.clone(),
        location: world.location.clone(),
        provider: "kisi".into(),
        target: Some(door.target()),
        ..Default::default()
    };
    let request = proto::access::v1::CreateDoorMappingRequest {
        parent: world.workspace.clone(),
        door_mapping: Some(mapping),
        request_id: "map-plan".into(),
    };
    insist(&client.access, request, |mut c, r| async move { c.create_door_mapping(r).await }).await;
    let now = SystemClock.now();
    let started = membership::Membership {
        plan,
        holder: Some(membership::membership::Holder::Person(person.to_owned())),
        start_time: Some(timestamp(now)),
        period_end_time: Some(timestamp(now + Span::seconds(1))),
        ..Default::default()
    };
    let request = membership::StartMembershipRequest {
        parent: world.workspace.clone(),
        membership: Some(started),
        request_id: "join".into(),
    };
    let started =
        insist(&client.memberships, request, |mut c, r| async move { c.start_membership(r).await }).await;
    started.membership.unwrap()
}

/// Waits until a membership is paid for about a month from now.
pub(crate) async fn is_renewed(client: &Client, membership: &str) -> membership::Membership {
    eventually("it is renewed", LIMIT, async || {
        let found = found(client, membership).await;
        let days = (found.period_end_time.unwrap().seconds - SystemClock.now().timestamp()) / 86_400;
        if (26..=31).contains(&days) { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await
}

pub(crate) async fn found(client: &Client, membership: &str) -> membership::Membership {
    let request = membership::GetMembershipRequest { name: membership.to_owned() };
    let memberships = &client.memberships;
    let found = insist(memberships, request, |mut c, r| async move { c.get_membership(r).await }).await;
    found.membership.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_is_charged_is_renewed_and_its_doors_stay_open() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 0, 2).await;
    let client = stage.client();
    let charged = |settings| billing::BillingSettings { auto_charge: true, ..settings };
    let till = Till::open(&stage, &world.workspace, charged).await;
    let (ada, email) = world.people[0].clone();
    till.save_card(&client, &ada, "pm_card_visa").await;
    let started = join(&client, &world, &till, &door, &ada).await;
    door.lets_in(&email).await;
    let renewed = is_renewed(&client, &started.name).await;
    assert_eq!(renewed.state(), membership::MembershipState::Active);
    let invoices = till.invoices(&client, &ada).await;
    let [invoice] = &invoices[..] else { panic!("one invoice: {invoices:?}") };
    assert_eq!(invoice.state(), billing::InvoiceState::Paid);
    assert_eq!(invoice.lines[0].subject, started.name);
    assert!(door.opens(&email).await);
    stage.settle(LIMIT).await;
}

/// So many days go by for what is owed: it looks as it would if it had been invoiced so long ago. Until all of it was
/// looked at.
pub(crate) async fn days_pass(stage: &Stage, days: i32) {
    let (_, platform) =
        chassis::postgres::connect(&stage.database_url(), &::billing::DEFINITION, 2).await.unwrap();
    sqlx::query(
        "update invoice set due_on = due_on - $1, look_at = look_at - make_interval(days => $1)
          where look_at is not null",
    )
    .bind(days)
    .execute(&platform)
    .await
    .unwrap();
    eventually("all that is due was looked at", LIMIT, async || {
        let due = "select count(*) from invoice where look_at <= now()";
        match sqlx::query_scalar::<_, i64>(due).fetch_one(&platform).await.unwrap() {
            0 => Ok(()),
            due => Err(due),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_is_not_paid_is_in_grace_then_paused_and_goes_on_once_it_is_paid() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 0, 1).await;
    let client = stage.client();
    let strict = |settings| billing::BillingSettings { auto_charge: true, pause_after_days: 2, ..settings };
    let till = Till::open(&stage, &world.workspace, strict).await;
    let (bo, email) = world.people[0].clone();
    till.save_card(&client, &bo, "pm_card_chargeCustomerFail").await;
    let started = join(&client, &world, &till, &door, &bo).await;
    // It is declined, and again when he tries himself. He has days of grace.
    let declined = till.payment_becomes(&client, &bo, billing::PaymentState::Charging, 1).await;
    assert_eq!(declined.failure_code, "generic_decline");
    let request = billing::RetryPaymentRequest { name: declined.name, request_id: "again".into() };
    insist(&client.payments, request, |mut c, r| async move { c.retry_payment(r).await }).await;
    till.payment_becomes(&client, &bo, billing::PaymentState::Charging, 2).await;
    door.lets_in(&email).await;
    let owed = till.invoices(&client, &bo).await.remove(0);
    assert_eq!(owed.state(), billing::InvoiceState::Open);

    let stands = async |state: membership::MembershipState| {
        eventually("the membership's state", LIMIT, async || {
            let found = found(&client, &started.name).await;
            if found.state() == state { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    };
    days_pass(&stage, 5).await;
    stands(membership::MembershipState::Paused).await;
    door.keeps_out(&email).await;
    assert_eq!(till.invoices(&client, &bo).await[0].state(), billing::InvoiceState::Overdue);

    let card = till.save_card(&client, &bo, "pm_card_visa").await;
    till.choose(&client, &card).await;
    till.pay(&client, &owed.name).await;
    stands(membership::MembershipState::Active).await;
    is_renewed(&client, &started.name).await;
    door.lets_in(&email).await;
    let invoices = till.invoices(&client, &bo).await;
    let [paid] = &invoices[..] else { panic!("one invoice: {invoices:?}") };
    assert_eq!(paid.state(), billing::InvoiceState::Paid);
    stage.settle(LIMIT).await;
}
