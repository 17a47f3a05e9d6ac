//! The list itself: PINs as hashes, each with its channels and its window. Pure.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

use crate::request::ChannelNumber;
use crate::time::is_plausible;

/// How many PINs a list may have.
pub const PINS_MAX: usize = 4_000;
/// How long a list may be good for.
const VALID_MOST: TimeDelta = TimeDelta::hours(72);
/// A clock may be so much behind the one by which the list was made.
const BEHIND_MOST: TimeDelta = TimeDelta::minutes(5);
const ITERATIONS: std::ops::RangeInclusive<u32> = 10_000..=1_000_000;
const SALT_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
const ID_MOST: usize = 128;

/// It is no list.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// By its form.
    #[error("the list can't be read: {0}")]
    Form(#[from] serde_json::Error),
    /// By a value.
    #[error("{field} of the list {problem}")]
    Value {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Who may open by PIN where and when.
#[derive(Debug)]
pub struct List {
    /// Whose it is.
    pub controller: String,
    /// Counts up.
    pub version: u64,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// From when on it is worth nothing.
    pub valid_until: DateTime<Utc>,
    /// Of all PINs' hashes.
    pub salt: Vec<u8>,
    /// Of all PINs' hashes.
    pub iterations: NonZeroU32,
    pins: Vec<Pin>,
}

/// What somebody may open by a PIN.
#[derive(Debug)]
struct Pin {
    id: String,
    hash: [u8; 32],
    channels: Vec<u16>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// What a list says of a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It opens; whose it is.
    Opens(&'a str),
    /// It opens this channel at another time.
    NotNow,
    /// It opens other channels.
    NotHere,
    /// Nobody has it.
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    controller: String,
    version: u64,
    issued_at: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    salt: String,
    iterations: u32,
    pins: Vec<WirePin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePin {
    id: String,
    hash: String,
    channels: Vec<u16>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl List {
    /// Reads a list, and checks it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wire: Wire = serde_json::from_str(text)?;
        let salt = HEXLOWER_PERMISSIVE.decode(wire.salt.as_bytes()).ok();
        let salt = salt.filter(|salt| SALT_BYTES.contains(&salt.len()));
        let iterations = NonZeroU32::new(wire.iterations).filter(|n| ITERATIONS.contains(&n.get()));
        if !is_plausible(wire.issued_at) {
            return Err(invalid("issued_at", "is not within the years 2020 to 2199"));
        }
        if wire.valid_until <= wire.issued_at || wire.valid_until - wire.issued_at > VALID_MOST {
            return Err(invalid("valid_until", "is not within 72 hours after issued_at"));
        }
        if wire.pins.len() > PINS_MAX {
            return Err(invalid("pins", "has more than 4,000 entries"));
        }
        Ok(Self {
            controller: wire.controller,
            version: wire.version,
            issued_at: wire.issued_at,
            valid_until: wire.valid_until,
            salt: salt.ok_or_else(|| invalid("salt", "is not 32 to 128 hex digits"))?,
            iterations: iterations
                .ok_or_else(|| invalid("iterations", "is not within 10,000 to 1,000,000"))?,
            pins: wire.pins.into_iter().map(Pin::check).collect::<Result<_, _>>()?,
        })
    }

    /// How many PINs it has.
    pub fn len(&self) -> usize {
        self.pins.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }

    /// Whether it can be that time: it is not before the list was made.
    pub fn may_be(&self, now: DateTime<Utc>) -> bool {
        self.issued_at - BEHIND_MOST <= now
    }

    /// What it says of a PIN. If several have the same one, whoever may opens.
    pub fn look_up(&self, hash: &[u8; 32], channel: ChannelNumber, now: DateTime<Utc>) -> Verdict<'_> {
        let mut verdict = Verdict::Unknown;
        for pin in self.pins.iter().filter(|pin| pin.hash == *hash) {
            let is_here = pin.channels.contains(&channel.get());
            if is_here && pin.starts_at <= now && now < pin.ends_at {
                return Verdict::Opens(&pin.id);
            }
            verdict = match (is_here, verdict) {
                (true, _) | (_, Verdict::NotNow) => Verdict::NotNow,
                _ => Verdict::NotHere,
            };
        }
        verdict
    }
}

impl Pin {
    fn check(wire: WirePin) -> Result<Self, Invalid> {
        let hash =
            HEXLOWER_PERMISSIVE.decode(wire.hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
        if !(1..=ID_MOST).contains(&wire.id.chars().count()) || wire.id.chars().any(char::is_control) {
            return Err(invalid("pins.id", "is not 1 to 128 characters without control characters"));
        }
        if wire.ends_at <= wire.starts_at {
            return Err(invalid("pins.ends_at", "is not after starts_at"));
        }
        Ok(Self {
            id: wire.id,
            hash: hash.ok_or_else(|| invalid("pins.hash", "is not 64 hex digits"))?,
            channels: wire.channels,
            starts_at: wire.starts_at,
            ends_at: wire.ends_at,
        })
    }
}

fn invalid(field: &'static str, problem: &'static str) -> Invalid {
    Invalid::Value { field, problem }
}
