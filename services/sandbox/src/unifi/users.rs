//! Users (UniFi Access API reference, 3.2 to 3.10, 3.23 to 3.25).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Unifi;
use super::fields::{Answer, Query, read, success};
use super::model::User;
use super::policies;
use super::refusal::{Code, Refusal};
use super::state::{State as Console, new_id};
use super::token::Scope;

/// Since when users can be deleted.
pub(super) const DELETED_SINCE: &str = "3.1.30";

/// All of it may be left out of a change.
#[derive(Deserialize)]
struct Wanted {
    first_name: Option<String>,
    last_name: Option<String>,
    user_email: Option<String>,
    employee_number: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Active,
    Deactivated,
}

impl User {
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    fn take(&mut self, wanted: Wanted) {
        let texts = [
            (&mut self.first_name, wanted.first_name),
            (&mut self.last_name, wanted.last_name),
            (&mut self.user_email, wanted.user_email),
            (&mut self.employee_number, wanted.employee_number),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                *field = text;
            }
        }
        if let Some(status) = wanted.status {
            self.is_active = matches!(status, Status::Active);
        }
    }
}

impl Console {
    pub(super) fn user_mut(&mut self, id: &str) -> Result<&mut User, Refusal> {
        self.users.get_mut(id).ok_or(Refusal::new(Code::UserNotExists))
    }

    /// Refuses one without both names.
    fn keep_user(&mut self, user: User) -> Result<(), Refusal> {
        if user.first_name.is_empty() || user.last_name.is_empty() {
            return Err(Refusal::new(Code::ParamsInvalid));
        }
        self.users.insert(user.id.clone(), user);
        Ok(())
    }
}

fn shown(state: &Console, user: &User, has_policies: bool) -> Value {
    let mut shown = json!({
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "full_name": user.full_name(),
        "alias": "",
        "user_email": user.user_email,
        "email_status": "UNVERIFIED",
        "phone": "",
        "employee_number": user.employee_number,
        "onboard_time": 0,
        "nfc_cards": state.cards_of(&user.id),
        "license_plates": [],
        "pin_code": user.pin.as_ref().map(|pin| json!({ "token": pin.token })),
        "status": if user.is_active { "ACTIVE" } else { "DEACTIVATED" },
    });
    if has_policies {
        shown["access_policy_ids"] = json!(user.policy_ids);
        shown["access_policies"] = json!(policies::shown_all(state, &user.policy_ids));
    }
    shown
}

fn is_expanded(query: &Query) -> bool {
    query.all("expand[]").any(|it| it == "access_policy")
}

pub(super) async fn create(State(unifi): State<Arc<Unifi>>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    let mut user = User {
        id: new_id(),
        first_name: String::new(),
        last_name: String::new(),
        user_email: String::new(),
        employee_number: String::new(),
        is_active: true,
        policy_ids: Vec::new(),
        pin: None,
    };
    user.take(read(&body)?);
    let answer = json!({
        "id": user.id, "first_name": user.first_name, "last_name": user.last_name, "user_email": user.user_email,
    });
    state.keep_user(user)?;
    success(answer)
}

pub(super) async fn list(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewUser)?;
    let query = Query::of(query.as_deref());
    let page = query.page()?;
    let (total, has_policies) = (state.users.len(), is_expanded(&query));
    let users: Vec<Value> = page
        .of(state.users.values().collect())
        .into_iter()
        .map(|user| shown(&state, user, has_policies))
        .collect();
    let Json(mut answer) = success(users)?;
    answer["pagination"] = json!({ "page_num": page.number, "page_size": page.size, "total": total });
    Ok(Json(answer))
}

pub(super) async fn get(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewUser)?;
    let user = state.users.get(&id).ok_or(Refusal::new(Code::UserNotExists))?;
    success(shown(&state, user, is_expanded(&Query::of(query.as_deref()))))
}

pub(super) async fn update(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    let mut user = state.user_mut(&id)?.clone();
    user.take(read(&body)?);
    state.keep_user(user)?;
    success(Value::Null)
}

/// Only one that is deactivated.
pub(super) async fn delete(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    if !state.switches.has(DELETED_SINCE) {
        return Err(Refusal::new(Code::ApiNotSupported));
    }
    if state.user_mut(&id)?.is_active {
        return Err(Refusal::new(Code::OperationForbidden));
    }
    state.users.remove(&id);
    state.take_cards_of(&id);
    success("success")
}

/// Their own; nobody is in a group here.
pub(super) async fn policies(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewUser)?;
    let user = state.users.get(&id).ok_or(Refusal::new(Code::UserNotExists))?;
    success(policies::shown_all(&state, &user.policy_ids))
}

#[derive(Deserialize)]
struct PolicyIds {
    access_policy_ids: Vec<String>,
}

/// These and no others.
pub(super) async fn set_policies(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    let PolicyIds { access_policy_ids } = read(&body)?;
    state.user_mut(&id)?;
    if !access_policy_ids.iter().all(|policy| state.policies.contains_key(policy)) {
        return Err(Refusal::new(Code::NotExists));
    }
    state.user_mut(&id)?.policy_ids = access_policy_ids;
    success("success")
}
