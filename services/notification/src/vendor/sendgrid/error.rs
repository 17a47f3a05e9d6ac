//! What SendGrid's refusals mean (SendGrid v3 API reference, Errors and Rate Limits).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use vendor_http::{ErrorAnswer, ErrorKind, VendorError, Verdict};

/// What to do about a refused mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// SendGrid does not take the recipient's address.
    Recipient,
    /// The sender is not verified, or the key may not send.
    Sender,
    /// The mail is too large.
    TooLarge,
    /// Anything else.
    Other,
}

impl Reason {
    /// The reason that an error names.
    pub fn of(error: &VendorError) -> Self {
        let field = error.code().unwrap_or_default();
        let is_recipient = field.starts_with("personalizations") && field.split('.').any(|part| part == "to");
        match error.status() {
            Some(413) => Self::TooLarge,
            Some(403) => Self::Sender,
            _ if is_recipient => Self::Recipient,
            _ if field == "from" || field.starts_with("from.") => Self::Sender,
            _ => Self::Other,
        }
    }
}

#[derive(Deserialize)]
struct Body {
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    message: Option<String>,
    /// A path such as `personalizations.0.to.0.email`, null, or the text "null".
    field: Option<Value>,
}

/// Reads `{"errors": [{"message", "field"}]}`. The first problem's field stands as code.
pub(super) fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    if let (ErrorKind::RateLimited { .. }, None) = (verdict.kind, verdict.retry_after) {
        verdict.retry_after = until_reset(answer);
    }
    let Ok(body) = serde_json::from_slice::<Body>(answer.body) else { return };
    let Some(problem) = body.errors.into_iter().next() else { return };
    verdict.message = problem.message;
    verdict.code =
        problem.field.and_then(|field| field.as_str().map(str::to_owned)).filter(|field| field != "null");
}

/// `X-RateLimit-Reset` is the Unix time at which the limit begins anew.
fn until_reset(answer: &ErrorAnswer<'_>) -> Option<Duration> {
    let reset: i64 = answer.headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
    let seconds = reset.checked_sub(answer.now.timestamp())?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use vendor_http::http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, headers: &HeaderMap, body: &str) -> Verdict {
        let status = StatusCode::from_u16(status).unwrap();
        let now = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
        let mut verdict = Verdict::of_status(status, headers, now);
        read_error(&ErrorAnswer { status, headers, body: body.as_bytes(), now }, &mut verdict);
        verdict
    }

    #[test]
    fn the_first_problem_is_told_with_its_field() {
        let verdict = read(400, &HeaderMap::new(), include_str!("../samples/sendgrid_error_400.json"));
        assert_eq!(verdict.code.as_deref(), Some("personalizations.0.to.0.email"));
        assert_eq!(verdict.message.as_deref(), Some("Does not contain a valid address."));
        assert_eq!(verdict.kind, ErrorKind::Rejected);
    }

    #[test]
    fn no_field_may_be_written_in_two_ways() {
        for field in [r#"null"#, r#""null""#] {
            let body = format!(r#"{{"errors":[{{"message":"x","field":{field}}}]}}"#);
            let verdict = read(403, &HeaderMap::new(), &body);
            assert_eq!((verdict.code, verdict.message.as_deref()), (None, Some("x")));
        }
    }

    #[test]
    fn bodies_of_another_shape_leave_the_status_to_speak() {
        for body in ["", "<html>", "{}", r#"{"errors":[]}"#] {
            let verdict = read(401, &HeaderMap::new(), body);
            assert_eq!((verdict.kind, verdict.code, verdict.message), (ErrorKind::Unauthorized, None, None));
        }
    }

    #[test]
    fn the_reset_of_the_limit_is_waited_for_if_there_is_no_retry_after() {
        let mut headers =
            HeaderMap::from_iter([("x-ratelimit-reset".parse().unwrap(), "1800000007".parse().unwrap())]);
        assert_eq!(read(429, &headers, "").retry_after, Some(Duration::from_secs(7)));
        assert_eq!(read(500, &headers, "").retry_after, None);
        headers.insert("retry-after", "2".parse().unwrap());
        assert_eq!(read(429, &headers, "").retry_after, Some(Duration::from_secs(2)));
        headers = HeaderMap::from_iter([("x-ratelimit-reset".parse().unwrap(), "1".parse().unwrap())]);
        assert_eq!(read(429, &headers, "").retry_after, Some(Duration::ZERO));
    }
}
