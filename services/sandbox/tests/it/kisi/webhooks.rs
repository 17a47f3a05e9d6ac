//! Point 28: event webhooks.

use http::StatusCode;
use sandbox::kisi::WebhookSignature;
use serde_json::{Value, json};

use super::World;
use crate::harness::Receiver;

async fn hook(world: &World, receiver: &Receiver, change: Value) -> i64 {
    let mut body = json!({ "integration": {
        "type": "event_webhook", "name": "Latchkey", "url": receiver.url, "enabled": true,
        "enabled_events": ["lock.unlock"], "signature_key": "key",
    } });
    for (name, value) in change.as_object().unwrap() {
        body["integration"][name] = value.clone();
    }
    let made = world.owner.post("/integrations", body).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert!(made.json().get("signature_key").is_none(), "never shown");
    made.json()["id"].as_i64().unwrap()
}

async fn unlock(world: &World) {
    world.owner.post(&format!("/locks/{}/unlock", world.room()), json!({})).await;
}

fn hmac(body: &[u8]) -> String {
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"key").unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_event_is_one_signed_flat_post() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    hook(&world, &receiver, json!({})).await;
    world.user("ada@example.org").await;
    unlock(&world).await;
    let (headers, body) = receiver.next().await;
    assert_eq!(headers["x-signature"], format!("sha256={}", hmac(&body)));
    assert_eq!(headers["content-type"], "application/json");
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["type"], "lock.unlock", "only what is enabled");
    assert_eq!((&event["success"], &event["error_code"]), (&json!(true), &Value::Null));
    assert_eq!((&event["object_id"], &event["object_name"]), (&json!(world.room()), &json!("Room 4")));
    assert_eq!(event["created_at"], "2026-12-01T08:00:00Z");

    world.switch(|switches| switches.webhook_signature = WebhookSignature::Bare);
    unlock(&world).await;
    let (headers, body) = receiver.next().await;
    assert_eq!(headers["x-signature"], hmac(&body));
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test]
async fn without_a_key_there_is_no_signature_and_without_a_list_every_event_comes() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    hook(&world, &receiver, json!({ "signature_key": null, "enabled_events": [] })).await;
    // The first event is that of the webhook itself.
    let (headers, body) = receiver.next().await;
    assert!(headers.get("x-signature").is_none());
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["type"], "integration.create");
}

#[tokio::test]
async fn webhooks_may_come_twice_or_not_at_all_or_in_another_order() {
    let world = World::start().await;
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    hook(&world, &receiver, json!({})).await;
    let uuid = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["uuid"].clone();
    world.switch(|switches| switches.webhook_duplicates = true);
    unlock(&world).await;
    let (first, second) = (receiver.next().await.1, receiver.next().await.1);
    assert_eq!(uuid(&first), uuid(&second));

    // The second is dropped, the third is late, the fourth overtakes it.
    world.switch(|switches| {
        switches.webhook_duplicates = false;
        switches.webhook_drops_every = 2;
    });
    unlock(&world).await;
    world.switch(|switches| {
        switches.webhook_drops_every = 0;
        switches.webhook_reorders = true;
    });
    unlock(&world).await;
    unlock(&world).await;
    let events = world.organization.events();
    let sent: Vec<_> = events.iter().rev().take(2).map(|event| json!(event.uuid)).collect();
    let came = [uuid(&receiver.next().await.1), uuid(&receiver.next().await.1)];
    assert_eq!(came.as_slice(), sent.as_slice(), "newest first");
}

#[tokio::test]
async fn a_webhook_that_keeps_failing_is_switched_off() {
    let world = World::start().await;
    world.switch(|switches| {
        switches.webhook_warns_after = 1;
        switches.webhook_disables_after = 2;
    });
    let mut receiver = Receiver::answering(StatusCode::INTERNAL_SERVER_ERROR).await;
    let mut watcher = Receiver::answering(StatusCode::OK).await;
    let id = hook(&world, &receiver, json!({})).await;
    let events = ["integration.warn_due_to_error", "integration.disable_due_to_error"];
    hook(&world, &watcher, json!({ "enabled_events": events })).await;
    for event in events {
        unlock(&world).await;
        let (_, body) = watcher.next().await;
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["type"], event);
    }
    assert_eq!(receiver.waiting(), 4, "two events, two tries each");
    let path = format!("/integrations/{id}");
    let shown = world.owner.get(&path).await.json();
    assert_eq!((&shown["enabled"], &shown["disabled_due_to_error"]), (&json!(false), &json!(true)));
    assert_eq!(shown["disabled_due_to_error_at"], "2026-12-01T08:00:00Z");
    unlock(&world).await;
    let enable = json!({ "integration": { "enabled": true } });
    assert_eq!(world.owner.patch(&path, enable).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.get(&path).await.json()["disabled_due_to_error"], false);
    assert_eq!(receiver.waiting(), 0, "nothing was sent while it was off");
}

#[tokio::test]
async fn an_integration_needs_a_known_type_a_name_and_a_web_address() {
    let world = World::start().await;
    let answer = world
        .owner
        .post("/integrations", json!({ "integration": { "type": "carrier_pigeon", "url": "x" } }))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = answer.json()["errors"].clone();
    assert!(errors["type"].is_array() && errors["name"].is_array() && errors["url"].is_array());
}
