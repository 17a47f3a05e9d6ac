//! Settings of this service; their meaning stands in `config.default.toml`.

use std::collections::BTreeMap;

use chassis::config::ConfigError;
use serde::Deserialize;

use crate::model::MINUTES_MAX;

/// All of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[engine]`.
    pub engine: EngineConfig,
    /// Section `[scheduler]`.
    pub scheduler: SchedulerConfig,
    /// Section `[adapters]`: by provider, such as `kisi`, where its adapter is reached, such as
    /// `https://127.0.0.1:7421`. Doors of a provider without one are not operated on demand.
    pub adapters: BTreeMap<String, String>,
}

/// What decisions depend on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Default lead, 0 to 1,440 minutes.
    pub lead_minutes: i32,
    /// Default lag, 0 to 1,440 minutes.
    pub lag_minutes: i32,
    /// A window is told to the provider this many hours before it begins.
    pub horizon_hours: i64,
    /// A command without a result for this long is taken as lost.
    pub in_flight_timeout_seconds: i64,
}

/// How the scheduler works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchedulerConfig {
    /// Grants that one round looks at.
    pub batch: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: EngineConfig {
                lead_minutes: 15,
                lag_minutes: 15,
                horizon_hours: 72,
                in_flight_timeout_seconds: 120,
            },
            scheduler: SchedulerConfig { batch: 200 },
            adapters: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Refuses values that make no sense, by their key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let minutes = 0..=MINUTES_MAX;
        for (key, is_sane) in [
            ("engine.lead_minutes", minutes.contains(&self.engine.lead_minutes)),
            ("engine.lag_minutes", minutes.contains(&self.engine.lag_minutes)),
            ("engine.horizon_hours", (1..=24 * 90).contains(&self.engine.horizon_hours)),
            (
                "engine.in_flight_timeout_seconds",
                (5..=3_600).contains(&self.engine.in_flight_timeout_seconds),
            ),
            ("scheduler.batch", (1..=10_000).contains(&self.scheduler.batch)),
        ] {
            if !is_sane {
                return Err(ConfigError::Value { key, problem: "is out of its range".to_owned() });
            }
        }
        Ok(())
    }
}
