//! What Stripe's refusals mean (Stripe API reference, Errors).

use serde_json::Value;
use vendor_http::http::{HeaderName, HeaderValue};
use vendor_http::{Effect, ErrorAnswer, ErrorKind, VendorError, Verdict};

/// A call to Stripe failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stripe refused or did not answer.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// No key of this form exists. Nothing was sent.
    #[error("this is no secret or restricted key")]
    KeyUnusable,
}

/// Says whether the same call may be made again. It goes before the status (stripe-node, its rule of retries).
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");

/// Reads `{"error": {"type", "code", "message", …}}`. The words of a 401 are left out: they repeat a part of
/// the key.
pub(super) fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    // Two requests with one key at once, or something behind Stripe failed: the same again, later. The first of the two
    // may well have its effect.
    if matches!(answer.status.as_u16(), 409 | 424) {
        (verdict.kind, verdict.effect) = (ErrorKind::Unreachable, Effect::Unknown);
    }
    match answer.headers.get(SHOULD_RETRY).map(HeaderValue::as_bytes) {
        Some(b"false") => verdict.is_final = true,
        Some(b"true") if verdict.kind == ErrorKind::Rejected => verdict.kind = ErrorKind::Unreachable,
        _ => {}
    }
    let Ok(body) = serde_json::from_slice::<Value>(answer.body) else { return };
    let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
    verdict.code = text("code");
    verdict.message = text("message").filter(|_| answer.status != 401);
}

/// Whether something that was named is not at the account, be it in the path (404) or among the parameters, which Stripe
/// takes for a bad request (Stripe API reference, `resource_missing`).
pub(crate) fn is_missing(error: &VendorError) -> bool {
    error.kind == ErrorKind::NotFound || error.code() == Some("resource_missing")
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use vendor_http::http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &str) -> Verdict {
        read_with(status, body, HeaderMap::new())
    }

    fn read_with(status: u16, body: &str, headers: HeaderMap) -> Verdict {
        let (status, now) = (StatusCode::from_u16(status).unwrap(), Timestamp::UNIX_EPOCH);
        let mut verdict = Verdict::of_status(status, &headers, now);
        read_error(&ErrorAnswer { status, headers: &headers, body: body.as_bytes(), now }, &mut verdict);
        verdict
    }

    #[test]
    fn a_wrong_key_is_not_repeated() {
        let verdict = read(401, include_str!("samples/error_401.json"));
        assert_eq!((verdict.kind, verdict.message), (ErrorKind::Unauthorized, None));
        assert_eq!(verdict.code.as_deref(), Some("api_key_expired"));
    }

    #[test]
    fn stripe_says_itself_what_is_worth_repeating() {
        let said = |word: &str| HeaderMap::from_iter([(SHOULD_RETRY, word.parse().unwrap())]);
        assert_eq!(read(409, "{}").kind, ErrorKind::Unreachable);
        assert_eq!((read(500, "{}").kind, read(500, "{}").is_final), (ErrorKind::Unreachable, false));
        assert!(read_with(500, "{}", said("false")).is_final);
        assert_eq!(read_with(400, "{}", said("true")).kind, ErrorKind::Unreachable);
        assert_eq!(read(400, "{}").kind, ErrorKind::Rejected);
    }

    #[test]
    fn a_missing_permission_is_told() {
        let verdict = read(403, include_str!("samples/error_403.json"));
        assert_eq!((verdict.kind, verdict.code), (ErrorKind::Rejected, None));
        assert!(verdict.message.unwrap().contains("on account 'acct_1PJBLEBBLEfV'"));
    }

    #[test]
    fn bodies_that_are_not_stripes_leave_the_status_to_speak() {
        for body in ["", "<html>", "[]", r#"{"error":"x"}"#, r#"{"error":{"code":7}}"#] {
            let verdict = read(502, body);
            assert_eq!((verdict.kind, verdict.code, verdict.message), (ErrorKind::Unreachable, None, None));
        }
    }
}
