//! The settings of the Event Webhook (SendGrid v3 API reference, Webhooks).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use bytes::Bytes;
use domain::{Clock as _, Timestamp};
use http::StatusCode;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::SendGrid;
use super::event::{Event, EventKind};
use super::mail::{Address, Mail, Message};
use super::refusal::Refusal;
use super::webhook::{self, EventSwitches, Webhook};

/// How many webhooks an account may have.
const WEBHOOKS_MAX: usize = 5;

pub(crate) fn router() -> Router<Arc<SendGrid>> {
    const BASE: &str = "/v3/user/webhooks/event/settings";
    Router::new()
        .route(BASE, post(create))
        .route(&format!("{BASE}/all"), get(list))
        .route(&format!("{BASE}/{{id}}"), get(show).patch(change).delete(remove))
        .route(&format!("{BASE}/signed/{{id}}"), patch(toggle_signature).get(show_public_key))
        .route("/v3/user/webhooks/event/test", post(test))
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::bad_request("the body must be a JSON object"))
}

fn wrong(field: &str, message: &str) -> Refusal {
    Refusal::of_field(StatusCode::BAD_REQUEST, field, message)
}

/// Takes over the settings that `given` names; the others stay.
fn apply(webhook: &mut Webhook, given: &Map<String, Value>) -> Result<(), Refusal> {
    let switch = |name: &str| match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(*on)),
        Some(_) => Err(wrong(name, "must be a boolean")),
    };
    if let Some(url) = given.get("url") {
        webhook.url = web_address(url).ok_or_else(|| wrong("url", "must be a http or https URL"))?;
    }
    if let Some(name) = given.get("friendly_name") {
        webhook.friendly_name = name.as_str().map(str::to_owned);
    }
    if let Some(enabled) = switch("enabled")? {
        webhook.is_enabled = enabled;
    }
    for kind in EventKind::ALL {
        match switch(kind.setting())? {
            Some(true) => drop(webhook.events.insert(kind)),
            Some(false) => drop(webhook.events.remove(&kind)),
            None => {}
        }
    }
    Ok(())
}

fn web_address(url: &Value) -> Option<String> {
    let text = url.as_str()?;
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| text.to_owned())
}

fn new_webhook(given: &Map<String, Value>, now: Timestamp) -> Result<Webhook, Refusal> {
    let mut webhook = Webhook {
        id: Uuid::now_v7().to_string(),
        url: String::new(),
        is_enabled: false,
        friendly_name: None,
        events: [].into(),
        is_signed: false,
        created_at: now,
        updated_at: now,
    };
    apply(&mut webhook, given)?;
    if webhook.url.is_empty() {
        return Err(wrong("url", "is required"));
    }
    Ok(webhook)
}

async fn create(
    State(sendgrid): State<Arc<SendGrid>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let webhook = new_webhook(&object(&body)?, sendgrid.parts.clock.now())?;
    let mut state = sendgrid.lock();
    if state.webhooks.len() >= WEBHOOKS_MAX {
        return Err(Refusal::bad_request("the account has as many webhooks as it may have"));
    }
    let resource = webhook.resource(&state.event_key);
    state.webhooks.insert(webhook.id.clone(), webhook);
    Ok((StatusCode::CREATED, Json(resource)))
}

async fn list(State(sendgrid): State<Arc<SendGrid>>) -> Json<Value> {
    let state = sendgrid.lock();
    let webhooks: Vec<Value> = state.webhooks.values().map(|hook| hook.resource(&state.event_key)).collect();
    Json(json!({ "max_allowed": WEBHOOKS_MAX, "webhooks": webhooks }))
}

async fn show(State(sendgrid): State<Arc<SendGrid>>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let state = sendgrid.lock();
    let webhook = state.webhooks.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(webhook.resource(&state.event_key)))
}

async fn change(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let given = object(&body)?;
    let now = sendgrid.parts.clock.now();
    let mut state = sendgrid.lock();
    let mut webhook = state.webhooks.get(&id).cloned().ok_or_else(Refusal::not_found)?;
    apply(&mut webhook, &given)?;
    webhook.updated_at = now;
    let resource = webhook.resource(&state.event_key);
    state.webhooks.insert(id, webhook);
    Ok(Json(resource))
}

async fn remove(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let was_there = sendgrid.lock().webhooks.remove(&id).is_some();
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

async fn toggle_signature(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let enabled = object(&body)?.get("enabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| wrong("enabled", "must be a boolean"))?;
    let mut state = sendgrid.lock();
    let webhook = state.webhooks.get_mut(&id).ok_or_else(Refusal::not_found)?;
    webhook.is_signed = enabled;
    Ok(Json(json!({ "id": id, "public_key": enabled.then(|| state.event_key.public_key()) })))
}

async fn show_public_key(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let state = sendgrid.lock();
    let webhook = state.webhooks.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({ "id": id, "public_key": webhook.is_signed.then(|| state.event_key.public_key()) })))
}

/// Posts one made-up event of each kind to the URL in the body.
async fn test(State(sendgrid): State<Arc<SendGrid>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let given = object(&body)?;
    let now = sendgrid.parts.clock.now();
    let mut webhook = new_webhook(&given, now)?;
    webhook.is_enabled = true;
    webhook.events = EventKind::ALL.into();
    let key = {
        let state = sendgrid.lock();
        let named = given.get("id").and_then(Value::as_str).and_then(|id| state.webhooks.get(id));
        webhook.is_signed = named.is_some_and(|named| named.is_signed);
        state.event_key.clone()
    };
    let address = Address { email: "example@test.com".to_owned(), name: None };
    let mail = Mail {
        envelopes: Vec::new(),
        from: address.clone(),
        reply_to: Vec::new(),
        subject: None,
        content: Vec::new(),
        attachments: Vec::new(),
        template_id: None,
        categories: vec!["cat facts".to_owned()],
        headers: [].into(),
        send_at: None,
        asm_group_id: Some(10),
        bypass: Default::default(),
        is_sandboxed: false,
    };
    let message = Message { id: "test".to_owned(), accepted_at: now, mail, trail: Vec::new() };
    let event = |kind| Event::new(kind, &message, 0, &address.email, now, &Map::new());
    let events = EventKind::ALL.map(event);
    for delivery in webhook::posts(&webhook, &events, &key, EventSwitches::default(), now) {
        sendgrid.parts.deliveries.send(delivery);
    }
    Ok(StatusCode::NO_CONTENT)
}
