//! What Twilio's error codes mean (Twilio error dictionary).

use serde_json::Value;
use vendor_http::{ErrorAnswer, ErrorKind, VendorError, Verdict};

/// Why a text message was refused, or not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The number is none, or does not exist.
    InvalidTo,
    /// The number cannot receive text messages: a landline, or its carrier takes none.
    NotMobile,
    /// The person wrote STOP to this sender. Send no more until they write START.
    OptedOut,
    /// The account may not send to the number's country.
    CountryNotAllowed,
    /// A trial account reaches verified numbers only.
    TrialUnverified,
    /// The sender or the account is not set up for this: the operator of the platform has to act.
    Configuration,
    /// The sender cannot reach the number.
    NotRoutable,
    /// The text is longer than 1,600 characters.
    TooLong,
    /// The sender has too much to send. Later.
    QueueFull,
    /// The handset is off or out of reach. Later, once.
    Unreachable,
    /// The carrier or the person blocks it, or takes it for spam.
    Blocked,
    /// Anything else.
    Other,
}

impl Reason {
    /// The reason that a refused call names.
    pub fn of(error: &VendorError) -> Self {
        error.code().and_then(|code| code.parse().ok()).map_or(Self::Other, Self::of_code)
    }

    /// The reason of an error code, which messages and status callbacks carry too.
    pub fn of_code(code: u32) -> Self {
        match code {
            21211 | 30005 => Self::InvalidTo,
            21614 | 30006 => Self::NotMobile,
            21610 => Self::OptedOut,
            21408 => Self::CountryNotAllowed,
            21608 => Self::TrialUnverified,
            20003 | 21212 | 21603 | 21606 | 21703 | 21712 | 30002 | 30010 | 30034 => Self::Configuration,
            21612 => Self::NotRoutable,
            21617 => Self::TooLong,
            20429 | 21611 | 30001 => Self::QueueFull,
            30003 => Self::Unreachable,
            30004 | 30007 => Self::Blocked,
            _ => Self::Other,
        }
    }
}

/// Reads `{"code", "message", "more_info", "status"}`.
pub(super) fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    let Ok(Value::Object(body)) = serde_json::from_slice(answer.body) else { return };
    let code = body.get("code").and_then(Value::as_u64);
    verdict.code = code.map(|code| code.to_string());
    verdict.message = body.get("message").and_then(Value::as_str).map(str::to_owned);
    if !answer.status.is_client_error() {
        return;
    }
    match code {
        Some(20003) => verdict.kind = ErrorKind::Unauthorized,
        Some(20404) => verdict.kind = ErrorKind::NotFound,
        // 21611 also comes with status 400.
        Some(20429 | 21611) => verdict.kind = ErrorKind::RateLimited { retry_after: verdict.retry_after },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use vendor_http::Effect;
    use vendor_http::http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &str) -> Verdict {
        let (status, headers, now) =
            (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Timestamp::UNIX_EPOCH);
        let mut verdict = Verdict::of_status(status, &headers, now);
        read_error(&ErrorAnswer { status, headers: &headers, body: body.as_bytes(), now }, &mut verdict);
        verdict
    }

    fn kind(status: u16, code: u32) -> ErrorKind {
        read(status, &format!(r#"{{"code":{code},"message":"m","status":{status}}}"#)).kind
    }

    #[test]
    fn code_and_message_are_read() {
        let verdict = read(400, include_str!("../samples/twilio_error.json"));
        assert_eq!(verdict.code.as_deref(), Some("21610"));
        assert_eq!(verdict.message.as_deref(), Some("Attempt to send to unsubscribed recipient"));
        assert_eq!((verdict.kind, verdict.effect), (ErrorKind::Rejected, Effect::None));
    }

    #[test]
    fn codes_decide_the_kind_where_the_status_does_not() {
        let limited = ErrorKind::RateLimited { retry_after: None };
        assert_eq!(kind(401, 20003), ErrorKind::Unauthorized);
        assert_eq!(kind(403, 20003), ErrorKind::Unauthorized);
        assert_eq!(kind(404, 20404), ErrorKind::NotFound);
        assert_eq!(kind(429, 20429), limited);
        assert_eq!(kind(400, 21611), limited);
        assert_eq!(kind(403, 21408), ErrorKind::Rejected);
        assert_eq!(kind(500, 20003), ErrorKind::Unreachable);
    }

    #[test]
    fn bodies_that_are_not_twilios_leave_the_status_to_speak() {
        for body in ["", "<html>", "[]", r#"{"code":"x","message":7}"#] {
            let verdict = read(503, body);
            assert_eq!((verdict.kind, verdict.code, verdict.message), (ErrorKind::Unreachable, None, None));
        }
    }

    #[test]
    fn codes_have_their_reasons() {
        assert_eq!(Reason::of_code(21211), Reason::InvalidTo);
        assert_eq!(Reason::of_code(21610), Reason::OptedOut);
        assert_eq!(Reason::of_code(21614), Reason::NotMobile);
        assert_eq!(Reason::of_code(21606), Reason::Configuration);
        assert_eq!(Reason::of_code(30003), Reason::Unreachable);
        assert_eq!(Reason::of_code(1), Reason::Other);
    }
}
