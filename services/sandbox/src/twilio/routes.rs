//! Twilio's paths.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use super::judge::Form;
use super::refusal::Refusal;
use super::state::{Message, Status};
use super::{Caller, Twilio, list, wire};

pub(crate) fn router(twilio: Arc<Twilio>) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}", get(show_account))
        .route("/2010-04-01/Accounts/{account}/Messages.json", get(list_messages).post(create_message))
        .route(
            "/2010-04-01/Accounts/{account}/Messages/{message}",
            get(show_message).post(change_message).delete(delete_message),
        )
        .fallback(|uri: Uri| async move { not_found(&uri) })
        .with_state(twilio)
}

fn not_found(uri: &Uri) -> Refusal {
    Refusal::NotFound(uri.path().to_owned())
}

impl Twilio {
    /// The caller, who must own the account in the path. Another's account is as good as none.
    fn admit(&self, headers: &HeaderMap, account_sid: &str, uri: &Uri) -> Result<Caller, Refusal> {
        let caller = self.authenticate(headers)?;
        if caller.account_sid == account_sid { Ok(caller) } else { Err(not_found(uri)) }
    }
}

/// Only JSON is spoken here: the path must say so.
fn sid_of<'a>(file: &'a str, uri: &Uri) -> Result<&'a str, Refusal> {
    file.strip_suffix(".json").ok_or_else(|| not_found(uri))
}

async fn show_account(
    State(twilio): State<Arc<Twilio>>,
    uri: Uri,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let sid = sid_of(&file, &uri)?;
    let caller = twilio.admit(&headers, sid, &uri)?;
    if !caller.may_read_account {
        return Err(Refusal::Unauthenticated);
    }
    let state = twilio.lock();
    let account = state.accounts.get(sid).ok_or_else(|| not_found(&uri))?;
    Ok(Json(wire::account(account)))
}

async fn create_message(
    State(twilio): State<Arc<Twilio>>,
    uri: Uri,
    Path(account_sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    twilio.admit(&headers, &account_sid, &uri)?;
    let message = twilio.create(&account_sid, &Form::of_body(&headers, &body))?;
    Ok((StatusCode::CREATED, Json(wire::message(&message))))
}

async fn list_messages(
    State(twilio): State<Arc<Twilio>>,
    uri: Uri,
    Path(account_sid): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    twilio.admit(&headers, &account_sid, &uri)?;
    twilio.advance();
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    list::page(&twilio.lock(), &account_sid, &query).map(Json)
}

async fn show_message(
    State(twilio): State<Arc<Twilio>>,
    uri: Uri,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    twilio.admit(&headers, &account_sid, &uri)?;
    twilio.advance();
    let state = twilio.lock();
    let found = state.message(&account_sid, sid_of(&file, &uri)?).ok_or_else(|| not_found(&uri))?;
    Ok(Json(wire::message(found)))
}

/// Redacts (`Body=` empty) or calls a scheduled message off (`Status=canceled`).
async fn change_message(
    State(twilio): State<Arc<Twilio>>,
    uri: Uri,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    twilio.admit(&headers, &account_sid, &uri)?;
    twilio.advance();
    let form = Form::of_body(&headers, &body);
    let (is_redacted, is_canceled) = match (form.given("Body"), form.get("Status")) {
        (Some(""), None) => (true, false),
        (None, Some("canceled")) => (false, true),
        (Some(_), _) => return Err(Refusal::ParameterInvalid("Body")),
        (None, _) => return Err(Refusal::ParameterInvalid("Status")),
    };
    let now = twilio.now();
    let mut state = twilio.lock();
    let sid = sid_of(&file, &uri)?;
    let mut message = state.message(&account_sid, sid).cloned().ok_or_else(|| not_found(&uri))?;
    message.updated_at = now;
    if is_redacted {
        message.body.clear();
    }
    if is_canceled {
        cancel(&mut message)?;
    }
    state.replace(message.clone());
    Ok(Json(wire::message(&message)))
}

fn cancel(message: &mut Message) -> Result<(), Refusal> {
    if message.status != Status::Scheduled {
        return Err(Refusal::StateForbids(message.status.as_str()));
    }
    message.status = Status::Canceled;
    message.next_at = None;
    Ok(())
}

async fn delete_message(
    State(twilio): State<Arc<Twilio>>,
    uri: Uri,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    twilio.admit(&headers, &account_sid, &uri)?;
    if twilio.lock().forget(&account_sid, sid_of(&file, &uri)?) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(not_found(&uri))
    }
}
