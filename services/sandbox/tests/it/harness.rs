//! A sandbox on a free port, a client for it, and a receiver for its webhooks.

use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use domain::{SettableClock, Timestamp};
use http::{HeaderMap, Method, StatusCode};
use sandbox::{Config, Sandbox, ServeError};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest wait for anything that is bound to happen.
const LIMIT: Duration = Duration::from_secs(10);

/// The time at which every sandbox starts.
pub(crate) const START: &str = "2026-12-01T08:00:00Z";

/// A time on the day of [`START`], such as `09:00`.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-12-01T{time}:00Z").parse().unwrap()
}

/// A sandbox that serves on a free port until it is dropped. Its clock stands still.
pub(crate) struct Running {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<SettableClock>,
    address: SocketAddr,
    shutdown: CancellationToken,
    served: mpsc::Receiver<Result<(), ServeError>>,
}

impl Running {
    pub(crate) async fn start(config: Config) -> Self {
        install_tls_provider();
        let clock = Arc::new(SettableClock::at(START.parse().unwrap()));
        let sandbox = Sandbox::new(config, clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (sender, served) = mpsc::channel(1);
        let (serving, token) = (sandbox.clone(), shutdown.clone());
        TaskTracker::new().spawn(async move {
            let result = serving.serve(listener, token).await;
            sender.send(result).await.ok();
        });
        Self { sandbox, clock, address, shutdown, served }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks for shutdown; what serving came to.
    pub(crate) async fn stop(mut self) -> Result<(), ServeError> {
        self.shutdown.cancel();
        within(self.served.recv()).await.expect("serving ended")
    }

    /// What serving came to, without asking for shutdown.
    pub(crate) async fn ended(mut self) -> Result<(), ServeError> {
        within(self.served.recv()).await.expect("serving ended")
    }

    /// A client without credentials, for paths from the root.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.url(""))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) fn install_tls_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
}

/// What is bound to happen, or a failed test.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("within the time limit")
}

/// An HTTP client for one base URL and one `Authorization` header.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON; `null` if it is empty.
    pub(crate) fn json(&self) -> Value {
        if self.text.is_empty() { Value::Null } else { serde_json::from_str(&self.text).expect("JSON") }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Client {
    pub(crate) fn new(base: String) -> Self {
        let http = reqwest::Client::builder().timeout(LIMIT).build().unwrap();
        Self { http, base, authorization: None }
    }

    pub(crate) fn authorized(&self, authorization: impl Into<String>) -> Self {
        Self { authorization: Some(authorization.into()), ..self.clone() }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(body) = body {
            // Of an empty body, too: left out otherwise.
            let length = body.len();
            request = request.header("content-type", "application/json").header("content-length", length);
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body.to_string())).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string())).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await.unwrap()
    }
}

/// Takes webhooks and answers each with one status.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: mpsc::Receiver<(HeaderMap, Bytes)>,
    shutdown: CancellationToken,
}

impl Receiver {
    pub(crate) async fn answering(status: StatusCode) -> Self {
        let (sender, received) = mpsc::channel(1_000);
        let take = async |State((sender, status)): State<(mpsc::Sender<_>, StatusCode)>,
                          headers: HeaderMap,
                          body: Bytes| {
            sender.send((headers, body)).await.ok();
            status
        };
        let router = Router::new().fallback(take).with_state((sender, status));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        TaskTracker::new().spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(token.cancelled_owned());
            serving.await.ok();
        });
        Self { url, received, shutdown }
    }

    /// The next webhook.
    pub(crate) async fn next(&mut self) -> (HeaderMap, Bytes) {
        within(self.received.recv()).await.expect("a webhook")
    }

    /// Those that came already and were not taken yet.
    pub(crate) fn waiting(&mut self) -> usize {
        let mut count = 0;
        while self.received.try_recv().is_ok() {
            count += 1;
        }
        count
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
