//! The Twilio twin's part of the control API, below `/_control/twilio`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Account, CallbackSwitches, Inbound, Message, MessageFilter, Outcome, Pace, RefuseNext, Twilio};
use crate::control::refusal;

pub(crate) fn router(twilio: Arc<Twilio>) -> Router {
    Router::new()
        .route("/accounts", put(put_account))
        .route("/accounts/{sid}", get(show_account))
        .route("/messages", get(list_messages))
        .route("/outcomes/{to}", put(set_outcome).delete(clear_outcome))
        .route("/pace", put(set_pace))
        .route("/callbacks", put(set_callbacks))
        .route("/refuse-next", put(refuse_next))
        .route("/inbound", post(receive))
        .route("/advance", post(advance))
        .with_state(twilio)
}

async fn put_account(State(twilio): State<Arc<Twilio>>, Json(account): Json<Account>) -> StatusCode {
    twilio.put_account(account);
    StatusCode::NO_CONTENT
}

async fn show_account(State(twilio): State<Arc<Twilio>>, Path(sid): Path<String>) -> Response {
    match twilio.account(&sid) {
        Some(account) => Json(account).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such account"),
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default = "Page::limit_default")]
    limit: usize,
}

impl Page {
    fn limit_default() -> usize {
        100
    }
}

/// The newest messages that the filter admits, newest first, and how many were ever taken.
async fn list_messages(
    State(twilio): State<Arc<Twilio>>,
    Query(filter): Query<MessageFilter>,
    Query(page): Query<Page>,
) -> Json<Value> {
    let mut messages: Vec<Message> = twilio.messages(&filter);
    messages.reverse();
    messages.truncate(page.limit);
    Json(json!({ "taken": twilio.taken(), "messages": messages }))
}

async fn set_outcome(
    State(twilio): State<Arc<Twilio>>,
    Path(to): Path<String>,
    Json(outcome): Json<Outcome>,
) -> StatusCode {
    twilio.set_outcome(to, outcome);
    StatusCode::NO_CONTENT
}

async fn clear_outcome(State(twilio): State<Arc<Twilio>>, Path(to): Path<String>) -> StatusCode {
    twilio.set_outcome(to, Outcome::default());
    StatusCode::NO_CONTENT
}

async fn set_pace(State(twilio): State<Arc<Twilio>>, Json(pace): Json<Pace>) -> StatusCode {
    twilio.set_pace(pace);
    StatusCode::NO_CONTENT
}

async fn set_callbacks(
    State(twilio): State<Arc<Twilio>>,
    Json(switches): Json<CallbackSwitches>,
) -> StatusCode {
    twilio.set_callbacks(switches);
    StatusCode::NO_CONTENT
}

async fn refuse_next(State(twilio): State<Arc<Twilio>>, Json(refusal): Json<RefuseNext>) -> StatusCode {
    twilio.refuse_next(refusal);
    StatusCode::NO_CONTENT
}

async fn receive(State(twilio): State<Arc<Twilio>>, Json(inbound): Json<Inbound>) -> Response {
    match twilio.receive(inbound) {
        Ok(message) => (StatusCode::CREATED, Json(message)).into_response(),
        Err(error) => refusal(StatusCode::NOT_FOUND, error),
    }
}

async fn advance(State(twilio): State<Arc<Twilio>>) -> StatusCode {
    twilio.advance();
    StatusCode::NO_CONTENT
}
