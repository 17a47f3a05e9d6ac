//! Latchkey's own daemon at the door (`services/relay-controller/API.md`): JSON over TLS, with the certificate that its
//! line names, and a key.
//!
//! It knows requests by their ids, so what became of one whose answer was lost is asked of it; and it keeps lockdowns
//! itself, against its own PINs too.

mod round;

use std::time::Duration;

use async_trait::async_trait;
use domain::OperationId;
use door_adapter::{AccessReason, ErrorKind, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{Effect, ErrorAnswer, Profile, VendorError, Verdict};

use super::http::{self, Line};
pub(crate) use round::{Entry, ListState};

use super::{
    Description, Driver, Lease, Moment, PULSE_MAX, Relay, RelayState, Timing, Wish, no_relay, still_closed,
};

/// The controller to vendor-http.
pub(crate) const PROFILE: Profile = Profile { name: "relay-controller", limit: None, read_error };

/// Longest lease that it takes.
const LEASE_MAX: Duration = Duration::from_secs(60);
const TIMING: Timing = Timing::Told { unit: Duration::from_millis(1), max: LEASE_MAX };

/// A controller.
pub(crate) struct Controller {
    line: Line,
    key: SecretString,
    login: HeaderValue,
}

/// `GET /v1/describe`.
#[derive(Debug, Deserialize)]
struct Described {
    model: String,
    version: String,
    channels: u16,
}

/// A channel.
#[derive(Debug, Deserialize)]
struct Channel {
    on: bool,
}

/// What a pulse or hold was answered.
#[derive(Debug, Deserialize)]
struct Answered {
    /// Of a pulse.
    ms: Option<u64>,
    /// Of a hold.
    lease_ms: Option<u64>,
    /// Of a renewal.
    off_in_ms: Option<u64>,
}

impl Controller {
    pub(crate) fn new(line: Line, key: Option<&SecretString>) -> Result<Self, ProviderError> {
        let key = key.ok_or_else(|| {
            ProviderError::new(ErrorKind::Unauthorized, "it asks for a key, and none is listed")
        })?;
        let mut login = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
            .map_err(|_| ProviderError::new(ErrorKind::Unauthorized, "its key can't be sent"))?;
        login.set_sensitive(true);
        Ok(Self { line, key: key.clone(), login })
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        segments: &[&str],
        template: &'static str,
    ) -> Result<T, VendorError> {
        let call = self.line.call(Method::GET, segments, &[], template);
        self.line.client.send(call.header(header::AUTHORIZATION, self.login.clone())).await?.json()
    }

    /// Tells a channel something.
    async fn tell<T: for<'de> Deserialize<'de>>(
        &self,
        relay: Relay,
        what: &'static str,
        template: &'static str,
        body: &Value,
    ) -> Result<T, ProviderError> {
        let segments = ["v1", "channels", &relay.to_string(), what];
        let call = self.line.call(Method::POST, &segments, &[], template).json(body);
        let answer = self.line.client.send(call.header(header::AUTHORIZATION, self.login.clone())).await;
        Ok(answer.map_err(|error| failure(error, relay))?.json()?)
    }

    async fn channel(&self, relay: Relay) -> Result<Channel, ProviderError> {
        let channel = self.get(&["v1", "channels", &relay.to_string()], "/v1/channels/{channel}").await;
        channel.map_err(|error| failure(error, relay))
    }
}

/// What a failed call means.
fn failure(error: VendorError, relay: Relay) -> ProviderError {
    match error.code() {
        Some("CHANNEL_UNKNOWN") => no_relay(relay),
        Some("LOCKED_DOWN") => {
            let error = http::failure(error, true);
            error.meaning(ErrorKind::Rejected, "it is locked down").with_code(AccessReason::DoorLockedDown)
        }
        _ => http::failure(error, true),
    }
}

#[async_trait]
impl Driver for Controller {
    async fn describe(&self) -> Result<Description, ProviderError> {
        let described: Result<Described, VendorError> = self.get(&["v1", "describe"], "/v1/describe").await;
        let Described { model, version, channels } = described.map_err(|error| http::failure(error, true))?;
        let mut relays = Vec::new();
        for relay in (1..=channels).filter_map(Relay::new) {
            relays.push(self.read(relay).await?);
        }
        Ok(Description { model, firmware: version, relays })
    }

    async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError> {
        Ok(RelayState { is_closed: self.channel(relay).await?.on, timing: Ok(TIMING) })
    }

    async fn close(&self, relay: Relay, wish: Wish) -> Result<Duration, ProviderError> {
        let ms = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let answered: Answered = match wish {
            Wish::Moment(Moment { id, length }) => {
                let length = length.map(|length| TIMING.pulse(Some(length))).transpose()?;
                let mut body = json!({ "id": id });
                if let Some(length) = length {
                    body["ms"] = json!(ms(length));
                }
                self.tell(relay, "pulse", "/v1/channels/{channel}/pulse", &body).await?
            }
            Wish::Lease(Lease { hold, length, lasts: Some(left) }) => {
                let body = json!({ "id": hold, "lease_ms": ms(TIMING.lease(length)?), "for_ms": ms(left) });
                self.tell(relay, "hold", "/v1/channels/{channel}/hold", &body).await?
            }
            Wish::Lease(Lease { hold, length, lasts: None }) => {
                let body = json!({ "hold": hold, "lease_ms": ms(TIMING.lease(length)?) });
                self.tell(relay, "renew", "/v1/channels/{channel}/renew", &body).await?
            }
        };
        let ms = answered.ms.or(answered.lease_ms).or(answered.off_in_ms);
        Ok(ms.map_or(PULSE_MAX, Duration::from_millis))
    }

    async fn release(&self, relay: Relay) -> Result<(), ProviderError> {
        let body = json!({ "id": OperationId::new().uuid() });
        self.tell::<Value>(relay, "lock", "/v1/channels/{channel}/lock", &body).await?;
        let channel = self.channel(relay).await.map_err(ProviderError::with_unknown_outcome)?;
        if channel.on { Err(still_closed(relay)) } else { Ok(()) }
    }

    async fn set_locked_down(&self, relay: Relay, is_locked_down: bool) -> Result<(), ProviderError> {
        let body = json!({ "id": OperationId::new().uuid() });
        let (what, template) = match is_locked_down {
            true => ("lock-down", "/v1/channels/{channel}/lock-down"),
            false => ("lift", "/v1/channels/{channel}/lift"),
        };
        self.tell::<Value>(relay, what, template, &body).await?;
        Ok(())
    }

    fn keeps_leases(&self) -> bool {
        true
    }

    async fn was_done(&self, id: Uuid) -> Result<Option<bool>, ProviderError> {
        let found: Result<Value, VendorError> =
            self.get(&["v1", "requests", &id.to_string()], "/v1/requests/{id}").await;
        match found {
            Ok(_) => Ok(Some(true)),
            Err(error) if error.code() == Some("REQUEST_UNKNOWN") => Ok(Some(false)),
            Err(error) => Err(http::failure(error, true)),
        }
    }
}

/// `{"error": {"reason", "message"}}`; what was refused has had no effect, and what failed may have had one.
fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    #[derive(Deserialize)]
    struct Refusal {
        error: Reason,
    }
    #[derive(Deserialize)]
    struct Reason {
        reason: String,
        message: String,
    }
    let Ok(Refusal { error: Reason { reason, message } }) = serde_json::from_slice(answer.body) else {
        return;
    };
    if matches!(reason.as_str(), "BUSY" | "STOPPING") {
        verdict.effect = Effect::None;
    }
    (verdict.code, verdict.message) = (Some(reason), Some(message));
}
