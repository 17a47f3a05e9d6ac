//! Points 23 and 27: the log through event sets.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::{Value, json};

use super::World;

async fn set(world: &World, filters: Value) -> i64 {
    let made = world.owner.post("/event_sets", json!({ "event_set": filters })).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert_eq!(made.json()["status"], "in_progress");
    made.json()["id"].as_i64().unwrap()
}

async fn read(world: &World, filters: Value) -> Vec<Value> {
    let id = set(world, filters).await;
    let body = world.owner.get(&format!("/event_sets/{id}")).await.json();
    assert_eq!(body["status"], "finished");
    body["events"].as_array().unwrap().clone()
}

async fn unlock(world: &World) {
    world.owner.post(&format!("/locks/{}/unlock", world.room()), json!({})).await;
}

#[tokio::test]
async fn a_set_is_in_progress_and_then_read_in_pages_of_fifty() {
    let world = World::start().await;
    for _ in 0..120 {
        unlock(&world).await;
    }
    world.switch(|switches| switches.event_set_delay_ms = 3_000);
    let id = set(&world, json!({ "event_type": "lock.unlock" })).await;
    let path = format!("/event_sets/{id}");
    let body = world.owner.get(&path).await.json();
    assert_eq!(body["status"], "in_progress");
    assert!(body.get("events").is_none());
    world.running.clock.advance(TimeDelta::seconds(3));
    let mut sizes = Vec::new();
    let mut uuids = std::collections::BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let body = world.owner.get(&format!("{path}?limit=50{cursor}")).await.json();
        let events = body["events"].as_array().unwrap();
        sizes.push(events.len());
        uuids.extend(events.iter().map(|event| event["uuid"].as_str().unwrap().to_owned()));
        match body["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [50, 50, 20]);
    assert_eq!(uuids.len(), 120);
    assert_eq!(world.owner.get(&format!("{path}?cursor=x")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn filters_narrow_the_log() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    person.post(&format!("/locks/{}/unlock", world.front()), json!({})).await;
    world.running.clock.advance(TimeDelta::minutes(10));
    unlock(&world).await;
    let codes = |events: Vec<Value>| -> Vec<Value> {
        events.iter().map(|event| event["error_code"].clone()).collect()
    };
    let all = read(&world, json!({ "event_type": "lock.unlock,lock.forced_open" })).await;
    assert_eq!(codes(all), [Value::Null, json!("fcd8ef")], "newest first");
    let denied = read(&world, json!({ "event_type": "lock.unlock", "event_success": false })).await;
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["actor_email"], "ada@example.org");
    assert_eq!(denied[0]["object"], json!({ "id": world.front(), "resource_type": "Lock", "name": "Front" }));
    let by_actor = read(&world, json!({ "event_actor_type": "User", "event_actor_id": user })).await;
    assert_eq!(by_actor.len(), 1);
    let by_object = json!({ "event_object_type": "Lock", "event_object_id": world.room() });
    assert_eq!(codes(read(&world, by_object).await), [Value::Null]);
    let early = json!({ "interval": "2026-12-01T08:00:00Z/PT5M", "event_type": "lock.unlock" });
    assert_eq!(codes(read(&world, early).await), [json!("fcd8ef")]);
}

#[tokio::test]
async fn sets_that_cannot_be_are_refused_and_old_ones_are_gone() {
    let world = World::start().await;
    for interval in ["2026-01-01T00:00:00Z/2026-12-01T00:00:00Z", "P91D/2026-12-01T00:00:00Z", "yesterday"] {
        let refused = world.owner.post("/event_sets", json!({ "event_set": { "interval": interval } })).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{interval}");
    }
    assert_eq!(world.owner.get("/event_sets/999999").await.status, StatusCode::NOT_FOUND);
    let path = format!("/event_sets/{}", set(&world, json!({})).await);
    assert_eq!(world.owner.get(&path).await.status, StatusCode::OK);
    world.running.clock.advance(TimeDelta::hours(24));
    assert_eq!(world.owner.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_event_service_may_lag_or_be_down() {
    let world = World::start().await;
    world.switch(|switches| switches.events_lag_seconds = 60);
    unlock(&world).await;
    assert!(read(&world, json!({})).await.is_empty());
    world.running.clock.advance(TimeDelta::seconds(60));
    assert_eq!(read(&world, json!({ "event_type": "lock.unlock" })).await.len(), 1);
    world.switch(|switches| switches.events_down = true);
    let down = world.owner.post("/event_sets", json!({ "event_set": {} })).await;
    assert_eq!((down.status, &down.json()["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("000503")));
}

#[tokio::test]
async fn every_write_of_an_administrator_leaves_its_event() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let row = world.grant(user, world.room_group(), "09:00", "11:00").await;
    world.owner.delete(&format!("/role_assignments/{row}")).await;
    world.owner.delete(&format!("/users/{user}")).await;
    let types: Vec<String> = world.organization.events().into_iter().map(|event| event.r#type).collect();
    assert_eq!(types, ["user.create", "role_assignment.create", "role_assignment.destroy", "user.destroy"]);
    let known = world.owner.get("/events/types").await.json();
    assert!(types.iter().all(|name| known.as_array().unwrap().contains(&json!(name))));
}
