//! A master key that AWS KMS holds and never shows.
//!
//! The workspace is the encryption context: KMS refuses to open what was wrapped for another one, and
//! notes the workspace in its own log. Credentials and region come from where AWS's programs look for
//! them: the environment, the profile, the pod's or the machine's role.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::SharedHttpClient;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use domain::WorkspaceId;
use domain::names::WorkspaceName;
use sealing::SealError;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::DataKey;
use super::master_key::{MasterKey, MasterKeyError, WrapError};

/// In front of the ids of all of KMS's keys: each ciphertext says itself which one it needs.
const ID_PREFIX: &str = "aws-kms:";
/// The key of the encryption context.
const CONTEXT: &str = "latchkey:workspace";
/// An opened data key is kept for so long. KMS takes some thousands of calls a second, and costs money.
const KEEP: Duration = Duration::from_secs(300);
/// Data keys that are kept; beyond, all are forgotten.
const KEPT_MAX: usize = 10_000;

/// One key of KMS's.
pub(crate) struct AwsKmsKey {
    id: String,
    arn: String,
    client: Client,
    opened: Mutex<HashMap<Opened, (Arc<DataKey>, Instant)>>,
}

/// Whose, and as it was wrapped.
type Opened = (WorkspaceId, Vec<u8>);

impl AwsKmsKey {
    /// The key of that id, ARN or alias, tried once.
    pub(super) async fn connect(key: &str) -> Result<Self, MasterKeyError> {
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load().await;
        Self::with(&config, key).await
    }

    async fn with(config: &SdkConfig, key: &str) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::Kms { key: key.to_owned(), source };
        let mut master = Self {
            id: String::new(),
            arn: key.to_owned(),
            client: Client::new(config),
            opened: Mutex::default(),
        };
        let workspace = WorkspaceId::new();
        let (wrapped, arn) = master.encrypt(workspace, &DataKey::generate()).await.map_err(failed)?;
        master.decrypt(workspace, &wrapped).await.map_err(|error| failed(error.into()))?;
        // An alias may lead elsewhere tomorrow.
        (master.id, master.arn) = (format!("{ID_PREFIX}{arn}"), arn);
        Ok(master)
    }

    /// The wrapped key, and the ARN of what wrapped it.
    async fn encrypt(
        &self,
        workspace: WorkspaceId,
        key: &DataKey,
    ) -> Result<(Vec<u8>, String), Box<dyn std::error::Error + Send + Sync>> {
        let answer = self
            .client
            .encrypt()
            .key_id(&self.arn)
            .plaintext(Blob::new(key.0.as_slice()))
            .encryption_context(CONTEXT, WorkspaceName(workspace).to_string())
            .send()
            .await?;
        let wrapped = answer.ciphertext_blob.ok_or("the answer has no ciphertext")?.into_inner();
        Ok((wrapped, answer.key_id.ok_or("the answer names no key")?))
    }

    async fn decrypt(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let answer = self
            .client
            .decrypt()
            .ciphertext_blob(Blob::new(wrapped))
            .encryption_context(CONTEXT, WorkspaceName(workspace).to_string())
            .send()
            .await
            .map_err(refused)?;
        let plain = answer.plaintext.map(|plain| Zeroizing::new(plain.into_inner()));
        plain.and_then(|plain| DataKey::from_bytes(&plain)).ok_or(WrapError::Sealed(SealError))
    }
}

/// Another workspace's or a damaged key is not KMS's failure.
fn refused(error: SdkError<DecryptError>) -> WrapError {
    match error.as_service_error() {
        Some(DecryptError::InvalidCiphertextException(_)) => WrapError::Sealed(SealError),
        _ => WrapError::Kms(Box::new(error)),
    }
}

fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

#[tonic::async_trait]
impl MasterKey for AwsKmsKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn opens(&self, id: &str) -> bool {
        id.starts_with(ID_PREFIX)
    }

    async fn wrap(&self, workspace: WorkspaceId, key: &DataKey) -> Result<Vec<u8>, WrapError> {
        self.encrypt(workspace, key).await.map(|(wrapped, _)| wrapped).map_err(WrapError::Kms)
    }

    async fn unwrap(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let opened = (workspace, wrapped.to_vec());
        let now = Instant::now();
        let lock = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, until)) = lock().get(&opened)
            && now < *until
        {
            return Ok(DataKey::clone(key));
        }
        let key = self.decrypt(workspace, wrapped).await?;
        let mut kept = lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(opened, (Arc::new(key.clone()), now + KEEP));
        Ok(key)
    }
}

#[cfg(test)]
mod tests;
