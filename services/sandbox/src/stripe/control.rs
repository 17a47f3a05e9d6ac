//! The Stripe twin's part of the control API, below `/_control/stripe`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Account, Key, Stripe, Switches};
use crate::control::refusal;

pub(super) fn router(stripe: Arc<Stripe>) -> Router {
    Router::new()
        .route("/accounts", put(put_account))
        .route("/accounts/{id}", get(show_account))
        .route("/accounts/{id}/keys/{key}", put(put_key).delete(revoke_key))
        .route("/accounts/{id}/{mode}/webhook_endpoints/{endpoint}/roll", post(roll_secret))
        .route("/accounts/{id}/{mode}/disputes/{dispute}/close", post(close_dispute))
        .route("/switches", get(show_switches).put(put_switches))
        .route("/webhooks/flush", post(flush_webhooks))
        .route("/intents/{id}/authenticate", post(authenticate))
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

async fn show_switches(State(stripe): State<Arc<Stripe>>) -> Json<Switches> {
    Json(stripe.switches())
}

async fn put_switches(State(stripe): State<Arc<Stripe>>, Json(switches): Json<Switches>) -> StatusCode {
    stripe.switch(|all| *all = switches);
    StatusCode::NO_CONTENT
}

async fn flush_webhooks(State(stripe): State<Arc<Stripe>>) -> StatusCode {
    stripe.flush_webhooks();
    StatusCode::NO_CONTENT
}

/// For how long the secret before holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roll {
    overlap_seconds: u32,
}

/// `mode` is `test` or `live`.
async fn roll_secret(
    State(stripe): State<Arc<Stripe>>,
    Path((account, mode, endpoint)): Path<(String, String, String)>,
    Json(roll): Json<Roll>,
) -> Response {
    match stripe.roll_secret(&account, mode == "live", &endpoint, roll.overlap_seconds) {
        Some(secret) => Json(json!({ "secret": secret })).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such endpoint"),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    is_won: bool,
}

async fn close_dispute(
    State(stripe): State<Arc<Stripe>>,
    Path((account, mode, dispute)): Path<(String, String, String)>,
    Json(close): Json<Close>,
) -> Response {
    done(stripe.close_dispute(&account, mode == "live", &dispute, close.is_won), "no such open dispute")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authenticate {
    has_succeeded: bool,
}

async fn authenticate(
    State(stripe): State<Arc<Stripe>>,
    Path(id): Path<String>,
    Json(answer): Json<Authenticate>,
) -> Response {
    done(stripe.authenticate(&id, answer.has_succeeded), "no such intent waits for that")
}
