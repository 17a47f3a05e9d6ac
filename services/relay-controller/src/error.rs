//! Why something that was asked of the controller was not done.

use std::io;
use std::time::Duration;

use crate::bank::NotDone;
use crate::lines::Unavailable;
use crate::offline::NotTaken;
use crate::span::OutOfRange;

/// By cause. The text is for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body or a parameter can't be read.
    #[error("the request can't be read: {0}")]
    RequestInvalid(String),
    /// A duration is too short or too long.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// The name of a channel.
    #[error("a name has 1 to 64 characters, none of them a control character")]
    NameInvalid,
    /// The name of a request.
    #[error("an id has 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
    IdInvalid {
        /// Where it stood.
        field: &'static str,
    },
    /// On whose behalf.
    #[error("an actor has up to 128 characters, none of them a control character")]
    ActorInvalid,
    /// What time it is.
    #[error("now is not within the years 2020 to 2199")]
    TimeInvalid,
    /// The API key, or there is none.
    #[error("the key is wrong, or the controller is not paired; `relay-controller pair` makes a key")]
    KeyWrong,
    /// Too many of these.
    #[error("too many wrong keys came from this address; wait")]
    TooManyWrongKeys(Duration),
    /// There are fewer channels.
    #[error("there is no channel {0}; the channels count from 1")]
    ChannelUnknown(String),
    /// Nothing was done under an id, as far as it is known.
    #[error("no request with this id was done")]
    RequestUnknown,
    /// There is nothing of that address.
    #[error("there is no such path; API.md lists them")]
    PathUnknown,
    /// It is not for that.
    #[error("this path takes another method")]
    MethodWrong,
    /// More than is taken.
    #[error("the body is too large")]
    BodyTooLarge,
    /// Refused by a channel.
    #[error(transparent)]
    NotDone(#[from] NotDone),
    /// The offline list is not taken.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// The disk did not take it.
    #[error("{what}, for the state folder can't be written: {source}")]
    NotSaved {
        /// What is the case now.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The lines can't be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It took too long.
    #[error("it took too long; /v1/requests/{{id}} says what became of it")]
    TimedOut,
}

impl Error {
    /// As a code.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::RequestInvalid(_) | Self::ActorInvalid | Self::TimeInvalid => "REQUEST_INVALID",
            Self::OutOfRange(range) => range.reason,
            Self::NameInvalid => "NAME_INVALID",
            Self::IdInvalid { .. } => "ID_INVALID",
            Self::KeyWrong => "KEY_WRONG",
            Self::TooManyWrongKeys(_) => "TOO_MANY_WRONG_KEYS",
            Self::ChannelUnknown(_) => "CHANNEL_UNKNOWN",
            Self::RequestUnknown => "REQUEST_UNKNOWN",
            Self::PathUnknown => "PATH_UNKNOWN",
            Self::MethodWrong => "METHOD_WRONG",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::NotDone(not_done) => not_done.reason(),
            Self::NotTaken(not_taken) => not_taken.reason(),
            Self::NotSaved { .. } => "STATE_NOT_SAVED",
            Self::Unavailable(Unavailable::Busy) => "BUSY",
            Self::Unavailable(Unavailable::Stopping) => "STOPPING",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// Which field is to blame, if one is.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::OutOfRange(range) => Some(range.field),
            Self::NameInvalid => Some("name"),
            Self::IdInvalid { field } => Some(field),
            Self::ActorInvalid => Some("actor"),
            Self::TimeInvalid => Some("now"),
            Self::NotTaken(NotTaken::Outdated { .. }) => Some("version"),
            _ => None,
        }
    }
}
