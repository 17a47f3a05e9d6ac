//! Settings that all door adapters share.

use std::time::Duration;

use serde::Deserialize;

/// Section `[commands]`: how commands are worked off. The defaults stand in each adapter's
/// `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandsConfig {
    /// Accounts that one process works at the same time.
    pub accounts_max: usize,
    /// Commands of one account under way at the same time, of different persons.
    pub account_concurrency: usize,
    /// Commands of one account that are read at once.
    pub batch: usize,
    /// How long an account stays with a process that has died, in milliseconds.
    pub lease_ms: u64,
    /// How often a process looks for accounts that nobody woke it for, in milliseconds.
    pub poll_ms: u64,
    /// How long credentials are kept, and those that were refused not tried again, in milliseconds.
    pub credentials_ms: u64,
}

/// Section `[reconciler]`: how accounts are compared with what they should have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcilerConfig {
    /// How often each account is, in minutes.
    pub every_minutes: u64,
}

impl ReconcilerConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        match self.every_minutes {
            0 => Err(ConfigError { section: "reconciler", key: "every_minutes", least: 1 }),
            _ => Ok(()),
        }
    }

    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs(self.every_minutes.saturating_mul(60))
    }
}

/// Section `[log]`: how providers' own logs are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// How often each account's is, in seconds.
    pub every_seconds: u64,
}

impl LogConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        match self.every_seconds {
            0 => Err(ConfigError { section: "log", key: "every_seconds", least: 1 }),
            _ => Ok(()),
        }
    }

    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs(self.every_seconds)
    }
}

/// Section `[peers]`: where other services are.
#[derive(Debug, Clone, Deserialize)]
pub struct PeersConfig {
    /// The integrations service, such as `https://127.0.0.1:7413`.
    pub integrations: String,
}

/// A setting makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{section}.{key} must be at least {least}")]
pub struct ConfigError {
    section: &'static str,
    key: &'static str,
    least: u64,
}

impl CommandsConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let values = [
            ("accounts_max", self.accounts_max as u64, 1),
            ("account_concurrency", self.account_concurrency as u64, 1),
            ("batch", self.batch as u64, 1),
            ("lease_ms", self.lease_ms, 100),
            ("poll_ms", self.poll_ms, 10),
            ("credentials_ms", self.credentials_ms, 0),
        ];
        match values.into_iter().find(|(_, value, least)| value < least) {
            Some((key, _, least)) => Err(ConfigError { section: "commands", key, least }),
            None => Ok(()),
        }
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}
