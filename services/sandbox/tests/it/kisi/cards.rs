//! Cards: what people hold to a reader.

use http::StatusCode;
use sandbox::kisi::Tap;
use serde_json::{Value, json};

use super::{World, ids};

const TOKEN: &str = "0012345678";

fn card(token: &str) -> Value {
    json!({ "card": { "type": "mifare_desfire", "token": token } })
}

/// What the room's door says to the card.
fn tapped(world: &World) -> Option<String> {
    let answer = world.organization.tap(&Tap::with_card(TOKEN, world.room())).unwrap();
    assert_eq!(answer.opens, answer.code.is_none());
    answer.code
}

#[tokio::test]
async fn a_card_is_its_holders_and_opens_what_they_may_open() {
    let world = World::start().await;
    world.time("10:00");
    let user = world.user("ada@example.org").await;
    world.grant(user, world.room_group(), "09:00", "11:00").await;
    assert_eq!(tapped(&world).as_deref(), Some("faa9ef"), "nobody has enrolled it");
    let unknown = world.owner.post("/cards", card(TOKEN)).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (StatusCode::NOT_FOUND, &json!("faa9ef")));
    world.organization.print_card(TOKEN);
    let made = world.owner.post("/cards", card(TOKEN)).await.json();
    assert_eq!(made["status"], "unassigned");
    let again = world.owner.post("/cards", card(TOKEN)).await;
    assert_eq!((again.status, &again.json()["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("cabbeb")));
    assert_eq!(tapped(&world).as_deref(), Some("faa9ff"), "nobody has it");
    let assignment = |user: i64| {
        json!({ "card_assignment": {
        "assignee_type": "User", "assignee_id": user, "card_id": made["id"],
    } })
    };
    let assigned = world.owner.post("/card_assignments", assignment(user)).await.json();
    assert_eq!((&assigned["status"], &assigned["assignee_id"]), (&json!("activated"), &json!(user)));
    assert_eq!(tapped(&world), None);
    let other = world.user("bob@example.org").await;
    let taken = world.owner.post("/card_assignments", assignment(other)).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    let listed = world.owner.get(&format!("/card_assignments?card_id={}", made["id"])).await.json();
    assert_eq!(ids(&listed), [assigned["id"].as_i64().unwrap()]);
    let path = format!("/card_assignments/{}", assigned["id"]);
    world.owner.post(&format!("{path}/deactivate"), json!({})).await;
    assert_eq!(tapped(&world).as_deref(), Some("faa9ff"));
    world.owner.post(&format!("{path}/activate"), json!({})).await;
    assert_eq!(tapped(&world), None);
    world.time("11:00");
    assert_eq!(tapped(&world).as_deref(), Some("f35ade"), "a card has no right of its own");
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::NOT_FOUND);
    let found = world.owner.get(&format!("/cards?token={TOKEN}")).await.json();
    assert_eq!((ids(&found).len(), &found[0]["status"]), (1, &json!("unassigned")));
}

#[tokio::test]
async fn a_deleted_user_has_no_card() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    world.organization.give_card("ada@example.org", TOKEN);
    assert_eq!(world.organization.card_holders(TOKEN), ["ada@example.org"]);
    world.owner.delete(&format!("/users/{user}")).await;
    assert!(world.organization.card_holders(TOKEN).is_empty());
}
