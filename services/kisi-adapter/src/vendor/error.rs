//! What Kisi's refusals mean (Kisi API reference, Errors and Error codes).

use serde_json::Value;
use vendor_http::{ErrorAnswer, ErrorKind, VendorError, Verdict};

use super::wire::{GroupId, LockId};

/// A call to Kisi failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kisi refused or did not answer.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// No credential of this form exists. Nothing was sent.
    #[error("the API key has characters that no Kisi key has: copy it again")]
    KeyUnusable,
    /// Rows may be missing, so the list must not be used. Passes when the list rests; one that is too
    /// long for Kisi's paging does not.
    #[error("kisi listed {template} incompletely: {seen} rows in one piece; try again when nothing changes")]
    ListIncomplete {
        /// What was listed, such as `/role_assignments`.
        template: &'static str,
        /// Rows of the last try.
        seen: usize,
    },
    /// The group made for one lock has been given others. A grant on it would open those too.
    #[error("kisi group {group}, kept for one lock, also opens {others:?}: remove those from it")]
    GroupOpensOtherLocks {
        /// The group.
        group: GroupId,
        /// Locks that do not belong there.
        others: Vec<LockId>,
    },
    /// The log has to be asked once more.
    #[error("kisi did not give its log in whole; it is read again")]
    LogIncomplete,
}

impl Error {
    /// Kisi's answer, if that is what failed.
    pub fn vendor(&self) -> Option<&VendorError> {
        match self {
            Self::Vendor(error) => Some(error),
            Self::KeyUnusable
            | Self::ListIncomplete { .. }
            | Self::GroupOpensOtherLocks { .. }
            | Self::LogIncomplete => None,
        }
    }
}

/// Whether a refused create may mean that the thing exists already. Kisi says so with 409 in life and
/// with 422, which also means other things, in its reference: look before giving up.
pub fn may_exist_already(error: &VendorError) -> bool {
    error.kind == ErrorKind::Conflict || error.status() == Some(422)
}

/// What a code of Kisi's means for the person or the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The person has no right to the door.
    NoRight,
    /// The person is suspended in the whole organization.
    Suspended,
    /// The right has not begun.
    NotYetValid,
    /// The right has ended.
    NoLongerValid,
    /// The group or door does not open at this time.
    OutsideSchedule,
    /// A restriction of the group or door: app unlock off, too far away, not at the reader, not the
    /// primary device.
    Restricted,
    /// The door or its place is in lockdown, or its alarm zone forbids it.
    LockedDown,
    /// There is no such door.
    DoorUnknown,
    /// The door is being unlocked, or is unlocked by a schedule.
    DoorBusy,
    /// The door has no working hardware assigned.
    DoorNotSetUp,
    /// The door's hardware does not answer.
    DoorUnreachable,
    /// A code without a meaning for us, or none.
    Other,
}

impl Reason {
    /// The reason that an error names.
    pub fn of(error: &VendorError) -> Self {
        error.code().map_or(Self::Other, Self::of_code)
    }

    /// The reason that a code stands for.
    pub fn of_code(code: &str) -> Self {
        match code {
            "fcd8ef" | "f398de" | "f298bf" => Self::NoRight,
            "fcd8ff" => Self::Suspended,
            "f358de" => Self::NotYetValid,
            "f35ade" => Self::NoLongerValid,
            "34ffaa" => Self::OutsideSchedule,
            "f01337" | "f298cf" | "f298df" | "34bd8f" | "a3995f" | "bbb99f" | "bbb93f" | "bb4faa"
            | "bbc93f" => Self::Restricted,
            "fad001" | "fad002" | "fad137" => Self::LockedDown,
            "fad10e" => Self::DoorUnknown,
            "fad110" | "fad112" => Self::DoorBusy,
            "ff420a" | "fad105" | "fad108" => Self::DoorNotSetUp,
            "fac001" | "fac002" | "fac003" | "fac004" | "fad106" | "fad107" | "fad10f" | "ecc123"
            | "fbc000" => Self::DoorUnreachable,
            _ => Self::Other,
        }
    }
}

/// Reads an error body: `{"code", "error"}` in general, `{"errors": {field: [text]}}` for 422, and now and
/// then `{"message"}`, HTML or nothing.
pub(crate) fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    let Ok(Value::Object(body)) = serde_json::from_slice(answer.body) else { return };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    verdict.code = text("code");
    // 422 has `errors` only: who reads just `error` never learns the cause.
    verdict.message =
        body.get("errors").and_then(field_errors).or_else(|| text("error")).or_else(|| text("message"));
    // One dead controller answers 503 too; the account's other doors work.
    if verdict.code.as_deref().map(Reason::of_code) == Some(Reason::DoorUnreachable) {
        verdict.is_outage = false;
    }
}

/// `{"email": ["a", "b"], "group": "c"}` as `email: a, b; group: c`.
fn field_errors(errors: &Value) -> Option<String> {
    let fields = errors.as_object()?.iter().map(|(field, texts)| {
        let texts = match texts {
            Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        format!("{field}: {texts}")
    });
    let text = fields.collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then_some(text)
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

    #[test]
    fn the_general_form_has_code_and_text() {
        let verdict = read(403, include_str!("samples/error_403.json"));
        assert_eq!(verdict.code.as_deref(), Some("fcd8ef"));
        assert_eq!(verdict.message.as_deref(), Some("You are not allowed to open this door"));
        assert_eq!(verdict.kind, ErrorKind::Rejected);
    }

    #[test]
    fn a_validation_error_tells_all_fields() {
        let verdict = read(422, include_str!("samples/error_422.json"));
        assert_eq!(
            verdict.message.as_deref(),
            Some("email: is invalid; group: must exist, is of another place")
        );
        assert_eq!((verdict.kind, verdict.code), (ErrorKind::Rejected, None));
    }

    #[test]
    fn errors_go_before_error_and_error_before_message() {
        let all = r#"{"errors":{"a":"x"},"error":"y","message":"z"}"#;
        assert_eq!(read(422, all).message.as_deref(), Some("a: x"));
        assert_eq!(read(400, r#"{"error":"y","message":"z"}"#).message.as_deref(), Some("y"));
        assert_eq!(read(400, r#"{"message":"z"}"#).message.as_deref(), Some("z"));
        assert_eq!(read(400, r#"{"errors":{},"error":"y"}"#).message.as_deref(), Some("y"));
    }

    #[test]
    fn bodies_that_are_not_kisis_leave_the_status_to_speak() {
        for body in ["", "<html>502 Bad Gateway</html>", "[]", "\"x\"", r#"{"code":7,"error":{}}"#] {
            let verdict = read(502, body);
            assert_eq!((verdict.kind, verdict.effect), (ErrorKind::Unreachable, Effect::Unknown));
            assert_eq!((verdict.code, verdict.message), (None, None), "{body}");
        }
    }

    #[test]
    fn an_offline_controller_is_no_outage_of_the_account() {
        let offline = read(503, r#"{"code":"fac001","error":"controller unavailable"}"#);
        assert!(!offline.is_outage);
        // Whether the door heard of it is open.
        assert_eq!((offline.kind, offline.effect), (ErrorKind::Unreachable, Effect::Unknown));
        assert!(read(503, r#"{"code":"000503","error":"x"}"#).is_outage);
    }

    #[test]
    fn codes_have_their_reasons() {
        assert_eq!(Reason::of_code("f358de"), Reason::NotYetValid);
        assert_eq!(Reason::of_code("fad107"), Reason::DoorUnreachable);
        assert_eq!(Reason::of_code("000404"), Reason::Other);
    }
}
