//! What the sandbox takes as configuration.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{boards, kisi, openid, s3, sendgrid, stripe, twilio, unifi};

/// The world that the sandbox starts with when it runs as a process.
pub const CONFIG_DEFAULTS: &str = include_str!("../config.default.toml");

/// The configuration of a process: see `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct ProcessConfig {
    /// Section `[sandbox]`.
    pub sandbox: Config,
}

/// Everything has a default: an empty configuration is an empty sandbox that keeps nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the state is kept across restarts. None: it is gone with the process.
    pub state_file: Option<PathBuf>,
    /// How many requests the log holds per vendor. Default 10,000.
    pub request_log_capacity: usize,
    /// How many connections are served at once; further ones wait. Default 4,096.
    pub connections_max: usize,
    /// Webhooks and callbacks that the twins send.
    pub deliveries: DeliveriesConfig,
    /// The Kisi twin.
    pub kisi: kisi::Config,
    /// The SendGrid twin.
    pub sendgrid: sendgrid::Config,
    /// The Twilio twin.
    pub twilio: twilio::Config,
    /// The Stripe twin.
    pub stripe: stripe::Config,
    /// The OpenID provider.
    pub openid: openid::Config,
    /// Relay boards.
    pub boards: boards::Config,
    /// The UniFi Access twin.
    pub unifi: unifi::Config,
    /// The S3 twin.
    pub s3: s3::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_file: None,
            request_log_capacity: 10_000,
            connections_max: 4_096,
            deliveries: DeliveriesConfig::default(),
            kisi: kisi::Config::default(),
            sendgrid: sendgrid::Config::default(),
            twilio: twilio::Config::default(),
            stripe: stripe::Config::default(),
            openid: openid::Config::default(),
            boards: boards::Config::default(),
            unifi: unifi::Config::default(),
            s3: s3::Config::default(),
        }
    }
}

/// How the twins' outgoing requests are sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveriesConfig {
    /// How many may wait; further ones are dropped and counted. Default 10,000.
    pub queue_max: usize,
    /// How many are under way at once, those that wait for their next try included. Default 256.
    pub in_flight_max: usize,
    /// How often one is tried before it has failed. Default 4.
    pub tries: u32,
    /// Wait before the second try, in milliseconds; doubles with each further one. Default 500.
    pub retry_delay_ms: u64,
    /// The longest wait between two tries, in milliseconds. Default 60,000.
    pub retry_delay_max_ms: u64,
    /// How long one try may take, in milliseconds. Default 5,000.
    pub timeout_ms: u64,
}

impl Default for DeliveriesConfig {
    fn default() -> Self {
        Self {
            queue_max: 10_000,
            in_flight_max: 256,
            tries: 4,
            retry_delay_ms: 500,
            retry_delay_max_ms: 60_000,
            timeout_ms: 5_000,
        }
    }
}
