//! Settings of this service.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::Clock;
use door_adapter::{CommandsConfig, LogConfig, PeersConfig, ReconcilerConfig, SealingConfig};
use serde::Deserialize;
use vendor_http::http::HeaderValue;
use vendor_http::{Limit, Retry, VendorHttp};

use crate::vendor::{Kisi, Settings};

/// How long a call may take for which someone waits: less than they do.
const PROMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// Such calls of one key under way at the same time.
const PROMPT_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(16).expect("more than none");

/// All settings. Their defaults and meanings stand in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// How Kisi is called.
    pub kisi: KisiConfig,
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

/// Section `[kisi]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KisiConfig {
    /// Where Kisi's API is.
    pub base_url: String,
    /// Who we are.
    pub integration_identifier: String,
    /// Whom Kisi may write to; empty: nobody.
    pub integration_contact: String,
    /// Where the pages of access links are: their secrets are put behind it.
    pub link_page: String,
    /// Calls per second that one user's keys may make together; 0: no limit. Kisi allows five (API
    /// reference, Rate limits). Calls that someone waits for are counted apart, so as not to wait for the others; what is
    /// too much then, Kisi refuses without harm.
    pub calls_per_second: u32,
    /// Calls of one user's keys under way at the same time.
    pub calls_in_flight: usize,
    /// How long one attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// How long a call may take in all, in milliseconds.
    pub call_timeout_ms: u64,
    /// Attempts of a call that may be repeated without harm.
    pub attempts_max: u32,
}

impl KisiConfig {
    /// Kisi by these settings.
    pub fn client(&self, clock: Arc<dyn Clock>) -> anyhow::Result<Kisi> {
        let call_timeout = Duration::from_millis(self.call_timeout_ms);
        let mut http = vendor_http::Config::new(concat!("latchkey/", env!("CARGO_PKG_VERSION")));
        http.attempt_timeout = Duration::from_millis(self.attempt_timeout_ms);
        http.call_timeout = call_timeout;
        http.retry = Retry { attempts_max: self.attempts_max, ..Retry::default() };
        let header =
            |name, text: &str| HeaderValue::try_from(text).with_context(|| format!("{name} is no header"));
        let contact = (!self.integration_contact.is_empty()).then_some(self.integration_contact.as_str());
        let settings = Settings {
            base_url: self.base_url.parse().context("base_url")?,
            integration_identifier: header("integration_identifier", &self.integration_identifier)?,
            integration_contact: contact.map(|text| header("integration_contact", text)).transpose()?,
            limit: self.limit()?,
            prompt_limit: self.prompt_limit(),
            prompt_timeout: call_timeout.min(PROMPT_TIMEOUT),
            link_page: self.link_page.clone(),
        };
        Ok(Kisi::new(&VendorHttp::new(http, clock)?, settings))
    }

    /// Of calls that nobody waits for.
    fn limit(&self) -> anyhow::Result<Option<Limit>> {
        let in_flight =
            NonZeroUsize::new(self.calls_in_flight).context("calls_in_flight must be at least 1")?;
        Ok(self.limit_of(in_flight))
    }

    /// Of those that someone waits for: one that is slow delays no other.
    fn prompt_limit(&self) -> Option<Limit> {
        self.limit_of(PROMPT_IN_FLIGHT)
    }

    /// Calls are spaced evenly: a burst and as many again within the second would be too many.
    fn limit_of(&self, in_flight: NonZeroUsize) -> Option<Limit> {
        let limit = |per_second| Limit { per_second, burst: NonZeroU32::MIN, in_flight };
        NonZeroU32::new(self.calls_per_second).map(limit)
    }
}
