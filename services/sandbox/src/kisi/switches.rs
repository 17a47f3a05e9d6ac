//! Behaviours of Kisi that are unknown or that vary: one switch each, per organization.

use serde::{Deserialize, Serialize};

/// How the twin behaves where the real Kisi's behaviour is not documented or differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// 5 requests a second per user, one `POST /event_sets` a second. Default on.
    pub rate_limit: bool,
    /// A 429 says `Retry-After: 1`. Default on.
    pub retry_after_header: bool,
    /// Days after which an unused API key with `expire` stops working. Default 14.
    pub api_logins_expire_after_days: u32,
    /// Milliseconds after which a new user is found by `email=` and `query=`. Default 0.
    pub search_lag_ms: u64,
    /// How a second user with the same email is refused. Default conflict.
    pub duplicate_user: Refusal,
    /// How a second group lock of the same group and door is refused. Default unprocessable.
    pub duplicate_group_lock: Refusal,
    /// What a change of a user's email does. Default ignored.
    pub email_change: EmailChange,
    /// Which second role assignment is refused. Default exact.
    pub duplicate_assignments: DuplicateAssignments,
    /// How [`DuplicateAssignments::Strict`] refuses. Default conflict.
    pub strict_refusal: Refusal,
    /// A role assignment whose window has ended already is refused with 422. Default on.
    pub past_windows_refused: bool,
    /// `PATCH /role_assignments/{id}` answers 204 and leaves the window as it was. Default off.
    pub patch_ignores_window: bool,
    /// Seconds after its end when an expired role assignment disappears. None (default): never.
    pub expired_assignments_removed_after_seconds: Option<u32>,
    /// Milliseconds for which an event set stays `in_progress`. Default 0: until it is first read.
    pub event_set_delay_ms: u64,
    /// Event sets answer 503. Default off.
    pub events_down: bool,
    /// Seconds after which an event shows up in event sets. Default 0.
    pub events_lag_seconds: u32,
    /// How deliveries are signed. Default prefixed.
    pub webhook_signature: WebhookSignature,
    /// Each webhook is sent twice. Default off.
    pub webhook_duplicates: bool,
    /// Every second webhook is sent late, so that the next one overtakes it. Default off.
    pub webhook_reorders: bool,
    /// Milliseconds of real time by which webhooks are late. Default 0.
    pub webhook_delay_ms: u64,
    /// Every nth webhook is never sent. Default 0: none.
    pub webhook_drops_every: u32,
    /// Failed deliveries in a row after which Kisi warns by an event. Default 3.
    pub webhook_warns_after: u32,
    /// Failed deliveries in a row after which Kisi switches the integration off. Default 5.
    pub webhook_disables_after: u32,
    /// Routes that are being retired, or are.
    pub routes: Vec<RouteSwitch>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            rate_limit: true,
            retry_after_header: true,
            api_logins_expire_after_days: 14,
            search_lag_ms: 0,
            duplicate_user: Refusal::Conflict,
            duplicate_group_lock: Refusal::Unprocessable,
            email_change: EmailChange::Ignored,
            duplicate_assignments: DuplicateAssignments::Exact,
            strict_refusal: Refusal::Conflict,
            past_windows_refused: true,
            patch_ignores_window: false,
            expired_assignments_removed_after_seconds: None,
            event_set_delay_ms: 0,
            events_down: false,
            events_lag_seconds: 0,
            webhook_signature: WebhookSignature::Prefixed,
            webhook_duplicates: false,
            webhook_reorders: false,
            webhook_delay_ms: 0,
            webhook_drops_every: 0,
            webhook_warns_after: 3,
            webhook_disables_after: 5,
            routes: Vec::new(),
        }
    }
}

/// How something that exists already is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 409, code `000409`.
    Conflict,
    /// 422 with the field's name.
    Unprocessable,
}

/// What `PATCH /users/{id}` does with an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailChange {
    /// 204, and the old one stays.
    Ignored,
    /// 422.
    Refused,
}

/// Which second role assignment of the same user and target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateAssignments {
    /// Same role and window: 409. Another window: a new row. Another role: 422.
    Exact,
    /// Any: as [`Switches::strict_refusal`] says.
    Strict,
    /// None: always a new row.
    Allow,
}

/// What stands in `X-Signature`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookSignature {
    /// `sha256=<hex>`.
    Prefixed,
    /// `<hex>`.
    Bare,
}

/// A route that is being retired, or is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSwitch {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/role_assignments/*`; `*` stands for one segment.
    pub path: String,
    /// Where it is in its end of life.
    pub state: RouteState,
}

/// Where a route is in its end of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteState {
    /// Answers carry these headers.
    Deprecated {
        /// Value of `Deprecation`.
        deprecation: String,
        /// Value of `Sunset`.
        sunset: String,
    },
    /// 404, code `000404`.
    Retired,
}

impl RouteSwitch {
    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        self.method.eq_ignore_ascii_case(method)
            && self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(|(wanted, is)| wanted == "*" || wanted == is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_segment() {
        let route =
            RouteSwitch { method: "get".to_owned(), path: "/users/*".to_owned(), state: RouteState::Retired };
        assert!(route.matches("GET", "/users/5"));
        assert!(!route.matches("GET", "/users"));
        assert!(!route.matches("GET", "/users/5/x"));
        assert!(!route.matches("PUT", "/users/5"));
    }
}
