//! Settings of `latchkey up`; their meaning stands in `config.default.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::PlatformConfig;
use chassis::config::ConfigError;
use secrecy::SecretString;
use serde::Deserialize;

/// The embedded defaults.
pub(super) const DEFAULTS: &str = include_str!("../../config.default.toml");

/// All settings.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UpConfig {
    pub up: Up,
    pub demo: Demo,
    pub sendgrid: SendGrid,
    pub twilio: Twilio,
    pub stripe: Stripe,
    pub s3: S3,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Up {
    pub data_dir: PathBuf,
    pub gateway: String,
    pub sandbox: String,
    pub unifi: SocketAddr,
    pub s3: SocketAddr,
    pub postgres_port: u16,
    pub nats_port: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demo {
    pub kisi_api_key: SecretString,
}

/// Other settings of this section are the notification service's.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SendGrid {
    pub api_key: SecretString,
}

/// Other settings of this section are the notification service's.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Twilio {
    pub account_sid: String,
}

/// Other settings of this section are the billing service's.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stripe {
    pub base_url: String,
}

/// Other settings of this section are the storage service's.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct S3 {
    pub bucket: String,
}

impl UpConfig {
    /// Reads defaults, file and environment.
    pub(crate) fn load(environment: BTreeMap<String, String>) -> Result<(PlatformConfig, Self), ConfigError> {
        chassis::config::load(DEFAULTS, environment)
    }
}
