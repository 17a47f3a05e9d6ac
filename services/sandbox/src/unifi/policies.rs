//! Access policies and their schedules (UniFi Access API reference, 5.1 to 5.6, 5.13 to 5.18).

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Unifi;
use super::fields::{Answer, read, success};
use super::model::{Policy, Resource, Schedule, Week};
use super::refusal::{Code, Refusal};
use super::state::{State as Console, new_id};
use super::token::Scope;

fn shown(id: &str, policy: &Policy) -> Value {
    json!({ "id": id, "name": policy.name, "resources": policy.resources, "schedule_id": policy.schedule_id })
}

/// Those of these that there are.
pub(super) fn shown_all(state: &Console, ids: &[String]) -> Vec<Value> {
    ids.iter().filter_map(|id| Some(shown(id, state.policies.get(id)?))).collect()
}

pub(super) async fn list(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewPolicy)?;
    success(state.policies.iter().map(|(id, policy)| shown(id, policy)).collect::<Vec<_>>())
}

#[derive(Deserialize)]
struct Wanted {
    name: Option<String>,
    resources: Option<Vec<Resource>>,
    schedule_id: Option<String>,
}

impl Console {
    /// Refuses what names no schedule, or resources that are not there.
    fn keep_policy(&mut self, id: &str, policy: Policy) -> Result<Value, Refusal> {
        self.check_resources(&policy.resources)?;
        if policy.name.is_empty() || !self.schedules.contains_key(&policy.schedule_id) {
            return Err(Refusal::new(Code::ParamsInvalid));
        }
        let answer = shown(id, &policy);
        self.policies.insert(id.to_owned(), policy);
        Ok(answer)
    }
}

pub(super) async fn create(State(unifi): State<Arc<Unifi>>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditPolicy)?;
    let Wanted { name, resources, schedule_id } = read(&body)?;
    let policy = Policy {
        name: name.unwrap_or_default(),
        resources: resources.unwrap_or_default(),
        schedule_id: schedule_id.unwrap_or_default(),
    };
    success(state.keep_policy(&new_id(), policy)?)
}

pub(super) async fn update(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditPolicy)?;
    let Wanted { name, resources, schedule_id } = read(&body)?;
    let before = state.policies.get(&id).ok_or(Refusal::new(Code::NotExists))?.clone();
    let policy = Policy {
        name: name.unwrap_or(before.name),
        resources: resources.unwrap_or(before.resources),
        schedule_id: schedule_id.unwrap_or(before.schedule_id),
    };
    success(state.keep_policy(&id, policy)?)
}

pub(super) async fn delete(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditPolicy)?;
    state.policies.remove(&id).ok_or(Refusal::new(Code::NotExists))?;
    state.users.values_mut().for_each(|user| user.policy_ids.retain(|policy| *policy != id));
    success("success")
}

/// Without their hours.
pub(super) async fn list_schedules(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewPolicy)?;
    let shown = |(id, schedule): (&String, &Schedule)| json!({ "id": id, "name": schedule.name, "type": "access", "status": 1, "is_default": false });
    success(state.schedules.iter().map(shown).collect::<Vec<_>>())
}

#[derive(Deserialize)]
struct NewSchedule {
    name: String,
    week_schedule: Week,
}

/// One of each name.
pub(super) async fn create_schedule(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditPolicy)?;
    let NewSchedule { name, week_schedule } = read(&body)?;
    if state.schedules.values().any(|schedule| schedule.name == name) {
        return Err(Refusal::new(Code::ScheduleNameExists));
    }
    let id = new_id();
    let answer = json!({ "id": id, "name": name, "type": "access", "weekly": week_schedule });
    state.schedules.insert(id, Schedule { name, week: week_schedule });
    success(answer)
}
