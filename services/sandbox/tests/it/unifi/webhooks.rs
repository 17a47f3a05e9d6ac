//! Points 6 and 9: webhooks.

use http::StatusCode;
use sandbox::unifi::WebhookFlaw;
use serde_json::{Value, json};

use super::{World, data, doors, got};
use crate::harness::{Receiver, at};

async fn hook(world: &World, receiver: &Receiver, events: &[&str]) -> String {
    let wanted = json!({
        "endpoint": receiver.url, "name": "Latchkey", "events": events, "headers": { "x-site": "main" },
    });
    data(&world.client, "/webhooks/endpoints", wanted).await["secret"].as_str().unwrap().to_owned()
}

fn signature(secret: &str, at: i64, body: &[u8]) -> String {
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={digest}")
}

async fn unlock(world: &World) {
    let body = json!({ "actor_id": "7", "actor_name": "Ada", "extra": { "operation": "1" } });
    world.client.put("/doors/front/unlock", body).await;
}

#[tokio::test]
async fn an_event_is_one_signed_post_to_those_who_want_it() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let secret = hook(&world, &receiver, &["access.door.unlock"]).await;
    world.console().set_position("front", "open");
    unlock(&world).await;
    let (headers, body) = receiver.next().await;
    assert_eq!(headers["signature"], signature(&secret, at("08:00").timestamp(), &body));
    assert_eq!(headers["x-site"], "main");
    assert_eq!(headers["content-type"], "application/json");
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["event"], "access.door.unlock");
    assert_eq!(event["data"]["location"]["id"], "front");
    assert_eq!(event["data"]["actor"]["name"], "Ada");
    assert_eq!(event["data"]["object"]["extra"]["operation"], "1");
    assert_eq!(receiver.waiting(), 0, "the position was not wanted");
}

#[tokio::test]
async fn it_is_tried_once() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::INTERNAL_SERVER_ERROR).await;
    hook(&world, &receiver, &["access.door.unlock"]).await;
    unlock(&world).await;
    receiver.next().await;
    while world.running.sandbox.deliveries().counts().failed == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test]
async fn a_visitors_status_and_the_end_of_a_hold_are_told_by_the_clock() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let events = ["access.visitor.status.changed", "access.temporary_unlock.end"];
    hook(&world, &receiver, &events).await;
    world.visitor("08:00", "12:00", doors(&["Room"])).await;
    let told = |body: &[u8]| -> Value { serde_json::from_slice(body).unwrap() };
    let active = told(&receiver.next().await.1);
    assert_eq!(
        (&active["event"], &active["data"]["object"]["status"]),
        (&json!(events[0]), &json!("ACTIVE"))
    );
    world.client.put("/doors/front/lock_rule", json!({ "type": "custom", "interval": 5 })).await;
    world.time("08:05");
    let over = told(&receiver.next().await.1);
    assert_eq!((&over["event"], &over["data"]["location"]["id"]), (&json!(events[1]), &json!("front")));
    world.time("12:00");
    assert_eq!(told(&receiver.next().await.1)["data"]["object"]["status"], "NO_VISIT");
}

#[tokio::test]
async fn endpoints_are_listed_with_their_secret_and_an_address_comes_once() {
    let world = World::start().await;
    let receiver = Receiver::answering(StatusCode::OK).await;
    let secret = hook(&world, &receiver, &["access.door.unlock"]).await;
    let listed = got(&world.client, "/webhooks/endpoints").await;
    assert_eq!(listed[0]["secret"], secret);
    let again = json!({ "endpoint": receiver.url, "name": "Again", "events": [] });
    let refused = world.client.post("/webhooks/endpoints", again.clone()).await;
    assert_eq!(refused.json()["code"], "CODE_DEVICE_WEBHOOK_ENDPOINT_DUPLICATED");
    let path = format!("/webhooks/endpoints/{}", listed[0]["id"].as_str().unwrap());
    let changed = world.client.put(&path, again).await.json();
    assert_eq!((&changed["data"]["name"], &changed["data"]["secret"]), (&json!("Again"), &json!(secret)));
    assert_eq!(world.client.delete(&path).await.json()["code"], "SUCCESS");
    assert_eq!(got(&world.client, "/webhooks/endpoints").await, json!([]));
}

#[tokio::test]
async fn flaws_of_webhooks_can_be_switched_on() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    let secret = hook(&world, &receiver, &["access.door.unlock"]).await;
    let flaw = |flaw| world.console().switch(|switches| switches.webhook_flaw = flaw);
    let now = at("08:00").timestamp();
    flaw(WebhookFlaw::Dropped);
    unlock(&world).await;
    flaw(WebhookFlaw::Doubled);
    unlock(&world).await;
    let [first, second] = [receiver.next().await, receiver.next().await];
    assert_eq!(first.1, second.1);
    flaw(WebhookFlaw::WrongSignature);
    unlock(&world).await;
    let (headers, body) = receiver.next().await;
    assert_ne!(headers["signature"], signature(&secret, now, &body));
    flaw(WebhookFlaw::OldTimestamp);
    unlock(&world).await;
    let (headers, body) = receiver.next().await;
    assert_eq!(headers["signature"], signature(&secret, now - 3_600, &body));
    flaw(WebhookFlaw::Reordered);
    // The fifth is late.
    unlock(&world).await;
    world.client.put("/doors/room/unlock", json!({})).await;
    let doors = [receiver.next().await.1, receiver.next().await.1].map(|body| {
        let event: Value = serde_json::from_slice(&body).unwrap();
        event["data"]["location"]["id"].clone()
    });
    assert_eq!(doors, ["room", "front"]);
}
