//! Points 2 and 14: tokens, scopes, versions.

use http::StatusCode;
use sandbox::unifi::{ScopeRefusal, Token, VersionRefusal};
use serde_json::json;

use super::World;
use crate::harness::{Answer, at};

fn refused(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(body.get("data").is_none(), "no data in {body}");
    (answer.status.as_u16(), body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_that_is_missing_unknown_or_over_is_refused() {
    let world = World::start().await;
    let none = crate::harness::Client::new(world.running.url("/unifi/api/v1/developer"));
    assert_eq!(refused(&none.get("/doors").await), (401, "CODE_AUTH_FAILED".to_owned()));
    let unknown = world.client.authorized("Bearer another");
    assert_eq!(refused(&unknown.get("/doors").await), (401, "CODE_ACCESS_TOKEN_INVALID".to_owned()));
    let brief = Token { name: "brief".to_owned(), scopes: None, expires_at: Some(at("09:00")) };
    world.console().put_token("brief", brief);
    let brief = world.client.authorized("Bearer brief");
    assert_eq!(brief.get("/doors").await.json()["code"], "SUCCESS");
    world.time("09:00");
    assert_eq!(refused(&brief.get("/doors").await), (401, "CODE_ACCESS_TOKEN_INVALID".to_owned()));
    world.console().remove_token(super::TOKEN);
    assert_eq!(refused(&world.client.get("/doors").await).0, 401);
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused_by_either_status() {
    let world = World::start().await;
    let viewer = world.with_scopes(&["view:space"]);
    assert_eq!(viewer.get("/doors").await.json()["code"], "SUCCESS");
    for (refusal, status) in [(ScopeRefusal::Unauthorized, 401), (ScopeRefusal::Forbidden, 403)] {
        world.console().switch(|switches| switches.scope_refusal = refusal);
        let refused_calls = [
            viewer.put("/doors/front/unlock", json!({})).await,
            // Asked about a door that is not there, it is still the scope that lacks.
            viewer.put("/doors/nowhere/unlock", json!({})).await,
            viewer.get("/visitors").await,
            viewer.post("/credentials/pin_codes", json!({})).await,
            viewer.get("/webhooks/endpoints").await,
        ];
        for answer in &refused_calls {
            assert_eq!(refused(answer), (status, "CODE_UNAUTHORIZED".to_owned()));
        }
    }
    assert!(world.console().logs().is_empty(), "nothing opened");
}

#[tokio::test]
async fn what_came_with_a_later_version_is_not_there() {
    let world = World::start().await;
    world.console().switch(|switches| switches.version = "1.20.11".to_owned());
    let rule = world.client.get("/doors/front/lock_rule").await;
    assert_eq!(refused(&rule), (200, "CODE_DEVICE_API_NOT_SUPPORTED".to_owned()));
    world.console().switch(|switches| switches.version_refusal = VersionRefusal::NotFound);
    assert_eq!(world.client.get("/webhooks/endpoints").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.client.get("/doors").await.json()["code"], "SUCCESS");
    world.console().switch(|switches| switches.version = "2.2.6".to_owned());
    assert_eq!(world.client.get("/doors/front/lock_rule").await.json()["code"], "SUCCESS");
    assert_eq!(world.client.get("/webhooks/endpoints").await.status, StatusCode::NOT_FOUND);
}
