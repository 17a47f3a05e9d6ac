//! The master keys at hand: the current one wraps, all of them open.

use std::sync::{Arc, PoisonError, RwLock};

use secrecy::ExposeSecret as _;

use super::aws_kms::AwsKmsKey;
use super::local_key::LocalKey;
use super::master_key::{MasterKey, MasterKeyError};
use crate::config::VaultConfig;

/// All master keys, the newest first.
pub(crate) struct KeyRing {
    config: VaultConfig,
    aws_kms: Option<Arc<dyn MasterKey>>,
    keys: RwLock<Vec<Arc<dyn MasterKey>>>,
}

impl KeyRing {
    /// The keys of these settings.
    pub(crate) async fn open(config: VaultConfig) -> Result<Self, MasterKeyError> {
        let aws_kms: Option<Arc<dyn MasterKey>> = if config.aws_kms_key.is_empty() {
            None
        } else {
            Some(Arc::new(AwsKmsKey::connect(&config.aws_kms_key).await?))
        };
        let ring = Self { config, aws_kms, keys: RwLock::default() };
        ring.refresh()?;
        Ok(ring)
    }

    /// Reads the file anew. If that fails the keys stay as they were.
    pub(crate) fn refresh(&self) -> Result<(), MasterKeyError> {
        let mut keys: Vec<Arc<dyn MasterKey>> = self.aws_kms.iter().cloned().collect();
        let mut add = |local: Vec<LocalKey>| keys.extend(local.into_iter().map(|key| Arc::new(key) as _));
        let text = self.config.master_key.expose_secret();
        if !text.is_empty() {
            add(LocalKey::read(text)?);
        }
        let path = &self.config.master_key_file;
        let is_needed = self.config.aws_kms_key.is_empty() && text.is_empty();
        if is_needed || path.exists() {
            add(LocalKey::load(path)?);
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The one that wraps.
    pub(crate) fn current(&self) -> Arc<dyn MasterKey> {
        self.keys()[0].clone()
    }

    /// The one that opens what was wrapped by the master key of that id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<dyn MasterKey>> {
        self.keys().iter().find(|key| key.opens(id)).cloned()
    }

    /// That a key is not at hand.
    pub(crate) fn absent(&self, id: &str) -> MasterKeyError {
        let at_hand: Vec<String> = self.keys().iter().map(|key| key.id().to_owned()).collect();
        MasterKeyError::Absent { id: id.to_owned(), at_hand: at_hand.join(", ") }
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<dyn MasterKey>>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FIRST: &str = "0101010101010101010101010101010101010101010101010101010101010101";
    const SECOND: &str = "0202020202020202020202020202020202020202020202020202020202020202";

    async fn open(file: &Path, environment: &str) -> Result<KeyRing, MasterKeyError> {
        let config = VaultConfig {
            master_key_file: file.to_owned(),
            master_key: environment.into(),
            aws_kms_key: String::new(),
        };
        KeyRing::open(config).await
    }

    #[tokio::test]
    async fn the_environments_key_wraps_and_the_files_still_opens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master-key");
        std::fs::write(&file, FIRST).unwrap();
        let alone = open(&file, "").await.unwrap();
        let both = open(&file, SECOND).await.unwrap();
        assert_ne!(both.current().id(), alone.current().id());
        assert!(both.find(alone.current().id()).is_some());
        assert!(alone.find(both.current().id()).is_none());
        // Without a file, too.
        assert!(open(&folder.path().join("nowhere"), SECOND).await.is_ok());
        assert!(open(&folder.path().join("nowhere"), "").await.is_err());
        let garbled = open(&file, "garbled").await.err().unwrap().to_string();
        assert!(garbled.contains("vault.master_key must"), "{garbled}");
    }

    #[tokio::test]
    async fn a_file_is_read_anew_and_a_garbled_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master-key");
        std::fs::write(&file, FIRST).unwrap();
        let ring = open(&file, "").await.unwrap();
        let first = ring.current().id().to_owned();
        std::fs::write(&file, format!("{SECOND}\n{FIRST}\n")).unwrap();
        assert_eq!(ring.current().id(), first, "not before it is told to");
        ring.refresh().unwrap();
        let second = ring.current().id().to_owned();
        assert_ne!(second, first);
        assert!(ring.find(&first).is_some());
        std::fs::write(&file, "garbled").unwrap();
        assert!(ring.refresh().is_err());
        assert_eq!(ring.current().id(), second);
        let absent = ring.absent("local:elsewhere").to_string();
        assert!(absent.contains("local:elsewhere") && absent.contains(&second), "{absent}");
    }
}
