//! Seals values at rest.
//!
//! Each value is sealed with XChaCha20-Poly1305 under its workspace's [`DataKey`], each data key under
//! a [`MasterKey`], which is never in the database: it stands in a file or in the environment, or AWS
//! KMS holds it. What a sealed text belongs to is sealed with it as associated data: a row that is copied
//! to another workspace, location, provider or name does not open there.

mod aws_kms;
mod key_ring;
mod local_key;
mod master_key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::{LocationId, WorkspaceId};
use hmac::{Hmac, Mac as _};
use sealing::{KEY_BYTES, KeyError, SealError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

pub(crate) use key_ring::KeyRing;
pub use master_key::MasterKeyError;
pub(crate) use master_key::{MasterKey, WrapError};

/// What names the file of master keys.
const FILE: &str = "vault.master_key_file";

/// Makes a master key file that only its owner may read, unless there is one. Whoever loses it loses
/// all credentials that were sealed with it.
pub fn ensure_master_key_file(path: &std::path::Path) -> Result<(), KeyError> {
    sealing::ensure_key_file(FILE, path)
}

/// Seals the values of one workspace.
#[derive(Clone)]
pub(crate) struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

/// What a sealed value is, and whose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    pub workspace: WorkspaceId,
    /// `None`: the whole workspace's.
    pub location: Option<LocationId>,
    pub provider: &'a str,
    pub name: &'a str,
}

impl DataKey {
    /// A new key.
    pub(crate) fn generate() -> Self {
        Self(sealing::random_key())
    }

    /// The key of these bytes; `None` if there are too few or too many.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// Seals a value, in another way each time.
    pub(crate) fn seal(&self, label: Label<'_>, value: &SecretString) -> Vec<u8> {
        sealing::seal(&self.0, &label.encode(), value.expose_secret().as_bytes())
    }

    /// Opens what was sealed with the same label.
    pub(crate) fn open(&self, label: Label<'_>, sealed: &[u8]) -> Result<SecretString, SealError> {
        let plain = sealing::open(&self.0, &label.encode(), sealed)?;
        // A copy of the exact size: the one inside the secret is never moved, and `plain` is wiped.
        std::str::from_utf8(&plain).map(SecretString::from).map_err(|_| SealError)
    }

    /// A text by which a value is known again, and from which nobody without the key can guess it.
    pub(crate) fn fingerprint(&self, value: &SecretString) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("any length will do");
        mac.update(b"latchkey credential fingerprint 1");
        mac.update(value.expose_secret().as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}

impl Label<'_> {
    /// One text for one label: texts with their lengths in front, ids in their 16 bytes.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = b"latchkey credential 1".to_vec();
        bytes.extend_from_slice(self.workspace.uuid().as_bytes());
        match self.location {
            None => bytes.push(0),
            Some(location) => {
                bytes.push(1);
                bytes.extend_from_slice(location.uuid().as_bytes());
            }
        }
        for text in [self.provider, self.name] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(workspace: WorkspaceId) -> Label<'static> {
        Label { workspace, location: None, provider: "kisi", name: "api_key" }
    }

    proptest! {
        #[test]
        fn a_value_opens_as_it_was_sealed(text in ".{0,200}") {
            let (key, label) = (DataKey::generate(), label(WorkspaceId::new()));
            let sealed = key.seal(label, &text.clone().into());
            let opened = key.open(label, &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), text);
        }

        #[test]
        fn a_sealed_value_with_any_bit_turned_does_not_open(at in 0_usize..1_000, bit in 0_u32..8) {
            let (key, label) = (DataKey::generate(), label(WorkspaceId::new()));
            let mut sealed = key.seal(label, &"d34db33f".into());
            let at = at % sealed.len();
            sealed[at] ^= 1_u8 << bit;
            prop_assert!(key.open(label, &sealed).is_err());
        }
    }

    #[test]
    fn a_sealed_value_opens_nowhere_else() {
        let (key, workspace) = (DataKey::generate(), WorkspaceId::new());
        let home = Label { location: Some(LocationId::new()), ..label(workspace) };
        let sealed = key.seal(home, &"d34db33f".into());
        assert!(key.open(home, &sealed).is_ok());
        for elsewhere in [
            Label { workspace: WorkspaceId::new(), ..home },
            Label { location: Some(LocationId::new()), ..home },
            Label { location: None, ..home },
            Label { provider: "unifi", ..home },
            Label { name: "api_secret", ..home },
            // The same letters, cut elsewhere.
            Label { provider: "kisia", name: "pi_key", ..home },
        ] {
            assert!(key.open(elsewhere, &sealed).is_err(), "{elsewhere:?}");
        }
        assert!(DataKey::generate().open(home, &sealed).is_err(), "another key");
    }

    #[test]
    fn a_cut_or_empty_text_does_not_open() {
        let (key, label) = (DataKey::generate(), label(WorkspaceId::new()));
        let sealed = key.seal(label, &"d34db33f".into());
        for length in 0..sealed.len() {
            assert!(key.open(label, &sealed[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_to_the_same_text() {
        let (key, label) = (DataKey::generate(), label(WorkspaceId::new()));
        assert_ne!(key.seal(label, &"d34db33f".into()), key.seal(label, &"d34db33f".into()));
    }

    #[test]
    fn a_fingerprint_tells_values_and_keys_apart() {
        let (ours, other) = (DataKey::generate(), DataKey::generate());
        assert_eq!(ours.fingerprint(&"a".into()), ours.fingerprint(&"a".into()));
        assert_ne!(ours.fingerprint(&"a".into()), ours.fingerprint(&"b".into()));
        assert_ne!(ours.fingerprint(&"a".into()), other.fingerprint(&"a".into()));
    }

    #[test]
    fn a_key_never_shows() {
        assert_eq!(format!("{:?}", DataKey::generate()), "DataKey(…)");
    }
}
