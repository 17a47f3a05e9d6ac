//! The sandbox's UniFi console on a free port, with many doors, and what its operator does.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use domain::{SettableClock, Window};
use sandbox::unifi::{self, AccessWindow, DoorSeed, GroupSeed, Token};
use sandbox::{Sandbox, Vendor};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use unifi_adapter::UnifiConfig;
use unifi_adapter::vendor::Unifi;
use vendor_http::OutgoingConfig;

/// Doors of each kind.
const DOORS: usize = 40;

/// The adapter's token.
pub(crate) const TOKEN: &str = "latchkey-token";
/// Someone else's.
const OPERATOR: &str = "operator-token";

/// A console that serves until it is dropped.
pub(crate) struct Console {
    pub sandbox: Sandbox,
    pub port: u16,
    _shutdown: DropGuard,
    _serving: JoinSet<()>,
}

fn door(name: String, is_bind_hub: bool) -> DoorSeed {
    DoorSeed { id: Some(id(&name)), name, is_bind_hub, takes_pins: true, unlock_seconds: 5 }
}

/// The id of what has that name.
pub(crate) fn id(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn named(name: &str) -> Token {
    Token { name: name.to_owned(), ..Token::default() }
}

/// Doors `Door 00`… with a group each (`Group 00`…), doors `Lock 00`…, and one without a hub.
fn world() -> sandbox::Config {
    let names = |kind: &'static str| (0..DOORS).map(move |n| format!("{kind} {n:02}"));
    let doors = names("Door").chain(names("Lock")).map(|name| door(name, true));
    let groups = names("Group").map(|name| GroupSeed {
        id: Some(id(&name)),
        doors: vec![name.replace("Group", "Door")],
        name,
    });
    let unifi = unifi::Config {
        building: "Nine".to_owned(),
        tokens: [(TOKEN.to_owned(), named("Latchkey")), (OPERATOR.to_owned(), named("Operator"))].into(),
        doors: doors.chain([door("Cellar".to_owned(), false)]).collect(),
        groups: groups.collect(),
        ..unifi::Config::default()
    };
    sandbox::Config { unifi, ..sandbox::Config::default() }
}

impl Console {
    pub(crate) async fn start(clock: Arc<SettableClock>) -> Self {
        let sandbox = Sandbox::new(world(), clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = sandbox.unifi().open(([127, 0, 0, 1], 0).into()).await.unwrap().port();
        let shutdown = CancellationToken::new();
        let (serving, stop) = (sandbox.clone(), shutdown.clone());
        let mut serving_task = JoinSet::new();
        serving_task.spawn(async move { serving.serve(listener, stop).await.unwrap() });
        Self { sandbox, port, _shutdown: shutdown.drop_guard(), _serving: serving_task }
    }

    pub(crate) fn twin(&self) -> &unifi::Unifi {
        self.sandbox.unifi()
    }

    /// A client that calls as fast as it goes.
    pub(crate) fn client(clock: Arc<SettableClock>, attempts_max: u32) -> Unifi {
        let config = UnifiConfig {
            calls_per_second: 0,
            calls_in_flight: 8,
            // So that there are pages.
            page_size: NonZeroUsize::MIN,
            attempt_timeout_ms: 1_000,
            // Two whole attempts, and the second between them that a refusal may ask for.
            call_timeout_ms: 3_500,
            attempts_max,
        };
        let outgoing = OutgoingConfig { allowed: "127.0.0.0/8".to_owned(), denied: String::new() };
        config.client(clock, outgoing.rules().unwrap()).unwrap()
    }

    /// What the operator's call answers.
    pub(crate) async fn operate(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(format!("/unifi/api/v1/developer{path}"))
            .header("authorization", format!("Bearer {OPERATOR}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let answer = self.sandbox.router().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "SUCCESS", "{path}: {body}");
        body["data"].clone()
    }

    /// The operator makes a visitor.
    pub(crate) async fn add(
        &self,
        email: &str,
        remarks: &str,
        resource: (&str, &str),
        window: Window,
    ) -> String {
        let body = json!({
            "first_name": "Eve", "last_name": "E.", "visit_reason": "Business", "email": email,
            "remarks": remarks, "start_time": window.start().timestamp(), "end_time": window.end().timestamp(),
            "resources": [{ "type": resource.0, "id": resource.1 }],
        });
        let made = self.operate(Method::POST, "/visitors", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Whom a door lets in, by start.
    pub(crate) fn visits(&self, door: &str) -> Vec<AccessWindow> {
        self.twin().access_windows(door)
    }

    /// The adapter's token may do that alone.
    pub(crate) fn permit(&self, scopes: &[&str]) {
        let scopes: BTreeSet<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.twin().put_token(TOKEN, Token { scopes: Some(scopes), ..named("Latchkey") });
    }

    /// The adapter's token works, or not.
    pub(crate) fn set_token_works(&self, does_work: bool) {
        if does_work {
            self.twin().put_token(TOKEN, named("Latchkey"));
        } else {
            self.twin().remove_token(TOKEN);
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.sandbox.requests().count(Vendor::Unifi, |_| true)
    }

    /// What was asked with the adapter's token, such as `POST /visitors`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let requests = self.sandbox.requests().of(Vendor::Unifi);
        let ours = requests.iter().filter(|request| request.account.as_deref() == Some("Latchkey"));
        ours.map(|it| format!("{} {}", it.method, it.path.trim_start_matches("/api/v1/developer"))).collect()
    }
}
