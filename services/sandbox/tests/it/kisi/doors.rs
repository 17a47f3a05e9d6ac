//! Points 21 to 24: who may open which door when, and how the door says no.

use http::StatusCode;
use sandbox::kisi::Tap;
use serde_json::{Value, json};

use super::{World, ids, login};
use crate::harness::{Client, at};

async fn unlock(client: &Client, lock: i64) -> (u16, Value) {
    unlock_with(client, lock, json!({})).await
}

async fn unlock_with(client: &Client, lock: i64, body: Value) -> (u16, Value) {
    let answer = client.post(&format!("/locks/{lock}/unlock"), body).await;
    let body = answer.json();
    (answer.status.as_u16(), body["code"].clone())
}

#[tokio::test]
async fn a_right_counts_from_its_start_until_before_its_end() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    assert_eq!(unlock(&person, world.room()).await, (403, json!("fcd8ef")), "no row at all");
    world.grant(user, world.room_group(), "09:00", "11:00").await;
    world.running.sandbox.clock().set(at("09:00") - chrono::TimeDelta::seconds(1));
    assert_eq!(unlock(&person, world.room()).await, (403, json!("f358de")));
    assert_eq!(person.get("/locks").await.text, "[]");
    world.time("09:00");
    let opened = person.post(&format!("/locks/{}/unlock", world.room()), json!({})).await;
    assert_eq!((opened.status, opened.json()), (StatusCode::OK, json!({ "message": "Unlocked!" })));
    assert_eq!(ids(&person.get("/locks").await.json()), [world.room()]);
    assert_eq!(unlock(&person, world.front()).await, (403, json!("fcd8ef")), "another door");
    assert_eq!(person.get(&format!("/locks/{}", world.front())).await.status, StatusCode::NOT_FOUND);
    world.time("11:00");
    assert_eq!(unlock(&person, world.room()).await, (403, json!("f35ade")));
    assert_eq!(unlock(&person, 999_999).await, (404, json!("fad10e")));
}

#[tokio::test]
async fn an_unlock_needs_no_body_and_no_content_type() {
    let world = World::start().await;
    let path = format!("/locks/{}/unlock", world.room());
    let answer = world.owner.send(http::Method::POST, &path, None).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "the owner's key opens every door");
}

#[tokio::test]
async fn any_group_that_lets_in_is_enough() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    world.grant(user, world.room_group(), "09:00", "10:00").await;
    world.grant(user, world.members_group(), "11:00", "12:00").await;
    world.time("10:30");
    assert_eq!(unlock(&person, world.room()).await, (403, json!("f358de")), "one is still to come");
    world.time("11:30");
    assert_eq!(unlock(&person, world.room()).await.0, 200);
    assert_eq!(ids(&person.get("/locks").await.json()), [world.room(), world.front()]);
}

#[tokio::test]
async fn a_denial_names_the_first_thing_that_is_wrong() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    let group = format!("/groups/{}", world.room_group());
    let lock = format!("/locks/{}", world.room());
    let place = format!("/places/{}", world.created.places[0].id);
    let owner = &world.owner;
    world.grant(user, world.room_group(), "09:00", "11:00").await;
    world.time("10:00");
    // Everything is wrong; then one thing after the other is put right.
    owner
        .patch(
            &group,
            json!({ "group": {
            "login_enabled": false, "time_restriction_enabled": true, "geofence_restriction_enabled": true,
            "reader_restriction_enabled": true,
        } }),
        )
        .await;
    owner.post(&format!("{lock}/lock_down"), json!({})).await;
    owner.post(&format!("{place}/lock_down"), json!({})).await;
    world.organization.set_configured(world.room(), false).unwrap();
    world.organization.set_online(world.room(), Some(false)).unwrap();
    let near = json!({ "latitude": 48.2001, "longitude": 16.4 });
    let far = json!({ "latitude": 48.3, "longitude": 16.4 });
    let from = |location: &Value| json!({ "context": { "location": location } });

    assert_eq!(unlock(&person, world.room()).await, (403, json!("f01337")));
    owner.patch(&group, json!({ "group": { "login_enabled": true } })).await;
    assert_eq!(unlock(&person, world.room()).await, (403, json!("34ffaa")));
    let schedule = vec![domain::Window::new(at("09:30"), at("10:30")).unwrap()];
    world.organization.set_schedule(world.room_group(), schedule).unwrap();
    assert_eq!(unlock(&person, world.room()).await, (403, json!("bbb99f")));
    assert_eq!(unlock_with(&person, world.room(), from(&far)).await, (403, json!("a3995f")));
    assert_eq!(unlock_with(&person, world.room(), from(&near)).await, (403, json!("bb4faa")));
    let body = json!({ "context": { "location": near }, "lock": { "proximity_proof": "proof" } });
    let try_door = async || unlock_with(&person, world.room(), body.clone()).await;
    assert_eq!(try_door().await, (403, json!("fad001")));
    owner.post(&format!("{lock}/cancel_lockdown"), json!({})).await;
    assert_eq!(try_door().await, (403, json!("fad002")));
    owner.post(&format!("{place}/cancel_lockdown"), json!({})).await;
    assert_eq!(try_door().await, (409, json!("ff420a")));
    world.organization.set_configured(world.room(), true).unwrap();
    assert_eq!(try_door().await, (503, json!("fac001")));
    world.organization.set_online(world.room(), None).unwrap();
    assert_eq!(try_door().await, (200, Value::Null));
}

#[tokio::test]
async fn a_group_may_insist_on_the_primary_device() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    world.grant(user, world.room_group(), "08:00", "11:00").await;
    let only_primary = json!({ "group": { "primary_device_restriction_enabled": true } });
    world.owner.patch(&format!("/groups/{}", world.room_group()), only_primary).await;
    assert_eq!(unlock(&person, world.room()).await, (403, json!("34bd8f")));
    let id = person.get("/login").await.json()["id"].clone();
    assert_eq!(person.post(&format!("/logins/{id}/promote"), json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(unlock(&person, world.room()).await.0, 200);
}

#[tokio::test]
async fn every_attempt_is_an_event_with_actor_and_credential() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    unlock(&person, world.room()).await;
    let row = world.grant(user, world.room_group(), "08:00", "11:00").await;
    unlock(&person, world.room()).await;
    unlock(&world.owner, world.room()).await;
    let unlocks: Vec<_> =
        world.organization.events().into_iter().filter(|event| event.r#type == "lock.unlock").collect();
    let [denied, opened, by_owner] = unlocks.as_slice() else { panic!("{unlocks:?}") };
    assert!(!denied.success && denied.error_code.as_deref() == Some("fcd8ef"));
    assert_eq!(denied.actor_id, Some(user));
    assert!(opened.success && opened.error_code.is_none());
    assert_eq!(opened.authenticated_by_type.as_deref(), Some("Login"));
    assert_eq!((opened.authorized_by_id, opened.object_id), (Some(row), world.room()));
    assert_eq!(opened.object_name.as_deref(), Some("Room 4"));
    assert_eq!(by_owner.actor_id, Some(world.created.owner.id));
    let types: Vec<_> = world.organization.events().into_iter().map(|event| event.r#type).collect();
    assert!(
        types.contains(&"user.create".to_owned()) && types.contains(&"role_assignment.create".to_owned())
    );
    assert_eq!(
        world.owner.get(&format!("/users/{user}")).await.json()["last_accessed_at"],
        "2026-12-01T08:00:00Z"
    );
}

#[tokio::test]
async fn a_person_taps_at_the_door_through_the_control_api() {
    let world = World::start().await;
    let control = world.running.client();
    let path = format!("/_control/kisi/organizations/{}/tap", world.created.id);
    let tap = async || {
        let body = json!({ "email": "Ada@example.org", "lock_id": world.room() });
        let answer = control.post(&path, body).await.json();
        (answer["opens"].clone(), answer["code"].clone())
    };
    assert_eq!(tap().await, (json!(false), json!("fcd8ef")), "a stranger");
    let user = world.user("ada@example.org").await;
    world.grant(user, world.room_group(), "09:00", "11:00").await;
    assert_eq!(tap().await, (json!(false), json!("f358de")));
    world.time("09:00");
    assert_eq!(tap().await, (json!(true), Value::Null));
    // At the reader, nobody asks for the app.
    world
        .owner
        .patch(
            &format!("/groups/{}", world.room_group()),
            json!({ "group": { "login_enabled": false, "reader_restriction_enabled": true } }),
        )
        .await;
    assert_eq!(tap().await, (json!(true), Value::Null));
    let unknown = control.post(&path, json!({ "email": "ada@example.org", "lock_id": 999_999 })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let nobody = control.post(&path, json!({ "lock_id": world.room() })).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    let windows =
        format!("/_control/kisi/organizations/{}/access_windows?email=ada@example.org", world.created.id);
    assert_eq!(control.get(&windows).await.json()[0]["valid_until"], "2026-12-01T11:00:00Z");
}

#[tokio::test]
async fn a_reader_with_a_stale_cache_lets_in_who_was_removed() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let row = world.grant(user, world.room_group(), "09:00", "11:00").await;
    world.time("10:00");
    world.owner.delete(&format!("/role_assignments/{row}")).await;
    world.time("10:20");
    let tap = |stale_minutes| {
        let tap = Tap { stale_minutes, ..Tap::of("ada@example.org", world.room()) };
        world.organization.tap(&tap).unwrap()
    };
    assert!(!tap(None).opens);
    assert!(!tap(Some(10)).opens, "the cache is younger than the removal");
    assert!(tap(Some(30)).opens && tap(Some(30)).from_cache);
    world.organization.set_online(world.room(), Some(false)).unwrap();
    assert!(tap(Some(30)).opens, "the cache needs no connection");
    world.time("11:00");
    assert!(!tap(Some(90)).opens, "the window is part of the cached right");
}

#[tokio::test]
async fn a_stale_cache_knows_removed_users_removed_doors_and_old_windows() {
    let world = World::start().await;
    let tap = |stale_minutes| {
        let tap = Tap { stale_minutes: Some(stale_minutes), ..Tap::of("ada@example.org", world.room()) };
        world.organization.tap(&tap).unwrap().opens
    };
    let user = world.user("ada@example.org").await;
    let row = world.grant(user, world.room_group(), "09:00", "11:00").await;
    world.time("09:30");
    let shorter = json!({ "role_assignment": { "valid_until": "2026-12-01T09:40:00Z" } });
    world.owner.patch(&format!("/role_assignments/{row}"), shorter).await;
    world.time("09:50");
    assert!(tap(30) && !tap(10), "the old window until the cache is fresh");
    world.owner.patch(&format!("/users/{user}"), json!({ "user": { "access_enabled": false } })).await;
    world.time("10:00");
    assert!(tap(40), "suspended ten minutes ago, cached forty minutes ago");
    world.owner.delete(&format!("/groups/{}", world.room_group())).await;
    world.owner.delete(&format!("/users/{user}")).await;
    world.time("10:10");
    assert!(tap(50), "all is gone but the cache");
    assert!(!tap(5));
}

#[tokio::test]
async fn first_and_last_answer_204() {
    let world = World::start().await;
    let lock = format!("/locks/{}", world.room());
    let first = world.owner.post(&format!("{lock}/first_to_arrive"), json!({})).await;
    assert_eq!(first.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.get(&lock).await.json()["first_to_arrive_satisfied"], true);
    let last = world.owner.post(&format!("{lock}/last_to_leave"), json!({})).await;
    assert_eq!(last.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.get(&lock).await.json()["first_to_arrive_satisfied"], false);
}

#[tokio::test]
async fn an_administrator_of_the_place_opens_its_doors() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    let body = json!({ "role_assignment": {
        "user_id": user, "place_id": world.created.places[0].id, "role_id": "place_administrator",
    } });
    world.owner.post("/role_assignments", body).await;
    assert_eq!(unlock(&person, world.front()).await.0, 200);
    assert_eq!(ids(&person.get("/locks").await.json()), [world.room(), world.front()]);
    let key = world.organization.create_api_key("ada@example.org", false).unwrap();
    let key = world.owner.authorized(login(&key.secret));
    assert_eq!(key.get("/users").await.status, StatusCode::FORBIDDEN, "no right in the organization");
}
