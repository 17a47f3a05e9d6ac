//! The provider's part of the control API, below `/_control/openid`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use chrono::Duration;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Algorithm, FlawOrder, OpenId, Person, ShownKey};
use crate::control::refusal;

pub(super) fn router(openid: Arc<OpenId>) -> Router {
    Router::new()
        .route("/people", get(list_people).put(put_person))
        .route("/people/{sub}", delete(remove_person))
        .route("/keys", get(list_keys).post(rotate))
        .route("/flaw", put(set_flaw).delete(clear_flaw))
        .with_state(openid)
}

async fn list_people(State(openid): State<Arc<OpenId>>) -> Json<Vec<Person>> {
    Json(openid.people())
}

async fn put_person(State(openid): State<Arc<OpenId>>, Json(person): Json<Person>) -> StatusCode {
    openid.put_person(person);
    StatusCode::NO_CONTENT
}

async fn remove_person(State(openid): State<Arc<OpenId>>, Path(sub): Path<String>) -> Response {
    if openid.remove_person(&sub) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refusal(StatusCode::NOT_FOUND, "no such person")
    }
}

async fn list_keys(State(openid): State<Arc<OpenId>>) -> Json<Vec<ShownKey>> {
    Json(openid.keys())
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rotation {
    algorithm: Algorithm,
    /// How long the key before stays published.
    stays_seconds: u32,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { algorithm: Algorithm::default(), stays_seconds: 3_600 }
    }
}

async fn rotate(State(openid): State<Arc<OpenId>>, Json(rotation): Json<Rotation>) -> Response {
    let stays = Duration::seconds(rotation.stays_seconds.into());
    let rotated = tokio::task::spawn_blocking(move || openid.rotate(rotation.algorithm, stays)).await;
    match rotated {
        Ok(kid) => Json(json!({ "kid": kid })).into_response(),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn set_flaw(State(openid): State<Arc<OpenId>>, Json(order): Json<FlawOrder>) -> StatusCode {
    openid.set_flaw(Some(order));
    StatusCode::NO_CONTENT
}

async fn clear_flaw(State(openid): State<Arc<OpenId>>) -> StatusCode {
    openid.set_flaw(None);
    StatusCode::NO_CONTENT
}
