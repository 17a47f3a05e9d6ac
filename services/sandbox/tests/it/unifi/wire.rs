//! Points 3 and 11: the envelope, and faults in it.

use http::StatusCode;
use sandbox::unifi::RefusalStyle;
use sandbox::{Action, Fault, Vendor};
use serde_json::json;

use super::World;

#[tokio::test]
async fn refusals_have_status_200_and_no_data_unless_it_is_switched() {
    let world = World::start().await;
    let calls = async || {
        [
            world.client.get("/doors/nowhere").await,
            world.client.put("/doors/front/lock_rule", json!({ "type": "custom" })).await,
        ]
    };
    for answer in calls().await {
        assert_eq!(answer.status, StatusCode::OK);
        let body = answer.json();
        assert!(body["code"].as_str().unwrap().starts_with("CODE_") && body.get("data").is_none(), "{body}");
    }
    world.console().switch(|switches| switches.refusals = RefusalStyle::Failure);
    let [missing, wrong] = calls().await;
    assert_eq!((missing.status, wrong.status), (StatusCode::PAYMENT_REQUIRED, StatusCode::BAD_REQUEST));
    assert_eq!(world.client.get("/elevators").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.client.post("/doors", json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_strike_by_the_tokens_name_with_the_consoles_envelope_or_anything() {
    let world = World::start().await;
    let body = |text: &str| Action::Status {
        code: 200,
        body: Some(text.to_owned()),
        content_type: Some("application/json".to_owned()),
        retry_after: None,
        phase: sandbox::Phase::BeforeEffect,
    };
    for (action, status, text) in [
        (Action::status(500), 500, r#""code":"CODE_SYSTEM_ERROR""#),
        (Action::status(429), 429, r#""code":"CODE_PARAMS_INVALID""#),
        (body(r#"{"code":"SUCC"#), 200, r#"{"code":"SUCC"#),
        (body(r#"{"code":"CODE_NEW"}"#), 200, "CODE_NEW"),
    ] {
        let fault = Fault::on(Vendor::Unifi, action).account("Latchkey").times(1);
        world.running.sandbox.faults().add(fault).unwrap();
        let answer = world.client.get("/doors").await;
        assert_eq!(answer.status, status);
        assert!(answer.text.contains(text), "{}", answer.text);
    }
    let log = world.running.sandbox.requests().of(Vendor::Unifi);
    assert_eq!(
        (log[0].account.as_deref(), log[0].path.as_str()),
        (Some("Latchkey"), "/api/v1/developer/doors")
    );
}
