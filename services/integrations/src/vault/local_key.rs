//! A master key that this process holds.

use domain::WorkspaceId;
use sealing::{Key, KeyError, SealError};

use super::DataKey;
use super::master_key::{MasterKey, WrapError};

/// The key itself, and its name in the database.
pub(crate) struct LocalKey {
    id: String,
    key: Key,
}

impl LocalKey {
    /// The keys that stand in the file.
    pub(super) fn load(path: &std::path::Path) -> Result<Vec<Self>, KeyError> {
        Ok(Key::load(super::FILE, path)?.into_iter().map(Self::from).collect())
    }

    /// The keys of a text.
    pub(super) fn read(text: &str) -> Result<Vec<Self>, KeyError> {
        let keys = Key::read(text, || "vault.master_key".to_owned())?;
        Ok(keys.into_iter().map(Self::from).collect())
    }
}

impl From<Key> for LocalKey {
    fn from(key: Key) -> Self {
        Self { id: format!("local:{}", key.id()), key }
    }
}

#[tonic::async_trait]
impl MasterKey for LocalKey {
    fn id(&self) -> &str {
        &self.id
    }

    async fn wrap(&self, workspace: WorkspaceId, key: &DataKey) -> Result<Vec<u8>, WrapError> {
        Ok(self.key.seal(&label(workspace), key.0.as_slice()))
    }

    async fn unwrap(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let plain = self.key.open(&label(workspace), wrapped)?;
        DataKey::from_bytes(&plain).ok_or(WrapError::Sealed(SealError))
    }
}

fn label(workspace: WorkspaceId) -> Vec<u8> {
    [b"latchkey data key 1".as_slice(), workspace.uuid().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::super::Label;
    use super::*;

    fn key(digits: &str) -> LocalKey {
        LocalKey::read(&digits.repeat(32)).unwrap().remove(0)
    }

    #[tokio::test]
    async fn another_key_or_workspace_opens_nothing() {
        let (ours, other, workspace) = (key("07"), key("08"), WorkspaceId::new());
        let wrapped = ours.wrap(workspace, &DataKey::generate()).await.unwrap();
        assert!(ours.unwrap(workspace, &wrapped).await.is_ok());
        assert!(other.unwrap(workspace, &wrapped).await.is_err());
        assert!(ours.unwrap(WorkspaceId::new(), &wrapped).await.is_err());
    }

    #[tokio::test]
    async fn a_data_key_is_the_same_after_it_was_wrapped() {
        use secrecy::ExposeSecret as _;
        let (master, workspace) = (key("07"), WorkspaceId::new());
        let label = Label { workspace, location: None, provider: "kisi", name: "api_key" };
        let key = DataKey::generate();
        let sealed = key.seal(label, &"d34db33f".into());
        let wrapped = master.wrap(workspace, &key).await.unwrap();
        let again = master.unwrap(workspace, &wrapped).await.unwrap();
        assert_eq!(again.open(label, &sealed).unwrap().expose_secret(), "d34db33f");
    }
}
