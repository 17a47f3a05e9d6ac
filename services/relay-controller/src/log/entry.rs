//! One entry.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Something that happened, as it is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up by one.
    pub seq: u64,
    /// When, by the best guess.
    pub at: DateTime<Utc>,
    /// Whether the guess may be believed.
    pub sure: bool,
    /// Since the start of the daemon.
    pub uptime_ms: u64,
    /// Which start that was.
    pub boot: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct What {
    /// What kind of thing.
    pub action: Kind,
    /// At which channel; none: at all, or it is not about channels.
    pub channel: Option<u16>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// Why not; or by what a hold ended.
    pub reason: Option<String>,
    /// How long the pulse or at most the hold is, or by how much the clock was wrong.
    pub ms: Option<u64>,
    /// The lease of the hold.
    pub lease_ms: Option<u64>,
    /// How many entries were dropped, or PINs are in the list.
    pub count: Option<u64>,
    /// The caller's name for the request.
    pub id: Option<String>,
    /// On whose behalf, as the caller says.
    pub actor: Option<String>,
    /// Whose PIN, as the list says.
    pub credential: Option<String>,
    /// By which way it came.
    pub source: Source,
}

impl What {
    /// Something that was done.
    pub fn done(action: Kind, source: Source) -> Self {
        Self {
            action,
            channel: None,
            outcome: Outcome::Done,
            reason: None,
            ms: None,
            lease_ms: None,
            count: None,
            id: None,
            actor: None,
            credential: None,
            source,
        }
    }

    /// Something that the controller itself did.
    pub fn own(action: Kind) -> Self {
        Self::done(action, Source::Device)
    }

    /// It was refused instead.
    pub fn refused(self, reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Refused, reason: Some(reason.into()), ..self }
    }
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A door was opened for a moment.
    Pulse,
    /// A door is held open.
    Hold,
    /// A door was locked.
    Lock,
    /// A door stays locked until that is lifted.
    LockDown,
    /// That was lifted.
    Lift,
    /// A PIN was entered.
    Pin,
    /// A hold ended by itself.
    Ended,
    /// The daemon started.
    Started,
    /// It stopped, as it was told to.
    Stopped,
    /// A channel got another name.
    Renamed,
    /// A channel got another default pulse.
    DefaultPulse,
    /// An offline list was taken, or refused.
    List,
    /// The clock was set by more than two seconds, or is sure for the first time.
    Clock,
    /// A relay's line reads another level than it was set to.
    Fault,
    /// Settings could not be read; everything was locked down.
    SettingsLost,
    /// Entries were dropped before they had a number.
    Dropped,
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was.
    Done,
    /// It was not.
    Refused,
}

/// By which way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// By the API.
    Api,
    /// By a PIN at the door.
    Pin,
    /// By the controller itself.
    Device,
}
