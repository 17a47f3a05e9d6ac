//! Points 12 to 15: managed users, duplicates, changes, removal.

use http::StatusCode;
use sandbox::kisi::{EmailChange, Refusal};
use serde_json::json;

use super::{World, managed};

#[tokio::test]
async fn a_managed_user_gets_no_mail_and_a_regular_one_does() {
    let world = World::start().await;
    let quiet = world.user("ada@example.org").await;
    let regular = world.owner.post("/users", json!({ "user": { "email": "bob@example.org" } })).await.json();
    let is_managed =
        |id: i64| world.organization.users().iter().find(|user| user.record.id == id).unwrap().managed;
    assert!(is_managed(quiet) && !is_managed(regular["id"].as_i64().unwrap()));
    assert_eq!(regular["confirmed"], false);
    // Kisi mails when it is told to notify, but never a managed user.
    for user in [quiet, regular["id"].as_i64().unwrap()] {
        let body = json!({ "role_assignment": {
            "user_id": user, "group_id": world.room_group(), "role_id": "group_basic", "notify": true,
        } });
        assert_eq!(world.owner.post("/role_assignments", body).await.status, StatusCode::OK);
    }
    let mails: Vec<_> = world.organization.mails().into_iter().map(|mail| (mail.to, mail.about)).collect();
    let bob = "bob@example.org".to_owned();
    assert_eq!(mails, [(bob.clone(), "user".to_owned()), (bob, "role_assignment".to_owned())]);
}

#[tokio::test]
async fn a_second_user_with_the_same_email_is_refused_in_either_way() {
    let world = World::start().await;
    world.user("ada@example.org").await;
    let again = || world.owner.post("/users", managed("ADA@example.org"));
    let refused = again().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json(), json!({ "code": "000409", "error": "The record already exists" }));
    world.switch(|switches| switches.duplicate_user = Refusal::Unprocessable);
    let refused = again().await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json(), json!({ "errors": { "email": ["has already been taken"] } }));
}

#[tokio::test]
async fn an_email_cannot_be_changed() {
    let world = World::start().await;
    let path = format!("/users/{}", world.user("ada@example.org").await);
    let change = json!({ "user": { "email": "new@example.org", "name": "Ada B." } });
    assert_eq!(world.owner.patch(&path, change.clone()).await.status, StatusCode::NO_CONTENT);
    let user = world.owner.get(&path).await.json();
    assert_eq!((&user["email"], &user["name"]), (&json!("ada@example.org"), &json!("Ada B.")));
    world.switch(|switches| switches.email_change = EmailChange::Refused);
    let refused = world.owner.patch(&path, change).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.json()["errors"]["email"].is_array());
}

#[tokio::test]
async fn a_suspended_user_keeps_assignments_and_opens_nothing() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    world.grant(user, world.room_group(), "09:00", "11:00").await;
    world.time("10:00");
    let unlock = format!("/locks/{}/unlock", world.room());
    let suspend = |enabled: bool| json!({ "user": { "access_enabled": enabled } });
    let path = format!("/users/{user}");
    world.owner.patch(&path, suspend(false)).await;
    let denied = person.post(&unlock, json!({})).await;
    assert_eq!((denied.status, &denied.json()["code"]), (StatusCode::FORBIDDEN, &json!("fcd8ff")));
    assert_eq!(world.organization.access_windows_of("ada@example.org", world.room()).len(), 1);
    assert_eq!(person.get("/locks").await.text, "[]");
    world.owner.patch(&path, suspend(true)).await;
    assert_eq!(person.post(&unlock, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn removing_a_user_removes_their_rights_and_logins_and_the_email_is_free_again() {
    let world = World::start().await;
    let (user, person) = world.person("ada@example.org").await;
    let row = world.grant(user, world.room_group(), "09:00", "11:00").await;
    assert_eq!(world.owner.delete(&format!("/users/{user}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.get(&format!("/role_assignments/{row}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(person.get("/user").await.status, StatusCode::UNAUTHORIZED);
    let again = world.user("ada@example.org").await;
    assert_ne!(again, user);
    let owner = world.owner.delete(&format!("/users/{}", world.created.owner.id)).await;
    assert_eq!(owner.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn metadata_has_limits() {
    let world = World::start().await;
    let path = format!("/users/{}", world.user("ada@example.org").await);
    let set = |metadata| world.owner.patch(&path, json!({ "user": { "metadata": metadata } }));
    let fits =
        json!({ "person_id": "p_81", "n": 5, "b": true, "none": null, "k".repeat(50): "v".repeat(500) });
    assert_eq!(set(fits.clone()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.owner.get(&path).await.json()["metadata"], fits);
    let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("k{n}"), json!(n))).collect();
    for metadata in [
        json!({ "nested": {} }),
        json!({ "list": [] }),
        json!({ "k".repeat(51): 1 }),
        json!({ "k": "v".repeat(501) }),
        json!(many),
    ] {
        assert_eq!(set(metadata).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
