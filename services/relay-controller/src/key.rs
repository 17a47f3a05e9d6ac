//! The API key: made once, shown once, kept as a hash; and who may try how often.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::allowance::Allowance;
use crate::clock::Clock;
use crate::disk::{Disk, replace};

const FILE: &str = "key.json";
const PREFIX: &str = "lrc_";
/// What the list key is derived for.
const LIST_KEY_USE: &[u8] = b"latchkey offline list v1";

/// Wrong keys from an address at once, and after how long there is one more.
const WRONG_AT_ONCE: u32 = 10;
const WRONG_EACH: Duration = Duration::from_secs(6);
/// Of how many addresses wrong keys are counted.
const ADDRESSES_MAX: usize = 1_024;
/// How many addresses are remembered that had the right key.
const FRIENDS_MAX: usize = 8;

/// What is kept of an API key: enough to know it again, and to verify the lists of whoever has it.
#[derive(Serialize, Deserialize)]
pub struct ApiKey {
    hash: String,
    list_key: String,
}

/// A key's text, to be shown once.
pub struct NewKey(pub String);

impl ApiKey {
    /// A key at random.
    pub fn make() -> (NewKey, Self) {
        let text = format!("{PREFIX}{}", random_hex());
        (NewKey(text.clone()), Self::of(&text))
    }

    fn of(text: &str) -> Self {
        let list_key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()), LIST_KEY_USE);
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Self { hash: HEXLOWER.encode(hash.as_ref()), list_key: HEXLOWER.encode(list_key.as_ref()) }
    }

    /// The one that was saved; none if the controller is not paired yet.
    pub fn load(disk: &dyn Disk) -> io::Result<Option<Self>> {
        Ok(disk.read(FILE)?.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    /// Saves it in place of any other.
    pub fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        replace(disk, FILE, &serde_json::to_vec(self)?)
    }

    /// Whether this is the key. Takes as long whether it is or not.
    fn is(&self, text: &str) -> bool {
        let other = Self::of(text);
        self.hash.as_bytes().ct_eq(other.hash.as_bytes()).into()
    }

    /// Whether whoever has the key made this code for these bytes.
    pub fn has_signed(&self, bytes: &[u8], mac: &[u8]) -> bool {
        let key = HEXLOWER.decode(self.list_key.as_bytes()).unwrap_or_default();
        // The key of a damaged file signs nothing.
        !key.is_empty() && hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), bytes, mac).is_ok()
    }
}

/// 32 bytes at random.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("the system has random bytes");
    HEXLOWER.encode(&bytes)
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// By a wrong key, or none, or because there is no key yet.
    WrongKey,
    /// By too many of them. Perhaps after so long.
    TooMany(Duration),
}

/// Lets in who has the key. Addresses that sent too many wrong ones are refused unseen, but for those that the right
/// one came from: whoever shares an address with the platform can't keep it out.
pub struct Gate {
    key: Option<Arc<ApiKey>>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

struct Seen {
    wrong: Allowance<IpAddr>,
    friends: VecDeque<IpAddr>,
}

impl Gate {
    /// A gate for this key. Without one nobody is let in.
    pub fn new(key: Option<Arc<ApiKey>>, clock: Arc<dyn Clock>) -> Self {
        let wrong = Allowance::new(WRONG_AT_ONCE, WRONG_EACH, ADDRESSES_MAX);
        Self { key, clock, seen: Mutex::new(Seen { wrong, friends: VecDeque::new() }) }
    }

    /// Lets in who has the key.
    pub fn check(&self, from: IpAddr, key: Option<&str>) -> Result<(), Denied> {
        let from = neighbourhood(from);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = seen.wrong.take(&from, self.clock.since_boot());
        let is_friend = seen.friends.contains(&from);
        if let (Err(wait), false) = (attempt, is_friend) {
            return Err(Denied::TooMany(wait));
        }
        let is_right = self.key.as_ref().zip(key).is_some_and(|(right, given)| right.is(given));
        if !is_right {
            return Err(attempt.map_or_else(Denied::TooMany, |()| Denied::WrongKey));
        }
        if attempt.is_ok() {
            seen.wrong.give_back(&from);
        }
        if !is_friend {
            seen.friends.truncate(FRIENDS_MAX - 1);
            seen.friends.push_front(from);
        }
        Ok(())
    }
}

/// Those who have one address of IPv6 have all of its network.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SettableClock;
    use crate::disk::cut::CutDisk;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn gate() -> (Gate, String, Arc<SettableClock>) {
        let clock = Arc::new(SettableClock::at("2026-12-01T12:00:00Z".parse().unwrap()));
        let (text, key) = ApiKey::make();
        (Gate::new(Some(Arc::new(key)), clock.clone()), text.0, clock)
    }

    fn guess_until_refused(gate: &Gate, from: IpAddr) -> Duration {
        for _ in 0..WRONG_AT_ONCE {
            assert_eq!(gate.check(from, Some("lrc_wrong")), Err(Denied::WrongKey));
        }
        match gate.check(from, Some("lrc_wrong")) {
            Err(Denied::TooMany(wait)) => wait,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_key_and_nothing_else_lets_in() {
        let (gate, key, clock) = gate();
        assert_eq!(gate.check(HERE, Some(&key)), Ok(()));
        for wrong in [None, Some(""), Some(&key[..key.len() - 1]), Some(&key.to_uppercase())] {
            assert_eq!(gate.check(HERE, wrong), Err(Denied::WrongKey));
        }
        assert_eq!(Gate::new(None, clock).check(HERE, Some(&key)), Err(Denied::WrongKey));
    }

    #[test]
    fn whoever_guesses_is_refused_unseen_and_may_try_again_later() {
        let (gate, key, clock) = gate();
        let wait = guess_until_refused(&gate, HERE);
        assert_eq!(gate.check(HERE, Some(&key)), Err(Denied::TooMany(wait)), "even with the right one");
        assert_eq!(gate.check("192.0.2.1".parse().unwrap(), Some(&key)), Ok(()));
        clock.advance(wait);
        assert_eq!(gate.check(HERE, Some(&key)), Ok(()));
    }

    #[test]
    fn an_address_that_had_the_key_is_never_kept_out_by_guesses() {
        let (gate, key, _) = gate();
        for _ in 0..100 {
            assert_eq!(gate.check(HERE, Some(&key)), Ok(()));
        }
        guess_until_refused(&gate, HERE);
        assert_eq!(gate.check(HERE, Some(&key)), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_guesses_as_one() {
        let (gate, key, _) = gate();
        for n in 0..WRONG_AT_ONCE {
            gate.check(format!("2001:db8::{n}").parse().unwrap(), Some("wrong")).unwrap_err();
        }
        let denied = gate.check("2001:db8::ffff".parse().unwrap(), Some(&key));
        assert!(matches!(denied, Err(Denied::TooMany(_))));
    }

    #[test]
    fn a_key_is_saved_without_its_text() {
        let (text, key) = ApiKey::make();
        let disk = CutDisk::default();
        key.save(&disk).unwrap();
        let saved = String::from_utf8(disk.read(FILE).unwrap().unwrap()).unwrap();
        assert!(!saved.contains(text.0.trim_start_matches(PREFIX)));
        assert!(ApiKey::load(&disk).unwrap().unwrap().is(&text.0));
    }

    #[test]
    fn the_list_key_is_what_the_api_says() {
        let key = ApiKey::of("lrc_0000000000000000000000000000000000000000000000000000000000000000");
        let mac = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, &HEXLOWER.decode(key.list_key.as_bytes()).unwrap()),
            b"list",
        );
        assert!(key.has_signed(b"list", mac.as_ref()));
        assert!(!key.has_signed(b"lisT", mac.as_ref()));
        assert_eq!(key.list_key, LIST_KEY_OF_ZEROS);
    }

    /// `printf 'latchkey offline list v1' | openssl dgst -sha256 -hmac lrc_000…`
    const LIST_KEY_OF_ZEROS: &str = "5f837dc64ef60ac556e0ebfacf7380de09b09e5d21c4f1c34937a7b86aad05fe";
}
