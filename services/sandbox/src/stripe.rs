//! The Stripe twin: customers, saved cards and bank accounts, payments, refunds, disputes, events and webhooks.
//!
//! Follows Stripe's API reference at the version [`VERSION_DEFAULT`], and its pages on testing. Owns accounts and their
//! keys, which say by their beginning whether money is real (`_live_`) or not (`_test_`), and whether they may do
//! everything (`sk_`), what they were given (`rk_`), or what pages do (`pk_`). Test and live never meet. Deliberately
//! absent: Stripe's own invoices and subscriptions, captures apart from payments, balance transactions and fees,
//! searches, Connect, the v2 API.

mod account;
mod authenticate;
mod book;
mod call;
mod charge;
mod control;
mod customer;
mod dispute;
mod event;
mod expand;
mod idempotency;
mod list;
mod mandate;
mod params;
mod payment_intent;
mod payment_method;
mod refund;
mod refusal;
mod routes;
mod serve;
mod setup_intent;
mod shelf;
mod switches;
mod test_values;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use domain::{Clock as _, Timestamp};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Twin, TwinParts, Vendor, credentials};
use book::Book;
use call::By;
use refusal::Refusal;
use serve::Access;
pub use switches::{Pace, Switches, WebhookSwitches};
pub use webhook::SIGNATURE_HEADER;

/// The version that answers requests which name none, and of events.
pub const VERSION_DEFAULT: &str = "2026-10-28.endive";

/// What the Stripe twin takes as configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The accounts that exist from the start.
    pub accounts: Vec<Account>,
    /// How fast things happen by themselves.
    pub pace: Pace,
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
    /// Its keys, by themselves: `sk_test_…`, `rk_live_…`, `pk_test_…`.
    pub keys: BTreeMap<String, Key>,
}

/// What a key is good for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// What a restricted key may do, by Stripe's names, such as `rak_accounts_kyc_id_numbers_read` or
    /// `rak_payment_intent_write`.
    pub permissions: BTreeSet<String>,
    /// Whether its time is over.
    pub is_expired: bool,
}

/// The Stripe twin.
pub struct Stripe {
    config: Config,
    parts: TwinParts,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// By their ids.
    accounts: BTreeMap<String, Account>,
    /// By [`book_name`].
    books: BTreeMap<String, Book>,
    switches: Switches,
}

impl State {
    fn book(&mut self, name: &str) -> &mut Book {
        let is_live = name.ends_with("/live");
        self.books.entry(name.to_owned()).or_insert_with(|| Book::new(is_live))
    }
}

/// What an account has in one mode.
fn book_name(account: &str, is_live: bool) -> String {
    format!("{account}/{}", if is_live { "live" } else { "test" })
}

/// Who calls.
struct Caller {
    account: Account,
    by: By,
    /// Where what is theirs is.
    book: String,
}

impl Caller {
    fn is_live(&self) -> bool {
        self.book.ends_with("/live")
    }
}

impl Stripe {
    pub(crate) fn new(config: Config, parts: TwinParts) -> Self {
        let state = Arc::new(Mutex::new(seeded(&config)));
        Self { config, parts, state }
    }

    /// Adds an account, or replaces it.
    pub fn put_account(&self, account: Account) {
        self.lock().accounts.insert(account.id.clone(), account);
    }

    /// The account as it is now.
    pub fn account(&self, id: &str) -> Option<Account> {
        self.lock().accounts.get(id).cloned()
    }

    /// Adds a key to an account, or replaces it; whether the account is there.
    pub fn put_key(&self, account: &str, name: String, key: Key) -> bool {
        self.lock().accounts.get_mut(account).map(|account| account.keys.insert(name, key)).is_some()
    }

    /// Takes a key back, as rolling it does; whether the account had it.
    pub fn revoke_key(&self, account: &str, name: &str) -> bool {
        self.lock().accounts.get_mut(account).is_some_and(|account| account.keys.remove(name).is_some())
    }

    /// How it behaves.
    pub fn switches(&self) -> Switches {
        self.lock().switches.clone()
    }

    /// Changes how it behaves.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.lock().switches);
    }

    /// Sends webhooks that are held.
    pub fn flush_webhooks(&self) {
        let is_held = std::mem::take(&mut self.lock().switches.webhooks.is_held);
        self.deliver_all();
        self.lock().switches.webhooks.is_held = is_held;
    }

    /// Gives a webhook endpoint a new secret; the one before holds for a while, too. None if it is not there.
    pub fn roll_secret(
        &self,
        account: &str,
        is_live: bool,
        endpoint: &str,
        overlap_s: u32,
    ) -> Option<String> {
        let now = self.now();
        webhook::roll(self.lock().book(&book_name(account, is_live)), endpoint, overlap_s, now)
    }

    /// The bank decides a dispute; whether it was open.
    pub fn close_dispute(&self, account: &str, is_live: bool, dispute: &str, is_won: bool) -> bool {
        let (name, now) = (book_name(account, is_live), self.now());
        let mut state = self.lock();
        let was_open = dispute::close(state.book(&name), dispute, is_won, now);
        webhook::deliver(&self.state, &mut state, &name, &self.parts.deliveries, now);
        was_open
    }

    /// Carries out what is due in all books, and tells it.
    fn deliver_all(&self) {
        let now = self.now();
        let mut state = self.lock();
        let names: Vec<String> = state.books.keys().cloned().collect();
        for name in names {
            state.book(&name).advance(now, &self.config.pace);
            webhook::deliver(&self.state, &mut state, &name, &self.parts.deliveries, now);
        }
    }

    /// Whose key is in the header, if the key may do this.
    fn admit(
        &self,
        headers: &HeaderMap,
        permission: &str,
        access: Access,
        is_public: bool,
    ) -> Result<Caller, Refusal> {
        let given = given_key(headers).ok_or(Refusal::KeyMissing)?;
        let state = self.lock();
        let account = state.accounts.values().find(|account| account.keys.contains_key(&given));
        let account = account.ok_or_else(|| Refusal::KeyInvalid(masked(&given)))?;
        let key = &account.keys[&given];
        if key.is_expired {
            return Err(Refusal::KeyExpired(masked(&given)));
        }
        let by = if given.starts_with("pk_") { By::Publishable } else { By::Secret };
        if by == By::Publishable && !is_public {
            return Err(Refusal::SecretKeyRequired);
        }
        let [read, write] = ["read", "write"].map(|access| format!("rak_{permission}_{access}"));
        let is_permitted =
            key.permissions.contains(&write) || (access == Access::Read && key.permissions.contains(&read));
        if given.starts_with("rk_") && !is_permitted {
            return Err(Refusal::NotPermitted {
                key: masked(&given),
                account: account.id.clone(),
                permission: if access == Access::Read { read } else { write },
            });
        }
        let book = book_name(&account.id, given.contains("_live_"));
        Ok(Caller { account: account.clone(), by, book })
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
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
        let mut accounts = state.accounts.values();
        accounts.find(|account| account.keys.contains_key(&given)).map(|account| account.id.clone())
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
        // Before there was money, accounts were all that was saved.
        *self.lock() = match saved.get("accounts") {
            Some(_) => serde_json::from_value(saved)?,
            None => State { accounts: serde_json::from_value(saved)?, ..State::default() },
        };
        Ok(())
    }

    fn reset(&self) {
        *self.lock() = seeded(&self.config);
    }

    fn tick(&self) {
        self.deliver_all();
    }
}

fn seeded(config: &Config) -> State {
    let accounts = config.accounts.iter().map(|account| (account.id.clone(), account.clone()));
    State { accounts: accounts.collect(), ..State::default() }
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
