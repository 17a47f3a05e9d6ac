//! What wraps data keys, wherever it is kept.

use domain::WorkspaceId;
use sealing::{KeyError, SealError};

use super::DataKey;

/// Wraps the data keys of workspaces.
#[tonic::async_trait]
pub(crate) trait MasterKey: Send + Sync {
    /// Names it in the database: the same for the same key, always. Tells nothing of the key.
    fn id(&self) -> &str;

    /// Whether it opens what was wrapped by the master key of that id.
    fn opens(&self, id: &str) -> bool {
        self.id() == id
    }

    /// Seals a workspace's data key.
    async fn wrap(&self, workspace: WorkspaceId, key: &DataKey) -> Result<Vec<u8>, WrapError>;

    /// Opens a workspace's data key; another workspace's does not open.
    async fn unwrap(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, WrapError>;
}

/// Why a data key can't be wrapped or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrapError {
    /// It was wrapped by another master key or for another workspace, or is damaged.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The key management service did not do it.
    #[error("AWS KMS does not serve the master key")]
    Kms(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the master keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// One that this process holds can't be read.
    #[error(transparent)]
    Local(#[from] KeyError),
    /// The key of another installation, or one that was taken away too early.
    #[error(
        "credentials in this database are sealed with the master key {id}, which is not among the ones at \
         hand ({at_hand}); set vault.master_key_file, vault.master_key or vault.aws_kms_key to it. Nothing \
         was changed"
    )]
    Absent {
        /// Which.
        id: String,
        /// Those that are there.
        at_hand: String,
    },
    /// The key management service did not do it.
    #[error("cannot use vault.aws_kms_key {key}")]
    Kms {
        /// Which.
        key: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
