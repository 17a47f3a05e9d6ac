//! The money sweep: what nobody has told is found, and what can't be explained is listed.

use chrono::Duration;
use proto::billing::v1 as pb;
use testkit::eventually;

use crate::methods::{Browser, LIMIT, Person, connected, rows};
use crate::world::TEST_KEY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_at_stripe_is_found_without_a_notice_and_applied_once() {
    let world = connected().await;
    let (ada, bo) = (Person::new(&world), Person::new(&world));
    let card = ada.saves(Browser::card("pm_card_visa")).await;
    // Bo has no card, and pays in his browser, which then closes.
    let owed = bo.owes().await;
    bo.becomes(&owed, pb::PaymentState::AwaitsPayer, 1).await;
    let intent = rows(&world, "select intent_ref from payment").await.remove(0);
    let path = format!("/v1/payment_intents/{intent}/confirm");
    world.post(TEST_KEY, &path, &[("payment_method", "pm_card_visa")]).await;
    // In the dashboard: Ada's card is taken away, and something is paid that is none of ours.
    let method = rows(&world, "select method_ref from payment_method").await.remove(0);
    world.post(TEST_KEY, &format!("/v1/payment_methods/{method}/detach"), &[]).await;
    let foreign =
        [("amount", "500"), ("currency", "eur"), ("payment_method", "pm_card_visa"), ("confirm", "true")];
    world.post(TEST_KEY, "/v1/payment_intents", &foreign).await;

    world.harness.clock.advance(Duration::hours(1));
    bo.becomes(&owed, pb::PaymentState::Succeeded, 1).await;
    eventually("the card is gone", LIMIT, async || {
        let all = ada.list().await;
        if all.is_empty() { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    assert!(ada.choose(&card.name).await.is_err());
    assert_eq!(rows(&world, "select kind from unexplained_event").await, [""; 0]);

    // What says that it is ours, and was paid by nobody here, is listed.
    let lost =
        [foreign.as_slice(), &[("metadata[latchkey_payment]", "01234567-0123-7123-8123-0123456789ab")]];
    world.post(TEST_KEY, "/v1/payment_intents", &lost.concat()).await;
    for hours in [1, 2] {
        world.harness.clock.advance(Duration::hours(hours));
        eventually("it is listed", LIMIT, async || {
            let listed = rows(&world, "select kind from unexplained_event").await;
            if listed == ["payment_intent.succeeded"] { Ok(()) } else { Err(format!("{listed:?}")) }
        })
        .await;
    }
    world.harness.finish().await;
}
