//! Who is let in.

use std::time::Duration;

use relay_controller::certificate::Certificate;
use relay_controller::disk::Folder;
use reqwest::Method;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn nothing_is_told_and_nothing_moves_without_the_key() {
    let mut world = World::new().await;
    world.caller.key.pop();
    for (method, path) in [
        (Method::GET, "/v1/describe"),
        (Method::GET, "/v1/state"),
        (Method::GET, "/v1/log"),
        (Method::GET, "/v1/nothing"),
        (Method::POST, "/v1/channels/1/pulse"),
        (Method::POST, "/v1/lock-down"),
        (Method::POST, "/v1/pins"),
        (Method::PUT, "/v1/offline-list"),
    ] {
        let (status, body) = world.caller.try_call(method, path, Some(&json!({ "id": "a" }))).await.unwrap();
        assert_eq!((status, &body["error"]["reason"]), (401, &json!("KEY_WRONG")), "{path}");
    }
    assert_eq!(world.simulation.changes(), []);
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let mut world = World::new().await;
    let right = std::mem::replace(&mut world.caller.key, "lrc_guess".into());
    for _ in 0..10 {
        assert_eq!(world.caller.get("/v1/state").await.0, 401);
    }
    assert_eq!(world.caller.get("/v1/state").await.0, 429);
    world.caller.key = right;
    assert_eq!(world.caller.get("/v1/state").await.0, 429, "refused unseen");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(world.caller.get("/v1/state").await.0, 200);
}

#[tokio::test]
async fn guesses_from_the_platforms_address_keep_it_not_out() {
    let mut world = World::new().await;
    assert_eq!(world.caller.get("/v1/state").await.0, 200);
    let right = std::mem::replace(&mut world.caller.key, "lrc_guess".into());
    for _ in 0..20 {
        assert_ne!(world.caller.get("/v1/state").await.0, 200);
    }
    world.caller.key = right;
    assert_eq!(world.caller.post("/v1/lock-down", json!({ "id": "d" })).await.0, 200);
}

#[test]
fn a_certificate_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = || Certificate::ensure(&Folder::open(folder.path()).unwrap()).unwrap().fingerprint();
    let first = fingerprint();
    assert_eq!(first, fingerprint());
    let other = tempfile::tempdir().unwrap();
    assert_ne!(first, Certificate::ensure(&Folder::open(other.path()).unwrap()).unwrap().fingerprint());
}
