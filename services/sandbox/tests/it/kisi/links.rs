//! Points 4 and 26: group links.

use http::StatusCode;
use serde_json::{Value, json};

use super::{World, ids};
use crate::harness::Client;

async fn link(world: &World, change: Value) -> (Value, Client) {
    let mut body = json!({ "group_link": {
        "group_id": world.room_group(), "name": "Booking b_31 Ada", "email": null, "phone": null,
        "quick_response_code_type": "online",
        "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z",
    } });
    for (name, value) in change.as_object().unwrap() {
        body["group_link"][name] = value.clone();
    }
    let made = world.owner.post("/group_links", body).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let made = made.json();
    let holder = world.owner.authorized(format!("KISI-GROUP-LINK {}", made["secret"].as_str().unwrap()));
    (made, holder)
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let world = World::start().await;
    let (made, _) = link(&world, json!({})).await;
    assert!(made["quick_response_code_token"].is_string() && made["quick_response_code_image"].is_string());
    let listed = world.owner.get(&format!("/group_links?ids={}", made["id"])).await.json();
    assert_eq!(ids(&listed), [made["id"].as_i64().unwrap()]);
    for hidden in ["secret", "quick_response_code_token", "quick_response_code_image"] {
        assert!(listed[0].get(hidden).is_none(), "{hidden}");
    }
    assert_eq!(listed[0]["created_by_id"], listed[0]["issued_by_id"]);
    assert!(world.organization.mails().is_empty(), "nobody was named to send it to");
    link(&world, json!({ "email": "guest@example.org" })).await;
    assert_eq!(world.organization.mails()[0].about, "group_link");
}

#[tokio::test]
async fn a_link_opens_its_groups_doors_during_its_window() {
    let world = World::start().await;
    let (made, holder) = link(&world, json!({})).await;
    let unlock = format!("/locks/{}/unlock", world.room());
    let early = holder.post(&unlock, json!({})).await;
    assert_eq!((early.status, &early.json()["code"]), (StatusCode::FORBIDDEN, &json!("f358de")));
    assert_eq!(holder.get("/locks").await.text, "[]");
    world.time("09:00");
    assert_eq!(holder.post(&unlock, json!({})).await.status, StatusCode::OK);
    let event = world.organization.events().pop().unwrap();
    assert_eq!(
        (event.actor_type.as_deref(), event.actor_name.as_deref()),
        (Some("GroupLink"), Some("Booking b_31 Ada"))
    );
    let locks = holder.get("/locks").await.json();
    assert_eq!(ids(&locks), [world.room()]);
    assert!(locks[0].get("configured").is_none(), "a short form");
    let other = holder.post(&format!("/locks/{}/unlock", world.front()), json!({})).await;
    assert_eq!(other.json()["code"], "fcd8ef");
    // Geofence and reader restrictions do not apply to links.
    let restricted =
        json!({ "group": { "reader_restriction_enabled": true, "geofence_restriction_enabled": true } });
    world.owner.patch(&format!("/groups/{}", world.room_group()), restricted).await;
    assert_eq!(holder.post(&unlock, json!({})).await.status, StatusCode::OK);
    world.time("11:00");
    let late = holder.post(&unlock, json!({})).await;
    assert_eq!((late.status, &late.json()["code"]), (StatusCode::UNAUTHORIZED, &json!("f29aef")));
    let tap = world.organization.tap(&sandbox::kisi::Tap {
        email: None,
        card: None,
        group_link_id: made["id"].as_i64(),
        lock_id: world.room(),
        stale_minutes: None,
    });
    assert_eq!(tap.unwrap().code.as_deref(), Some("f35ade"));
}

#[tokio::test]
async fn a_deleted_link_is_not_valid() {
    let world = World::start().await;
    world.time("10:00");
    let (made, holder) = link(&world, json!({})).await;
    assert_eq!(holder.get("/organization").await.json()["name"], "Demo Space");
    let path = format!("/group_links/{}", made["id"]);
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::NOT_FOUND);
    let gone = holder.get("/locks").await;
    assert_eq!((gone.status, &gone.json()["code"]), (StatusCode::UNAUTHORIZED, &json!("f29aef")));
}

#[tokio::test]
async fn a_link_is_good_for_five_calls_only() {
    let world = World::start().await;
    world.time("10:00");
    let (_, holder) = link(&world, json!({})).await;
    for path in ["/user", "/users", "/organizations", "/groups", "/role_assignments", "/logins", "/roles"] {
        assert_eq!(holder.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(holder.get(&format!("/locks/{}", world.room())).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_needs_a_group_a_name_and_a_window_that_is_one() {
    let world = World::start().await;
    let refused = async |body: Value| world.owner.post("/group_links", json!({ "group_link": body })).await;
    let missing = refused(json!({})).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(missing.json()["errors"]["group_id"].is_array() && missing.json()["errors"]["name"].is_array());
    assert_eq!(
        refused(json!({ "group_id": 999_999, "name": "x" })).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let backwards = json!({
        "group_id": world.room_group(), "name": "x",
        "valid_from": "2026-12-01T11:00:00Z", "valid_until": "2026-12-01T09:00:00Z",
    });
    assert_eq!(refused(backwards).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}
