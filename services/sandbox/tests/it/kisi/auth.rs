//! Points 4 to 6 and 10: credentials, organizations, rights, rate limits.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;

use super::{World, login, managed, right};

#[tokio::test]
async fn credentials_that_are_none_are_401_with_code() {
    let world = World::start().await;
    let key = &world.created.api_key.secret;
    for header in ["", "KISI-LOGIN", "KISI-LOGIN nope", "KISI-ORGANIZATION x", "Bearer x", key.as_str()] {
        let answer = world.owner.authorized(header).get("/user").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header}");
        assert_eq!(answer.json()["code"], "000401");
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!(world.running.client().get("/kisi/user").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.owner.get("/user").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_not_there() {
    let world = World::start().await;
    let (created, stranger) = world.another();
    let user = world.user("ada@example.org").await;
    let row = world.grant(user, world.room_group(), "09:00", "11:00").await;
    for path in [
        format!("/users/{user}"),
        format!("/role_assignments/{row}"),
        format!("/locks/{}", world.room()),
        format!("/groups/{}", world.room_group()),
        format!("/places/{}", world.created.places[0].id),
    ] {
        assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(stranger.delete(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(world.owner.get(&path).await.status, StatusCode::OK, "{path}");
    }
    let foreign_group = created.places[0].groups[0].id;
    let grant = world.owner.post("/role_assignments", right(user, foreign_group, "09:00", "11:00")).await;
    assert_eq!(grant.status, StatusCode::NOT_FOUND);
    // The same email is another user there.
    let there = stranger.post("/users", managed("ada@example.org")).await;
    assert_eq!(there.status, StatusCode::OK);
    assert_ne!(there.json()["id"], user);
}

#[tokio::test]
async fn a_key_can_do_what_its_user_can() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    world.organization.set_role("owner@example.org", Some("organization_observer")).unwrap();
    assert_eq!(world.owner.get("/users").await.status, StatusCode::OK);
    let refused = world.owner.post("/users", managed("bob@example.org")).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("000403")));
    let unlock = world.owner.post(&format!("/locks/{}/unlock", world.room()), json!({})).await;
    assert_eq!(unlock.json()["code"], "fcd8ef");

    world.organization.set_role("owner@example.org", Some("organization_access_manager")).unwrap();
    world.grant(user, world.room_group(), "09:00", "11:00").await;
    let promotion = json!({ "role_assignment": {
        "assignee_type": "User", "assignee_id": user, "applies_to_type": "Organization",
        "applies_to_id": world.created.id, "role_id": "organization_administrator",
    } });
    let refused = world.owner.post("/role_assignments", promotion).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "a right above one's own");

    world.organization.set_role("owner@example.org", None).unwrap();
    assert_eq!(world.owner.get("/users").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.owner.get("/user").await.status, StatusCode::OK, "the key itself is good");
}

#[tokio::test]
async fn the_owners_right_cannot_be_given_or_taken() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let rows = world.owner.get(&format!("/role_assignments?user_id={}", world.created.owner.id)).await.json();
    assert_eq!(rows[0]["role_id"], "organization_owner");
    assert!(rows[0].get("valid_from").is_none(), "only groups know windows");
    let path = format!("/role_assignments/{}", rows[0]["id"]);
    assert_eq!(world.owner.delete(&path).await.status, StatusCode::FORBIDDEN);
    let second = json!({ "role_assignment": {
        "user_id": user, "organization_id": world.created.id, "role_id": "organization_owner",
    } });
    assert_eq!(world.owner.post("/role_assignments", second).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_revoked_key_is_401() {
    let world = World::start().await;
    let key = world.organization.create_api_key("owner@example.org", false).unwrap();
    let client = world.owner.authorized(login(&key.secret));
    assert_eq!(client.get("/user").await.status, StatusCode::OK);
    let path = format!("/_control/kisi/organizations/{}/keys/revoke", world.created.id);
    let revoked = world.running.client().post(&path, json!({ "secret": key.secret })).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get("/user").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.owner.get("/user").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_unused_key_expires_unless_it_never_does() {
    let world = World::start().await;
    world.switch(|switches| switches.api_logins_expire_after_days = 10);
    let key = world.organization.create_api_key("owner@example.org", true).unwrap();
    let client = world.owner.authorized(login(&key.secret));
    world.running.clock.advance(TimeDelta::days(9));
    assert_eq!(client.get("/user").await.status, StatusCode::OK, "used just in time");
    world.running.clock.advance(TimeDelta::days(9));
    assert_eq!(client.get("/user").await.status, StatusCode::OK);
    world.running.clock.advance(TimeDelta::days(10));
    assert_eq!(client.get("/user").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.owner.get("/user").await.status, StatusCode::OK, "made with expire: false");
}

#[tokio::test]
async fn all_logins_of_a_user_share_five_requests_a_second() {
    let world = World::start().await;
    let second = world.organization.create_api_key("owner@example.org", false).unwrap();
    let second = world.owner.authorized(login(&second.secret));
    let (_, person) = world.person("ada@example.org").await;
    world.switch(|switches| switches.rate_limit = true);
    // Twelve at once are faster than any machine lets two seconds pass.
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(world.owner.get("/user").await);
        answers.push(second.get("/user").await);
    }
    assert!(answers[..5].iter().all(|answer| answer.status == StatusCode::OK));
    let refused: Vec<_> =
        answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|answer| answer.header("retry-after") == Some("1")));
    assert_eq!(refused[0].json()["code"], "000429");
    assert_eq!(person.get("/user").await.status, StatusCode::OK, "another user has their own");
}

#[tokio::test]
async fn a_429_may_come_without_retry_after() {
    let world = World::start().await;
    world.switch(|switches| {
        switches.rate_limit = true;
        switches.retry_after_header = false;
    });
    let set = json!({ "event_set": {} });
    assert_eq!(world.owner.post("/event_sets", set.clone()).await.status, StatusCode::OK);
    let refused = world.owner.post("/event_sets", set).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "one event set a second");
    assert_eq!(refused.header("retry-after"), None);
}
