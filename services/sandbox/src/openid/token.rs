//! The token endpoint (OpenID Connect Core, 3.1.3; RFC 6749, 4.1.3 and 5; RFC 7636, 4.6).

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::OpenId;
use super::client::Client;
use super::id_token::Claims;
use super::parameters::{Parameters, Repeated};
use super::state::TOKEN_LIFETIME;
use crate::credentials;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("the client is unknown, or this is not how it proves itself")]
    InvalidClient,
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("the only grant_type is authorization_code")]
    UnsupportedGrantType,
}

impl Refusal {
    /// RFC 6749, 5.2.
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::Repeated(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.code(), "error_description": self.to_string() }));
        match self {
            Self::InvalidClient => {
                let challenge = HeaderValue::from_static("Basic realm=\"openid\"");
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], body).into_response()
            }
            _ => (StatusCode::BAD_REQUEST, body).into_response(),
        }
    }
}

impl OpenId {
    /// Tokens for a code.
    pub(super) fn exchange(
        &self,
        issuer: String,
        headers: &HeaderMap,
        parameters: &Parameters,
    ) -> Result<Value, Refusal> {
        let client = self.authenticate(headers, parameters)?;
        match parameters.get("grant_type") {
            Some("authorization_code") => {}
            Some(_) => return Err(Refusal::UnsupportedGrantType),
            None => return Err(Refusal::InvalidRequest("the grant_type is missing")),
        }
        let code = parameters.get("code").ok_or(Refusal::InvalidRequest("the code is missing"))?;

        let now = self.now();
        let mut state = self.lock();
        let sign_in = state
            .spend(code, now)
            .ok_or(Refusal::InvalidGrant("the code is unknown, spent or more than a minute old"))?;
        if sign_in.client_id != client.id {
            return Err(Refusal::InvalidGrant("the code is another client's"));
        }
        if parameters.get("redirect_uri") != Some(&sign_in.redirect_uri) {
            return Err(Refusal::InvalidGrant("the redirect_uri is not that of the sign-in"));
        }
        if !fits(parameters.get("code_verifier"), sign_in.code_challenge.as_deref()) {
            return Err(Refusal::InvalidGrant("the code_verifier does not fit the code_challenge"));
        }
        let person = state.people.get(&sign_in.sub).cloned();
        let person = person.ok_or(Refusal::InvalidGrant("the person is no longer there"))?;

        let access_token = state.add_token(sign_in.clone(), code, now);
        let flaw = state.take_flaw();
        let claims = Claims::new(issuer, &sign_in, &person, &access_token, now);
        Ok(json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME.num_seconds(),
            "scope": sign_in.scopes.into_iter().collect::<Vec<_>>().join(" "),
            "id_token": claims.sign(&state.keyring, flaw),
        }))
    }

    /// The client that proves itself in one way: by HTTP Basic, by its secret in the form, or, if it has
    /// none, by its id alone.
    fn authenticate(&self, headers: &HeaderMap, parameters: &Parameters) -> Result<&Client, Refusal> {
        let posted = (parameters.get("client_id"), parameters.get("client_secret"));
        let (id, secret) = match (credentials::basic(headers), posted) {
            (Some(_), (_, Some(_))) => {
                return Err(Refusal::InvalidRequest("a client proves itself in one way"));
            }
            (Some((id, secret)), _) => (decoded(&id), Some(decoded(&secret))),
            (None, (Some(id), secret)) => (id.to_owned(), secret.map(str::to_owned)),
            (None, (None, _)) => return Err(Refusal::InvalidClient),
        };
        self.client(&id).filter(|client| client.secret == secret).ok_or(Refusal::InvalidClient)
    }
}

/// Id and secret are form-encoded before they become user and password (RFC 6749, 2.3.1).
fn decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}

/// Of PKCE: both or none.
fn fits(verifier: Option<&str>, challenge: Option<&str>) -> bool {
    verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))).as_deref() == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_verifier_fits_the_published_challenge_and_no_other() {
        // RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(fits(Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), challenge));
        assert!(!fits(Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"), challenge));
        assert!(!fits(None, challenge));
        assert!(!fits(Some("a-verifier-without-a-challenge"), None));
        assert!(fits(None, None));
    }

    #[test]
    fn an_id_in_basic_is_form_decoded() {
        assert_eq!(decoded("a%3Ab+c"), "a:b c");
        assert_eq!(decoded(""), "");
    }
}
