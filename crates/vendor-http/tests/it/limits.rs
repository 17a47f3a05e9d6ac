//! An account's calls keep to its rate.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use vendor_http::http::Method;
use vendor_http::{Effect, ErrorKind, Limit, Profile};

use crate::server::{PROFILE, Server, Step, config, http};

#[tokio::test]
async fn a_call_whose_turn_would_come_too_late_is_not_sent_and_other_accounts_are_not_held_up() {
    let limit = Limit { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN, in_flight: NonZeroUsize::MIN };
    let server = Server::start([Step::status(200), Step::status(200)]).await;
    let client = http(config()).vendor(Profile { limit: Some(limit), ..PROFILE });
    let call = |account| server.call_of(account, Method::GET).timeouts(TIME, TIME);
    client.send(call("ours")).await.unwrap();
    let error = client.send(call("ours")).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::RateLimited { retry_after: Some(wait) } if wait <= SECOND));
    assert_eq!(error.effect, Effect::None);
    client.send(call("theirs")).await.unwrap();
    assert_eq!(server.requests().len(), 2);
}

const SECOND: Duration = Duration::from_secs(1);
/// Enough for a call, too little for a second turn.
const TIME: Duration = Duration::from_millis(500);

#[tokio::test]
async fn after_a_429_other_calls_of_the_account_wait_too() {
    let busy = Step::Answer(429, "retry-after: 3600\r\n", String::new());
    let server = Server::start([busy, Step::status(200)]).await;
    let client = http(config()).vendor(PROFILE);
    client.send(server.call_of("ours", Method::GET)).await.unwrap_err();
    let error = client.send(server.call_of("ours", Method::GET).timeouts(TIME, TIME)).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::RateLimited { retry_after: Some(_) }));
    client.send(server.call_of("theirs", Method::GET)).await.unwrap();
    assert_eq!(server.requests().len(), 2);
}
