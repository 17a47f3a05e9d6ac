//! Points 1 to 3 and 29: paths, bodies, statuses, routes that are gone.

use http::{Method, StatusCode};
use sandbox::kisi::{RouteState, RouteSwitch};
use serde_json::json;

use super::{World, managed, right};

#[tokio::test]
async fn a_create_answers_200_with_the_bare_object_and_changes_answer_204_without_a_body() {
    let world = World::start().await;
    let created = world.owner.post("/users", managed("ada@example.org")).await;
    assert_eq!(created.status, StatusCode::OK);
    let id = created.json()["id"].as_i64().unwrap();
    assert_eq!(
        created.json(),
        json!({
            "id": id, "resource_type": "User", "name": "Ada L.", "email": "ada@example.org", "image": null,
            "access_enabled": true, "scim_access_enabled": true, "last_accessed_at": null,
            "otp_required_for_login": false, "password_flow_enabled": true, "notes": null, "metadata": {},
            "organization_id": world.created.id, "confirmed": true, "groups_count": 0,
            "created_at": "2026-12-01T08:00:00Z", "updated_at": "2026-12-01T08:00:00Z",
        })
    );
    let path = format!("/users/{id}");
    let patched = world.owner.patch(&path, json!({ "user": { "notes": "x" } })).await;
    assert_eq!((patched.status, patched.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(world.owner.get(&path).await.json()["notes"], "x");
    let deleted = world.owner.delete(&path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(world.owner.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_role_assignment_shows_new_and_old_spelling() {
    let world = World::start().await;
    let (user, group) = (world.user("ada@example.org").await, world.room_group());
    let created = world.owner.post("/role_assignments", right(user, group, "09:00", "11:00")).await.json();
    let person = json!({ "id": user, "resource_type": "User", "email": "ada@example.org", "name": "Ada L." });
    let short_group = json!({ "id": group, "resource_type": "Group", "name": "Bookings / Room 4" });
    assert_eq!(
        created,
        json!({
            "id": created["id"], "resource_type": "RoleAssignment", "role_id": "group_basic", "notify": false,
            "assignee_type": "User", "assignee_id": user, "assignee": person,
            "applies_to_type": "Group", "applies_to_id": group, "applies_to": short_group,
            "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z",
            "created_by_type": "User", "created_by_id": world.created.owner.id,
            "created_at": "2026-12-01T08:00:00Z", "updated_at": "2026-12-01T08:00:00Z",
            "user_id": user, "user": person, "assignee_team_id": null, "guest_id": null,
            "issued_by_id": world.created.owner.id, "type": "group", "scope": "group",
            "group_id": group, "group": short_group,
        })
    );
}

#[tokio::test]
async fn an_unknown_route_or_method_is_404_with_its_code() {
    let world = World::start().await;
    for (method, path) in [
        (Method::GET, "/members"),
        (Method::GET, "/elevators"),
        (Method::POST, "/shares"),
        (Method::GET, "/events"),
        (Method::PUT, "/users"),
        (Method::GET, "/group_links/5"),
    ] {
        let answer = world.owner.send(method, path, None).await.unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["code"], "000404", "{path}");
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn malformed_bodies_are_400_and_missing_fields_422_by_name() {
    let world = World::start().await;
    for body in ["", "{", "[]", "{}", r#"{"email":"ada@example.org"}"#, r#"{"user":5}"#] {
        let answer = world.owner.send(Method::POST, "/users", Some(body.to_owned())).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json()["code"], "000400");
    }
    let answer =
        world.owner.post("/role_assignments", json!({ "role_assignment": { "role_id": null } })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = &answer.json()["errors"];
    for field in ["assignee_type", "assignee_id", "applies_to_type", "applies_to_id", "role_id"] {
        assert_eq!(errors[field], json!(["can't be blank"]), "{field}");
    }
    assert!(answer.json().get("error").is_none(), "422 has another shape than all other errors");
}

#[tokio::test]
async fn a_route_can_be_deprecated_and_retired() {
    let world = World::start().await;
    let route = |state| RouteSwitch { method: "GET".to_owned(), path: "/users/*".to_owned(), state };
    let deprecated = RouteState::Deprecated {
        deprecation: "@1796083200".to_owned(),
        sunset: "Fri, 01 Jan 2027 00:00:00 GMT".to_owned(),
    };
    let path = format!("/users/{}", world.created.owner.id);
    world.switch(|switches| switches.routes = vec![route(deprecated)]);
    let answer = world.owner.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("deprecation"), Some("@1796083200"));
    assert_eq!(answer.header("sunset"), Some("Fri, 01 Jan 2027 00:00:00 GMT"));
    assert_eq!(world.owner.get("/users").await.header("sunset"), None, "another route");
    world.switch(|switches| switches.routes = vec![route(RouteState::Retired)]);
    let answer = world.owner.get(&path).await;
    assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::NOT_FOUND, &json!("000404")));
}

#[tokio::test]
async fn places_locks_groups_and_their_doors_can_be_made_changed_and_removed() {
    let world = World::start().await;
    let owner = &world.owner;
    let make = async |path: &str, body| {
        let answer = owner.post(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["id"].as_i64().unwrap()
    };
    let place = make("/places", json!({ "place": { "name": "Annex", "address": "Side street 1" } })).await;
    let lock = make("/locks", json!({ "lock": { "name": "Side door", "place_id": place } })).await;
    let group = make("/groups", json!({ "group": { "name": "Night", "place_id": place } })).await;
    let both = json!({ "group_lock": { "group_id": group, "lock_id": lock } });
    let row = make("/group_locks", both.clone()).await;
    assert_eq!(owner.post("/group_locks", both).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let foreign = json!({ "group_lock": { "group_id": group, "lock_id": world.room() } });
    assert_eq!(
        owner.post("/group_locks", foreign).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a place's group holds doors of its place only"
    );
    let shown = owner.get(&format!("/group_locks/{row}")).await.json();
    assert_eq!(shown["lock"], json!({ "id": lock, "name": "Side door", "description": null }));
    let new_lock = owner.get(&format!("/locks/{lock}")).await.json();
    assert_eq!((&new_lock["configured"], &new_lock["online"]), (&json!(false), &json!(null)));

    let patch = json!({ "group": { "name": "Day", "login_enabled": false } });
    assert_eq!(owner.patch(&format!("/groups/{group}"), patch).await.status, StatusCode::NO_CONTENT);
    let shown = owner.get(&format!("/groups/{group}")).await.json();
    assert_eq!(
        (&shown["name"], &shown["login_enabled"], &shown["locks_count"]),
        (&json!("Day"), &json!(false), &json!(1))
    );
    assert_eq!(owner.delete(&format!("/places/{place}")).await.status, StatusCode::NO_CONTENT);
    for path in [format!("/locks/{lock}"), format!("/groups/{group}"), format!("/group_locks/{row}")] {
        assert_eq!(owner.get(&path).await.status, StatusCode::NOT_FOUND, "{path} went along");
    }
}

#[tokio::test]
async fn the_connection_check_shows_user_and_organization() {
    let world = World::start().await;
    let user = world.owner.get("/user").await.json();
    assert_eq!(user["organization_id"], world.created.id);
    assert_eq!(
        user["organization"],
        json!({ "id": world.created.id, "resource_type": "Organization", "name": "Demo Space", "domain": "demo-space" })
    );
    assert_eq!(world.owner.get("/organizations").await.json()[0]["domain"], "demo-space");
    let roles = world.owner.get("/roles").await.json();
    assert!(
        roles
            .as_array()
            .unwrap()
            .iter()
            .any(|role| role["id"] == "group_basic" && role["applies_to"] == "Group")
    );
}
