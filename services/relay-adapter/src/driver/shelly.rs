//! Shellies of the second generation and later (shelly-api-docs.shelly.cloud, Gen2): RPC over HTTP, a method in the
//! path.

mod digest;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use door_adapter::{ErrorKind, ProviderError};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vendor_http::http::{Method, header};
use vendor_http::{Answer, Call, Effect, ErrorAnswer, Profile, VendorError, Verdict};

use super::http::{self, Line};
use super::{Description, Driver, LEASE, Relay, RelayState, Timing, Unfit, Wish, no_relay, still_closed};
use digest::Challenge;

/// Shellies to vendor-http.
pub(crate) const PROFILE: Profile = Profile { name: "shelly", limit: None, read_error };

/// Its timer takes fractions of a second.
const UNIT: Duration = Duration::from_millis(100);

/// A Shelly.
pub(crate) struct Shelly {
    line: Line,
    password: Option<SecretString>,
    /// The challenge before, which may hold still.
    challenge: Mutex<Option<Challenge>>,
}

/// A call of a method.
struct Rpc<'a> {
    name: &'static str,
    template: &'static str,
    /// What it is about, where that stands in the address.
    relay: Option<Relay>,
    /// What changes something has a body, and what only reads has none.
    body: Option<&'a Value>,
}

/// `GET /shelly`.
#[derive(Debug, Deserialize)]
struct Device {
    model: String,
    /// The first generation does not say that it is the first.
    #[serde(rename = "gen", default)]
    generation: u32,
    ver: String,
}

/// `Switch.GetStatus`.
#[derive(Debug, Deserialize)]
struct SwitchStatus {
    output: bool,
}

/// `Switch.GetConfig`.
#[derive(Debug, Deserialize)]
struct SwitchConfig {
    in_mode: String,
    initial_state: String,
    auto_on: bool,
    auto_off: bool,
    auto_off_delay: f64,
}

/// `Switch.Set`.
#[derive(Debug, Deserialize)]
struct Set {
    #[serde(rename = "was_on")]
    _was_on: bool,
}

impl SwitchConfig {
    /// For how long it can be closed, if it is set up for a door.
    fn timing(&self, relay: Relay) -> Result<Timing, Unfit> {
        let wrong = |what: &str| Err(Unfit { relay, what: what.to_owned() });
        let auto_off = Duration::try_from_secs_f64(self.auto_off_delay).unwrap_or_default();
        match self {
            Self { auto_on: true, .. } => wrong("auto_on must be off, or it closes by itself"),
            Self { auto_off: false, .. } => {
                wrong("auto_off must be on, as a second net below the timer of each pulse")
            }
            _ if auto_off < LEASE => wrong(&format!("auto_off_delay must be {} or more", LEASE.as_secs())),
            _ if self.initial_state != "off" => {
                wrong("initial_state must be off, or it closes when power comes")
            }
            _ if self.in_mode != "detached" => wrong("in_mode must be detached, or its input closes it"),
            _ => Ok(Timing::Told { unit: UNIT, max: auto_off }),
        }
    }
}

impl Shelly {
    pub(crate) fn new(line: Line, password: Option<SecretString>) -> Self {
        Self { line, password, challenge: Mutex::default() }
    }

    /// Reads something about a relay.
    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        name: &'static str,
        template: &'static str,
        relay: Relay,
    ) -> Result<T, ProviderError> {
        let rpc = Rpc { name, template, relay: Some(relay), body: None };
        let answer = self.send(&rpc).await.map_err(|error| self.failure(error, relay))?;
        Ok(answer.json()?)
    }

    async fn set(&self, relay: Relay, params: Value) -> Result<(), ProviderError> {
        let rpc = Rpc { name: "Switch.Set", template: "/rpc/Switch.Set", relay: None, body: Some(&params) };
        let answer = self.send(&rpc).await.map_err(|error| self.failure(error, relay))?;
        answer.json::<Set>()?;
        Ok(())
    }

    /// Calls a method; once more if the board wants to know anew who calls, for then it has done nothing.
    async fn send(&self, rpc: &Rpc<'_>) -> Result<Answer, VendorError> {
        let first = self.line.client.send(self.call(rpc)).await;
        let Err(error) = &first else { return first };
        let challenge = error.challenge().and_then(Challenge::read).filter(|_| self.password.is_some());
        if error.kind != vendor_http::ErrorKind::Unauthorized || challenge.is_none() {
            return first;
        }
        *self.lock() = challenge;
        self.line.client.send(self.call(rpc)).await
    }

    fn call(&self, rpc: &Rpc<'_>) -> Call {
        let segments = ["rpc", rpc.name];
        let id = rpc.relay.map(|relay| (relay.get() - 1).to_string());
        let query = id.as_deref().map(|id| ("id", id));
        let method = if rpc.body.is_some() { Method::POST } else { Method::GET };
        let call = self.line.call(method.clone(), &segments, query.as_slice(), rpc.template);
        let call = match rpc.body {
            Some(body) => call.json(body),
            None => call,
        };
        let mut challenge = self.lock();
        let (Some(challenge), Some(password)) = (challenge.as_mut(), &self.password) else { return call };
        let url = self.line.base.at(&segments, query.as_slice());
        let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let cnonce = format!("{:016x}", rand::random::<u64>());
        match challenge.answer(password, method.as_str(), &target, &cnonce) {
            Some(answer) => call.header(header::AUTHORIZATION, answer),
            None => call,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Challenge>> {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, error: VendorError, relay: Relay) -> ProviderError {
        match error.code() {
            Some("-105") => no_relay(relay),
            _ => http::failure(error, self.password.is_some()),
        }
    }

    async fn device(&self) -> Result<Device, ProviderError> {
        let answer = self.line.client.send(self.line.call(Method::GET, &["shelly"], &[], "/shelly")).await?;
        let device: Device = answer.json()?;
        if device.generation < 2 {
            let reason = "it is a Shelly of the first generation, which is not supported";
            return Err(ProviderError::new(ErrorKind::Rejected, reason));
        }
        Ok(device)
    }

    async fn count(&self) -> Result<u16, ProviderError> {
        let name = "Shelly.GetStatus";
        let rpc = Rpc { name, template: "/rpc/Shelly.GetStatus", relay: None, body: None };
        let answer = self.send(&rpc).await;
        let answer = answer.map_err(|error| http::failure(error, self.password.is_some()))?;
        let all: Map<String, Value> = answer.json()?;
        Ok((0..)
            .take_while(|id| all.contains_key(&format!("switch:{id}")))
            .count()
            .try_into()
            .unwrap_or(u16::MAX))
    }

    async fn is_closed(&self, relay: Relay) -> Result<bool, ProviderError> {
        let status: SwitchStatus = self.ask("Switch.GetStatus", "/rpc/Switch.GetStatus", relay).await?;
        Ok(status.output)
    }
}

#[async_trait]
impl Driver for Shelly {
    async fn describe(&self) -> Result<Description, ProviderError> {
        let device = self.device().await?;
        let mut relays = Vec::new();
        for relay in (1..=self.count().await?).filter_map(Relay::new) {
            relays.push(self.read(relay).await?);
        }
        Ok(Description { model: device.model, firmware: device.ver, relays })
    }

    async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError> {
        let config: SwitchConfig = self.ask("Switch.GetConfig", "/rpc/Switch.GetConfig", relay).await?;
        Ok(RelayState { is_closed: self.is_closed(relay).await?, timing: config.timing(relay) })
    }

    async fn close(&self, relay: Relay, wish: Wish) -> Result<Duration, ProviderError> {
        let length = wish.length(self.read(relay).await?)?;
        let seconds = length.as_secs_f64();
        self.set(relay, json!({ "id": relay.get() - 1, "on": true, "toggle_after": seconds })).await?;
        Ok(length)
    }

    async fn release(&self, relay: Relay) -> Result<(), ProviderError> {
        self.set(relay, json!({ "id": relay.get() - 1, "on": false })).await?;
        let is_closed = self.is_closed(relay).await.map_err(ProviderError::with_unknown_outcome)?;
        if is_closed { Err(still_closed(relay)) } else { Ok(()) }
    }
}

/// With a method in the path, what a Shelly refuses is 500, with a code (CommonErrors).
fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    #[derive(Deserialize)]
    struct Refusal {
        code: i64,
        message: String,
    }
    use vendor_http::ErrorKind as Kind;
    let Ok(Refusal { code, message }) = serde_json::from_slice(answer.body) else { return };
    let (kind, effect) = match code {
        -103 | -109 => (Kind::Rejected, Effect::None),
        -105 | 404 => (Kind::NotFound, Effect::None),
        // It has too much to do.
        -108 => (Kind::Unreachable, Effect::None),
        _ => (verdict.kind, verdict.effect),
    };
    verdict.is_outage &= effect == Effect::Unknown;
    (verdict.kind, verdict.effect) = (kind, effect);
    (verdict.code, verdict.message) = (Some(code.to_string()), Some(message));
}
