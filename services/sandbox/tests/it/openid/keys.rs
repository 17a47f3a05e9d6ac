//! Signing keys, and ID tokens that are wrong.

use chrono::TimeDelta;
use http::StatusCode;
use sandbox::openid::Algorithm;
use serde_json::{Value, json};

use super::config;
use super::party::Party;
use crate::harness::Running;

async fn published(party: &Party<'_>) -> Vec<Value> {
    party.get("/jwks").await.json()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_published_without_its_secret() {
    let running = Running::start(config()).await;
    let keys = published(&Party::new(&running)).await;
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    let fields: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!([&key["alg"], &key["use"]], ["ES256", "sig"]);
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_leaves_later() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    let before = party.tokens("ada").await;
    let old = published(&party).await.remove(0)["kid"].clone();

    let rotated = running.client().post("/_control/openid/keys", json!({ "stays_seconds": 600 })).await;
    let new = rotated.json()["kid"].clone();
    assert_ne!(new, old);
    let after = party.tokens("ada").await;
    let header = jsonwebtoken::decode_header(after["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(json!(header.kid), new);
    party.verify(&after).await.unwrap();
    party.verify(&before).await.unwrap();
    let shown = running.client().get("/_control/openid/keys").await.json();
    assert_eq!(
        shown,
        json!([
            { "kid": new, "algorithm": "ES256", "leaves_at": null },
            { "kid": old, "algorithm": "ES256", "leaves_at": "2026-12-01T08:10:00Z" },
        ])
    );

    running.clock.advance(TimeDelta::minutes(10));
    assert_eq!(party.verify(&before).await.unwrap_err(), "the key is not published");
    assert_eq!(published(&party).await.len(), 1);
}

#[tokio::test]
async fn tokens_can_be_signed_with_rsa_as_most_providers_do() {
    let running = Running::start(config()).await;
    let party = Party::new(&running);
    running.sandbox.openid().rotate(Algorithm::Rs256, TimeDelta::zero());
    let tokens = party.tokens("ada").await;
    assert_eq!(party.verify(&tokens).await.unwrap()["sub"], "ada");
    let keys = published(&party).await;
    assert_eq!((keys.len(), &keys[0]["kty"], &keys[0]["alg"]), (1, &json!("RSA"), &json!("RS256")));
}

#[tokio::test]
async fn an_id_token_is_wrong_as_ordered_and_right_again() {
    let running = Running::start(config()).await;
    let (party, control) = (Party::new(&running), running.client());
    for (flaw, reason) in [
        ("wrong_nonce", "another nonce"),
        ("wrong_audience", "InvalidAudience"),
        ("wrong_issuer", "InvalidIssuer"),
        ("expired", "expired"),
        ("unpublished_key", "the key is not published"),
        ("forged_signature", "InvalidSignature"),
        ("alg_none", "unknown variant `none`"),
    ] {
        let set = control.put("/_control/openid/flaw", json!({ "flaw": flaw, "times": 1 })).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT);
        let refused = party.verify(&party.tokens("ada").await).await.unwrap_err();
        assert!(refused.contains(reason), "{flaw}: {refused}");
        party.verify(&party.tokens("ada").await).await.unwrap();
    }
}

#[tokio::test]
async fn a_flaw_stays_until_it_is_taken_away() {
    let running = Running::start(config()).await;
    let (party, control) = (Party::new(&running), running.client());
    control.put("/_control/openid/flaw", json!({ "flaw": "wrong_nonce" })).await;
    for _ in 0..2 {
        party.verify(&party.tokens("ada").await).await.unwrap_err();
    }
    assert_eq!(control.delete("/_control/openid/flaw").await.status, StatusCode::NO_CONTENT);
    party.verify(&party.tokens("ada").await).await.unwrap();
    let unknown = control.put("/_control/openid/flaw", json!({ "flaw": "none" })).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
}
