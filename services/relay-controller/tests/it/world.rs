//! A controller with a simulated board, a clock that a test moves, and a network that it can cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use relay_controller::api;
use relay_controller::board::{SimulatedBoard, SimulatedConfig, Simulation};
use relay_controller::certificate::Certificate;
use relay_controller::clock::SettableClock;
use relay_controller::controller::{Controller, Parts};
use relay_controller::disk::Folder;
use relay_controller::key::ApiKey;
use relay_controller::offline::hash_pin;
use relay_controller::server::serve;
use reqwest::{Client, Method};
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const SALT: [u8; 16] = [9; 16];
const ITERATIONS: u32 = 10_000;

/// When the clock of a world begins.
pub(crate) fn morning() -> DateTime<Utc> {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

/// An answer: status and body.
pub(crate) type Answer = (u16, Value);

/// Somebody who calls a controller.
pub(crate) struct Caller {
    http: Client,
    base: String,
    pub(crate) key: String,
}

impl Caller {
    /// Calls the API at an address, and takes no certificate but this one.
    pub(crate) fn new(address: SocketAddr, certificate: &[u8], key: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .tls_certs_only([reqwest::Certificate::from_der(certificate).unwrap()])
            .resolve("relay-controller", address)
            .no_proxy()
            .build()
            .unwrap();
        Self { http, base: format!("https://relay-controller:{}", address.port()), key: key.to_owned() }
    }

    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.try_call(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_call(Method::POST, path, Some(&body)).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.try_call(Method::PUT, path, Some(&body)).await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.try_call(Method::PATCH, path, Some(&body)).await.unwrap()
    }

    /// A channel's part of the state.
    pub(crate) async fn channel(&self, number: u16) -> Value {
        let (status, channel) = self.get(&format!("/v1/channels/{number}")).await;
        assert_eq!(status, 200, "{channel}");
        channel
    }

    /// All entries of the log after a cursor, when `enough` of them are on the disk.
    pub(crate) async fn log(&self, after: u64, enough: usize) -> Vec<Value> {
        testkit::eventually("the log", LIMIT, async || {
            let (_, page) = self.get(&format!("/v1/log?after={after}")).await;
            let entries = page["entries"].as_array().unwrap().clone();
            if entries.len() < enough { Err(page) } else { Ok(entries) }
        })
        .await
    }

    /// Signs a list as the platform does.
    pub(crate) fn sign(&self, list: &Value) -> Value {
        let list = list.to_string();
        let of = |key: &[u8], bytes: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes);
        let list_key = of(self.key.as_bytes(), b"latchkey offline list v1");
        json!({ "mac": HEXLOWER.encode(of(list_key.as_ref(), list.as_bytes()).as_ref()), "list": list })
    }
}

/// A PIN for a channel, from and to so many minutes after the morning.
pub(crate) fn pin(id: &str, pin: &str, channel: u16, minutes: std::ops::Range<i64>) -> Value {
    let hash = hash_pin(pin, &SALT, ITERATIONS.try_into().unwrap());
    json!({
        "id": id, "hash": HEXLOWER.encode(&hash), "channels": [channel],
        "starts_at": morning() + TimeDelta::minutes(minutes.start),
        "ends_at": morning() + TimeDelta::minutes(minutes.end),
    })
}

pub(crate) fn list(controller: &str, version: u64, issued_at: DateTime<Utc>, pins: &[Value]) -> Value {
    json!({
        "controller": controller, "version": version, "issued_at": issued_at,
        "valid_until": issued_at + TimeDelta::hours(48),
        "salt": HEXLOWER.encode(&SALT), "iterations": ITERATIONS, "pins": pins,
    })
}

pub(crate) struct World {
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) simulation: Simulation,
    pub(crate) controller: Arc<Controller>,
    pub(crate) caller: Caller,
    keypad: (Client, String),
    network: CancellationToken,
    at_the_door: CancellationToken,
    servers: TaskTracker,
    folder: TempDir,
    key: String,
}

impl World {
    /// A controller of two channels that is paired, on a machine whose clock nobody set.
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (text, key) = ApiKey::make();
        key.save(&Folder::open(folder.path()).unwrap()).unwrap();
        let clock = Arc::new(SettableClock::at("2020-01-01T00:00:00Z".parse().unwrap()));
        Self::start(folder, clock, text.0).await
    }

    async fn start(folder: TempDir, clock: Arc<SettableClock>, key: String) -> Self {
        let state = Folder::open(folder.path()).unwrap();
        let config = SimulatedConfig { channels: 2, levels: None };
        let board = SimulatedBoard::open(&config, clock.clone()).unwrap();
        let simulation = board.simulation();
        let parts = Parts {
            state,
            board: Box::new(board),
            board_kind: "simulated",
            clock: clock.clone(),
            has_battery: false,
        };
        let controller = Controller::start(parts).unwrap();
        let (servers, at_the_door) = (TaskTracker::new(), CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keypad = format!("http://{}/v1/pins", listener.local_addr().unwrap());
        let keypad = (Client::builder().no_proxy().build().unwrap(), keypad);
        servers.spawn(serve(listener, None, api::keypad_router(controller.clone()), at_the_door.clone()));
        let network = CancellationToken::new();
        let caller = connect(&folder, &controller, &key, &servers, &network).await;
        Self { clock, simulation, controller, caller, keypad, network, at_the_door, servers, folder, key }
    }

    /// Nobody reaches the API any more, and connections are cut.
    pub(crate) async fn cut_network(&mut self) {
        self.network.cancel();
        testkit::eventually("nobody answers", LIMIT, async || {
            match self.caller.try_call(Method::GET, "/v1/describe", None).await {
                Ok(answer) => Err(format!("{answer:?}")),
                Err(_) => Ok(()),
            }
        })
        .await;
    }

    /// The API can be reached again.
    pub(crate) async fn mend_network(&mut self) {
        self.network = CancellationToken::new();
        self.caller = connect(&self.folder, &self.controller, &self.key, &self.servers, &self.network).await;
    }

    /// The machine loses its power, and starts anew without knowing what time it is.
    pub(crate) async fn power_cut(self) -> Self {
        let Self { folder, clock, key, .. } = self.end().await;
        clock.reboot("2020-01-01T00:00:00Z".parse().unwrap());
        Self::start(folder, clock, key).await
    }

    /// The daemon ends as it is told to, and starts again.
    pub(crate) async fn restart(self) -> Self {
        let Self { folder, clock, key, .. } = self.end().await;
        Self::start(folder, clock, key).await
    }

    async fn end(self) -> Self {
        self.network.cancel();
        self.at_the_door.cancel();
        self.servers.close();
        self.servers.wait().await;
        self.controller.stop().await;
        self
    }

    /// The platform says that it is so many minutes after the morning.
    pub(crate) async fn tell_time(&self, minutes: i64) {
        let now = morning() + TimeDelta::minutes(minutes);
        let (status, answer) = self.caller.post("/v1/clock", json!({ "now": now })).await;
        assert_eq!((status, &answer["sure"]), (200, &json!(true)), "{answer}");
    }

    /// Somebody enters a PIN at the door.
    pub(crate) async fn enter(&self, channel: u16, pin: &str) -> Value {
        let body = json!({ "channel": channel, "pin": pin });
        let (client, address) = &self.keypad;
        client.post(address).json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// The relays' levels, when all that is over has ended.
    pub(crate) async fn levels(&self) -> Vec<bool> {
        // Whatever is asked of the thread comes after that.
        self.controller.lines().ask(|_| ()).await.unwrap();
        self.simulation.levels()
    }
}

async fn connect(
    folder: &TempDir,
    controller: &Arc<Controller>,
    key: &str,
    servers: &TaskTracker,
    network: &CancellationToken,
) -> Caller {
    let certificate = Certificate::ensure(&Folder::open(folder.path()).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let caller = Caller::new(listener.local_addr().unwrap(), certificate.der(), key);
    let tls = TlsAcceptor::from(Arc::new(certificate.tls().unwrap()));
    servers.spawn(serve(listener, Some(tls), api::router(controller.clone()), network.clone()));
    caller
}
