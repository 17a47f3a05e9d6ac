//! Settings of this service.

use std::time::Duration;

use serde::Deserialize;

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
