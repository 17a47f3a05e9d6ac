//! S3's twin, signed to by hand (Amazon S3 API Reference, "Authenticating requests: using the Authorization header" and
//! "using query parameters"). How it is used by AWS's own client, the storage service's tests show.

use domain::{Clock as _, SystemClock};
use hmac::{Hmac, Mac as _};
use http::StatusCode;
use sandbox::s3::Key;
use sandbox::{Action, Config, Fault, Vendor};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::harness::{Running, within};

const SECRET: &str = "a-secret";

fn config() -> Config {
    let mut config = Config::default();
    config.s3.listen = Some(([127, 0, 0, 1], 0).into());
    config.s3.buckets = vec!["files".to_owned()];
    config.s3.keys = [("AK".to_owned(), Key { secret: SECRET.to_owned(), ..Key::default() })].into();
    config
}

async fn address(running: &Running) -> String {
    // Opened before the first connection is taken.
    let shown = running.client().get("/_control/s3").await.json();
    shown["url"].as_str().unwrap().trim_start_matches("http://").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// A link that may be used for so many seconds from now.
fn presigned(address: &str, method: &str, path: &str, secret: &str, seconds: u32) -> String {
    let now = SystemClock.now();
    let (date, time) = (now.format("%Y%m%d").to_string(), now.format("%Y%m%dT%H%M%SZ").to_string());
    let scope = format!("{date}/us-east-1/s3/aws4_request");
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F{}&X-Amz-Date={time}&X-Amz-Expires={seconds}\
         &X-Amz-SignedHeaders=host",
        scope.replace('/', "%2F")
    );
    let canonical = format!("{method}\n{path}\n{query}\nhost:{address}\n\nhost\nUNSIGNED-PAYLOAD");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [date.as_str(), "us-east-1", "s3", "aws4_request"] {
        key = sign(&key, part);
    }
    format!("http://{address}{path}?{query}&X-Amz-Signature={}", hex(&sign(&key, &to_sign)))
}

async fn status(request: reqwest::RequestBuilder) -> StatusCode {
    within(request.send()).await.unwrap().status()
}

#[tokio::test]
async fn a_file_is_put_and_read_by_who_signs_with_a_key_and_by_nobody_else() {
    let running = Running::start(config()).await;
    let address = address(&running).await;
    let http = reqwest::Client::builder().build().unwrap();
    let link = |method, secret| presigned(&address, method, "/files/a/b", secret, 60);
    assert_eq!(status(http.put(link("PUT", "wrong")).body("hello")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(http.put(link("GET", SECRET)).body("hello")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(http.put(link("PUT", SECRET)).body("hello")).await, StatusCode::OK);
    assert_eq!(std::fs::read(running.sandbox.s3().bucket("files").join("a/b")).unwrap(), b"hello");
    let read = within(http.get(link("GET", SECRET)).send()).await.unwrap();
    assert_eq!(within(read.text()).await.unwrap(), "hello");
    assert_eq!(status(http.get(format!("http://{address}/files/a/b"))).await, StatusCode::FORBIDDEN);

    let denied = json!({ "secret": SECRET, "denied": ["GetObject"] });
    assert_eq!(running.client().put("/_control/s3/keys/AK", denied).await.status, StatusCode::NO_CONTENT);
    assert_eq!(status(http.get(link("GET", SECRET))).await, StatusCode::FORBIDDEN);
    running.client().delete("/_control/s3/keys/AK").await;
    assert_eq!(status(http.put(link("PUT", SECRET)).body("again")).await, StatusCode::FORBIDDEN);
    let log = running.sandbox.requests().of(Vendor::S3);
    assert_eq!((log[2].method.as_str(), log[2].path.as_str()), ("PUT", "/files/a/b"));
    assert_eq!(log[2].account.as_deref(), Some("AK"));
}

#[tokio::test]
async fn faults_strike_it_pages_may_call_it_and_a_reset_empties_it() {
    let running = Running::start(config()).await;
    let address = address(&running).await;
    let http = reqwest::Client::builder().build().unwrap();
    let put = presigned(&address, "PUT", "/files/a", SECRET, 60);
    running.sandbox.faults().add(Fault::on(Vendor::S3, Action::status(503)).times(1)).unwrap();
    assert_eq!(status(http.put(&put).body("hello")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(http.put(&put).body("hello")).await, StatusCode::OK);

    let asked = http.request(http::Method::OPTIONS, &put).header("origin", "https://console.example.org");
    let asked = asked.header("access-control-request-method", "PUT");
    let allowed = within(asked.send()).await.unwrap();
    assert!(allowed.headers().contains_key("access-control-allow-origin"), "{allowed:?}");

    running.sandbox.reset();
    assert_eq!(
        status(http.get(presigned(&address, "GET", "/files/a", SECRET, 60))).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(status(http.put(&put).body("hello")).await, StatusCode::OK, "the bucket is there");
    let elsewhere = running.client().get("/s3/files/a").await;
    assert_eq!(elsewhere.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(elsewhere.text.contains(&address), "{}", elsewhere.text);
}
