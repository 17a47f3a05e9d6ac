//! Against a stand-in that speaks KMS's JSON protocol (AWS KMS API reference, Encrypt and Decrypt): its
//! "sealing" is to write down which key, which context and which plain text.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_kms::config::{Credentials, Region, SharedCredentialsProvider};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;

const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[derive(Default)]
struct Calls {
    decrypt: AtomicUsize,
}

async fn serve(
    State(calls): State<Arc<Calls>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> (StatusCode, String) {
    assert!(headers["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256"), "it is signed");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let context = body["EncryptionContext"].clone();
    assert!(context[CONTEXT].as_str().unwrap().starts_with("workspaces/"), "{context}");
    let refused =
        |kind: &str| (StatusCode::BAD_REQUEST, json!({"__type": kind, "message": "no"}).to_string());
    match headers["x-amz-target"].to_str().unwrap() {
        "TrentService.Encrypt" => {
            if body["KeyId"] == "alias/denied" {
                return refused("AccessDeniedException");
            }
            let sealed = json!({"context": context, "plain": body["Plaintext"]}).to_string();
            (StatusCode::OK, json!({"KeyId": ARN, "CiphertextBlob": BASE64.encode(sealed)}).to_string())
        }
        "TrentService.Decrypt" => {
            calls.decrypt.fetch_add(1, Ordering::SeqCst);
            let sealed = BASE64.decode(body["CiphertextBlob"].as_str().unwrap()).unwrap();
            match serde_json::from_slice::<Value>(&sealed) {
                Ok(sealed) if sealed["context"] == context => {
                    (StatusCode::OK, json!({"KeyId": ARN, "Plaintext": sealed["plain"]}).to_string())
                }
                _ => refused("InvalidCiphertextException"),
            }
        }
        other => panic!("{other} is not spoken"),
    }
}

struct StandIn {
    calls: Arc<Calls>,
    /// How it is called.
    config: SdkConfig,
    _server: JoinSet<std::io::Result<()>>,
}

async fn stand_in() -> StandIn {
    let calls = Arc::new(Calls::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", post(serve)).with_state(calls.clone());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await });
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "id", "key", None, None, "test",
        )))
        .endpoint_url(format!("http://{address}"))
        .http_client(http_client())
        .build();
    StandIn { calls, config, _server: server }
}

#[tokio::test]
async fn a_data_key_is_the_same_after_it_was_wrapped() {
    let kms = stand_in().await;
    let master = AwsKmsKey::with(&kms.config, "alias/latchkey").await.unwrap();
    assert_eq!(master.id(), format!("aws-kms:{ARN}"), "an alias may lead elsewhere tomorrow");
    assert!(master.opens("aws-kms:another-key-of-kms") && !master.opens("local:0102"));
    let (workspace, key) = (WorkspaceId::new(), DataKey::generate());
    let wrapped = master.wrap(workspace, &key).await.unwrap();
    let before = kms.calls.decrypt.load(Ordering::SeqCst);
    for _ in 0..3 {
        let again = master.unwrap(workspace, &wrapped).await.unwrap();
        assert_eq!(again.fingerprint(&"a".into()), key.fingerprint(&"a".into()));
    }
    assert_eq!(kms.calls.decrypt.load(Ordering::SeqCst) - before, 1, "it is kept for a while");
}

#[tokio::test]
async fn another_workspaces_or_a_damaged_key_does_not_open() {
    let kms = stand_in().await;
    let master = AwsKmsKey::with(&kms.config, "alias/latchkey").await.unwrap();
    let workspace = WorkspaceId::new();
    let wrapped = master.wrap(workspace, &DataKey::generate()).await.unwrap();
    // Also right after it was opened for its own.
    assert!(master.unwrap(workspace, &wrapped).await.is_ok());
    for (workspace, wrapped) in [(WorkspaceId::new(), wrapped.as_slice()), (workspace, &wrapped[1..])] {
        let error = master.unwrap(workspace, wrapped).await.err().unwrap();
        assert!(matches!(error, WrapError::Sealed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_that_may_not_be_used_is_named_at_start() {
    let kms = stand_in().await;
    let denied = AwsKmsKey::with(&kms.config, "alias/denied").await.err().unwrap();
    assert_eq!(denied.to_string(), "cannot use vault.aws_kms_key alias/denied");
    let cause = std::error::Error::source(&denied).unwrap();
    assert!(format!("{cause:?}").contains("AccessDenied"), "{cause:?}");
}
