//! How events are signed (SendGrid documentation, Event Webhook Security Features): ECDSA on P-256 with
//! SHA-256, over the timestamp's text followed by the body's bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The twin's signing key. As text: its 32 bytes in Base64.
#[derive(Clone)]
pub(crate) struct EventKey(SigningKey);

impl EventKey {
    pub(crate) fn generate() -> Self {
        loop {
            // A number above the curve's order is no key; that it comes up is next to impossible.
            if let Ok(key) = SigningKey::from_slice(&rand::random::<[u8; 32]>()) {
                return Self(key);
            }
        }
    }

    /// The `public_key` of the settings: SubjectPublicKeyInfo as DER in Base64.
    pub(crate) fn public_key(&self) -> String {
        let public_key = p256::PublicKey::from(self.0.verifying_key());
        let der = public_key.to_public_key_der().expect("a P-256 key has a DER form");
        STANDARD.encode(der.as_bytes())
    }

    /// The value of the signature header: an ECDSA signature as DER in Base64.
    pub(crate) fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        let signature: DerSignature = self.0.sign(&[timestamp.as_bytes(), body].concat());
        STANDARD.encode(signature.as_bytes())
    }
}

impl Default for EventKey {
    fn default() -> Self {
        Self::generate()
    }
}

/// Never the key itself.
impl std::fmt::Debug for EventKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventKey(…)")
    }
}

impl Serialize for EventKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for EventKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        SigningKey::from_slice(&bytes).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier as _;
    use p256::pkcs8::DecodePublicKey as _;

    use super::*;

    #[test]
    fn signatures_verify_with_the_published_key_and_only_over_these_bytes() {
        let key = EventKey::generate();
        let public_key = key.public_key();
        assert_eq!((public_key.len(), &public_key[..4]), (124, "MFkw"));
        let public_key = VerifyingKey::from_public_key_der(&STANDARD.decode(public_key).unwrap()).unwrap();
        let signature = STANDARD.decode(key.sign("1764579600", b"[]\r\n")).unwrap();
        let signature = DerSignature::try_from(signature.as_slice()).unwrap();
        assert!(public_key.verify(b"1764579600[]\r\n", &signature).is_ok());
        assert!(public_key.verify(b"1764579600[]", &signature).is_err());
        assert!(public_key.verify(b"1764579601[]\r\n", &signature).is_err());
    }

    #[test]
    fn the_key_survives_the_state_file() {
        let key = EventKey::generate();
        let saved = serde_json::to_string(&key).unwrap();
        let restored: EventKey = serde_json::from_str(&saved).unwrap();
        assert_eq!(restored.public_key(), key.public_key());
        assert!(!format!("{key:?}").contains(saved.trim_matches('"')));
    }
}
