//! A master key that this process holds: from a file or from the environment.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::WorkspaceId;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::aead::{self, KEY_BYTES, SealError};
use super::master_key::{MasterKey, MasterKeyError, WrapError};
use super::{DataKey, hex};

/// Bytes of a key's id: enough that no two are the same.
const ID_BYTES: usize = 8;

/// The key itself.
pub(crate) struct LocalKey {
    id: String,
    key: Zeroizing<[u8; KEY_BYTES]>,
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

impl LocalKey {
    /// The keys that stand in a file, the newest first.
    pub(super) fn load(path: &Path) -> Result<Vec<Self>, MasterKeyError> {
        let text = std::fs::read(path)
            .map(Zeroizing::new)
            .map_err(|source| MasterKeyError::File { path: path.to_owned(), source })?;
        let place = || format!("the master key file {}", path.display());
        let text = std::str::from_utf8(&text).map_err(|_| MasterKeyError::Content { place: place() })?;
        Self::read(text, place)
    }

    /// The keys of a text, apart by blanks; at least one.
    pub(super) fn read(text: &str, place: impl Fn() -> String) -> Result<Vec<Self>, MasterKeyError> {
        let keys: Option<Vec<Self>> = text.split_whitespace().map(Self::parse).collect();
        keys.filter(|keys| !keys.is_empty()).ok_or_else(|| MasterKeyError::Content { place: place() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if text.len() == 2 * KEY_BYTES {
            hex::decode(text, key.as_mut_slice())?;
        } else {
            // The decoder wants room for whole groups of three.
            let mut room = Zeroizing::new([0; KEY_BYTES + 1]);
            let length = BASE64.decode_slice(text, room.as_mut_slice()).ok()?;
            key.copy_from_slice(room.get(..length).filter(|bytes| bytes.len() == KEY_BYTES)?);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length will do");
        mac.update(b"latchkey master key id 1");
        let id = format!("local:{}", hex::encode(&mac.finalize().into_bytes()[..ID_BYTES]));
        Some(Self { id, key })
    }
}

#[tonic::async_trait]
impl MasterKey for LocalKey {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, workspace: WorkspaceId, key: &DataKey) -> Result<Vec<u8>, WrapError> {
        Ok(aead::seal(&self.key, &label(workspace), key.0.as_slice()))
    }

    async fn unwrap(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let plain = aead::open(&self.key, &label(workspace), wrapped)?;
        DataKey::from_bytes(&plain).ok_or(WrapError::Sealed(SealError))
    }
}

fn label(workspace: WorkspaceId) -> Vec<u8> {
    [b"latchkey data key 1".as_slice(), workspace.uuid().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Label;
    use super::*;

    fn read(text: &str) -> Result<Vec<LocalKey>, MasterKeyError> {
        LocalKey::read(text, || "the text".to_owned())
    }

    fn new_key() -> LocalKey {
        read(&BASE64.encode(aead::random_key().as_slice())).unwrap().remove(0)
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
        assert_eq!(LocalKey::load(&path).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_holds_no_key_is_named_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        let message = |path: &Path| LocalKey::load(path).err().unwrap().to_string();
        assert!(message(&path).contains("vault.master_key_file"), "{}", message(&path));
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
        assert!(!base64.contains(&keys[0].id()[6..]));
    }

    #[tokio::test]
    async fn another_key_or_workspace_opens_nothing() {
        let (ours, other, workspace) = (new_key(), new_key(), WorkspaceId::new());
        let wrapped = ours.wrap(workspace, &DataKey::generate()).await.unwrap();
        assert!(ours.unwrap(workspace, &wrapped).await.is_ok());
        assert!(other.unwrap(workspace, &wrapped).await.is_err());
        assert!(ours.unwrap(WorkspaceId::new(), &wrapped).await.is_err());
    }

    #[tokio::test]
    async fn a_data_key_is_the_same_after_it_was_wrapped() {
        use secrecy::ExposeSecret as _;
        let (master, workspace) = (new_key(), WorkspaceId::new());
        let label = Label { workspace, location: None, provider: "kisi", name: "api_key" };
        let key = DataKey::generate();
        let sealed = key.seal(label, &"d34db33f".into());
        let wrapped = master.wrap(workspace, &key).await.unwrap();
        let again = master.unwrap(workspace, &wrapped).await.unwrap();
        assert_eq!(again.open(label, &sealed).unwrap().expose_secret(), "d34db33f");
    }
}
