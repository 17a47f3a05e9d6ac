//! What is remembered about each account of a vendor: its limit, its circuit, how long it wants peace.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::breaker::{Breaker, Outcome, Ticket};
use crate::config::Config;
use crate::limit::{Limiter, NotInTime};
use crate::{CircuitState, Limit};

/// Names an account of a vendor: the unit of rate limit and circuit. It stands in logs, so it must
/// be neither secret nor personal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountKey(Arc<str>);

impl AccountKey {
    /// By an id that the vendor uses, such as an account number.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    /// By a credential, where nothing else is known: the start of its SHA-256, from which a
    /// credential of full length cannot be found.
    pub fn of_secret(secret: &SecretString) -> Self {
        let digest = Sha256::digest(secret.expose_secret());
        let mut key = String::from("key-");
        for byte in &digest[..8] {
            let _ = write!(key, "{byte:02x}");
        }
        Self(key.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({})", self.0)
    }
}

/// The accounts of one vendor.
#[derive(Debug)]
pub(crate) struct Accounts {
    limit: Option<Limit>,
    breaker: crate::config::Breaker,
    max: usize,
    idle: Duration,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    accounts: HashMap<AccountKey, Entry>,
    /// Number of accounts at which idle ones are looked for: twice what was left the last time, so
    /// that the search costs little per call.
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry {
    account: Arc<Account>,
    last_used: Instant,
}

/// Below this there is nothing worth a search.
const SWEEP_MIN: usize = 64;

impl Accounts {
    pub(crate) fn new(limit: Option<Limit>, config: &Config) -> Self {
        Self {
            limit,
            breaker: config.breaker,
            max: config.accounts_max.max(1),
            // Forgetting an account sooner would close its circuit before its cool-down is over.
            idle: config.account_idle.max(config.breaker.cool_down),
            known: Mutex::new(Known { accounts: HashMap::new(), sweep_at: SWEEP_MIN }),
        }
    }

    pub(crate) fn get(&self, key: &AccountKey) -> Arc<Account> {
        let now = Instant::now();
        let mut known = lock(&self.known);
        if let Some(entry) = known.accounts.get_mut(key) {
            entry.last_used = now;
            return entry.account.clone();
        }
        if known.accounts.len() >= known.sweep_at.min(self.max) {
            known.sweep(now, self.idle, self.max);
        }
        let account = Arc::new(Account::new(self.limit, self.breaker));
        known.accounts.insert(key.clone(), Entry { account: account.clone(), last_used: now });
        account
    }

    /// The circuit of an account; closed if there is no such account.
    pub(crate) fn circuit(&self, key: &AccountKey) -> CircuitState {
        let account = lock(&self.known).accounts.get(key).map(|entry| entry.account.clone());
        account.map_or(CircuitState::Closed, |account| lock(&account.state).breaker.state(Instant::now()))
    }
}

impl Known {
    /// Forgets idle accounts; if that does not make room, the half that was used longest ago. One with
    /// a call under way stays, so beyond `max` there are at most as many as there are calls.
    fn sweep(&mut self, now: Instant, idle: Duration, max: usize) {
        let in_use = |entry: &Entry| Arc::strong_count(&entry.account) > 1;
        self.accounts.retain(|_, entry| in_use(entry) || now - entry.last_used < idle);
        if self.accounts.len() >= max {
            let mut uses: Vec<Instant> = self.accounts.values().map(|entry| entry.last_used).collect();
            let middle = uses.len() / 2;
            let (_, &mut median, _) = uses.select_nth_unstable(middle);
            self.accounts.retain(|_, entry| in_use(entry) || entry.last_used > median);
        }
        self.sweep_at = (self.accounts.len() * 2).max(SWEEP_MIN);
    }
}

/// One account of a vendor.
#[derive(Debug)]
pub(crate) struct Account {
    limiter: Option<Limiter>,
    pub(crate) state: Mutex<AccountState>,
}

#[derive(Debug)]
pub(crate) struct AccountState {
    pub(crate) breaker: Breaker,
    /// The vendor asked not to be called before this.
    held_until: Option<Instant>,
}

/// Why a call was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    CircuitOpen(Duration),
    NotInTime(NotInTime),
}

/// Leave to send one attempt. Dropped without [`Turn::report`], it counts as cancelled.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    account: &'a Account,
    ticket: Option<Ticket>,
    _slot: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl Account {
    fn new(limit: Option<Limit>, breaker: crate::config::Breaker) -> Self {
        Self {
            limiter: limit.map(Limiter::new),
            state: Mutex::new(AccountState { breaker: Breaker::new(breaker), held_until: None }),
        }
    }

    /// Waits for leave to send one attempt.
    pub(crate) async fn turn(&self, deadline: Instant) -> Result<Turn<'_>, Refusal> {
        // An open circuit is told at once, not after a wait in line.
        if let Some(wait) = lock(&self.state).breaker.refusal(Instant::now()) {
            return Err(Refusal::CircuitOpen(wait));
        }
        let slot = match &self.limiter {
            Some(limiter) => Some(limiter.turn(deadline).await.map_err(Refusal::NotInTime)?),
            None => None,
        };
        loop {
            let now = Instant::now();
            let until = {
                let mut state = lock(&self.state);
                match state.held_until.filter(|&until| now < until) {
                    Some(until) => until,
                    None => {
                        let ticket = state.breaker.admit(now).map_err(Refusal::CircuitOpen)?;
                        return Ok(Turn { account: self, ticket: Some(ticket), _slot: slot });
                    }
                }
            };
            if until >= deadline {
                return Err(Refusal::NotInTime(NotInTime { wait: Some(until - now) }));
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// Sends nothing for `wait`.
    pub(crate) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = lock(&self.state);
        state.held_until = state.held_until.max(Some(until));
    }
}

impl Turn<'_> {
    /// Says what became of the attempt.
    pub(crate) fn report(mut self, outcome: Outcome) -> Option<crate::breaker::Change> {
        self.settle(outcome)
    }

    fn settle(&mut self, outcome: Outcome) -> Option<crate::breaker::Change> {
        let ticket = self.ticket.take()?;
        lock(&self.account.state).breaker.report(ticket, outcome, Instant::now())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.settle(Outcome::Cancelled);
    }
}

/// No code panics while it holds one of these locks, and if it did, the state would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn config() -> Config {
        let mut config = Config::new("test");
        config.breaker.failures = NonZeroU32::MIN;
        config.account_idle = Duration::from_secs(600);
        config
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_account_does_not_affect_another() {
        let accounts = Accounts::new(None, &config());
        let (dead, alive) = (AccountKey::new("dead"), AccountKey::new("alive"));
        let account = accounts.get(&dead);
        account.turn(soon()).await.unwrap().report(Outcome::Dead);
        assert!(matches!(account.turn(soon()).await.unwrap_err(), Refusal::CircuitOpen(_)));
        assert!(accounts.get(&alive).turn(soon()).await.is_ok());
        assert_eq!(accounts.circuit(&dead), CircuitState::Open);
        assert_eq!(accounts.circuit(&alive), CircuitState::Closed);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(accounts.circuit(&dead), CircuitState::HalfOpen);
        assert!(account.turn(soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_dropped_frees_the_probe() {
        let accounts = Accounts::new(None, &config());
        let account = accounts.get(&AccountKey::new("a"));
        account.turn(soon()).await.unwrap().report(Outcome::Dead);
        tokio::time::advance(Duration::from_secs(30)).await;
        drop(account.turn(soon()).await.unwrap());
        assert!(account.turn(soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_asked_for_peace_is_left_alone_so_long() {
        let accounts = Accounts::new(None, &config());
        let account = accounts.get(&AccountKey::new("a"));
        let start = Instant::now();
        account.hold(Duration::from_secs(3));
        account.hold(Duration::from_secs(1));
        let refused = account.turn(start + Duration::from_secs(2)).await.unwrap_err();
        assert_eq!(refused, Refusal::NotInTime(NotInTime { wait: Some(Duration::from_secs(3)) }));
        account.turn(start + Duration::from_secs(9)).await.unwrap().report(Outcome::Alive);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_accounts_are_forgotten() {
        let accounts = Accounts::new(None, &config());
        for number in 0..SWEEP_MIN {
            accounts.get(&AccountKey::new(number.to_string()));
        }
        tokio::time::advance(Duration::from_secs(601)).await;
        let busy = AccountKey::new("0");
        accounts.get(&busy);
        accounts.get(&AccountKey::new("new"));
        let known = lock(&accounts.known);
        assert_eq!(known.accounts.len(), 2);
        assert!(known.accounts.contains_key(&busy));
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_more_accounts_than_the_bound_but_those_in_use() {
        let accounts = Accounts::new(None, &Config { accounts_max: 10, ..config() });
        let held = accounts.get(&AccountKey::new("held"));
        for number in 0..1000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            accounts.get(&AccountKey::new(number.to_string()));
            assert!(lock(&accounts.known).accounts.len() <= 11);
        }
        assert!(Arc::ptr_eq(&held, &accounts.get(&AccountKey::new("held"))));
    }

    #[test]
    fn the_key_of_a_secret_does_not_show_it() {
        let key = AccountKey::of_secret(&SecretString::from("abc"));
        assert_eq!(key.as_str(), "key-ba7816bf8f01cfea");
    }
}
