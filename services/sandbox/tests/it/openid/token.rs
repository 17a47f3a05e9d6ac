//! The token and userinfo endpoints.

use chrono::TimeDelta;
use http::StatusCode;
use serde_json::json;

use super::party::Party;
use super::{CONFIDENTIAL, PUBLIC, REGISTERED, SECRET, config};
use crate::harness::{Answer, Running};

fn error(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert!(!body["error_description"].as_str().unwrap().is_empty());
    (answer.status.as_u16(), body["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_code_becomes_tokens_that_say_who_signed_in() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let code = party.code("ada", &[]).await;
    running.clock.advance(TimeDelta::seconds(30));
    let answer = party.exchange(&code, &[]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, Some("no-store")));
    let tokens = answer.json();
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"], &tokens["scope"]),
        (&json!("Bearer"), &json!(3600), &json!("email openid profile"))
    );

    let claims = party.verify(&tokens).await.unwrap();
    let start = 1_796_112_000; // 2026-12-01T08:00:00Z
    assert_eq!(
        claims,
        json!({
            "iss": running.url("/openid"), "aud": PUBLIC, "sub": "ada", "nonce": "n-1",
            "auth_time": start, "iat": start + 30, "exp": start + 330, "at_hash": claims["at_hash"],
            "email": "ada@demo.latchkey.test", "email_verified": true, "name": "Ada",
        })
    );
    let told = party.user_info(&tokens["access_token"]).await.json();
    assert_eq!(
        told,
        json!({ "sub": "ada", "email": "ada@demo.latchkey.test", "email_verified": true, "name": "Ada" })
    );
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let code = party.code("ada", &[("scope", "openid"), ("nonce", "")]).await;
    let tokens = party.exchange(&code, &[]).await.json();
    assert_eq!(party.user_info(&tokens["access_token"]).await.json(), json!({ "sub": "ada" }));
    assert_eq!(party.verify(&tokens).await.unwrap_err(), "another nonce", "none was asked for");
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_time_voids_its_tokens() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let code = party.code("ada", &[]).await;
    let tokens = party.exchange(&code, &[]).await.json();
    let others = party.tokens("bob").await;
    assert_eq!(party.user_info(&tokens["access_token"]).await.status, StatusCode::OK);
    assert_eq!(error(&party.exchange(&code, &[]).await), (400, "invalid_grant".to_owned()));
    let void = party.user_info(&tokens["access_token"]).await;
    assert_eq!(void.status, StatusCode::UNAUTHORIZED);
    assert_eq!(void.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert_eq!(party.user_info(&others["access_token"]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_an_access_token_for_an_hour() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let (in_time, late) = (party.code("ada", &[]).await, party.code("ada", &[]).await);
    running.clock.advance(TimeDelta::seconds(59));
    let tokens = party.exchange(&in_time, &[]).await.json();
    running.clock.advance(TimeDelta::seconds(1));
    assert_eq!(error(&party.exchange(&late, &[]).await), (400, "invalid_grant".to_owned()));

    running.clock.advance(TimeDelta::seconds(3_598));
    assert_eq!(party.user_info(&tokens["access_token"]).await.status, StatusCode::OK);
    running.clock.advance(TimeDelta::seconds(1));
    assert_eq!(party.user_info(&tokens["access_token"]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_is_bound_to_its_verifier_and_its_redirect_uri_and_its_client() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    for wrong in [
        [("code_verifier", "another-verifier-of-at-least-forty-three-chars"), ("", "")],
        [("code_verifier", ""), ("", "")],
        [("redirect_uri", "http://127.0.0.1:7400/other"), ("", "")],
        [("redirect_uri", ""), ("", "")],
        [("client_id", CONFIDENTIAL), ("client_secret", SECRET)],
    ] {
        let code = party.code("ada", &[]).await;
        let refused = error(&party.exchange(&code, &wrong).await);
        assert_eq!(refused, (400, "invalid_grant".to_owned()), "{wrong:?}");
        let spent = error(&party.exchange(&code, &[]).await);
        assert_eq!(spent, (400, "invalid_grant".to_owned()), "nobody tries twice");
    }
}

#[tokio::test]
async fn a_client_with_a_secret_proves_itself_by_it_in_one_way() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let code = async || party.code("ada", &[("client_id", CONFIDENTIAL), ("redirect_uri", REGISTERED)]).await;
    let form = async |more: &[(&'static str, &'static str)]| {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code().await),
            ("redirect_uri", REGISTERED.to_owned()),
            ("code_verifier", super::party::VERIFIER.to_owned()),
        ];
        form.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        party.request("/token").form(&form)
    };
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = (encoded(CONFIDENTIAL), encoded(SECRET));

    let basic = form(&[]).await.basic_auth(&id, Some(&secret));
    assert_eq!(party.send(basic).await.status, StatusCode::OK);
    let posted = form(&[("client_id", CONFIDENTIAL), ("client_secret", SECRET)]).await;
    assert_eq!(party.send(posted).await.status, StatusCode::OK);

    let both = form(&[("client_id", CONFIDENTIAL), ("client_secret", SECRET)]).await;
    let both = both.basic_auth(&id, Some(&secret));
    assert_eq!(error(&party.send(both).await), (400, "invalid_request".to_owned()));
    for unproved in [
        form(&[]).await,
        form(&[("client_id", CONFIDENTIAL)]).await,
        form(&[("client_id", CONFIDENTIAL), ("client_secret", "wrong")]).await,
        form(&[("client_id", "another")]).await,
        form(&[("client_id", PUBLIC), ("client_secret", SECRET)]).await,
        form(&[]).await.basic_auth(&id, Some("wrong")),
    ] {
        let refused = party.send(unproved).await;
        assert_eq!(error(&refused), (401, "invalid_client".to_owned()));
        assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"openid\""));
    }
}

#[tokio::test]
async fn a_token_request_that_is_not_in_order_says_why() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    for (changes, expected) in [
        (("grant_type", ""), "invalid_request"),
        (("grant_type", "password"), "unsupported_grant_type"),
        (("code", ""), "invalid_request"),
        (("code", "made-up"), "invalid_grant"),
    ] {
        let answer = party.exchange("made-up", &[changes]).await;
        assert_eq!(error(&answer), (400, expected.to_owned()), "{changes:?}");
    }
    let json = party.send(party.request("/token").json(&json!({ "client_id": PUBLIC }))).await;
    assert_eq!(error(&json), (400, "invalid_request".to_owned()));
    let repeated = party.post("/token", &[("client_id", PUBLIC), ("client_id", PUBLIC)]).await;
    assert_eq!(error(&repeated), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn nothing_is_told_without_a_token() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let refused = party.get("/userinfo").await;
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, Some("Bearer"))
    );
    let refused = party.user_info(&json!("made-up")).await;
    assert_eq!(refused.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
}
