//! What a console's refusals mean (UniFi Access API reference, 2.2, 2.4; which code is of which kind goes by its
//! name).

use vendor_http::{Effect, ErrorAnswer, ErrorKind, Verdict};

use super::wire::Head;

/// Whether a code stands for a success. The second word stands in one place of the reference.
pub(crate) fn is_success(code: &str) -> bool {
    code == "SUCCESS" || code == "SUCCEED"
}

/// What a code means, and whether the call may have taken effect all the same.
pub(crate) fn meaning(code: &str) -> (ErrorKind, Effect) {
    match code {
        "CODE_AUTH_FAILED"
        | "CODE_ACCESS_TOKEN_INVALID"
        | "CODE_UNAUTHORIZED"
        | "CODE_OTHERS_UID_ADOPTED_NOT_SUPPORTED" => (ErrorKind::Unauthorized, Effect::None),
        "CODE_NOT_EXISTS"
        | "CODE_RESOURCE_NOT_FOUND"
        | "CODE_USER_ACCOUNT_NOT_EXIST"
        | "CODE_USER_WORKER_NOT_EXISTS"
        | "CODE_SPACE_DEVICE_BOUND_LOCATION_NOT_FOUND"
        | "CODE_CREDS_NFC_CARD_INVALID"
        | "CODE_CREDS_NFC_READ_SESSION_NOT_FOUND"
        | "CODE_DEVICE_DEVICE_NOT_FOUND" => (ErrorKind::NotFound, Effect::None),
        "CODE_USER_NAME_DUPLICATED"
        | "CODE_CREDS_PIN_CODE_CREDS_ALREADY_EXIST"
        | "CODE_CREDS_NFC_HAS_BIND_USER"
        | "CODE_CREDS_NFC_CARD_IS_PROVISION"
        | "CODE_CREDS_DISABLE_TRANSFER_UID_USER_NFC" => (ErrorKind::Conflict, Effect::None),
        "CODE_DEVICE_DEVICE_OFFLINE" | "CODE_DEVICE_DEVICE_BUSY" => (ErrorKind::Unreachable, Effect::None),
        "CODE_SYSTEM_ERROR" => (ErrorKind::Unreachable, Effect::Unknown),
        _ => (ErrorKind::Rejected, Effect::None),
    }
}

/// Reads the answer of an error status. One without a code is not the console's: something stands between us and it, or
/// it is no console. What it says of things that are there or not says nothing, then.
pub(crate) fn read_error(answer: &ErrorAnswer<'_>, verdict: &mut Verdict) {
    let status = answer.status.as_u16();
    match serde_json::from_slice::<Head>(answer.body) {
        Ok(head) => {
            if !matches!(status, 429 | 500..=599) {
                (verdict.kind, verdict.effect) = meaning(&head.code);
            }
            (verdict.code, verdict.message) = (Some(head.code), Some(head.msg));
        }
        Err(_) if status == 403 => verdict.kind = ErrorKind::Unauthorized,
        Err(_) if !matches!(status, 401 | 408 | 429 | 500..=599) => verdict.kind = ErrorKind::Malformed,
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use vendor_http::http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &str) -> (ErrorKind, Option<String>) {
        let (status, headers, now) =
            (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Timestamp::UNIX_EPOCH);
        let mut verdict = Verdict::of_status(status, &headers, now);
        read_error(&ErrorAnswer { status, headers: &headers, body: body.as_bytes(), now }, &mut verdict);
        (verdict.kind, verdict.code)
    }

    #[test]
    fn the_code_says_what_went_wrong_unless_the_console_is_out_of_order() {
        let limited = ErrorKind::RateLimited { retry_after: None };
        for (status, code, kind) in [
            (401, "CODE_UNAUTHORIZED", ErrorKind::Unauthorized),
            (403, "CODE_UNAUTHORIZED", ErrorKind::Unauthorized),
            (402, "CODE_NOT_EXISTS", ErrorKind::NotFound),
            (404, "CODE_DEVICE_API_NOT_SUPPORTED", ErrorKind::Rejected),
            (400, "CODE_OF_TOMORROW", ErrorKind::Rejected),
            (429, "CODE_PARAMS_INVALID", limited),
            (500, "CODE_SYSTEM_ERROR", ErrorKind::Unreachable),
        ] {
            let body = format!(r#"{{"code":"{code}","msg":"x"}}"#);
            assert_eq!(read(status, &body), (kind, Some(code.to_owned())), "{status} {code}");
        }
    }

    #[test]
    fn without_a_code_nothing_is_concluded_about_what_is_there() {
        for body in ["", "<html>404</html>", "{}", "[]"] {
            assert_eq!(read(404, body), (ErrorKind::Malformed, None));
            assert_eq!(read(400, body), (ErrorKind::Malformed, None));
            assert_eq!(read(401, body), (ErrorKind::Unauthorized, None));
            assert_eq!(read(403, body), (ErrorKind::Unauthorized, None));
            assert_eq!(read(502, body), (ErrorKind::Unreachable, None));
        }
    }

    #[test]
    fn only_an_error_of_the_system_leaves_the_effect_open() {
        assert_eq!(meaning("CODE_SYSTEM_ERROR"), (ErrorKind::Unreachable, Effect::Unknown));
        assert_eq!(meaning("CODE_DEVICE_DEVICE_OFFLINE"), (ErrorKind::Unreachable, Effect::None));
        assert!(is_success("SUCCESS") && is_success("SUCCEED") && !is_success("CODE_SYSTEM_ERROR"));
    }
}
