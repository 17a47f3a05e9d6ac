//! Hosts that people type: where they may lead, and which certificate they must show.

use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};
use vendor_http::http::Method;
use vendor_http::{
    AccountKey, BaseUrl, Call, CircuitState, ConnectError, Effect, ErrorKind, OutgoingConfig, Retry, Trust,
    VendorClient, VendorError,
};

use crate::console::{Console, Shown};
use crate::server::{PROFILE, Server, Step, config, guarded};

/// A client that may call `allowed`.
fn client(allowed: &str) -> VendorClient {
    let outgoing = OutgoingConfig { allowed: allowed.into(), denied: String::new() };
    guarded(config(), outgoing.rules().unwrap()).vendor(PROFILE)
}

const LOOPBACK: &str = "127.0.0.0/8,::1";

fn trusting(trust: Trust) -> VendorClient {
    client(LOOPBACK).trusting(trust).unwrap()
}

fn pin(shown: &Shown) -> Trust {
    Trust::Pinned(domain::Fingerprint::new(Sha256::digest(&shown.certificate).into()))
}

async fn fails(client: &VendorClient, call: Call) -> VendorError {
    client.send(call).await.unwrap_err()
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_called() {
    let console = Console::start(&Shown::new("console"), 200).await;
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        for client in [client(""), client("").trusting(Trust::FirstUse).unwrap()] {
            let error = fails(&client, console.call(host)).await;
            assert_eq!((error.kind, error.effect), (ErrorKind::AddressRefused, Effect::None), "{error:?}");
            let message = error.message().unwrap();
            assert!(message.contains(" leads to the machine that calls it; "), "{message}");
            assert!(message.ends_with("allow that by outgoing.allowed"), "{message}");
            assert_eq!(client.circuit(&AccountKey::new("ours")), CircuitState::Closed);
        }
    }
    assert_eq!(console.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_refused_looks_the_same_whether_something_is_there_or_not() {
    let console = Console::start(&Shown::new("console"), 200).await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string().parse().unwrap()
    };
    for host in ["localhost", "127.0.0.1"] {
        let base = BaseUrl::of_host("https", &host.parse().unwrap(), nobody).unwrap();
        let nobody = Call::new(AccountKey::new("ours"), Method::GET, base.at(&["doors"], &[]), "/doors");
        let there = fails(&client(""), console.call(host)).await;
        let not_there = fails(&client(""), nobody).await;
        assert_eq!(there.to_string(), not_there.to_string());
    }
}

#[tokio::test]
async fn a_plain_host_is_guarded_and_its_redirects_are_not_followed() {
    let step = Step::Answer(302, "location: http://169.254.169.254/\r\n", String::new());
    let server = Server::start([step]).await;
    assert_eq!(fails(&client(""), server.call(Method::GET)).await.kind, ErrorKind::AddressRefused);
    assert!(server.requests().is_empty());
    assert_eq!(fails(&client(LOOPBACK), server.call(Method::GET)).await.kind, ErrorKind::Malformed);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn other_protocols_are_guarded_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string().parse().unwrap();
    let rules =
        |allowed: &str| OutgoingConfig { allowed: allowed.into(), denied: String::new() }.rules().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let host = host.parse().unwrap();
        let error = rules("10.0.0.0/8").connect(&host, port).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused(_)), "{error}");
        rules(LOOPBACK).connect(&host, port).await.unwrap();
    }
    let nowhere = "nowhere.invalid".parse().unwrap();
    let error = rules(LOOPBACK).connect(&nowhere, port).await.unwrap_err();
    assert!(matches!(error, ConnectError::Failed(_)), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_unreachable() {
    let url = "http://nowhere.invalid/doors".parse().unwrap();
    let call = Call::new(AccountKey::new("ours"), Method::GET, url, "/doors");
    assert_eq!(fails(&client(""), call.retry(Retry::NONE)).await.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn at_first_use_any_certificate_is_taken_and_told() {
    let shown = Shown::new("console");
    let console = Console::start(&shown, 200).await;
    let answer = trusting(Trust::FirstUse).send(console.call("localhost")).await.unwrap();
    let certificate = answer.certificate.unwrap();
    assert_eq!(Trust::Pinned(certificate.fingerprint), pin(&shown));
    assert_eq!(certificate.subject, "CN=console");
    assert!(certificate.not_before < certificate.not_after);
}

#[tokio::test]
async fn a_refusal_tells_the_certificate_too() {
    let shown = Shown::new("console");
    let console = Console::start(&shown, 401).await;
    let error = fails(&trusting(Trust::FirstUse), console.call("127.0.0.1")).await;
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(Trust::Pinned(error.certificate().unwrap().fingerprint), pin(&shown));
}

#[tokio::test]
async fn the_pinned_certificate_is_taken_by_whatever_name() {
    let shown = Shown::new("console");
    let console = Console::start(&shown, 200).await;
    let client = trusting(pin(&shown));
    for host in ["localhost", "127.0.0.1"] {
        assert!(client.send(console.call(host)).await.unwrap().certificate.is_some());
    }
    assert_eq!(console.requests().matches("authorization: Bearer the-key").count(), 2);
}

#[tokio::test]
async fn another_certificate_is_refused_before_anything_is_sent() {
    let (shown, other) = (Shown::new("console"), Shown::new("console"));
    let console = Console::start(&shown, 200).await;
    let client = trusting(pin(&shown));
    client.send(console.call("localhost")).await.unwrap();
    console.show(&other);
    let sent = console.requests();
    let error = fails(&client, console.call("localhost")).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::CertificateChanged, Effect::None), "{error:?}");
    let seen = error.certificate().unwrap();
    assert_eq!((Trust::Pinned(seen.fingerprint), seen.subject.as_str()), (pin(&other), "CN=console"));
    assert!(error.message().unwrap().contains(&seen.fingerprint.to_string()), "{error}");
    assert_eq!(console.requests(), sent, "it has seen nothing of the second call");
    assert_eq!(console.connections.load(Ordering::SeqCst), 2, "and was not asked again and again");
    let accepting = client.trusting(pin(&other)).unwrap();
    accepting.send(console.call("localhost")).await.unwrap();
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let (shown, impostor) = (Shown::new("console"), Shown::new("impostor"));
    let console = Console::start(&shown.with_the_key_of(&impostor), 200).await;
    for trust in [pin(&shown), Trust::FirstUse] {
        let error = fails(&trusting(trust), console.call("localhost")).await;
        assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None), "{error:?}");
    }
    assert_eq!(console.requests(), "");
}

#[tokio::test]
async fn without_a_word_on_whom_to_trust_a_certificate_of_its_own_is_not_taken() {
    let console = Console::start(&Shown::new("localhost"), 200).await;
    let error = fails(&client(LOOPBACK), console.call("localhost")).await;
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(console.requests(), "");
}
