//! The twin's part of the control API: `/_control/unifi/…`. README.md documents it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Token, Unifi};
use crate::control::refusal;

pub(super) fn router(unifi: Arc<Unifi>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/switches", get(switches).patch(set_switches))
        .route("/certificate", post(rotate))
        .route("/tokens/{token}", put(put_token).delete(remove_token))
        .route("/doors/{id}", put(set_door))
        .route("/doors/{id}/access_windows", get(access_windows))
        .route("/doors/{id}/pins", post(present_pin))
        .route("/doors/{id}/cards", post(present_card))
        .route("/readers/{id}/cards", post(show_card))
        .route("/cards", post(add_card))
        .route("/logs", get(logs))
        .with_state(unifi)
}

async fn show(State(unifi): State<Arc<Unifi>>) -> Json<Value> {
    Json(json!({ "address": unifi.address(), "doors": unifi.doors() }))
}

async fn switches(State(unifi): State<Arc<Unifi>>) -> Json<Value> {
    Json(json!(unifi.switches()))
}

/// Only the switches that are named change.
async fn set_switches(State(unifi): State<Arc<Unifi>>, Json(changes): Json<Map<String, Value>>) -> Response {
    let mut switches = json!(unifi.switches());
    if let Value::Object(fields) = &mut switches {
        fields.extend(changes);
    }
    match serde_json::from_value(switches) {
        Ok(changed) => {
            unifi.switch(|switches| *switches = changed);
            self::switches(State(unifi)).await.into_response()
        }
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn rotate(State(unifi): State<Arc<Unifi>>) -> StatusCode {
    unifi.rotate_certificate();
    StatusCode::NO_CONTENT
}

async fn put_token(
    State(unifi): State<Arc<Unifi>>,
    Path(token): Path<String>,
    Json(new): Json<Token>,
) -> StatusCode {
    unifi.put_token(token, new);
    StatusCode::NO_CONTENT
}

async fn remove_token(State(unifi): State<Arc<Unifi>>, Path(token): Path<String>) -> StatusCode {
    unifi.remove_token(&token);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DoorChange {
    is_online: Option<bool>,
    /// `open`, `close` or `none`.
    position: Option<String>,
}

async fn set_door(
    State(unifi): State<Arc<Unifi>>,
    Path(id): Path<String>,
    Json(change): Json<DoorChange>,
) -> Response {
    if !unifi.doors().iter().any(|door| door.id == id) {
        return refusal(StatusCode::NOT_FOUND, "no such door");
    }
    if let Some(is_online) = change.is_online {
        unifi.set_online(&id, is_online);
    }
    if let Some(position) = change.position {
        unifi.set_position(&id, &position);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn access_windows(State(unifi): State<Arc<Unifi>>, Path(id): Path<String>) -> Json<Value> {
    Json(json!(unifi.access_windows(&id)))
}

#[derive(Deserialize)]
struct Presented {
    pin: String,
}

async fn present_pin(
    State(unifi): State<Arc<Unifi>>,
    Path(id): Path<String>,
    Json(presented): Json<Presented>,
) -> Json<Value> {
    Json(json!({ "opens": unifi.present_pin(&id, &presented.pin) }))
}

#[derive(Deserialize)]
struct Numbered {
    number: String,
}

async fn present_card(
    State(unifi): State<Arc<Unifi>>,
    Path(id): Path<String>,
    Json(card): Json<Numbered>,
) -> Json<Value> {
    Json(json!({ "opens": unifi.present_card(&id, &card.number) }))
}

async fn show_card(
    State(unifi): State<Arc<Unifi>>,
    Path(id): Path<String>,
    Json(card): Json<Numbered>,
) -> StatusCode {
    unifi.show_card(&id, &card.number);
    StatusCode::NO_CONTENT
}

async fn add_card(State(unifi): State<Arc<Unifi>>, Json(card): Json<Numbered>) -> Json<Value> {
    Json(json!({ "token": unifi.add_card(&card.number) }))
}

async fn logs(State(unifi): State<Arc<Unifi>>) -> Json<Value> {
    Json(json!(unifi.logs()))
}
