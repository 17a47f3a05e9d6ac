//! The Stripe twin's part of the control API, below `/_control/stripe`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;

use super::{Account, Key, Stripe};
use crate::control::refusal;

pub(super) fn router(stripe: Arc<Stripe>) -> Router {
    Router::new()
        .route("/accounts", put(put_account))
        .route("/accounts/{id}", get(show_account))
        .route("/accounts/{id}/keys/{key}", put(put_key).delete(revoke_key))
        .with_state(stripe)
}

async fn put_account(State(stripe): State<Arc<Stripe>>, Json(account): Json<Account>) -> StatusCode {
    stripe.put_account(account);
    StatusCode::NO_CONTENT
}

async fn show_account(State(stripe): State<Arc<Stripe>>, Path(id): Path<String>) -> Response {
    match stripe.account(&id) {
        Some(account) => Json(account).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such account"),
    }
}

async fn put_key(
    State(stripe): State<Arc<Stripe>>,
    Path((id, name)): Path<(String, String)>,
    Json(key): Json<Key>,
) -> Response {
    done(stripe.put_key(&id, name, key), "no such account")
}

async fn revoke_key(State(stripe): State<Arc<Stripe>>, Path((id, name)): Path<(String, String)>) -> Response {
    done(stripe.revoke_key(&id, &name), "no such key")
}

fn done(was_there: bool, otherwise: &str) -> Response {
    if was_there { StatusCode::NO_CONTENT.into_response() } else { refusal(StatusCode::NOT_FOUND, otherwise) }
}
