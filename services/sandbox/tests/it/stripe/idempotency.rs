//! Idempotency keys.

use http::Method;
use sandbox::{Action, Fault, Phase, Vendor};
use serde_json::json;

use super::shop::{SECRET, Shop};
use crate::harness::Answer;

async fn keyed(shop: &Shop, path: &str, form: &str) -> Answer {
    shop.call(SECRET, Method::POST, path, form, Some("charge-1")).await
}

#[tokio::test]
async fn a_repeated_key_gets_the_same_answer_and_nothing_is_done_again() {
    let shop = Shop::open().await;
    let form = "amount=500&currency=usd&payment_method=pm_card_visa&confirm=true";
    let first = keyed(&shop, "/payment_intents", form).await;
    let again = keyed(&shop, "/payment_intents", form).await;
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        (first.header("idempotent-replayed"), first.header("idempotency-key")),
        (None, Some("charge-1"))
    );
    assert_eq!(shop.get("/charges", "").await["data"].as_array().unwrap().len(), 1);
    let event = &shop.get("/events", "type=payment_intent.succeeded").await["data"][0];
    assert_eq!(event["request"]["idempotency_key"], "charge-1");
    assert_eq!(event["request"]["id"], json!(first.header("request-id")));
}

#[tokio::test]
async fn a_decline_is_repeated_too() {
    let shop = Shop::open().await;
    let form = "amount=500&currency=usd&payment_method=pm_card_chargeDeclined&confirm=true";
    let first = keyed(&shop, "/payment_intents", form).await;
    let again = keyed(&shop, "/payment_intents", form).await;
    assert_eq!((first.status.as_u16(), first.json()), (402, again.json()));
    assert_eq!(shop.get("/payment_intents", "").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused() {
    let shop = Shop::open().await;
    keyed(&shop, "/customers", "name=Ana").await;
    for (path, form) in [("/customers", "name=Ben"), ("/setup_intents", "name=Ana")] {
        let refused = keyed(&shop, path, form).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["type"]),
            (400, &json!("idempotency_error"))
        );
    }
}

#[tokio::test]
async fn what_was_never_begun_is_not_kept() {
    let shop = Shop::open().await;
    assert_eq!(keyed(&shop, "/payment_intents", "amount=1&currency=usd").await.status, 400);
    let fault = Fault::on(Vendor::Stripe, Action::status(429)).times(1);
    shop.running.sandbox.faults().add(fault).unwrap();
    assert_eq!(keyed(&shop, "/payment_intents", "amount=500&currency=usd").await.status, 429);
    let done = keyed(&shop, "/payment_intents", "amount=500&currency=usd").await;
    assert_eq!((done.status.as_u16(), done.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn a_key_is_in_use_while_its_request_runs_and_forgotten_after_a_day() {
    let shop = Shop::open().await;
    shop.running.sandbox.stripe().switch(|switches| switches.takes_ms = 300);
    let (first, second) =
        tokio::join!(keyed(&shop, "/customers", "name=Ana"), keyed(&shop, "/customers", "name=Ana"));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let refused = if first.status == 409 { first } else { second };
    assert_eq!(refused.json()["error"]["code"], "idempotency_key_in_use");
    shop.running.sandbox.stripe().switch(|switches| switches.takes_ms = 0);
    shop.pass(24 * 3_600 - 1);
    assert_eq!(keyed(&shop, "/customers", "name=Ana").await.header("idempotent-replayed"), Some("true"));
    shop.pass(1);
    assert_eq!(keyed(&shop, "/customers", "name=Ana").await.header("idempotent-replayed"), None);
    assert_eq!(shop.get("/customers", "").await["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_lost_can_be_asked_for_again() {
    let shop = Shop::open().await;
    let fault = Fault::on(
        Vendor::Stripe,
        Action::Status {
            code: 500,
            body: None,
            content_type: None,
            retry_after: None,
            phase: Phase::AfterEffect,
        },
    );
    shop.running.sandbox.faults().add(fault.times(1)).unwrap();
    assert_eq!(keyed(&shop, "/customers", "name=Ana").await.status, 500);
    let again = keyed(&shop, "/customers", "name=Ana").await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn an_error_of_stripe_itself_is_kept_though_it_was_done() {
    let shop = Shop::open().await;
    shop.running.sandbox.stripe().switch(|switches| {
        switches.internal_errors = 1;
        switches.should_retry = Some(false);
    });
    let form = "amount=500&currency=usd&payment_method=pm_card_visa&confirm=true";
    for replayed in [None, Some("true")] {
        let failed = keyed(&shop, "/payment_intents", form).await;
        assert_eq!((failed.status.as_u16(), failed.header("idempotent-replayed")), (500, replayed));
        assert_eq!(failed.header("stripe-should-retry"), Some("false"));
    }
    assert_eq!(shop.get("/payment_intents", "").await["data"][0]["status"], "succeeded");
}
