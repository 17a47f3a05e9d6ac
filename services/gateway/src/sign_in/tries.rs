//! Codes, refresh tokens and tickets that may be wrong: they count as wrong tokens do.

use std::net::IpAddr;

use axum::response::{IntoResponse as _, Response};
use chassis::auth::AuthError;
use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::SignIn;
use super::routes::refuse;
use super::ticket::Ticket;
use crate::refusal::Refusal;
use crate::wrong_tokens::Try;

impl SignIn {
    /// Remembers a code or refresh token that is given out.
    pub(super) fn note_issued(&self, secret: &str) {
        self.issued.insert(Sha256::digest(secret).into(), ());
    }

    /// Begins to look at a code or refresh token. One that was given out here is no try.
    pub(super) fn begin(&self, secret: &str, from: IpAddr) -> Result<Option<Try<'_>>, Refusal> {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        if self.issued.contains_key(&hash) { Ok(None) } else { self.wrong.begin(from).map(Some) }
    }

    /// Reads the ticket that a browser brings; `None` if there is none, or one of no use any more.
    pub(super) fn ticket<T: Ticket>(&self, text: Option<&str>, from: IpAddr) -> Result<Option<T>, Refusal> {
        let Some(text) = text else { return Ok(None) };
        let tried = self.wrong.begin(from)?;
        let read = self.tickets.read(text);
        if matches!(read, Ok(_) | Err(AuthError::TokenExpired)) {
            tried.forgive();
        }
        Ok(read.ok())
    }

    /// Tells a person that too much from their network was wrong.
    pub(super) fn put_off(&self, refusal: Refusal) -> Response {
        let text = "Too much that came from your network was wrong. Wait a minute, go back and try again.";
        (StatusCode::TOO_MANY_REQUESTS, retry_after(refusal), self.pages.problem(text)).into_response()
    }
}

/// Tells a client the same.
pub(super) fn too_many(refusal: Refusal) -> Response {
    let description = "too many wrong codes or tokens came from your address; wait";
    let body = refuse(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", description);
    (retry_after(refusal), body).into_response()
}

fn retry_after(refusal: Refusal) -> [(header::HeaderName, String); 1] {
    let seconds = refusal.retry().unwrap_or_default().as_secs_f64().ceil();
    [(header::RETRY_AFTER, seconds.to_string())]
}
