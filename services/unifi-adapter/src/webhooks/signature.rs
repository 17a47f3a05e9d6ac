//! Whether a report is the console's (UniFi Access API reference, 11.7). Pure.

use chrono::Duration;
use data_encoding::HEXLOWER;
use domain::Timestamp;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// Further from now it counts as sent again.
const AGE_MAX: Duration = Duration::seconds(300);

/// Why a report is not taken for the console's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// Not `t=…,v1=…`.
    #[error("the signature is malformed")]
    Malformed,
    /// Signed too far from now.
    #[error("signed too long ago, or in the future")]
    Stale,
    /// By another secret, or over another body.
    #[error("the signature does not match")]
    Mismatch,
}

/// Verifies the header over the body exactly as it came: `t` and `v1`, the HMAC over `t`, a dot and the body, by the text of
/// the secret.
pub(crate) fn verify(
    secret: &SecretString,
    header: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let part = |name: &str| header.split(',').find_map(|part| part.trim().strip_prefix(name));
    let time = part("t=").ok_or(SignatureError::Malformed)?;
    let given =
        part("v1=").and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok()).ok_or(SignatureError::Malformed)?;
    let seconds = time.parse().map_err(|_| SignatureError::Malformed)?;
    let signed_at = Timestamp::from_timestamp(seconds, 0).ok_or(SignatureError::Malformed)?;
    let key = secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    // In constant time.
    mac.verify_slice(&given).map_err(|_| SignatureError::Mismatch)?;
    if (now - signed_at).abs() > AGE_MAX { Err(SignatureError::Stale) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdef";
    const BODY: &[u8] = br#"{"event":"access.door.unlock"}"#;
    const HEADER: &str = "t=1767225600,v1=d04c6566e06dc3125c56e8f1710d6dc9c38e425e703ed92db8df038bb6fe7e1d";

    fn check(secret: &str, header: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
        verify(&secret.into(), header, body, Timestamp::from_timestamp(now, 0).unwrap())
    }

    #[test]
    fn what_the_console_signed_is_taken_within_five_minutes() {
        for now in [1_767_225_300, 1_767_225_600, 1_767_225_900] {
            assert_eq!(check(SECRET, HEADER, BODY, now), Ok(()));
            // As one revision prints it.
            assert_eq!(check(SECRET, &HEADER.replace(',', ", "), BODY, now), Ok(()));
        }
        for now in [1_767_225_299, 1_767_225_901] {
            assert_eq!(check(SECRET, HEADER, BODY, now), Err(SignatureError::Stale));
        }
    }

    #[test]
    fn another_secret_time_or_body_is_refused() {
        let now = 1_767_225_600;
        assert_eq!(check("0123456789abcdee", HEADER, BODY, now), Err(SignatureError::Mismatch));
        assert_eq!(check(SECRET, &HEADER.replace("5600", "5601"), BODY, now), Err(SignatureError::Mismatch));
        assert_eq!(check(SECRET, HEADER, b"{}", now), Err(SignatureError::Mismatch));
        assert_eq!(check(SECRET, "t=1767225600,v1=d04c", BODY, now), Err(SignatureError::Mismatch));
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        for header in
            ["", "t=1767225600", "v1=d04c", "t=x,v1=d04c", "t=1767225600,v1=xy", "t=99999999999999999,v1=00"]
        {
            assert_eq!(check(SECRET, header, BODY, 0), Err(SignatureError::Malformed), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_single_changed_byte_goes_unnoticed(at in 0..BODY.len(), flip in 1u8..) {
            let mut changed = BODY.to_vec();
            changed[at] ^= flip;
            prop_assert_eq!(check(SECRET, HEADER, &changed, 1_767_225_600), Err(SignatureError::Mismatch));
        }

        #[test]
        fn nothing_makes_it_panic(header in ".*", body in any::<Vec<u8>>()) {
            let _ = check(SECRET, &header, &body, 0);
        }
    }
}
