//! The UniFi Access twin: one console with its doors, visitors and readers.
//!
//! Follows UniFi Access's API reference. It is served twice: below the sandbox's prefix in plain, for tests of single
//! calls, and by [`Unifi::open`] over TLS, as a real console is, with a certificate that it made itself and that names
//! no address. Left out: groups of users, import of cards, holiday groups, schedules by which doors are unlocked,
//! websocket, Touch Pass, identity resources, images. Where the real behaviour is not documented or varies, [`Switches`]
//! choose.

mod access;
mod cards;
mod certificate;
mod control;
mod credentials;
mod devices;
mod doors;
mod fields;
mod groups;
mod inspect;
mod logs;
mod model;
mod policies;
mod readers;
mod refusal;
mod routes;
mod state;
mod switches;
mod token;
mod users;
mod versions;
mod visitors;
mod webhooks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use domain::{Clock as _, Timestamp};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::guard::Guard;
use crate::server::{Tls, accept};
use crate::{Twin, TwinParts, Vendor, credentials as header};

pub use access::AccessWindow;
pub use inspect::{DoorNow, UserNow};
pub use model::{DoorSeed, GroupSeed, LogEntry, Token};
pub use switches::{RefusalStyle, ScopeRefusal, Switches, VersionRefusal, WebhookFlaw};

use certificate::Identity;
use refusal::Refusal;
use state::State;
use token::Scope;

/// The console that the twin starts with.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it is reached over TLS. None: nowhere, until it is [opened](Unifi::open).
    pub listen: Option<SocketAddr>,
    /// What the building is called.
    pub building: String,
    /// The console's time zone.
    pub time_zone: String,
    /// Tokens of its API, by themselves.
    pub tokens: BTreeMap<String, Token>,
    /// Its doors.
    pub doors: Vec<DoorSeed>,
    /// Its own groups of doors.
    pub groups: Vec<GroupSeed>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            building: "Building".to_owned(),
            time_zone: "Etc/UTC".to_owned(),
            tokens: BTreeMap::new(),
            doors: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// The UniFi Access twin.
pub struct Unifi {
    config: Config,
    parts: TwinParts,
    guard: Guard,
    state: Mutex<State>,
    identity: Mutex<Arc<Identity>>,
    /// Connections that were made since it shows this certificate.
    connections: Mutex<CancellationToken>,
    address: Mutex<Option<SocketAddr>>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

/// Connections that it serves at once; further ones wait.
const CONNECTIONS_MAX: usize = 256;

impl Unifi {
    pub(crate) fn new(config: Config, parts: TwinParts, guard: Guard) -> Self {
        let shutdown = CancellationToken::new();
        Self {
            state: Mutex::new(State::seeded(&config)),
            identity: Mutex::new(Arc::new(Identity::generate())),
            connections: Mutex::new(shutdown.child_token()),
            address: Mutex::default(),
            tracker: TaskTracker::new(),
            shutdown,
            config,
            parts,
            guard,
        }
    }

    /// Has it served over TLS there. The address, with the port that it got.
    pub async fn open(self: &Arc<Self>, listen: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let router = self.guard.before(self.clone(), self.clone().router());
        let this = self.clone();
        let tls = Tls {
            acceptor: TlsAcceptor::from(certificate::shown_by(self)),
            until: Box::new(move || this.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        };
        self.tracker.spawn(accept(listener, Some(tls), router, CONNECTIONS_MAX, self.shutdown.clone()));
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        Ok(address)
    }

    /// Where it is served over TLS, if it is.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it where the configuration says.
    pub(crate) async fn open_configured(self: &Arc<Self>) -> std::io::Result<()> {
        match self.config.listen {
            Some(listen) => self.open(listen).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Serves it no longer.
    pub(crate) async fn close(&self) {
        self.shutdown.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.lock().switches);
    }

    /// How it behaves.
    pub fn switches(&self) -> Switches {
        self.lock().switches.clone()
    }

    /// Shows a new certificate, with a new key; as after a restart, connections that there are come to their end.
    pub fn rotate_certificate(&self) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Identity::generate());
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *connections, self.shutdown.child_token()).cancel();
    }

    /// The certificate that it shows now, as DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.identity().certificate().to_vec()
    }

    fn identity(&self) -> Arc<Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a caller whose token has the scope.
    fn admit(&self, headers: &http::HeaderMap, scope: Scope) -> Result<MutexGuard<'_, State>, Refusal> {
        let state = self.lock();
        state.admit(header::bearer(headers), scope, self.now())?;
        Ok(state)
    }
}

impl Twin for Unifi {
    fn vendor(&self) -> Vendor {
        Vendor::Unifi
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    /// The token's name.
    fn account(&self, request: &Parts) -> Option<String> {
        let state = self.lock();
        let token = state.tokens.get(header::bearer(&request.headers)?)?;
        Some(token.name.clone())
    }

    fn error_body(&self, status: StatusCode) -> Value {
        let code = if status.is_client_error() { "CODE_PARAMS_INVALID" } else { "CODE_SYSTEM_ERROR" };
        json!({ "code": code, "msg": status.canonical_reason().unwrap_or("Error") })
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        let identity = self.identity();
        serde_json::to_value(json!({ "state": &*self.lock(), "identity": &*identity }))
    }

    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        struct Saved {
            state: State,
            identity: Identity,
        }
        let saved: Saved = serde_json::from_value(saved)?;
        *self.lock() = saved.state;
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(saved.identity);
        Ok(())
    }

    fn reset(&self) {
        *self.lock() = State::seeded(&self.config);
    }

    fn tick(&self) {
        let now = self.now();
        let mut state = self.lock();
        for change in state.follow_clock(now) {
            state.tell(&self.parts.deliveries, &change, now);
        }
    }
}
