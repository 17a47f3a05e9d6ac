//! A server whose answers are a function of the request. It keeps all requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use domain::SystemClock;
use kisi_adapter::vendor::{Kisi, KisiAccount, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vendor_http::http::{HeaderMap, HeaderValue};
use vendor_http::{AccountKey, Config, Retry, Url, VendorHttp};

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Such as `GET /users`.
    pub(crate) line: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    /// `null` without a body.
    pub(crate) body: Value,
}

pub(crate) struct Reply {
    status: u16,
    range: Option<String>,
    body: String,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self { status: 200, range: None, body: body.to_string() }
    }

    pub(crate) fn error(status: u16, body: &Value) -> Self {
        Self { status, range: None, body: body.to_string() }
    }

    pub(crate) fn no_content() -> Self {
        Self { status: 204, range: None, body: String::new() }
    }

    /// A page of `rows` by the request's limit and offset, with the header as Kisi writes it.
    pub(crate) fn page(rows: &[Value], request: &Request) -> Self {
        let (limit, offset) = (request.number("limit"), request.number("offset"));
        let page: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
        let range = match rows.len() {
            0 => "*/0".to_owned(),
            total => format!("{offset}-{}/{total}", offset + limit - 1),
        };
        Self { range: Some(range), ..Self::json(&json!(page)) }
    }

    pub(crate) fn without_range(self) -> Self {
        Self { range: None, ..self }
    }
}

impl Request {
    fn number(&self, name: &str) -> usize {
        self.query[name].parse().unwrap()
    }
}

pub(crate) struct Server {
    url: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    _task: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), requests.clone());
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (answer, seen) = (answer.clone(), seen.clone());
            async move {
                let request = read(request).await;
                let reply = answer(&request);
                seen.lock().unwrap().push(request);
                let mut response = Response::builder().status(reply.status);
                if let Some(range) = reply.range {
                    response = response.header("X-Collection-Range", range);
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

    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.line).collect()
    }

    /// An account with the key `s3cret`, without a rate limit.
    pub(crate) fn account(&self) -> KisiAccount {
        self.kisi().account(&SecretString::from("s3cret"), AccountKey::new("user-1")).unwrap()
    }

    pub(crate) fn kisi(&self) -> Kisi {
        // A second test finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = Config::new("latchkey-test/1");
        config.retry = Retry { delay_min: Duration::from_millis(1), ..Retry::default() };
        let http = VendorHttp::new(config, Arc::new(SystemClock)).unwrap();
        let settings = Settings {
            base_url: self.url.as_str().parse().unwrap(),
            integration_identifier: HeaderValue::from_static("latchkey"),
            integration_contact: Some(HeaderValue::from_static("ops@latchkey.example")),
            link_page: String::new(),
            limit: None,
            prompt_limit: None,
            prompt_timeout: Duration::from_secs(8),
        };
        Kisi::new(&http, settings)
    }
}

async fn read(request: axum::extract::Request) -> Request {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let url: Url = format!("http://x{}", head.uri).parse().unwrap();
    Request {
        line: format!("{} {}", head.method, head.uri.path()),
        query: url.query_pairs().into_owned().collect(),
        headers: head.headers,
        body: if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() },
    }
}
