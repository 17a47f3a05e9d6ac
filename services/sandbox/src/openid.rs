//! The OpenID provider: sign-in by the code flow, without passwords.
//!
//! Follows OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749 with RFC 7636 (PKCE) and RFC 9207 (`iss` in
//! answers). Owns people, signing keys, codes and access tokens; the registered clients come from the
//! configuration. Deliberately absent: sessions (everyone chooses anew whom to sign in as), refresh tokens,
//! other flows, request objects, registration of clients.

mod authorize;
mod client;
mod control;
mod discovery;
mod id_token;
mod issuer;
mod keys;
mod pages;
mod parameters;
mod person;
mod routes;
mod state;
mod token;
mod userinfo;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use chrono::Duration;
use domain::{Clock as _, Timestamp};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

pub use client::Client;
pub use id_token::{Flaw, FlawOrder};
pub use keys::{Algorithm, ShownKey};
pub use person::Person;

use crate::{Twin, TwinParts, Vendor, credentials};
use keys::Key;
use pages::Pages;
use parameters::Parameters;
use state::State;

/// What the OpenID provider takes as configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The issuer, for a sandbox behind another address than its own. None: the address that a request
    /// was sent to, such as `http://127.0.0.1:7401/openid`.
    pub issuer: Option<String>,
    /// Who may have people sign in.
    pub clients: Vec<Client>,
    /// The people that exist from the start.
    pub people: Vec<Person>,
}

/// The OpenID provider.
pub struct OpenId {
    config: Config,
    parts: TwinParts,
    pages: Pages,
    state: Mutex<State>,
}

impl OpenId {
    pub(crate) fn new(config: Config, parts: TwinParts) -> Self {
        let state = Mutex::new(State::seeded(&config.people));
        Self { config, parts, pages: Pages::new(), state }
    }

    /// Everyone who can sign in, in the order of their subs.
    pub fn people(&self) -> Vec<Person> {
        self.lock().people.values().cloned().collect()
    }

    /// Adds a person, or replaces the one with the same sub.
    pub fn put_person(&self, person: Person) {
        self.lock().people.insert(person.sub.clone(), person);
    }

    /// Forgets a person and their tokens; whether they were there.
    pub fn remove_person(&self, sub: &str) -> bool {
        self.lock().people.remove(sub).is_some()
    }

    /// Signs with a new key from now on. The one before stays published for as long as `stays`. Returns
    /// the new key's id. Finding a key for RS256 takes a second or more.
    pub fn rotate(&self, algorithm: Algorithm, stays: Duration) -> String {
        let key = Key::generate(algorithm);
        let kid = key.kid().to_owned();
        let now = self.now();
        self.lock().keyring.rotate(key, now, stays);
        kid
    }

    /// The keys that are published, the one that signs first.
    pub fn keys(&self) -> Vec<ShownKey> {
        let now = self.now();
        self.lock().keyring.shown(now)
    }

    /// Lets ID tokens be wrong from now on. None: right again.
    pub fn set_flaw(&self, flaw: Option<FlawOrder>) {
        self.lock().flaw = flaw.filter(|order| order.times != Some(0));
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.config.clients.iter().find(|client| client.id == id)
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Twin for OpenId {
    fn vendor(&self) -> Vendor {
        Vendor::OpenId
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    /// The client, where the query or the header names it. One that names itself in a form is not seen.
    fn account(&self, request: &Parts) -> Option<String> {
        if let Some(token) = credentials::bearer(&request.headers) {
            let now = self.now();
            return self.lock().sign_in(token, now).map(|sign_in| sign_in.client_id.clone());
        }
        let named = match credentials::basic(&request.headers) {
            Some((id, _)) => Some(id),
            None => Parameters::read(request.uri.query().unwrap_or_default().as_bytes())
                .ok()
                .and_then(|parameters| parameters.get("client_id").map(str::to_owned)),
        };
        named.filter(|id| self.client(id).is_some())
    }

    fn error_body(&self, status: StatusCode) -> Value {
        let error = match status {
            StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
            status if status.is_client_error() => "invalid_request",
            _ => "server_error",
        };
        json!({ "error": error, "error_description": status.canonical_reason() })
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&*self.lock())
    }

    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.lock() = serde_json::from_value(saved)?;
        Ok(())
    }

    fn reset(&self) {
        *self.lock() = State::seeded(&self.config.people);
    }
}
