//! ESPHome nodes by their web server (esphome.io, Web Server API). The node's own configuration has, for each relay, a
//! switch, a number of milliseconds called like it with ` ms` behind, and a button with ` pulse` behind that closes the
//! relay for so long: `docs/relay-boards.md`.
//!
//! What the node says yes to, it does afterwards. So what was asked for is read back.

use std::time::Duration;

use async_trait::async_trait;
use door_adapter::{ErrorKind, ProviderError};
use serde::Deserialize;
use serde_json::Value;
use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{Answer, Call, ErrorAnswer, Profile, Verdict};

use super::http::{self, Line};
use super::{Description, Driver, Relay, RelayState, Timing, Unfit, Wish, no_relay, still_closed};

/// ESPHome to vendor-http: its statuses say all.
pub(crate) const PROFILE: Profile = Profile { name: "esphome", limit: None, read_error };

/// Step and largest value of the number.
const TIMING: Timing = Timing::Told { unit: Duration::from_millis(100), max: Duration::from_secs(60) };

/// A node needs a moment to do what it has said yes to: it is asked so often, so long apart.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// An ESPHome node.
pub(crate) struct EspHome {
    line: Line,
    login: Option<HeaderValue>,
    /// What its switches are called, by relay.
    switches: Vec<String>,
}

/// A switch, or a number.
#[derive(Debug, Deserialize)]
struct Entity {
    value: Value,
}

impl EspHome {
    /// `key` is a user and a password, apart by a colon.
    pub(crate) fn new(line: Line, switches: &[String], key: Option<&str>) -> Result<Self, ProviderError> {
        let login = key.map(|key| {
            let (user, password) = key.split_once(':').ok_or_else(|| {
                let reason = "its key must be a user and a password, apart by a colon";
                ProviderError::new(ErrorKind::Unauthorized, reason)
            })?;
            http::basic(user, &password.into())
        });
        Ok(Self { line, login: login.transpose()?, switches: switches.to_vec() })
    }

    fn switch(&self, relay: Relay) -> Result<&str, ProviderError> {
        let name = self.switches.get(usize::from(relay.get() - 1));
        name.map(String::as_str).ok_or_else(|| no_relay(relay))
    }

    async fn send(&self, call: Call) -> Result<Answer, ProviderError> {
        let call = match &self.login {
            Some(login) => call.header(header::AUTHORIZATION, login.clone()),
            None => call,
        };
        self.line.client.send(call).await.map_err(|error| http::failure(error, self.login.is_some()))
    }

    async fn value(&self, kind: &str, name: &str, template: &'static str) -> Result<Value, ProviderError> {
        let answer = self.send(self.line.call(Method::GET, &[kind, name], &[], template)).await?;
        Ok(answer.json::<Entity>()?.value)
    }

    async fn is_closed(&self, switch: &str) -> Result<bool, ProviderError> {
        let value =
            self.value("switch", switch, "/switch/{name}").await.map_err(|error| match error.kind {
                ErrorKind::NotFound => {
                    error.meaning(ErrorKind::NotFound, "the node has no switch of a name that is listed")
                }
                _ => error,
            })?;
        let malformed = || ProviderError::new(ErrorKind::Malformed, "the node's switch has no state");
        value.as_bool().ok_or_else(malformed)
    }

    async fn pulse_ms(&self, switch: &str) -> Result<u128, ProviderError> {
        let value = self.value("number", &format!("{switch} ms"), "/number/{name}").await?;
        // Numbers of the node are floats.
        let ms = value.as_f64().and_then(|ms| Duration::try_from_secs_f64(ms / 1_000.0).ok());
        let malformed = || ProviderError::new(ErrorKind::Malformed, "the node's number has no value");
        ms.map(|ms| (ms.as_micros() + 500) / 1_000).ok_or_else(malformed)
    }

    /// Acts on an entity. There is no body, but the node wants to be told so.
    async fn act(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        template: &'static str,
    ) -> Result<(), ProviderError> {
        let call = self.line.call(Method::POST, segments, query, template).form([]);
        self.send(call.header(header::CONTENT_LENGTH, HeaderValue::from(0))).await?;
        Ok(())
    }

    /// Looks until the contact is as wanted. Whether it is in the end.
    async fn becomes(&self, switch: &str, wanted: bool) -> Result<bool, ProviderError> {
        for _ in 1..LOOKS {
            if self.is_closed(switch).await? == wanted {
                return Ok(true);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(self.is_closed(switch).await? == wanted)
    }

    /// Sets for how long the button closes the relay, and sees to it that the node has taken that.
    async fn set_pulse(&self, switch: &str, length: Duration) -> Result<(), ProviderError> {
        let (number, wanted) = (format!("{switch} ms"), length.as_millis());
        let query = [("value", &*wanted.to_string())];
        // Nothing of it moves the relay.
        let set = self.act(&["number", &number, "set"], &query, "/number/{name}/set").await;
        set.map_err(|mut error| {
            error.outcome_unknown = false;
            error
        })?;
        for _ in 0..LOOKS {
            if self.pulse_ms(switch).await? == wanted {
                return Ok(());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let reason = "the node does not take for how long it should close its relay";
        Err(ProviderError::new(ErrorKind::Rejected, reason))
    }
}

#[async_trait]
impl Driver for EspHome {
    async fn describe(&self) -> Result<Description, ProviderError> {
        let mut relays = Vec::new();
        for relay in (1..).map_while(Relay::new).take(self.switches.len()) {
            relays.push(self.read(relay).await?);
        }
        Ok(Description { model: "ESPHome".to_owned(), firmware: String::new(), relays })
    }

    async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError> {
        let switch = self.switch(relay)?;
        let is_closed = self.is_closed(switch).await?;
        let timing = match self.pulse_ms(switch).await {
            Ok(_) => Ok(TIMING),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let what = "the node has no number of its name with \" ms\" behind, for how long it closes";
                Err(Unfit { relay, what: what.to_owned() })
            }
            Err(error) => return Err(error),
        };
        Ok(RelayState { is_closed, timing })
    }

    /// By the button: a switch that is on already would not start its timer anew.
    async fn close(&self, relay: Relay, wish: Wish) -> Result<Duration, ProviderError> {
        let switch = self.switch(relay)?;
        let length = wish.length(self.read(relay).await?)?;
        self.set_pulse(switch, length).await?;
        self.act(&["button", &format!("{switch} pulse"), "press"], &[], "/button/{name}/press").await?;
        let looked = self.becomes(switch, true).await;
        if looked.map_err(ProviderError::with_unknown_outcome)? {
            return Ok(length);
        }
        let reason = format!("the node said yes, but relay {relay} was not seen closed");
        Err(ProviderError::new(ErrorKind::Unreachable, reason).with_unknown_outcome())
    }

    async fn release(&self, relay: Relay) -> Result<(), ProviderError> {
        let switch = self.switch(relay)?;
        self.act(&["switch", switch, "turn_off"], &[], "/switch/{name}/turn_off").await?;
        let looked = self.becomes(switch, false).await;
        if looked.map_err(ProviderError::with_unknown_outcome)? { Ok(()) } else { Err(still_closed(relay)) }
    }
}

fn read_error(_: &ErrorAnswer<'_>, _: &mut Verdict) {}
