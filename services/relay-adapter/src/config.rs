//! Settings of this service.

use std::time::Duration;

use door_adapter::{CommandsConfig, LogConfig, PeersConfig, ReconcilerConfig, SealingConfig};
use serde::Deserialize;
use vendor_http::OutgoingConfig;

/// All settings. Their defaults and meanings stand in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// How boards are called.
    pub boards: BoardsConfig,
    /// Where boards may be.
    pub outgoing: OutgoingConfig,
    /// How commands are worked off.
    pub commands: CommandsConfig,
    /// How accounts are compared with what they should have.
    pub reconciler: ReconcilerConfig,
    /// How accounts' logs are read.
    pub log: LogConfig,
    /// What links and PINs are sealed with.
    pub sealing: SealingConfig,
    /// Where other services are.
    pub peers: PeersConfig,
}

/// Section `[boards]`: how boards are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardsConfig {
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one answer may take, in milliseconds.
    pub answer_timeout_ms: u64,
}

impl BoardsConfig {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }
}
