//! Doors, their rules and the site's emergency (UniFi Access API reference, 7.7 to 7.13).

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use chrono::{TimeDelta, Timelike as _};
use domain::Timestamp;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Unifi;
use super::fields::{Answer, read, success};
use super::logs::Opening;
use super::model::{Door, Rule, RuleKind};
use super::refusal::{Code, Refusal};
use super::state::State as Console;
use super::token::Scope;
use super::webhooks::Told;
use crate::credentials as header;

/// Since when an unlock names its actor.
const ACTOR_SINCE: &str = "3.3.21";

/// What `keep_lock` and `keep_unlock` say of their end.
const FOR_EVER: TimeDelta = TimeDelta::days(36_500);

fn shown(state: &Console, door: &Door, now: Timestamp) -> Value {
    json!({
        "id": door.id,
        "name": door.name,
        "full_name": format!("{} - 1F - {}", state.building, door.name),
        "floor_id": state.floor_id,
        "type": "door",
        "is_bind_hub": door.is_bind_hub,
        "door_lock_relay_status": if state.is_unlocked(door, now) { "unlock" } else { "lock" },
        "door_position_status": door.position,
    })
}

pub(super) async fn list(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    let doors: Vec<Value> = state.doors.values().map(|door| shown(&state, door, unifi.now())).collect();
    success(doors)
}

pub(super) async fn get(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    success(shown(&state, state.door(&id)?, unifi.now()))
}

/// A door that can be operated now.
fn reach<'a>(state: &'a mut Console, id: &str) -> Result<&'a mut Door, Refusal> {
    let door = state.door_mut(id)?;
    if !door.is_bind_hub {
        return Err(Refusal::new(Code::OperationForbidden));
    }
    if door.is_online { Ok(door) } else { Err(Refusal::new(Code::DeviceOffline)) }
}

#[derive(Deserialize)]
struct Unlock {
    actor_id: Option<String>,
    actor_name: Option<String>,
    extra: Option<Map<String, Value>>,
}

/// For as long as the hub is set to. While doors are locked down it is taken, and nothing opens.
pub(super) async fn unlock(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditSpace)?;
    let Unlock { actor_id, actor_name, extra } = read(&body)?;
    let has_actor = state.switches.has(ACTOR_SINCE);
    let actor = match (actor_id, actor_name) {
        (Some(id), Some(name)) if has_actor => (id, name),
        (Some(_), None) | (None, Some(_)) if has_actor => return Err(Refusal::new(Code::ParamsInvalid)),
        _ => {
            let token = header::bearer(&headers).and_then(|token| state.tokens.get(token));
            let name = token.map(|token| token.name.clone()).unwrap_or_default();
            (String::new(), name)
        }
    };
    reach(&mut state, &id)?;
    let opening = Opening {
        door: id,
        actor_id: actor.0,
        actor_name: actor.1,
        actor_type: "user",
        provider: "REMOTE_THROUGH_UAH",
        extra: extra.filter(|_| has_actor),
    };
    unifi.open_door(&mut state, opening);
    success("success")
}

pub(super) async fn rule(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    success(match state.door(&id)?.rule_at(unifi.now()) {
        Some(rule) => json!({ "type": rule.kind, "ended_time": rule.ends_at.timestamp() }),
        None => json!({ "type": "", "ended_time": 0 }),
    })
}

#[derive(Deserialize)]
struct NewRule {
    r#type: RuleWish,
    /// Minutes.
    interval: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RuleWish {
    KeepLock,
    KeepUnlock,
    Custom,
    Reset,
    /// Ends the schedule by which the door is unlocked; there are none here.
    LockEarly,
    LockNow,
}

pub(super) async fn set_rule(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditSpace)?;
    let NewRule { r#type: wish, interval } = read(&body)?;
    let now = unifi.now();
    let door = reach(&mut state, &id)?;
    let was_held = door.is_held_open(now);
    let forever = |kind| Some(Rule { kind, ends_at: now + FOR_EVER });
    match wish {
        RuleWish::KeepLock => door.rule = forever(RuleKind::KeepLock),
        RuleWish::KeepUnlock => door.rule = forever(RuleKind::KeepUnlock),
        RuleWish::Custom => {
            let minutes = interval.filter(|minutes| *minutes > 0).ok_or(Refusal::new(Code::ParamsInvalid))?;
            // Told in whole seconds.
            let from = now.with_nanosecond(0).unwrap_or(now);
            let ends_at = from + TimeDelta::minutes(minutes.into());
            door.rule = Some(Rule { kind: RuleKind::Custom, ends_at });
        }
        RuleWish::Reset => door.rule = None,
        RuleWish::LockEarly => {}
        RuleWish::LockNow => {
            door.rule = None;
            door.unlocked_until = None;
        }
    }
    let event = match (was_held, door.is_held_open(now)) {
        (false, true) => Some("access.temporary_unlock.start"),
        (true, false) => Some("access.temporary_unlock.end"),
        _ => None,
    };
    if let Some(event) = event {
        let told = Told { event, door: Some(id), data: json!({ "object": {} }) };
        state.tell(&unifi.parts.deliveries, &told, now);
    }
    success("success")
}

pub(super) async fn emergency(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    success(json!({ "lockdown": state.is_locked_down, "evacuation": state.is_evacuated }))
}

#[derive(Deserialize)]
struct Emergency {
    lockdown: Option<bool>,
    evacuation: Option<bool>,
}

pub(super) async fn set_emergency(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditSpace)?;
    let Emergency { lockdown, evacuation } = read(&body)?;
    let was = (state.is_locked_down, state.is_evacuated);
    state.is_locked_down = lockdown.unwrap_or(was.0);
    state.is_evacuated = evacuation.unwrap_or(was.1);
    if state.is_locked_down {
        state.doors.values_mut().for_each(|door| door.unlocked_until = None);
    }
    let changes = [("lockdown", was.0, state.is_locked_down), ("evacuation", was.1, state.is_evacuated)];
    for (mode, _, value) in changes.into_iter().filter(|(_, was, is)| was != is) {
        let data = json!({ "object": { "mode": mode, "value": value } });
        let told = Told { event: "access.device.emergency_status", door: None, data };
        state.tell(&unifi.parts.deliveries, &told, unifi.now());
    }
    success("success")
}
