use std::sync::Arc;
use std::time::Duration;

use domain::SystemClock;
use sandbox::s3::Key as AccessKey;
use sandbox::{Action, Fault, Sandbox, Vendor};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::config::S3Config;

struct Store {
    sandbox: Sandbox,
    endpoint: String,
    _shutdown: DropGuard,
    _serving: JoinSet<()>,
}

impl Store {
    async fn open() -> Self {
        chassis::install_crypto();
        let mut world = sandbox::Config::default();
        world.s3.listen = Some(([127, 0, 0, 1], 0).into());
        world.s3.buckets = vec!["files".to_owned()];
        let key = AccessKey { secret: "secret".to_owned(), ..AccessKey::default() };
        world.s3.keys = [("key".to_owned(), key)].into();
        let sandbox = Sandbox::new(world, Arc::new(SystemClock));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (twins, stop) = (sandbox.clone(), shutdown.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { twins.serve(listener, stop).await.unwrap() });
        let address = testkit::eventually("S3's twin is open", Duration::from_secs(10), async || {
            sandbox.s3().address().ok_or("not yet")
        })
        .await;
        let endpoint = format!("http://{address}");
        Self { sandbox, endpoint, _shutdown: shutdown.drop_guard(), _serving: serving }
    }

    /// What is said of the store by these settings.
    async fn said(&self, amend: impl FnOnce(&mut S3Config)) -> Result<(), String> {
        let mut config = S3Config {
            endpoint: self.endpoint.clone(),
            public_endpoint: String::new(),
            region: "us-east-1".to_owned(),
            bucket: "files".to_owned(),
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".into(),
            path_style: true,
            encryption: "AES256".to_owned(),
            checksums: true,
            public_base_url: String::new(),
            attempt_timeout_ms: 5_000,
            call_timeout_ms: 10_000,
        };
        amend(&mut config);
        Objects::by(&config).await.unwrap().probe().await.map_err(|problem| problem.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_store_is_said_in_words_of_its_settings() {
    let store = Store::open().await;
    store.said(|_| {}).await.unwrap();
    store.said(|config| config.checksums = false).await.unwrap();
    let bucket = store.said(|config| config.bucket = "other".to_owned()).await;
    assert_eq!(bucket.unwrap_err(), "there is no bucket \"other\": make it, or set s3.bucket");
    let region = store.said(|config| config.region = "eu-central-1".to_owned()).await;
    assert_eq!(region.unwrap_err(), "the bucket \"files\" is in another region than s3.region says");
    let key = store.said(|config| config.access_key_id = "stranger".to_owned()).await;
    assert_eq!(key.unwrap_err(), "the store does not know s3.access_key_id");
    let secret = store.said(|config| config.secret_access_key = "wrong".into()).await;
    assert_eq!(secret.unwrap_err(), "s3.secret_access_key does not belong to s3.access_key_id");
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = store.said(|config| config.endpoint = format!("http://{nowhere}")).await;
    assert!(endpoint.unwrap_err().starts_with("the store does not answer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_named() {
    let store = Store::open().await;
    for (operation, right) in [
        ("ListObjectsV2", "s3:ListBucket"),
        ("PutObject", "s3:PutObject"),
        ("GetObject", "s3:GetObject"),
        ("HeadObject", "s3:GetObject"),
        ("CopyObject", "s3:PutObject"),
        ("DeleteObject", "s3:DeleteObject"),
    ] {
        let key = AccessKey { secret: "secret".to_owned(), denied: [operation.to_owned()].into() };
        store.sandbox.s3().put_key("key", key);
        let expected = format!("the access key may not use the bucket \"files\": it needs {right}");
        assert_eq!(store.said(|_| {}).await.unwrap_err(), expected, "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_busy_does_not_answer() {
    let store = Store::open().await;
    store.sandbox.faults().add(Fault::on(Vendor::S3, Action::status(503))).unwrap();
    assert!(store.said(|_| {}).await.unwrap_err().starts_with("the store does not answer"));
    let asked = store.sandbox.requests().of(Vendor::S3).len();
    assert_eq!(asked, 3, "as often as a call is tried");
}
