//! What a process sets for all its vendors.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::Retry;

/// Bounds of all calls. A call may narrow or widen its timeouts and its retries.
#[derive(Debug, Clone)]
pub struct Config {
    /// `User-Agent` of every request, such as `latchkey/0.1`.
    pub user_agent: String,
    /// How long a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// How long a connection waits for the next call. Shorter than the other end's patience: what is sent just as it hangs
    /// up may have been heard, and is not sent again.
    pub idle_timeout: Duration,
    /// How long one attempt may take, from connecting until the last byte of the answer.
    pub attempt_timeout: Duration,
    /// How long a call may take in all: its turn, its attempts and the pauses between them.
    pub call_timeout: Duration,
    /// Largest answer that is read, in bytes.
    pub answer_bytes_max: usize,
    /// When a failed attempt is made again.
    pub retry: Retry,
    /// When an account's calls are refused without being sent.
    pub breaker: Breaker,
    /// How many accounts of one vendor are remembered. Beyond, those idle longest are forgotten.
    pub accounts_max: usize,
    /// An account without calls for so long is forgotten.
    pub account_idle: Duration,
}

impl Config {
    /// Ten seconds an attempt, thirty in all, three attempts, answers up to 4 MiB.
    pub fn new(user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            connect_timeout: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(90),
            attempt_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            answer_bytes_max: 4 * 1024 * 1024,
            retry: Retry::default(),
            breaker: Breaker::default(),
            accounts_max: 100_000,
            account_idle: Duration::from_secs(600),
        }
    }
}

/// When an account's circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many failed attempts in a row open the circuit.
    pub failures: NonZeroU32,
    /// So long nothing is sent; then one call probes.
    pub cool_down: Duration,
}

impl Default for Breaker {
    /// Five failures, thirty seconds.
    fn default() -> Self {
        Self { failures: NonZeroU32::MIN.saturating_add(4), cool_down: Duration::from_secs(30) }
    }
}
