//! Verifies that events are SendGrid's (SendGrid docs, Event Webhook Security Features).

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use domain::Timestamp;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;

/// Header with the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-email-event-webhook-signature";
/// Header with the time of signing.
pub const TIMESTAMP_HEADER: &str = "x-twilio-email-event-webhook-timestamp";

/// Further from now a call counts as a replay.
const AGE_MAX: Duration = Duration::minutes(10);

/// The public key of an account's event webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookKey(VerifyingKey);

/// The text is no such key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be the verification key as SendGrid shows it: Base64, beginning with MFkw")]
pub struct WebhookKeyError;

/// Why a call is not taken for SendGrid's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature with a time.
    #[error("the signature or its timestamp is malformed")]
    Malformed,
    /// Signed more than ten minutes away from now.
    #[error("signed too long ago, or in the future")]
    Stale,
    /// Signed by another key, or for another body.
    #[error("the signature does not match")]
    Mismatch,
}

impl FromStr for WebhookKey {
    type Err = WebhookKeyError;
    fn from_str(text: &str) -> Result<Self, WebhookKeyError> {
        let der = STANDARD.decode(text.trim()).map_err(|_| WebhookKeyError)?;
        VerifyingKey::from_public_key_der(&der).map(Self).map_err(|_| WebhookKeyError)
    }
}

impl WebhookKey {
    /// Verifies the values of the two headers over the body, exactly as it came: a line break taken off its
    /// end breaks the signature.
    pub fn verify(
        &self,
        signature: &str,
        timestamp: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let seconds = timestamp.parse().map_err(|_| SignatureError::Malformed)?;
        let signed_at = Timestamp::from_timestamp(seconds, 0).ok_or(SignatureError::Malformed)?;
        let der = STANDARD.decode(signature).map_err(|_| SignatureError::Malformed)?;
        let signature = Signature::from_der(&der).map_err(|_| SignatureError::Malformed)?;
        let signed = [timestamp.as_bytes(), body].concat();
        self.0.verify(&signed, &signature).map_err(|_| SignatureError::Mismatch)?;
        if now.signed_duration_since(signed_at).abs() > AGE_MAX {
            return Err(SignatureError::Stale);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer;
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = b"[{\"event\":\"open\"}]\r\n";
    const TIME: &str = "1800000000";

    fn signing_key() -> SigningKey {
        SigningKey::from_slice(&[7; 32]).unwrap()
    }

    fn key() -> WebhookKey {
        // What every P-256 key begins with in this form: the names of the algorithm and the curve.
        let header = *b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\0";
        let point = signing_key().verifying_key().to_encoded_point(false);
        let text = STANDARD.encode([&header, point.as_bytes()].concat());
        assert!(text.starts_with("MFkw") && text.len() == 124, "as SendGrid shows it");
        text.parse().unwrap()
    }

    fn sign(timestamp: &str, body: &[u8]) -> String {
        let signature: Signature = signing_key().sign(&[timestamp.as_bytes(), body].concat());
        STANDARD.encode(signature.to_der().as_bytes())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn verify(signature: &str, timestamp: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
        key().verify(signature, timestamp, body, at(now))
    }

    #[test]
    fn what_sendgrid_signed_is_taken_within_ten_minutes() {
        let signature = sign(TIME, BODY);
        for now in [1_799_999_400, 1_800_000_000, 1_800_000_600] {
            assert_eq!(verify(&signature, TIME, BODY, now), Ok(()));
        }
        for now in [1_799_999_399, 1_800_000_601] {
            assert_eq!(verify(&signature, TIME, BODY, now), Err(SignatureError::Stale));
        }
    }

    #[test]
    fn a_changed_body_time_or_key_is_refused() {
        let signature = sign(TIME, BODY);
        let now = 1_800_000_000;
        assert_eq!(verify(&signature, TIME, BODY.trim_ascii_end(), now), Err(SignatureError::Mismatch));
        assert_eq!(verify(&signature, "1800000001", BODY, now), Err(SignatureError::Mismatch));
        let other = SigningKey::from_slice(&[8; 32]).unwrap();
        let other: Signature = other.sign(&[TIME.as_bytes(), BODY].concat());
        let other = STANDARD.encode(other.to_der().as_bytes());
        assert_eq!(verify(&other, TIME, BODY, now), Err(SignatureError::Mismatch));
    }

    #[test]
    fn what_is_no_signature_or_time_is_malformed() {
        let signature = sign(TIME, BODY);
        for (signature, timestamp) in [
            ("", TIME),
            ("%", TIME),
            ("AAAA", TIME),
            (&*signature, ""),
            (&*signature, "x"),
            (&*signature, "99999999999999999"),
        ] {
            assert_eq!(verify(signature, timestamp, BODY, 0), Err(SignatureError::Malformed));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "MFkw", "not base64!"] {
            assert_eq!(text.parse::<WebhookKey>(), Err(WebhookKeyError));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn no_single_changed_byte_goes_unnoticed(
            body in prop::collection::vec(any::<u8>(), 1..50), at in any::<prop::sample::Index>(), flip in 1u8..,
        ) {
            let signature = sign(TIME, &body);
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= flip;
            prop_assert_eq!(verify(&signature, TIME, &body, 1_800_000_000), Ok(()));
            prop_assert_eq!(verify(&signature, TIME, &changed, 1_800_000_000), Err(SignatureError::Mismatch));
        }
    }
}
