//! The API: `API.md` says what it is. Converts and checks; what is done stands elsewhere.

mod answer;
mod doors;
mod input;
mod report;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};

use crate::controller::Controller;
use crate::error::Error;
use crate::key::Denied;
use crate::server::Caller;

/// The longest body, and that of an offline list.
const BODY_MOST: usize = 16 * 1024;
const LIST_MOST: usize = 2 * 1024 * 1024;
/// The longest a request takes.
const REQUEST_MOST: Duration = Duration::from_secs(10);

/// All calls, for who has the key.
pub fn router(controller: Arc<Controller>) -> Router {
    let one = |path: &str| format!("/v1/channels/{{channel}}{path}");
    Router::new()
        .route("/v1/describe", get(report::describe))
        .route("/v1/state", get(report::state))
        .route("/v1/clock", post(report::clock))
        .route("/v1/log", get(report::log))
        .route("/v1/log/acknowledge", post(report::acknowledge))
        .route("/v1/offline-list", put(report::offline_list).layer(DefaultBodyLimit::max(LIST_MOST)))
        .route("/v1/requests/{id}", get(doors::request))
        .route("/v1/lock-down", post(doors::lock_down_all))
        .route("/v1/lift", post(doors::lift_all))
        .route("/v1/pins", post(doors::pin))
        .route(&one(""), get(report::channel).patch(doors::change))
        .route(&one("/pulse"), post(doors::pulse))
        .route(&one("/hold"), post(doors::hold))
        .route(&one("/renew"), post(doors::renew))
        .route(&one("/lock"), post(doors::lock))
        .route(&one("/lock-down"), post(doors::lock_down))
        .route(&one("/lift"), post(doors::lift))
        .fallback(async || Error::PathUnknown)
        .method_not_allowed_fallback(async || Error::MethodWrong)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(from_fn_with_state(controller.clone(), to_the_end))
        .layer(from_fn_with_state(controller.clone(), with_the_key))
        .with_state(controller)
}

/// What a keypad of this machine asks.
pub fn keypad_router(controller: Arc<Controller>) -> Router {
    Router::new()
        .route("/v1/pins", post(doors::pin))
        .fallback(async || Error::PathUnknown)
        .method_not_allowed_fallback(async || Error::MethodWrong)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(from_fn_with_state(controller.clone(), to_the_end))
        .with_state(controller)
}

async fn with_the_key(
    State(controller): State<Arc<Controller>>,
    Extension(Caller(from)): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer "));
    match controller.gate().check(from, key) {
        Ok(()) => next.run(request).await,
        Err(Denied::WrongKey) => Error::KeyWrong.into_response(),
        Err(Denied::TooMany(wait)) => Error::TooManyWrongKeys(wait).into_response(),
    }
}

/// What was begun is done, whether or not anybody waits for the answer.
async fn to_the_end(State(controller): State<Arc<Controller>>, request: Request, next: Next) -> Response {
    let answer = controller.tasks.spawn(next.run(request));
    match tokio::time::timeout(REQUEST_MOST, answer).await {
        Ok(answer) => answer.expect("a panic anywhere ends the process"),
        Err(_) => Error::TimedOut.into_response(),
    }
}
