//! Settings of this service.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::Clock;
use serde::Deserialize;
use vendor_http::{Retry, VendorHttp};

use crate::vendor::Stripe;

/// All settings. Their defaults and meanings stand in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// How Stripe is called.
    pub stripe: StripeConfig,
    /// Where other services are.
    pub peers: PeersConfig,
}

/// Section `[stripe]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeConfig {
    /// Where Stripe's API is.
    pub base_url: String,
    /// How long one attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// How long a call may take in all, in milliseconds.
    pub call_timeout_ms: u64,
    /// Attempts of a call that may be repeated without harm.
    pub attempts_max: u32,
}

/// Section `[peers]`.
#[derive(Debug, Clone, Deserialize)]
pub struct PeersConfig {
    /// The integrations service, such as `https://127.0.0.1:7413`.
    pub integrations: String,
}

impl StripeConfig {
    /// Longer than the calls of one piece of work take: a customer, an intent, and each once more.
    pub(crate) fn lease(&self) -> chrono::Duration {
        chrono::Duration::milliseconds(
            i64::try_from(self.call_timeout_ms).unwrap_or(i64::MAX / 4).saturating_mul(4),
        )
    }

    /// Stripe by these settings.
    pub(crate) fn client(&self, clock: Arc<dyn Clock>) -> anyhow::Result<Stripe> {
        let mut http = vendor_http::Config::new(concat!("latchkey/", env!("CARGO_PKG_VERSION")));
        http.attempt_timeout = Duration::from_millis(self.attempt_timeout_ms);
        http.call_timeout = Duration::from_millis(self.call_timeout_ms);
        http.retry = Retry { attempts_max: self.attempts_max, ..Retry::default() };
        let base_url = self.base_url.parse().context("base_url")?;
        Ok(Stripe::new(&VendorHttp::new(http, clock)?, base_url))
    }
}
