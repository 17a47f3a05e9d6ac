//! One channel: when its relay is on, and what ends that. Pure; times are those of a monotonic clock.
//!
//! There is no "on" without an end: a channel is on by a pulse, which has one, or by a hold, which has two:
//! the lease that whoever holds it renews, and the time that it was asked for at first.

use std::time::Duration;

use crate::request::RequestId;
use crate::span::{HoldLength, Lease, PulseLength};

/// A relay's timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pulse_until: Option<Duration>,
    hold: Option<Hold>,
    locked_down: bool,
    /// The pulse of whoever names none.
    pub default_pulse: PulseLength,
}

/// A door held open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The request that began it.
    pub id: RequestId,
    /// When it ends unless it is renewed.
    pub lease_until: Duration,
    /// When it ends in any case.
    pub ends: Duration,
}

impl Hold {
    fn until(&self) -> Duration {
        self.lease_until.min(self.ends)
    }
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing opens it now.
    #[error("the channel is locked down; lift that first")]
    LockedDown,
    /// There is nothing to renew.
    #[error("this hold is not running any more; ask for a new one if the door should be open")]
    HoldEnded,
}

/// A hold that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldOver {
    /// The request that had begun it.
    pub id: RequestId,
    /// By what.
    pub by: Over,
}

/// What ends a hold by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Nobody renewed it.
    Lease,
    /// It was not asked for longer.
    Time,
}

impl Channel {
    /// A channel that is off.
    pub fn new(default_pulse: PulseLength, locked_down: bool) -> Self {
        Self { pulse_until: None, hold: None, locked_down, default_pulse }
    }

    /// Whether the relay should be on.
    pub fn is_on(&self) -> bool {
        self.off_at().is_some()
    }

    /// When it goes off if nothing more is asked for; none if it is off.
    pub fn off_at(&self) -> Option<Duration> {
        self.pulse_until.max(self.hold.as_ref().map(Hold::until))
    }

    /// When the next of its timers ends.
    pub fn next_end(&self) -> Option<Duration> {
        self.pulse_until.into_iter().chain(self.hold.as_ref().map(Hold::until)).min()
    }

    /// The hold that runs.
    pub fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Whether nothing opens it.
    pub fn is_locked_down(&self) -> bool {
        self.locked_down
    }

    /// Ends what is over.
    pub fn turn(&mut self, now: Duration) -> Option<HoldOver> {
        self.pulse_until = self.pulse_until.filter(|until| now < *until);
        let over = self.hold.take_if(|hold| hold.until() <= now)?;
        let by = if over.ends <= now { Over::Time } else { Over::Lease };
        Some(HoldOver { id: over.id, by })
    }

    /// On, for so long. During a longer one it makes no difference.
    pub fn pulse(&mut self, now: Duration, length: PulseLength) -> Result<(), Refused> {
        self.check_open()?;
        self.pulse_until = self.pulse_until.max(Some(now + length.get()));
        Ok(())
    }

    /// On, as long as it is renewed and no longer than `length`. Replaces a hold that runs.
    pub fn hold_open(
        &mut self,
        now: Duration,
        id: RequestId,
        lease: Lease,
        length: HoldLength,
    ) -> Result<(), Refused> {
        self.check_open()?;
        self.hold = Some(Hold { id, lease_until: now + lease.get(), ends: now + length.get() });
        Ok(())
    }

    /// Goes on with a hold that still runs, from now on for a lease. Says when it ends now.
    pub fn renew(&mut self, now: Duration, id: &RequestId, lease: Lease) -> Result<Duration, Refused> {
        self.check_open()?;
        let hold = self.hold.as_mut().filter(|hold| hold.id == *id).ok_or(Refused::HoldEnded)?;
        hold.lease_until = now + lease.get();
        Ok(hold.until())
    }

    /// Off.
    pub fn lock(&mut self) {
        self.pulse_until = None;
        self.hold = None;
    }

    /// Off, until it is lifted.
    pub fn lock_down(&mut self) {
        self.lock();
        self.locked_down = true;
    }

    /// From now on it can be opened again.
    pub fn lift(&mut self) {
        self.locked_down = false;
    }

    fn check_open(&self) -> Result<(), Refused> {
        if self.locked_down { Err(Refused::LockedDown) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
