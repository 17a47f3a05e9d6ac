//! Doors that open, and the system log of it (UniFi Access API reference, 9.1, 9.2).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Unifi;
use super::fields::{Answer, Query, read, success};
use super::model::LogEntry;
use super::state::{State as Console, new_id};
use super::token::Scope;
use super::webhooks::Told;

/// Older entries go.
const ENTRIES_MAX: usize = 10_000;

/// What opens a door.
pub(super) struct Opening {
    /// The door's id. It must be there.
    pub door: String,
    pub actor_id: String,
    pub actor_name: String,
    pub actor_type: &'static str,
    pub provider: &'static str,
    /// What the caller wants to find again in the webhook.
    pub extra: Option<Map<String, Value>>,
}

impl Unifi {
    /// The log, oldest first.
    pub fn logs(&self) -> Vec<LogEntry> {
        self.lock().logs.iter().cloned().collect()
    }

    /// Opens the door for its hub's time, unless doors are locked down.
    pub(super) fn open_door(&self, state: &mut Console, opening: Opening) {
        let now = self.now();
        let is_locked_down = state.is_locked_down;
        if let Some(door) = state.doors.get_mut(&opening.door).filter(|_| !is_locked_down) {
            door.unlocked_until = Some(now + TimeDelta::seconds(door.unlock_seconds.into()));
        }
        let mut object = json!({
            "authentication_type": opening.provider, "authentication_value": "", "policy_id": "",
            "policy_name": "", "reader_id": "", "result": "Access Granted",
        });
        if let Some(extra) = &opening.extra {
            object["extra"] = json!(extra);
        }
        let actor = json!({ "id": opening.actor_id, "name": opening.actor_name, "type": opening.actor_type });
        let data = json!({ "actor": actor, "object": object });
        let told = Told { event: "access.door.unlock", door: Some(opening.door.clone()), data };
        state.log(opening, !is_locked_down, now);
        if !is_locked_down {
            state.tell(&self.parts.deliveries, &told, now);
        }
    }
}

impl Console {
    pub(super) fn log(&mut self, opening: Opening, is_open: bool, at: domain::Timestamp) {
        if self.logs.len() >= ENTRIES_MAX {
            self.logs.pop_front();
        }
        let door_name = self.doors.get(&opening.door).map(|door| door.name.clone()).unwrap_or_default();
        self.logs.push_back(LogEntry {
            id: new_id(),
            at,
            door_id: opening.door,
            door_name,
            actor_id: opening.actor_id,
            actor_name: opening.actor_name,
            actor_type: opening.actor_type.to_owned(),
            provider: opening.provider.to_owned(),
            is_open,
        });
    }
}

/// As the API shows it.
fn hit(entry: &LogEntry) -> Value {
    let result = if entry.is_open { "ACCESS" } else { "BLOCKED" };
    json!({
        "@timestamp": entry.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "_id": entry.id,
        "tag": "access",
        "_source": {
            "actor": {
                "id": entry.actor_id, "type": entry.actor_type, "display_name": entry.actor_name,
                "alternate_id": "", "alternate_name": "",
            },
            "authentication": { "credential_provider": entry.provider, "issuer": entry.actor_id },
            "event": {
                "type": "access.door.unlock", "display_message": format!("{result} at {}", entry.door_name),
                "result": result, "reason": "", "published": entry.at.timestamp_millis(),
            },
            "target": [{ "type": "door", "id": entry.door_id, "display_name": entry.door_name, "alternate_id": "" }],
        },
    })
}

#[derive(Deserialize)]
struct Wanted {
    topic: Topic,
    /// Seconds; so is `until`.
    since: Option<i64>,
    until: Option<i64>,
    actor_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Topic {
    All,
    DoorOpenings,
    Visitor,
    Critical,
    Updates,
    DeviceEvents,
    AdminActivity,
}

impl Topic {
    fn has(&self, entry: &LogEntry) -> bool {
        match self {
            Self::All | Self::DoorOpenings => true,
            Self::Visitor => entry.actor_type == "visitor",
            Self::Critical | Self::Updates | Self::DeviceEvents | Self::AdminActivity => false,
        }
    }
}

/// Newest first.
pub(super) async fn list(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSystemLog)?;
    let page = Query::of(query.as_deref()).page()?;
    let wanted: Wanted = read(&body)?;
    let is_wanted = |entry: &&LogEntry| {
        let at = entry.at.timestamp();
        wanted.topic.has(entry)
            && wanted.since.is_none_or(|since| since <= at)
            && wanted.until.is_none_or(|until| at <= until)
            && wanted.actor_id.as_ref().is_none_or(|actor| *actor == entry.actor_id)
    };
    let hits: Vec<Value> = state.logs.iter().rev().filter(is_wanted).map(hit).collect();
    let total = hits.len();
    success(json!({ "hits": page.of(hits), "page": page.number, "total": total }))
}
