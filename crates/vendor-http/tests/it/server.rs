//! A server that follows a script: one step for each connection, in order. It speaks raw TCP, so that
//! it can also break off where no HTTP library would.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::DateTime;
use domain::{Clock, SettableClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use vendor_http::http::Method;
use vendor_http::{
    AccountKey, Call, Config, ErrorAnswer, Outgoing, Profile, Retry, Url, VendorHttp, Verdict,
};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Step {
    /// Answers: status, further headers, body.
    Answer(u16, &'static str, String),
    /// Closes the connection without reading the request.
    DropBefore,
    /// Reads the request and closes the connection.
    DropAfter,
    /// Promises more body than it sends.
    CutOff,
    /// Reads the request and never answers.
    Stall,
}

impl Step {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, "", String::new())
    }

    pub(crate) fn body(status: u16, body: &str) -> Self {
        Self::Answer(status, "", body.to_owned())
    }
}

pub(crate) struct Server {
    base: Url,
    requests: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Server {
    /// Follows `steps`; what comes after the last gets 418, which nobody expects.
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (mut steps, seen) = (steps.into_iter().collect::<VecDeque<_>>(), requests.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let step = steps.pop_front().unwrap_or(Step::status(418));
                connections.spawn(follow(stream, step, seen.clone()));
            }
        });
        Self { base, requests, _task: task }
    }

    /// The requests that were read, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn call(&self, method: Method) -> Call {
        self.call_of("ours", method)
    }

    pub(crate) fn call_of(&self, account: &str, method: Method) -> Call {
        let url = self.base.join("/users/17?email=ada%40example.org").unwrap();
        Call::new(AccountKey::new(account), method, url, "/users/{id}")
    }
}

async fn follow(mut stream: TcpStream, step: Step, seen: Arc<Mutex<Vec<String>>>) {
    if matches!(step, Step::DropBefore) {
        return;
    }
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request);
    let answer = match step {
        Step::Answer(status, headers, body) => format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        ),
        Step::CutOff => "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 9\r\n\r\n[1,".to_owned(),
        Step::Stall => return std::future::pending().await,
        Step::DropBefore | Step::DropAfter => return,
    };
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Reads the head and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return text.into_owned(),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Reads `code|message|quiet` as a vendor's error body.
fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    let text = String::from_utf8_lossy(answer.body);
    let mut parts = text.split('|').map(str::to_owned);
    verdict.code = parts.next();
    verdict.message = parts.next();
    verdict.is_outage &= parts.next().is_none();
}

pub(crate) const PROFILE: Profile = Profile { name: "acme", limit: None, read_error };

/// Three attempts without a pause worth noticing, circuits that stay closed.
pub(crate) fn config() -> Config {
    let mut config = Config::new("latchkey-test/1");
    config.retry = Retry { delay_min: Duration::from_millis(1), ..Retry::default() };
    config.breaker.failures = 100.try_into().unwrap();
    config
}

pub(crate) fn http(config: Config) -> VendorHttp {
    VendorHttp::new(config, prepare()).unwrap()
}

/// For hosts that people type.
pub(crate) fn guarded(config: Config, outgoing: Outgoing) -> VendorHttp {
    VendorHttp::guarded(config, prepare(), outgoing).unwrap()
}

fn prepare() -> Arc<dyn Clock> {
    crate::spans::record();
    // A second test finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(SettableClock::at(DateTime::from_timestamp(784_111_777, 0).unwrap()))
}
