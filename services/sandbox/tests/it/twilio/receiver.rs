//! A receiver of callbacks that keeps the exact request, and checks signatures by the document alone.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Uri};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::harness::within;

pub(super) struct CallbackReceiver {
    origin: String,
    received: mpsc::Receiver<Posted>,
    _shutdown: DropGuard,
}

/// One callback, as it came.
pub(super) struct Posted {
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    fields: Vec<(String, String)>,
}

impl CallbackReceiver {
    pub(super) async fn start() -> Self {
        let (sender, received) = mpsc::channel(100);
        let take =
            async |State(sender): State<mpsc::Sender<Posted>>, uri: Uri, headers: HeaderMap, body: Bytes| {
                let path_and_query = uri.path_and_query().unwrap().to_string();
                let fields = url::form_urlencoded::parse(&body).into_owned().collect();
                sender.send(Posted { path_and_query, headers, body, fields }).await.ok();
            };
        let router = Router::new().fallback(take).with_state(sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        TaskTracker::new().spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(token.cancelled_owned()).await.ok();
        });
        Self { origin, received, _shutdown: shutdown.drop_guard() }
    }

    pub(super) fn url(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.origin)
    }

    pub(super) async fn next(&mut self) -> Posted {
        within(self.received.recv()).await.expect("a callback")
    }
}

impl Posted {
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(given, _)| given == name)
    }

    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(given, _)| given == name);
        &found.unwrap_or_else(|| panic!("{name} is in the callback")).1
    }

    pub(super) fn signature(&self) -> String {
        self.headers["x-twilio-signature"].to_str().unwrap().to_owned()
    }

    pub(super) fn body_hash(&self) -> String {
        Sha256::digest(&self.body).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the signature of this form must be, if `url` was called.
    pub(super) fn signed_by_hand(&self, url: &str, auth_token: &str) -> String {
        let mut fields = self.fields.clone();
        fields.sort();
        let rest: String = fields.into_iter().map(|(name, value)| name + &value).collect();
        Self::sign_by_hand(&format!("{url}{rest}"), auth_token)
    }

    /// HMAC-SHA1 as RFC 2104 writes it down, without the crate that the twin uses.
    pub(super) fn sign_by_hand(text: &str, auth_token: &str) -> String {
        let mut key = [0_u8; 64];
        key[..auth_token.len()].copy_from_slice(auth_token.as_bytes());
        let inner = Sha1::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
        let outer = Sha1::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
        STANDARD.encode(outer)
    }
}
