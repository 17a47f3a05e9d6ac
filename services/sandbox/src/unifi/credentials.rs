//! PINs (UniFi Access API reference, 6.1, 3.8, 3.9, 4.11, 4.12).

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::Unifi;
use super::fields::{Answer, read, success};
use super::token::Scope;

/// One that nobody has; it must then be given to somebody.
pub(super) async fn generate(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewCredential)?;
    success(state.free_pin())
}

#[derive(Deserialize)]
struct NewPin {
    pin_code: String,
}

pub(super) async fn set_pin(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    let NewPin { pin_code } = read(&body)?;
    state.visitor_mut(&id)?;
    let pin = state.pin_for(&id, &pin_code)?;
    state.visitor_mut(&id)?.pin = Some(pin);
    success(Value::Null)
}

pub(super) async fn remove_pin(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    state.visitor_mut(&id)?.pin = None;
    success(Value::Null)
}

pub(super) async fn set_user_pin(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    let NewPin { pin_code } = read(&body)?;
    state.user_mut(&id)?;
    let pin = state.pin_for(&id, &pin_code)?;
    state.user_mut(&id)?.pin = Some(pin);
    success(Value::Null)
}

pub(super) async fn remove_user_pin(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    state.user_mut(&id)?.pin = None;
    success(Value::Null)
}
