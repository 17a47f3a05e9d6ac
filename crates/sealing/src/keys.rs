//! The keys at hand: the newest seals, all of them open.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::aead::SealError;
use crate::key::{Key, KeyError, ensure_key_file};

/// What names the file.
const FILE: &str = "sealing.key_file";

/// Section `[sealing]`: what the service seals its secrets with. The first key that is set seals, and all of them open.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingConfig {
    /// Keys, apart by blanks, the newest first: 32 random bytes each, in base64 or hex. Empty: none.
    pub key: SecretString,
    /// A file with the same. It may be missing if `key` is set.
    pub key_file: PathBuf,
}

impl SealingConfig {
    /// Makes a key file that only its owner may read, unless there is one.
    pub fn ensure_file(path: &Path) -> Result<(), KeyError> {
        ensure_key_file(FILE, path)
    }

    /// The keys of these settings.
    pub fn keys(&self) -> Result<Keys, KeyError> {
        let mut keys = Vec::new();
        let text = self.key.expose_secret();
        if !text.is_empty() {
            keys.extend(Key::read(text, || "sealing.key".to_owned())?);
        }
        if keys.is_empty() || self.key_file.exists() {
            keys.extend(Key::load(FILE, &self.key_file)?);
        }
        Ok(Keys(keys))
    }
}

/// The keys, the newest first; at least one.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Seals what the label says, in another way each time.
    pub fn seal(&self, label: &[u8], secret: &SecretString) -> Vec<u8> {
        self.0[0].seal(label, secret.expose_secret().as_bytes())
    }

    /// Opens what was sealed with the same label, by any of the keys.
    pub fn open(&self, label: &[u8], sealed: &[u8]) -> Result<SecretString, SealError> {
        let opened: Option<Zeroizing<Vec<u8>>> = self.0.iter().find_map(|key| key.open(label, sealed).ok());
        let plain = opened.ok_or(SealError)?;
        // A copy of the exact size: the one inside the secret is never moved, and `plain` is wiped.
        std::str::from_utf8(&plain).map(SecretString::from).map_err(|_| SealError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "0101010101010101010101010101010101010101010101010101010101010101";
    const NEW: &str = "0202020202020202020202020202020202020202020202020202020202020202";

    fn keys(text: &str) -> Keys {
        SealingConfig { key: text.into(), key_file: "/nowhere".into() }.keys().unwrap()
    }

    proptest! {
        #[test]
        fn a_secret_opens_with_its_label_and_any_key_at_hand(text in ".{0,200}", label in ".{0,40}") {
            let sealed = keys(OLD).seal(label.as_bytes(), &text.clone().into());
            let both = keys(&format!("{NEW} {OLD}"));
            let opened = both.open(label.as_bytes(), &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), text);
            let other = format!("{label}.");
            prop_assert!(both.open(other.as_bytes(), &sealed).is_err());
            prop_assert!(keys(NEW).open(label.as_bytes(), &sealed).is_err());
            prop_assert!(keys(OLD).open(label.as_bytes(), &both.seal(label.as_bytes(), &"1".into())).is_err());
        }
    }

    #[test]
    fn keys_come_from_the_environment_or_a_file_and_one_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let config = |key: &str| SealingConfig { key: key.into(), key_file: file.clone() };
        let missing = config("").keys().unwrap_err().to_string();
        assert!(missing.contains("sealing.key_file"), "{missing}");
        let garbled = config("garbled").keys().unwrap_err().to_string();
        assert!(garbled.contains("sealing.key must"), "{garbled}");
        std::fs::write(&file, OLD).unwrap();
        let sealed = config("").keys().unwrap().seal(b"it", &"secret".into());
        assert_eq!(config(NEW).keys().unwrap().open(b"it", &sealed).unwrap().expose_secret(), "secret");
        assert!(!format!("{:?}", config(NEW)).contains(NEW));
    }
}
