//! What a check of a provider at a typed host says, value by value: with real calls, to a console with a
//! certificate of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use domain::names::IntegrationName;
use domain::{Fingerprint, IntegrationId, SystemClock, WorkspaceId};
use door_adapter::{Account, Credential, Problem, ProblemKind, ProviderError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{
    AccountKey, Call, Certificate, Config, OutgoingConfig, Profile, Retry, VendorClient, VendorHttp,
};

/// A client that may call `allowed`, and waits so long for an answer.
fn client(allowed: &str, patience: Duration) -> VendorClient {
    chassis::install_crypto();
    let mut config = Config::new("latchkey-test/1");
    (config.retry, config.attempt_timeout) = (Retry::NONE, patience);
    let outgoing = OutgoingConfig { allowed: allowed.into(), denied: String::new() }.rules().unwrap();
    let http = VendorHttp::guarded(config, Arc::new(SystemClock), outgoing).unwrap();
    http.vendor(Profile { name: "the console", limit: None, read_error: |_, _| {} })
}

/// Checks as an adapter does.
async fn check(client: &VendorClient, account: &Account) -> Result<Certificate, Problem> {
    look(client, account).await.map_err(|error| Problem::of(&error, "api_key"))
}

async fn look(client: &VendorClient, account: &Account) -> Result<Certificate, ProviderError> {
    let base = account.credential.base_url("https", account.credential.parse("port")?)?;
    let key = account.credential.require("api_key")?;
    let client = client.trusting(account.trust_in_checks()).unwrap();
    let bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).unwrap();
    let call = Call::new(AccountKey::new("ours"), Method::GET, base.at(&["doors"], &[]), "/doors");
    let answer = client.send(call.header(header::AUTHORIZATION, bearer)).await?;
    Ok(answer.certificate.unwrap())
}

/// An account with these values.
fn account(values: &[(&str, &str)], certificate: Option<Fingerprint>) -> Account {
    let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)));
    Account { integration, credential: Credential::new(values), certificate }
}

/// A console with a new certificate; its port. It takes the key `right`, and does not answer to `slow`.
async fn console(tasks: &mut JoinSet<()>) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["console".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    tasks.spawn(async move {
        let mut slow = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let (mut stream, mut head) = (BufReader::new(stream), String::new());
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.is_ok_and(|read| read > 0)
            {
            }
            if head.contains("slow") {
                slow.push(stream);
                continue;
            }
            let status = if head.contains("right") { "200 OK" } else { "401 Unauthorized" };
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn each_fault_is_laid_to_the_value_that_it_lies_with() {
    let (mut tasks, nobody) = (JoinSet::new(), {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    });
    let port = console(&mut tasks).await;
    let (host, port, nobody) = (("host", "localhost"), ("port", port.as_str()), ("port", nobody.as_str()));
    let (right, slow) = (("api_key", "right"), ("api_key", "slow"));
    for (values, credential, kind, reason) in [
        (vec![port, right], Some("host"), ProblemKind::Missing, "lack \"host\""),
        (vec![host, right], Some("port"), ProblemKind::Missing, "lack \"port\""),
        (vec![host, port], Some("api_key"), ProblemKind::Missing, "lack \"api_key\""),
        (vec![("host", "a/b"), port, right], Some("host"), ProblemKind::Wrong, "host must be a host name"),
        (vec![("host", "xn--a"), port, right], Some("host"), ProblemKind::Wrong, "host must be a host name"),
        (vec![host, ("port", "0"), right], Some("port"), ProblemKind::Wrong, "port must be a number"),
        (vec![host, port, ("api_key", "wrong")], Some("api_key"), ProblemKind::Wrong, "not accept the cred"),
        (vec![host, nobody, right], None, ProblemKind::Unreachable, "no connection"),
        (vec![host, port, slow], None, ProblemKind::TimedOut, "no whole answer in time"),
        (
            vec![("host", "169.254.169.254"), port, right],
            Some("host"),
            ProblemKind::AddressRefused,
            "metadata",
        ),
        (
            vec![("host", "192.168.1.1"), port, right],
            Some("host"),
            ProblemKind::AddressRefused,
            "outgoing.allowed",
        ),
    ] {
        let is_slow = values.contains(&slow);
        let patience = if is_slow { Duration::from_millis(100) } else { Duration::from_secs(30) };
        let client = client("127.0.0.0/8,::1", patience);
        let problem = check(&client, &account(&values, None)).await.unwrap_err();
        assert_eq!((problem.credential, problem.kind), (credential, kind), "{values:?}: {problem:?}");
        assert!(problem.reason.contains(reason), "{problem:?}");
        let was_reached = values.contains(&("api_key", "wrong"));
        assert_eq!(problem.certificate.is_some(), was_reached, "{problem:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_seen_once_and_missed_when_it_has_changed() {
    let mut tasks = JoinSet::new();
    let (port, other) = (console(&mut tasks).await, console(&mut tasks).await);
    let client = client("127.0.0.1", Duration::from_secs(30));
    let at =
        |port: &str, pinned| account(&[("host", "127.0.0.1"), ("port", port), ("api_key", "right")], pinned);
    let seen = check(&client, &at(&port, None)).await.unwrap();
    let pinned = Some(seen.fingerprint);
    assert_eq!(check(&client, &at(&port, pinned)).await.unwrap(), seen);
    let problem = check(&client, &at(&other, pinned)).await.unwrap_err();
    assert_eq!((problem.credential, problem.kind), (Some("host"), ProblemKind::CertificateChanged));
    let shown = problem.certificate.unwrap();
    assert_eq!(shown, check(&client, &at(&other, None)).await.unwrap());
    for fingerprint in [seen.fingerprint, shown.fingerprint] {
        assert!(problem.reason.contains(&fingerprint.to_string()), "{}", problem.reason);
    }
}
