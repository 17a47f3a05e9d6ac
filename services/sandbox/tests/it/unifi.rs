//! The UniFi Access twin, rule by rule.

mod auth;
mod doors;
mod readers;
mod tls;
mod visitors;
mod webhooks;
mod wire;

use std::collections::BTreeSet;

use sandbox::unifi::{self, DoorSeed, GroupSeed, Token};
use sandbox::{Config, DeliveriesConfig};
use serde_json::{Value, json};

use crate::harness::{Client, Running, at};

pub(crate) const TOKEN: &str = "console-token";

/// A console with two doors that have hubs, one that has none, and a group of the first two.
pub(crate) struct World {
    pub(crate) running: Running,
    /// With a token that may do everything, in plain.
    pub(crate) client: Client,
}

fn door(name: &str, is_bind_hub: bool) -> DoorSeed {
    let id = Some(id(name));
    DoorSeed { name: name.to_owned(), id, is_bind_hub, takes_pins: true, unlock_seconds: 5 }
}

/// The id of what has that name.
pub(crate) fn id(name: &str) -> String {
    name.to_lowercase()
}

fn config() -> Config {
    let console = unifi::Config {
        tokens: [(TOKEN.to_owned(), Token { name: "Latchkey".to_owned(), ..Token::default() })].into(),
        doors: vec![door("Front", true), door("Room", true), door("Cellar", false)],
        groups: vec![GroupSeed {
            name: "Ground floor".to_owned(),
            id: Some("ground".to_owned()),
            doors: vec!["Front".to_owned(), "Room".to_owned()],
        }],
        ..unifi::Config::default()
    };
    let deliveries = DeliveriesConfig { tries: 3, retry_delay_ms: 1, ..DeliveriesConfig::default() };
    Config { unifi: console, deliveries, ..Config::default() }
}

impl World {
    pub(crate) async fn start() -> Self {
        let running = Running::start(config()).await;
        let base = running.url("/unifi/api/v1/developer");
        let client = Client::new(base).authorized(format!("Bearer {TOKEN}"));
        Self { running, client }
    }

    pub(crate) fn console(&self) -> &unifi::Unifi {
        self.running.sandbox.unifi()
    }

    /// A client whose token may do that alone.
    pub(crate) fn with_scopes(&self, scopes: &[&str]) -> Client {
        let name = scopes.join("+");
        let scopes: BTreeSet<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.console().put_token(&name, Token { name: name.clone(), scopes: Some(scopes), expires_at: None });
        self.client.authorized(format!("Bearer {name}"))
    }

    /// It is this time of the day, in the sandbox.
    pub(crate) fn time(&self, time: &str) {
        self.running.sandbox.clock().set(at(time));
    }

    /// A visitor with these resources; the id.
    pub(crate) async fn visitor(&self, from: &str, until: &str, resources: Value) -> String {
        let made = data(&self.client, "/visitors", visitor(from, until, resources)).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Gives a visitor a new PIN.
    pub(crate) async fn pin(&self, visitor: &str) -> String {
        let pin = data(&self.client, "/credentials/pin_codes", json!({})).await.as_str().unwrap().to_owned();
        let given =
            self.client.put(&format!("/visitors/{visitor}/pin_codes"), json!({ "pin_code": pin })).await;
        assert_eq!(given.json()["code"], "SUCCESS");
        pin
    }
}

pub(crate) fn visitor(from: &str, until: &str, resources: Value) -> Value {
    json!({
        "first_name": "Ana", "last_name": "B 7F3K", "visit_reason": "Others", "remarks": "grant:1",
        "start_time": at(from).timestamp(), "end_time": at(until).timestamp(), "resources": resources,
    })
}

pub(crate) fn doors(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "type": "door", "id": id(name) })).collect()
}

/// What a POST that succeeds answers.
pub(crate) async fn data(client: &Client, path: &str, body: Value) -> Value {
    let answer = client.post(path, body).await;
    assert_eq!(answer.json()["code"], "SUCCESS", "{}", answer.text);
    answer.json()["data"].clone()
}

/// The data of a GET that succeeds.
pub(crate) async fn got(client: &Client, path: &str) -> Value {
    let answer = client.get(path).await;
    assert_eq!(answer.json()["code"], "SUCCESS", "{}", answer.text);
    answer.json()["data"].clone()
}
