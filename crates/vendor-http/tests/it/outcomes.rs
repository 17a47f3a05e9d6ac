//! What becomes of a call when the vendor answers, refuses, or does not answer.

use std::time::Duration;

use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{AccountKey, Call, Config, Effect, ErrorKind, Retry, VendorClient, VendorError};

use crate::server::{PROFILE, Server, Step, config, http};

fn client() -> VendorClient {
    http(config()).vendor(PROFILE)
}

async fn fails(client: &VendorClient, call: Call) -> VendorError {
    client.send(call).await.unwrap_err()
}

#[tokio::test]
async fn a_call_brings_its_headers_and_body_and_gets_the_answer() {
    let server = Server::start([Step::body(200, "[1,2]")]).await;
    let call = server.call(Method::POST).json(&["x"]).header(header::ACCEPT, HeaderValue::from_static("a/b"));
    let answer = client().send(call).await.unwrap();
    assert_eq!(answer.json::<Vec<u8>>().unwrap(), [1, 2]);
    let request = &server.requests()[0];
    assert!(request.starts_with("POST /users/17?email=ada%40example.org HTTP/1.1\r\n"), "{request}");
    for part in ["user-agent: latchkey-test/1", "accept: a/b", "content-type: application/json", "[\"x\"]"] {
        assert!(request.contains(part), "{part} is missing in {request}");
    }
}

#[tokio::test]
async fn an_idempotent_call_is_repeated_after_whatever_may_pass() {
    for step in [Step::status(500), Step::status(503), Step::DropBefore, Step::DropAfter, Step::CutOff] {
        let server = Server::start([step.clone(), step, Step::status(200)]).await;
        client().send(server.call(Method::GET)).await.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_may_have_taken_effect_is_not_repeated_and_says_so() {
    for step in [Step::status(500), Step::DropBefore, Step::DropAfter, Step::CutOff] {
        let server = Server::start([step, Step::status(200)]).await;
        let error = fails(&client(), server.call(Method::POST)).await;
        assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
        assert!(server.requests().len() <= 1);
    }
}

#[tokio::test]
async fn a_call_by_get_that_changes_something_is_not_repeated_and_says_so() {
    for step in [Step::DropAfter, Step::CutOff, Step::body(200, "{")] {
        let server = Server::start([step, Step::status(200)]).await;
        let answer = client().send(server.call(Method::GET).changing()).await;
        let error = answer.and_then(|answer| answer.json::<u8>()).unwrap_err();
        assert_eq!(error.effect, Effect::Unknown, "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_says_how_callers_prove_who_they_are() {
    let step = Step::Answer(401, "www-authenticate: Digest realm=\"door\"\r\n", String::new());
    let server = Server::start([step]).await;
    let error = fails(&client(), server.call(Method::POST)).await;
    assert_eq!((error.kind, error.challenge()), (ErrorKind::Unauthorized, Some("Digest realm=\"door\"")));
}

#[tokio::test]
async fn a_call_that_was_not_let_in_is_repeated_even_if_it_must_happen_once() {
    let busy = Step::Answer(429, "retry-after: 0\r\n", String::new());
    let server = Server::start([busy.clone(), busy, Step::status(200)]).await;
    client().send(server.call(Method::POST)).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn no_more_attempts_are_made_than_allowed() {
    let server = Server::start(vec![Step::status(503); 9]).await;
    let error = fails(&client(), server.call(Method::GET)).await;
    assert_eq!((error.kind, error.status()), (ErrorKind::Unreachable, Some(503)));
    assert_eq!(server.requests().len(), 3);
    fails(&client(), server.call(Method::GET).retry(Retry::NONE)).await;
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_vendor_that_wants_a_long_rest_is_not_waited_for() {
    let server = Server::start([Step::Answer(429, "retry-after: 3600\r\n", String::new())]).await;
    let error = fails(&client(), server.call(Method::GET)).await;
    let asked = Some(Duration::from_secs(3600));
    assert_eq!((error.kind, error.effect), (ErrorKind::RateLimited { retry_after: asked }, Effect::None));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_date_in_retry_after_is_read_by_the_clock_that_was_given() {
    let date = "retry-after: Sun, 06 Nov 1994 09:49:37 GMT\r\n";
    let server = Server::start([Step::Answer(503, date, String::new())]).await;
    let error = fails(&client(), server.call(Method::GET)).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn a_refusal_has_its_kind_the_vendors_code_and_words_without_personal_data() {
    let body = "fcd8ef|ada@example.org may not, call +43 664 1234567";
    let server = Server::start([Step::body(403, body)]).await;
    let error = fails(&client(), server.call(Method::POST)).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Rejected, Effect::None));
    assert_eq!(
        error.to_string(),
        "acme refused POST /users/{id} (403, fcd8ef): [address] may not, call [number]"
    );
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_does_not_hide_that_it_may_have_taken_effect() {
    let server = Server::start([Step::DropAfter, Step::status(404)]).await;
    let error = fails(&client(), server.call(Method::DELETE)).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::Unknown));
}

#[tokio::test]
async fn nobody_listening_means_no_effect() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}/x?email=ada").parse().unwrap();
    let error = fails(&client(), Call::new(AccountKey::new("a"), Method::POST, url, "/x")).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None));
    assert!(!error.is_timeout());
    assert!(!format!("{error:?}").contains("ada"), "{error:?}");
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_in_time_is_given_up() {
    let server = Server::start([Step::Stall]).await;
    let short = Duration::from_millis(50);
    let call = server.call(Method::POST).timeouts(short, Duration::from_secs(60));
    let error = fails(&client(), call).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    assert_eq!(error.message(), Some("no whole answer in time"));
    assert!(error.is_timeout());
}

#[tokio::test]
async fn the_whole_call_ends_in_time_whatever_the_attempts_may_take() {
    let server = Server::start(vec![Step::Stall; 9]).await;
    let call = server.call(Method::GET).timeouts(Duration::from_secs(60), Duration::from_millis(50));
    let error = fails(&client(), call).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None));
    // On a busy machine the time may be over before the first has been read.
    assert!(server.requests().len() <= 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start([Step::Answer(302, "location: /elsewhere\r\n", String::new())]).await;
    let error = fails(&client(), server.call(Method::POST)).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Malformed, Effect::Unknown));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read() {
    let server = Server::start([Step::body(200, "123456789"), Step::body(200, "12345678")]).await;
    let client = http(Config { answer_bytes_max: 8, ..config() }).vendor(PROFILE);
    let error = fails(&client, server.call(Method::GET)).await;
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert_eq!(client.send(server.call(Method::GET)).await.unwrap().body, "12345678");
}
