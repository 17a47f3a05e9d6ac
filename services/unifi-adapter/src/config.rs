//! Settings of this service.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::Clock;
use door_adapter::{CommandsConfig, LogConfig, PeersConfig, ReconcilerConfig, SealingConfig};
use serde::Deserialize;
use vendor_http::{Limit, Outgoing, OutgoingConfig, Retry, VendorHttp};

use crate::vendor::{Settings, Unifi};

/// All settings. Their defaults and meanings stand in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// How consoles are called.
    pub unifi: UnifiConfig,
    /// Where consoles may be.
    pub outgoing: OutgoingConfig,
    /// How commands are worked off.
    pub commands: CommandsConfig,
    /// How accounts are compared with what they should have.
    pub reconciler: ReconcilerConfig,
    /// How accounts' logs are read.
    pub log: LogConfig,
    /// How consoles report to us.
    pub webhooks: WebhooksConfig,
    /// What links and PINs are sealed with.
    pub sealing: SealingConfig,
    /// Where other services are.
    pub peers: PeersConfig,
}

/// Section `[unifi]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnifiConfig {
    /// Calls per second to one console; 0: no limit.
    pub calls_per_second: u32,
    /// Calls to one console under way at the same time.
    pub calls_in_flight: usize,
    /// Visitors that are listed by one call.
    pub page_size: NonZeroUsize,
    /// How long one attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// How long a call may take in all, in milliseconds.
    pub call_timeout_ms: u64,
    /// Attempts of a call that may be repeated without harm.
    pub attempts_max: u32,
}

/// Section `[webhooks]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Where consoles reach the gateway; empty: nowhere.
    pub public_url: String,
}

impl UnifiConfig {
    /// Consoles by these settings, as far as `outgoing` lets them be called.
    pub fn client(&self, clock: Arc<dyn Clock>, outgoing: Outgoing) -> anyhow::Result<Unifi> {
        let mut http = vendor_http::Config::new(concat!("latchkey/", env!("CARGO_PKG_VERSION")));
        http.attempt_timeout = Duration::from_millis(self.attempt_timeout_ms);
        http.call_timeout = Duration::from_millis(self.call_timeout_ms);
        http.retry = Retry { attempts_max: self.attempts_max, ..Retry::default() };
        let http = VendorHttp::guarded(http, clock, outgoing)?;
        let call_timeout = Duration::from_millis(self.call_timeout_ms);
        Ok(Unifi::new(&http, Settings { limit: self.limit()?, page_size: self.page_size, call_timeout }))
    }

    fn limit(&self) -> anyhow::Result<Option<Limit>> {
        let in_flight =
            NonZeroUsize::new(self.calls_in_flight).context("calls_in_flight must be at least 1")?;
        // Nobody counts by the second there: who waits for a door waits for no turn, as a rule.
        let limit = |per_second| Limit { per_second, burst: per_second, in_flight };
        Ok(NonZeroU32::new(self.calls_per_second).map(limit))
    }
}
