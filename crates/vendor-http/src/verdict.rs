//! What an answer with an error status means: first by the status, then by what the vendor says in it.

use std::time::Duration;

use domain::Timestamp;
use http::{HeaderMap, StatusCode};

use crate::{Effect, ErrorKind, retry_after};

/// An answer with an error status.
#[derive(Debug, Clone, Copy)]
pub struct ErrorAnswer<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body. Empty if it could not be read. It may be HTML from something between us and the vendor.
    pub body: &'a [u8],
    /// When it came.
    pub now: Timestamp,
}

/// What the answer means. Made from the status; a vendor's [`ReadError`] corrects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Cause.
    pub kind: ErrorKind,
    /// Whether the call may have taken effect.
    pub effect: Effect,
    /// Whether the vendor, or this account at it, is out of order, which counts towards the account's
    /// circuit. Not so if just the thing that the call names is, such as one door's controller.
    pub is_outage: bool,
    /// How long the vendor wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether the vendor said that it is no use to make the call again.
    pub is_final: bool,
    /// The vendor's code.
    pub code: Option<String>,
    /// The vendor's words. Whatever stands here is shortened and scrubbed before anyone sees it.
    pub message: Option<String>,
}

/// Reads a vendor's error answer and corrects the verdict.
pub type ReadError = fn(&ErrorAnswer<'_>, &mut Verdict);

impl Verdict {
    /// By status and `Retry-After` alone.
    pub fn of_status(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let (kind, effect) = match status.as_u16() {
            401 => (ErrorKind::Unauthorized, Effect::None),
            404 | 410 => (ErrorKind::NotFound, Effect::None),
            409 => (ErrorKind::Conflict, Effect::None),
            // The server gave up waiting for the request: it never had all of it.
            408 => (ErrorKind::Unreachable, Effect::None),
            429 => (ErrorKind::RateLimited { retry_after: None }, Effect::None),
            400..=499 => (ErrorKind::Rejected, Effect::None),
            500..=599 => (ErrorKind::Unreachable, Effect::Unknown),
            // Vendors do not redirect API calls, and 303 means that the call was carried out.
            _ => (ErrorKind::Malformed, Effect::Unknown),
        };
        Self {
            kind,
            effect,
            is_outage: status.is_server_error(),
            retry_after: retry_after::read(headers, now),
            is_final: false,
            code: None,
            message: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(status: u16) -> Verdict {
        Verdict::of_status(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn each_status_has_its_kind() {
        assert_eq!(of(401).kind, ErrorKind::Unauthorized);
        assert_eq!(of(403).kind, ErrorKind::Rejected);
        assert_eq!(of(404).kind, ErrorKind::NotFound);
        assert_eq!(of(409).kind, ErrorKind::Conflict);
        assert_eq!(of(422).kind, ErrorKind::Rejected);
        assert_eq!(of(429).kind, ErrorKind::RateLimited { retry_after: None });
        assert_eq!(of(503).kind, ErrorKind::Unreachable);
        assert_eq!(of(302).kind, ErrorKind::Malformed);
    }

    #[test]
    fn retry_after_is_taken_along() {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "3".parse().unwrap())]);
        let verdict = Verdict::of_status(StatusCode::SERVICE_UNAVAILABLE, &headers, Timestamp::UNIX_EPOCH);
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(3)));
    }

    proptest! {
        #[test]
        fn refusals_have_no_effect_and_only_server_errors_are_outages(status in 100u16..=999) {
            let verdict = of(status);
            prop_assert_eq!(verdict.effect == Effect::None, (400..500).contains(&status));
            prop_assert_eq!(verdict.is_outage, (500..600).contains(&status));
        }
    }
}
