//! Codes, refresh tokens and tickets that are wrong.

use std::sync::atomic::Ordering;

use gateway::ClientConfig;
use reqwest::{RequestBuilder, StatusCode};

use crate::browser::client;
use crate::upstream::CODE;
use crate::world::World;

async fn world() -> World {
    let console = ClientConfig { redirect_uris: String::new(), is_local: true };
    World::with(|config| drop(config.sign_in.clients.insert("console".into(), console))).await
}

impl World {
    fn form(&self, path: &str, pairs: &[(&str, &str)]) -> RequestBuilder {
        client().post(format!("{}{path}", self.address)).form(pairs)
    }

    fn renew(&self, token: &str) -> RequestBuilder {
        let pairs = [("grant_type", "refresh_token"), ("client_id", "console"), ("refresh_token", token)];
        self.form("/oauth/token", &pairs)
    }
}

#[tokio::test]
async fn after_too_many_wrong_codes_and_tokens_nobody_is_asked_about_more() {
    let world = world().await;
    let redeem = |code: &str| {
        let pairs = [("grant_type", "authorization_code"), ("client_id", "console"), ("code", code)];
        world.form("/oauth/token", &pairs).send()
    };
    assert_eq!(redeem(CODE).await.unwrap().status(), StatusCode::OK, "it costs nothing");
    for number in 0..60 {
        let answer = if number % 2 == 0 { world.renew("wrong").send().await } else { redeem("wrong").await };
        assert_eq!(answer.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    let refused = world.renew("one more").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.text().await.unwrap().contains("too many wrong"));
    let revoke = world.form("/oauth/revoke", &[("token", "x"), ("client_id", "console")]);
    assert_eq!(revoke.send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.seen.sessions.load(Ordering::Relaxed), 61);
    // They count together with tokens.
    let stranger = world.signer.issue(&world.admin(), chrono::Duration::minutes(30));
    assert_eq!(world.call(&stranger).await.unwrap_err().code(), tonic::Code::ResourceExhausted);

    // What was given out here is no guess: people behind the same address stay signed in.
    assert_eq!(world.renew("goodx").send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(world.renew("goodxx").send().await.unwrap().status(), StatusCode::OK);
    world.clock.advance(chrono::Duration::minutes(1));
    assert_eq!(world.renew("wrong").send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn after_too_many_wrong_tickets_no_more_are_read() {
    let world = world().await;
    let callback = |ticket: &str| {
        let url = format!("{}/oauth/callback?state=s&code=c", world.address);
        client().get(url).header("cookie", format!("latchkey_sign_in={ticket}")).send()
    };
    let claims = serde_json::json!({
        "request": {"client_id": "console", "redirect_uri": "http://127.0.0.1/back", "code_challenge": "c"},
        "issuer": "i",
        "state": "s",
        "nonce": "n",
        "verifier": "v",
    });
    let minute = chrono::Duration::minutes(1);
    let good = world.signer.sign("http://127.0.0.1:7410", "latchkey:sign-in:away", minute, claims);
    world.clock.advance(chrono::Duration::hours(1));
    for _ in 0..100 {
        assert_eq!(callback(&good).await.unwrap().status(), StatusCode::BAD_REQUEST, "too old is not wrong");
    }
    for number in 0..60 {
        let answer = if number % 2 == 0 {
            callback("x.y.z").await
        } else {
            world.form("/oauth/workspace", &[("ticket", "x.y.z"), ("workspace", "w")]).send().await
        };
        assert_eq!(answer.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    let refused = callback("x.y.z").await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.text().await.unwrap().contains("Wait a minute"));
}
