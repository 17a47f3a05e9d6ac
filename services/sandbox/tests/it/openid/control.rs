//! People, faults and the state file.

use http::StatusCode;
use sandbox::{Action, Config, Fault, Vendor};
use serde_json::json;

use super::party::{Party, sent_back};
use super::{PUBLIC, config};
use crate::harness::Running;

#[tokio::test]
async fn people_come_and_change_and_go() {
    let running = Running::start(config()).await;
    let (party, control) = (Party::new(&running), running.client());
    let eve = json!({ "sub": "eve", "email": "eve@one.example", "name": "Eve", "email_verified": false });
    assert_eq!(control.put("/_control/openid/people", eve).await.status, StatusCode::NO_CONTENT);
    let tokens = party.tokens("eve").await;
    let claims = party.verify(&tokens).await.unwrap();
    assert_eq!((&claims["email"], &claims["email_verified"]), (&json!("eve@one.example"), &json!(false)));

    let moved = json!({ "sub": "eve", "email": "eve@two.example", "name": "Eve" });
    control.put("/_control/openid/people", moved).await;
    let told = party.user_info(&tokens["access_token"]).await.json();
    assert_eq!(told["email"], "eve@two.example");
    assert_eq!(told["email_verified"], true);
    assert_eq!(control.get("/_control/openid/people").await.json().as_array().unwrap().len(), 3);

    let code = party.code("eve", &[]).await;
    assert_eq!(control.delete("/_control/openid/people/eve").await.status, StatusCode::NO_CONTENT);
    assert_eq!(control.delete("/_control/openid/people/eve").await.status, StatusCode::NOT_FOUND);
    assert_eq!(party.exchange(&code, &[]).await.json()["error"], "invalid_grant");
    assert_eq!(party.user_info(&tokens["access_token"]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_provider_fails_as_any_vendor_does() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let code = party.code("ada", &[]).await;
    let fault = Fault::on(Vendor::OpenId, Action::status(503)).request("POST", "^/token$").times(1);
    running.sandbox.faults().add(fault).unwrap();
    let refused = party.exchange(&code, &[]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(party.exchange(&code, &[]).await.status, StatusCode::OK, "the code was not spent");
}

#[tokio::test]
async fn the_request_log_names_the_client_where_it_can_be_seen() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let tokens = party.tokens("ada").await;
    running.sandbox.requests().clear();
    sent_back(&party.authorize(&[("prompt", "none")]).await);
    party.user_info(&tokens["access_token"]).await;
    party.user_info(&json!("made-up")).await;
    party.get("/jwks").await;
    let accounts: Vec<_> =
        running.sandbox.requests().of(Vendor::OpenId).into_iter().map(|request| request.account).collect();
    assert_eq!(accounts, [Some(PUBLIC.to_owned()), Some(PUBLIC.to_owned()), None, None]);
}

#[tokio::test]
async fn keys_and_codes_and_tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { state_file: Some(folder.path().join("state.json")), ..config() };
    let running = Running::start(config.clone()).await;
    let (before, code) =
        (Party::new(&running).tokens("ada").await, Party::new(&running).code("bob", &[]).await);
    let keys = Party::new(&running).get("/jwks").await.json();
    running.stop().await.unwrap();

    let running = Running::start(config).await;
    let party = Party::new(&running);
    assert_eq!(party.get("/jwks").await.json(), keys);
    assert_eq!(party.user_info(&before["access_token"]).await.json()["sub"], "ada");
    let tokens = party.exchange(&code, &[]).await.json();
    assert_eq!(party.verify(&tokens).await.unwrap()["sub"], "bob");
}
