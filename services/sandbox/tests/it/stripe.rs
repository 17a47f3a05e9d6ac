//! The Stripe twin, over HTTP as its clients see it.

mod debits;
mod events;
mod idempotency;
mod pages;
mod payments;
mod shop;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use sandbox::stripe::{Account, Key};
use sandbox::{Action, Config, Fault, Vendor};
use serde_json::json;

use crate::harness::{Answer, Client, Running};

const ACCOUNT: &str = "acct_1A2b3C4d5E6f7G8h";
const SECRET: &str = "sk_test_0123456789abcdef";
const RESTRICTED: &str = "rk_live_0123456789abcdef";

fn config() -> Config {
    let mut config = Config::default();
    config.stripe.accounts = vec![Account {
        id: ACCOUNT.to_owned(),
        business_name: Some("Demo Space GmbH".to_owned()),
        display_name: Some("Demo Space".to_owned()),
        country: "AT".to_owned(),
        default_currency: "eur".to_owned(),
        keys: [(SECRET.to_owned(), Key::default()), (RESTRICTED.to_owned(), Key::default())].into(),
    }];
    config
}

fn client(running: &Running, key: &str) -> Client {
    Client::new(running.url("/stripe/v1")).authorized(format!("Bearer {key}"))
}

/// The status and the words of a refusal.
fn refusal(answer: &Answer) -> (u16, String) {
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert!(answer.header("request-id").unwrap().starts_with("req_"));
    (answer.status.as_u16(), error["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_key_shows_its_account_as_bearer_token_and_as_user() {
    let running = Running::start(config()).await;
    let bearer = client(&running, SECRET).get("/account").await;
    assert_eq!(bearer.status, StatusCode::OK);
    assert!(bearer.header("request-id").unwrap().starts_with("req_"));
    let account = bearer.json();
    assert_eq!((&account["object"], &account["id"]), (&json!("account"), &json!(ACCOUNT)));
    assert_eq!(account["business_profile"]["name"], "Demo Space GmbH");
    assert_eq!(account["settings"]["dashboard"]["display_name"], "Demo Space");
    assert_eq!(account["charges_enabled"], true);

    let basic = format!("Basic {}", STANDARD.encode(format!("{SECRET}:")));
    let basic = Client::new(running.url("/stripe/v1")).authorized(basic);
    assert_eq!(basic.get("/account").await.json(), account);
}

#[tokio::test]
async fn a_key_that_is_missing_or_wrong_or_over_is_refused_and_never_repeated() {
    let running = Running::start(config()).await;
    let nobody = Client::new(running.url("/stripe/v1"));
    let (status, message) = refusal(&nobody.get("/account").await);
    assert_eq!(status, 401);
    assert!(message.starts_with("You did not provide an API key"), "{message}");

    let wrong = refusal(&client(&running, "sk_test_another").get("/account").await);
    assert_eq!(wrong, (401, "Invalid API Key provided: sk_test_***ther".to_owned()));

    let control = running.client();
    let key = format!("/_control/stripe/accounts/{ACCOUNT}/keys/{SECRET}");
    assert_eq!(control.put(&key, json!({ "is_expired": true })).await.status, StatusCode::NO_CONTENT);
    let expired = client(&running, SECRET).get("/account").await;
    assert_eq!(expired.json()["error"]["code"], "api_key_expired");
    assert_eq!(refusal(&expired).0, 401);
    assert_eq!(control.delete(&key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(control.delete(&key).await.status, StatusCode::NOT_FOUND);
    let revoked = refusal(&client(&running, SECRET).get("/account").await);
    assert_eq!(revoked, (401, "Invalid API Key provided: sk_test_************cdef".to_owned()));
}

#[tokio::test]
async fn a_restricted_key_may_do_what_it_was_given() {
    let running = Running::start(config()).await;
    let restricted = client(&running, RESTRICTED);
    let (status, message) = refusal(&restricted.get("/account").await);
    assert_eq!(status, 403);
    assert!(message.contains(&format!("on account '{ACCOUNT}'")), "{message}");
    assert!(!message.contains(RESTRICTED), "{message}");

    let given = json!({ "permissions": ["rak_accounts_kyc_id_numbers_read"] });
    let key = format!("/_control/stripe/accounts/{ACCOUNT}/keys/{RESTRICTED}");
    running.client().put(&key, given).await;
    assert_eq!(restricted.get("/account").await.json()["id"], ACCOUNT);
}

#[tokio::test]
async fn answers_are_of_the_version_that_was_asked_for() {
    let running = Running::start(config()).await;
    let http = reqwest::Client::builder().build().unwrap();
    let ask = async |version: &str| {
        let request = http.get(running.url("/stripe/v1/account")).bearer_auth(SECRET);
        request.header("stripe-version", version).send().await.unwrap()
    };
    let answer = ask("2025-03-31.basil").await;
    assert_eq!(
        (answer.status(), &answer.headers()["stripe-version"]),
        (StatusCode::OK, &"2025-03-31.basil".parse().unwrap())
    );
    assert_eq!(ask("2019-12-03").await.status(), StatusCode::OK);
    for wrong in ["latest", "2025-13-01", "2025-03-31.", "2025-03-31.Basil"] {
        assert_eq!(ask(wrong).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let running = Running::start(config()).await;
    let unknown = refusal(&client(&running, SECRET).get("/products").await);
    assert_eq!(unknown, (404, "Unrecognized request URL (GET: /v1/products).".to_owned()));
}

#[tokio::test]
async fn faults_and_the_log_know_the_account() {
    let running = Running::start(config()).await;
    let fault = Fault::on(Vendor::Stripe, Action::status(429)).account(ACCOUNT).times(1);
    running.sandbox.faults().add(fault).unwrap();
    let limited = client(&running, SECRET).get("/account").await;
    assert_eq!(limited.json()["error"]["code"], "rate_limit");
    assert_eq!(client(&running, SECRET).get("/account").await.status, StatusCode::OK);
    let log = running.sandbox.requests().of(Vendor::Stripe);
    let log: Vec<_> = log.iter().map(|request| (request.account.as_deref(), request.status)).collect();
    assert_eq!(log, [(Some(ACCOUNT), Some(429)), (Some(ACCOUNT), Some(200))]);
}

#[tokio::test]
async fn accounts_come_over_the_control_api_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { state_file: Some(folder.path().join("state.json")), ..config() };
    let running = Running::start(config.clone()).await;
    let other =
        json!({ "id": "acct_2", "country": "DE", "default_currency": "eur", "keys": { "sk_live_2": {} } });
    assert_eq!(running.client().put("/_control/stripe/accounts", other).await.status, StatusCode::NO_CONTENT);
    assert_eq!(client(&running, "sk_live_2").get("/account").await.json()["id"], "acct_2");
    running.stop().await.unwrap();

    let running = Running::start(config).await;
    assert_eq!(client(&running, "sk_live_2").get("/account").await.json()["id"], "acct_2");
    let shown = running.client().get("/_control/stripe/accounts/acct_2").await.json();
    assert_eq!((&shown["country"], &shown["display_name"]), (&json!("DE"), &json!(null)));
    assert_eq!(running.client().get("/_control/stripe/accounts/acct_3").await.status, StatusCode::NOT_FOUND);
    running.client().post("/_control/reset", json!({})).await;
    assert_eq!(client(&running, "sk_live_2").get("/account").await.status, StatusCode::UNAUTHORIZED);
}
