//! The sandbox's own API, below `/_control`. README.md documents it.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use chrono::Duration;
use domain::{Clock as _, Timestamp};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ActiveFault, DeliveryCounts, Fault, LoggedRequest, Sandbox, Vendor};

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let mut router = Router::new()
        .route("/clock", get(show_clock).post(set_clock))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(list_requests).delete(clear_requests))
        .route("/deliveries", get(show_deliveries))
        .route("/reset", post(reset))
        .with_state(sandbox.clone());
    for twin in sandbox.twins() {
        router = router.nest(&format!("/{}", twin.vendor().name()), twin.control());
    }
    router.fallback(|| async { refusal(StatusCode::NOT_FOUND, "no such control") })
}

/// An error of the control API: `{"error": text}`.
pub(crate) fn refusal(status: StatusCode, error: impl ToString) -> Response {
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}

#[derive(Serialize)]
struct ShownClock {
    now: Timestamp,
    offset_seconds: f64,
}

async fn show_clock(State(sandbox): State<Sandbox>) -> Json<ShownClock> {
    Json(ShownClock { now: sandbox.clock().now(), offset_seconds: sandbox.clock().offset().as_seconds_f64() })
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    /// May be negative.
    AdvanceSeconds(i32),
    Set(Timestamp),
}

async fn set_clock(State(sandbox): State<Sandbox>, Json(change): Json<ClockChange>) -> Json<ShownClock> {
    match change {
        ClockChange::AdvanceSeconds(seconds) => sandbox.clock().advance(Duration::seconds(seconds.into())),
        ClockChange::Set(now) => sandbox.clock().set(now),
    }
    show_clock(State(sandbox)).await
}

async fn list_faults(State(sandbox): State<Sandbox>) -> Json<Vec<ActiveFault>> {
    Json(sandbox.faults().list())
}

async fn add_fault(State(sandbox): State<Sandbox>, Json(fault): Json<Fault>) -> Response {
    match sandbox.faults().add(fault) {
        Ok(id) => Json(json!({ "id": id })).into_response(),
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.faults().clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    if sandbox.faults().remove(id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refusal(StatusCode::NOT_FOUND, format!("no fault {id}"))
    }
}

#[derive(Deserialize)]
struct RequestsWanted {
    vendor: Option<Vendor>,
    /// The latest this many of each vendor; default 100.
    limit: Option<usize>,
}

async fn list_requests(
    State(sandbox): State<Sandbox>,
    Query(wanted): Query<RequestsWanted>,
) -> Json<Vec<LoggedRequest>> {
    let limit = wanted.limit.unwrap_or(100);
    let vendors = Vendor::ALL.into_iter().filter(|vendor| wanted.vendor.is_none_or(|only| only == *vendor));
    let latest = vendors.flat_map(|vendor| {
        let log = sandbox.requests().of(vendor);
        let skipped = log.len().saturating_sub(limit);
        log.into_iter().skip(skipped)
    });
    Json(latest.collect())
}

async fn clear_requests(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.requests().clear();
    StatusCode::NO_CONTENT
}

async fn show_deliveries(State(sandbox): State<Sandbox>) -> Json<DeliveryCounts> {
    Json(sandbox.deliveries().counts())
}

async fn reset(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.reset();
    Json(json!({ "reset": true }))
}
