//! A dead account is left alone for a while, and does not affect others.

use std::time::Duration;

use vendor_http::http::Method;
use vendor_http::{AccountKey, CircuitState, Config, Effect, ErrorKind, Retry, VendorClient};

use crate::server::{PROFILE, Server, Step, config, http};

const COOL_DOWN: Duration = Duration::from_secs(30);

/// Two failures open a circuit; no retries.
fn client() -> VendorClient {
    let mut config = Config { retry: Retry::NONE, ..config() };
    config.breaker.failures = 2.try_into().unwrap();
    config.breaker.cool_down = COOL_DOWN;
    http(config).vendor(PROFILE)
}

/// Lets the cool-down pass without waiting.
async fn cool_down() {
    tokio::time::pause();
    tokio::time::advance(COOL_DOWN).await;
    tokio::time::resume();
}

#[tokio::test]
async fn after_failures_in_a_row_nothing_is_sent_until_a_probe_succeeds() {
    let script =
        [Step::status(500), Step::DropAfter, Step::status(502), Step::status(200), Step::status(200)];
    let server = Server::start(script).await;
    let client = client();
    let ours = AccountKey::new("ours");
    for _ in 0..2 {
        client.send(server.call(Method::POST)).await.unwrap_err();
    }
    let error = client.send(server.call(Method::POST)).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::CircuitOpen { retry_after } if retry_after <= COOL_DOWN));
    assert_eq!((error.effect, client.circuit(&ours)), (Effect::None, CircuitState::Open));
    assert_eq!(server.requests().len(), 2);

    cool_down().await;
    assert_eq!(client.circuit(&ours), CircuitState::HalfOpen);
    client.send(server.call(Method::POST)).await.unwrap_err();
    assert_eq!(client.circuit(&ours), CircuitState::Open);

    cool_down().await;
    for _ in 0..2 {
        client.send(server.call(Method::POST)).await.unwrap();
    }
    assert_eq!(client.circuit(&ours), CircuitState::Closed);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn another_account_is_served_while_one_is_cut_off() {
    let script = [Step::status(500), Step::status(500), Step::status(200)];
    let server = Server::start(script).await;
    let client = client();
    for _ in 0..3 {
        client.send(server.call_of("dead", Method::GET)).await.unwrap_err();
    }
    client.send(server.call_of("alive", Method::GET)).await.unwrap();
    assert_eq!(client.circuit(&AccountKey::new("alive")), CircuitState::Closed);
}

#[tokio::test]
async fn refusals_rate_limits_and_a_single_broken_thing_do_not_open_it() {
    let script = [401, 403, 404, 409, 422, 429].map(Step::status);
    let quiet = vec![Step::body(503, "fac001|controller offline|quiet"); 4];
    let server = Server::start(script.into_iter().chain(quiet)).await;
    let client = client();
    for _ in 0..10 {
        client.send(server.call(Method::GET)).await.unwrap_err();
    }
    assert_eq!(client.circuit(&AccountKey::new("ours")), CircuitState::Closed);
    assert_eq!(server.requests().len(), 10);
}

#[tokio::test]
async fn when_it_opens_between_attempts_the_failed_attempt_is_what_is_told() {
    let server = Server::start(vec![Step::status(500); 9]).await;
    let mut config = Config { retry: Retry { attempts_max: 9, ..config().retry }, ..config() };
    config.breaker.failures = 2.try_into().unwrap();
    let client = http(config).vendor(PROFILE);
    let error = client.send(server.call(Method::PUT)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    assert_eq!(server.requests().len(), 2);
}
