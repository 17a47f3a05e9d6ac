//! Points 16 to 20: role assignments and invites.

use http::StatusCode;
use sandbox::kisi::{DuplicateAssignments, Refusal};
use serde_json::{Value, json};

use super::{World, ids, right};

async fn create(world: &World, body: Value) -> (StatusCode, Value) {
    let answer = world.owner.post("/role_assignments", body).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn old_and_new_spelling_make_the_same() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let (status, old) = create(
        &world,
        json!({ "role_assignment": {
            "user_id": user, "group_id": world.room_group(), "role_id": "group_basic", "notify": false,
            "valid_from": "2026-12-01T09:00:00.000Z", "valid_until": "2026-12-01T11:00:00.000Z",
        } }),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(old["assignee_id"], user);
    assert_eq!(old["valid_from"], "2026-12-01T09:00:00Z");
    let (status, _) = create(&world, right(user, world.room_group(), "09:00", "11:00")).await;
    assert_eq!(status, StatusCode::CONFLICT, "the same right in the new spelling");
}

#[tokio::test]
async fn only_groups_know_windows() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let (status, row) = create(
        &world,
        json!({ "role_assignment": {
            "assignee_type": "User", "assignee_id": user, "applies_to_type": "Place",
            "applies_to_id": world.created.places[0].id, "role_id": "place_administrator",
            "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z",
        } }),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert!(row.get("valid_from").is_none() && row.get("group_id").is_none());
    assert_eq!((&row["place_id"], &row["scope"]), (&json!(world.created.places[0].id), &json!("place")));
}

#[tokio::test]
async fn what_a_grant_names_must_exist_and_fit() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let group = world.room_group();
    let change = |name: &str, value: Value| {
        let mut body = right(user, group, "09:00", "11:00");
        body["role_assignment"][name] = value;
        body
    };
    for (body, status) in [
        (change("assignee_id", json!(999_999)), StatusCode::NOT_FOUND),
        (change("assignee_type", json!("Team")), StatusCode::NOT_FOUND),
        (change("assignee_type", json!("Robot")), StatusCode::UNPROCESSABLE_ENTITY),
        (change("applies_to_id", json!(999_999)), StatusCode::NOT_FOUND),
        (change("applies_to_type", json!("Lock")), StatusCode::UNPROCESSABLE_ENTITY),
        (change("role_id", json!("group_wizard")), StatusCode::UNPROCESSABLE_ENTITY),
        (change("role_id", json!("place_administrator")), StatusCode::UNPROCESSABLE_ENTITY),
        (change("valid_until", json!("2026-12-01T09:00:00Z")), StatusCode::UNPROCESSABLE_ENTITY),
        (change("valid_until", json!("soon")), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(create(&world, body.clone()).await.0, status, "{body}");
    }
    assert!(world.organization.access_windows().is_empty());
}

#[tokio::test]
async fn a_window_that_is_over_is_refused_unless_the_switch_says_otherwise() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let body = right(user, world.room_group(), "06:00", "07:00");
    let (status, answer) = create(&world, body.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["errors"]["valid_until"].is_array());
    world.switch(|switches| switches.past_windows_refused = false);
    assert_eq!(create(&world, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn duplicates_are_refused_by_three_policies() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let group = world.room_group();
    let same = right(user, group, "09:00", "11:00");
    let later = right(user, group, "13:00", "14:00");
    let mut manager = right(user, group, "15:00", "16:00");
    manager["role_assignment"]["role_id"] = json!("group_manager");
    assert_eq!(create(&world, same.clone()).await.0, StatusCode::OK);

    let (status, body) = create(&world, same.clone()).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("000409")));
    assert_eq!(create(&world, later.clone()).await.0, StatusCode::OK, "another window is another row");
    assert_eq!(create(&world, manager.clone()).await.0, StatusCode::UNPROCESSABLE_ENTITY);

    world.switch(|switches| switches.duplicate_assignments = DuplicateAssignments::Strict);
    for body in [&same, &later, &manager] {
        assert_eq!(create(&world, body.clone()).await.0, StatusCode::CONFLICT);
    }
    assert_eq!(create(&world, right(user, world.members_group(), "09:00", "11:00")).await.0, StatusCode::OK);
    world.switch(|switches| switches.strict_refusal = Refusal::Unprocessable);
    assert_eq!(create(&world, later.clone()).await.0, StatusCode::UNPROCESSABLE_ENTITY);

    world.switch(|switches| switches.duplicate_assignments = DuplicateAssignments::Allow);
    for body in [same, later, manager] {
        assert_eq!(create(&world, body).await.0, StatusCode::OK);
    }
    assert_eq!(world.organization.access_windows_of("ada@example.org", world.room()).len(), 6);
}

#[tokio::test]
async fn a_patch_changes_the_window_or_pretends_to() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let path = format!("/role_assignments/{}", world.grant(user, world.room_group(), "09:00", "11:00").await);
    let until = |until: &str| json!({ "role_assignment": { "valid_until": until } });
    assert_eq!(world.owner.patch(&path, until("2026-12-01T12:00:00Z")).await.status, StatusCode::NO_CONTENT);
    let shown = world.owner.get(&path).await.json();
    assert_eq!(
        (&shown["valid_from"], &shown["valid_until"]),
        (&json!("2026-12-01T09:00:00Z"), &json!("2026-12-01T12:00:00Z"))
    );
    let wrong = world.owner.patch(&path, until("2026-12-01T08:30:00Z")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.switch(|switches| switches.patch_ignores_window = true);
    assert_eq!(world.owner.patch(&path, until("2026-12-01T13:00:00Z")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.get(&path).await.json()["valid_until"], "2026-12-01T12:00:00Z");
}

#[tokio::test]
async fn an_expired_row_stays_until_it_is_deleted_or_swept() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let first = world.grant(user, world.room_group(), "09:00", "10:00").await;
    let second = world.grant(user, world.members_group(), "09:00", "10:00").await;
    world.time("12:00");
    let listed = async || ids(&world.owner.get(&format!("/role_assignments?user_id={user}")).await.json());
    assert_eq!(listed().await, [first, second]);
    let path = format!("/role_assignments/{first}");
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::NOT_FOUND);
    world.switch(|switches| switches.expired_assignments_removed_after_seconds = Some(3 * 3600));
    assert_eq!(listed().await, [second]);
    world.time("13:00");
    assert_eq!(listed().await, Vec::<i64>::new());
}

#[tokio::test]
async fn a_group_takes_its_rights_doors_and_links_along() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let group = world.room_group();
    world.grant(user, group, "09:00", "11:00").await;
    world.owner.post("/group_links", json!({ "group_link": { "group_id": group, "name": "Guest" } })).await;
    let before = world.organization.counts();
    assert_eq!(world.owner.delete(&format!("/groups/{group}")).await.status, StatusCode::NO_CONTENT);
    let after = world.organization.counts();
    assert_eq!(before.role_assignments - after.role_assignments, 1);
    assert_eq!(before.group_locks - after.group_locks, 1);
    assert_eq!((before.group_links, after.group_links), (1, 0));
}

#[tokio::test]
async fn an_invite_finds_or_makes_the_user_and_gives_the_right() {
    let world = World::start().await;
    let invite = |email: &str, group: i64| {
        json!({ "invite": {
            "notify": false, "invites_to_type": "Group", "invites_to_id": group,
            "invitee": { "resource_type": "User", "email": email, "name": "Ada L." },
            "role_assignment": {
                "role_id": "group_basic",
                "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z",
            },
        } })
    };
    let made = world.owner.post("/invites", invite("ada@example.org", world.room_group())).await;
    assert_eq!(made.status, StatusCode::OK);
    let row = &made.json()["role_assignment_id"];
    let shown = world.owner.get(&format!("/role_assignments/{row}")).await.json();
    assert_eq!(shown["user"]["email"], "ada@example.org");
    assert_eq!(shown["valid_until"], "2026-12-01T11:00:00Z");
    let again = world.owner.post("/invites", invite("ADA@example.org", world.members_group())).await;
    assert_eq!(again.json()["invitee_id"], made.json()["invitee_id"]);
    let duplicate = world.owner.post("/invites", invite("ada@example.org", world.room_group())).await;
    assert_eq!(duplicate.status, StatusCode::CONFLICT);
    assert_eq!(world.organization.counts().users, 2);
    assert!(world.organization.mails().is_empty());
}
