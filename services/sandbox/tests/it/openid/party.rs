//! A client of the provider together with the browser that it sends there.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Clock as _;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{CALLBACK, PUBLIC};
use crate::harness::{Answer, Running, within};

/// Of PKCE; any text of 43 to 128 characters.
pub(super) const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

/// The public client, the address it is reached at, and a browser that follows no redirect.
pub(super) struct Party<'a> {
    running: &'a Running,
    http: reqwest::Client,
}

impl<'a> Party<'a> {
    pub(super) fn new(running: &'a Running) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { running, http }
    }

    pub(super) fn issuer(&self) -> String {
        self.running.url("/openid")
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = within(request.send()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.issuer()))).await
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request(path).form(form)).await
    }

    pub(super) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.issuer()))
    }

    /// What a browser gets that is sent to the authorization endpoint.
    pub(super) async fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        let query = asked(changes);
        self.send(self.http.get(format!("{}/authorize", self.issuer())).query(&query)).await
    }

    /// A code for `sub`, who was chosen on the page.
    pub(super) async fn code(&self, sub: &str, changes: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let mut form = base(&challenge);
        form.extend(changes.iter().copied());
        form.insert("person", sub);
        let answer = self.send(self.request("/sign-in").form(&form)).await;
        sent_back(&answer).remove("code").expect("a code")
    }

    /// The answer of the token endpoint to the public client.
    pub(super) async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut form = BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", PUBLIC),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ]);
        form.extend(changes.iter().copied());
        self.send(self.request("/token").form(&form)).await
    }

    /// The tokens of `sub`.
    pub(super) async fn tokens(&self, sub: &str) -> Value {
        let code = self.code(sub, &[]).await;
        let answer = self.exchange(&code, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    pub(super) async fn user_info(&self, access_token: &Value) -> Answer {
        let request = self.http.get(format!("{}/userinfo", self.issuer()));
        self.send(request.bearer_auth(access_token.as_str().unwrap())).await
    }

    /// What an ID token says, if it is to be believed: all checks of OpenID Connect Core, 3.1.3.7.
    pub(super) async fn verify(&self, tokens: &Value) -> Result<Value, String> {
        let id_token = tokens["id_token"].as_str().unwrap();
        let header = jsonwebtoken::decode_header(id_token).map_err(|error| error.to_string())?;
        let keys: JwkSet = serde_json::from_str(&self.get("/jwks").await.text).unwrap();
        let key = keys.find(header.kid.as_deref().unwrap()).ok_or("the key is not published")?;
        let algorithm = key.common.key_algorithm.unwrap().to_string().parse().unwrap();
        let mut validation = Validation::new(algorithm);
        // By our clock, below.
        validation.validate_exp = false;
        validation.set_audience(&[PUBLIC]);
        validation.set_issuer(&[self.issuer()]);
        let key = DecodingKey::from_jwk(key).unwrap();
        let claims = jsonwebtoken::decode::<Value>(id_token, &key, &validation);
        let claims = claims.map_err(|error| error.to_string())?.claims;
        if claims["exp"].as_i64() <= Some(self.running.clock.now().timestamp()) {
            return Err("expired".to_owned());
        }
        if claims["nonce"] != "n-1" {
            return Err("another nonce".to_owned());
        }
        let hash = Sha256::digest(tokens["access_token"].as_str().unwrap());
        assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&hash[..16]));
        Ok(claims)
    }
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// A request in order.
fn base(challenge: &str) -> BTreeMap<&str, &str> {
    BTreeMap::from([
        ("response_type", "code"),
        ("client_id", PUBLIC),
        ("redirect_uri", CALLBACK),
        ("scope", "openid email profile"),
        ("state", "s 1"),
        ("nonce", "n-1"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ])
}

/// A request in order, with changes; an empty value leaves one out.
fn asked(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let challenge = challenge();
    let mut request = base(&challenge);
    request.extend(changes.iter().copied());
    request.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What a redirect carries back to the client.
pub(super) fn sent_back(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    location(&answer.headers).query_pairs().into_owned().collect()
}

pub(super) fn location(headers: &HeaderMap) -> Url {
    headers["location"].to_str().unwrap().parse().unwrap()
}
