//! How many wrong tokens are put up with: by the network that they come from, and, of API keys, by the key
//! whose secret they miss.
//!
//! `governor` counts what it admits; here a try is counted before it is known to be wrong, and given back if
//! it was right.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use chassis::ClientAddress;
use chrono::Duration;
use domain::{ApiKeyId, Clock, Timestamp};
use quick_cache::sync::{Cache, EntryAction, EntryResult};

use crate::config::SettingError;
use crate::refusal::Refusal;

/// Networks that are remembered at most. Who comes from more can send more, but fills no memory.
const NETWORKS_MAX: usize = 100_000;
/// API keys that are remembered at most.
const KEYS_MAX: usize = 10_000;

/// So many tries in a minute. Each comes back by itself, one after the other, over a minute.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    /// How long it takes until one comes back.
    share: Duration,
}

impl Allowance {
    fn span() -> Duration {
        Duration::minutes(1)
    }

    fn per_minute(tries: u32) -> Option<Self> {
        let tries = i32::try_from(tries).unwrap_or(i32::MAX);
        (tries > 0).then(|| Self { share: Self::span() / tries })
    }

    /// What is still out of what was spent, when the last of it is back at `restored`.
    fn spent(restored: Timestamp, now: Timestamp) -> Duration {
        let spent = restored - now;
        // More than all of it only after the clock was set back, which is nobody's fault.
        if (Duration::zero()..=Self::span()).contains(&spent) { spent } else { Duration::zero() }
    }

    /// When all will be back after one more try; how long to wait, if there is none left.
    fn take(self, restored: Timestamp, now: Timestamp) -> Result<Timestamp, Duration> {
        let after = Self::spent(restored, now) + self.share;
        if after <= Self::span() { Ok(now + after) } else { Err(after - Self::span()) }
    }
}

/// What is spent of an allowance, each by its own.
struct Spent<K> {
    allowance: Allowance,
    /// When all is back. Whoever is not here has spent nothing.
    restored: Cache<K, Timestamp>,
}

impl<K: Hash + Eq + Clone> Spent<K> {
    fn new(allowance: Allowance, entries_max: usize) -> Self {
        Self { allowance, restored: Cache::new(entries_max) }
    }

    /// Takes a try; says how long to wait, if there is none left.
    fn take(&self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let entry = self.restored.entry(key, None, |_, restored| {
            let taken = self.allowance.take(*restored, now);
            EntryAction::Retain(taken.map(|after| *restored = after))
        });
        match entry {
            EntryResult::Retained(taken) => taken,
            EntryResult::Vacant(place) => {
                let after = self.allowance.take(now, now)?;
                // Somebody else's of the same moment is as good.
                let _ = place.insert(after);
                Ok(())
            }
            _ => unreachable!("nothing is removed here, and nobody waits for a limited time"),
        }
    }

    fn give_back(&self, key: &K) {
        let _ = self.restored.entry(key, None, |_, restored| {
            *restored -= self.allowance.share;
            EntryAction::Retain(())
        });
    }

    /// How long until there is a try; `None` if there is one.
    fn wait(&self, key: &K, now: Timestamp) -> Option<Duration> {
        self.allowance.take(self.restored.peek(key)?, now).err()
    }

    fn has_spent(&self, key: &K, now: Timestamp) -> bool {
        self.restored.peek(key).is_some_and(|restored| restored > now)
    }
}

/// Counts wrong tokens, codes, tickets and API keys.
#[derive(Clone)]
pub(crate) struct WrongTokens(Arc<Inner>);

struct Inner {
    by_network: Spent<IpAddr>,
    by_key: Spent<ApiKeyId>,
    clock: Arc<dyn Clock>,
}

/// A try whose outcome is not known yet. It counts as a wrong one unless it is forgiven.
#[must_use]
pub(crate) struct Try<'a> {
    counts: &'a Inner,
    from: IpAddr,
}

impl WrongTokens {
    pub(crate) fn new(per_minute: u32, clock: Arc<dyn Clock>) -> Result<Self, SettingError> {
        let allowance =
            Allowance::per_minute(per_minute).ok_or(SettingError::Zero("wrong_tokens_per_minute"))?;
        Ok(Self(Arc::new(Inner {
            by_network: Spent::new(allowance, NETWORKS_MAX),
            by_key: Spent::new(allowance, KEYS_MAX),
            clock,
        })))
    }

    /// Begins to look at something that may be wrong, unless too much from there was.
    pub(crate) fn begin(&self, from: IpAddr) -> Result<Try<'_>, Refusal> {
        let now = self.0.clock.now();
        self.0.by_network.take(&from, now).map_err(too_many)?;
        Ok(Try { counts: &self.0, from })
    }

    /// The same of what says that it is this API key. Once too many missed its secret, whoever missed
    /// something before is refused: so its holder, who did not, is not kept out by those who guess.
    pub(crate) fn begin_key(&self, from: IpAddr, key: ApiKeyId) -> Result<Try<'_>, Refusal> {
        let now = self.0.clock.now();
        if let Some(wait) = self.0.by_key.wait(&key, now)
            && self.0.by_network.has_spent(&from, now)
        {
            return Err(too_many(wait));
        }
        self.begin(from)
    }
}

impl Try<'_> {
    /// It was not wrong.
    pub(crate) fn forgive(self) {
        self.counts.by_network.give_back(&self.from);
    }

    /// It missed the secret of this key.
    pub(crate) fn missed(self, key: ApiKeyId) {
        let now = self.counts.clock.now();
        let is_last =
            self.counts.by_key.take(&key, now).is_ok() && self.counts.by_key.wait(&key, now).is_some();
        if is_last {
            tracing::warn!(api_key.id = %key, "someone guesses at the secret of an API key");
        }
    }
}

fn too_many(wait: Duration) -> Refusal {
    Refusal::TooManyWrongTokens(wait.to_std().unwrap_or_default())
}

/// The network that a request comes from. Of IPv6 it is the first 64 bits: whoever has one address of them
/// has all.
pub(crate) fn network(extensions: &http::Extensions) -> IpAddr {
    match extensions.get::<ClientAddress>().map(|ClientAddress(address)| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        Some(address) => address,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use domain::SettableClock;
    use proptest::prelude::*;

    use super::*;

    const PER_MINUTE: u32 = 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn counts() -> (WrongTokens, Arc<SettableClock>) {
        let clock = Arc::new(SettableClock::at(at(0)));
        (WrongTokens::new(PER_MINUTE, clock.clone()).unwrap(), clock)
    }

    /// How many wrong ones are looked at before one is refused.
    fn looked_at(counts: &WrongTokens, from: IpAddr) -> usize {
        (0..1_000).take_while(|_| counts.begin(from).is_ok()).count()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    proptest! {
        /// Whatever comes when: in no minute more than twice the allowance, and after a minute's rest all of
        /// it.
        #[test]
        fn an_allowance_is_never_exceeded(tries in 1_u32..500, waits in prop::collection::vec(0_i64..2_000, 1..400)) {
            let allowance = Allowance::per_minute(tries).unwrap();
            let (mut now, mut restored) = (at(0), at(0));
            let mut taken = Vec::new();
            for wait in waits {
                now += Duration::milliseconds(wait);
                match allowance.take(restored, now) {
                    Ok(after) => {
                        restored = after;
                        taken.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(wait > Duration::zero() && wait <= allowance.share);
                        prop_assert!(allowance.take(restored, now + wait).is_ok(), "the wait was long enough");
                    }
                }
            }
            for (index, first) in taken.iter().enumerate() {
                let within = taken[index..].iter().take_while(|time| **time - *first < Allowance::span());
                prop_assert!(within.count() <= 2 * tries as usize);
            }
            let rested = (0..tries).try_fold(restored, |restored, _| {
                allowance.take(restored, now + Allowance::span())
            });
            prop_assert!(rested.is_ok());
        }
    }

    #[test]
    fn a_network_has_its_allowance_and_gets_it_back_bit_by_bit() {
        let (counts, clock) = counts();
        let from = ip("203.0.113.7");
        assert_eq!(looked_at(&counts, from), 60);
        let Err(Refusal::TooManyWrongTokens(wait)) = counts.begin(from).map(|_| ()) else { panic!() };
        assert_eq!(wait.as_secs(), 1);
        assert_eq!(looked_at(&counts, ip("203.0.113.8")), 60, "another one is none the worse");
        clock.advance(Duration::seconds(10));
        assert_eq!(looked_at(&counts, from), 10);
        clock.advance(Duration::minutes(1));
        assert_eq!(looked_at(&counts, from), 60);
        clock.advance(Duration::hours(-1));
        assert_eq!(looked_at(&counts, from), 60, "a clock that was set back locks nobody out for an hour");
    }

    #[test]
    fn what_is_right_costs_nothing() {
        let (counts, _) = counts();
        let from = ip("203.0.113.7");
        for _ in 0..1_000 {
            counts.begin(from).unwrap().forgive();
        }
        assert_eq!(looked_at(&counts, from), 60);
    }

    #[test]
    fn who_guesses_at_a_key_is_refused_and_its_holder_is_not() {
        let (counts, clock) = counts();
        let (key, holder) = (ApiKeyId::new(), ip("198.51.100.1"));
        let guesser = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + number));
        for number in 0..PER_MINUTE {
            counts.begin_key(guesser(number), key).unwrap().missed(key);
        }
        assert!(counts.begin_key(guesser(1), key).is_err(), "missed something before");
        assert!(counts.begin_key(guesser(1), ApiKeyId::new()).is_ok(), "another key");
        counts.begin_key(holder, key).unwrap().forgive();
        counts.begin_key(holder, key).unwrap().forgive();
        clock.advance(Duration::minutes(1));
        assert!(counts.begin_key(guesser(1), key).is_ok());
    }

    #[test]
    fn networks_without_number_fill_no_memory() {
        let (counts, _) = counts();
        for number in 0..300_000_u32 {
            let _ = counts.begin(IpAddr::V4(Ipv4Addr::from_bits(number)));
        }
        assert!(counts.0.by_network.restored.len() <= NETWORKS_MAX);
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let from = |text: &str| {
            let mut extensions = http::Extensions::new();
            extensions.insert(ClientAddress(ip(text)));
            network(&extensions)
        };
        assert_eq!(from("2001:db8:0:1::7"), from("2001:db8:0:1:ffff::1"));
        assert_ne!(from("2001:db8:0:1::7"), from("2001:db8:0:2::7"));
        assert_eq!(from("::ffff:203.0.113.7"), ip("203.0.113.7"));
        assert_ne!(from("203.0.113.7"), from("203.0.113.8"));
    }

    #[test]
    fn an_allowance_of_nothing_is_refused() {
        let clock = Arc::new(SettableClock::at(at(0)));
        let error = WrongTokens::new(0, clock).err().unwrap().to_string();
        assert!(error.contains("limits.wrong_tokens_per_minute"), "{error}");
    }
}
