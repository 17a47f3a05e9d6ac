//! ID tokens (OpenID Connect Core, 2), and what can be wrong with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::keys::{Algorithm, Key, Keyring};
use super::person::{Person, PersonClaims};
use super::state::SignIn;

/// How long an ID token holds.
const LIFETIME: Duration = Duration::minutes(5);

/// What an ID token can have wrong: each a reason to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The nonce of another sign-in.
    WrongNonce,
    /// Meant for another client.
    WrongAudience,
    /// From another provider.
    WrongIssuer,
    /// Its time was over a day ago.
    Expired,
    /// Signed with a key that is in no published set.
    UnpublishedKey,
    /// Signed with another key than the published one that it names.
    ForgedSignature,
    /// Not signed at all: `"alg": "none"`.
    AlgNone,
}

/// That ID tokens shall be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlawOrder {
    /// What.
    pub flaw: Flaw,
    /// How many tokens. None: until told otherwise.
    #[serde(default)]
    pub times: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    at_hash: String,
    #[serde(flatten)]
    person: PersonClaims,
}

impl Claims {
    pub(super) fn new(
        issuer: String,
        sign_in: &SignIn,
        person: &Person,
        access_token: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer,
            aud: sign_in.client_id.clone(),
            exp: (now + LIFETIME).timestamp(),
            iat: now.timestamp(),
            auth_time: sign_in.at.timestamp(),
            nonce: sign_in.nonce.clone(),
            at_hash: half_hash(access_token),
            person: person.claims(&sign_in.scopes),
        }
    }

    /// The token, with its flaw if it has one.
    pub(super) fn sign(mut self, keyring: &Keyring, flaw: Option<Flaw>) -> String {
        let key = keyring.current();
        match flaw {
            None => {}
            Some(Flaw::WrongNonce) => self.nonce = Some("of-another-sign-in".to_owned()),
            Some(Flaw::WrongAudience) => self.aud = "another-client".to_owned(),
            Some(Flaw::WrongIssuer) => self.iss = "https://another-issuer.test".to_owned(),
            Some(Flaw::Expired) => {
                let day = Duration::days(1).num_seconds();
                (self.iat, self.exp, self.auth_time) = (self.iat - day, self.exp - day, self.auth_time - day);
            }
            Some(Flaw::UnpublishedKey) => {
                let stranger = Key::generate(Algorithm::Es256);
                return stranger.sign(&self, stranger.kid());
            }
            Some(Flaw::ForgedSignature) => return Key::generate(Algorithm::Es256).sign(&self, key.kid()),
            Some(Flaw::AlgNone) => {
                let part = |value| URL_SAFE_NO_PAD.encode(json!(value).to_string());
                let header = json!({ "alg": "none", "typ": "JWT" });
                return format!("{}.{}.", part(header), part(json!(self)));
            }
        }
        key.sign(&self, key.kid())
    }
}

/// `at_hash`: the left half of the access token's hash (OpenID Connect Core, 3.1.3.6).
fn half_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_gives_the_published_hash() {
        // OpenID Connect Core 1.0, appendix A.3.
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
