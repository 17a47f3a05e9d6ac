//! Settings of this service. `config.default.toml` says what each one does.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::engine::Policy;

/// All settings of this service.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[sendgrid]`.
    pub sendgrid: SendGridConfig,
    /// Section `[twilio]`.
    pub twilio: TwilioConfig,
    /// Section `[sending]`.
    pub sending: SendingConfig,
    /// Section `[email]`.
    pub email: ChannelConfig,
    /// Section `[sms]`.
    pub sms: ChannelConfig,
    /// Section `[adapters]`: by provider, such as `kisi`, where its adapter is reached, such as
    /// `https://127.0.0.1:7421`.
    pub adapters: BTreeMap<String, String>,
}

/// How SendGrid is reached, and as whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendGridConfig {
    /// Such as `https://api.sendgrid.com`.
    pub base_url: String,
    /// Empty: no email.
    pub api_key: SecretString,
    /// A verified sender.
    pub from_email: String,
    /// Empty: the workspace's name.
    pub from_name: String,
    /// Base64 of a DER public key. Empty: events are refused.
    pub webhook_public_key: String,
}

/// How Twilio is reached, and as whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioConfig {
    /// Such as `https://api.twilio.com`.
    pub base_url: String,
    /// Empty: no text messages.
    pub account_sid: String,
    /// The account's password.
    pub auth_token: SecretString,
    /// A number, short code or name; or else a messaging service.
    pub from: String,
    /// `MG…`; or else a sender.
    pub messaging_service_sid: String,
    /// Where its callbacks are taken, as the public sees it, such as
    /// `https://api.example.org/webhooks/twilio`. Empty: they are neither asked for nor taken.
    pub webhook_url: String,
}

/// What both channels share.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendingConfig {
    /// Messages of one channel on their way at once.
    pub in_flight_max: usize,
    /// Seconds that one call to a vendor may take, its own retries included.
    pub timeout_seconds: u64,
    /// Seconds for which a message is its sender's.
    pub lease_seconds: u64,
    /// Seconds until the second attempt; doubles with each further one.
    pub retry_delay_seconds: u64,
    /// Longest wait between attempts, in seconds.
    pub retry_delay_max_seconds: u64,
}

/// What each channel has of its own.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Seconds to wait for news of a message whose answer was lost, before it is sent again.
    pub settle_seconds: u64,
}

/// A setting that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {key} {problem}")]
pub struct SettingError {
    /// Which.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// At most a day: longer is a mistake of units.
const SECONDS_MAX: u64 = 24 * 60 * 60;

/// Connections that one process opens to a vendor at most.
const IN_FLIGHT_MAX: usize = 10_000;

impl Config {
    /// Checks what the types don't say.
    pub(crate) fn validate(&self) -> Result<(), SettingError> {
        let wrong = |key, problem: &str| Err(SettingError { key, problem: problem.to_owned() });
        let sending = &self.sending;
        if !(1..=IN_FLIGHT_MAX).contains(&sending.in_flight_max) {
            return wrong("sending.in_flight_max", &format!("must be between 1 and {IN_FLIGHT_MAX}"));
        }
        for (key, seconds) in [
            ("sending.timeout_seconds", sending.timeout_seconds),
            ("sending.lease_seconds", sending.lease_seconds),
            ("sending.retry_delay_seconds", sending.retry_delay_seconds),
            ("sending.retry_delay_max_seconds", sending.retry_delay_max_seconds),
            ("email.settle_seconds", self.email.settle_seconds),
            ("sms.settle_seconds", self.sms.settle_seconds),
        ] {
            if !(1..=SECONDS_MAX).contains(&seconds) {
                return wrong(key, &format!("must be between 1 and {SECONDS_MAX}"));
            }
        }
        // Two calls, for a text may be looked for and then sent.
        if sending.lease_seconds <= 2 * sending.timeout_seconds {
            return wrong("sending.lease_seconds", "must be more than twice sending.timeout_seconds");
        }
        if self.has_email() && self.sendgrid.from_email.is_empty() {
            return wrong("sendgrid.from_email", "must be set, as sendgrid.api_key is");
        }
        if self.has_sms() && self.twilio.auth_token.expose_secret().is_empty() {
            return wrong("twilio.auth_token", "must be set, as twilio.account_sid is");
        }
        if self.has_sms() && self.twilio.from.is_empty() == self.twilio.messaging_service_sid.is_empty() {
            return wrong("twilio.from", "must be set, or else twilio.messaging_service_sid");
        }
        Ok(())
    }

    /// Whether emails are sent.
    pub(crate) fn has_email(&self) -> bool {
        !self.sendgrid.api_key.expose_secret().is_empty()
    }

    /// Whether text messages are sent.
    pub(crate) fn has_sms(&self) -> bool {
        !self.twilio.account_sid.is_empty()
    }

    /// How the messages of a channel are sent.
    pub(crate) fn policy(&self, channel: ChannelConfig) -> Policy {
        Policy {
            lease: Duration::from_secs(self.sending.lease_seconds),
            settle: Duration::from_secs(channel.settle_seconds),
            retry_delay: Duration::from_secs(self.sending.retry_delay_seconds),
            retry_delay_max: Duration::from_secs(self.sending.retry_delay_max_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Config {
        let environment: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        chassis::config::load(include_str!("../config.default.toml"), environment).unwrap().1
    }

    #[test]
    fn the_defaults_are_valid_and_send_nothing() {
        let config = load(&[]);
        config.validate().unwrap();
        assert!(!config.has_email() && !config.has_sms());
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_named() {
        for (variables, key) in [
            (&[("LATCHKEY_SENDGRID__API_KEY", "SG.x.y")][..], "sendgrid.from_email"),
            (&[("LATCHKEY_TWILIO__ACCOUNT_SID", "AC1")], "twilio.auth_token"),
            (&[("LATCHKEY_TWILIO__ACCOUNT_SID", "AC1"), ("LATCHKEY_TWILIO__AUTH_TOKEN", "t")], "twilio.from"),
            (&[("LATCHKEY_SENDING__LEASE_SECONDS", "40")], "sending.lease_seconds"),
            (&[("LATCHKEY_SENDING__IN_FLIGHT_MAX", "0")], "sending.in_flight_max"),
            (&[("LATCHKEY_EMAIL__SETTLE_SECONDS", "0")], "email.settle_seconds"),
        ] {
            assert_eq!(load(variables).validate().unwrap_err().key, key);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = load(&[
            ("LATCHKEY_SENDGRID__API_KEY", "SG.hunter.two"),
            ("LATCHKEY_TWILIO__AUTH_TOKEN", "hunter2"),
        ]);
        assert!(!format!("{config:?}").contains("hunter"));
    }
}
