//! The relays' lines, and the one thread that owns them. It waits for no network and no disk.
//!
//! All lines are off before it begins and when it ends, however it ends.

mod thread;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::bank::{Bank, Done, NotDone};
use crate::board::{Board, DoorContact};
use crate::channel::{HoldOver, Over};
use crate::log::{Kind, Recorder, Source, What};
use crate::request::{Action, ChannelNumber, Request, RequestId};
use crate::span::{Lease, PulseLength, whole_ms};
use crate::time::Time;

pub use thread::{LineThread, Unavailable};

/// What is known of one channel.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelState {
    /// Whether the relay should be on.
    pub on: bool,
    /// When it goes off.
    pub off_in_ms: Option<u64>,
    /// Whether nothing opens it.
    pub locked_down: bool,
    /// The hold that runs.
    pub hold: Option<HoldState>,
    /// The newest request.
    pub last: Option<LastState>,
    /// The door.
    pub contact: Option<DoorContact>,
    /// What is wrong with the relay.
    pub fault: Option<Fault>,
}

/// What is known of a hold.
#[derive(Debug, Clone, Serialize)]
pub struct HoldState {
    /// Its request.
    pub id: RequestId,
    /// When it ends unless it is renewed.
    pub lease_ms_left: u64,
    /// When it ends in any case.
    pub ms_left: u64,
}

/// What is known of a channel's newest request.
#[derive(Debug, Clone, Serialize)]
pub struct LastState {
    /// Its id.
    pub id: RequestId,
    /// What it was.
    pub action: &'static str,
    /// When it was done.
    pub ms_ago: u64,
}

/// What is wrong with a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fault {
    /// Its line reads another level than it was set to.
    RelayDiffers,
    /// Its line can't be set or read.
    RelayFailed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RelayDiffers => "RELAY_DIFFERS",
            Self::RelayFailed => "RELAY_FAILED",
        })
    }
}

/// The lines, and what is wanted of them.
pub struct Lines {
    board: Box<dyn Board>,
    bank: Bank,
    /// The level that each line was set to; none: nobody knows.
    set: Vec<Option<bool>>,
    faults: Vec<Option<Fault>>,
    time: Arc<Time>,
    recorder: Recorder,
}

impl Lines {
    /// The lines of a board whose relays are all off.
    pub fn new(board: Box<dyn Board>, bank: Bank, time: Arc<Time>, recorder: Recorder) -> Self {
        let count = bank.channels().len();
        Self { board, bank, set: vec![Some(false); count], faults: vec![None; count], time, recorder }
    }

    fn now(&self) -> Duration {
        self.time.since_boot()
    }

    /// Until something ends.
    fn wait(&self) -> Option<Duration> {
        self.bank.next_end().map(|end| end.saturating_sub(self.now()))
    }

    /// Ends what is over, and looks at the lines.
    fn turn(&mut self) {
        let now = self.now();
        for (channel, over) in self.bank.turn(now) {
            self.recorder.record(ended(channel, &over));
        }
        self.apply();
        for index in 0..self.set.len() {
            self.look_at(index);
        }
    }

    /// Sets each line to what is wanted of it, if it isn't.
    fn apply(&mut self) {
        for (index, channel) in self.bank.channels().iter().enumerate() {
            let wanted = channel.is_on();
            if self.set[index] != Some(wanted) {
                let done = self.board.set(index, wanted);
                self.set[index] = done.is_ok().then_some(wanted);
                // Said once, as the fault is taken down once: it is tried again twice a second.
                if let (Err(error), None) = (done, self.faults[index]) {
                    tracing::error!(channel.number = index + 1, error = %error, "a relay's line can't be set");
                }
            }
        }
        // What could not be switched on is not tried again: whoever asked is told. What can't be switched off is.
        for index in 0..self.set.len() {
            if self.set[index].is_none() && self.bank.channels()[index].is_on() {
                self.bank.give_up(ChannelNumber::at(index));
                self.set[index] = self.board.set(index, false).ok().map(|()| false);
            }
        }
    }

    fn look_at(&mut self, index: usize) {
        let fault = match (self.set[index], self.board.is_on(index)) {
            (None, _) | (_, Err(_)) => Some(Fault::RelayFailed),
            (Some(set), Ok(is_on)) => (set != is_on).then_some(Fault::RelayDiffers),
        };
        if fault.is_some() {
            // Set it again, the next time.
            self.set[index] = None;
        }
        if fault != self.faults[index] {
            self.faults[index] = fault;
            let what = What { channel: Some(ChannelNumber::at(index).get()), ..What::own(Kind::Fault) };
            self.recorder.record(match fault {
                Some(fault) => what.refused(fault.to_string()),
                None => what,
            });
        }
    }

    /// Does what is asked for, once, and takes it down.
    pub fn carry_out(&mut self, request: &Request) -> Result<Done, NotDone> {
        let done = self.bank.carry_out(self.now(), request).and_then(|done| {
            if done.repeated {
                return Ok(done);
            }
            self.apply();
            if self.has_switched(&request.action) {
                return Ok(done);
            }
            self.bank.forget(&request.id);
            Err(NotDone::RelayFailed)
        });
        match &done {
            Ok(done) if done.repeated => {}
            Ok(done) => self.recorder.record(What::requested(request, &done.action)),
            Err(error) => {
                let what = What::requested(request, &request.action);
                self.recorder.record(what.refused(error.reason()));
            }
        }
        done
    }

    /// Whether the lines have the levels that an action is about.
    fn has_switched(&self, action: &Action) -> bool {
        let is = |channel: ChannelNumber, level| self.set[channel.index()] == Some(level);
        match *action {
            Action::Pulse(channel, _) | Action::Hold(channel, ..) => is(channel, true),
            Action::Lock(channel) | Action::LockDown(Some(channel)) => is(channel, false),
            Action::LockDown(None) => self.set.iter().all(|level| *level == Some(false)),
            Action::Lift(_) => true,
        }
    }

    /// A pulse of the default length, for a PIN. Says how long it is.
    pub fn open(&mut self, channel: ChannelNumber) -> Result<PulseLength, NotDone> {
        let length = self.bank.open(self.now(), channel, None)?;
        self.apply();
        if self.set[channel.index()] == Some(true) { Ok(length) } else { Err(NotDone::RelayFailed) }
    }

    /// Goes on with a hold. Says how long it goes on now.
    pub fn renew(
        &mut self,
        channel: ChannelNumber,
        hold: &RequestId,
        lease: Lease,
    ) -> Result<Duration, NotDone> {
        let now = self.now();
        Ok(self.bank.renew(now, channel, hold, lease)?.saturating_sub(now))
    }

    /// Locks down once more, so that what was lifted meanwhile is locked.
    pub fn lock_down(&mut self, which: Option<ChannelNumber>) {
        self.bank.lock_down(which);
        self.apply();
    }

    /// What was done under an id.
    pub fn find(&self, id: &RequestId) -> Option<Action> {
        self.bank.find(id).cloned()
    }

    /// Whether this was done, or can't be by its id.
    pub fn look_up(&self, request: &Request) -> Option<Result<Done, NotDone>> {
        self.bank.look_up(request)
    }

    /// Sets the default pulse.
    pub fn set_default_pulse(&mut self, channel: ChannelNumber, length: PulseLength) {
        self.bank.set_default_pulse(channel, length);
    }

    /// What is known of all channels.
    pub fn state(&mut self) -> Vec<ChannelState> {
        let now = self.now();
        let left = |end: Duration| whole_ms(end.saturating_sub(now));
        let channels = self.bank.channels().iter().zip(self.bank.last()).zip(&self.faults).enumerate();
        let state = channels.map(|(index, ((channel, last), fault))| ChannelState {
            on: channel.is_on(),
            off_in_ms: channel.off_at().map(left),
            locked_down: channel.is_locked_down(),
            hold: channel.hold().map(|hold| HoldState {
                id: hold.id.clone(),
                lease_ms_left: left(hold.lease_until.min(hold.ends)),
                ms_left: left(hold.ends),
            }),
            last: last.as_ref().map(|last| LastState {
                id: last.id.clone(),
                action: last.action.word(),
                ms_ago: whole_ms(now.saturating_sub(last.at)),
            }),
            // A contact that can't be read says nothing; the relay's fault is what is told.
            contact: self.board.contact(index).unwrap_or_default(),
            fault: *fault,
        });
        state.collect()
    }
}

fn ended(channel: ChannelNumber, over: &HoldOver) -> What {
    let reason = match over.by {
        Over::Lease => "LEASE_OVER",
        Over::Time => "TIME_OVER",
    };
    What {
        channel: Some(channel.get()),
        reason: Some(reason.to_owned()),
        id: Some(over.id.to_string()),
        ..What::done(Kind::Ended, Source::Device)
    }
}

impl Drop for Lines {
    /// Off, whatever was wanted: at the end, and as a panic unwinds.
    fn drop(&mut self) {
        for index in 0..self.set.len() {
            if let Err(error) = self.board.set(index, false) {
                tracing::error!(channel.number = index + 1, error = %error, "a relay's line can't be set");
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
