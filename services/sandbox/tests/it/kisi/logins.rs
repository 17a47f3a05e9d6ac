//! Point 25: logins on behalf of a person.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;

use super::{World, ids, login};

#[tokio::test]
async fn a_device_login_on_behalf_of_a_person_acts_as_that_person() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let body = json!({ "login": {
        "type": "device", "email": "Ada@example.org", "device_brand": "Acme", "device_model": "Phone 3",
        "os_name": "iOS", "expire": "false",
    } });
    let made = world.owner.post("/logins", body).await;
    assert_eq!(made.status, StatusCode::OK);
    let made = made.json();
    assert_eq!(made["secret"], made["authentication_token"]);
    assert!(made["scram_credentials"]["phone_key"].is_string());
    assert_eq!(
        (&made["user_id"], &made["email"], &made["expire"]),
        (&json!(user), &json!("ada@example.org"), &json!(false))
    );
    let person = world.owner.authorized(login(made["secret"].as_str().unwrap()));
    assert_eq!(person.get("/user").await.json()["id"], user);
    assert_eq!(person.get("/users").await.status, StatusCode::FORBIDDEN);
    let listed = world.owner.get(&format!("/logins?user_id={user}")).await.json();
    assert_eq!(ids(&listed), [made["id"].as_i64().unwrap()]);
    assert!(listed[0].get("secret").is_none(), "shown once");
    assert_eq!(world.owner.delete(&format!("/logins/{}", made["id"])).await.status, StatusCode::NO_CONTENT);
    assert_eq!(person.get("/user").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn logins_on_behalf_are_devices_of_known_people_by_administrators() {
    let world = World::start().await;
    let (_, person) = world.person("ada@example.org").await;
    let body = |kind: &str, email: &str| json!({ "login": { "type": kind, "email": email } });
    let unknown = world.owner.post("/logins", body("device", "nobody@example.org")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let key = world.owner.post("/logins", body("api", "ada@example.org")).await;
    assert_eq!(key.status, StatusCode::UNPROCESSABLE_ENTITY);
    let by_member = person.post("/logins", body("device", "owner@example.org")).await;
    assert_eq!(by_member.status, StatusCode::FORBIDDEN);
    let password =
        json!({ "login": { "type": "api", "user": { "email": "ada@example.org", "password": "x" } } });
    let sign_in = world.running.client().post("/kisi/logins", password).await;
    assert_eq!((sign_in.status, &sign_in.json()["code"]), (StatusCode::UNAUTHORIZED, &json!("afc516")));
}

#[tokio::test]
async fn the_41st_device_evicts_the_least_recently_used() {
    let world = World::start().await;
    world.user("ada@example.org").await;
    let device = async || {
        let body = json!({ "login": { "type": "device", "email": "ada@example.org" } });
        let made = world.owner.post("/logins", body).await.json();
        world.running.clock.advance(TimeDelta::seconds(1));
        world.owner.authorized(login(made["secret"].as_str().unwrap()))
    };
    let first = device().await;
    let second = device().await;
    for _ in 0..38 {
        device().await;
    }
    assert_eq!(first.get("/user").await.status, StatusCode::OK, "the 40th evicts none");
    device().await;
    assert_eq!(first.get("/user").await.status, StatusCode::OK, "just used");
    assert_eq!(second.get("/user").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_eleventh_api_login_is_refused() {
    let world = World::start().await;
    let body = json!({ "login": { "type": "api", "name": "another" } });
    for _ in 0..9 {
        assert_eq!(world.owner.post("/logins", body.clone()).await.status, StatusCode::OK);
    }
    let eleventh = world.owner.post("/logins", body).await;
    assert_eq!(eleventh.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.organization.create_api_key("owner@example.org", false).is_err());
}
