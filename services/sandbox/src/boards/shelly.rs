//! A Shelly of the second generation or later (shelly-api-docs.shelly.cloud, Gen2: RPC over HTTP, Authentication,
//! Switch, Input, Shelly).

mod digest;
mod rpc;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use chrono::TimeDelta;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Board;
use rpc::RpcError;

/// A Shelly serves so many requests at once, one on each connection.
pub(super) const CONNECTIONS_MAX: usize = 6;

/// A Shelly's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shelly {
    /// Its id, which is the realm of its password.
    pub id: String,
    /// Its model.
    pub model: String,
    /// Its firmware's version.
    pub version: String,
    /// What it asks for, if anything.
    pub password: Option<String>,
    /// How long a nonce holds, in seconds.
    pub nonce_seconds: i64,
    /// Methods that its firmware does not know.
    pub unknown_methods: Vec<String>,
    /// Of each relay; further ones have the default.
    pub channels: Vec<ShellyChannel>,
    /// What the relays were before power was lost.
    pub last: Vec<bool>,
}

impl Default for Shelly {
    fn default() -> Self {
        Self {
            id: "shellypro2-aabbccddeeff".to_owned(),
            model: "SPSW-202XE16EU".to_owned(),
            version: "1.4.4".to_owned(),
            password: None,
            nonce_seconds: 60,
            unknown_methods: Vec::new(),
            channels: Vec::new(),
            last: Vec::new(),
        }
    }
}

/// A relay's settings, by the names of `Switch.GetConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShellyChannel {
    /// What it is called.
    pub name: Option<String>,
    /// What its input does to it: `follow`, `flip`, `momentary`, `detached`.
    pub in_mode: String,
    /// How it starts: `off`, `on`, `restore_last`, `match_input`.
    pub initial_state: String,
    /// Whether it closes by itself.
    pub auto_on: bool,
    /// After so many seconds.
    pub auto_on_delay: f64,
    /// Whether it opens by itself.
    pub auto_off: bool,
    /// After so many seconds.
    pub auto_off_delay: f64,
}

/// As it comes out of the box.
impl Default for ShellyChannel {
    fn default() -> Self {
        Self {
            name: None,
            in_mode: "follow".to_owned(),
            initial_state: "match_input".to_owned(),
            auto_on: false,
            auto_on_delay: 60.0,
            auto_off: false,
            auto_off_delay: 60.0,
        }
    }
}

impl ShellyChannel {
    /// As a door's relay must be.
    pub fn of_a_door(auto_off_delay: f64) -> Self {
        Self {
            in_mode: "detached".to_owned(),
            initial_state: "off".to_owned(),
            auto_off: true,
            auto_off_delay,
            ..Self::default()
        }
    }

    /// After how long a relay that was closed, or opened, changes by itself.
    fn flips_after(&self, is_closed: bool) -> Option<TimeDelta> {
        match is_closed {
            true => self.auto_off.then(|| seconds(self.auto_off_delay)),
            false => self.auto_on.then(|| seconds(self.auto_on_delay)),
        }
    }
}

impl Shelly {
    fn channel(&self, channel: usize) -> ShellyChannel {
        self.channels.get(channel).cloned().unwrap_or_default()
    }

    pub(super) fn at_start(&self, channel: usize, is_input_on: bool) -> (bool, Option<TimeDelta>) {
        let config = self.channel(channel);
        let is_closed = match config.initial_state.as_str() {
            "on" => true,
            "restore_last" => self.last.get(channel).copied().unwrap_or_default(),
            "match_input" => is_input_on,
            _ => false,
        };
        (is_closed, config.flips_after(is_closed))
    }
}

fn seconds(seconds: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "nobody has a relay wait for ages")]
    TimeDelta::milliseconds((seconds * 1_000.0).round() as i64)
}

pub(super) fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/shelly", get(show))
        .route("/rpc", post(frame))
        .route("/rpc/{method}", get(call_by_query).post(call_by_body))
        .layer(from_fn(close))
        .with_state(board)
}

/// No connection serves two requests (RPCChannels).
async fn close(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn show(State(board): State<Arc<Board>>) -> Json<Value> {
    Json(rpc::device_info(&board))
}

/// A whole frame: errors are in it, and the status is 200.
async fn frame(
    State(board): State<Arc<Board>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(Value::Object(frame)) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let called = frame.get("method").and_then(Value::as_str).unwrap_or_default();
    if let Err(challenge) = digest::admit(&board, called, &method, &uri, &headers) {
        return challenge.into_response();
    }
    let params = frame.get("params").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut answer = json!({ "id": frame.get("id"), "src": rpc::id(&board) });
    match rpc::call(&board, called, &params) {
        Ok(result) => answer["result"] = result,
        Err(error) => answer["error"] = error.json(),
    }
    Json(answer).into_response()
}

async fn call_by_query(
    State(board): State<Arc<Board>>,
    Path(called): Path<String>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let params = pairs.map(|(name, text)| (name.into_owned(), value(&text))).collect();
    call(&board, &called, &params, (&Method::GET, &uri, &headers))
}

async fn call_by_body(
    State(board): State<Arc<Board>>,
    Path(called): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let params = match serde_json::from_slice(&body) {
        Ok(Value::Object(params)) => params,
        _ if body.is_empty() => Map::new(),
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    call(&board, &called, &params, (&Method::POST, &uri, &headers))
}

/// With the method in the path, errors have a status.
fn call(
    board: &Board,
    called: &str,
    params: &Map<String, Value>,
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
) -> Response {
    if let Err(challenge) = digest::admit(board, called, method, uri, headers) {
        return challenge.into_response();
    }
    match rpc::call(board, called, params) {
        Ok(result) => Json(result).into_response(),
        Err(error) => {
            let status = match error {
                RpcError::NoHandler(_) => StatusCode::NOT_FOUND,
                RpcError::InvalidArgument(_) | RpcError::NotFound(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, Json(error.json())).into_response()
        }
    }
}
