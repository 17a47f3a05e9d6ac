//! Boards with Tasmota (tasmota.github.io, Commands): one command a call.
//!
//! Its timer is `PulseTime`, a setting that is written to flash, so it is set once and read before each use: a relay
//! has one length for all.

use std::time::Duration;

use async_trait::async_trait;
use domain::Host;
use door_adapter::{ErrorKind, ProviderError};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{Call, ErrorAnswer, Profile, Verdict};

use super::http::{self, Line};
use super::{Description, Driver, Relay, RelayState, Timing, Unfit, Wish, no_relay, still_closed};

/// Tasmota to vendor-http: its statuses say all.
pub(crate) const PROFILE: Profile = Profile { name: "tasmota", limit: None, read_error };

/// The only user that there is.
const USER: &str = "admin";

/// A board with Tasmota.
pub(crate) struct Tasmota {
    line: Line,
    login: Option<HeaderValue>,
    /// It answers its own pages only, or what says that it comes from them.
    referer: HeaderValue,
}

/// Settings that must be as in a door, what they show then, and why.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("PowerOnState", "0", "PowerOnState must be 0, or it closes when power comes"),
    ("SetOption0", "OFF", "SetOption0 must be 0, or it closes after a restart if it was closed before"),
    ("SetOption73", "ON", "SetOption73 must be 1, or its buttons and inputs close it"),
];

/// `PulseTime`.
#[derive(Debug, Deserialize)]
struct PulseTime {
    #[serde(rename = "Set")]
    set: u64,
}

impl PulseTime {
    /// For how long it closes the contact.
    fn length(&self) -> Option<Duration> {
        match self.set {
            0 => None,
            steps @ 1..=111 => Some(Duration::from_millis(steps * 100)),
            seconds => Some(Duration::from_secs(seconds - 100)),
        }
    }
}

impl Tasmota {
    pub(crate) fn new(
        line: Line,
        host: &Host,
        password: Option<&SecretString>,
    ) -> Result<Self, ProviderError> {
        let referer = HeaderValue::try_from(format!("http://{host}/"))
            .map_err(|_| ProviderError::new(ErrorKind::Rejected, "its host can't be called"))?;
        let login = password.map(|password| http::basic(USER, password)).transpose()?;
        Ok(Self { line, login, referer })
    }

    fn call(&self, command: &str) -> Call {
        let call = self.line.call(Method::GET, &["cm"], &[("cmnd", command)], "/cm");
        let call = call.header(header::REFERER, self.referer.clone());
        match &self.login {
            Some(login) => call.header(header::AUTHORIZATION, login.clone()),
            None => call,
        }
    }

    /// Its answer: log lines stitched together, so that only what was asked for counts.
    async fn send(&self, call: Call) -> Result<(Map<String, Value>, vendor_http::Answer), ProviderError> {
        let answer = self.line.client.send(call).await;
        let answer = answer.map_err(|error| http::failure(error, self.login.is_some()))?;
        let fields: Map<String, Value> = answer.json()?;
        if fields.contains_key("WARNING") {
            let reason = "it wants another key than is listed";
            return Err(ProviderError::new(ErrorKind::Unauthorized, reason));
        }
        if fields.get("Command").and_then(Value::as_str) == Some("Unknown") {
            let reason = "its Tasmota does not know what it is asked";
            return Err(ProviderError::new(ErrorKind::Rejected, reason));
        }
        Ok((fields, answer))
    }

    async fn ask(&self, command: &str, key: &str) -> Result<Value, ProviderError> {
        let (mut fields, answer) = self.send(self.call(command)).await?;
        fields.remove(key).ok_or_else(|| answer.malformed("what was asked for is not in it").into())
    }

    /// A relay's contact by what `Power` answers. The only relay of a board may have no number.
    fn contact(fields: &Map<String, Value>, relay: Relay) -> Option<bool> {
        let only = fields.get("POWER").filter(|_| relay.get() == 1);
        match fields.get(&format!("POWER{relay}")).or(only)?.as_str()? {
            "ON" => Some(true),
            "OFF" => Some(false),
            _ => None,
        }
    }

    /// Reads a relay, or tells it something first. Gives whether its contact is closed then.
    async fn power(&self, relay: Relay, word: Option<&str>) -> Result<bool, ProviderError> {
        let call = match word {
            None => self.call(&format!("Power{relay}")),
            Some(word) => self.call(&format!("Power{relay} {word}")).changing(),
        };
        let (fields, answer) = self.send(call).await.map_err(|error| match error.kind {
            // It knows no command for a relay that it does not have.
            ErrorKind::Rejected => no_relay(relay),
            _ => error,
        })?;
        Self::contact(&fields, relay).ok_or_else(|| answer.malformed("the relay is not in it").into())
    }

    /// What all relays have in common must be as in a door.
    async fn settings(&self, relay: Relay) -> Result<Result<(), Unfit>, ProviderError> {
        for (setting, wanted, what) in SETTINGS {
            let shown = match self.ask(setting, setting).await? {
                Value::String(word) => word,
                other => other.to_string(),
            };
            if shown != wanted {
                return Ok(Err(Unfit { relay, what: what.to_owned() }));
            }
        }
        Ok(Ok(()))
    }

    async fn timing(&self, relay: Relay) -> Result<Result<Timing, Unfit>, ProviderError> {
        let command = format!("PulseTime{relay}");
        let shown = self.ask(&command, &command).await?;
        let Ok(shown) = serde_json::from_value::<PulseTime>(shown) else {
            return Err(ProviderError::new(ErrorKind::Malformed, "its PulseTime can't be read"));
        };
        let what = format!("{command} must be set: without, it does not open by itself");
        Ok(shown.length().map(Timing::Fixed).ok_or(Unfit { relay, what }))
    }

    /// How many relays it has.
    async fn count(&self) -> Result<u16, ProviderError> {
        let (fields, _) = self.send(self.call("State")).await?;
        let relays = (1..).map_while(Relay::new).take_while(|relay| Self::contact(&fields, *relay).is_some());
        Ok(relays.count().try_into().unwrap_or(u16::MAX))
    }

    async fn firmware(&self) -> Result<String, ProviderError> {
        let shown = self.ask("Status 2", "StatusFWR").await?;
        Ok(shown.get("Version").and_then(Value::as_str).unwrap_or_default().to_owned())
    }
}

#[async_trait]
impl Driver for Tasmota {
    async fn describe(&self) -> Result<Description, ProviderError> {
        let firmware = self.firmware().await?;
        let mut relays = Vec::new();
        for relay in (1..=self.count().await?).filter_map(Relay::new) {
            relays.push(self.read(relay).await?);
        }
        Ok(Description { model: "Tasmota".to_owned(), firmware, relays })
    }

    async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError> {
        let is_closed = self.power(relay, None).await?;
        let timing = match self.settings(relay).await? {
            Ok(()) => self.timing(relay).await?,
            Err(unfit) => Err(unfit),
        };
        Ok(RelayState { is_closed, timing })
    }

    async fn close(&self, relay: Relay, wish: Wish) -> Result<Duration, ProviderError> {
        let length = wish.length(self.read(relay).await?)?;
        if self.power(relay, Some("ON")).await? {
            return Ok(length);
        }
        let reason = format!("relay {relay} does not close");
        Err(ProviderError::new(ErrorKind::Rejected, reason).with_unknown_outcome())
    }

    async fn release(&self, relay: Relay) -> Result<(), ProviderError> {
        if self.power(relay, Some("OFF")).await? { Err(still_closed(relay)) } else { Ok(()) }
    }
}

fn read_error(_: &ErrorAnswer<'_>, _: &mut Verdict) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_pulse_times_are_read() {
        for (set, ms) in
            [(0, None), (30, Some(3_000)), (111, Some(11_100)), (112, Some(12_000)), (160, Some(60_000))]
        {
            assert_eq!(PulseTime { set }.length(), ms.map(Duration::from_millis), "{set}");
        }
    }
}
