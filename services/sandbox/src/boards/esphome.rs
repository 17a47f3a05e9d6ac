//! A node with ESPHome and its web server, with a switch and a number of milliseconds for each relay, and a button
//! that pulses it (esphome.io, Web Server API; esphome/esphome, web_server).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use chrono::TimeDelta;
use domain::Clock as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Board, Device};
use crate::credentials;

/// An ESPHome node's settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EspHome {
    /// User and password that it asks for, if any.
    pub login: Option<(String, String)>,
    /// What its relays are called; further ones are `Door 3` and so on. The number of milliseconds is called like its
    /// relay with ` ms` behind, its button with ` pulse`.
    pub names: Vec<String>,
    /// Whether it knows its entities by their object ids, too: until 2026.7.
    pub knows_object_ids: bool,
    /// How long it takes to do what it has answered, in milliseconds.
    pub delay_ms: i64,
    /// Of each relay: for how long a pulse closes it. Further ones have 3,000.
    pub pulse_ms: Vec<u32>,
}

impl EspHome {
    fn name(&self, channel: usize) -> String {
        self.names.get(channel).cloned().unwrap_or_else(|| format!("Door {}", channel + 1))
    }

    fn pulse_ms(&self, channel: usize) -> u32 {
        self.pulse_ms.get(channel).copied().unwrap_or(3_000)
    }

    /// The relay whose entity has that name, with this behind the relay's.
    fn find(&self, entity: &str, suffix: &str, channels: usize) -> Option<usize> {
        (0..channels).find(|channel| {
            let name = format!("{}{suffix}", self.name(*channel));
            name == entity || (self.knows_object_ids && name.to_lowercase().replace(' ', "_") == entity)
        })
    }
}

pub(super) fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/switch/{entity}", get(show_switch))
        .route("/switch/{entity}/{action}", post(act_on_switch))
        .route("/button/{entity}/press", post(press))
        .route("/number/{entity}", get(show_number))
        .route("/number/{entity}/set", post(set_number))
        .layer(from_fn(needs_length))
        .layer(axum::middleware::from_fn_with_state(board.clone(), admit))
        .with_state(board)
}

async fn needs_length(request: Request, next: Next) -> Response {
    let has_length = request.headers().contains_key(header::CONTENT_LENGTH);
    if request.method() == http::Method::POST && !has_length {
        return StatusCode::LENGTH_REQUIRED.into_response();
    }
    next.run(request).await
}

async fn admit(
    State(board): State<Arc<Board>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let login = settings(&board).login;
    if login.is_some() && credentials::basic(&headers) != login {
        let challenge = HeaderValue::from_static("Basic realm=\"Login Required\"");
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    next.run(request).await
}

fn settings(board: &Board) -> EspHome {
    match board.device() {
        Device::EspHome(node) => node,
        _ => EspHome::default(),
    }
}

/// The relay of the entity, if there is one.
fn find(board: &Board, entity: &str, suffix: &str) -> Result<usize, StatusCode> {
    let channels = board.lock().contacts.len();
    settings(board).find(entity, suffix, channels).ok_or(StatusCode::NOT_FOUND)
}

async fn show_switch(
    State(board): State<Arc<Board>>,
    Path(entity): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let channel = find(&board, &entity, "")?;
    let is_on = board.is_closed(channel);
    let id = format!("switch/{}", settings(&board).name(channel));
    Ok(Json(json!({ "id": id, "state": if is_on { "ON" } else { "OFF" }, "value": is_on })))
}

/// Says yes at once; the main loop does it afterwards.
async fn act_on_switch(
    State(board): State<Arc<Board>>,
    Path((entity, action)): Path<(String, String)>,
) -> Result<StatusCode, StatusCode> {
    let channel = find(&board, &entity, "")?;
    let is_closed = match action.as_str() {
        "turn_on" => true,
        "turn_off" => false,
        "toggle" => !board.is_closed(channel),
        _ => return Err(StatusCode::NOT_FOUND),
    };
    // A switch that is on already is not turned on: its automation, and with it its timer, does not run.
    if !(is_closed && board.is_closed(channel)) {
        queue(&board, channel, is_closed);
    }
    Ok(StatusCode::OK)
}

async fn press(
    State(board): State<Arc<Board>>,
    Path(entity): Path<String>,
) -> Result<StatusCode, StatusCode> {
    let channel = find(&board, &entity, " pulse")?;
    queue(&board, channel, true);
    Ok(StatusCode::OK)
}

fn queue(board: &Board, channel: usize, is_closed: bool) {
    let node = settings(board);
    let opens_after = is_closed.then(|| TimeDelta::milliseconds(node.pulse_ms(channel).into()));
    let at = board.clock.now() + TimeDelta::milliseconds(node.delay_ms);
    board.lock().contacts[channel].set_later(is_closed, opens_after, at);
}

async fn show_number(
    State(board): State<Arc<Board>>,
    Path(entity): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let channel = find(&board, &entity, " ms")?;
    let ms = settings(&board).pulse_ms(channel);
    let id = format!("number/{} ms", settings(&board).name(channel));
    Ok(Json(json!({ "id": id, "state": ms.to_string(), "value": ms })))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    value: u32,
}

async fn set_number(
    State(board): State<Arc<Board>>,
    Path(entity): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<StatusCode, StatusCode> {
    let channel = find(&board, &entity, " ms")?;
    board.configure(|device| {
        if let Device::EspHome(node) = device {
            let missing = (node.pulse_ms.len()..=channel).map(|_| 3_000);
            node.pulse_ms.extend(missing.collect::<Vec<_>>());
            node.pulse_ms[channel] = wanted.value.clamp(100, 60_000);
        }
    });
    Ok(StatusCode::OK)
}
