//! Who may open by PIN, known ahead: so the controller decides alone when nobody can be asked.

mod list;

use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER_PERMISSIVE;
use ring::pbkdf2;
use serde::{Deserialize, Serialize};

use crate::allowance::Allowance;
use crate::clock::Clock;
use crate::disk::{Disk, replace};
use crate::key::ApiKey;
use crate::request::ChannelNumber;

pub use list::{Invalid, List, PINS_MAX, Verdict};

const FILE: &str = "list.json";

/// Wrong PINs at a channel at once, and after how long there is one more.
const WRONG_AT_ONCE: u32 = 5;
const WRONG_EACH: Duration = Duration::from_secs(60);

/// A list as it comes: text, and the code of whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The list, as JSON.
    pub list: String,
    /// HMAC-SHA256 of the bytes of `list` by the list key, 64 hex digits.
    pub mac: String,
}

/// Why a list is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It was made by somebody else, or changed on the way.
    #[error("the code does not fit the list and this controller's key")]
    MacWrong,
    /// It is none.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It is meant for another one.
    #[error("the list is for controller {0}")]
    ForAnotherController(String),
    /// There is a newer one, or another one of its version.
    #[error("a list of version {has} is there; a new one needs a greater version than that")]
    Outdated {
        /// The version that is there.
        has: u64,
    },
    /// It could not be saved, so that a restart would lose it.
    #[error("the list could not be saved")]
    NotSaved(#[source] io::Error),
}

impl NotTaken {
    /// As a code.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MacWrong => "LIST_MAC_WRONG",
            Self::Invalid(_) => "LIST_INVALID",
            Self::ForAnotherController(_) => "LIST_FOR_ANOTHER_CONTROLLER",
            Self::Outdated { .. } => "LIST_OUTDATED",
            Self::NotSaved(_) => "STATE_NOT_SAVED",
        }
    }
}

/// What is said to a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEntry {
    /// Nobody has it.
    PinWrong,
    /// Somebody has it, at another time.
    PinNotNow,
    /// Somebody has it, at another channel.
    PinNotHere,
    /// Too many wrong ones were entered at this channel lately.
    TooManyWrongPins,
    /// Nobody knows what time it is.
    ClockUnsure,
    /// The list is too old.
    ListExpired,
    /// There is no list.
    ListMissing,
}

impl NoEntry {
    /// As a code.
    pub fn reason(self) -> &'static str {
        match self {
            Self::PinWrong => "PIN_WRONG",
            Self::PinNotNow => "PIN_NOT_NOW",
            Self::PinNotHere => "PIN_NOT_HERE",
            Self::TooManyWrongPins => "TOO_MANY_WRONG_PINS",
            Self::ClockUnsure => "CLOCK_UNSURE",
            Self::ListExpired => "LIST_EXPIRED",
            Self::ListMissing => "LIST_MISSING",
        }
    }
}

/// The list that counts, and who tried.
pub struct Pins {
    controller: String,
    key: Option<Arc<ApiKey>>,
    clock: Arc<dyn Clock>,
    list: Mutex<Option<Arc<List>>>,
    /// The disk, and what is on it.
    saved: Mutex<(Box<dyn Disk>, Option<Signed>)>,
    wrong: Mutex<Allowance<ChannelNumber>>,
    /// One PIN after the other is hashed: the machine has doors to mind.
    hashing: Mutex<()>,
}

impl Pins {
    /// Reads the list that was saved, if this key has signed it.
    pub fn load(
        disk: impl Disk,
        controller: &str,
        key: Option<Arc<ApiKey>>,
        clock: Arc<dyn Clock>,
        channels: usize,
    ) -> io::Result<Self> {
        let signed: Option<Signed> = disk.read(FILE)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let wrong = Mutex::new(Allowance::new(WRONG_AT_ONCE, WRONG_EACH, channels));
        let mut pins = Self {
            controller: controller.to_owned(),
            key,
            clock,
            list: Mutex::new(None),
            saved: Mutex::new((Box::new(disk), None)),
            wrong,
            hashing: Mutex::new(()),
        };
        if let Some(signed) = signed {
            match pins.verify(&signed) {
                Ok(list) => {
                    pins.list = Mutex::new(Some(Arc::new(list)));
                    lock(&pins.saved).1 = Some(signed);
                }
                Err(error) => tracing::warn!(error = %error, "the saved offline list is not taken"),
            }
        }
        Ok(pins)
    }

    /// The list that counts.
    pub fn list(&self) -> Option<Arc<List>> {
        lock(&self.list).clone()
    }

    /// Takes a list in place of the one before, and returns when it is on the disk. Waits for it.
    pub fn take(&self, signed: &Signed) -> Result<Arc<List>, NotTaken> {
        let list = Arc::new(self.verify(signed)?);
        let mut saved = lock(&self.saved);
        let (disk, last) = &mut *saved;
        if let Some(current) = self.list() {
            if last.as_ref() == Some(signed) {
                return Ok(current);
            }
            if list.version <= current.version {
                return Err(NotTaken::Outdated { has: current.version });
            }
        }
        let bytes = serde_json::to_vec(signed).map_err(io::Error::from);
        bytes.and_then(|bytes| replace(&**disk, FILE, &bytes)).map_err(NotTaken::NotSaved)?;
        *last = Some(signed.clone());
        *lock(&self.list) = Some(list.clone());
        Ok(list)
    }

    fn verify(&self, signed: &Signed) -> Result<List, NotTaken> {
        let mac = HEXLOWER_PERMISSIVE.decode(signed.mac.as_bytes()).map_err(|_| NotTaken::MacWrong)?;
        let is_signed = self.key.as_ref().is_some_and(|key| key.has_signed(signed.list.as_bytes(), &mac));
        if !is_signed {
            return Err(NotTaken::MacWrong);
        }
        let list = List::parse(&signed.list)?;
        if list.controller != self.controller {
            return Err(NotTaken::ForAnotherController(list.controller));
        }
        Ok(list)
    }

    /// Whose PIN this is, if it opens this channel at this time; none: nobody is sure what time it is. Takes long.
    pub fn try_pin(
        &self,
        channel: ChannelNumber,
        pin: &str,
        now: Option<DateTime<Utc>>,
    ) -> Result<String, NoEntry> {
        let list = self.list().ok_or(NoEntry::ListMissing)?;
        let now = now.filter(|now| list.may_be(*now)).ok_or(NoEntry::ClockUnsure)?;
        if list.valid_until <= now {
            return Err(NoEntry::ListExpired);
        }
        // Taken before the PIN is looked at: those who ask at the same time get no more attempts by that.
        let since_boot = self.clock.since_boot();
        lock(&self.wrong).take(&channel, since_boot).map_err(|_| NoEntry::TooManyWrongPins)?;
        let verdict = match self.hash(&list, pin) {
            Some(hash) => list.look_up(&hash, channel, now),
            None => Verdict::Unknown,
        };
        if verdict != Verdict::Unknown {
            lock(&self.wrong).give_back(&channel);
        }
        match verdict {
            Verdict::Opens(credential) => Ok(credential.to_owned()),
            Verdict::NotNow => Err(NoEntry::PinNotNow),
            Verdict::NotHere => Err(NoEntry::PinNotHere),
            Verdict::Unknown => Err(NoEntry::PinWrong),
        }
    }

    fn hash(&self, list: &List, pin: &str) -> Option<[u8; 32]> {
        let is_pin = (4..=12).contains(&pin.len()) && pin.bytes().all(|digit| digit.is_ascii_digit());
        is_pin.then(|| {
            let _one = lock(&self.hashing);
            hash_pin(pin, &list.salt, list.iterations)
        })
    }
}

/// What a list has in place of a PIN.
pub fn hash_pin(pin: &str, salt: &[u8], iterations: NonZeroU32) -> [u8; 32] {
    let mut hash = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, pin.as_bytes(), &mut hash);
    hash
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
