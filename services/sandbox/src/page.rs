//! The page at `/`: what came in, for people. Mails, texts, and who may open which doors.
//!
//! One HTML document without anything from elsewhere; its script asks `/_page/feed` every other second. All that
//! the twins were sent is shown as text, but for the HTML body of a mail, which stands in a sandboxed frame
//! where no script runs.

mod doors;
mod feed;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use sha2::{Digest as _, Sha256};

use crate::Sandbox;

const DOCUMENT: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let document: Arc<str> = DOCUMENT.replace("{style}", STYLE).replace("{script}", SCRIPT).into();
    Router::new()
        .route("/", get(move || async move { page(&document) }))
        .route("/_page/feed", get(show_feed))
        .with_state(sandbox.clone())
}

fn page(document: &str) -> Response {
    // Frames inherit the policy: a mail can show its images and styles, and run nothing.
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; connect-src 'self'; \
         img-src 'self' data: https:; frame-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        STANDARD.encode(Sha256::digest(SCRIPT))
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&policy).expect("the policy is printable ASCII"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, document.to_owned()).into_response()
}

async fn show_feed(State(sandbox): State<Sandbox>) -> Json<feed::Feed> {
    Json(feed::read(&sandbox))
}
