//! Relay boards: each kind by a driver of its own, all behind one trait.
//!
//! What holds for every driver:
//! - A contact is closed for a time that the board itself measures; nothing closes one without. A board that can't is
//!   not used, unless its operator accepted that by name.
//! - Times are rounded up to the board's unit, and refused if they are out of its range.
//! - A relay whose settings could close it by themselves, or keep it closed, is not used.
//! - A call is made once. What the board may have obeyed is an error with an unknown outcome.
//! - Opening a contact is believed when the board says that it is open.

pub(crate) mod controller;
pub(crate) mod esphome;
mod http;
pub(crate) mod modbus;
pub(crate) mod shelly;
pub(crate) mod tasmota;
mod timing;

use std::num::NonZeroU16;
use std::time::Duration;

use async_trait::async_trait;
use door_adapter::{AccessReason, ErrorKind, ProviderError};
use uuid::Uuid;

pub(crate) use controller::Controller;
pub(crate) use esphome::EspHome;
pub(crate) use http::Line;
pub(crate) use shelly::Shelly;
pub(crate) use tasmota::Tasmota;
pub use timing::Timing;

/// How long a contact is closed for a moment if nobody says how long.
pub const PULSE_USUAL: Duration = Duration::from_secs(3);

/// The shortest moment.
pub const PULSE_MIN: Duration = Duration::from_millis(100);

/// The longest moment.
pub const PULSE_MAX: Duration = Duration::from_secs(30);

/// A contact that is held closed opens by itself after so long, if nobody renews that.
pub const LEASE: Duration = Duration::from_secs(30);

/// Number of a relay on its board, from 1.
pub type Relay = NonZeroU16;

/// A kind of board. Nobody but [`Board`](crate::boards::Board) calls it, one call after the other.
#[async_trait]
pub(crate) trait Driver: Send + Sync {
    /// What it is, and how each of its relays is.
    async fn describe(&self) -> Result<Description, ProviderError>;

    /// How a relay is.
    async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError>;

    /// Closes the contact, or has it stay closed, for as long as is wished from now on. Gives how long that is.
    async fn close(&self, relay: Relay, wish: Wish) -> Result<Duration, ProviderError>;

    /// Opens the contact.
    async fn release(&self, relay: Relay) -> Result<(), ProviderError>;

    /// Has the contact stay open until that is lifted, or lifts it. A board that can't keep that opens it at least.
    async fn set_locked_down(&self, relay: Relay, is_locked_down: bool) -> Result<(), ProviderError> {
        if is_locked_down { self.release(relay).await } else { Ok(()) }
    }

    /// Whether it has carried out what had this id. `None`: it does not know things by their ids.
    async fn was_done(&self, _id: Uuid) -> Result<Option<bool>, ProviderError> {
        Ok(None)
    }

    /// Whether a moment within a lease leaves that as it is. Else it would cut it short.
    fn keeps_leases(&self) -> bool {
        false
    }
}

/// For how long a contact should be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// For a moment.
    Moment(Moment),
    /// For a lease, which is renewed before it is over.
    Lease(Lease),
}

/// A contact is closed for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What that is known by.
    pub id: Uuid,
    /// How long; `None`: as long as is usual there.
    pub length: Option<Duration>,
}

/// A contact is held closed for a while, or goes on to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What the hold is known by.
    pub hold: Uuid,
    /// How long, from now on.
    pub length: Duration,
    /// Of a hold that begins: how long it lasts if its lease is renewed all the time. `None`: it goes on.
    pub lasts: Option<Duration>,
}

impl Wish {
    /// How long that is for a relay that was just read.
    fn length(self, state: RelayState) -> Result<Duration, ProviderError> {
        let timing = state.timing?;
        match self {
            Self::Moment(moment) => timing.pulse(moment.length),
            Self::Lease(lease) => timing.lease(lease.length),
        }
    }
}

/// What a board says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What it is.
    pub model: String,
    /// Its firmware's version; empty if it does not say.
    pub firmware: String,
    /// Its relays, from the first on.
    pub relays: Vec<RelayState>,
}

/// How a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayState {
    /// Whether its contact is closed, as far as the board knows.
    pub is_closed: bool,
    /// For how long it can be closed; or why it is not used for doors.
    pub timing: Result<Timing, Unfit>,
}

/// The relay's settings are not as those of a door's must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("relay {relay} is not set up for a door: {what}")]
pub struct Unfit {
    /// Which.
    pub relay: Relay,
    /// What has to be otherwise.
    pub what: String,
}

impl From<Unfit> for ProviderError {
    fn from(unfit: Unfit) -> Self {
        Self::new(ErrorKind::Rejected, unfit.to_string()).with_code(AccessReason::DoorNotSetUp)
    }
}

/// It has fewer relays.
fn no_relay(relay: Relay) -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, format!("there is no relay {relay}"))
}

/// It says that the contact is closed after it was opened.
fn still_closed(relay: Relay) -> ProviderError {
    let reason =
        format!("relay {relay} stays closed although it was told to open: look after the door at once");
    ProviderError::new(ErrorKind::Rejected, reason).with_unknown_outcome()
}
