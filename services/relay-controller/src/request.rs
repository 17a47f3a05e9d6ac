//! What is asked of the channels, and the memory that makes the same request one.

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use crate::span::{HoldLength, Lease, PulseLength};

/// How many requests are remembered.
pub const REMEMBERED_MAX: usize = 1_024;

/// The caller's name for one intent: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RequestId(String);

/// It is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
pub struct NoRequestId;

impl RequestId {
    /// Checks a text.
    pub fn new(text: impl Into<String>) -> Result<Self, NoRequestId> {
        let text = text.into();
        let fine = |c: u8| c.is_ascii_alphanumeric() || b"._:-".contains(&c);
        if (1..=64).contains(&text.len()) && text.bytes().all(fine) {
            Ok(Self(text))
        } else {
            Err(NoRequestId)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel by its number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The channel at a place, counted from 0.
    pub fn at(index: usize) -> Self {
        Self(u16::try_from(index + 1).unwrap_or(u16::MAX))
    }

    /// The channel of that number, if there are so many.
    pub fn of(number: u16, count: usize) -> Option<Self> {
        (number >= 1 && usize::from(number) <= count).then_some(Self(number))
    }

    /// Its place, counted from 0.
    pub fn index(self) -> usize {
        usize::from(self.0) - 1
    }

    /// Its number.
    pub fn get(self) -> u16 {
        self.0
    }
}

/// What to do. No channel: all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open for a moment; for the channel's default if no length is given.
    Pulse(ChannelNumber, Option<PulseLength>),
    /// Hold open.
    Hold(ChannelNumber, Lease, HoldLength),
    /// Lock.
    Lock(ChannelNumber),
    /// Lock until that is lifted.
    LockDown(Option<ChannelNumber>),
    /// Lift it.
    Lift(Option<ChannelNumber>),
}

impl Action {
    /// Which channel, if it is about one.
    pub fn channel(&self) -> Option<ChannelNumber> {
        match *self {
            Self::Pulse(channel, _) | Self::Hold(channel, ..) | Self::Lock(channel) => Some(channel),
            Self::LockDown(channel) | Self::Lift(channel) => channel,
        }
    }

    /// Its name in the API.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pulse(..) => "pulse",
            Self::Hold(..) => "hold",
            Self::Lock(_) => "lock",
            Self::LockDown(_) => "lock_down",
            Self::Lift(_) => "lift",
        }
    }

    /// Whether `done` is what is asked for here. A pulse without a length is whatever length it had.
    fn is_done_by(&self, done: &Self) -> bool {
        match (self, done) {
            (Self::Pulse(asked, None), Self::Pulse(channel, _)) => asked == channel,
            _ => self == done,
        }
    }
}

/// An action, by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The caller's name for it.
    pub id: RequestId,
    /// What.
    pub action: Action,
    /// On whose behalf, for the log alone.
    pub actor: Option<String>,
}

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It was done: this, with the length that the pulse had.
    Done(Action),
    /// Another one had this id.
    Other,
}

/// The newest requests that were done.
#[derive(Debug, Default)]
pub struct Memory(VecDeque<(RequestId, Action)>);

impl Memory {
    /// Whether a request was done already.
    pub fn look_up(&self, request: &Request) -> Option<Known> {
        let done = self.find(&request.id)?;
        Some(if request.action.is_done_by(done) { Known::Done(done.clone()) } else { Known::Other })
    }

    /// What was done under an id.
    pub fn find(&self, id: &RequestId) -> Option<&Action> {
        self.0.iter().rev().find(|(known, _)| known == id).map(|(_, done)| done)
    }

    /// Remembers one, and forgets the oldest if there are too many.
    pub fn remember(&mut self, id: RequestId, done: Action) {
        if self.0.len() == REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((id, done));
    }

    /// Forgets one that came to nothing.
    pub fn forget(&mut self, id: &RequestId) {
        self.0.retain(|(known, _)| known != id);
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
