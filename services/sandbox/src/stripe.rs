//! The Stripe twin: for now, the account that a key belongs to.
//!
//! Follows Stripe's API reference (Authentication, Errors, Accounts). Owns accounts and their keys, which say
//! by their beginning whether money is real (`_live_`) or not (`_test_`), and whether they may do everything
//! (`sk_`) or what they were given (`rk_`). Deliberately absent: everything about money.

mod control;
mod refusal;
mod routes;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Twin, Vendor, credentials};
use refusal::Refusal;

/// What the Stripe twin takes as configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The accounts that exist from the start.
    pub accounts: Vec<Account>,
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// `acct_` and letters and digits.
    pub id: String,
    /// What customers know the business as. None: not said yet.
    pub business_name: Option<String>,
    /// What the dashboard calls it. None: not said yet.
    pub display_name: Option<String>,
    /// ISO 3166-1.
    pub country: String,
    /// ISO 4217, in lower case.
    pub default_currency: String,
    /// Its keys, by themselves: `sk_test_…`, `rk_live_…`.
    pub keys: BTreeMap<String, Key>,
}

/// What a key is good for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// What a restricted key may do, by Stripe's names, such as `rak_accounts_kyc_id_numbers_read`.
    pub permissions: BTreeSet<String>,
    /// Whether its time is over.
    pub is_expired: bool,
}

/// The Stripe twin.
pub struct Stripe {
    config: Config,
    state: Mutex<State>,
}

/// By their ids.
type State = BTreeMap<String, Account>;

impl Stripe {
    pub(crate) fn new(config: Config) -> Self {
        let state = Mutex::new(seeded(&config));
        Self { config, state }
    }

    /// Adds an account, or replaces it.
    pub fn put_account(&self, account: Account) {
        self.lock().insert(account.id.clone(), account);
    }

    /// The account as it is now.
    pub fn account(&self, id: &str) -> Option<Account> {
        self.lock().get(id).cloned()
    }

    /// Adds a key to an account, or replaces it; whether the account is there.
    pub fn put_key(&self, account: &str, name: String, key: Key) -> bool {
        self.lock().get_mut(account).map(|account| account.keys.insert(name, key)).is_some()
    }

    /// Takes a key back, as rolling it does; whether the account had it.
    pub fn revoke_key(&self, account: &str, name: &str) -> bool {
        self.lock().get_mut(account).is_some_and(|account| account.keys.remove(name).is_some())
    }

    /// The account of the key in the header, if the key may do this.
    fn admit(&self, headers: &HeaderMap, permission: &'static str) -> Result<Account, Refusal> {
        let given = given_key(headers).ok_or(Refusal::KeyMissing)?;
        let state = self.lock();
        let account = state.values().find(|account| account.keys.contains_key(&given));
        let account = account.ok_or_else(|| Refusal::KeyInvalid(masked(&given)))?;
        let key = &account.keys[&given];
        if key.is_expired {
            return Err(Refusal::KeyExpired(masked(&given)));
        }
        if given.starts_with("rk_") && !key.permissions.contains(permission) {
            return Err(Refusal::NotPermitted {
                key: masked(&given),
                account: account.id.clone(),
                permission,
            });
        }
        Ok(account.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Twin for Stripe {
    fn vendor(&self) -> Vendor {
        Vendor::Stripe
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    fn account(&self, request: &Parts) -> Option<String> {
        let given = given_key(&request.headers)?;
        let state = self.lock();
        state.values().find(|account| account.keys.contains_key(&given)).map(|account| account.id.clone())
    }

    fn error_body(&self, status: StatusCode) -> Value {
        let message = status.canonical_reason().unwrap_or("Error");
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                json!({ "error": { "type": "invalid_request_error", "code": "rate_limit", "message": message } })
            }
            status if status.is_client_error() => {
                json!({ "error": { "type": "invalid_request_error", "message": message } })
            }
            _ => json!({ "error": { "type": "api_error", "message": message } }),
        }
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&*self.lock())
    }

    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.lock() = serde_json::from_value(saved)?;
        Ok(())
    }

    fn reset(&self) {
        *self.lock() = seeded(&self.config);
    }
}

fn seeded(config: &Config) -> State {
    config.accounts.iter().map(|account| (account.id.clone(), account.clone())).collect()
}

/// As a bearer token, or as the user of HTTP Basic.
fn given_key(headers: &HeaderMap) -> Option<String> {
    let bearer = credentials::bearer(headers).map(str::to_owned);
    bearer.or_else(|| credentials::basic(headers).map(|(user, _)| user)).filter(|key| !key.is_empty())
}

/// Its kind and its last four characters, as Stripe shows keys.
fn masked(key: &str) -> String {
    let kind = key.match_indices('_').nth(1).map_or("", |(end, _)| &key[..=end]);
    let rest: Vec<char> = key[kind.len()..].chars().collect();
    let shown = rest.len().saturating_sub(4);
    format!("{kind}{}{}", "*".repeat(shown), rest[shown..].iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_by_its_kind_and_its_end() {
        assert_eq!(masked("sk_test_abcdefgh"), "sk_test_****efgh");
        assert_eq!(masked("abcdefgh"), "****efgh");
        assert_eq!(masked("öäü"), "öäü");
    }
}
