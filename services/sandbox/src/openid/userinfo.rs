//! The userinfo endpoint (OpenID Connect Core, 5.3; RFC 6750).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::OpenId;
use super::person::PersonClaims;
use crate::credentials;

/// Why nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    TokenMissing,
    TokenInvalid,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let challenge = HeaderValue::from_static(match self {
            Self::TokenMissing => "Bearer",
            Self::TokenInvalid => "Bearer error=\"invalid_token\"",
        });
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

impl OpenId {
    /// What the access token lets its bearer know of the person.
    pub(super) fn user_info(&self, headers: &HeaderMap) -> Result<Json<PersonClaims>, Refusal> {
        let token = credentials::bearer(headers).ok_or(Refusal::TokenMissing)?;
        let now = self.now();
        let state = self.lock();
        let sign_in = state.sign_in(token, now).ok_or(Refusal::TokenInvalid)?;
        let person = state.people.get(&sign_in.sub).ok_or(Refusal::TokenInvalid)?;
        Ok(Json(person.claims(&sign_in.scopes)))
    }
}
