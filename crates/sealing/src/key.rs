//! A key that this process holds: from a file or from the environment.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::aead::{self, KEY_BYTES, SealError};
use crate::hex;

/// Bytes of a key's id: enough that no two are the same.
const ID_BYTES: usize = 8;

/// A key and what it is called.
pub struct Key {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Can't read or write the file.
    #[error("cannot use the key file {path}; `latchkey up` makes one, {setting} says where it is")]
    File {
        /// What names it.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not a key.
    #[error("{place} must hold 32 random bytes in base64 or hex, one key a line, the newest first")]
    Content {
        /// Which setting or file.
        place: String,
    },
}

/// Makes a key file that only its owner may read, unless there is one: `setting` will name it. Whoever loses it loses
/// all that was sealed with it.
pub fn ensure_key_file(setting: &'static str, path: &Path) -> Result<(), KeyError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source| KeyError::File { setting, path: path.to_owned(), source };
    // Room for all of it, so that no copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(64));
    BASE64.encode_string(aead::random_key().as_slice(), &mut text);
    text.push('\n');
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

impl Key {
    /// The keys that stand in a file, the newest first; `setting` names it.
    pub fn load(setting: &'static str, path: &Path) -> Result<Vec<Self>, KeyError> {
        let text = std::fs::read(path).map(Zeroizing::new);
        let text = text.map_err(|source| KeyError::File { setting, path: path.to_owned(), source })?;
        let place = || format!("the key file {}, which {setting} names,", path.display());
        let text = std::str::from_utf8(&text).map_err(|_| KeyError::Content { place: place() })?;
        Self::read(text, place)
    }

    /// The keys of a text that stands at `place`, apart by blanks; at least one.
    pub fn read(text: &str, place: impl Fn() -> String) -> Result<Vec<Self>, KeyError> {
        let keys: Option<Vec<Self>> = text.split_whitespace().map(Self::parse).collect();
        keys.filter(|keys| !keys.is_empty()).ok_or_else(|| KeyError::Content { place: place() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if text.len() == 2 * KEY_BYTES {
            hex::decode(text, bytes.as_mut_slice())?;
        } else {
            // The decoder wants room for whole groups of three.
            let mut room = Zeroizing::new([0; KEY_BYTES + 1]);
            let length = BASE64.decode_slice(text, room.as_mut_slice()).ok()?;
            bytes.copy_from_slice(room.get(..length).filter(|bytes| bytes.len() == KEY_BYTES)?);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(bytes.as_slice()).expect("any length will do");
        mac.update(b"latchkey master key id 1");
        let id = hex::encode(&mac.finalize().into_bytes()[..ID_BYTES]);
        Some(Self { id, bytes })
    }

    /// Names it: the same for the same key, always. Tells nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals what the label says, in another way each time.
    pub fn seal(&self, label: &[u8], plain: &[u8]) -> Vec<u8> {
        aead::seal(&self.bytes, label, plain)
    }

    /// Opens what was sealed with the same label.
    pub fn open(&self, label: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        aead::open(&self.bytes, label, sealed)
    }
}

/// Its name.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SETTING: &str = "sealing.key_file";

    fn read(text: &str) -> Result<Vec<Key>, KeyError> {
        Key::read(text, || "the text".to_owned())
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        ensure_key_file(SETTING, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        ensure_key_file(SETTING, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Key::load(SETTING, &path).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_holds_no_key_is_named_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let message = |path: &Path| Key::load(SETTING, path).err().unwrap().to_string();
        assert!(message(&path).contains(SETTING), "{}", message(&path));
        let key = BASE64.encode([7; 32]);
        for text in [
            "",
            "\n",
            "not base64!",
            &BASE64.encode([7; 31]),
            &BASE64.encode([7; 33]),
            &BASE64.encode([7; 64]),
            &"07".repeat(31),
            &"0g".repeat(32),
            &"ö".repeat(32),
            &format!("{key}\nand something else\n"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = message(&path);
            assert!(message.contains("32 random bytes"), "{text:?}: {message}");
            assert!(text.trim().is_empty() || !message.contains(text), "{message}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(message(&path).contains("32 random bytes"));
    }

    #[test]
    fn keys_are_known_by_the_same_id_however_they_are_written() {
        let (base64, hex) = (BASE64.encode([0xa7; 32]), "A7".repeat(32));
        let keys = read(&format!("{base64}\n{hex}\n{}", BASE64.encode([8; 32]))).unwrap();
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[0].id(), keys[1].id());
        assert_ne!(keys[0].id(), keys[2].id());
        assert!(!base64.contains(keys[0].id()));
        assert_eq!(format!("{:?}", keys[0]), format!("Key({:?})", keys[0].id()));
    }
}
