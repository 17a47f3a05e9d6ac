//! The key that wraps all data keys. It stands in a file: a mounted secret, or one that `latchkey up`
//! makes.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::WorkspaceId;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::DataKey;
use super::aead::{self, KEY_BYTES, SealError};

const CHECK: &[u8] = b"latchkey master key 1";

/// Wraps data keys.
pub(crate) struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Can't read or write the file.
    #[error(
        "cannot use the master key file {path}; `latchkey up` makes one, vault.master_key_file says where it is"
    )]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not a key.
    #[error("the master key file {path} must hold 32 random bytes in base64")]
    Content {
        /// Which.
        path: PathBuf,
    },
    /// The key of another installation.
    #[error(
        "the master key in {path} is not the one that the credentials in this database are sealed with; \
         set vault.master_key_file to the file with that one. Nothing was changed"
    )]
    Other {
        /// Which.
        path: PathBuf,
    },
}

/// Makes a master key file that only its owner may read, unless there is one. Whoever loses it loses
/// all credentials that were sealed with it.
pub fn ensure_master_key_file(path: &Path) -> Result<(), MasterKeyError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
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

impl MasterKey {
    /// The key that stands in `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let text = std::fs::read(path)
            .map(Zeroizing::new)
            .map_err(|source| MasterKeyError::File { path: path.to_owned(), source })?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        // The decoder wants room for whole groups of three.
        let mut room = Zeroizing::new([0; KEY_BYTES + 1]);
        match BASE64.decode_slice(text.trim_ascii(), room.as_mut_slice()) {
            Ok(KEY_BYTES) => key.copy_from_slice(&room[..KEY_BYTES]),
            _ => return Err(MasterKeyError::Content { path: path.to_owned() }),
        }
        Ok(Self(key))
    }

    /// A text that only this key opens.
    pub(crate) fn new_check(&self) -> Vec<u8> {
        aead::seal(&self.0, CHECK, &[])
    }

    /// Whether this key made the check text.
    pub(crate) fn opens_check(&self, check: &[u8]) -> bool {
        aead::open(&self.0, CHECK, check).is_ok()
    }

    /// Seals a workspace's data key.
    pub(crate) fn wrap(&self, workspace: WorkspaceId, key: &DataKey) -> Vec<u8> {
        aead::seal(&self.0, &data_key_label(workspace), key.0.as_slice())
    }

    /// Opens a workspace's data key.
    pub(crate) fn unwrap(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, SealError> {
        let plain = aead::open(&self.0, &data_key_label(workspace), wrapped)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if plain.len() != KEY_BYTES {
            return Err(SealError);
        }
        key.copy_from_slice(&plain);
        Ok(DataKey(key))
    }

    /// A text by which a value is known again, and from which nobody without the key can guess it.
    pub(crate) fn fingerprint(&self, value: &SecretString) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("any length will do");
        mac.update(b"latchkey credential fingerprint 1");
        mac.update(value.expose_secret().as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}

fn data_key_label(workspace: WorkspaceId) -> Vec<u8> {
    [b"latchkey data key 1".as_slice(), workspace.uuid().as_bytes()].concat()
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Label;
    use super::*;

    fn new_key(folder: &Path, name: &str) -> MasterKey {
        let path = folder.join(name);
        ensure_master_key_file(&path).unwrap();
        MasterKey::load(&path).unwrap()
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        ensure_master_key_file(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        ensure_master_key_file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = MasterKey::load(&path).unwrap();
        assert!(MasterKey::load(&path).unwrap().opens_check(&key.new_check()));
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        let message = |path: &Path| MasterKey::load(path).unwrap_err().to_string();
        assert!(message(&path).contains("vault.master_key_file"), "{}", message(&path));
        for text in
            ["", "not base64!", &BASE64.encode([7; 31]), &BASE64.encode([7; 33]), &BASE64.encode([7; 64])]
        {
            std::fs::write(&path, text).unwrap();
            let message = message(&path);
            assert!(message.contains("32 random bytes"), "{text:?}: {message}");
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (new_key(folder.path(), "ours"), new_key(folder.path(), "other"));
        assert!(ours.opens_check(&ours.new_check()));
        assert!(!other.opens_check(&ours.new_check()));
        let workspace = WorkspaceId::new();
        let wrapped = ours.wrap(workspace, &DataKey::generate());
        assert!(ours.unwrap(workspace, &wrapped).is_ok());
        assert!(other.unwrap(workspace, &wrapped).is_err());
        assert!(ours.unwrap(WorkspaceId::new(), &wrapped).is_err(), "another workspace's");
    }

    #[test]
    fn a_data_key_is_the_same_after_it_was_wrapped() {
        let folder = tempfile::tempdir().unwrap();
        let (master, workspace) = (new_key(folder.path(), "key"), WorkspaceId::new());
        let label = Label { workspace, location: None, provider: "kisi", name: "api_key" };
        let key = DataKey::generate();
        let sealed = key.seal(label, &"d34db33f".into());
        let again = master.unwrap(workspace, &master.wrap(workspace, &key)).unwrap();
        assert_eq!(again.open(label, &sealed).unwrap().expose_secret(), "d34db33f");
    }

    #[test]
    fn a_fingerprint_tells_values_and_keys_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (new_key(folder.path(), "ours"), new_key(folder.path(), "other"));
        assert_eq!(ours.fingerprint(&"a".into()), ours.fingerprint(&"a".into()));
        assert_ne!(ours.fingerprint(&"a".into()), ours.fingerprint(&"b".into()));
        assert_ne!(ours.fingerprint(&"a".into()), other.fingerprint(&"a".into()));
    }

    #[test]
    fn a_key_never_shows() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(format!("{:?}", new_key(folder.path(), "key")), "MasterKey(…)");
    }
}
