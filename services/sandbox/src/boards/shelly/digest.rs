//! Digest authentication with SHA-256 (RFC 7616; Shelly, Authentication).

use std::collections::HashMap;

use axum::response::{IntoResponse, Response};
use domain::Clock as _;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use sha2::{Digest as _, Sha256};

use super::super::{Board, Device};

/// The only user there is.
const USER: &str = "admin";

/// What is asked of a request that may not call the method.
pub(super) struct Challenge {
    realm: String,
    nonce: i64,
}

impl IntoResponse for Challenge {
    fn into_response(self) -> Response {
        let Self { realm, nonce } = self;
        let challenge = format!(r#"Digest qop="auth", realm="{realm}", nonce="{nonce}", algorithm=SHA-256"#);
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

/// Whether the request may call the method; else the challenge.
pub(super) fn admit(
    board: &Board,
    called: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Challenge> {
    let Device::Shelly(shelly) = board.device() else { return Ok(()) };
    let Some(password) = shelly.password.filter(|_| called != "Shelly.GetDeviceInfo") else { return Ok(()) };
    let now = board.clock.now().timestamp();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let is_admitted = given(headers).is_some_and(|given| {
        let field = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        let issued: i64 = field("nonce").parse().unwrap_or(i64::MIN);
        let is_fresh = (0..shelly.nonce_seconds).contains(&now.saturating_sub(issued));
        let secret = hex(&format!("{USER}:{}:{password}", shelly.id));
        let asked = hex(&format!("{method}:{}", field("uri")));
        let (nonce, nc, cnonce, qop) = (field("nonce"), field("nc"), field("cnonce"), field("qop"));
        let expected = hex(&format!("{secret}:{nonce}:{nc}:{cnonce}:{qop}:{asked}"));
        is_fresh
            && field("username") == USER
            && field("realm") == shelly.id
            && field("uri") == target
            && qop == "auth"
            && field("algorithm") == "SHA-256"
            && field("response") == expected
    });
    if is_admitted { Ok(()) } else { Err(Challenge { realm: shelly.id, nonce: now }) }
}

/// The fields of the header, without quotes.
fn given(headers: &HeaderMap) -> Option<HashMap<String, String>> {
    let fields = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Digest ")?;
    let pairs = fields.split(',').filter_map(|field| field.trim().split_once('='));
    Some(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect())
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
