//! The Kisi twin, point by point.

mod auth;
mod cards;
mod doors;
mod events;
mod grants;
mod links;
mod lists;
mod logins;
mod users;
mod webhooks;
mod wire;

use std::sync::Arc;

use sandbox::kisi::{CreatedOrganization, NewGroup, NewOrganization, NewPlace, Organization, Switches};
use sandbox::{Config, DeliveriesConfig};
use serde_json::{Value, json};

use crate::harness::{Client, Running};

/// An organization with one place, two doors and two groups: one for the room, one for both doors.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) organization: Arc<Organization>,
    pub(crate) created: CreatedOrganization,
    /// With the owner's API key.
    pub(crate) owner: Client,
}

fn demo(name: &str) -> NewOrganization {
    NewOrganization {
        name: name.to_owned(),
        owner_email: Some("owner@example.org".to_owned()),
        switches: Some(Switches { rate_limit: false, ..Switches::default() }),
        places: vec![NewPlace {
            name: "Main".to_owned(),
            latitude: Some(48.2),
            longitude: Some(16.4),
            locks: vec!["Room 4".to_owned(), "Front".to_owned()],
            groups: vec![NewGroup { name: "Bookings / Room 4".to_owned(), locks: vec!["Room 4".to_owned()] }],
            ..NewPlace::default()
        }],
        groups: vec![NewGroup {
            name: "Members".to_owned(),
            locks: vec!["Room 4".to_owned(), "Front".to_owned()],
        }],
        ..NewOrganization::default()
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let deliveries = DeliveriesConfig { tries: 2, retry_delay_ms: 1, ..DeliveriesConfig::default() };
        let running = Running::start(Config { deliveries, ..Config::default() }).await;
        let created = running.sandbox.kisi().create_organization(demo("Demo Space")).unwrap();
        let organization = running.sandbox.kisi().organization(created.id).unwrap();
        let owner = Client::new(running.url("/kisi")).authorized(login(&created.api_key.secret));
        Self { running, organization, created, owner }
    }

    /// Another organization in the same twin, and its owner's client.
    pub(crate) fn another(&self) -> (CreatedOrganization, Client) {
        let created = self.running.sandbox.kisi().create_organization(demo("Elsewhere")).unwrap();
        let owner = self.owner.authorized(login(&created.api_key.secret));
        (created, owner)
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.organization.switches();
        change(&mut switches);
        self.organization.set_switches(switches);
    }

    pub(crate) fn room(&self) -> i64 {
        self.created.places[0].locks[0].id
    }

    pub(crate) fn front(&self) -> i64 {
        self.created.places[0].locks[1].id
    }

    pub(crate) fn room_group(&self) -> i64 {
        self.created.places[0].groups[0].id
    }

    pub(crate) fn members_group(&self) -> i64 {
        self.created.groups[0].id
    }

    /// Makes a managed user; its id.
    pub(crate) async fn user(&self, email: &str) -> i64 {
        let answer = self.owner.post("/users", managed(email)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["id"].as_i64().unwrap()
    }

    /// Makes a managed user and a device login on their behalf.
    pub(crate) async fn person(&self, email: &str) -> (i64, Client) {
        let id = self.user(email).await;
        let body = json!({ "login": { "type": "device", "email": email, "expire": false } });
        let secret = self.owner.post("/logins", body).await.json()["secret"].as_str().unwrap().to_owned();
        (id, self.owner.authorized(login(&secret)))
    }

    /// Grants membership of a group during a window of the day; the row's id.
    pub(crate) async fn grant(&self, user: i64, group: i64, from: &str, until: &str) -> i64 {
        let answer = self.owner.post("/role_assignments", right(user, group, from, until)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["id"].as_i64().unwrap()
    }

    /// It is this time of the day, in the sandbox.
    pub(crate) fn time(&self, time: &str) {
        self.running.sandbox.clock().set(crate::harness::at(time));
    }
}

pub(crate) fn login(secret: &str) -> String {
    format!("KISI-LOGIN {secret}")
}

pub(crate) fn managed(email: &str) -> Value {
    json!({ "user": { "email": email, "name": "Ada L.", "send_emails": false, "confirm": true } })
}

pub(crate) fn right(user: i64, group: i64, from: &str, until: &str) -> Value {
    let time = |time: &str| format!("2026-12-01T{time}:00Z");
    json!({ "role_assignment": {
        "assignee_type": "User", "assignee_id": user, "applies_to_type": "Group", "applies_to_id": group,
        "role_id": "group_basic", "notify": false, "valid_from": time(from), "valid_until": time(until),
    } })
}

/// The ids of a listed page.
pub(crate) fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}
