//! What the gateway itself answers when it can't pass a call on.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Why a call gets no answer from a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No route for that service.
    Unknown,
    /// The service is down.
    Unreachable,
    /// The service did not answer in time. What it did is not known.
    TimedOut,
    /// The stream has lasted as long as one may.
    StreamTooLong,
    /// The request is larger than any service takes.
    TooLarge,
    /// So are its headers.
    HeadersTooLarge,
    /// Too many calls are under way.
    Busy,
    /// Too many wrong tokens came from there; the next one is looked at after this long.
    TooManyWrongTokens(Duration),
    /// There is no such API key.
    KeyInvalid,
    /// The API key was revoked.
    KeyRevoked,
    /// The API key's time is over.
    KeyExpired,
}

impl Refusal {
    fn parts(self) -> (Code, &'static str, &'static str) {
        match self {
            Self::Unknown => (Code::Unimplemented, "SERVICE_UNKNOWN", "there is no such service here"),
            Self::Unreachable => {
                (Code::Unavailable, "SERVICE_UNREACHABLE", "temporarily unavailable; try again")
            }
            Self::TimedOut => (
                Code::DeadlineExceeded,
                "SERVICE_TIMEOUT",
                "no answer in time; it may have been carried out all the same",
            ),
            Self::StreamTooLong => {
                (Code::DeadlineExceeded, "STREAM_TOO_LONG", "the stream was ended; open a new one")
            }
            Self::TooLarge => (Code::ResourceExhausted, "REQUEST_TOO_LARGE", "the request is too large"),
            Self::HeadersTooLarge => {
                (Code::ResourceExhausted, "HEADERS_TOO_LARGE", "the request's headers are too large")
            }
            Self::Busy => (Code::Unavailable, "GATEWAY_BUSY", "too many calls at once; try again"),
            Self::TooManyWrongTokens(_) => (
                Code::ResourceExhausted,
                "TOO_MANY_WRONG_TOKENS",
                "too many wrong tokens came from your address; wait, and send a good one",
            ),
            Self::KeyInvalid => (Code::Unauthenticated, "API_KEY_INVALID", "the API key is not valid here"),
            Self::KeyRevoked => {
                (Code::Unauthenticated, "API_KEY_REVOKED", "the API key was revoked; get a new one")
            }
            Self::KeyExpired => {
                (Code::Unauthenticated, "API_KEY_EXPIRED", "the API key has expired; get a new one")
            }
        }
    }

    /// When to come again, if that is of use.
    pub(crate) fn retry(self) -> Option<Duration> {
        match self {
            Self::Unreachable | Self::Busy => Some(Duration::from_secs(1)),
            Self::TooManyWrongTokens(wait) => Some(wait),
            _ => None,
        }
    }

    /// As the caller sees it, with details for programs.
    pub(crate) fn status(self) -> Status {
        let (code, reason, text) = self.parts();
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, "latchkey", HashMap::new());
        if let Some(wait) = self.retry() {
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(code, text, details)
    }
}
