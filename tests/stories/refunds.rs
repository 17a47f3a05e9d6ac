//! Who gets all of their money back is let in no more; who gets some of it back still is.

use std::time::Duration;

use proto::billing::v1 as billing;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{Door, System};
use stories::till::Till;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

async fn state_of(client: &Client, booking: &str) -> pb::BookingState {
    let request = pb::GetBookingRequest { name: booking.to_owned() };
    let found = insist(&client.bookings, request, |mut c, r| async move { c.get_booking(r).await }).await;
    found.booking.unwrap().state()
}

async fn becomes(client: &Client, booking: &str, state: pb::BookingState) {
    eventually("the booking's state", LIMIT, async || {
        let found = state_of(client, booking).await;
        if found == state { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Staff give back some of what someone paid, or all that is left. The refund, once Stripe has given it.
async fn give_back(
    till: &Till,
    client: &Client,
    person: &str,
    minor_units: Option<i64>,
    key: &str,
) -> billing::Refund {
    let request = billing::ListPaymentsRequest {
        parent: till.workspace.clone(),
        person: person.to_owned(),
        ..Default::default()
    };
    let found = insist(&client.payments, request, |mut c, r| async move { c.list_payments(r).await }).await;
    let refund = billing::Refund {
        payment: found.payments[0].name.clone(),
        amount: minor_units.map(|minor_units| billing::Money { minor_units, currency: "EUR".into() }),
        reason: "the room was cold".into(),
        ..Default::default()
    };
    let request = billing::CreateRefundRequest {
        parent: till.workspace.clone(),
        refund: Some(refund),
        request_id: key.to_owned(),
    };
    let asked = insist(&client.payments, request, |mut c, r| async move { c.create_refund(r).await }).await;
    let name = asked.refund.unwrap().name;
    eventually("it is given back", LIMIT, async || {
        let request = billing::GetRefundRequest { name: name.clone() };
        let found = insist(&client.payments, request, |mut c, r| async move { c.get_refund(r).await }).await;
        let refund = found.refund.unwrap();
        if refund.state() == billing::RefundState::Succeeded {
            Ok(refund)
        } else {
            Err(format!("{refund:?}"))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_is_given_back_in_part_lets_in_and_in_full_no_more() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 1, 2).await;
    let client = stage.client();
    let till = Till::open(&stage, &world.workspace, |settings| settings).await;
    till.price_hour(&client, &world.rooms[0], 1_200).await;
    let (ada, email) = world.people[0].clone();
    till.save_card(&client, &ada, "pm_card_visa").await;
    let booking = world.create(&client, 0, 0, Door::window(-60, 3_600), "paid").await;
    becomes(&client, &booking, pb::BookingState::Confirmed).await;
    door.lets_in(&email).await;

    let some = give_back(&till, &client, &ada, Some(200), "some").await;
    assert_eq!(some.amount.unwrap().minor_units, 200);
    assert!(door.opens(&email).await);
    let rest = give_back(&till, &client, &ada, None, "rest").await;
    assert_eq!(rest.amount.unwrap().minor_units, 1_000);
    becomes(&client, &booking, pb::BookingState::Cancelled).await;
    door.keeps_out(&email).await;
    let invoice = till.invoices(&client, &ada).await.remove(0);
    assert_eq!((invoice.refunded, invoice.credited), (invoice.total.clone(), invoice.total));
    let given: i64 = till.all("refunds").await.iter().map(|refund| refund["amount"].as_i64().unwrap()).sum();
    assert_eq!(given, 1_200);
    stage.settle(LIMIT).await;
}
