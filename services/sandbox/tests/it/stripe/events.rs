//! Events and webhooks.

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, StatusCode};
use sandbox::stripe::SIGNATURE_HEADER;
use serde_json::{Value, json};
use sha2::Sha256;

use super::shop::{ACCOUNT, Shop, text};
use crate::harness::{Receiver, within};

struct Endpoint {
    id: String,
    secret: String,
}

async fn endpoint(shop: &Shop, receiver: &Receiver, events: &str) -> Endpoint {
    let form = format!("url={}&enabled_events[]={events}", receiver.url);
    let made = shop.made("/webhook_endpoints", &form).await;
    Endpoint { id: text(&made["id"]), secret: text(&made["secret"]) }
}

/// The time, and every signature.
fn signature(headers: &HeaderMap) -> (i64, Vec<String>) {
    let text = headers[SIGNATURE_HEADER].to_str().unwrap();
    let mut fields = text.split(',').map(|field| field.split_once('=').unwrap());
    let (name, at) = fields.next().unwrap();
    assert_eq!(name, "t");
    (at.parse().unwrap(), fields.filter(|(name, _)| *name == "v1").map(|(_, hex)| hex.to_owned()).collect())
}

fn signed(secret: &str, at: i64, body: &Bytes) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kind(body: &Bytes) -> String {
    text(&serde_json::from_slice::<Value>(body).unwrap()["type"])
}

#[tokio::test]
async fn webhooks_are_signed_and_go_to_those_who_want_them() {
    let shop = Shop::open().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let Endpoint { id, secret } = endpoint(&shop, &receiver, "payment_intent.*").await;
    assert_eq!(shop.get(&format!("/webhook_endpoints/{id}"), "").await["secret"], json!(null));
    let (customer, card) = shop.saved("pm_card_visa").await;
    shop.charge((&customer, &card), 500).await;
    for expected in ["payment_intent.created", "payment_intent.succeeded"] {
        let (headers, body) = receiver.next().await;
        assert_eq!(kind(&body), expected);
        let (at, signatures) = signature(&headers);
        assert_eq!(signatures, [signed(&secret, at, &body)]);
    }
    assert_eq!(receiver.waiting(), 0);
    within(async {
        loop {
            let list = shop.get("/events", "delivery_success=false").await;
            if list["data"] == json!([]) {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_lost_is_found_in_the_list_of_events() {
    let shop = Shop::open().await;
    let receiver = Receiver::answering(StatusCode::OK).await;
    endpoint(&shop, &receiver, "customer.created").await;
    let first = shop.customer().await;
    shop.running.sandbox.stripe().switch(|switches| switches.webhooks.is_lost = true);
    shop.customer().await;
    shop.running.sandbox.stripe().switch(|switches| switches.webhooks.is_lost = false);
    let lost = within(async {
        loop {
            let list = shop.get("/events", "delivery_success=false&types[]=customer.created").await;
            let rows = list["data"].as_array().unwrap().clone();
            if rows.len() == 1 {
                break rows;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_ne!(lost[0]["data"]["object"]["id"], first);
    let all = shop.get("/events", "type=customer.created").await;
    let newest = text(&all["data"][0]["id"]);
    let oldest = text(&all["data"][1]["id"]);
    let after = shop.get("/events", &format!("ending_before={oldest}")).await;
    assert_eq!(after["data"][0]["id"], newest);
    shop.pass(31 * 24 * 3_600);
    assert_eq!(shop.get("/events", "").await["data"], json!([]));
}

#[tokio::test]
async fn a_rolled_secret_signs_beside_the_new_one_for_a_while() {
    let shop = Shop::open().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let Endpoint { id, secret: before } = endpoint(&shop, &receiver, "*").await;
    let path = format!("/_control/stripe/accounts/{ACCOUNT}/test/webhook_endpoints/{id}/roll");
    let rolled = shop.running.client().post(&path, json!({ "overlap_seconds": 60 })).await;
    let after = text(&rolled.json()["secret"]);
    shop.customer().await;
    let (headers, body) = receiver.next().await;
    let (at, signatures) = signature(&headers);
    assert_eq!(signatures, [signed(&after, at, &body), signed(&before, at, &body)]);
    shop.pass(60);
    shop.customer().await;
    let (headers, body) = receiver.next().await;
    let (at, signatures) = signature(&headers);
    assert_eq!(signatures, [signed(&after, at, &body)]);
}

#[tokio::test]
async fn webhooks_come_twice_late_reversed_and_forged_when_told_to() {
    let shop = Shop::open().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let Endpoint { secret, .. } = endpoint(&shop, &receiver, "*").await;
    let stripe = shop.running.sandbox.stripe();
    stripe.switch(|switches| {
        switches.webhooks.is_held = true;
        switches.webhooks.is_doubled = true;
        switches.webhooks.is_reversed = true;
    });
    shop.saved("pm_card_visa").await;
    assert_eq!(receiver.waiting(), 0);
    stripe.flush_webhooks();
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(kind(&receiver.next().await.1));
    }
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["customer.created", "customer.created", "payment_method.attached", "payment_method.attached"]
    );
    stripe.switch(|switches| {
        switches.webhooks = sandbox::stripe::WebhookSwitches { has_old_timestamp: true, ..Default::default() }
    });
    shop.customer().await;
    let (headers, body) = receiver.next().await;
    let (at, signatures) = signature(&headers);
    assert_eq!(signatures, [signed(&secret, at, &body)]);
    let created = serde_json::from_slice::<Value>(&body).unwrap()["created"].as_i64().unwrap();
    assert_eq!(created - at, 3_600);
    stripe.switch(|switches| {
        switches.webhooks = sandbox::stripe::WebhookSwitches { has_wrong_secret: true, ..Default::default() }
    });
    shop.customer().await;
    let (headers, body) = receiver.next().await;
    let (at, signatures) = signature(&headers);
    assert_ne!(signatures, [signed(&secret, at, &body)]);
}

#[tokio::test]
async fn an_endpoint_can_be_turned_off_changed_and_deleted() {
    let shop = Shop::open().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let Endpoint { id, .. } = endpoint(&shop, &receiver, "*").await;
    let path = format!("/webhook_endpoints/{id}");
    assert_eq!(shop.made(&path, "disabled=true").await["status"], "disabled");
    shop.customer().await;
    assert_eq!(
        shop.made(&path, "disabled=false&enabled_events[]=customer.deleted").await["status"],
        "enabled"
    );
    let customer = shop.customer().await;
    shop.call(super::shop::SECRET, http::Method::DELETE, &format!("/customers/{customer}"), "", None).await;
    assert_eq!(kind(&receiver.next().await.1), "customer.deleted");
    assert_eq!(shop.get(&format!("/customers/{customer}"), "").await["deleted"], true);
    shop.call(super::shop::SECRET, http::Method::DELETE, &path, "", None).await;
    assert_eq!(shop.post(&path, "").await.status, 404);
    assert_eq!(shop.post("/webhook_endpoints", "url=ftp://x&enabled_events[]=*").await.status, 400);
}
