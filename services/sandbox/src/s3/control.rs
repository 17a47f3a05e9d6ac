//! What the twin adds to the control API.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Key, S3};
use crate::control::refusal;

pub(super) fn router(twin: Arc<S3>) -> Router {
    Router::new().route("/", get(show)).route("/keys/{id}", put(put_key).delete(revoke_key)).with_state(twin)
}

async fn show(State(twin): State<Arc<S3>>) -> Json<Value> {
    let url = twin.address().map(|address| format!("http://{address}"));
    Json(json!({ "url": url, "region": twin.config.region, "buckets": twin.config.buckets }))
}

async fn put_key(State(twin): State<Arc<S3>>, Path(id): Path<String>, Json(key): Json<Key>) -> StatusCode {
    twin.put_key(id, key);
    StatusCode::NO_CONTENT
}

async fn revoke_key(State(twin): State<Arc<S3>>, Path(id): Path<String>) -> Response {
    if twin.revoke_key(&id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refusal(StatusCode::NOT_FOUND, format!("no access key {id}"))
    }
}
