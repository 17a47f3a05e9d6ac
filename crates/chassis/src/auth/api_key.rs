//! API keys, as machines show them in place of a token: `lk_<id>_<secret>`.
//!
//! One word of fixed length, all digits, small letters and `_`: a double click takes the whole of it, and
//! `lk_[0-9a-f]{32}_[0-9a-f]{64}` finds it where it should not be. The secret has 256 random bits, so a plain
//! hash is enough to keep.

use std::fmt;

use data_encoding::HEXLOWER;
use domain::ApiKeyId;
use rand_core::RngCore as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What the text of every key begins with.
const MARK: &str = "lk_";

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// An API key as its holder has it.
#[derive(Debug)]
pub struct ApiKeyText {
    id: ApiKeyId,
    text: SecretString,
}

impl ApiKeyText {
    /// The text of a new key.
    pub fn generate(id: ApiKeyId) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        rand_core::OsRng.fill_bytes(secret.as_mut());
        let secret = Zeroizing::new(HEXLOWER.encode(secret.as_ref()));
        Self { id, text: format!("{}_{}", ApiKeyPrefix(id), *secret).into() }
    }

    /// Whether a text is meant to be a key, good or not, and no token.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(MARK)
    }

    /// Reads a key; `None` if it can't be one.
    pub fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(MARK)?.split_once('_')?;
        let is_hex = |text: &str| text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let is_fit = id.len() == 32 && is_hex(id) && secret.len() == 2 * SECRET_BYTES && is_hex(secret);
        let id = Uuid::try_parse(id).ok().filter(|_| is_fit)?;
        Some(Self { id: ApiKeyId::from_uuid(id), text: text.into() })
    }

    /// Which key it says it is.
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// All of it, for its holder.
    pub fn text(&self) -> &str {
        self.text.expose_secret()
    }

    /// What of it is kept: the SHA-256 of the text.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }
}

/// The part of a key's text that is no secret: `lk_<id>`.
#[derive(Debug, Clone, Copy)]
pub struct ApiKeyPrefix(pub ApiKeyId);

impl fmt::Display for ApiKeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}", self.0.uuid().simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made_and_no_two_are_alike() {
        let id = ApiKeyId::new();
        let key = ApiKeyText::generate(id);
        let read = ApiKeyText::read(key.text()).unwrap();
        assert_eq!((read.id(), read.hash()), (id, key.hash()));
        assert_ne!(ApiKeyText::generate(id).hash(), key.hash());
        assert!(ApiKeyText::is_meant(key.text()) && key.text().starts_with(&ApiKeyPrefix(id).to_string()));
        assert!(!format!("{key:?}").contains(&key.text()[36..]), "{key:?}");
    }

    #[test]
    fn a_key_is_one_word() {
        let key = ApiKeyText::generate(ApiKeyId::new());
        assert_eq!(key.text().len(), 100);
        assert!(key.text().chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", key.text());
    }

    #[test]
    fn what_can_be_no_key_is_not_read() {
        let key = ApiKeyText::generate(ApiKeyId::new());
        let text = key.text();
        for text in [
            "",
            "lk_",
            "lk__",
            &text[..99],
            &format!("{text}0"),
            &text.to_uppercase(),
            &text.replacen("lk_", "kl_", 1),
            &text.replacen('_', "-", 2),
            &format!("{}g", &text[..99]),
            &format!("lk_{{{}}}_{}", &text[3..33], &text[36..]),
            &format!("{text}{}", "0".repeat(1_000_000)),
        ] {
            assert!(ApiKeyText::read(text).is_none(), "{:.200}", text);
        }
    }
}
