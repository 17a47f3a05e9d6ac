//! Rules by which a vendor fails: which requests, and how.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::Vendor;

/// At most this many rules stand at once.
const RULES_MAX: usize = 1_000;

/// One rule: which requests it is about, what happens to them, how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Whose API.
    pub vendor: Vendor,
    /// Only requests of this account: Kisi's organization id, SendGrid's API key id, Twilio's account SID,
    /// Stripe's account id, the OpenID client's id, a board's name,
    /// the name of a UniFi console's token.
    #[serde(default)]
    pub account: Option<String>,
    /// Only this method, such as `POST`.
    #[serde(default)]
    pub method: Option<String>,
    /// Only paths (below the vendor's prefix, without the query) in which this regular expression is found.
    #[serde(default)]
    pub path: Option<String>,
    /// What happens.
    pub action: Action,
    /// How many requests it happens to. None: until the rule is removed.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only every nth matching request. None: every one.
    #[serde(default)]
    pub every: Option<u32>,
}

impl Fault {
    /// The rule that `action` happens to every request to `vendor`, until it is removed.
    pub fn on(vendor: Vendor, action: Action) -> Self {
        Self { vendor, account: None, method: None, path: None, action, times: None, every: None }
    }

    /// Only requests of this account.
    #[must_use]
    pub fn account(mut self, account: impl ToString) -> Self {
        self.account = Some(account.to_string());
        self
    }

    /// Only requests with this method whose path has a match of the regular expression `path`.
    #[must_use]
    pub fn request(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// Only the first `times` of them.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only every `nth` of them.
    #[must_use]
    pub fn every(mut self, nth: u32) -> Self {
        self.every = Some(nth);
        self
    }
}

/// What happens to a request. Delays of several matching rules add up; of the other actions, that of the
/// oldest matching rule counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// An answer in the vendor's place.
    Status {
        /// The HTTP status.
        code: u16,
        /// The body. None: the vendor's own error body for that status.
        #[serde(default)]
        body: Option<String>,
        /// The body's type. Default: `text/html` for a given body (proxies answer so).
        #[serde(default)]
        content_type: Option<String>,
        /// The `Retry-After` header, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
        /// Whether the request takes effect all the same.
        #[serde(default)]
        phase: Phase,
    },
    /// The answer comes late; the effect as well.
    Delay {
        /// By how many milliseconds of real time.
        delay_ms: u64,
    },
    /// The connection closes without an answer and without an effect.
    DropBeforeEffect,
    /// The connection closes without an answer, but the request took effect.
    DropAfterEffect,
    /// The vendor is gone: every matching connection closes at once, whatever other rules say.
    Outage,
}

impl Action {
    /// An answer of `code` with the vendor's own error body, without effect.
    pub fn status(code: u16) -> Self {
        Self::Status { code, body: None, content_type: None, retry_after: None, phase: Phase::BeforeEffect }
    }
}

/// Whether a request that is answered by a fault took effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It did not.
    #[default]
    BeforeEffect,
    /// It did.
    AfterEffect,
}

/// Why a rule is refused.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// Not a regular expression.
    #[error("path is not a regular expression")]
    Path(#[source] regex::Error),
    /// Not an HTTP method.
    #[error("method {0:?} is not an HTTP method")]
    Method(String),
    /// Not an HTTP status.
    #[error("status {0} is not between 200 and 599")]
    Status(u16),
    /// Would never happen.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// Too many rules.
    #[error("there are {RULES_MAX} rules already: remove some")]
    TooMany,
}

/// A rule that stands, and what it has done so far.
#[derive(Debug, Clone, Serialize)]
pub struct ActiveFault {
    /// By which it is removed.
    pub id: u64,
    /// The rule.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many requests it matched.
    pub matched: u64,
    /// How many requests it happened to.
    pub applied: u64,
}

/// All rules. A rule that has happened its number of times goes away.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Rules>,
    /// How many rules there are, so that a sandbox without any does not lock.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Rules {
    last_id: u64,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    active: ActiveFault,
    method: Option<Method>,
    path: Option<Regex>,
}

/// What happens to one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) delay_ms: u64,
    pub(crate) action: Option<Action>,
}

impl Faults {
    /// Adds a rule; returns its id.
    pub fn add(&self, fault: Fault) -> Result<u64, FaultError> {
        let path = fault.path.as_deref().map(Regex::new).transpose().map_err(FaultError::Path)?;
        let method = match &fault.method {
            Some(name) => Some(
                Method::from_bytes(name.to_ascii_uppercase().as_bytes())
                    .map_err(|_| FaultError::Method(name.clone()))?,
            ),
            None => None,
        };
        if let Action::Status { code, .. } = fault.action
            && !(200..=599).contains(&code)
        {
            return Err(FaultError::Status(code));
        }
        if fault.times == Some(0) {
            return Err(FaultError::Zero("times"));
        }
        if fault.every == Some(0) {
            return Err(FaultError::Zero("every"));
        }
        let mut rules = self.lock();
        if rules.rules.len() >= RULES_MAX {
            return Err(FaultError::TooMany);
        }
        rules.last_id += 1;
        let id = rules.last_id;
        let active = ActiveFault { id, fault, matched: 0, applied: 0 };
        rules.rules.push(Rule { active, method, path });
        self.count.store(rules.rules.len(), Ordering::Release);
        Ok(id)
    }

    /// Removes a rule; whether it was there.
    pub fn remove(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let before = rules.rules.len();
        rules.rules.retain(|rule| rule.active.id != id);
        self.count.store(rules.rules.len(), Ordering::Release);
        rules.rules.len() < before
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().rules.clear();
        self.count.store(0, Ordering::Release);
    }

    /// The rules that stand, oldest first.
    pub fn list(&self) -> Vec<ActiveFault> {
        self.lock().rules.iter().map(|rule| rule.active.clone()).collect()
    }

    /// What happens to this request. Counts.
    pub(crate) fn judge(
        &self,
        vendor: Vendor,
        account: Option<&str>,
        method: &Method,
        path: &str,
    ) -> Verdict {
        if self.count.load(Ordering::Acquire) == 0 {
            return Verdict::default();
        }
        let mut verdict = Verdict::default();
        let mut rules = self.lock();
        for rule in &mut rules.rules {
            // A rule that could not act, because an older one does, is not used up by this request.
            let acts = match &rule.active.fault.action {
                Action::Delay { .. } => true,
                Action::Outage => verdict.action != Some(Action::Outage),
                _ => verdict.action.is_none(),
            };
            if !acts || !rule.matches(vendor, account, method, path) {
                continue;
            }
            rule.active.matched += 1;
            if !rule.active.matched.is_multiple_of(u64::from(rule.active.fault.every.unwrap_or(1))) {
                continue;
            }
            rule.active.applied += 1;
            match &rule.active.fault.action {
                Action::Delay { delay_ms } => verdict.delay_ms = verdict.delay_ms.saturating_add(*delay_ms),
                action => verdict.action = Some(action.clone()),
            }
        }
        rules.rules.retain(|rule| !rule.is_used_up());
        self.count.store(rules.rules.len(), Ordering::Release);
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn matches(&self, vendor: Vendor, account: Option<&str>, method: &Method, path: &str) -> bool {
        self.active.fault.vendor == vendor
            && self.active.fault.account.as_deref().is_none_or(|wanted| Some(wanted) == account)
            && self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(|wanted| wanted.is_match(path))
    }

    fn is_used_up(&self) -> bool {
        self.active.fault.times.is_some_and(|times| self.active.applied >= u64::from(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(faults: &Faults, path: &str) -> Verdict {
        faults.judge(Vendor::Kisi, Some("9"), &Method::POST, path)
    }

    #[test]
    fn a_rule_matches_by_vendor_account_method_and_path() {
        let faults = Faults::default();
        let fault = Fault::on(Vendor::Kisi, Action::status(500)).account(9).request("post", "^/users$");
        faults.add(fault).unwrap();
        let judge = |vendor, account, method, path| faults.judge(vendor, account, &method, path).action;
        assert_eq!(judge(Vendor::Kisi, Some("9"), Method::POST, "/users"), Some(Action::status(500)));
        assert_eq!(judge(Vendor::Twilio, Some("9"), Method::POST, "/users"), None);
        assert_eq!(judge(Vendor::Kisi, Some("8"), Method::POST, "/users"), None);
        assert_eq!(judge(Vendor::Kisi, None, Method::POST, "/users"), None);
        assert_eq!(judge(Vendor::Kisi, Some("9"), Method::GET, "/users"), None);
        assert_eq!(judge(Vendor::Kisi, Some("9"), Method::POST, "/users/1"), None);
    }

    #[test]
    fn times_and_every_count_matching_requests() {
        let faults = Faults::default();
        faults.add(Fault::on(Vendor::Kisi, Action::status(429)).every(2).times(2)).unwrap();
        let hit: Vec<bool> = (0..6).map(|_| judge(&faults, "/users").action.is_some()).collect();
        assert_eq!(hit, [false, true, false, true, false, false]);
        assert!(faults.list().is_empty(), "a used up rule goes away");
    }

    #[test]
    fn delays_add_up_the_oldest_other_rule_acts_and_an_outage_beats_all() {
        let faults = Faults::default();
        faults.add(Fault::on(Vendor::Kisi, Action::Delay { delay_ms: 20 })).unwrap();
        faults.add(Fault::on(Vendor::Kisi, Action::status(500)).times(1)).unwrap();
        faults.add(Fault::on(Vendor::Kisi, Action::DropAfterEffect)).unwrap();
        faults.add(Fault::on(Vendor::Kisi, Action::Delay { delay_ms: 30 })).unwrap();
        assert_eq!(judge(&faults, "/"), Verdict { delay_ms: 50, action: Some(Action::status(500)) });
        assert_eq!(judge(&faults, "/"), Verdict { delay_ms: 50, action: Some(Action::DropAfterEffect) });
        let outage = faults.add(Fault::on(Vendor::Kisi, Action::Outage)).unwrap();
        assert_eq!(judge(&faults, "/").action, Some(Action::Outage));
        assert!(faults.remove(outage));
        assert_eq!(judge(&faults, "/").action, Some(Action::DropAfterEffect));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let faults = Faults::default();
        let on = || Fault::on(Vendor::Kisi, Action::Outage);
        assert!(matches!(faults.add(on().request("GET", "(")), Err(FaultError::Path(_))));
        assert!(matches!(faults.add(on().request("G T", "")), Err(FaultError::Method(_))));
        assert!(matches!(faults.add(on().times(0)), Err(FaultError::Zero("times"))));
        assert!(matches!(faults.add(on().every(0)), Err(FaultError::Zero("every"))));
        let status = Fault::on(Vendor::Kisi, Action::status(99));
        assert!(matches!(faults.add(status), Err(FaultError::Status(99))));
    }

    #[test]
    fn a_rule_reads_from_the_json_of_the_control_api() {
        let json = r#"{"vendor":"sendgrid","method":"POST","path":"^/v3/mail/send$","times":3,
            "action":{"kind":"status","code":502,"body":"<html></html>","retry_after":1}}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        assert_eq!(fault.vendor, Vendor::SendGrid);
        assert!(matches!(
            fault.action,
            Action::Status { code: 502, retry_after: Some(1), phase: Phase::BeforeEffect, .. }
        ));
        assert!(serde_json::from_str::<Fault>(r#"{"vendor":"kisi","action":{"kind":"explode"}}"#).is_err());
    }
}
