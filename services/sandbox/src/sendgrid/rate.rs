//! How many requests a key may make (SendGrid v3 API documentation, Rate Limits).

use std::collections::BTreeMap;

use domain::Timestamp;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

/// Requests of one key in one window. The vendor publishes no numbers for each path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many; 0 refuses all.
    pub requests: u32,
    /// The length of the window, in seconds; at least 1.
    pub window_s: u32,
}

impl Default for RateLimit {
    /// 10,000 a second.
    fn default() -> Self {
        Self { requests: 10_000, window_s: 1 }
    }
}

/// The counters of all keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    /// By key id: when the window began (Unix seconds), and how many requests it has seen.
    windows: BTreeMap<String, (i64, u32)>,
}

/// Where a key stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    resets_at: i64,
    pub(crate) is_over: bool,
}

impl Rates {
    /// Counts a request of `key_id`.
    pub(crate) fn count(&mut self, key_id: &str, limit: RateLimit, now: Timestamp) -> Standing {
        let length = i64::from(limit.window_s.max(1));
        let start = now.timestamp().div_euclid(length) * length;
        let window = self.windows.entry(key_id.to_owned()).or_insert((start, 0));
        if window.0 != start {
            *window = (start, 0);
        }
        let is_over = window.1 >= limit.requests;
        if !is_over {
            window.1 += 1;
        }
        Standing {
            limit: limit.requests,
            remaining: limit.requests.saturating_sub(window.1),
            resets_at: start + length,
            is_over,
        }
    }
}

impl Standing {
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.resets_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_admits_its_number_for_each_key_and_then_opens_anew() {
        let mut rates = Rates::default();
        let limit = RateLimit { requests: 2, window_s: 60 };
        let start: Timestamp = "2026-12-01T09:00:30Z".parse().unwrap();
        let mut is_over =
            |key: &str, s| rates.count(key, limit, start + chrono::Duration::seconds(s)).is_over;
        assert_eq!([is_over("a", 0), is_over("a", 1), is_over("a", 29)], [false, false, true]);
        assert!(!is_over("b", 29));
        assert!(!is_over("a", 30));
        let standing = rates.count("a", limit, start);
        assert_eq!((standing.remaining, standing.resets_at - start.timestamp()), (1, 30));
        assert!(rates.count("c", RateLimit { requests: 0, window_s: 1 }, start).is_over);
    }
}
