//! SendGrid's paths, behind the check of the key, its scopes and its rate.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use domain::Clock as _;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::suppression::{Suppression, SuppressionList};
use super::{SendGrid, Verdict, scopes, settings};

/// A request with its attachments stays under 30 MB.
const BODY_MAX_BYTES: usize = 30 * 1024 * 1024;
/// How long a page of a suppression list is, unless the request says less.
const PAGE_MAX: usize = 500;

/// The scopes of the key that asks.
#[derive(Clone)]
struct Scopes(BTreeSet<String>);

pub(crate) fn router(sendgrid: Arc<SendGrid>) -> Router {
    Router::new()
        .route("/v3/mail/send", post(send))
        .route("/v3/scopes", get(list_scopes))
        .route("/v3/suppression/{list}", get(list_suppressions).delete(delete_suppressions))
        .route("/v3/suppression/{list}/{email}", get(show_suppression).delete(delete_suppression))
        .route("/v3/asm/suppressions/global", post(unsubscribe))
        .route("/v3/asm/suppressions/global/{email}", get(show_unsubscribed).delete(resubscribe))
        .route("/v3/asm/groups", get(list_groups).post(create_group))
        .route("/v3/asm/groups/{id}", get(show_group))
        .route("/v3/asm/groups/{id}/suppressions", get(list_group).post(leave_group))
        .route("/v3/asm/groups/{id}/suppressions/{email}", axum::routing::delete(return_to_group))
        .merge(settings::router())
        .fallback(|| async { Refusal::not_found() })
        .method_not_allowed_fallback(|| async {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
        })
        .layer(from_fn_with_state(sendgrid.clone(), admit))
        .with_state(sendgrid)
}

/// 401, 403 and 429, and the rate headers of every answer to a valid key.
async fn admit(State(sendgrid): State<Arc<SendGrid>>, mut request: Request, next: Next) -> Response {
    let Some((key_id, scopes)) = sendgrid.authenticate(request.headers()) else {
        return Refusal::unauthorized().into_response();
    };
    let standing = {
        let mut state = sendgrid.lock();
        state.rate_limit.map(|limit| state.rates.count(&key_id, limit, sendgrid.parts.clock.now()))
    };
    let needed = scopes::needed(request.method(), request.uri().path());
    let mut response = if standing.is_some_and(|standing| standing.is_over) {
        Refusal::too_many_requests().into_response()
    } else if needed.is_some_and(|scope| !scopes.contains(&scope)) {
        Refusal::forbidden().into_response()
    } else {
        request.extensions_mut().insert(Scopes(scopes));
        next.run(request).await
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}

async fn send(State(sendgrid): State<Arc<SendGrid>>, request: Request) -> Result<Response, Refusal> {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with("application/json"))
    {
        let message = "Content-Type should be application/json.";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let body = match axum::body::to_bytes(request.into_body(), BODY_MAX_BYTES).await {
        Ok(body) => body,
        Err(_) => return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large")),
    };
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::bad_request("Bad Request"))?;
    match sendgrid.send(&body)? {
        Verdict::Sandboxed => Ok(StatusCode::OK.into_response()),
        Verdict::Accepted(id) => {
            let id = HeaderValue::from_str(&id).expect("Base64 is a header value");
            Ok((StatusCode::ACCEPTED, [("x-message-id", id)]).into_response())
        }
    }
}

async fn list_scopes(Extension(Scopes(scopes)): Extension<Scopes>) -> Json<Value> {
    Json(json!({ "scopes": scopes }))
}

#[derive(Deserialize)]
#[serde(default)]
struct Page {
    limit: usize,
    offset: usize,
    start_time: i64,
    end_time: i64,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: PAGE_MAX, offset: 0, start_time: i64::MIN, end_time: i64::MAX }
    }
}

async fn list_suppressions(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(list): Path<SuppressionList>,
    Query(page): Query<Page>,
) -> Json<Vec<Suppression>> {
    let state = sendgrid.lock();
    let in_time = |entry: &&Suppression| (page.start_time..=page.end_time).contains(&entry.created);
    let entries = state.suppressions.list(list).filter(in_time);
    Json(entries.skip(page.offset).take(page.limit.min(PAGE_MAX)).cloned().collect())
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Deletion {
    delete_all: bool,
    emails: Vec<String>,
}

async fn delete_suppressions(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(list): Path<SuppressionList>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let deletion: Deletion = serde_json::from_slice(&body)
        .map_err(|_| Refusal::bad_request("delete_all or emails must be given"))?;
    let mut state = sendgrid.lock();
    match (deletion.delete_all, deletion.emails.as_slice()) {
        (true, []) => state.suppressions.clear(list),
        (false, [_, ..]) => {
            for email in &deletion.emails {
                state.suppressions.remove(list, email);
            }
        }
        _ => return Err(Refusal::bad_request("either delete_all or emails must be given")),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// An array, be it empty, as the vendor answers.
async fn show_suppression(
    State(sendgrid): State<Arc<SendGrid>>,
    Path((list, email)): Path<(SuppressionList, String)>,
) -> Json<Vec<Suppression>> {
    Json(sendgrid.lock().suppressions.find(list, &email).cloned().into_iter().collect())
}

async fn delete_suppression(
    State(sendgrid): State<Arc<SendGrid>>,
    Path((list, email)): Path<(SuppressionList, String)>,
) -> Result<StatusCode, Refusal> {
    let was_there = sendgrid.lock().suppressions.remove(list, &email);
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

#[derive(Deserialize)]
struct Recipients {
    recipient_emails: Vec<String>,
}

fn recipients(body: &Bytes) -> Result<Vec<String>, Refusal> {
    let wrong = |_| {
        let message = "recipient_emails must be an array of email addresses";
        Refusal::of_field(StatusCode::BAD_REQUEST, "recipient_emails", message)
    };
    serde_json::from_slice::<Recipients>(body).map(|body| body.recipient_emails).map_err(wrong)
}

async fn unsubscribe(
    State(sendgrid): State<Arc<SendGrid>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let emails = recipients(&body)?;
    for email in &emails {
        sendgrid.suppress(SuppressionList::Unsubscribes, email);
    }
    Ok((StatusCode::CREATED, Json(json!({ "recipient_emails": emails }))))
}

/// An empty object for who has not left, as the vendor answers.
async fn show_unsubscribed(State(sendgrid): State<Arc<SendGrid>>, Path(email): Path<String>) -> Json<Value> {
    let state = sendgrid.lock();
    Json(match state.suppressions.find(SuppressionList::Unsubscribes, &email) {
        Some(entry) => json!({ "recipient_email": entry.email }),
        None => json!({}),
    })
}

async fn resubscribe(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(email): Path<String>,
) -> Result<StatusCode, Refusal> {
    let was_there = sendgrid.lock().suppressions.remove(SuppressionList::Unsubscribes, &email);
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

fn group_resource(id: i64, group: &super::Group) -> Value {
    json!({
        "id": id,
        "name": group.name,
        "description": group.description,
        "is_default": false,
        "unsubscribes": group.left.len(),
    })
}

async fn list_groups(State(sendgrid): State<Arc<SendGrid>>) -> Json<Vec<Value>> {
    let state = sendgrid.lock();
    Json(state.suppressions.groups.iter().map(|(id, group)| group_resource(*id, group)).collect())
}

#[derive(Deserialize)]
struct NewGroup {
    name: String,
    description: String,
}

async fn create_group(
    State(sendgrid): State<Arc<SendGrid>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let new: NewGroup = serde_json::from_slice(&body)
        .map_err(|_| Refusal::bad_request("name and description are required"))?;
    let mut state = sendgrid.lock();
    let id = state.suppressions.groups.last_key_value().map_or(1, |(last, _)| last + 1);
    let group = super::Group { name: new.name, description: new.description, left: [].into() };
    let resource = group_resource(id, &group);
    state.suppressions.groups.insert(id, group);
    Ok((StatusCode::CREATED, Json(resource)))
}

async fn show_group(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<i64>,
) -> Result<Json<Value>, Refusal> {
    let state = sendgrid.lock();
    let group = state.suppressions.groups.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(group_resource(id, group)))
}

async fn list_group(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<i64>,
) -> Result<Json<Vec<String>>, Refusal> {
    let state = sendgrid.lock();
    let group = state.suppressions.groups.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(group.left.values().map(|entry| entry.email.clone()).collect()))
}

async fn leave_group(
    State(sendgrid): State<Arc<SendGrid>>,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let emails = recipients(&body)?;
    let now = sendgrid.parts.clock.now();
    let mut state = sendgrid.lock();
    if !state.suppressions.groups.contains_key(&id) {
        return Err(Refusal::not_found());
    }
    for email in &emails {
        state.suppressions.leave_group(id, email, now);
    }
    Ok((StatusCode::CREATED, Json(json!({ "recipient_emails": emails }))))
}

async fn return_to_group(
    State(sendgrid): State<Arc<SendGrid>>,
    Path((id, email)): Path<(i64, String)>,
) -> Result<StatusCode, Refusal> {
    let had_left = sendgrid.lock().suppressions.return_to_group(id, &email);
    if had_left { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}
