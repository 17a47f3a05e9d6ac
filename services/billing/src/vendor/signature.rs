//! Whether a delivery is Stripe's (Stripe documentation, Verify webhook signatures manually). Pure.

use chrono::Duration;
use data_encoding::HEXLOWER;
use domain::Timestamp;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// Further from now it counts as sent again by another one: Stripe signs each delivery anew.
const AGE_MAX: Duration = Duration::minutes(5);
/// Signatures that are looked at. There are as many as an endpoint has secrets: two while one is being rolled.
const SIGNATURES_MAX: usize = 8;

/// Why a delivery is not taken for Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not `t=…,v1=…`.
    #[error("the signature is malformed")]
    Malformed,
    /// Signed too far from now.
    #[error("signed too long ago, or in the future")]
    Stale,
    /// By no secret of this endpoint, or over another body.
    #[error("the signature does not match")]
    Mismatch,
}

/// A header that was signed just now, by whomever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// As it stands there, for that is what is signed.
    time: &'a str,
    signatures: Vec<Vec<u8>>,
}

impl<'a> Signed<'a> {
    /// Reads `t=…,v1=…,v1=…`. Other schemes are passed over: `v0` is for tests of Stripe's own.
    pub fn read(header: &'a str, now: Timestamp) -> Result<Self, SignatureError> {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let time = parts().find(|(name, _)| *name == "t").ok_or(SignatureError::Malformed)?.1;
        let seconds = time.parse().map_err(|_| SignatureError::Malformed)?;
        let signed_at = Timestamp::from_timestamp(seconds, 0).ok_or(SignatureError::Malformed)?;
        let signatures: Vec<Vec<u8>> = parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, hex)| HEXLOWER.decode(hex.as_bytes()).ok())
            .take(SIGNATURES_MAX)
            .collect();
        if signatures.is_empty() {
            return Err(SignatureError::Malformed);
        }
        if (now - signed_at).abs() > AGE_MAX {
            return Err(SignatureError::Stale);
        }
        Ok(Self { time, signatures })
    }

    /// Whether one of the secrets signed the body, exactly as it came: the HMAC over the time, a dot and the body, by
    /// the text of the secret.
    pub fn verify(&self, secrets: &[SecretString], body: &[u8]) -> Result<(), SignatureError> {
        let is_by = |secret: &SecretString| {
            let key = secret.expose_secret().as_bytes();
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(self.time.as_bytes());
            mac.update(b".");
            mac.update(body);
            // In constant time.
            self.signatures.iter().any(|given| mac.clone().verify_slice(given).is_ok())
        };
        if secrets.iter().any(is_by) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: i64 = 1_700_000_000;
    const BODY: &[u8] = b"{}";
    /// Computed with `openssl dgst -sha256 -hmac whsec_test`.
    const V1: &str = "v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
    const OTHER_V1: &str = "v1=00495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";

    fn check(secrets: &[&str], header: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        Signed::read(header, Timestamp::from_timestamp(now, 0).unwrap())?.verify(&secrets, body)
    }

    #[test]
    fn what_stripe_signed_is_taken_within_five_minutes() {
        let header = format!("t={TIME},{V1}");
        for now in [TIME - 300, TIME, TIME + 300] {
            assert_eq!(check(&["whsec_test"], &header, BODY, now), Ok(()));
        }
        for now in [TIME - 301, TIME + 301, TIME + 7 * 86_400] {
            assert_eq!(check(&["whsec_test"], &header, BODY, now), Err(SignatureError::Stale));
        }
    }

    #[test]
    fn while_a_secret_is_rolled_either_side_may_have_two() {
        let header = format!("t={TIME},{OTHER_V1},{V1},v0=6ffb");
        assert_eq!(check(&["whsec_test"], &header, BODY, TIME), Ok(()));
        assert_eq!(check(&["whsec_new", "whsec_test"], &header, BODY, TIME), Ok(()));
        assert_eq!(check(&["whsec_new"], &header, BODY, TIME), Err(SignatureError::Mismatch));
        assert_eq!(check(&[], &header, BODY, TIME), Err(SignatureError::Mismatch));
    }

    #[test]
    fn another_body_time_or_scheme_is_refused() {
        let header = format!("t={TIME},{V1}");
        assert_eq!(check(&["whsec_test"], &header, b"{} ", TIME), Err(SignatureError::Mismatch));
        let later = format!("t={},{V1}", TIME + 1);
        assert_eq!(check(&["whsec_test"], &later, BODY, TIME), Err(SignatureError::Mismatch));
        let former = header.replace("v1", "v0");
        assert_eq!(check(&["whsec_test"], &former, BODY, TIME), Err(SignatureError::Malformed));
    }

    #[test]
    fn what_is_no_signature_is_malformed() {
        for header in
            ["", "t=1700000000", V1, "t=x,v1=d04c", "t=1700000000,v1=xy", "t=99999999999999999,v1=00"]
        {
            assert_eq!(
                check(&["whsec_test"], header, BODY, TIME),
                Err(SignatureError::Malformed),
                "{header:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_single_changed_byte_goes_unnoticed(at in 0..BODY.len(), flip in 1u8..) {
            let mut changed = BODY.to_vec();
            changed[at] ^= flip;
            let header = format!("t={TIME},{V1}");
            prop_assert_eq!(check(&["whsec_test"], &header, &changed, TIME), Err(SignatureError::Mismatch));
        }

        #[test]
        fn nothing_makes_it_panic(header in ".*", body in any::<Vec<u8>>()) {
            let _ = check(&["whsec_test"], &header, &body, 0);
        }
    }
}
