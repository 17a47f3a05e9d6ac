//! The SendGrid twin's part of the control API, below `/_control/sendgrid`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use domain::Clock as _;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::event::EventKind;
use super::suppression::{Suppression, SuppressionList, entry};
use super::{ApiKey, EventOrder, EventSwitches, Message, MessageFilter, RateLimit, SendGrid, WebhookSeed};
use crate::control::refusal;

pub(crate) fn router(sendgrid: Arc<SendGrid>) -> Router {
    Router::new()
        .route("/messages", get(list_messages))
        .route("/messages/{id}", get(show_message))
        .route("/messages/{id}/attachments/{nth}", get(download))
        .route("/keys", put(put_key))
        .route("/keys/{key}", delete(revoke_key))
        .route("/senders/{sender}", put(verify_sender).delete(withdraw_sender))
        .route("/webhooks", post(add_webhook))
        .route("/suppressions/{list}", post(suppress))
        .route("/outcomes/{email}", put(set_outcome).delete(clear_outcome))
        .route("/events", post(happen))
        .route("/switches", put(set_switches))
        .route("/flush", post(flush))
        .route("/rate-limit", put(set_rate_limit))
        .with_state(sendgrid)
}

#[derive(Deserialize)]
struct Wanted {
    recipient: Option<String>,
    subject: Option<String>,
    /// `name:value`.
    arg: Option<String>,
    limit: Option<usize>,
}

/// The newest mails that the filter admits, newest first, with all but the content of attachments, and how many
/// were ever accepted.
async fn list_messages(State(sendgrid): State<Arc<SendGrid>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let custom_arg = wanted.arg.as_deref().and_then(|arg| arg.split_once(':'));
    let filter = MessageFilter {
        recipient: wanted.recipient,
        subject: wanted.subject,
        custom_arg: custom_arg.map(|(name, value)| (name.to_owned(), value.to_owned())),
    };
    let messages = sendgrid.messages(&filter);
    let shown: Vec<Value> = messages.iter().rev().take(wanted.limit.unwrap_or(100)).map(summary).collect();
    Json(json!({ "accepted": sendgrid.accepted(), "messages": shown }))
}

async fn show_message(State(sendgrid): State<Arc<SendGrid>>, Path(id): Path<String>) -> Response {
    match sendgrid.message(&id) {
        Some(message) => Json(summary(&message)).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such mail is kept"),
    }
}

/// A mail with the sizes of its attachments instead of their content.
fn summary(message: &Message) -> Value {
    let mut shown = json!(message);
    let files = message.mail.attachments.iter().map(|file| {
        json!({
            "filename": file.filename,
            "type": file.media_type,
            "is_inline": file.is_inline,
            "content_id": file.content_id,
            "bytes": file.content.len(),
        })
    });
    shown["mail"]["attachments"] = files.collect();
    shown
}

/// The file as it is. Never shown by the browser itself: it comes from who knows whom.
async fn download(State(sendgrid): State<Arc<SendGrid>>, Path((id, nth)): Path<(String, usize)>) -> Response {
    let Some(file) = sendgrid.message(&id).and_then(|message| message.mail.attachments.into_iter().nth(nth))
    else {
        return refusal(StatusCode::NOT_FOUND, "no such attachment is kept");
    };
    let media_type = file.media_type.and_then(|text| HeaderValue::from_str(&text).ok());
    let media_type = media_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let name: String = url::form_urlencoded::byte_serialize(file.filename.as_bytes()).collect();
    let disposition = format!("attachment; filename*=UTF-8''{}", name.replace('+', "%20"));
    let disposition = HeaderValue::from_str(&disposition).expect("percent-encoded text is a header value");
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, file.content).into_response()
}

async fn put_key(State(sendgrid): State<Arc<SendGrid>>, Json(key): Json<ApiKey>) -> StatusCode {
    sendgrid.put_key(key);
    StatusCode::NO_CONTENT
}

async fn revoke_key(State(sendgrid): State<Arc<SendGrid>>, Path(key): Path<String>) -> Response {
    done(sendgrid.revoke_key(&key), "no such key")
}

async fn verify_sender(State(sendgrid): State<Arc<SendGrid>>, Path(sender): Path<String>) -> StatusCode {
    sendgrid.verify_sender(sender);
    StatusCode::NO_CONTENT
}

async fn withdraw_sender(State(sendgrid): State<Arc<SendGrid>>, Path(sender): Path<String>) -> Response {
    done(sendgrid.withdraw_sender(&sender), "no such sender")
}

fn done(was_there: bool, otherwise: &str) -> Response {
    if was_there { StatusCode::NO_CONTENT.into_response() } else { refusal(StatusCode::NOT_FOUND, otherwise) }
}

async fn add_webhook(State(sendgrid): State<Arc<SendGrid>>, Json(seed): Json<WebhookSeed>) -> Json<Value> {
    let id = sendgrid.add_webhook(seed);
    Json(json!({ "id": id, "public_key": sendgrid.public_key() }))
}

#[derive(Deserialize)]
struct NewSuppression {
    email: String,
    reason: Option<String>,
    status: Option<String>,
}

async fn suppress(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(list): Path<SuppressionList>,
    Json(new): Json<NewSuppression>,
) -> StatusCode {
    let bare = entry(&new.email, sendgrid.parts.clock.now());
    let entry = Suppression { reason: new.reason, status: new.status, ..bare };
    sendgrid.lock().suppressions.add(list, entry);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Outcome {
    event: EventKind,
}

async fn set_outcome(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(email): Path<String>,
    Json(outcome): Json<Outcome>,
) -> StatusCode {
    sendgrid.set_outcome(&email, outcome.event);
    StatusCode::NO_CONTENT
}

async fn clear_outcome(State(sendgrid): State<Arc<SendGrid>>, Path(email): Path<String>) -> StatusCode {
    sendgrid.set_outcome(&email, EventKind::Delivered);
    StatusCode::NO_CONTENT
}

async fn happen(State(sendgrid): State<Arc<SendGrid>>, Json(order): Json<EventOrder>) -> Response {
    match sendgrid.happen(&order) {
        Ok(count) => Json(json!({ "events": count })).into_response(),
        Err(error) => refusal(StatusCode::NOT_FOUND, error),
    }
}

async fn set_switches(
    State(sendgrid): State<Arc<SendGrid>>,
    Json(switches): Json<EventSwitches>,
) -> StatusCode {
    sendgrid.set_switches(switches);
    StatusCode::NO_CONTENT
}

async fn flush(State(sendgrid): State<Arc<SendGrid>>) -> Json<Value> {
    Json(json!({ "events": sendgrid.flush() }))
}

/// `null` switches the limit off.
async fn set_rate_limit(
    State(sendgrid): State<Arc<SendGrid>>,
    Json(limit): Json<Option<RateLimit>>,
) -> StatusCode {
    sendgrid.set_rate_limit(limit);
    StatusCode::NO_CONTENT
}
