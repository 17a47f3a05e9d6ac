//! The boards' part of the control API, below `/_control/boards`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Board, Boards, Device, NewBoard};
use crate::control::refusal;

pub(super) fn router(boards: Arc<Boards>) -> Router {
    Router::new()
        .route("/", get(list).put(put))
        .route("/{name}", get(show))
        .route("/{name}/device", get(show_device).put(put_device))
        .route("/{name}/power", post(power))
        .route("/{name}/channels/{channel}", post(act))
        .route("/{name}/inputs/{input}", post(set_input))
        .with_state(boards)
}

fn shown(board: &Board) -> Value {
    let channels = board.lock().contacts.len();
    let channel =
        |channel| json!({ "is_closed": board.is_closed(channel), "closures": board.closures(channel) });
    json!({
        "name": board.name(),
        "address": board.address(),
        "channels": (0..channels).map(channel).collect::<Vec<_>>(),
    })
}

fn of(boards: &Arc<Boards>, name: &str, then: impl FnOnce(&Board) -> Response) -> Response {
    match boards.get(name) {
        Some(board) => then(&board),
        None => refusal(StatusCode::NOT_FOUND, "no such board"),
    }
}

async fn list(State(boards): State<Arc<Boards>>) -> Json<Vec<Value>> {
    Json(boards.all().iter().map(|board| shown(board)).collect())
}

async fn put(State(boards): State<Arc<Boards>>, Json(new): Json<NewBoard>) -> Response {
    match boards.add(new).await {
        Ok(board) => Json(shown(&board)).into_response(),
        Err(error) => refusal(StatusCode::CONFLICT, error),
    }
}

async fn show(State(boards): State<Arc<Boards>>, Path(name): Path<String>) -> Response {
    of(&boards, &name, |board| Json(shown(board)).into_response())
}

async fn show_device(State(boards): State<Arc<Boards>>, Path(name): Path<String>) -> Response {
    of(&boards, &name, |board| Json(board.device()).into_response())
}

async fn put_device(
    State(boards): State<Arc<Boards>>,
    Path(name): Path<String>,
    Json(device): Json<Device>,
) -> Response {
    of(&boards, &name, |board| {
        board.configure(|settings| *settings = device);
        StatusCode::NO_CONTENT.into_response()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Power {
    On,
    Off,
    Cycle,
}

#[derive(Deserialize)]
struct PowerChange {
    power: Power,
}

async fn power(
    State(boards): State<Arc<Boards>>,
    Path(name): Path<String>,
    Json(change): Json<PowerChange>,
) -> Response {
    of(&boards, &name, |board| {
        match change.power {
            Power::On => board.set_power(true),
            Power::Off => board.set_power(false),
            Power::Cycle => board.power_cycle(),
        }
        StatusCode::NO_CONTENT.into_response()
    })
}

/// What happens to a relay at the board.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChannelChange {
    Closed(bool),
    Welded(bool),
}

async fn act(
    State(boards): State<Arc<Boards>>,
    Path((name, channel)): Path<(String, usize)>,
    Json(change): Json<ChannelChange>,
) -> Response {
    of(&boards, &name, |board| {
        match change {
            ChannelChange::Closed(is_closed) => board.set_locally(channel, is_closed),
            ChannelChange::Welded(is_welded) => board.weld(channel, is_welded),
        }
        StatusCode::NO_CONTENT.into_response()
    })
}

#[derive(Deserialize)]
struct InputChange {
    is_on: bool,
}

async fn set_input(
    State(boards): State<Arc<Boards>>,
    Path((name, input)): Path<(String, usize)>,
    Json(change): Json<InputChange>,
) -> Response {
    of(&boards, &name, |board| {
        board.set_input(input, change.is_on);
        StatusCode::NO_CONTENT.into_response()
    })
}
