//! Stripe's paths, and what comes with every answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;

use super::refusal::Refusal;
use super::{Stripe, wire};

/// The version that answers requests which name none.
const VERSION_DEFAULT: HeaderValue = HeaderValue::from_static("2026-10-28.endive");
const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What a restricted key needs to read its account.
const READ_ACCOUNT: &str = "rak_accounts_kyc_id_numbers_read";

pub(super) fn router(stripe: Arc<Stripe>) -> Router {
    Router::new()
        .route("/v1/account", get(show_account))
        .fallback(unknown)
        .layer(from_fn(name_request))
        .with_state(stripe)
}

/// Each answer has an id, and says by which version it was made.
async fn name_request(request: Request, next: Next) -> Response {
    let version = request.headers().get(VERSION).cloned().unwrap_or(VERSION_DEFAULT);
    let mut response = if is_version(&version) {
        next.run(request).await
    } else {
        let shown = String::from_utf8_lossy(version.as_bytes()).into_owned();
        Refusal::VersionInvalid(shown).into_response()
    };
    let id = format!("req_{:016x}", rand::random::<u64>());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("hexadecimal digits are a header value"));
    headers.insert(VERSION, version);
    response
}

/// A date, and since 2024 a name behind it: `2026-10-28.endive`.
fn is_version(version: &HeaderValue) -> bool {
    let text = version.to_str().unwrap_or_default();
    let (date, name) = text.split_once('.').unwrap_or((text, "a"));
    let is_date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok();
    is_date && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

async fn show_account(State(stripe): State<Arc<Stripe>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    Ok(Json(wire::account(&stripe.admit(&headers, READ_ACCOUNT)?)))
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Refusal::PathUnknown(format!("{method}: {}", uri.path()))
}
