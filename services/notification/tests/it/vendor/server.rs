//! A server whose answers are a function of the request. It keeps all requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use domain::SystemClock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vendor_http::http::HeaderMap;
use vendor_http::{BaseUrl, Config, Retry, Url, VendorHttp};

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Such as `GET /v3/scopes`.
    pub(crate) line: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct Reply {
    status: u16,
    header: Option<(&'static str, &'static str)>,
    body: String,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl ToString) -> Self {
        Self { status, body: body.to_string(), header: None }
    }

    pub(crate) fn with_header(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

pub(crate) struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    _task: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), requests.clone());
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (answer, seen) = (answer.clone(), seen.clone());
            async move {
                let request = read(request).await;
                let reply = answer(&request);
                seen.lock().unwrap().push(request);
                let mut response = Response::builder().status(reply.status);
                if let Some((name, value)) = reply.header {
                    response = response.header(name, value);
                }
                response.body(Body::from(reply.body)).unwrap()
            }
        });
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, requests, _task: task }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn base_url(&self) -> BaseUrl {
        self.url.parse().unwrap()
    }
}

pub(crate) fn http() -> VendorHttp {
    // A second test finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::new("latchkey-test/1");
    config.retry = Retry { delay_min: Duration::from_millis(1), ..Retry::default() };
    VendorHttp::new(config, Arc::new(SystemClock)).unwrap()
}

async fn read(request: axum::extract::Request) -> Request {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let url: Url = format!("http://x{}", head.uri).parse().unwrap();
    Request {
        line: format!("{} {}", head.method, head.uri.path()),
        query: url.query_pairs().into_owned().collect(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
